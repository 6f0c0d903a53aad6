"""How a text is laid out as a table: what divides its cells, which lines are none of it, and what is odd about it.

Where a text is no table as it stands, many lines are wrong for one cause, which is reported once with the setting that
reads it. Cells are compared by their number: where nearly all records agree with each other, the first line is the odd
one.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from nnsweep.data.problems import counted_cells, show_value, write_setting
from nnsweep.data.reading.cells import NUMBER
from nnsweep.data.table_settings import BLANK, SEPARATORS, Layout
from nnsweep.errors import DataError
from nnsweep.text import printable, shorten


def apply_layout(text: str, layout: Layout) -> str:
    """Empty the lines that a layout leaves out, and make one tab of the blanks between cells; no line moves.

    Raises
    ------
    DataError
        If a comment's mark is empty.
    """
    n_skipped, comment, quote = layout.skip_lines or 0, layout.comment, layout.quote_character
    if comment == "":
        raise DataError("data.comment='': must be what comment lines begin with, such as '#'")
    if n_skipped or comment:
        lines = io.StringIO(text, newline="").readlines()
        is_quoted = False
        for number, line in enumerate(lines):
            if number < n_skipped or (comment and not is_quoted and line.lstrip(" \t").startswith(comment)):
                lines[number] = line[len(line.rstrip("\r\n")) :]
            elif quote and line.count(quote) % 2:
                is_quoted = not is_quoted  # a value goes on over several lines
        text = "".join(lines)
    return with_tabs(text, quote) if layout.separator in (BLANK, " ") else text


def csv_style(separator: str, quote: str) -> dict[str, Any]:
    """Give what Python's own reader has to know of a text; an empty quote is none."""
    quoting = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    return {"delimiter": separator, "skipinitialspace": True, **quoting}


def with_tabs(text: str, quote: str) -> str:
    r"""Make one tab of the blanks between cells, none of those at the ends of lines, and leave quoted blanks alone.

    Examples
    --------
    >>> with_tabs('  a   b \n "x y"  1\n', '"')
    'a\tb\n"x y"\t1\n'
    """
    if quote and quote in text:
        text = re.sub(
            rf"(?<![^ \t\r\n]){quote}[^{quote}\r\n]*{quote}(?![^ \t\r\n])|[ \t]+",
            lambda match: match[0] if match[0][0] == quote else "\t",
            text,
        )
    else:
        text = re.sub(r"[ \t]+", "\t", text)
    return re.sub(r"^\t|\t(?=[\r\n]|\Z)", "", text, flags=re.MULTILINE)


Record: TypeAlias = tuple[int, list[str]]
"""The line at which a record begins, and its cells."""
_NEARLY_ALL = 0.9
_MOST_TITLE_LINES = 10
_LOOKED_AT = 1000
_COMMENTS = ("#", "%", "//")
_RARE_SEPARATORS = ":^~/&!"


class _Divided(NamedTuple):
    """A text as it is divided: its records, and how many cells most of those after the first have."""

    text: str
    separator: str
    quote: str
    records: list[Record]
    width: int
    share: float

    @property
    def header(self) -> list[str]:
        return self.records[0][1]

    @property
    def rows(self) -> list[Record]:
        return self.records[1:]

    @property
    def is_sound(self) -> bool:
        return self.share == 1 and len(self.header) == self.width > 1

    @property
    def majority(self) -> str:
        n_equal = sum(len(cells) == self.width for _, cells in self.rows)
        return f"{n_equal:,} of {len(self.rows):,} rows have {counted_cells(self.width)}"


def find_cause(text: str, separator: str, quote: str) -> str | None:
    """Find the one cause for which a text is no table.

    Parameters
    ----------
    text : str
        The whole text.
    separator, quote : str
        The characters that it was to be read with.

    Returns
    -------
    str or None
        What was seen, beginning with the line where it is known, and the setting to type; None if each wrong
        line has a cause of its own.
    """
    divided = _divide(text, separator, quote)
    if divided is None:
        return None
    if len(divided.header) == 1:
        others = [_divide(text, other, quote) for other in (separator, *SEPARATORS)]
        dividing = [other for other in others if other is not None and other.width > 1]
        divided = max(dividing, key=lambda other: other.share, default=divided)
    causes: list[Callable[[_Divided], str | None]] = [_find_comments, _find_single_quotes, _find_title]
    causes += [_find_extra_cell, _find_separator]
    if cause := next((cause for find in causes if (cause := find(divided))), None):
        return cause
    if len(divided.header) == divided.width or divided.share < _NEARLY_ALL or len(divided.rows) < 2:
        return None
    line = divided.records[0][0]
    return (
        f"line {line}: the header has {counted_cells(len(divided.header))}, but {divided.majority}: they agree with "
        f"each other and not with the header; mend the header, or leave it out with "
        f"{write_setting('data.skip_lines', str(line))} (and {write_setting('data.header', 'false')}, "
        "if no other line names the columns)"
    )


def _divide(text: str, separator: str, quote: str) -> _Divided | None:
    """Divide the first thousand records without refusing any; None if there are fewer than two."""
    reader = csv.reader(io.StringIO(text, newline=""), **csv_style(separator, quote))
    records, line = [], 1
    try:
        for cells in islice(reader, _LOOKED_AT):
            if cells:
                records.append((line, cells))
            line = reader.line_num + 1
    except csv.Error:  # a cell of enormous length
        return None
    if len(records) < 2:
        return None
    width, count = Counter(len(cells) for _, cells in records[1:]).most_common(1)[0]
    return _Divided(text, separator, quote, records, width, count / (len(records) - 1))


def _find_comments(divided: _Divided) -> str | None:
    width = divided.width
    for mark in _COMMENTS:
        comments = [(line, cells) for line, cells in divided.records if cells[0].startswith(mark)]
        others = [len(cells) for _, cells in divided.records if not cells[0].startswith(mark)]
        odd = [record for record in comments if len(record[1]) != width]
        if odd and len(others) > 1 and width > 1 and others.count(width) >= _NEARLY_ALL * len(others):
            line, cells = odd[0]
            more = f" and {len(comments) - 1:,} more" if len(comments) > 1 else ""
            comment, setting = show_value(divided.separator.join(cells)), write_setting("data.comment", mark)
            return f"line {line}{more}: {comment} is a comment; {setting} leaves such lines out"
    return None


def _find_single_quotes(divided: _Divided) -> str | None:
    if divided.quote == "'" or "'" not in divided.text:
        return None
    other = _divide(divided.text, divided.separator, "'")
    if other is None or not other.is_sound:
        return None
    line = next((line for line, cells in divided.records if any(cell.startswith("'") for cell in cells)), 1)
    return f"line {line}: values are in single quotes; {write_setting('data.quote', 'single')} reads them"


def _find_title(divided: _Divided) -> str | None:
    """Find lines above the header that are no part of the table."""

    def is_full(cells: list[str]) -> bool:
        return len(cells) == width and (width < 3 or sum(1 for cell in cells if cell.strip()) > 1)

    def has_number(cells: list[str]) -> bool:
        return any(re.fullmatch(NUMBER, cell.strip()) for cell in cells)

    width, records = divided.width, divided.records
    first = next((number for number, (_, cells) in enumerate(records) if is_full(cells)), 0)
    if not first or width < 2 or divided.share < _NEARLY_ALL - first / len(records):
        return None
    if sum(1 for _, cells in records[:first] if sum(map(bool, cells)) > 1) > _MOST_TITLE_LINES:
        return None  # a table that goes on in another form
    is_named = not has_number(records[first][1])
    is_alone = sum(1 for cell in divided.header if cell.strip()) == 1
    if first == 1 and not (is_named and (is_alone or any(has_number(cells) for _, cells in records[2:]))):
        return None  # a header with other columns
    line, n_lines = records[first][0], records[first][0] - 1
    title = show_value(divided.separator.join(divided.header))
    header = "" if is_named else f", and {write_setting('data.header', 'false')} since it names no columns"
    what = f"line {records[0][0]} ({title}) is" if first == 1 else f"the first {n_lines} lines ({title} ...) are"
    skip = write_setting("data.skip_lines", str(n_lines))
    return f"{what} no part of the table, which begins at line {line}: {skip} leaves what is above it out{header}"


def _find_extra_cell(divided: _Divided) -> str | None:
    """Find a separator at the end of each row and not of the header, or names of rows that it does not name."""
    if len(divided.header) != divided.width - 1 or divided.share < _NEARLY_ALL:
        return None
    line, cells = divided.rows[0]
    if all(not its[-1].strip() for _, its in divided.rows if len(its) == divided.width):
        return (
            f"line {line}: a {SEPARATORS.get(divided.separator, 'separator')} ends each row and not the header "
            f"({divided.majority}, the last one empty, and the header has {len(divided.header)}); "
            f"{write_setting('data.unnamed', 'last')} leaves that empty cell out"
        )
    return (
        f"line {line}: rows begin with a name, such as {show_value(cells[0])}, that no column of the header is for "
        f"({divided.majority}, the header has {len(divided.header)}), as R writes tables; "
        f"{write_setting('data.unnamed', 'first')} reads it"
    )


def _find_separator(divided: _Divided) -> str | None:
    """Find that blanks divide the cells better, or a separator that is none of the usual ones."""
    line = divided.records[0][0]
    other = _divide(with_tabs(divided.text, divided.quote), "\t", divided.quote)
    is_better = divided.share < 1 or len(divided.header) != divided.width
    if other is not None and other.is_sound and is_better:
        return f"line {line}: cells are divided by blanks; {write_setting('data.separator', BLANK)} reads them"
    if divided.width > 1 or len(divided.header) > 1:
        return None
    for character in _RARE_SEPARATORS:
        other = _divide(divided.text, character, divided.quote) if character in divided.header[0] else None
        if other is not None and other.is_sound:
            setting = write_setting("data.separator", character)
            return f"line {line}: cells are divided by {show_value(character)}; {setting} reads them"
    return None


def find_quotes(rows: Sequence[Sequence[str]]) -> str | None:
    """Find single quotes around all cells of a column that are there; None if there are none, or others."""
    for number in range(len(rows[0])):
        cells = [cells[number].strip() for cells in rows[1:] if number < len(cells) and cells[number].strip()]
        if len(cells) > 1 and all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells):
            return (
                f"column {number + 1}: values are in single quotes, such as {printable(shorten(cells[0]))}; "
                f"{write_setting('data.quote', 'single')} reads them, {write_setting('data.quote', 'double')} keeps "
                "the quotes"
            )
    return None


def find_row_as_header(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str | None:
    """Find that what stands in the place of a header is a row like the others.

    Parameters
    ----------
    header : sequence of str
        The cells of the first line.
    rows : sequence of sequences of str
        Those of some lines below.

    Returns
    -------
    str or None
        What shows it, and the settings to type; None if the header may be one: a year above numbers may be a name, 5.1
        is none, nor is a text that its own column has as a value.

    Examples
    --------
    >>> find_row_as_header(["5.1", "setosa"], [["4.9", "setosa"], ["6.0", "virginica"]]).partition(";")[0]
    "looks like a row: '5.1' is above numbers"
    >>> find_row_as_header(["2019", "kind"], [["4.9", "setosa"], ["6.0", "virginica"]])
    """
    n_like, shows = 0, ""
    for number, name in enumerate(cell.strip() for cell in header):
        below = [cells[number].strip() for cells in rows if number < len(cells)]
        values = [cell for cell in below if cell]
        are_numbers = bool(values) and all(re.fullmatch(NUMBER, cell) for cell in values)
        if are_numbers and not re.fullmatch(NUMBER, name):
            if name and name not in ("?", "NA", "nan", "NaN"):
                return None
        elif are_numbers:
            n_like += 1
            shows = shows or ("" if re.fullmatch(r"[0-9]+", name) else f"{show_value(name)} is above numbers")
        elif name and name in values:
            n_like += 1
            shows = shows or f"{show_value(name)} is a value of column {number + 1}, too"
    if not shows or 2 * n_like <= len(header):
        return None
    return (
        f"looks like a row: {shows}; has the file no header? {write_setting('data.header', 'false')} reads it, its "
        f"columns are then called 0 to {len(header) - 1}; {write_setting('data.header', 'true')} takes the line for "
        "names"
    )
