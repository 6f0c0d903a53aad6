"""The target of a table: what is to be learned of its rows, a class, several labels or numbers.

Nobody has to say which: a column of numbers with as many values as a measurement has is regression, several columns of
yes and no are labels, and everything else is classes. What was decided is noted, with the setting that overrules it.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.problems import list_first, show_name, show_value
from nnsweep.data.reading.cells import NUMBER, find_missing, read_cell_texts
from nnsweep.data.reading.column import Misfit, TableColumn, is_numeric, make_column
from nnsweep.data.reading.read import RawTable
from nnsweep.data.table_settings import CellFormat
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Task

MOST_CLASSES = 10_000
_FEW_ROWS = 20
_FEW_VALUES = 20
"""Of so few different numbers it is not certain that they are a measurement, even if one of them is there only once."""
_FLAGS: Mapping[str, float] = {"0": 0, "no": 0, "false": 0, "n": 0, "1": 1, "yes": 1, "true": 1, "y": 1}
"""What a label says in lower case: whether it holds."""


@dataclass(frozen=True, eq=False)
class Target:
    """What is to be learned of a table's rows.

    Attributes
    ----------
    task : Task
        What is learned.
    columns : tuple of TableColumn
        One with the texts of classes; or the labels, which are 0 or 1, or numbers, NaN where missing.
    notes : tuple of str
        Why it is this task, if nobody has said so.
    """

    task: Task
    columns: tuple[TableColumn, ...]
    notes: tuple[str, ...] = ()

    def take(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Give the targets of some rows: (n_taken,) names of classes, or (n_taken, n_outputs) labels or numbers."""
        if self.task == "classification":
            return name_classes(self.columns[0].values[rows])
        return np.column_stack([column.values[rows] for column in self.columns])


def read_target(
    raw: RawTable,
    names: Sequence[str],
    task: Task | None,
    cell_format: CellFormat,
    *,
    rows: NDArray[np.intp],
    is_drawn: bool,
) -> Target:
    """Read the columns of a target.

    Parameters
    ----------
    raw : RawTable
        The table.
    names : sequence of str
        The columns.
    task : Task or None
        What is learned; None to infer it.
    cell_format : CellFormat
        How cells are written, as far as somebody says so.
    rows : ndarray of shape (n_kept,)
        The rows that are not left out for another column's sake; the task is inferred from them.
    is_drawn : bool
        Whether parts are drawn, so that no class can have one row alone.

    Returns
    -------
    Target
        Cells that cannot be targets are misfits of their columns.

    Raises
    ------
    DataError
        If several columns are to be one class, or it cannot be inferred what they are.
    """
    texts = {name: read_cell_texts(raw.frame[name], cell_format.marks(has_nulls=raw.has_nulls(name))) for name in names}
    notes: tuple[str, ...] = ()
    if task is None:
        infer = _infer_task_of_several if len(names) > 1 else partial(_infer_task, is_drawn=is_drawn)
        task, notes = infer(raw, {name: cells[rows] for name, cells in texts.items()}, cell_format)
    if task == "classification" and len(names) > 1:
        raise DataError(
            f"data.target=[{','.join(map(show_name, names))}]: data.task=classification has one target; name one "
            "column, or choose data.task=multilabel or regression"
        )
    if task == "regression":
        return Target(task, tuple(_read_numbers(raw, name, cell_format, _MEND_NUMBER) for name in names), notes)
    if task == "multilabel":
        return Target(task, tuple(_read_flags(name, cells) for name, cells in texts.items()), notes)
    return Target("classification", tuple(TableColumn(name, "category", cells) for name, cells in texts.items()), notes)


_MEND_NUMBER = "mend it, name another data.target, or choose data.task=classification"
_MEND_FLAG = "mend it, or name other columns with data.target"
_MEND_WEIGHT = "mend it, or leave data.weight out"


def read_weight(raw: RawTable, name: str, cell_format: CellFormat) -> TableColumn:
    """Read the column that says how much each row counts: numbers of at least 0; others do not fit."""
    column = _read_numbers(raw, name, cell_format, _MEND_WEIGHT)
    negative = np.flatnonzero(column.values < 0).tolist()
    misfits = [Misfit(row, f"{column.values[row]:g}", "is a negative weight") for row in negative]
    return replace(column, misfits=[*column.misfits, *misfits])


def _read_numbers(raw: RawTable, name: str, cell_format: CellFormat, way_out: str) -> TableColumn:
    """Read a column that can only be numbers; `way_out` says what to do about cells that are none."""
    marks = cell_format.marks(has_nulls=raw.has_nulls(name))
    column = make_column(raw.frame[name], asked="number", cell_format=cell_format, marks=marks)
    # what a column of features could be besides is no way out for one that has a role
    return column if column.kind == "number" and column.way_out else replace(column, way_out=way_out)


def _read_flags(name: str, texts: NDArray[Any]) -> TableColumn:
    """Read a label: numbers 0 and 1, NaN where missing; other cells do not fit."""
    is_missing = find_missing(texts)
    words = [_flag(text) for text in texts.tolist()]
    values = np.array([_FLAGS.get(word, math.nan) for word in words])
    rule = "is neither 0 nor 1, no nor yes, false nor true"
    wrong = np.flatnonzero(np.isnan(values) & ~is_missing)
    misfits = [Misfit(int(row), str(texts[row]), rule) for row in wrong]
    return TableColumn(name, "number", values, misfits, _MEND_FLAG)


def _flag(text: str | None) -> str:
    """Write a label as the keys of `_FLAGS` are."""
    return re.sub(r"\.0*$", "", (text or "").lower())


def _infer_task(
    raw: RawTable, texts: Mapping[str, NDArray[Any]], cell_format: CellFormat, *, is_drawn: bool
) -> tuple[Task, tuple[str, ...]]:
    """Tell whether a target is classes or numbers, and say why where that is not plain.

    Only numbers that could not be classes are a measurement: too many differ, or one of many is there only once.
    """
    ((name, cells),) = texts.items()
    sizes = Counter(label for label in name_classes(cells).tolist() if label is not None)
    is_lonely = is_drawn and len(sizes) > _FEW_VALUES and min(sizes.values()) == 1
    if (_are_too_many(sizes) or is_lonely) and _are_numbers(raw, name, cell_format):
        way_out = "data.task=classification makes classes of them"
        many = f"{len(sizes):,} different numbers in {sum(sizes.values()):,} rows"
        return "regression", (f"target {show_name(name)}: {many}, so the task is regression; {way_out}",)
    if len(sizes) > 2 and all(re.fullmatch(NUMBER, label) for label in sizes):
        values = sorted(map(float, sizes))
        # whoever numbers classes begins at 0 or 1 and leaves none out
        is_numbered = values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1
        if not is_numbered or len(values) > _FEW_VALUES:
            return "classification", (
                f"label {show_name(name)}: its {len(sizes):,} numbers are taken for classes; data.task=regression "
                "predicts numbers",
            )
    return "classification", ()


def _are_too_many(sizes: Mapping[str, int]) -> bool:
    """Tell whether so many values in so few rows are no classes."""
    n_rows = sum(sizes.values())
    return len(sizes) > MOST_CLASSES or (n_rows > _FEW_ROWS and 2 * len(sizes) > n_rows)


def _are_numbers(raw: RawTable, name: str, cell_format: CellFormat) -> bool:
    """Tell whether a column is meant as numbers; where cells have types or kinds, these decide."""
    series = raw.frame[name]
    if raw.kinds.get(name) == "category" or (raw.typed and not is_numeric(series)):
        return False
    marks = cell_format.marks(has_nulls=raw.has_nulls(name))
    return make_column(series, cell_format=cell_format, marks=marks).kind == "number"


def _infer_task_of_several(
    raw: RawTable, texts: Mapping[str, NDArray[Any]], cell_format: CellFormat
) -> tuple[Task, tuple[str, ...]]:
    """Tell whether several targets are labels or numbers."""
    listed = list_first(map(show_name, texts), len(texts))
    words = {_flag(text) for cells in texts.values() for text in set(cells.tolist()) - {None}}
    if words <= _FLAGS.keys():
        way_out = "; data.task=regression predicts numbers" if words <= {"0", "1"} else ""
        return "multilabel", (f"targets {listed}: yes or no in each, so the task is multilabel{way_out}",)
    if wrong := [name for name in texts if not _are_numbers(raw, name, cell_format)]:
        first = next((text for text in texts[wrong[0]].tolist() if text is not None), "")
        raise DataError(
            f"{show_name(raw.source)}: data.target names several columns, which must all be numbers, or all be labels "
            f"of 0 and 1 or no and yes; {show_name(wrong[0])} has {show_value(first)}: name one column with classes, "
            "or leave it out"
        )
    return "regression", (f"targets {listed}: numbers, so the task is regression; classes are of one target alone",)


def check_targets(target: Target, y: NDArray[np.float64], source: str) -> tuple[NDArray[Any], list[str]]:
    """Check that there is something to learn in labels or numbers, and say what there is.

    Parameters
    ----------
    target : Target
        Of the task multilabel or regression.
    y : ndarray of shape (n_rows, n_outputs)
        Its values in the rows that stay.
    source : str
        What table to call them by.

    Returns
    -------
    y : ndarray of shape (n_rows, n_outputs)
        Labels as integers.
    notes : list of str
        A line for each column, and warnings of labels that are the same in all rows.

    Raises
    ------
    DataError
        If a target of regression is constant, or all labels are.
    """
    names = [column.name for column in target.columns]
    lowest, highest = y.min(axis=0), y.max(axis=0)
    constant = [name for name, is_constant in zip(names, lowest == highest, strict=True) if is_constant]
    if constant and (target.task == "regression" or len(constant) == len(names)):
        value = y[0, names.index(constant[0])]
        raise DataError(
            f"{show_name(source)}: target {show_name(constant[0])}: all {len(y):,} rows are {value:g}; there is "
            "nothing to learn: name another data.target"
        )
    if target.task == "regression":
        return y, [
            f"target {show_name(name)}: numbers from {low:g} to {high:g} in {len(y):,} rows"
            for name, low, high in zip(names, lowest, highest, strict=True)
        ]
    counts = [f"{show_name(name)} {count:,.0f}" for name, count in zip(names, y.sum(axis=0), strict=True)]
    notes = [f"labels: {list_first(counts, len(counts))} of {len(y):,} rows"]
    if constant:
        notes.append(f"WARNING: labels that are the same in all rows: {list_first(constant, len(constant))}")
    return y.astype(np.int64), notes


def name_classes(texts: NDArray[Any]) -> NDArray[Any]:
    """Give labels the names of their classes.

    Parameters
    ----------
    texts : ndarray of shape (n_rows,)
        Labels as they are written, None where missing.

    Returns
    -------
    ndarray of shape (n_rows,)
        If all are whole numbers, their fractions of zero are left out: 1, 1.0 and +1 are one class. Numbers
        such as 007 are codes and stay as they are.

    Examples
    --------
    >>> name_classes(np.array(["0.0", "1.0", "1"], dtype=object)).tolist()
    ['0', '1', '1']
    >>> name_classes(np.array(["0.0", "many"], dtype=object)).tolist()
    ['0.0', 'many']
    """
    levels = [level for level in dict.fromkeys(texts.tolist()) if level is not None]
    is_code = any(re.match(r"[+-]?0[0-9]", level) for level in levels)
    if is_code or not all(re.fullmatch(NUMBER, level) for level in levels):
        return texts
    names = {level: _number_name(level) for level in levels} | {None: None}
    return np.array([names[text] for text in texts.tolist()], dtype=object)


def _number_name(level: str) -> str:
    whole = re.fullmatch(r"\+?(-?[0-9]+)(?:\.0*)?", level)
    if whole:
        return "0" if whole[1] == "-0" else whole[1]
    value = float(level)
    if not math.isfinite(value):
        return level
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def check_classes(labels: NDArray[Any], *, source: str, target: str, lost: Sequence[str] = ()) -> list[str]:
    """Check that there is something to tell apart, and say what there is.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        Names of classes.
    source, target : str
        What table and column to call them by.
    lost : sequence of str
        Lines about labels that were taken for missing ones, for the error if too few classes are left.

    Returns
    -------
    list of str
        How many classes there are, of what sizes; which have one row alone.

    Raises
    ------
    DataError
        If there is one class only, or nearly as many classes as rows.
    """
    sizes = Counter(labels.tolist())
    place = f"{show_name(source)}: label {show_name(target)}"
    if len(sizes) == 1:
        raise DataError(
            f"{place}: all {len(labels):,} rows are {show_value(labels[0])}; there must be two classes or more",
            *(f"{place}: {line.removeprefix('WARNING: ')}" for line in lost),
        )
    if _are_too_many(sizes):
        regression = ", or choose data.task=regression" if all(re.fullmatch(NUMBER, name) for name in sizes) else ""
        raise DataError(
            f"{place}: {len(sizes):,} different values in {len(labels):,} rows are no classes (at "
            f"most {MOST_CLASSES:,}, and two rows of each on average); choose another data.target, or group the values"
            f"{regression}"
        )
    largest = [f"{name} {size:,}" for name, size in sizes.most_common()]
    lonely = [name for name, size in sizes.items() if size == 1]
    notes = [
        f"label {show_name(target)}: {len(sizes):,} classes in {len(labels):,} rows "
        f"({list_first(largest, len(largest))})"
    ]
    if lonely:
        notes.append(
            f"WARNING: {len(lonely):,} classes have one row alone, which cannot be in training and test part both: "
            f"{list_first(lonely, len(lonely))}"
        )
    return notes
