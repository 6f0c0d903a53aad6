"""What was found in a table's columns: missing values, what is left out and why, and what is suspicious.

Missing values are refused unless somebody has decided what to do about them: to leave rows out, or to fill in a mean,
changes the question that is asked. Columns are left out that are no features: constants, and numbers or names of rows
that a table's writer has left in it. From a constant nothing can be learnt; an index would be learnt by heart, and is
kept if somebody asks for its column. That all values differ makes no index: a measurement's do, too. It has to count
the rows, or to consist of codes, or to be called like one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.problems import MOST_LISTED, column_kind, list_first, show_name, show_value
from nnsweep.data.reading.cells import UNNAMED, find_missing, write_cell
from nnsweep.data.reading.column import TableColumn
from nnsweep.data.reading.dates import origin
from nnsweep.data.reading.read import RawTable
from nnsweep.data.reading.roles import Roles
from nnsweep.data.reading.targets import Target
from nnsweep.data.table_settings import KINDS, MISSING, CellFormat, Policy
from nnsweep.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


_MOST_COLUMNS = 8
_MOST_MARKS = 5


def select_rows(
    raw: RawTable,
    columns: Sequence[TableColumn],
    special: Sequence[TableColumn],
    policy: Policy,
    cell_format: CellFormat,
) -> NDArray[np.intp]:
    """Give the rows that stay.

    Parameters
    ----------
    raw : RawTable
        The table, for places.
    columns : sequence of TableColumn
        The features.
    special : sequence of TableColumn
        Targets, weight, group and order, which cannot be filled in.
    policy : Policy
        What to do about missing values.
    cell_format : CellFormat
        What stands for them.

    Returns
    -------
    ndarray of shape (n_kept,)
        Row numbers, all of them unless `policy` leaves some out.

    Raises
    ------
    DataError
        If there are missing values that the policy does not cover; all such columns together. If no row is left.
    """
    problems: dict[str, str] = {}
    for column in special:
        is_missing = column.is_missing
        if policy.label != "drop" and is_missing.any():
            what = "target or weight" if column.kind == "number" else "label or group"
            ways_out = [f"a {what} cannot be filled in: {policy.setting(label='drop')} leaves its rows out"]
            problems[column.name] = _describe_gap(raw, column.name, is_missing, ways_out, cell_format)
    for column in columns:
        is_missing = column.is_missing
        if policy.way(column.kind) is None and is_missing.any():
            ways_out = _list_ways_out(column, policy)
            problems[column.name] = _describe_gap(raw, column.name, is_missing, ways_out, cell_format)
    if problems:
        lines, others = [*problems.values()][:_MOST_COLUMNS], [*problems][_MOST_COLUMNS:]
        if others:
            names = list_first(others, len(others))
            lines.append(f"{show_name(raw.source)}: values are missing in {len(others):,} more columns: {names}")
        raise DataError(*lines)
    complete = find_complete(columns, special, policy, len(raw.frame))
    if not len(complete):
        dropped = [*special, *(column for column in columns if policy.way(column.kind) == "drop")]
        counts = {column.name: int(column.is_missing.sum()) for column in dropped}
        most = max(counts, key=counts.__getitem__)
        raise DataError(
            f"{show_name(raw.source)}: data.missing=drop leaves no row: each of the {len(raw.frame):,} lacks a value, "
            f"column {show_name(most)} in {counts[most]:,}; ignore such columns, as with {column_kind(most, 'ignore')}"
        )
    return complete


def find_complete(
    columns: Sequence[TableColumn], special: Sequence[TableColumn], policy: Policy, n_rows: int
) -> NDArray[np.intp]:
    """Give the rows that no missing value leaves out, (n_kept,); for the other parameters see `select_rows`."""
    is_complete = np.ones(n_rows, dtype=bool)
    for column, way in [(one, policy.label) for one in special] + [(one, policy.way(one.kind)) for one in columns]:
        if way == "drop":
            is_complete &= ~column.is_missing
    return np.flatnonzero(is_complete)


def _describe_gap(
    raw: RawTable, name: str, is_missing: NDArray[np.bool_], ways_out: Sequence[str], cell_format: CellFormat
) -> str:
    """Describe a column's missing values; one that is written out comes first, as it may be a value."""
    texts = raw.frame[name][is_missing].map(lambda cell: "" if cell is None or cell != cell else str(cell).strip())
    written = texts[texts != ""]
    marks = [text for text in dict.fromkeys(written.tolist()) if text in MISSING][:_MOST_MARKS]
    first = written if len(written) else texts
    row, text, ways = int(first.index[0]), str(first.iloc[0]), [*ways_out]
    if marks:
        values = (
            f"{show_value(text)} is a value" if marks == [text] else f"{', '.join(map(show_value, marks))} are values"
        )
        ways.append(f"{cell_format.keep(*marks)} if {values}")
    count = f"one of {int(is_missing.sum()):,} in the column"
    return f"{raw.place(row, name)}: {show_value(text)} is a missing value, {count}; {'; or '.join(ways)}"


def _list_ways_out(column: TableColumn, policy: Policy) -> list[str]:
    """List the settings that say what becomes of a column's missing values."""
    name, gaps = column.name, [*column.written.get("missing", ())]
    ways = [f"{column_kind(name, 'category')} if {show_value(gaps[0])} is a value"] if gaps else []
    if policy == Policy():
        ways_of_kind = "mean, median or most_frequent" if column.kind in ("number", "date") else "most_frequent or own"
        return [f"choose data.missing=drop, {ways_of_kind}", *ways, f"ignore it: {column_kind(name, 'ignore')}"]
    kind = "category" if column.kind == "category" else "number"
    why = f"data.missing says nothing of kind {kind}"
    if kind == "category":
        why = f"categories have no {policy.number}" if policy.number in ("mean", "median") else why
        return [f"{why}: {policy.setting(category='most_frequent')} (or own, drop)"]
    why = "numbers are no categories" if policy.category == "own" else why
    return [f"{why}: {policy.setting(number='median')} (or mean, most_frequent, drop)", *ways]


_LOOKED_AT = 1000
_ROUNDING = 1e-12
_WRITERS_OWN = rf"{UNNAMED}[0-9]+|__index_level_[0-9]+__"
_CALLED = "ids?|uu?id|guid|index|idx|key|nr|no|num|number|code|serial|ref|reference|name|e-?mail|hash|url"
_IDENTIFIER = rf"(?i:(?:.*[_ .-])?(?:{_CALLED}))|.*[a-z](?:I[dD]|Key|Nr|No|Code|Number|Name|Index)"
_CODE = r"\S{0,40}[0-9]\S{0,40}|\S{1,40}@\S{1,40}"
_FEWEST_COUNTED, _FEWEST_NAMES = 5, 21
"""Rows from which on it is no accident that numbers count them, or that all texts differ."""


def describe_columns(columns: Sequence[TableColumn], roles: Roles, unused: Mapping[str, str]) -> Iterator[str]:
    """List the features by their kinds, and what is left out for which reason."""
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
    """Say how many values are missing in which column, and what becomes of them."""
    if n_missing:
        counts = [f"{name} {count:,}" for name, count in n_missing.items()]
        dropped = f"; {n_dropped:,} rows are left out" if "drop" in policy else ""
        ways = dict.fromkeys(way for way in policy[:2] if way not in (None, "drop"))
        end = dropped + (f"; filled in: {', '.join(map(str, ways))}" if ways else "")
        yield f"missing values: {list_first(counts, len(counts))}{end}"


def describe_gaps(columns: Iterable[TableColumn]) -> Iterator[str]:
    """List the texts among numbers that were taken for missing values."""
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


def warn_of_copies(columns: Iterable[TableColumn], target: Target, y: NDArray[Any]) -> Iterator[str]:
    """Warn of features that are a target (n_rows,) or (n_rows, n_outputs) under another name.

    A class or a label corresponds to them one to one; a number is theirs in another unit.
    """
    tells = _is_same_in_another_unit if target.task == "regression" else _corresponds
    word = "label" if target.task == "classification" else "target"
    for column in columns:
        for number, name in enumerate(one.name for one in target.columns):
            if tells(column.values, y if y.ndim == 1 else y[:, number]):
                leave_out = column_kind(origin(column.written, column.name), "ignore")
                yield (
                    f"WARNING: {show_name(column.name)} alone tells the {word} {show_name(name)} in every row: it may "
                    f"be the {word} under another name; {leave_out} leaves it out"
                )


def _corresponds(values: NDArray[Any], labels: NDArray[Any]) -> bool:
    import pandas as pd

    return all(  # nearly all differ among the first rows already
        np.array_equal(pd.factorize(values[:n_rows])[0], pd.factorize(labels[:n_rows])[0])
        for n_rows in (_LOOKED_AT, len(labels))
    )


def _is_same_in_another_unit(values: NDArray[Any], numbers: NDArray[np.float64]) -> bool:
    if values.dtype != np.float64 or find_missing(values).any():
        return False
    with np.errstate(all="ignore"):
        return bool(abs(np.corrcoef(values, numbers)[0, 1]) > 1 - _ROUNDING)


def explain_unused(column: TableColumn, roles: Roles) -> str | None:
    """Say why a column is no feature, if it is not; who asks for an index gets it."""
    return explain_constant(column) or (None if column.name in roles.asked else explain_index(column))


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
    import pandas as pd

    if re.fullmatch(_WRITERS_OWN, column.name):
        return "an index"
    values, n_rows = column.values, len(column.values)
    if column.kind not in ("number", "category") or column.is_missing.any():
        return None
    if column.kind == "number" and (values != np.floor(values)).any():
        return None
    if len(pd.unique(values)) < n_rows:
        return None
    is_named = re.fullmatch(_IDENTIFIER, column.name) is not None
    why = "it is called like one" if is_named else None
    if column.kind == "category":
        is_code = all(re.fullmatch(_CODE, text) for text in values.tolist())
        why = why or ("its texts look like codes" if is_code else None)
    else:
        first = values.min()
        # somebody would begin to count at 0, 1, 100, 101, 1000 and so on; a year is no such number
        is_first = first in (0, 1) or re.fullmatch("10{1,9}[01]", f"{first:.0f}") is not None
        if n_rows >= _FEWEST_COUNTED and is_first and values.max() == first + n_rows - 1:
            return f"an index: it counts the rows from {first:.0f}"
    fewest = _FEWEST_NAMES if column.kind == "category" else _FEWEST_COUNTED
    return f"an identifier: every row has another, and {why}" if why and n_rows >= fewest else None
