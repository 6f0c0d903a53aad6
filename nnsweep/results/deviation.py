"""A deviation: what differs between a table and what it should be, row by row and cell by cell.

Rows are matched by what identifies them and not by their place, so that a table that was sorted, cut or added to is
told as just that.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from nnsweep.errors import DataError
from nnsweep.messages import shortened
from nnsweep.results.grid import Grid


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
    return shortened(text) if text else "empty"


def row_keys(table: Grid, identity: Sequence[str], order: Sequence[str]) -> list[str]:
    """Give what identifies each row of a table.

    Parameters
    ----------
    table : Grid
        Its cells.
    identity : sequence of str
        The columns that identify a row together.
    order : sequence of str
        What identifies the rows, in their order, of a table that has not these columns.

    Raises
    ------
    DataError
        If it has not these columns, nor as many rows.
    """
    heads = [name.replace("\\", "") for name in table.columns]  # LaTeX has run\_id
    if all(name in heads for name in identity):
        places = [heads.index(name) for name in identity]
        return ["/".join(row[place] for place in places) for row in table.rows]
    if len(table.rows) != len(order):
        raise DataError(
            f"it has {len(table.rows)} rows where {len(order)} were exported, and no column {identity[0]} "
            "that would tell which; export the table again"
        )
    return [*order]


def differences(
    found: Grid, wanted: Grid, *, found_keys: Sequence[str], wanted_keys: Sequence[str], named: Callable[[str], str]
) -> Iterator[Difference]:
    """Compare a table with what it should be.

    Parameters
    ----------
    found, wanted : Grid
        The table, and what it should be.
    found_keys, wanted_keys : sequence of str
        What identifies their rows; see `row_keys`.
    named : callable
        What to call the row with a key.

    Yields
    ------
    Difference
        None where every cell is equal; a number is equal to the same number, however it is written.
    """
    for name in wanted.columns:
        if name not in found.columns:
            yield Difference(f"column {name}", "it is not in the table")
    for name in found.columns:
        if name not in wanted.columns:
            yield Difference(f"column {name}", "it was not exported")
    rows, known = dict(zip(found_keys, found.rows, strict=True)), set(wanted_keys)
    for key, count in Counter(found_keys).items():
        if count > 1:
            yield Difference(named(key), f"the table has it {count} times")
        if key not in known:
            yield Difference(named(key), "the table has it, the store has not")
    columns = [
        (name, found.columns.index(name), place) for place, name in enumerate(wanted.columns) if name in found.columns
    ]
    for key, row in zip(wanted_keys, wanted.rows, strict=True):
        if key not in rows:
            yield Difference(named(key), "the store has it, the table has not")
            continue
        for name, here, there in columns:
            if not _same(rows[key][here], row[there]):
                yield Difference(named(key), column=name, found=rows[key][here], wanted=row[there])


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def other_lines(found: bytes, wanted: bytes) -> Iterator[Difference]:
    """Compare what is around the cells, line by line: a caption, how columns are aligned, the order of rows."""
    if found == wanted:
        return
    lines = [content.decode(errors="backslashreplace").splitlines() for content in (found, wanted)]
    if lines[0] == lines[1]:
        yield Difference("the table", "its lines end otherwise than they were exported")
    for number, (one, other) in enumerate(zip_longest(*lines, fillvalue=""), 1):
        if one != other:
            yield Difference(f"line {number}", column="it", found=one, wanted=other)
