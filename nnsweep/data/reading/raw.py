"""A table as its file has it, in any of the formats that are read: nothing is guessed yet, nothing lost.

Texts stay texts, as they are written, so that whatever is wrong later can be told with its line and column.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from nnsweep.data.reading import arff, columnar, delimited, jsonlines, sql
from nnsweep.data.reading.cells import Cells, Kind
from nnsweep.data.reading.table_file import contents, refuse_foreign, suffix_of, unpacked
from nnsweep.data.reading.table_problems import named
from nnsweep.errors import DataError
from nnsweep.messages import nearest

if TYPE_CHECKING:
    import pandas as pd

READERS: dict[str, Callable[[bytes, str], Cells]] = {
    ".csv": delimited.read,
    ".txt": delimited.read,
    ".data": delimited.read,
    ".tsv": partial(delimited.read, usual="\t"),
    ".tab": partial(delimited.read, usual="\t"),
    ".parquet": columnar.parquet,
    ".pq": columnar.parquet,
    ".feather": columnar.feather,
    ".arrow": columnar.feather,
    ".arff": arff.read,
    ".jsonl": jsonlines.read,
    ".ndjson": jsonlines.read,
    ".json": jsonlines.read,
}
"""What reads a file's content, by the ending of its name."""


@dataclass(frozen=True, eq=False)
class Raw:
    """A table as its file has it.

    Attributes
    ----------
    frame : pandas.DataFrame
        The cells (n_rows, n_columns), column names all different: texts as they are written, or typed.
    source : str
        What to call the table in messages.
    typed : bool
        Whether the cells have types, as in Parquet, Feather and SQL.
    digest : str
        SHA-256, in hexadecimal, of the file's bytes; of the result's cells for a query.
    lines : callable, optional
        Gives the line, from 1, at which each row begins (n_rows,).
    kinds : mapping of str to str
        Kinds that the format itself declares, by column.
    """

    frame: "pd.DataFrame"
    source: str
    typed: bool
    digest: str
    lines: Callable[[], Sequence[int]] | None = None
    kinds: Mapping[str, Kind] = field(default_factory=dict)

    @cached_property
    def _lines(self) -> Sequence[int] | None:
        return self.lines() if self.lines else None

    def place(self, row: int, column: str | None = None) -> str:
        """Say where a cell is: its file, line and column.

        Parameters
        ----------
        row : int
            Number of the row in `frame`, from 0.
        column : str, optional
            The column's name.

        Returns
        -------
        str
            Such as ``cats.csv, line 17, column 3 (age)``; a table without lines has ``row 17``, from 1.
        """
        where = f"row {row + 1}" if self._lines is None else f"line {self._lines[row]}"
        if column is None:
            return f"{named(self.source)}, {where}"
        number = list(self.frame.columns).index(column) + 1
        return f"{named(self.source)}, {where}, column {number} ({named(column)})"


def read(path: str, *, query: str | None = None) -> Raw:
    """Read a table.

    Parameters
    ----------
    path : str
        A file, whose name tells its format, gzip included; or the address of a database.
    query : str, optional
        What to ask the database: one ``SELECT``.

    Returns
    -------
    Raw
        Its cells, at least one row.

    Raises
    ------
    DataError
        If the table cannot be had or is not sound; all problems of one kind together, each with its place.
    """
    if sql.is_address(path):
        result = sql.ask(path, query)
        return Raw(result.frame, result.source, True, result.digest)
    if query is not None:
        raise DataError(f"data.query is for databases, and {named(path)} is a file; leave it out")
    content = contents(path)
    plain = unpacked(content, path)
    refuse_foreign(plain, path)
    suffix = suffix_of(path)
    if suffix not in READERS:
        raise DataError(
            f"{named(path)}: the ending {named(suffix) or '(none)'} names no format that is read; "
            f"{nearest(suffix, READERS)}, each also with .gz"
        )
    cells = READERS[suffix](plain, path)
    return Raw(cells.frame, path, cells.typed, hashlib.sha256(content).hexdigest(), cells.lines, cells.kinds)
