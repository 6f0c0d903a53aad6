"""Cells of a column as texts, whatever their type, and where there are none."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NaT", "null", "NULL", "None", "?", "-")
"""What stands for a missing value in a text; a ``-`` is none where there is a ``+`` as well."""
_SIGNS = (".", "..", "...", "-", "--", "---", "*", "?")
_WORDS = (
    "na",
    "n.a.",
    "n/a",
    "nan",
    "nil",
    "none",
    "null",
    "missing",
    "unknown",
    "undefined",
    "empty",
    "blank",
    "k.a.",
)
GAP_WORDS = frozenset((*_SIGNS, *_WORDS, "not available", "not known", "no data"))
"""What stands for a missing value among numbers, in lower case; elsewhere it may be a value."""


class Texts(NamedTuple):
    """The cells of a column as texts.

    Attributes
    ----------
    trimmed : Array of shape (n_rows,)
        Arrow's texts, without spaces around them.
    is_missing : ndarray of shape (n_rows,)
        Which stand for no value.
    """

    trimmed: Any
    is_missing: NDArray[np.bool_]

    def values(self) -> Any:
        """Give Arrow's texts that are values, (n_values,)."""
        return self.trimmed.filter(_mask(~self.is_missing))

    def different(self) -> tuple[Any, NDArray[np.intp]]:
        """Give the different values (n_different,), and which of them each value is, (n_values,)."""
        encoded = self.values().dictionary_encode()
        return encoded.dictionary, encoded.indices.to_numpy()

    def without(self, marks: Collection[str]) -> "Texts":
        """Give the same with more texts that stand for no value."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = as_mask(pc.is_in(self.trimmed, value_set=pa.array([*marks], pa.large_string())))
        return self._replace(is_missing=self.is_missing | found)

    def spread(self, numbers: NDArray[np.float64], which: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give every cell the number of its text, NaN where it is missing, (n_rows,)."""
        spread = np.full(len(self.is_missing), np.nan)
        spread[~self.is_missing] = numbers[which]
        return spread

    def objects(self) -> NDArray[Any]:
        """Give the cells to NumPy, None where missing, (n_rows,)."""
        return as_objects(self.trimmed, self.is_missing)


def texts_of(series: "pd.Series[Any]", marks: Collection[str] = MISSING) -> NDArray[Any]:
    """Give a column's cells as texts without spaces around them, None where no value is, (n_rows,)."""
    return trimmed_texts(series, marks).objects()


def trimmed_texts(series: "pd.Series[Any]", marks: Collection[str] = MISSING) -> Texts:
    """Give a column's cells as texts without spaces around them, and where no value is."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pd.api.types.is_string_dtype(series.dtype) or series.dtype == object:
        series = series.astype(object).map(written, na_action="ignore").astype(object)
    array = pa.array(series, type=pa.large_string(), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    trimmed = pc.utf8_trim_whitespace(pc.fill_null(array, ""))
    texts = [*marks] if not pc.any(pc.equal(trimmed, "+")).as_py() else [*set(marks) - {"-"}]
    return Texts(trimmed, as_mask(pc.is_in(trimmed, value_set=pa.array(texts, pa.large_string()))))


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


def _mask(mask: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return pa.array(mask)


def lacking(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell where there is None or NaN, (n_rows,)."""
    import pandas as pd

    return np.asarray(pd.isna(values))
