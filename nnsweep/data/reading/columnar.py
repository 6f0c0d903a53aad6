"""Tables whose cells have types: Parquet and Feather, read by Arrow, NumPy's .npz, and the sparse rows of svmlight.

The index that pandas writes into Parquet and Feather becomes a column like others; nested columns are refused. Arrays
have no names: their columns are called by their numbers, the labels y.
"""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.reading.cells import Cells
from nnsweep.data.reading.header import check_width, find_repeated_names
from nnsweep.data.reading.problems import combine_problems, list_first, show_name, show_value
from nnsweep.data.reading.table_file import check_archive
from nnsweep.errors import DataError
from nnsweep.text import is_broken

if TYPE_CHECKING:
    import pyarrow as pa


LABELS = "y"
_MOST_CELLS = 10**8
_SAVE = "numpy.savez('table.npz', X=X, y=y)"


def read_parquet(content: bytes, source: str) -> Cells:
    """Read a Parquet file's content; errors as in `read_feather`."""

    def read(file: Any) -> "pa.Table":
        import pyarrow.parquet as pq

        return pq.ParquetFile(file).read(use_threads=False)

    return _cells(read, content, source)


def read_feather(content: bytes, source: str) -> Cells:
    """Read a Feather file's content, of either version.

    Raises
    ------
    DataError
        If it is damaged or cut off, has nested columns, equal names or no rows.
    """

    def read(file: Any) -> "pa.Table":
        from pyarrow import feather

        return feather.read_table(file, use_threads=False)

    return _cells(read, content, source)


def _cells(read: Any, content: bytes, source: str) -> Cells:
    import pyarrow as pa

    try:
        table = read(pa.BufferReader(content))
        table.validate(full=True)  # offsets of a damaged file lead out of its memory
        _check(table, source)
        frame = table.to_pandas(ignore_metadata=True, use_threads=False)
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        cause = show_value(str(error).partition("\n")[0])
        raise DataError(f"{show_name(source)} is damaged or cut off ({cause}); copy or write it again") from error
    return Cells(frame, typed=True)


def _check(table: "pa.Table", source: str) -> None:
    names = table.column_names
    check_width(len(names), show_name(source))
    problems = find_repeated_names(names, source)
    problems += [
        f"{show_name(source)}, column {number} ({show_name(field.name)}): {show_name(str(field.type))} is a nested "
        "type; "
        "give each of its parts a column"
        for number, field in enumerate(table.schema, start=1)
        if _is_nested(field.type)
    ]
    if problems:
        raise combine_problems(problems)
    if not table.num_rows:
        raise DataError(f"{show_name(source)} has {len(names)} columns and no rows")


def _is_nested(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(kind))


def read_npz(content: bytes, source: str) -> Cells:
    """Read features X (n_rows, n_features) and labels y (n_rows,); nothing is unpickled.

    Returns
    -------
    Cells
        Typed columns 0, 1, 2 and so on, and ``y``, which is the target if no other is named.

    Raises
    ------
    DataError
        If the file is damaged, the arrays are not there, do not fit each other, or hold objects.
    """
    arrays = _arrays(content, source)
    if "X" not in arrays:
        there = list_first(arrays, len(arrays)) or "none"
        raise DataError(f"{show_name(source)} has no array X; its arrays: {there}; save features and labels as {_SAVE}")
    X, y = arrays["X"], arrays.get(LABELS)
    is_sound = X.ndim == 2 and (y is None or y.shape == X.shape[:1])
    if not is_sound or any(array is not None and array.dtype.kind not in "biufUS" for array in (X, y)):
        labels = "none" if y is None else f"of shape {y.shape} and type {y.dtype}"
        raise DataError(
            f"{show_name(source)}: X of shape {X.shape} and type {X.dtype}, y {labels}; they must be numbers or "
            "texts, a "
            f"row of X for each label of y: {_SAVE}"
        )
    return _numbered(X, y, [str(number) for number in range(X.shape[1])], source)


def _arrays(content: bytes, source: str) -> dict[str, NDArray[Any]]:
    check_archive(content, source)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # a zip file that is not sound fails in any way it likes
        if isinstance(error, ValueError) and "pickle" in str(error).lower():
            raise DataError(
                f"{show_name(source)}: object arrays are not loaded, and nothing is ever unpickled; save arrays of "
                "numbers "
                "or texts"
            ) from error
        raise DataError(
            f"{show_name(source)} is damaged or cut off ({show_value(error)}); copy or write it again"
        ) from error


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
            "NUMBER:VALUE ..., "
            "such as 1 3:0.5 7:2"
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
    return _numbered(X[:, first:].toarray(), y, numbers, source)._replace(absent=0.0)


def _numbered(X: Any, y: Any, names: list[str], source: str) -> Cells:
    import pandas as pd

    check_width(X.shape[1], show_name(source))
    if not len(X):
        raise DataError(f"{show_name(source)} has {X.shape[1]} columns and no rows")
    frame: pd.DataFrame = pd.DataFrame(_plain(X, source), columns=names)
    if y is not None:
        frame[LABELS] = _plain(y, source)
    return Cells(frame, typed=True, target=None if y is None else LABELS)


def _plain(array: NDArray[Any], source: str) -> NDArray[Any]:
    """Give bytes as texts, texts as objects, and numbers with the bytes in this machine's order, as pandas wants."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "backslashreplace")
    if array.dtype.kind != "U":
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if any(map(is_broken, np.unique(array).tolist())):
        raise DataError(f"{show_name(source)}: half a character (a lone surrogate) is no text; write the whole one")
    return array.astype(object)
