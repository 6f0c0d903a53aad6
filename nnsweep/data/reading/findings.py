"""What was made of a table, in lines for whoever reads them: kinds, what is left out and why, what is suspicious.

Left out are columns that are no features: constants, and numbers or names of rows that a table's writer has left in it.
From a constant nothing can be learnt; an index would be learnt by heart, and is kept if somebody asks for its column.
That all values differ makes no index: a measurement's do, too. It has to count the rows, or to consist of codes, or to
be called like one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.reading.cells import CellFormat, find_missing, write_cell
from nnsweep.data.reading.column import TableColumn
from nnsweep.data.reading.dates import origin
from nnsweep.data.reading.header import UNNAMED
from nnsweep.data.reading.missing import Policy
from nnsweep.data.reading.problems import MOST_LISTED, column_kind, list_first, show_name, show_value
from nnsweep.data.reading.roles import KINDS, Roles

if TYPE_CHECKING:
    import pandas as pd

_LOOKED_AT = 1000
_WRITERS_OWN = rf"{UNNAMED}[0-9]+|__index_level_[0-9]+__"
_CALLED = "ids?|uu?id|guid|index|idx|key|nr|no|num|number|code|serial|ref|reference|name|e-?mail|hash|url"
_IDENTIFIER = rf"(?i:(?:.*[_ .-])?(?:{_CALLED}))|.*[a-z](?:I[dD]|Key|Nr|No|Code|Number|Name|Index)"
_CODE = r"\S{0,40}[0-9]\S{0,40}|\S{1,40}@\S{1,40}"
_FEWEST_COUNTED, _FEWEST_NAMES = 5, 21
"""Rows from which on it is no accident that numbers count them, or that all texts differ."""


def describe_columns(columns: Sequence[TableColumn], roles: Roles, unused: Mapping[str, str]) -> Iterator[str]:
    """Tell the features by their kinds, and what is none for which reason."""
    for kind in KINDS:
        if kind == "date":
            names = [*dict.fromkeys(column.written["of"] for column in columns if "of" in column.written)]
        else:
            names = [column.name for column in columns if column.kind == kind and "of" not in column.written]
        if names:
            yield f"{len(names):,} {kind} column{'s' if len(names) > 1 else ''}: {list_first(names, len(names))}"
    for name, why in list(unused.items())[:MOST_LISTED]:
        yield f"left out: {show_name(name)} is {why}"
    if len(unused) > MOST_LISTED:
        yield f"left out: {len(unused) - MOST_LISTED:,} more columns for such reasons"
    if roles.ignored:
        yield f"ignored: {list_first(roles.ignored, len(roles.ignored))}"


def describe_missing(n_missing: Mapping[str, int], policy: Policy, n_dropped: int) -> Iterator[str]:
    """Tell how many values are missing in which column, and what becomes of them."""
    if n_missing:
        counts = [f"{name} {count:,}" for name, count in n_missing.items()]
        dropped = f"; {n_dropped:,} rows are left out" if "drop" in policy else ""
        ways = dict.fromkeys(way for way in policy[:2] if way not in (None, "drop"))
        end = dropped + (f"; filled in: {', '.join(map(str, ways))}" if ways else "")
        yield f"missing values: {list_first(counts, len(counts))}{end}"


def describe_gaps(columns: Iterable[TableColumn]) -> Iterator[str]:
    """Tell the texts among numbers that were taken for missing values."""
    for column in columns:
        if gaps := column.written.get("missing"):
            words = ", ".join(map(show_value, gaps))
            keeps = column_kind(column.name, "category")
            yield f"taken for missing values among numbers: {words} in {show_name(column.name)}; {keeps} keeps them"


def warn_of_lost_labels(cells: "pd.Series[Any]", labels: NDArray[Any], cell_format: CellFormat) -> Iterator[str]:
    """Warn if labels (n_rows,) that may be a class were taken for missing ones, and their rows left out."""
    lost = Counter(str(cell).strip() for cell in cells[find_missing(labels)] if isinstance(cell, str) and cell.strip())
    if lost:
        counts = ", ".join(f"{show_value(text)} in {count:,} rows" for text, count in lost.most_common(MOST_LISTED))
        yield f"WARNING: taken for missing labels: {counts}; if that is a class: {cell_format.keep(*lost)}"


def warn_of_spellings(cells: "pd.Series[Any]", labels: NDArray[Any]) -> Iterator[str]:
    """Warn if labels that are written differently (n_rows,) are one class."""
    n_spellings, n_classes = len({str(cell) for cell in cells.unique()}), len(set(labels.tolist()))
    if n_spellings > n_classes:
        yield (
            f"WARNING: {n_spellings:,} spellings of the label are {n_classes:,} classes: "
            "spaces around them and fractions of zero do not count"
        )


def warn_of_copies(columns: Iterable[TableColumn], labels: NDArray[Any], target: str) -> Iterator[str]:
    """Warn of features that are the label (n_rows,) under another name."""
    for column in columns:
        if _tells_the_label(column.values, labels):
            yield (
                f"WARNING: {show_name(column.name)} alone tells the label {show_name(target)} in every row: it may be "
                "the "
                f"label under another name; {column_kind(origin(column.written, column.name), 'ignore')} leaves it out"
            )


def _tells_the_label(values: NDArray[Any], labels: NDArray[Any]) -> bool:
    """Tell whether values and labels correspond one to one."""
    import pandas as pd

    def corresponds(n_rows: int) -> bool:
        return np.array_equal(pd.factorize(values[:n_rows])[0], pd.factorize(labels[:n_rows])[0])

    return corresponds(_LOOKED_AT) and corresponds(len(labels))


def explain_constant(column: TableColumn) -> str | None:
    """Say that a column is constant, apart from missing values; None if it is not.

    Examples
    --------
    >>> explain_constant(TableColumn("age", "number", np.array([5.0, np.nan, 5.0])))
    "constant ('5')"
    """
    values = column.values[~column.is_missing]
    if not len(values):
        return "without any value"
    return f"constant ({show_value(write_cell(values[0]))})" if (values == values[0]).all() else None


def explain_index(column: TableColumn) -> str | None:
    """Say why a column looks like numbers or names of the rows; None if it does not.

    Examples
    --------
    >>> explain_index(TableColumn("Unnamed: 0", "number", np.array([3.0, 4.0, 9.0])))
    'an index'
    >>> explain_index(TableColumn("row", "number", np.arange(1.0, 100)))
    'an index: it counts the rows from 1'
    >>> explain_index(TableColumn("age", "number", np.array([3.0, 4.0, 9.0])))
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


def _are_codes(column: TableColumn) -> bool:
    return all(re.fullmatch(_CODE, text) for text in column.values.tolist())


def _are_different(column: TableColumn) -> bool:
    """Tell whether every row has another text or another whole number."""
    import pandas as pd

    if column.kind == "number" and (column.values != np.floor(column.values)).any():
        return False
    return len(pd.unique(column.values)) == len(column.values)
