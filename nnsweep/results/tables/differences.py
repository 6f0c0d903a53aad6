"""What differs between a table and what it should be, row by row and cell by cell.

Rows are matched by what identifies them and not by their place, so that a table that was sorted, cut or added to is
reported as just that.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

import pandas as pd

from nnsweep.errors import DataError
from nnsweep.text import shorten


class Difference(NamedTuple):
    """A cell that is not what it should be, or something else that is not.

    Attributes
    ----------
    subject : str
        The row, or whatever else it is about.
    problem : str
        What is wrong with it; empty for a cell.
    column, value, expected : str
        The cell's column, what is in the table and what should be; empty for all else.
    """

    subject: str
    problem: str = ""
    column: str = ""
    value: str = ""
    expected: str = ""

    def in_words(self, elsewhere: str = "in the store") -> str:
        """Say it in a line, and where else the cell was looked for."""
        if self.problem:
            return f"{self.subject}: {self.problem}"
        value, expected = (shorten(text) or "empty" for text in (self.value, self.expected))
        return f"{self.subject}: {self.column} is {value} in the table, {expected} {elsewhere}"


def index_rows(table: pd.DataFrame, identity: Sequence[str], order: Sequence[str]) -> pd.DataFrame:
    """Give a table the index that identifies its rows.

    Parameters
    ----------
    table : pandas.DataFrame
        Its cells, as `nnsweep.results.tables.formats.TableFormat.read` gives them.
    identity : sequence of str
        The columns that identify a row together.
    order : sequence of str
        What identifies the rows, in their order, of a table that has not these columns.

    Raises
    ------
    DataError
        If it has not these columns, nor as many rows.
    """
    names = [unescape_name(name) for name in table.columns]
    if set(identity) <= set(names):
        cells = table.iloc[:, [names.index(name) for name in identity]].to_numpy()
        order = ["/".join(row) for row in cells]
    elif len(table) != len(order):
        raise DataError(
            f"it has {len(table)} rows where {len(order)} were exported, and no column {identity[0]} "
            "that would tell which"
        )
    return table.set_axis(pd.Index(list(order), dtype="object"), axis="index")


def unescape_name(name: str) -> str:
    r"""Give a column's name without what a format escapes in it: LaTeX has ``run\_id``."""
    return name.replace("\\", "")


def compare_cells(table: pd.DataFrame, expected: pd.DataFrame, title: Callable[[str], str]) -> Iterator[Difference]:
    """Compare a table with what it should be.

    Parameters
    ----------
    table, expected : pandas.DataFrame
        The table, and what it should be; see `index_rows`.
    title : callable
        Gives what to call the row with an index.

    Yields
    ------
    Difference
        None where every cell is equal; a number is equal to the same number, however it is written.
    """
    for name in expected.columns.difference(table.columns, sort=False):
        yield Difference(f"column {name}", "it is not in the table")
    for name in table.columns.difference(expected.columns, sort=False):
        yield Difference(f"column {name}", "it was not exported")
    for key, count in Counter(table.index).items():
        if count > 1:
            yield Difference(title(key), f"the table has it {count} times")
        if key not in expected.index:
            yield Difference(title(key), "the table has it, the store has not")
    common = expected[[name for name in expected.columns if name in table.columns]]
    own = table.loc[~table.index.duplicated(keep="last"), ~table.columns.duplicated()].reindex_like(common)
    is_there = expected.index.isin(table.index)
    for key, there, ours, theirs in zip(expected.index, is_there, own.to_numpy(), common.to_numpy(), strict=True):
        if not there:
            yield Difference(title(key), "the store has it, the table has not")
            continue
        for name, one, other in zip(common.columns, ours, theirs, strict=True):
            if one != other and not _is_same_number(one, other):
                yield Difference(title(key), column=name, value=one, expected=other)


def _is_same_number(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def compare_lines(content: bytes, expected: bytes) -> Iterator[Difference]:
    """Compare what is around the cells, line by line: a caption, how columns are aligned, the order of rows."""
    if content == expected:
        return
    ours, theirs = (each.decode(errors="backslashreplace").splitlines() for each in (content, expected))
    if ours == theirs:
        yield Difference("the table", "its lines end otherwise than they were exported")
    for number, (one, other) in enumerate(zip_longest(ours, theirs, fillvalue=""), 1):
        if one != other:
            yield Difference(f"line {number}", column="it", value=one, expected=other)
