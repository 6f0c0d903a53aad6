"""The cells of a table: what a reader of one format hands over, how cells may be written, and their texts.

A reader's `Cells` are texts as they are written, or typed; nobody has asked yet what they mean. `CellFormat` is what
somebody says of decimals, thousands, dates and gaps; `CellTexts` are the texts of a column, whatever its type, and
where there are none.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnsweep.text import quote_argument

if TYPE_CHECKING:
    import pandas as pd

Kind: TypeAlias = Literal["number", "date", "category", "text"]


class Cells(NamedTuple):
    """What a file's bytes say.

    Attributes
    ----------
    frame : pandas.DataFrame
        The cells (n_rows, n_columns): texts as they are written, or typed if the format has types.
    typed : bool
        Whether the format has types.
    lines : callable, optional
        Gives the line number, from 1, at which each row begins (n_rows,); for texts.
    kinds : mapping of str to str
        Kinds that the format itself declares, by column.
    target : str, optional
        The column with the labels, if the format has one.
    absent : float, optional
        What the cells of columns are that the file does not have, as in sparse formats.
    nulls : frozenset of str
        Columns of texts in which the format itself says where no value is, so that every text is one.
    """

    frame: "pd.DataFrame"
    typed: bool
    lines: Callable[[], Sequence[int]] | None = None
    kinds: Mapping[str, Kind] = MappingProxyType({})
    target: str | None = None
    absent: float | None = None
    nulls: frozenset[str] = frozenset()


Reader: TypeAlias = Callable[[bytes, str], Cells]
"""Reads a file's content, unpacked, whose name is for messages; raises `DataError` with all problems of a kind."""

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NaT", "null", "NULL", "None", "?", "-")
"""What stands for a missing value in a text; a ``-`` is none where there is a ``+`` as well."""
GAP_WORDS = frozenset(
    {".", "..", "...", "-", "--", "---", "*", "?", "na", "n.a.", "n/a", "nan", "nil", "none", "null", "missing"}
    | {"unknown", "undefined", "empty", "blank", "k.a.", "not available", "not known", "no data"}
)
"""What stands for a missing value among numbers, in lower case; elsewhere it may be a value."""


class CellTexts(NamedTuple):
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

    def without(self, marks: Collection[str]) -> "CellTexts":
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


def read_cell_texts(series: "pd.Series[Any]", marks: Collection[str] = MISSING) -> NDArray[Any]:
    """Give a column's cells as texts without spaces around them, None where no value is, (n_rows,)."""
    return trim_texts(series, marks).objects()


def trim_texts(series: "pd.Series[Any]", marks: Collection[str] = MISSING) -> CellTexts:
    """Give a column's cells as texts without spaces around them, and where no value is."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pd.api.types.is_string_dtype(series.dtype) or series.dtype == object:
        series = series.astype(object).map(write_cell, na_action="ignore").astype(object)
    array = pa.array(series, type=pa.large_string(), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    trimmed = pc.utf8_trim_whitespace(pc.fill_null(array, ""))
    texts = [*marks] if not pc.any(pc.equal(trimmed, "+")).as_py() else [*set(marks) - {"-"}]
    return CellTexts(trimmed, as_mask(pc.is_in(trimmed, value_set=pa.array(texts, pa.large_string()))))


def write_cell(value: object) -> str:
    """Write a typed value as a text: whole numbers without a fraction.

    Examples
    --------
    >>> write_cell(1.0), write_cell(0.5), write_cell(True), write_cell("1.0")
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


def find_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell where there is None or NaN, (n_rows,)."""
    import pandas as pd

    return np.asarray(pd.isna(values))


Decimal: TypeAlias = Literal["point", "comma", ".", ","]
Thousands: TypeAlias = Literal["comma", "point", "apostrophe", "blank", ",", ".", "'", " "]
Mark: TypeAlias = str | int | float | None

SIGNS: Mapping[str, str] = {"point": ".", "comma": ",", "apostrophe": "'", "blank": " "}
"""What separates digits, by the word for it, which no shell and no grammar of overrides takes for anything else."""
WORDS: Mapping[str, str] = {sign: word for word, sign in SIGNS.items()}
_NOT = "not "


@dataclass(frozen=True, kw_only=True)
class CellFormat:
    """How cells are written.

    Attributes
    ----------
    decimal : {"point", "comma", ".", ","} or None
        What stands before the decimals of numbers; None for a point.
    thousands : {"comma", "point", "apostrophe", "blank", ",", ".", "'", " "} or None
        What stands between the thousands of numbers; None for nothing.
    date_format : str or None
        How dates are written, as `datetime.strptime` has it, where that is not seen in them.
    missing_marks : tuple of str or number, or None
        More texts that stand for a missing value; ``not X`` takes the usual mark X away.
    """

    decimal: Decimal | None = None
    thousands: Thousands | None = None
    date_format: str | None = None
    missing_marks: tuple[Mark, ...] | None = None

    @property
    def decimal_sign(self) -> str | None:
        """The sign before decimals; None if nobody has named it."""
        return None if self.decimal is None else SIGNS.get(self.decimal, self.decimal)

    @property
    def thousands_sign(self) -> str | None:
        """The sign between thousands; None if nobody has named it."""
        return None if self.thousands is None else SIGNS.get(self.thousands, self.thousands)

    def marks(self, *, has_nulls: bool = False) -> tuple[str, ...]:
        """Give the texts that stand for a missing value.

        Parameters
        ----------
        has_nulls : bool
            Whether the format has a way of its own to say that there is no value, as Parquet and JSON have: then every
            text but an empty one is a value.

        Examples
        --------
        >>> CellFormat(missing_marks=(-999, "not None")).marks()[-2:]
        ('-', '-999')
        >>> CellFormat(missing_marks=("unknown",)).marks(has_nulls=True)
        ('', 'unknown')
        """
        usual = ("",) if has_nulls else MISSING
        given = ["null" if mark is None else str(mark) for mark in self.missing_marks or ()]
        kept = self.values
        return (*(mark for mark in usual if mark not in kept), *(mark for mark in given if not _is_value(mark)))

    def keep(self, *marks: str) -> str:
        """Write the setting, for a shell, that makes values of usual marks."""
        given = ["null" if one is None else str(one) for one in self.missing_marks or ()]
        texts = ", ".join(f'"{text}"' for text in (*given, *(f"{_NOT}{mark}" for mark in marks)))
        return quote_argument(f"data.missing_marks=[{texts}]")

    @property
    def values(self) -> frozenset[str]:
        """The usual marks that are values here."""
        return frozenset(str(mark)[len(_NOT) :] for mark in self.missing_marks or () if _is_value(str(mark)))


def _is_value(mark: str) -> bool:
    """Tell whether an entry takes a usual mark away; ``not available`` is a mark like others."""
    text = mark[len(_NOT) :]
    return mark.startswith(_NOT) and (text in MISSING or text.lower() in GAP_WORDS)
