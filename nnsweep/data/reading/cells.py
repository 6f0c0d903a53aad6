"""What a reader of one format hands over: the cells of a table, the names of its columns, and the texts of a column.

A reader's `Cells` are texts as they are written, or typed; nothing is inferred yet. `CellTexts` are the texts of a
column, whatever its type, and where there are none.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.problems import combine_problems, show_name, show_value, write_setting
from nnsweep.data.table_settings import MISSING, Kind
from nnsweep.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


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
    target: str | tuple[str, ...] | None = None
    absent: float | None = None
    nulls: frozenset[str] = frozenset()


Reader: TypeAlias = Callable[[bytes, str], Cells]
"""Reads a file's content, unpacked, whose name is for messages; raises `DataError` with all problems of a kind."""


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
        return self.trimmed.filter(~self.is_missing)

    def different(self) -> tuple[Any, NDArray[np.intp]]:
        """Give the different values (n_different,), and which of them each value is, (n_values,)."""
        encoded = self.values().dictionary_encode()
        return encoded.dictionary, encoded.indices.to_numpy()

    def without(self, marks: Collection[str]) -> "CellTexts":
        """Give the same with more texts that stand for no value."""
        import pyarrow as pa
        import pyarrow.compute as pc

        is_mark = as_mask(pc.is_in(self.trimmed, value_set=pa.array([*marks], pa.large_string())))
        return self._replace(is_missing=self.is_missing | is_mark)

    def spread(self, numbers: NDArray[np.float64], which: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give every cell the number of its text, NaN where it is missing, (n_rows,)."""
        spread = np.full(len(self.is_missing), np.nan)
        spread[~self.is_missing] = numbers[which]
        return spread

    def objects(self) -> NDArray[Any]:
        """Give the cells to NumPy, equal ones as one object, None where missing, (n_rows,)."""
        encoded = self.trimmed.dictionary_encode()
        values: NDArray[Any] = np.array(encoded.dictionary.to_pylist(), dtype=object)[encoded.indices.to_numpy()]
        values[self.is_missing] = None
        return values


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


def matches(texts: Any, pattern: str) -> NDArray[np.bool_]:
    """Tell which of Arrow's texts match a regular expression of RE2 as a whole, (n_texts,)."""
    import pyarrow.compute as pc

    return as_mask(pc.match_substring_regex(texts, f"^(?:{pattern})$"))


def find_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell where there is None or NaN, (n_rows,)."""
    import pandas as pd

    return np.asarray(pd.isna(values))


NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
MOST_COLUMNS = 100_000
"""More are a table lying on its side, or no table."""
UNNAMED = "Unnamed: "
"""What pandas calls a column without a name, its number following."""


def check_width(n_columns: int, place: str) -> None:
    """Refuse a table of too many columns.

    Raises
    ------
    DataError
        If there are more than `MOST_COLUMNS`.
    """
    if n_columns > MOST_COLUMNS:
        raise DataError(
            f"{place}: {n_columns:,} columns, at most {MOST_COLUMNS:,} are read; "
            "write samples as rows, or the features as one text column"
        )


def find_repeated_names(names: Iterable[str], source: str) -> list[str]:
    """Tell the names that several columns of a file have, a line each.

    Examples
    --------
    >>> find_repeated_names(["age", "fur", "age"], "cats.arff")
    ['cats.arff: 2 columns are called age; rename them']
    """
    counts = Counter(names).items()
    return [
        f"{show_name(source)}: {count} columns are called {show_name(name)}; rename them"
        for name, count in counts
        if count > 1
    ]


def are_numbers(written: Sequence[str]) -> bool:
    """Tell whether the cells of a first line are all numbers, and hardly names."""
    return all(re.fullmatch(NUMBER, name.strip()) for name in written)


def name_columns(written: Sequence[str], place: str, *, sure: bool = False) -> list[str]:
    """Make names of a header's cells.

    Parameters
    ----------
    written : sequence of str
        The cells.
    place : str
        Where the header is, for messages.
    sure : bool
        Whether numbers may be names, because somebody has said that this is a header.

    Returns
    -------
    list of str
        All different, without spaces around them; a column without a name is called as pandas does.

    Raises
    ------
    DataError
        If there are too many, names are there twice, or all of them are numbers: then the file has no header.

    Examples
    --------
    >>> name_columns(["", "age", " species "], "cats.csv, line 1")
    ['Unnamed: 0', 'age', 'species']
    """
    check_width(len(written), place)
    names = [name.strip() or f"{UNNAMED}{number}" for number, name in enumerate(written)]
    if not sure and are_numbers(names):
        raise DataError(
            f"{place}: the header is all numbers ({show_value(', '.join(names[:10]))}), so there is none; "
            f"write a first line that names every column, or {write_setting('data.header', 'false')} calls them 0, 1, "
            f"2 and so on; {write_setting('data.header', 'true')} takes the numbers for names"
        )
    numbers: dict[str, list[int]] = {name: [] for name, count in Counter(names).items() if count > 1}
    for number, name in enumerate(names, start=1):
        if name in numbers:
            numbers[name].append(number)
    if numbers:
        raise combine_problems(
            f"{place}: columns {', '.join(map(str, columns[:10]))} are all called {show_name(name)}; rename them"
            for name, columns in numbers.items()
        )
    return names
