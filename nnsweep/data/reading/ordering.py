"""The order of a table's rows by one of its columns: by numbers, or by dates."""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.reading.cells import find_missing, read_cell_texts
from nnsweep.data.reading.column import is_numeric
from nnsweep.data.reading.dates import read_dates
from nnsweep.data.reading.header import NUMBER
from nnsweep.data.reading.problems import combine_problems, show_name, show_value, write_setting
from nnsweep.data.reading.raw import Raw
from nnsweep.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


class Ordering(NamedTuple):
    """Where rows stand in an order.

    Attributes
    ----------
    column : str
        The column that orders them.
    ranks : ndarray of shape (n_rows,)
        Whole numbers from 0; rows with equal values have the same.
    texts : ndarray of shape (n_rows,)
        What is written in the column.
    """

    column: str
    ranks: NDArray[np.int64]
    texts: NDArray[Any]

    def of(self, rows: NDArray[np.intp]) -> "Ordering":
        """Give that of some rows."""
        return Ordering(self.column, self.ranks[rows], self.texts[rows])


def find_ordering(raw: Raw, column: str, date_format: str | None = None) -> Ordering:
    """Order the rows of a table by a column of numbers or of dates; rows without a value are among the first.

    Parameters
    ----------
    raw : Raw
        The table.
    column : str
        The column.
    date_format : str, optional
        How dates are written, where they do not show that themselves.

    Raises
    ------
    DataError
        If a cell is neither a number nor a date such as 2020-12-31; all such cells together. If day and month cannot
        be told apart.
    """
    texts = read_cell_texts(raw.frame[column])
    values, other = _values(raw.frame[column], texts, date_format)
    if other is not None and date_format is None:
        first = next(text for text in texts.tolist() if text is not None)
        raise DataError(
            f"{show_name(raw.source)}: data.split_by={show_name(column)}: day and month cannot be told apart, as in "
            f"{show_value(first)}; say which comes first, as in {write_setting('data.date_format', other)}"
        )
    is_wrong = find_missing(values) & ~find_missing(texts)
    if is_wrong.any():
        raise combine_problems(
            (
                f"{raw.place(int(row), column)}: {show_value(texts[row])} cannot be ordered, it is neither a number "
                "nor a "
                f"date such as 2020-12-31 or 2020-12-31 23:59; mend it, or choose another column than "
                f"data.split_by={show_name(column)}"
                for row in np.flatnonzero(is_wrong)
            ),
            int(is_wrong.sum()),
        )
    ranks = np.zeros(len(texts), dtype=np.int64)
    ranks[~find_missing(texts)] = np.unique(values[~find_missing(texts)], return_inverse=True)[1]
    return Ordering(column, ranks, texts)


def _values(
    series: "pd.Series[Any]", texts: NDArray[Any], date_format: str | None
) -> tuple[NDArray[np.float64], str | None]:
    """Give numbers, or days, (n_rows,), NaN for what is neither; and how else dates could be read."""
    import pandas as pd

    if is_numeric(series):
        return pd.to_numeric(series).to_numpy(dtype=np.float64, na_value=np.nan), None
    values, there = np.full(len(texts), np.nan), ~find_missing(texts)
    levels, places = np.unique(texts[there].astype(str), return_inverse=True)
    if all(re.fullmatch(NUMBER, level) for level in levels):
        values[there] = levels.astype(np.float64)[places]
        return values, None
    dates = read_dates(levels.tolist(), date_format)
    values[there] = dates.days[places]
    return values, dates.other
