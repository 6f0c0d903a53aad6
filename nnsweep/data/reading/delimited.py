"""Tables as text with a separator: CSV and its relatives, as RFC 4180 has them.

The separator is the one of comma, semicolon, tab and bar that divides the first lines best. A sound file is read by
Arrow in one go; a file that Arrow refuses is read again by Python's own reader, whose only task is to say where and
why. Line numbers are found when they are asked for.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from nnsweep.data.reading.cells import Cells
from nnsweep.data.reading.encoded import decoded
from nnsweep.data.reading.header import column_names
from nnsweep.data.reading.table_problems import named, shown, together
from nnsweep.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Record: TypeAlias = tuple[int, list[str]]
"""The line at which a record begins, and its cells."""

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SAMPLE_CHARACTERS = 2**16
_SAMPLE_RECORDS = 50
_BLOCK_BYTES = 2**24
_LONGEST_CELL = 2**31 - 1


def read(content: bytes, source: str, *, usual: str = ",") -> Cells:
    """Read a table from text with a separator.

    Parameters
    ----------
    content : bytes
        The file's content, unpacked.
    source : str
        The file's name, for messages.
    usual : str
        The separator that is taken if none divides the lines better.

    Returns
    -------
    Cells
        Every cell as it is written, quotes removed.

    Raises
    ------
    DataError
        If the file is not sound: its header, a quote that is never closed, rows of other lengths than the header.
    """
    text = decoded(content, source)
    separator = sniffed(text, usual)
    written = next(records(text, separator, source), None)
    if written is None:
        raise DataError(f"{named(source)} holds nothing but empty lines; name a file with a header and rows")
    names = column_names(written[1], f"{named(source)}, line {written[0]}")
    frame = _quickly(text, separator, written[1])
    if frame is None:
        frame = _checked(text, separator, source)
    if not len(frame):
        raise DataError(f"{named(source)} has a header and no rows")
    frame.columns = names
    return Cells(frame, typed=False, lines=lambda: [line for line, _ in records(text, separator)][1:])


def records(text: str, separator: str, source: str = "") -> Iterator[Record]:
    r"""Give the records of a text, without empty lines; spaces after a separator are no part of a cell.

    Raises
    ------
    DataError
        If a quote is never closed, or a closing quote is not followed by a separator or a line end.

    Examples
    --------
    >>> list(records('age,note\n17,"two\nlines"\n\n18,', ","))
    [(1, ['age', 'note']), (2, ['17', 'two\nlines']), (5, ['18', ''])]
    """
    line = 1
    with _long_cells():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
        try:
            for cells in reader:
                if cells:
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error:
            raise DataError(_misquoted(text, separator, f"{named(source)}, line {line}", line)) from None


def _misquoted(text: str, separator: str, place: str, line: int) -> str:
    """Say what is wrong with the quotes of a record that begins at a line."""
    with _long_cells():
        written = next(islice(io.StringIO(text, newline=""), line - 1, None))
        cells = next(csv.reader([written], delimiter=separator, skipinitialspace=True))
    return (
        f"{place}, column {len(cells)}: a quote is not closed before the next {SEPARATORS[separator]} or line end, "
        f"from {shown(cells[-1])} on; close it, or write a quote inside a quoted value twice"
    )


@contextmanager
def _long_cells() -> Iterator[None]:
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def sniffed(text: str, usual: str = ",") -> str:
    r"""Find the separator: it divides the header, and most of the next lines into as many cells.

    Examples
    --------
    >>> sniffed("a;b\n1,5;2,5\n"), sniffed("only one column\n")
    (';', ',')
    """
    end = text.find("\n", _SAMPLE_CHARACTERS)
    sample = text if end < 0 else text[: end + 1]

    def merit(separator: str) -> tuple[bool, float, int]:
        widths: list[int] = []
        with suppress(DataError):  # what the sample cuts off
            widths += (len(cells) for _, cells in islice(records(sample, separator), _SAMPLE_RECORDS))
        n_equal = sum(width == widths[0] for width in widths)
        return (True, n_equal / len(widths), widths[0]) if widths and widths[0] > 1 else (False, 0.0, 0)

    return max(dict.fromkeys([usual, *SEPARATORS]), key=merit)


def _quickly(text: str, separator: str, written: list[str]) -> "pd.DataFrame | None":
    """Read a sound file; None if it is not, or not certain to be."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    content = text.encode()
    if not _is_quoted_soundly(content, separator):
        return None
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(content),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values='"' in text),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(written, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    return table.to_pandas() if table.column_names == written else None


def _is_quoted_soundly(content: bytes, separator: str) -> bool:
    """Tell whether quotes open after a separator or line end, close before one, and are doubled elsewhere."""
    import numpy as np

    characters = np.frombuffer(b"\n" + content + b"\n", dtype=np.uint8)
    quotes = np.flatnonzero(characters == ord('"'))
    if len(quotes) % 2:
        return False
    around = np.concatenate([characters[quotes[::2] - 1], characters[quotes[1::2] + 1]])
    return bool(np.isin(around, [ord(border) for border in f'{separator}\r\n"']).all())


def _checked(text: str, separator: str, source: str) -> "pd.DataFrame":
    """Read a file record by record, and say what is wrong with it."""
    import pandas as pd

    (_, header), *rows = records(text, separator, source)
    last_line = rows[-1][0] if rows else 1
    if ragged := [(line, cells) for line, cells in rows if len(cells) != len(header)]:
        cut_off = ragged[-1][0] == last_line and not text.endswith(("\n", "\r"))
        hints = (_hint(header, cells, separator, cut_off and line == last_line) for line, cells in ragged)
        raise together(
            f"{named(source)}, line {line}: {_counted(cells)}, the header has {len(header)}{hint}"
            for (line, cells), hint in zip(ragged, hints, strict=True)
        )
    return pd.DataFrame([cells for _, cells in rows], columns=range(len(header)), dtype=object)


def _counted(cells: list[str]) -> str:
    return "1 cell" if len(cells) == 1 else f"{len(cells)} cells"


def _hint(header: list[str], cells: list[str], separator: str, is_cut_off: bool) -> str:
    """Say what may have been meant by a record that is longer or shorter than the header."""
    if is_cut_off and len(cells) < len(header):
        return "; the file ends here without a line end: it may be cut off"
    if spread := [cell for cell in cells if "\n" in cell or "\r" in cell]:
        return f"; a quoted value goes on over several lines, {shown(spread[0])}: is a quote not closed?"
    for other, name in SEPARATORS.items():
        if other != separator and len(cells) == 1 and cells[0].count(other) == len(header) - 1:
            return f"; it is divided by the {name}, the header by the {SEPARATORS[separator]}: use one of them"
    return (
        f"; quote a value that has a {SEPARATORS[separator]} in it"
        if len(cells) > len(header)
        else "; add what is missing"
    )
