"""Cells of a column as texts, whatever their type, and where there are none."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?", "-")
"""What stands for a missing value in a text; a ``-`` is none where there is a ``+`` as well."""


def texts_of(series: "pd.Series[Any]") -> NDArray[Any]:
    """Give a column's cells as texts without spaces around them, None where no value is, (n_rows,)."""
    trimmed, is_missing = trimmed_texts(series)
    return as_objects(trimmed, is_missing)


def trimmed_texts(series: "pd.Series[Any]") -> tuple[Any, NDArray[np.bool_]]:
    """Give a column's cells as an Arrow array of texts without spaces around them, and where no value is, (n_rows,)."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pd.api.types.is_string_dtype(series.dtype) or series.dtype == object:
        series = series.astype(object).map(written, na_action="ignore").astype(object)
    array = pa.array(series, type=pa.large_string(), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    trimmed = pc.utf8_trim_whitespace(pc.fill_null(array, ""))
    markers = MISSING if not pc.any(pc.equal(trimmed, "+")).as_py() else tuple(set(MISSING) - {"-"})
    return trimmed, as_mask(pc.is_in(trimmed, value_set=pa.array(markers, pa.large_string())))


def written(value: object) -> str:
    """Write a typed value as a text: whole numbers without a fraction.

    Examples
    --------
    >>> written(1.0), written(0.5), written(True), written("1.0")
    ('1', '0.5', 'True', '1.0')
    """
    if isinstance(value, float | np.floating) and abs(float(value)) < 2**53 and float(value).is_integer():
        return str(int(value))
    return str(value)


def as_mask(array: Any) -> NDArray[np.bool_]:
    """Give an Arrow array of truth values to NumPy, (n_rows,)."""
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)


def as_objects(array: Any, is_missing: NDArray[np.bool_]) -> NDArray[Any]:
    """Give an Arrow array of texts to NumPy, equal ones as one object, None where missing, (n_rows,)."""
    encoded = array.dictionary_encode()
    values: NDArray[Any] = np.array(encoded.dictionary.to_pylist(), dtype=object)[encoded.indices.to_numpy()]
    values[is_missing] = None
    return values


def lacking(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell where there is None or NaN, (n_rows,)."""
    import pandas as pd

    return np.asarray(pd.isna(values))
