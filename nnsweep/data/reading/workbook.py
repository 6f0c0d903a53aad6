"""Workbooks of Excel: one sheet as a table, its cells typed, read by openpyxl (the extra ``excel``)."""

import io
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from nnsweep.data.reading.causes import find_row_as_header
from nnsweep.data.reading.cells import Cells
from nnsweep.data.reading.header import are_numbers, check_width, name_columns
from nnsweep.data.reading.layout import Layout
from nnsweep.data.reading.problems import list_first, show_name, show_value, write_setting
from nnsweep.data.reading.table_file import check_archive
from nnsweep.errors import DataError
from nnsweep.text import suggest_nearest

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook


_LOOKED_AT = 50


def read_workbook(content: bytes, source: str, layout: Layout) -> Cells:
    """Read a table from a workbook's content.

    Parameters
    ----------
    content : bytes
        The file's content.
    source : str
        The file's name, for messages.
    layout : Layout
        Its ``sheet``, ``skip_lines`` and ``header``.

    Returns
    -------
    Cells
        What the cells hold, formulas as they were last computed; rows without any cell are left out.

    Raises
    ------
    DataError
        If openpyxl is not installed, the file is damaged, the sheet is not known or has no rows.
    """
    import pandas as pd

    book = _opened(content, source)
    sheet = _sheet(book, source, layout.sheet)
    numbered = [(line, [*row]) for line, row in enumerate(sheet, start=1)]
    rows = [(line, row) for line, row in numbered if line > (layout.skip_lines or 0) and any(map(_is_there, row))]
    if not rows:
        raise DataError(f"{show_name(source)} holds nothing but empty lines; name a file with a header and rows")
    width = max(number for _, row in rows for number, cell in enumerate(row, start=1) if _is_there(cell))
    rows = [(line, [*row, *[None] * width][:width]) for line, row in rows]
    if layout.header is False:
        check_width(width, show_name(source))
        names = [str(number) for number in range(width)]
    else:
        line, header = rows.pop(0)
        _refuse_title(header, line, source)
        written = ["" if cell is None else str(cell) for cell in header]
        below = [["" if cell is None else str(cell) for cell in row] for _, row in rows[:_LOOKED_AT]]
        if layout.header is None and not are_numbers(written) and (said := find_row_as_header(written, below)):
            raise DataError(f"{show_name(source)}, line {line} {said}")
        names = name_columns(written, f"{show_name(source)}, line {line}", sure=layout.header is True)
    if not rows:
        raise DataError(f"{show_name(source)} has a header and no rows")
    lines = [line for line, _ in rows]
    columns = {name: _column([row[number] for _, row in rows]) for number, name in enumerate(names)}
    return Cells(pd.DataFrame(columns), typed=True, lines=lambda: lines)


def _opened(content: bytes, source: str) -> "Workbook":
    check_archive(content, source)
    try:
        import openpyxl
    except ImportError as error:
        raise DataError(
            f"{show_name(source)}: workbooks are read by openpyxl, which is not installed; pip install "
            "'nnsweep[excel]', "
            "or save the sheet as CSV"
        ) from error
    try:
        return openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    except (OSError, BadZipFile, ValueError, KeyError, TypeError, SyntaxError, AttributeError, IndexError) as error:
        cause = show_value(str(error).partition("\n")[0])
        raise DataError(f"{show_name(source)} is damaged, or no workbook ({cause}); copy or write it again") from error


def _sheet(book: "Workbook", source: str, name: str | None) -> list[tuple[Any, ...]]:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if name is not None and name not in sheets:
        raise DataError(
            f"{show_name(source)}: data.sheet={show_value(name)}: there is no such sheet; "
            f"{suggest_nearest(name, sheets)}"
        )
    cells = {title: [*sheet.values] for title, sheet in sheets.items() if name in (None, title)}
    filled = [title for title, rows in cells.items() if any(_is_there(cell) for row in rows for cell in row)]
    if len(filled) > 1:
        raise DataError(
            f"{show_name(source)} has {len(filled)} sheets ({list_first(filled, len(filled))}); choose one: "
            f"{write_setting('data.sheet', filled[0])}"
        )
    return cells[filled[0]] if filled else []


def _refuse_title(header: list[Any], line: int, source: str) -> None:
    said = [cell for cell in header if _is_there(cell)]
    if len(said) == 1 and len(header) > 2:
        raise DataError(
            f"{show_name(source)}, line {line} ({show_value(said[0])}) is no part of the table; "
            f"{write_setting('data.skip_lines', str(line))} leaves it out"
        )


def _is_there(cell: object) -> bool:
    return cell is not None and cell != ""


def _column(cells: list[Any]) -> Any:
    """Make a column of cells; truth values and numbers that are mixed with texts are texts, too."""
    import pandas as pd

    return pd.Series(cells, dtype=object).infer_objects()
