"""The roles of a table's columns: which are the target, the weight, the group, the part and the order, which features.

Of the columns with a role of their own, two are read here: parts become train, val and test, an order becomes ranks.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.problems import combine_problems, show_name, show_value, write_setting
from nnsweep.data.reading.cells import NUMBER, find_missing, read_cell_texts
from nnsweep.data.reading.column import is_numeric
from nnsweep.data.reading.dates import read_dates
from nnsweep.data.reading.read import RawTable
from nnsweep.data.table_settings import IGNORE, KINDS, ColumnSettings, Kind
from nnsweep.errors import DataError
from nnsweep.text import suggest_nearest, suggest_null

if TYPE_CHECKING:
    import pandas as pd


_NULLABLE = ("data.weight", "data.group", "data.split", "data.split_by")
"""Settings that need not name a column."""


class Roles(NamedTuple):
    """What each column is there for.

    Attributes
    ----------
    targets : tuple of str
        The columns with what is to be learned; empty if one is not there, which is a problem.
    weight : str or None
        The column that says how much each row counts.
    group : str or None
        The column whose equal values stay in one part.
    split : str or None
        The column that says which part a row belongs to.
    split_by : str or None
        The column by whose order rows are divided; a feature only if it is asked for.
    features : tuple of str
        The columns that may be features, in the file's order.
    asked : mapping of str to str
        The kinds that somebody has decided on, by column.
    ignored : tuple of str
        The columns that are left out on demand.
    problems : tuple of str
        Names and kinds that are not known, columns with two roles.
    """

    targets: tuple[str, ...]
    weight: str | None
    group: str | None
    split: str | None
    split_by: str | None
    features: tuple[str, ...]
    asked: Mapping[str, Kind]
    ignored: tuple[str, ...]
    problems: tuple[str, ...] = ()


def assign_roles(raw: RawTable, settings: ColumnSettings) -> Roles:
    """Find the columns that settings name.

    Parameters
    ----------
    raw : RawTable
        The table. Where no target is named, it is the one that the format has.
    settings : ColumnSettings
        Names of columns, or their numbers.

    Returns
    -------
    Roles
        What each column is there for, as far as it is known, and all that is wrong with the names.
    """
    names = list(raw.frame.columns)
    kinds = dict(settings.columns or {})  # a job has them as pairs, which nobody can change
    columns: dict[str, str] = {find_column(str(name), names): kind for name, kind in kinds.items()}
    ignored = tuple(dict.fromkeys(find_column(str(name), names) for name in settings.ignore or ()))
    target = raw.target if settings.target is None else settings.target
    targets = (target,) if isinstance(target, str) else tuple(target or ())
    special = {"data.weight": settings.weight, "data.group": settings.group, "data.split": settings.split}
    special["data.split_by"] = settings.split_by
    named = [("data.target", find_column(str(name), names)) for name in targets]
    named += [(key, find_column(str(name), names)) for key, name in special.items() if name is not None]
    entries = [(f"{key}={show_value(name)}", name) for key, name in named]
    entries += [(f"data.columns.{show_name(name)}={show_value(kind)}", name) for name, kind in columns.items()]
    entries += [(f"data.ignore={show_value(name)}", name) for name in ignored]
    problems = [explain_absent(raw, entry, name) for entry, name in entries if name not in names]
    problems += _find_conflicts(named, columns, ignored)
    problems += [
        f"data.columns.{show_name(name)}={show_value(kind)}: {suggest_nearest(str(kind), (*KINDS, IGNORE))}"
        for name, kind in columns.items()
        if kind not in (*KINDS, IGNORE)
    ]
    if not targets:
        listed = _list_columns("", raw)
        problems.insert(0, f"{show_name(raw.source)}: data.target names no column; say which has the labels. {listed}")
    columns |= dict.fromkeys(ignored, IGNORE)
    # a column that orders rows is a feature if somebody says of what kind
    no_features = {name for key, name in named if key != "data.split_by" or name not in columns}
    found = {key: name for key, name in named if name in names}
    known = tuple(name for key, name in named if key == "data.target" and name in names)
    weight, group, split, by = map(found.get, special)
    return Roles(
        known if len(known) == len(targets) else (),
        weight,
        group,
        split,
        by,
        features=tuple(name for name in names if name not in no_features and columns.get(name) != IGNORE),
        asked={name: kind for name, kind in columns.items() if kind in KINDS},
        ignored=tuple(name for name, kind in columns.items() if kind == IGNORE),
        problems=tuple(problems),
    )


def find_column(name: str, names: Sequence[str]) -> str:
    """Find a column by its number where none has the name.

    Examples
    --------
    >>> find_column("-1", ["age", "fur"]), find_column("0", ["age", "0"]), find_column("7", ["age"])
    ('fur', '0', '7')
    """
    is_number = name not in names and re.fullmatch(r"-?[0-9]{1,9}", name)
    return names[int(name)] if is_number and -len(names) <= int(name) < len(names) else name


def explain_absent(raw: RawTable, setting: str, name: str) -> str:
    """Say that a setting names a column that is not there, and what may be meant.

    Parameters
    ----------
    raw : RawTable
        The table.
    setting : str
        The setting, as somebody has written it.
    name : str
        The column's name.
    """
    key = setting.partition("=")[0]
    hint = suggest_null(key, name) if key in _NULLABLE else ""
    return f"{show_name(raw.source)}: {setting}: there is no such column; {hint or _list_columns(name, raw)}"


def _list_columns(name: str, raw: RawTable) -> str:
    """Say which column is meant, and list at most thirty."""
    names = list(raw.frame.columns)
    safe = [*map(show_name, names[:1000])]
    hint, _, listed = (suggest_nearest(name, safe) if name else f"Known: {', '.join(safe)}").partition(": ")
    few = ", ".join(listed.split(", ")[:30]) + (f" and {len(names) - 30:,} more" if len(names) > 30 else "")
    n_like_data = sum(name[:1].isdigit() or name.startswith("-") for name in names)
    is_data = not raw.typed and n_like_data > len(names) / 2
    return f"{hint}: {few}{'; the first line looks like data: has the file no header?' if is_data else ''}"


def _find_conflicts(named: Sequence[tuple[str, str]], columns: Mapping[str, str], ignored: Sequence[str]) -> list[str]:
    """Say which columns are named by several settings; one that orders rows may have a kind besides."""
    by = dict(named).get("data.split_by")
    roles = [(key, name) for key, name in named if key != "data.split_by"]
    problems = []
    if by in [name for _, name in roles]:
        problems.append(
            f"column {show_value(by)} is named by data.split_by and has another role; it can have one role alone"
        )
    by_name: dict[str, list[str]] = {}
    for key, name in roles:
        by_name.setdefault(name, []).append(key)
    for name, kind in columns.items():
        if name in by_name or (name in ignored and kind != IGNORE):
            by_name.setdefault(name, []).append("data.columns")
    for name in ignored:
        if name in by_name:
            by_name[name].append("data.ignore")
    for name, keys in by_name.items():
        if len(keys) > 1:
            is_repeated = len({*keys}) == 1
            rule = (
                f"{keys[0]} twice; name it once" if is_repeated else f"{' and '.join(keys)}; it can have one role alone"
            )
            problems.append(f"column {show_value(name)} is named by {rule}")
    return problems


PARTS = {"train": "train", "val": "val", "validation": "val", "test": "test"}
"""What a fixed split column may say, and the part it means."""


def read_parts(raw: RawTable, roles: Roles) -> NDArray[Any] | None:
    """Give each row's part, where the table says so or has a file of its own for one."""
    name = roles.split
    if roles.split_by is not None and (name is not None or raw.test is not None):
        raise DataError(f"{raw.part_key} and data.split_by both say which rows are tested; leave one of them out")
    if raw.test is not None:
        if name is not None:
            raise DataError(
                f"data.test_path and data.split={show_value(name)} both say which rows are tested; leave one out"
            )
        return np.repeat(np.array(["train", "test"], dtype=object), [raw.n_before_test, len(raw.test.frame)])
    if name is None:
        return None
    texts = read_cell_texts(raw.frame[name])
    parts = np.array([PARTS.get((text or "").lower()) for text in texts.tolist()], dtype=object)
    if len(wrong := np.flatnonzero(find_missing(parts))):
        raise combine_problems(
            (f"{raw.place(int(row), name)}: {show_value(texts[row] or '')} is no part; write train, val or test"
             for row in wrong),
            len(wrong),
        )  # fmt: skip
    return parts


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

    def take(self, rows: NDArray[np.intp]) -> "Ordering":
        """Give that of some rows."""
        return Ordering(self.column, self.ranks[rows], self.texts[rows])


def find_ordering(raw: RawTable, column: str, date_format: str | None = None) -> Ordering:
    """Order the rows of a table by a column of numbers or of dates; rows without a value are among the first.

    Parameters
    ----------
    raw : RawTable
        The table.
    column : str
        The column.
    date_format : str, optional
        How dates are written, where they do not show that themselves.

    Raises
    ------
    DataError
        If a cell is neither a number nor a date such as 2020-12-31; all such cells together. If day and month cannot
        be distinguished.
    """
    texts = read_cell_texts(raw.frame[column])
    values, other = _read_ranks(raw.frame[column], texts, date_format)
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
                f"nor a date such as 2020-12-31 or 2020-12-31 23:59; mend it, or choose another column than "
                f"data.split_by={show_name(column)}"
                for row in np.flatnonzero(is_wrong)
            ),
            int(is_wrong.sum()),
        )
    ranks = np.zeros(len(texts), dtype=np.int64)
    ranks[~find_missing(texts)] = np.unique(values[~find_missing(texts)], return_inverse=True)[1]
    return Ordering(column, ranks, texts)


def _read_ranks(
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
