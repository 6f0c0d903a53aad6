"""A table whose columns have kinds: features, labels, groups and parts, and lines that say what was made of it.

What is inferred is said and can be overruled; what is left out is said; what cannot be meant is refused.
"""

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.problems import column_kind, combine_problems, list_first, show_name, show_value
from nnsweep.data.reading import dates, findings
from nnsweep.data.reading.cells import find_missing, read_cell_texts
from nnsweep.data.reading.column import TableColumn, make_column
from nnsweep.data.reading.findings import select_rows
from nnsweep.data.reading.read import Raw
from nnsweep.data.reading.roles import (
    Ordering,
    Roles,
    assign_roles,
    check_classes,
    find_ordering,
    name_classes,
    part_key,
    read_parts,
)
from nnsweep.data.table_settings import MISSING, CellFormat, Kind, Missing, Policy
from nnsweep.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


_MOST_LEVELS, _MOST_LEVELS_ASKED, _FEW_LEVELS = 1000, 10_000, 20
_MOST_COLUMNS = 10
"""Columns of which some cells that do not fit are told; of more, their names."""


@dataclass(frozen=True, eq=False)
class Understood:
    """A table whose columns have kinds.

    Attributes
    ----------
    frame : pandas.DataFrame
        The features (n_rows, n_columns): float64, NaN where missing, for numbers; object, None where missing,
        for categories; str for texts.
    kinds : dict of str to str
        The kind of each column of `frame`, in its order.
    labels : ndarray of shape (n_rows,)
        The class name of every row.
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
    told : list of str
        What was inferred and left out, in lines.
    written : mapping of str to mapping
        How the cells of features are written, where that is not plain; see `nnsweep.data.reading.column.TableColumn`.
    marks : tuple of str
        The texts that stand for a missing value.
    place : callable or None
        Says where a cell is, by its row in the raw table and its column.
    """

    frame: "pd.DataFrame"
    kinds: dict[str, Kind]
    labels: NDArray[Any]
    groups: NDArray[Any] | None
    part: NDArray[Any] | None
    rows: NDArray[np.intp]
    source: str
    n_missing: dict[str, int]
    told: list[str]
    part_key: str = "data.split"
    ordering: Ordering | None = None
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    marks: tuple[str, ...] = MISSING
    place: Callable[[int, str], str] | None = None


def understand(
    raw: Raw,
    *,
    target: str | None,
    columns: Mapping[str, str] | None = None,
    ignore: Sequence[str] | None = None,
    missing: Missing | None = None,
    group: str | None = None,
    split: str | None = None,
    split_by: str | None = None,
    cell_format: CellFormat | None = None,
) -> Understood:
    """Find out what the columns of a table are.

    Parameters
    ----------
    raw : Raw
        The table.
    target : str or None
        The column with the labels.
    columns : mapping of str to str, optional
        ``number``, ``date``, ``category``, ``text`` or ``ignore``, by column, for what shall not be inferred.
    ignore : sequence of str, optional
        More columns that are no features.
    missing : {"drop", "mean", "median", "most_frequent", "own"} or mapping of kinds to them, optional
        What to do about missing values: leave their rows out here, or leave them in for a preparation that fills
        them in. None refuses them.
    group : str, optional
        The column whose equal values stay in one part.
    split : str, optional
        The column that says which part a row belongs to: train, val or validation, test.
    split_by : str, optional
        The column by whose order rows are divided.
    cell_format : CellFormat, optional
        How cells are written, as far as somebody says so.

    Returns
    -------
    Understood
        Features, labels, groups and parts of the rows that stay.

    Raises
    ------
    DataError
        All problems together, names, cells that do not fit, missing values and classes, so far as one does not depend
        on another.
    """
    cell_format, policy = cell_format or CellFormat(), Policy.of(missing)
    roles = assign_roles(
        raw, target=target, group=group, split=split, split_by=split_by, columns=columns, ignore=ignore
    )
    all_columns = [
        _column(raw, name, roles.asked.get(name, raw.kinds.get(name)), cell_format) for name in roles.features
    ]
    problems = [*roles.problems, *_misfits(raw, all_columns, _mend)]
    part, ordering, rows, labels = None, None, np.arange(len(raw.frame)), np.empty(0)
    told: list[str] = []
    with _collecting(problems):
        part = read_parts(raw, roles)
    with _collecting(problems):
        ordering = None if roles.split_by is None else find_ordering(raw, roles.split_by, cell_format.date_format)
    if roles.target is None:
        raise combine_problems(problems)
    unused = {column.name: why for column in all_columns if (why := _unused(column, roles))}
    features = [column for column in all_columns if column.name not in unused]
    special = _special_texts(raw, roles, cell_format)
    with _collecting(problems):
        rows = select_rows(raw, features, special, policy, cell_format)
    with _collecting(problems):
        labels, told = _labels(raw, roles.target, special[roles.target], rows, policy, cell_format)
    taken = [part for column in features for part in column.taken(rows).features()] if not problems else features
    unused |= {column.name: why for column in taken if (why := findings.explain_constant(column))}
    taken = [column for column in taken if column.name not in unused]
    with _collecting(problems):
        _refuse_features(raw, taken, roles, unused)
    if problems:
        raise combine_problems(problems)
    n_missing = _counts(features, special)
    told += findings.describe_columns(taken, roles, unused)
    told += findings.describe_missing(n_missing, policy, len(raw.frame) - len(rows))
    told += [*findings.describe_gaps(features), *findings.warn_of_copies(taken, labels, roles.target)]
    return Understood(
        frame=_frame(taken),
        kinds={column.name: column.kind for column in taken},
        labels=labels,
        groups=None if roles.group is None else special[roles.group][rows],
        part=None if part is None else part[rows],
        rows=rows,
        source=raw.source,
        n_missing=n_missing,
        told=told,
        part_key=part_key(raw),
        ordering=None if ordering is None else ordering.of(rows),
        written={column.name: column.written for column in taken if column.written},
        marks=cell_format.marks(),
        place=raw.place,
    )


def _column(raw: Raw, name: str, asked: Kind | None, cell_format: CellFormat) -> TableColumn:
    marks = cell_format.marks(has_nulls=raw.has_nulls(name))
    return make_column(raw.frame[name], asked=asked, cell_format=cell_format, marks=marks)


def _special_texts(raw: Raw, roles: Roles, cell_format: CellFormat) -> dict[str, NDArray[Any]]:
    """Give the cells of the columns that are no features, (n_rows,), None where missing: label, group and order."""
    names = [name for name in (roles.target, roles.group, roles.split_by) if name is not None]
    return {name: read_cell_texts(raw.frame[name], cell_format.marks(has_nulls=raw.has_nulls(name))) for name in names}


def _labels(
    raw: Raw, target: str, texts: NDArray[Any], rows: NDArray[np.intp], policy: Policy, cell_format: CellFormat
) -> tuple[NDArray[Any], list[str]]:
    """Give the classes of the rows that stay, (n_kept,), and what is to be told of them.

    Raises
    ------
    DataError
        If no classifier can be trained on them.
    """
    labels = name_classes(texts[rows])
    lost = [*findings.warn_of_lost_labels(raw.frame[target], texts, cell_format)]
    if lost and policy.label != "drop":  # they are refused, and it is not known yet what the classes are
        return labels, lost
    told = check_classes(labels[~find_missing(labels)], source=raw.source, target=target, lost=lost)
    return labels, [*told, *findings.warn_of_spellings(raw.frame[target].iloc[rows], labels), *lost]


@contextlib.contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    """Keep what is wrong within for later, when all of it is told at once."""
    try:
        yield
    except DataError as error:
        problems += error.problems


def read_features(
    raw: Raw,
    kinds: Mapping[str, Kind],
    written: Mapping[str, Mapping[str, Any]] | None = None,
    marks: Collection[str] = MISSING,
) -> "pd.DataFrame":
    """Read features of known kinds from a table, as they were understood for a training.

    Parameters
    ----------
    raw : Raw
        The table, which may have other columns too.
    kinds : mapping of str to str
        The wanted columns' kinds.
    written : mapping of str to mapping, optional
        How their cells are written, as in `Understood`; a category has ``values``, its usual marks that are values.
    marks : collection of str
        The texts that stand for a missing value.

    Returns
    -------
    pandas.DataFrame
        As in `Understood`, with those columns in that order; missing values are left in.

    Raises
    ------
    DataError
        If columns are not there, or cells do not fit their kinds; all such problems together.
    """
    known, written = dict.fromkeys(raw.frame.columns), written or {}
    origins = {name: dates.origin(written.get(name, {}), name) for name in kinds}
    if raw.absent is not None:
        known |= dict.fromkeys(origins.values())
    if absent := [name for name in dict.fromkeys(origins.values()) if name not in known]:
        there = list_first(known, len(known))
        raise combine_problems(
            f"{show_name(raw.source)}: there is no column {show_value(name)}; its columns: {there}" for name in absent
        )
    frame = raw.frame if raw.absent is None else raw.frame.reindex(columns=[*known], fill_value=raw.absent)
    columns = {
        origin: make_column(
            frame[origin],
            asked=kinds[name] if origin == name else "date",
            marks=_known_marks(marks, written.get(name, {}), has_nulls=raw.has_nulls(origin)),
            written=written.get(name, {}),
        )
        for name, origin in origins.items()
    }
    if problems := _misfits(
        raw, [*columns.values()], lambda column: f"mend it: the model was trained on {column.kind}s"
    ):
        raise combine_problems(problems)
    return _frame(
        [
            columns[origin] if origin == name else columns[origin].part(written[name]["part"])
            for name, origin in origins.items()
        ]
    )


def _known_marks(marks: Collection[str], written: Mapping[str, Any], *, has_nulls: bool) -> list[str]:
    """Give the marks of a column that a model knows; in a format with nulls, only those that somebody has added."""
    known = [mark for mark in marks if not has_nulls or mark == "" or mark not in MISSING]
    return [mark for mark in (*known, *written.get("missing", ())) if mark not in written.get("values", ())]


def _mend(column: TableColumn) -> str:
    return column.way_out or f"mend it, or {column_kind(column.name, 'category', 'ignore')}"


def _misfits(raw: Raw, columns: Sequence[TableColumn], way_out: Callable[[TableColumn], str]) -> list[str]:
    """Tell the cells that do not fit: some of each column, so that no column hides another."""
    wrong = [column for column in columns if column.misfits]
    problems = []
    for column in wrong[:_MOST_COLUMNS]:
        n_misfits = len(column.misfits)
        n_lines = 1 if len(wrong) > 3 or n_misfits > max(3, len(column.values) // 2) else 3
        for row, value, rule in column.misfits[:n_lines]:
            problems.append(f"{raw.place(row, column.name)}: {show_value(value)} {rule}; {way_out(column)}")
        if n_misfits > n_lines:
            problems[-1] += f" ({n_misfits:,} cells of the column do not fit)"
    if others := [column.name for column in wrong[_MOST_COLUMNS:]]:
        problems.append(
            f"{show_name(raw.source)}: {len(others):,} more columns do not fit: {list_first(others, len(others))}"
        )
    return problems


def _unused(column: TableColumn, roles: Roles) -> str | None:
    """Say why a column is no feature, if it is not; who asks for an index gets it."""
    return findings.explain_constant(column) or (None if column.name in roles.asked else findings.explain_index(column))


def _refuse_features(raw: Raw, columns: Sequence[TableColumn], roles: Roles, unused: Mapping[str, str]) -> None:
    decided = {*roles.asked, *raw.kinds}
    problems = [problem for column in columns if (problem := _too_many_levels(column, column.name in decided))]
    if problems:
        raise combine_problems(f"{show_name(raw.source)}: column {problem}" for problem in problems)
    if not columns:
        why = "; ".join(f"{show_name(name)} is {reason}" for name, reason in [*unused.items()][:10])
        raise DataError(
            f"{show_name(raw.source)}: there is no feature besides the label {show_name(str(roles.target))}"
            f"{f' ({why})' if why else ''}; add columns that tell the classes apart"
        )


def _too_many_levels(column: TableColumn, is_asked: bool) -> str | None:
    if column.kind != "category":
        return None
    n_levels, n_rows = len(set(column.values.tolist()) - {None}), len(column.values)
    is_unique = n_levels > _FEW_LEVELS and 2 * n_levels > n_rows and not is_asked
    if not is_unique and n_levels <= (_MOST_LEVELS_ASKED if is_asked else _MOST_LEVELS):
        return None
    kinds = ("ignore", "text") if is_asked else ("ignore", "text", "category")
    example = next(value for value in column.values.tolist() if value is not None)
    return (
        f"{show_name(column.name)} has {n_levels:,} different texts in {n_rows:,} rows (such as "
        f"{show_value(example)}), "
        f"too many for categories; {column_kind(column.name, *kinds)}"
    )


def _frame(columns: Sequence[TableColumn]) -> "pd.DataFrame":
    import pandas as pd

    def cells(column: TableColumn) -> NDArray[Any]:
        return np.where(column.is_missing, "", column.values).astype(object) if column.kind == "text" else column.values

    return pd.DataFrame(
        {
            column.name: pd.Series(cells(column), dtype=np.float64 if column.kind == "number" else object)
            for column in columns
        }
    )


def _counts(columns: Iterable[TableColumn], special: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    counts = {column.name: int(column.is_missing.sum()) for column in columns}
    counts |= {name: int(find_missing(texts).sum()) for name, texts in special.items()}
    return {name: count for name, count in counts.items() if count}
