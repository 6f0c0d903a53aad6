"""Columns that are no features: constants, and numbers or names of rows that a table's writer has left in it.

From a constant nothing can be learnt; an index would be learnt by heart. Both are left out and told; an index is
kept if somebody asks for its column. That all values differ makes no index: a measurement's do, too. It has to count
the rows, or to consist of codes, or to be called like one.
"""

import re

import numpy as np

from nnsweep.data.reading.cell_texts import written
from nnsweep.data.reading.column import Column
from nnsweep.data.reading.header import UNNAMED
from nnsweep.data.reading.table_problems import shown

_WRITERS_OWN = rf"{UNNAMED}[0-9]+|__index_level_[0-9]+__"
_CALLED = "ids?|uu?id|guid|index|idx|key|nr|no|num|number|code|serial|ref|reference|name|e-?mail|hash|url"
_IDENTIFIER = rf"(?i:(?:.*[_ .-])?(?:{_CALLED}))|.*[a-z](?:I[dD]|Key|Nr|No|Code|Number|Name|Index)"
_CODE = r"\S{0,40}[0-9]\S{0,40}|\S{1,40}@\S{1,40}"
_FEWEST_COUNTED, _FEWEST_NAMES = 5, 21
"""Rows from which on it is no accident that numbers count them, or that all texts differ."""


def constant(column: Column) -> str | None:
    """Say that a column is constant, apart from missing values; None if it is not.

    Examples
    --------
    >>> constant(Column("age", "number", np.array([5.0, np.nan, 5.0])))
    "constant ('5')"
    """
    values = column.values[~column.is_missing]
    if not len(values):
        return "without any value"
    return f"constant ({shown(written(values[0]))})" if (values == values[0]).all() else None


def index(column: Column) -> str | None:
    """Say why a column looks like numbers or names of the rows; None if it does not.

    Examples
    --------
    >>> index(Column("Unnamed: 0", "number", np.array([3.0, 4.0, 9.0])))
    'an index'
    >>> index(Column("row", "number", np.arange(1.0, 100)))
    'an index: it counts the rows from 1'
    >>> index(Column("age", "number", np.array([3.0, 4.0, 9.0])))
    """
    if re.fullmatch(_WRITERS_OWN, column.name):
        return "an index"
    if column.kind not in ("number", "category") or column.is_missing.any() or not _are_different(column):
        return None
    is_named = re.fullmatch(_IDENTIFIER, column.name) is not None
    if column.kind == "category":
        why = "it is called like one" if is_named else "its texts look like codes" if _are_codes(column) else None
        return (
            f"an identifier: every row has another, and {why}" if why and len(column.values) >= _FEWEST_NAMES else None
        )
    if len(column.values) < _FEWEST_COUNTED:
        return None
    first = column.values.min()
    if _is_first(first) and column.values.max() == first + len(column.values) - 1:
        return f"an index: it counts the rows from {first:.0f}"
    return "an identifier: every row has another, and it is called like one" if is_named else None


def _is_first(number: float) -> bool:
    """Tell whether somebody would begin to count there: at 0, 1, 100, 101, 1000 and so on; a year is none."""
    return number in (0, 1) or re.fullmatch("10{1,9}[01]", f"{number:.0f}") is not None


def _are_codes(column: Column) -> bool:
    return all(re.fullmatch(_CODE, text) for text in column.values.tolist())


def _are_different(column: Column) -> bool:
    """Tell whether every row has another text or another whole number."""
    import pandas as pd

    if column.kind == "number" and (column.values != np.floor(column.values)).any():
        return False
    return len(pd.unique(column.values)) == len(column.values)
