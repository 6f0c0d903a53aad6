"""Tables whose cells have types: Parquet and Feather, NumPy's .npz, the sparse rows of svmlight, and Excel.

The index that pandas writes into Parquet and Feather becomes a column like others; nested columns are refused. Arrays
have no names: their columns are called by their numbers, the labels y. A workbook's sheet is read by openpyxl (the
extra ``excel``).
"""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.problems import combine_problems, list_first, show_name, show_value, write_setting
from nnsweep.data.reading.cells import Cells, are_numbers, check_width, find_repeated_names, name_columns
from nnsweep.data.reading.layout import find_row_as_header
from nnsweep.data.reading.table_file import check_archive
from nnsweep.data.table_settings import Layout
from nnsweep.errors import DataError
from nnsweep.text import is_broken, suggest_nearest

if TYPE_CHECKING:
    import pyarrow as pa
    from openpyxl.workbook import Workbook


LABELS = "y"
_MOST_CELLS = 10**8
_SAVE = "numpy.savez('table.npz', X=X, y=y)"


def read_parquet(content: bytes, source: str) -> Cells:
    """Read a Parquet file's content; errors as in `read_feather`."""
    import pyarrow.parquet as pq

    return _read_arrow(lambda file: pq.ParquetFile(file).read(use_threads=False), content, source)


def read_feather(content: bytes, source: str) -> Cells:
    """Read a Feather file's content, of either version.

    Raises
    ------
    DataError
        If it is damaged or cut off, has nested columns, equal names or no rows.
    """
    from pyarrow import feather

    return _read_arrow(lambda file: feather.read_table(file, use_threads=False), content, source)


def _read_arrow(read: "Callable[[Any], pa.Table]", content: bytes, source: str) -> Cells:
    import pyarrow as pa

    try:
        table = read(pa.BufferReader(content))
        table.validate(full=True)  # offsets of a damaged file lead out of its memory
        names = table.column_names
        check_width(len(names), show_name(source))
        problems = find_repeated_names(names, source)
        problems += [
            f"{show_name(source)}, column {number} ({show_name(field.name)}): {show_name(str(field.type))} is a nested "
            "type; give each of its parts a column"
            for number, field in enumerate(table.schema, start=1)
            if pa.types.is_nested(field.type)
        ]
        if problems:
            raise combine_problems(problems)
        if not table.num_rows:
            raise DataError(f"{show_name(source)} has {len(names)} columns and no rows")
        frame = table.to_pandas(ignore_metadata=True, use_threads=False)
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        cause = show_value(str(error).partition("\n")[0])
        raise DataError(f"{show_name(source)} is damaged or cut off ({cause}); copy or write it again") from error
    return Cells(frame, typed=True)


def read_npz(content: bytes, source: str) -> Cells:
    """Read features X (n_rows, n_features) and targets y (n_rows,) or (n_rows, n_targets); nothing is unpickled.

    Returns
    -------
    Cells
        Typed columns 0, 1, 2 and so on, and ``y``, or ``y0``, ``y1`` and so on, the target if no other is named.

    Raises
    ------
    DataError
        If the file is damaged, the arrays are not there, do not fit each other, or hold objects.
    """
    check_archive(content, source)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # a zip file that is not sound fails in any way it likes
        if isinstance(error, ValueError) and "pickle" in str(error).lower():
            raise DataError(
                f"{show_name(source)}: object arrays are not loaded, and nothing is ever unpickled; save arrays of "
                "numbers or texts"
            ) from error
        raise DataError(
            f"{show_name(source)} is damaged or cut off ({show_value(error)}); copy or write it again"
        ) from error
    if "X" not in arrays:
        there = list_first(arrays, len(arrays)) or "none"
        raise DataError(f"{show_name(source)} has no array X; its arrays: {there}; save features and labels as {_SAVE}")
    X, y = arrays["X"], arrays.get(LABELS)
    is_sound = X.ndim == 2 and (y is None or (y.ndim in (1, 2) and y.size and y.shape[:1] == X.shape[:1]))
    if not is_sound or any(array is not None and array.dtype.kind not in "biufUS" for array in (X, y)):
        labels = "none" if y is None else f"of shape {y.shape} and type {y.dtype}"
        raise DataError(
            f"{show_name(source)}: X of shape {X.shape} and type {X.dtype}, y {labels}; they must be numbers or "
            f"texts, a row of X for each label of y: {_SAVE}"
        )
    return _make_cells(X, y, [str(number) for number in range(X.shape[1])], source)


def read_svmlight(content: bytes, source: str) -> Cells:
    """Read rows ``label number:value ...``, as svmlight and libsvm have them; what is not written is 0.

    Returns
    -------
    Cells
        Typed columns with the numbers that the file has for them, and ``y``, which is the target if no other is named.

    Raises
    ------
    DataError
        If a line is no such row, or the table would be too large when its zeros are written out.
    """
    from sklearn.datasets import load_svmlight_file

    try:
        X, y = load_svmlight_file(io.BytesIO(content), zero_based=True)
    except (ValueError, OverflowError, IndexError, MemoryError) as error:
        raise DataError(
            f"{show_name(source)} is no file of svmlight or libsvm ({show_value(error)}); its lines are LABEL "
            "NUMBER:VALUE ..., such as 1 3:0.5 7:2"
        ) from error
    check_width(X.shape[1], show_name(source))
    if not X.nnz or not np.isfinite(y).all():
        raise DataError(
            f"{show_name(source)} has no value, or a label that is no number; its lines are LABEL NUMBER:VALUE ..."
        )
    if X.shape[0] * X.shape[1] > _MOST_CELLS:
        raise DataError(
            f"{show_name(source)}: {X.shape[0]:,} rows of {X.shape[1]:,} columns are more than {_MOST_CELLS:,} cells; "
            "leave rows or columns out"
        )
    first = 1 if X.shape[1] and X.indices.size and X.indices.min() > 0 else 0  # libsvm counts from 1
    numbers = [str(number) for number in range(first, X.shape[1])]
    return _make_cells(X[:, first:].toarray(), y, numbers, source)._replace(absent=0.0)


def _make_cells(X: Any, y: Any, names: list[str], source: str) -> Cells:
    import pandas as pd

    check_width(X.shape[1], show_name(source))
    if not len(X):
        raise DataError(f"{show_name(source)} has {X.shape[1]} columns and no rows")
    frame: pd.DataFrame = pd.DataFrame(_make_plain(X, source), columns=names)
    if y is None:
        return Cells(frame, typed=True)
    if y.ndim == 1:
        return Cells(frame.assign(**{LABELS: _make_plain(y, source)}), typed=True, target=LABELS)
    targets = {f"{LABELS}{number}": _make_plain(column, source) for number, column in enumerate(y.T)}
    return Cells(frame.assign(**targets), typed=True, target=tuple(targets))


def _make_plain(array: NDArray[Any], source: str) -> NDArray[Any]:
    """Give bytes as texts, texts as objects, and numbers with the bytes in this machine's order, as pandas wants."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "backslashreplace")
    if array.dtype.kind != "U":
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if any(map(is_broken, np.unique(array).tolist())):
        raise DataError(f"{show_name(source)}: half a character (a lone surrogate) is no text; write the whole one")
    return array.astype(object)


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

    sheet = _choose_sheet(_open_workbook(content, source), source, layout.sheet)
    numbered = [(line, [*row]) for line, row in enumerate(sheet, start=1)]
    rows = [(line, row) for line, row in numbered if line > (layout.skip_lines or 0) and any(map(_is_there, row))]
    if not rows:
        raise DataError(f"{show_name(source)} holds nothing but empty lines; name a file with a header and rows")
    width = max(number for _, row in rows for number, cell in enumerate(row, start=1) if _is_there(cell))
    rows = [(line, [*row, *[None] * width][:width]) for line, row in rows]
    if layout.n_headers:
        names = _read_header(rows, source, layout)
        rows = rows[1:]
    else:
        check_width(width, show_name(source))
        names = [str(number) for number in range(width)]
    if not rows:
        raise DataError(f"{show_name(source)} has a header and no rows")
    lines = [line for line, _ in rows]
    columns = {
        # truth values and numbers that are mixed with texts stay objects, and are texts, too
        name: pd.Series([row[number] for _, row in rows], dtype=object).infer_objects()
        for number, name in enumerate(names)
    }
    return Cells(pd.DataFrame(columns), typed=True, lines=lambda: lines)


def _read_header(rows: list[tuple[int, list[Any]]], source: str, layout: Layout) -> list[str]:
    """Make names of the first row, unless it looks like a title, or like a row."""
    line, header = rows[0]
    place = f"{show_name(source)}, line {line}"
    filled = [cell for cell in header if _is_there(cell)]
    if len(filled) == 1 and len(header) > 2:
        raise DataError(
            f"{place} ({show_value(filled[0])}) is no part of the table; "
            f"{write_setting('data.skip_lines', str(line))} leaves it out"
        )
    names, *below = [["" if cell is None else str(cell) for cell in row] for _, row in rows[: 1 + _LOOKED_AT]]
    if layout.header is None and not are_numbers(names) and (cause := find_row_as_header(names, below)):
        raise DataError(f"{place} {cause}")
    return name_columns(names, place, sure=layout.header is True)


def _open_workbook(content: bytes, source: str) -> "Workbook":
    check_archive(content, source)
    try:
        import openpyxl
    except ImportError as error:
        raise DataError(
            f"{show_name(source)}: workbooks are read by openpyxl, which is not installed; pip install "
            "'nnsweep[excel]', or save the sheet as CSV"
        ) from error
    try:
        return openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    except (OSError, BadZipFile, ValueError, KeyError, TypeError, SyntaxError, AttributeError, IndexError) as error:
        cause = show_value(str(error).partition("\n")[0])
        raise DataError(f"{show_name(source)} is damaged, or no workbook ({cause}); copy or write it again") from error


def _choose_sheet(book: "Workbook", source: str, name: str | None) -> list[tuple[Any, ...]]:
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


def _is_there(cell: object) -> bool:
    return cell is not None and cell != ""
