"""A table as its file has it, in any of the formats that are read: nothing is guessed yet, nothing lost.

Texts stay texts, as they are written, so that whatever is wrong later can be reported with its line and column.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from nnsweep.data.problems import combine_problems, show_name, show_value
from nnsweep.data.reading import arff, delimited, jsonlines, sql, typed_formats
from nnsweep.data.reading.cells import Cells, Reader
from nnsweep.data.reading.table_file import read_content, refuse_foreign, suffix_of, unpack
from nnsweep.data.table_settings import AS_WRITTEN, Kind, Layout
from nnsweep.errors import DataError
from nnsweep.text import suggest_nearest

if TYPE_CHECKING:
    import pandas as pd


READERS: dict[str, Reader] = {
    ".parquet": typed_formats.read_parquet,
    ".pq": typed_formats.read_parquet,
    ".feather": typed_formats.read_feather,
    ".arrow": typed_formats.read_feather,
    ".arff": arff.read_arff,
    ".jsonl": jsonlines.read_json,
    ".ndjson": jsonlines.read_json,
    ".json": jsonlines.read_json,
    ".npz": typed_formats.read_npz,
    ".svmlight": typed_formats.read_svmlight,
    ".libsvm": typed_formats.read_svmlight,
    ".svm": typed_formats.read_svmlight,
}
"""What reads a file's content, by the ending of its name."""
LAID_OUT: dict[str, Callable[[bytes, str, Layout], Cells]] = {
    **dict.fromkeys((".csv", ".txt", ".data", ".dat"), delimited.read_delimited),
    **dict.fromkeys((".tsv", ".tab"), partial(delimited.read_delimited, usual="\t")),
    **dict.fromkeys((".xlsx", ".xlsm"), typed_formats.read_workbook),
}
"""What reads formats that do not tell how they are laid out."""


@dataclass(frozen=True, eq=False)
class RawTable:
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
    target : str or tuple of str, optional
        The column with the labels, or several with what is to be learned, if the format has them.
    absent : float, optional
        What the cells of columns are that the file does not have, as in sparse formats.
    test : RawTable, optional
        The table whose rows are the last ones of this one, and its test part.
    nulls : frozenset of str
        Columns of texts in which the format itself says where no value is.
    """

    frame: "pd.DataFrame"
    source: str
    typed: bool
    digest: str
    lines: Callable[[], Sequence[int]] | None = None
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    target: str | tuple[str, ...] | None = None
    absent: float | None = None
    nulls: frozenset[str] = frozenset()
    test: "RawTable | None" = None

    @property
    def n_before_test(self) -> int:
        """How many rows come before those of `test`."""
        return len(self.frame) - (0 if self.test is None else len(self.test.frame))

    @property
    def part_key(self) -> str:
        """The setting that says which rows are tested."""
        return "data.split" if self.test is None else "data.test_path"

    def has_nulls(self, column: str) -> bool:
        """Tell whether the format itself says where a column has no value, so that no text stands for one."""
        return self.typed or column in self.nulls

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
        if self.test is not None and row >= self.n_before_test:
            return self.test.place(row - self.n_before_test, column)
        where = f"row {row + 1}" if self._lines is None else f"line {self._lines[row]}"
        if column is None:
            return f"{show_name(self.source)}, {where}"
        number = list(self.frame.columns).index(column) + 1
        return f"{show_name(self.source)}, {where}, column {number} ({show_name(column)})"


def read_table(path: str, *, query: str | None = None, layout: Layout = AS_WRITTEN, key: str = "data.path") -> RawTable:
    """Read a table.

    Parameters
    ----------
    path : str
        A file, whose name tells its format, packed or not; or the address of a database.
    query : str, optional
        What to ask the database: one ``SELECT``.
    layout : Layout
        How a text or a workbook is laid out.
    key : str
        The setting that names the file, for messages.

    Returns
    -------
    RawTable
        Its cells, at least one row.

    Raises
    ------
    DataError
        If the table cannot be had or is not sound; all problems of one kind together, each with its place.
    """
    if sql.is_address(path):
        frame, source, digest = sql.ask(path, query)
        return RawTable(frame, source, True, digest)
    if query is not None:
        raise DataError(f"data.query is for databases, and {show_name(path)} is a file; leave it out")
    content = read_content(path, key)
    plain, source = unpack(content, path)
    refuse_foreign(plain, source)
    suffix = suffix_of(source)
    if suffix not in READERS and suffix not in LAID_OUT:
        raise DataError(
            f"{show_name(source)}: the ending {show_name(suffix) or '(none)'} names no format that is read; "
            f"{suggest_nearest(suffix, (*LAID_OUT, *READERS))}, each also with .gz, .bz2, .xz or .zip"
        )
    cells = READERS[suffix](plain, source) if suffix in READERS else LAID_OUT[suffix](plain, source, layout)
    digest = hashlib.sha256(content).hexdigest()
    return RawTable(
        cells.frame, path, cells.typed, digest, cells.lines, cells.kinds, cells.target, cells.absent, cells.nulls
    )


def add_test_part(raw: RawTable, test: RawTable) -> RawTable:
    """Put two tables into one, of which the second is the test part.

    Parameters
    ----------
    raw, test : RawTable
        Tables with the same columns, in any order.

    Returns
    -------
    RawTable
        The rows of `raw`, then those of `test`.

    Raises
    ------
    DataError
        If the columns or the ways in which they are written differ.
    """
    import pandas as pd

    there, others = list(raw.frame.columns), list(test.frame.columns)
    problems = [
        f"{show_name(test.source)}: there is no column {show_value(name)}, which {show_name(raw.source)} has"
        for name in there
        if name not in others and test.absent is None
    ]
    problems += [
        f"{show_name(test.source)}: column {show_value(name)} is not in {show_name(raw.source)}"
        for name in others
        if name not in there and raw.absent is None
    ]
    if problems:
        raise combine_problems(f"{problem}; the test file must have the same columns" for problem in problems)
    if raw.typed != test.typed:
        raise DataError(
            f"{show_name(test.source)} and {show_name(raw.source)}: one has typed cells and the other texts; write "
            "both in the same format"
        )
    frame = pd.concat([raw.frame, test.frame], ignore_index=True)
    if raw.absent is not None:
        frame = frame.fillna(raw.absent)
    nulls = raw.nulls & test.nulls
    return replace(raw, frame=frame, digest=digest_of_both(raw.digest, test.digest), test=test, nulls=nulls)


def digest_of_both(digest: str, test_digest: str) -> str:
    """Give the digest of two tables in one."""
    return hashlib.sha256(f"{digest} {test_digest}".encode()).hexdigest()
