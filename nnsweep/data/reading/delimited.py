"""Tables as text with a separator: CSV and its relatives, as RFC 4180 has them.

The separator is the one of comma, semicolon, tab and bar that divides the first lines best, or blanks where none does.
A sound file is read by Arrow in one go; a file that Arrow refuses is read again by Python's own reader, whose only
task is to say where and why. Line numbers are counted when somebody needs them.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from nnsweep.data.problems import combine_problems, counted_cells, show_name, show_value
from nnsweep.data.reading.cells import Cells, are_numbers, check_width, name_columns
from nnsweep.data.reading.layout import (
    Record,
    apply_layout,
    csv_style,
    find_cause,
    find_quotes,
    find_row_as_header,
    with_tabs,
)
from nnsweep.data.reading.table_file import decode
from nnsweep.data.table_settings import AS_WRITTEN, SEPARATORS, Layout
from nnsweep.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


_SAMPLE_CHARACTERS = 2**16
_SAMPLE_RECORDS = 50
_BLOCK_BYTES = 2**24
_LONGEST_CELL = 2**31 - 1


class _Text(NamedTuple):
    """A text, and the characters that divide and quote its cells; an empty quote is none."""

    text: str
    separator: str
    quote: str

    def records(self, source: str = "") -> Iterator[Record]:
        return split_records(self.text, self.separator, source, self.quote)

    def sample(self) -> list[list[str]]:
        """Give the cells of the first records."""
        end = self.text.find("\n", _SAMPLE_CHARACTERS)
        sample = self._replace(text=self.text if end < 0 else self.text[: end + 1])
        rows: list[list[str]] = []
        with suppress(DataError):  # what the sample cuts off
            rows += (cells for _, cells in islice(sample.records(), _SAMPLE_RECORDS))
        return rows


def read_delimited(content: bytes, source: str, layout: Layout = AS_WRITTEN, *, usual: str = ",") -> Cells:
    """Read a table from text with a separator.

    Parameters
    ----------
    content : bytes
        The file's content, unpacked.
    source : str
        The file's name, for messages.
    layout : Layout
        What the text does not show of itself.
    usual : str
        The separator that is taken if none divides the lines better.

    Returns
    -------
    Cells
        Every cell as it is written, quotes removed.

    Raises
    ------
    DataError
        If the file is not sound: its header, a quote that is never closed, rows of other lengths than the header. One
        cause of many wrong lines is reported once, with the setting that reads the file.
    """
    text = _divide(apply_layout(decode(content, source), layout), layout, usual)
    line, header = next(text.records(source), (0, []))
    if not line:
        raise DataError(f"{show_name(source)} holds nothing but empty lines; name a file with a header and rows")
    if layout.header is None and layout.unnamed is None:
        _refuse_other_layout(text, source, line, layout)
    place = f"{show_name(source)}, line {line}"
    if layout.n_headers:
        cells = {"first": ["", *header], "last": [*header, ""], None: header}[layout.unnamed]
        names = name_columns(cells, place, sure=layout.header is True)
    else:
        check_width(len(header), place)
        names = [str(number) for number in range(len(header))]
    frame = _read_with_arrow(text, header if layout.n_headers and layout.unnamed is None else None, names, layout)
    if frame is None:
        frame = _read_checked(text, source, len(names), layout)
    if not len(frame):
        raise DataError(f"{show_name(source)} has a header and no rows")
    frame.columns = names
    return Cells(frame, typed=False, lines=lambda: [line for line, _ in text.records()][layout.n_headers :])


def _divide(text: str, layout: Layout, usual: str) -> _Text:
    """Find out what divides the cells of a text; blanks become tabs."""
    separator, quote = layout.character, layout.quote_character
    divided = _Text(text, separator or sniff_separator(text, usual, quote), quote)
    if separator is None and [len(cells) for cells in divided.sample()[:1]] in ([1], []):
        tabs = _Text(with_tabs(text, quote), "\t", quote)
        first, *widths = [len(cells) for cells in tabs.sample()] or [0]
        if widths and first > 1 and {*widths} in ({first}, {first + 1}):  # one more: names of rows
            return tabs
    return divided


def _refuse_other_layout(text: _Text, source: str, line: int, layout: Layout) -> None:
    """Refuse a text whose first lines show that it is laid out otherwise."""
    rows = text.sample()
    is_title = bool(rows) and sum(1 for cell in rows[0] if cell.strip()) == 1 and len(rows[0]) != 2
    if is_title and (cause := find_cause(*text)):
        raise DataError(f"{show_name(source)}, {cause}")
    if len({*map(len, rows)}) != 1 or are_numbers(rows[0]):
        return
    if layout.quote is None and (cause := find_quotes(rows)):
        raise DataError(f"{show_name(source)}, {cause}")
    if len(rows) > 1 and (cause := find_row_as_header(rows[0], rows[1:])):
        raise DataError(f"{show_name(source)}, line {line} {cause}")


def split_records(text: str, separator: str, source: str = "", quote: str = '"') -> Iterator[Record]:
    r"""Give the records of a text, without empty lines; spaces after a separator are no part of a cell.

    Raises
    ------
    DataError
        If a quote is never closed, or a closing quote is not followed by a separator or a line end.

    Examples
    --------
    >>> list(split_records('age,note\n17,"two\nlines"\n\n18,', ","))
    [(1, ['age', 'note']), (2, ['17', 'two\nlines']), (5, ['18', ''])]
    """
    line, style = 1, csv_style(separator, quote)
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), **style, strict=True)
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        begin = next(islice(io.StringIO(text, newline=""), line - 1, None))
        cells = next(csv.reader([begin], **style))
        raise DataError(
            f"{show_name(source)}, line {line}, column {len(cells)}: a quote is not closed before the next "
            f"{_name_separator(separator)} or line end, from {show_value(cells[-1])} on; close it, or write a quote "
            "inside a quoted value twice"
        ) from None
    finally:
        csv.field_size_limit(limit)


def sniff_separator(text: str, usual: str = ",", quote: str = '"') -> str:
    r"""Find the separator: it divides the header, and most of the next lines into as many cells.

    Examples
    --------
    >>> sniff_separator("a;b\n1,5;2,5\n"), sniff_separator("only one column\n")
    (';', ',')
    """

    def merit(separator: str) -> tuple[bool, float, int]:
        widths = [len(cells) for cells in _Text(text, separator, quote).sample()]
        n_equal = sum(width == widths[0] for width in widths)
        return (True, n_equal / len(widths), widths[0]) if widths and widths[0] > 1 else (False, 0.0, 0)

    return max(dict.fromkeys([usual, *SEPARATORS]), key=merit)


def _read_with_arrow(text: _Text, header: list[str] | None, names: list[str], layout: Layout) -> "pd.DataFrame | None":
    """Read a sound file, whose header is None if its names are given; None if it is not certain to be sound."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    content = text.text.encode()
    if text.quote and not _is_quoted_soundly(content, text.separator, text.quote):
        return None
    own = {} if header else {"column_names": names, "skip_rows_after_names": layout.n_headers}
    quotes = bool(text.quote) and text.quote in text.text
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(content),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, **own),
            parse_options=arrow_csv.ParseOptions(
                delimiter=text.separator, quote_char=text.quote or False, newlines_in_values=quotes
            ),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(header or names, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    return table.to_pandas() if table.column_names == (header or names) else None


def _is_quoted_soundly(content: bytes, separator: str, quote: str) -> bool:
    """Tell whether quotes open after a separator or line end, close before one, and are doubled elsewhere."""
    import numpy as np

    characters = np.frombuffer(b"\n" + content + b"\n", dtype=np.uint8)
    quotes = np.flatnonzero(characters == ord(quote))
    if len(quotes) % 2:
        return False
    around = np.concatenate([characters[quotes[::2] - 1], characters[quotes[1::2] + 1]])
    return bool(np.isin(around, [ord(border) for border in f"{separator}\r\n{quote}"]).all())


def _read_checked(text: _Text, source: str, n_columns: int, layout: Layout) -> "pd.DataFrame":
    """Read a file record by record, and say what is wrong with it."""
    import pandas as pd

    rows = [*text.records(source)][layout.n_headers :]
    last_line = rows[-1][0] if rows else 1
    if ragged := [(line, cells) for line, cells in rows if len(cells) != n_columns]:
        if layout.header is not False and layout.unnamed is None and (cause := find_cause(*text)):
            raise DataError(f"{show_name(source)}, {cause}")
        if layout.unnamed and all(len(cells) == n_columns - 1 for _, cells in rows):
            raise DataError(
                f"{show_name(source)}, line {rows[0][0]}: the header names all {n_columns - 1} cells of each row; "
                f"leave data.unnamed={layout.unnamed} out"
            )
        cut_off = ragged[-1][0] == last_line and not text.text.endswith(("\n", "\r"))
        first = "the first row has" if layout.header is False else "the header has"
        hints = (
            _explain_width(n_columns, cells, text.separator, cut_off and line == last_line) for line, cells in ragged
        )
        raise combine_problems(
            f"{show_name(source)}, line {line}: {counted_cells(len(cells))}, {first} {n_columns}{hint}"
            for (line, cells), hint in zip(ragged, hints, strict=True)
        )
    return pd.DataFrame([cells for _, cells in rows], columns=range(n_columns), dtype=object)


def _name_separator(separator: str) -> str:
    return SEPARATORS.get(separator, show_value(separator))


def _explain_width(n_columns: int, cells: list[str], separator: str, is_cut_off: bool) -> str:
    """Say what may have been meant by a record that is longer or shorter than the header."""
    if is_cut_off and len(cells) < n_columns:
        return "; the file ends here without a line end: it may be cut off"
    if spread := [cell for cell in cells if "\n" in cell or "\r" in cell]:
        return f"; a quoted value goes on over several lines, {show_value(spread[0])}: is a quote not closed?"
    for other, name in SEPARATORS.items():
        if other != separator and len(cells) == 1 and cells[0].count(other) == n_columns - 1:
            return f"; it is divided by the {name}, the header by the {_name_separator(separator)}: use one of them"
    return (
        f"; quote a value that has a {_name_separator(separator)} in it"
        if len(cells) > n_columns
        else "; add what is missing"
    )
