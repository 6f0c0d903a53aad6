"""One column of a table: what kind it is of, its values in that kind, and the cells that do not fit.

What reads as a number in every cell is a number; long texts of many words are text; anything else is a category.
A column that is nearly all numbers is meant as numbers, so the rest of its cells are wrong: a slip in one cell must
not turn a measurement into categories behind anybody's back.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.prepared import whole_number
from nnsweep.data.reading.cell_texts import as_mask, as_objects, lacking, trimmed_texts
from nnsweep.data.reading.cells import Kind
from nnsweep.data.reading.header import NUMBER

if TYPE_CHECKING:
    import pandas as pd

_COMMA = r"[+-]?[0-9]+(?:,[0-9]+)+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_INFINITE = r"[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?"
_LEADING_ZERO = r"[+-]?0[0-9]"
_MEANT_AS_NUMBERS = 0.8
_LONG_CHARACTERS, _MANY_WORDS = 40, 5


class Misfit(NamedTuple):
    """A cell that cannot be what its column is.

    Attributes
    ----------
    row : int
        Its row in the file's table, from 0.
    value : str
        What is written there.
    rule : str
        What is wrong with it.
    """

    row: int
    value: str
    rule: str


@dataclass(frozen=True, eq=False)
class Column:
    """A column of which the kind is known.

    Attributes
    ----------
    name : str
        Its name.
    kind : {"number", "category", "text"}
        Its kind.
    values : ndarray of shape (n_rows,)
        float64, NaN where missing, for numbers; str, None where missing, for the other kinds.
    misfits : sequence of Misfit
        The cells that do not fit.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    misfits: Sequence[Misfit] = ()

    @property
    def is_missing(self) -> NDArray[np.bool_]:
        """Where no value is, (n_rows,)."""
        return lacking(self.values)

    def taken(self, rows: NDArray[np.intp]) -> "Column":
        """Give the column in those rows alone, in their order (n_taken,)."""
        return Column(self.name, self.kind, self.values[rows], self.misfits)


def column_of(series: "pd.Series[Any]", *, asked: Kind | None = None) -> Column:
    """Find out what a column is.

    Parameters
    ----------
    series : pandas.Series of shape (n_rows,)
        Its cells, as texts or typed, under its name.
    asked : {"number", "category", "text"}, optional
        The kind that somebody has decided on; None to infer it.

    Returns
    -------
    Column
        Its values, and what does not fit.

    Examples
    --------
    >>> import pandas as pd
    >>> column_of(pd.Series(["1.5", "", "2"], name="age")).values
    array([1.5, nan, 2. ])
    >>> column_of(pd.Series(["red", "NA", "blue"], name="colour")).values
    array(['red', None, 'blue'], dtype=object)
    """
    import pandas as pd

    name = str(series.name)
    if is_numeric(series) and asked in (None, "number"):
        return _measured(name, pd.to_numeric(series).to_numpy(dtype=np.float64, na_value=np.nan))
    if asked is None and isinstance(series.dtype, pd.CategoricalDtype):
        asked = "category"
    if asked in (None, "number") and (rule := _untold_type(series)):
        return Column(name, "category", np.full(len(series), "", dtype=object), [Misfit(0, str(series.iloc[0]), rule)])
    return _written(name, series, asked)


def is_numeric(series: "pd.Series[Any]") -> bool:
    """Tell whether a column's cells are numbers by their type; truth values are none."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_complex_dtype(series.dtype):
        return False
    if pd.api.types.is_numeric_dtype(series.dtype):
        return True
    numbers = ("integer", "floating", "mixed-integer-float", "decimal")
    return series.dtype == object and pd.api.types.infer_dtype(series, skipna=True) in numbers


def _untold_type(series: "pd.Series[Any]") -> str | None:
    """Say why cells of a type cannot be read: dates, bytes and nested values."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind.startswith(("date", "time", "period", "interval", "bytes", "complex")):
        return f"is of a type that is not read ({kind}): turn it into numbers or texts"
    if kind == "mixed" and any(isinstance(cell, list | tuple | dict | set | np.ndarray) for cell in series):
        return "is a nested value: give each of its parts a column"
    return None


def _measured(name: str, values: NDArray[np.float64]) -> Column:
    infinite = np.flatnonzero(np.isinf(values))
    return Column(name, "number", values, [Misfit(int(row), str(values[row]), "is infinite") for row in infinite])


def _written(name: str, series: "pd.Series[Any]", asked: Kind | None) -> Column:
    """Understand a column of texts."""
    import pyarrow.compute as pc

    trimmed, is_missing = trimmed_texts(series)
    if asked is None or asked == "number":
        numeric, near = as_mask(_matches(trimmed, NUMBER)), as_mask(_matches(trimmed, f"{_COMMA}|{_INFINITE}"))
        n_meant, n_values = int((numeric | near).sum()), int((~is_missing).sum())
        is_code = pc.any(pc.match_substring_regex(trimmed, f"^{_LEADING_ZERO}")).as_py()
        if asked == "number" or (n_meant and n_meant >= _MEANT_AS_NUMBERS * n_values and not is_code):
            return _numbers(name, trimmed, numeric, is_missing)
    if asked == "text" or (asked is None and _is_prose(trimmed, is_missing)):
        return _prose(name, series)
    return Column(name, "category", _alike(as_objects(trimmed, is_missing)))


def _alike(values: NDArray[Any]) -> NDArray[Any]:
    """Make one category of whole numbers that are written differently, as labels have it: 1.0 is 1, 01 is not."""
    levels = [level for level in dict.fromkeys(values.tolist()) if level is not None]
    numbers = {level: number for level in levels if (number := whole_number(level)) is not None}
    if len({*numbers.values()}) == len(numbers):
        return values
    counts = Counter(numbers.values())
    names = {level: number for level, number in numbers.items() if counts[number] > 1}
    return np.array([names.get(value, value) for value in values.tolist()], dtype=object)


def _matches(array: Any, pattern: str) -> Any:
    import pyarrow.compute as pc

    return pc.match_substring_regex(array, f"^(?:{pattern})$")


def _numbers(name: str, trimmed: Any, numeric: NDArray[np.bool_], is_missing: NDArray[np.bool_]) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = np.full(len(trimmed), np.nan)
    values[numeric] = pc.cast(trimmed.filter(pa.array(numeric)), pa.float64()).to_numpy()
    wrong = np.flatnonzero(np.isinf(values) | ~(numeric | is_missing))
    n_numbers = int(numeric.sum())
    misfits = [Misfit(int(row), str(trimmed[row]), _rule(str(trimmed[row]), n_numbers)) for row in wrong]
    return Column(name, "number", values, misfits)


def _rule(cell: str, n_numbers: int) -> str:
    """Say why a text is no number of ours."""
    if re.fullmatch(NUMBER, cell):
        return "is beyond the numbers of 64 bits (1.8e308)"
    if re.fullmatch(_INFINITE, cell):
        return "is infinite"
    if re.fullmatch(_COMMA, cell):
        return "has a comma: write a number with a decimal point and nothing between its thousands"
    return f"is not a number, as {n_numbers:,} other cells of the column are"


def _is_prose(trimmed: Any, is_missing: NDArray[np.bool_]) -> bool:
    """Tell whether the cells are long texts of many words, most of them different."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = trimmed.filter(pa.array(~is_missing))
    if len(cells) < 2 or pc.mean(pc.utf8_length(cells)).as_py() < _LONG_CHARACTERS:
        return False
    n_words = pc.mean(pc.add(pc.count_substring(cells, " "), 1)).as_py()
    return bool(n_words >= _MANY_WORDS and 2 * len(pc.unique(cells)) > len(cells))


def _prose(name: str, series: "pd.Series[Any]") -> Column:
    """Take texts as they are; only one without any character is missing."""
    cells = series.astype(object).map(str, na_action="ignore").to_numpy(dtype=object, copy=True)
    cells[[not str(cell).strip() for cell in cells]] = None
    cells[lacking(cells)] = None
    return Column(name, "text", cells)
