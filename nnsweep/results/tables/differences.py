"""A deviation: what differs between a table and what it should be, row by row and cell by cell.

Rows are matched by what identifies them and not by their place, so that a table that was sorted, cut or added to is
told as just that.
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
    what : str
        The row, or whatever else it is about.
    told : str
        What is wrong with it; empty for a cell.
    column, found, wanted : str
        The cell's column, what is in the table and what should be; empty for all else.
    """

    what: str
    told: str = ""
    column: str = ""
    found: str = ""
    wanted: str = ""

    def in_words(self, elsewhere: str = "in the store") -> str:
        """Say it in a line, and where else the cell was looked for."""
        if self.told:
            return f"{self.what}: {self.told}"
        return f"{self.what}: {self.column} is {_shown(self.found)} in the table, {_shown(self.wanted)} {elsewhere}"


def _shown(text: str) -> str:
    return shorten(text) if text else "empty"


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
        return table.set_axis(pd.Index(["/".join(row) for row in cells], dtype="object"), axis="index")
    if len(table) != len(order):
        raise DataError(
            f"it has {len(table)} rows where {len(order)} were exported, and no column {identity[0]} "
            "that would tell which"
        )
    return table.set_axis(pd.Index(list(order), dtype="object"), axis="index")


def unescape_name(name: str) -> str:
    r"""Give a column's name without what a format escapes in it: LaTeX has ``run\_id``."""
    return name.replace("\\", "")


def compare_cells(found: pd.DataFrame, wanted: pd.DataFrame, named: Callable[[str], str]) -> Iterator[Difference]:
    """Compare a table with what it should be.

    Parameters
    ----------
    found, wanted : pandas.DataFrame
        The table, and what it should be; see `index_rows`.
    named : callable
        What to call the row with an index.

    Yields
    ------
    Difference
        None where every cell is equal; a number is equal to the same number, however it is written.
    """
    for name in wanted.columns.difference(found.columns, sort=False):
        yield Difference(f"column {name}", "it is not in the table")
    for name in found.columns.difference(wanted.columns, sort=False):
        yield Difference(f"column {name}", "it was not exported")
    for key, count in Counter(found.index).items():
        if count > 1:
            yield Difference(named(key), f"the table has it {count} times")
        if key not in wanted.index:
            yield Difference(named(key), "the table has it, the store has not")
    there = wanted[[name for name in wanted.columns if name in found.columns]]
    here = found.loc[~found.index.duplicated(keep="last"), ~found.columns.duplicated()].reindex_like(there)
    for key, is_there, ours, theirs in zip(
        wanted.index, wanted.index.isin(found.index), here.to_numpy(), there.to_numpy(), strict=True
    ):
        if not is_there:
            yield Difference(named(key), "the store has it, the table has not")
            continue
        for name, one, other in zip(there.columns, ours, theirs, strict=True):
            if one != other and not _is_same_number(one, other):
                yield Difference(named(key), column=name, found=one, wanted=other)


def _is_same_number(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def compare_lines(found: bytes, wanted: bytes) -> Iterator[Difference]:
    """Compare what is around the cells, line by line: a caption, how columns are aligned, the order of rows."""
    if found == wanted:
        return
    lines = [content.decode(errors="backslashreplace").splitlines() for content in (found, wanted)]
    if lines[0] == lines[1]:
        yield Difference("the table", "its lines end otherwise than they were exported")
    for number, (one, other) in enumerate(zip_longest(*lines, fillvalue=""), 1):
        if one != other:
            yield Difference(f"line {number}", column="it", found=one, wanted=other)
