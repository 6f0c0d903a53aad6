"""A grid: the cells of an exported table as texts, read back from the file in whichever format it is.

It is for comparing a table with what it should be: both are read the same way, so what a format escapes stays escaped.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from typing import NamedTuple

from pyarrow import parquet

from nnsweep.errors import DataError
from nnsweep.messages import shortened

_LONGEST_CELL = 2**31 - 1


class Grid(NamedTuple):
    """A table's cells.

    Attributes
    ----------
    columns : list of str
        The names in its head.
    rows : list of list of str
        One text a cell.
    """

    columns: list[str]
    rows: list[list[str]]


def grid(content: bytes, format: str) -> Grid:
    """Read a table's cells.

    Parameters
    ----------
    content : bytes
        The file.
    format : str
        One of `nnsweep.results.formats.FORMATS`.

    Raises
    ------
    DataError
        If that is no table, or its rows are not of one length.
    """
    try:
        columns, rows = _READERS[format](content)
    except Exception as error:  # pyarrow and the parsers raise whatever a damaged byte leads them to
        said = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"it cannot be read as {format} ({shortened(said)})") from error
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise DataError(f"row {number} has {len(row)} cells, its head {len(columns)}")
    return Grid(columns, rows)


def _csv(content: bytes) -> Grid:
    csv.field_size_limit(_LONGEST_CELL)
    head, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    return Grid(head, [row for row in rows if row])


def _markdown(content: bytes) -> Grid:
    lines = [line for line in content.decode().splitlines() if line.startswith("|")]
    head, _, *rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
    return Grid(head, rows)


def _latex(content: bytes) -> Grid:
    _, _, rest = content.decode().partition("\\toprule\n")
    head, _, body = rest.partition("\\midrule\n")
    lines = [*head.splitlines(), *body.partition("\\bottomrule")[0].splitlines()]
    first, *rows = [line.removesuffix(r" \\").split(" & ") for line in lines]
    return Grid(first, rows)


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        self.inside = tag in ("th", "td")

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def _html(content: bytes) -> Grid:
    cells = _Cells()
    cells.feed(content.decode())
    cells.close()
    head, *rows = cells.rows
    return Grid(head, rows)


def _json(content: bytes) -> Grid:
    return _of_records(json.loads(content), [])


def _parquet(content: bytes) -> Grid:
    table = parquet.read_table(io.BytesIO(content))
    table.validate(full=True)
    return _of_records(table.to_pylist(), table.column_names)


def _of_records(records: Sequence[Mapping[str, object]], columns: Sequence[str]) -> Grid:
    names = [*dict.fromkeys([*columns, *(name for record in records for name in record)])]
    return Grid(names, [[_text(record[name]) if name in record else "(none)" for name in names] for record in records])


def _text(value: object) -> str:
    missing = value is None or value != value
    return "" if missing else value if isinstance(value, str) else repr(value)


_READERS: dict[str, Callable[[bytes], Grid]] = {
    "csv": _csv,
    "markdown": _markdown,
    "latex": _latex,
    "html": _html,
    "json": _json,
    "parquet": _parquet,
}
