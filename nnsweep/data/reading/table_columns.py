"""A table whose columns have kinds: features, labels, groups and parts, and lines that say what was made of it.

What is inferred is noted and can be overruled; so is what is left out. What cannot be meant is refused.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.problems import column_kind, combine_problems, list_first, show_name, show_value
from nnsweep.data.reading import dates, findings
from nnsweep.data.reading.cells import find_missing, read_cell_texts
from nnsweep.data.reading.column import TableColumn, make_column
from nnsweep.data.reading.read import RawTable
from nnsweep.data.reading.roles import (
    Ordering,
    Roles,
    assign_roles,
    find_ordering,
    read_parts,
)
from nnsweep.data.reading.targets import Target, check_classes, check_targets, read_target, read_weight
from nnsweep.data.table_settings import MISSING, CellFormat, ColumnSettings, Kind, Policy
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Task

if TYPE_CHECKING:
    import pandas as pd


_MOST_LEVELS, _MOST_LEVELS_ASKED, _FEW_LEVELS = 1000, 10_000, 20
_MOST_COLUMNS = 10
"""Columns of which cells that do not fit are listed; of more, their names."""


@dataclass(frozen=True, eq=False)
class TypedTable:
    """A table whose columns have kinds.

    Attributes
    ----------
    frame : pandas.DataFrame
        The features (n_rows, n_columns): float64, NaN where missing, for numbers; object, None where missing,
        for categories; str for texts.
    kinds : dict of str to str
        The kind of each column of `frame`, in its order.
    targets : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        The class name of every row; its labels, 0 or 1, or its numbers.
    groups : ndarray of shape (n_rows,) or None
        Rows with the same value belong together.
    part : ndarray of shape (n_rows,) or None
        ``train``, ``val`` or ``test``, if the table says so itself.
    part_key : str
        The setting that says where.
    ordering : Ordering or None
        The order by which rows are divided.
    rows : ndarray of shape (n_rows,)
        Each row's number in the raw table, from 0.
    source : str
        What to call the table.
    n_missing : dict of str to int
        How many values are missing in each column that lacks some, before rows are left out.
    notes : list of str
        What was inferred and left out, in lines.
    written : mapping of str to mapping
        How the cells of features are written, where that is not plain; see `nnsweep.data.reading.column.TableColumn`.
    marks : tuple of str
        The texts that stand for a missing value.
    place : callable or None
        Says where a cell is, by its row in the raw table and its column.
    task : Task
        What is learned.
    target_names : tuple of str
        The columns of `targets`.
    weight : ndarray of shape (n_rows,) or None
        How much each row counts, above 0.
    """

    frame: "pd.DataFrame"
    kinds: dict[str, Kind]
    targets: NDArray[Any]
    groups: NDArray[Any] | None
    part: NDArray[Any] | None
    rows: NDArray[np.intp]
    source: str
    n_missing: dict[str, int]
    notes: list[str]
    part_key: str = "data.split"
    ordering: Ordering | None = None
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    marks: tuple[str, ...] = MISSING
    place: Callable[[int, str], str] | None = None
    task: Task = "classification"
    target_names: tuple[str, ...] = ()
    weight: NDArray[np.float64] | None = None


def infer_columns(raw: RawTable, settings: ColumnSettings, cell_format: CellFormat | None = None) -> TypedTable:
    """Find out what the columns of a table are.

    Parameters
    ----------
    raw : RawTable
        The table.
    settings : ColumnSettings
        What somebody says of its columns. Rows with missing values are left out here, or left in for a preparation that
        fills them in.
    cell_format : CellFormat, optional
        How cells are written, as far as somebody says so.

    Returns
    -------
    TypedTable
        Features, labels, groups and parts of the rows that stay.

    Raises
    ------
    DataError
        All problems together, names, cells that do not fit, missing values and classes, so far as one does not depend
        on another.
    """
    cell_format, policy = cell_format or CellFormat(), Policy.of(settings.missing)
    roles = assign_roles(raw, settings)
    marks = {name: cell_format.marks(has_nulls=raw.has_nulls(name)) for name in raw.frame.columns}
    asked = {**raw.kinds, **roles.asked}
    columns = [
        make_column(raw.frame[name], asked=asked.get(name), cell_format=cell_format, marks=marks[name])
        for name in roles.features
    ]
    problems = [*roles.problems, *_describe_misfits(raw, columns)]
    part, ordering, rows, y = None, None, np.arange(len(raw.frame)), np.empty(0)
    notes: list[str] = []
    with _collect(problems):
        part = read_parts(raw, roles)
    with _collect(problems):
        ordering = None if roles.split_by is None else find_ordering(raw, roles.split_by, cell_format.date_format)
    if not roles.targets:
        raise combine_problems(problems)
    unused = {column.name: why for column in columns if (why := findings.explain_unused(column, roles))}
    columns = [column for column in columns if column.name not in unused]
    others = [*_read_special(raw, roles, cell_format)]
    complete = findings.find_complete(columns, others, policy, len(raw.frame))
    target, is_drawn = Target("classification", ()), part is None and roles.split_by is None
    with _collect(problems):
        target = read_target(raw, roles.targets, settings.task, cell_format, rows=complete, is_drawn=is_drawn)
    special = {column.name: column for column in (*target.columns, *others)}
    problems += _describe_misfits(raw, [*special.values()])
    with _collect(problems):
        rows = findings.select_rows(raw, columns, [*special.values()], policy, cell_format)
    n_incomplete = len(raw.frame) - len(rows)
    with _collect(problems):
        rows, weightless = _leave_out_weightless(special, roles, rows)
        notes = [*target.notes, *weightless]
    if target.columns:
        with _collect(problems):
            y, described = _make_targets(raw, target, rows, policy, cell_format)
            notes = [*described, *notes]
    features = [part for column in columns for part in column.take(rows).features()] if not problems else columns
    unused |= {column.name: why for column in features if (why := findings.explain_constant(column))}
    features = [column for column in features if column.name not in unused]
    with _collect(problems):
        _refuse_features(raw, features, roles, unused, is_classed=target.task == "classification")
    if problems:
        raise combine_problems(problems)
    counts = {column.name: int(column.is_missing.sum()) for column in (*columns, *special.values())}
    n_missing = {name: count for name, count in counts.items() if count}
    notes += findings.describe_columns(features, roles, unused)
    notes += findings.describe_missing(n_missing, policy, n_incomplete)
    notes += [*findings.describe_gaps(columns), *findings.warn_of_copies(features, target, y)]
    return TypedTable(
        frame=_make_frame(features),
        kinds={column.name: column.kind for column in features},
        targets=y,
        groups=None if roles.group is None else special[roles.group].values[rows],
        part=None if part is None else part[rows],
        rows=rows,
        source=raw.source,
        n_missing=n_missing,
        notes=notes,
        part_key=raw.part_key,
        ordering=None if ordering is None else ordering.take(rows),
        written={column.name: column.written for column in features if column.written},
        marks=cell_format.marks(),
        place=raw.place,
        task=target.task,
        target_names=roles.targets,
        weight=None if roles.weight is None else special[roles.weight].values[rows],
    )


@contextlib.contextmanager
def _collect(problems: list[str]) -> Iterator[None]:
    """Keep what is wrong within for later, when all of it is raised at once."""
    try:
        yield
    except DataError as error:
        problems += error.problems


def _read_special(raw: RawTable, roles: Roles, cell_format: CellFormat) -> Iterator[TableColumn]:
    """Give the columns besides the target whose values cannot be filled in, since they are no features."""
    for name in (roles.group, roles.split_by):
        if name is not None:
            marks = cell_format.marks(has_nulls=raw.has_nulls(name))
            yield TableColumn(name, "category", read_cell_texts(raw.frame[name], marks))
    if roles.weight is not None:
        yield read_weight(raw, roles.weight, cell_format)


def _leave_out_weightless(
    special: Mapping[str, TableColumn], roles: Roles, rows: NDArray[np.intp]
) -> tuple[NDArray[np.intp], list[str]]:
    """Leave out rows that weigh nothing: they count neither in training nor in a measure."""
    if roles.weight is None:
        return rows, []
    weighs = special[roles.weight].values[rows] != 0
    if not weighs.any():
        raise DataError(f"data.weight={show_name(roles.weight)}: all weights are 0; name another column, or none")
    if weighs.all():
        return rows, []
    return rows[weighs], [f"weight {show_name(roles.weight)}: {(~weighs).sum():,} rows weigh 0 and are left out"]


def _make_targets(
    raw: RawTable, target: Target, rows: NDArray[np.intp], policy: Policy, cell_format: CellFormat
) -> tuple[NDArray[Any], list[str]]:
    """Give the targets of the rows that stay, (n_kept,) or (n_kept, n_outputs), and notes on them.

    Raises
    ------
    DataError
        If there is nothing to learn in them.
    """
    y = target.take(rows)
    if target.task != "classification":
        return (y, []) if np.isnan(y).any() else check_targets(target, y, raw.source)  # what is missing is refused
    (column,) = target.columns
    lost = [*findings.warn_of_lost_labels(raw.frame[column.name], column.values, cell_format)]
    if lost and policy.label != "drop":  # they are refused, and it is not known yet what the classes are
        return y, lost
    notes = check_classes(y[~find_missing(y)], source=raw.source, target=column.name, lost=lost)
    return y, [*notes, *findings.warn_of_spellings(raw.frame[column.name].iloc[rows], y), *lost]


def _describe_misfits(raw: RawTable, columns: Sequence[TableColumn], *, is_trained: bool = False) -> list[str]:
    """Describe the cells that do not fit: some of each column, so that no column hides another."""
    wrong = [column for column in columns if column.misfits]
    problems = []
    for column in wrong[:_MOST_COLUMNS]:
        way_out = column.way_out or f"mend it, or {column_kind(column.name, 'category', 'ignore')}"
        way_out = f"mend it: the model was trained on {column.kind}s" if is_trained else way_out
        n_misfits = len(column.misfits)
        n_lines = 1 if len(wrong) > 3 or n_misfits > max(3, len(column.values) // 2) else 3
        for row, value, rule in column.misfits[:n_lines]:
            problems.append(f"{raw.place(row, column.name)}: {show_value(value)} {rule}; {way_out}")
        if n_misfits > n_lines:
            problems[-1] += f" ({n_misfits:,} cells of the column do not fit)"
    if others := [column.name for column in wrong[_MOST_COLUMNS:]]:
        problems.append(
            f"{show_name(raw.source)}: {len(others):,} more columns do not fit: {list_first(others, len(others))}"
        )
    return problems


def _refuse_features(
    raw: RawTable, columns: Sequence[TableColumn], roles: Roles, unused: Mapping[str, str], *, is_classed: bool
) -> None:
    """Refuse categories with too many values, and a table without any feature."""
    problems = []
    for column in columns:
        if column.kind != "category":
            continue
        levels = [*dict.fromkeys(value for value in column.values.tolist() if value is not None)]
        n_levels, n_rows = len(levels), len(column.values)
        is_asked = column.name in roles.asked or column.name in raw.kinds
        is_unique = n_levels > _FEW_LEVELS and 2 * n_levels > n_rows and not is_asked
        most = _MOST_LEVELS_ASKED if is_asked else _MOST_LEVELS
        if is_unique or n_levels > most:
            kinds = ("ignore", "text") if is_asked else ("ignore", "text", "category")
            problems.append(
                f"{show_name(raw.source)}: column {show_name(column.name)} has {n_levels:,} different texts in "
                f"{n_rows:,} rows (such as {show_value(levels[0])}), too many for categories; "
                f"{column_kind(column.name, *kinds)}"
            )
    if problems:
        raise combine_problems(problems)
    if not columns:
        word, purpose = ("label", "tell the classes apart") if is_classed else ("target", "tell something about it")
        why = "; ".join(f"{show_name(name)} is {reason}" for name, reason in [*unused.items()][:10])
        listed = list_first(roles.targets, len(roles.targets))
        raise DataError(
            f"{show_name(raw.source)}: there is no feature besides the {word} {listed}"
            f"{f' ({why})' if why else ''}; add columns that {purpose}"
        )


def _make_frame(columns: Sequence[TableColumn]) -> "pd.DataFrame":
    import pandas as pd

    def cells(column: TableColumn) -> NDArray[Any]:
        return np.where(column.is_missing, "", column.values).astype(object) if column.kind == "text" else column.values

    return pd.DataFrame(
        {
            column.name: pd.Series(cells(column), dtype=np.float64 if column.kind == "number" else object)
            for column in columns
        }
    )


def read_features(
    raw: RawTable,
    kinds: Mapping[str, Kind],
    written: Mapping[str, Mapping[str, Any]] | None = None,
    marks: Collection[str] = MISSING,
) -> "pd.DataFrame":
    """Read features of known kinds from a table, as they were understood for a training.

    Parameters
    ----------
    raw : RawTable
        The table, which may have other columns too.
    kinds : mapping of str to str
        The wanted columns' kinds.
    written : mapping of str to mapping, optional
        How their cells are written, as in `TypedTable`; a category has ``values``, its usual marks that are values.
    marks : collection of str
        The texts that stand for a missing value.

    Returns
    -------
    pandas.DataFrame
        As in `TypedTable`, with those columns in that order; missing values are left in.

    Raises
    ------
    DataError
        If columns are not there, or cells do not fit their kinds; all such problems together.
    """
    names, written = dict.fromkeys(raw.frame.columns), written or {}
    origins = {name: dates.origin(written.get(name, {}), name) for name in kinds}
    frame = raw.frame
    if raw.absent is not None:
        names |= dict.fromkeys(origins.values())
        frame = frame.reindex(columns=[*names], fill_value=raw.absent)
    if absent := [name for name in dict.fromkeys(origins.values()) if name not in names]:
        there = list_first(names, len(names))
        raise combine_problems(
            f"{show_name(raw.source)}: there is no column {show_value(name)}; its columns: {there}" for name in absent
        )
    columns = {}
    for name, origin in origins.items():
        how = written.get(name, {})
        usual = [mark for mark in marks if not raw.has_nulls(origin) or mark == "" or mark not in MISSING]
        columns[origin] = make_column(
            frame[origin],
            asked=kinds[name] if origin == name else "date",
            marks=[mark for mark in (*usual, *how.get("missing", ())) if mark not in how.get("values", ())],
            written=how,
        )
    if problems := _describe_misfits(raw, [*columns.values()], is_trained=True):
        raise combine_problems(problems)
    return _make_frame(
        [
            columns[origin] if origin == name else columns[origin].part(written[name]["part"])
            for name, origin in origins.items()
        ]
    )
