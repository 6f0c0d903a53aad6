"""The roles of a table's columns: which is the label, the group or the part, and which are features, of what kind."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple, TypeAlias

from nnsweep.data.reading.cells import Kind
from nnsweep.data.reading.problems import show_name, show_value
from nnsweep.data.reading.raw import Raw
from nnsweep.text import suggest_nearest, suggest_null

ColumnName: TypeAlias = Annotated[str, "a column's name, or its number from 0; from -1 backwards"]
KINDS: tuple[Kind, ...] = ("number", "date", "category", "text")
IGNORE = "ignore"
_NULLABLE = ("data.group", "data.split", "data.split_by")
"""Settings that need not name a column."""


class Roles(NamedTuple):
    """What each column is there for.

    Attributes
    ----------
    target : str or None
        The column with the labels; None if it is not there, which is a problem.
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

    target: str | None
    group: str | None
    split: str | None
    split_by: str | None
    features: tuple[str, ...]
    asked: Mapping[str, Kind]
    ignored: tuple[str, ...]
    problems: tuple[str, ...] = ()


def assign_roles(
    raw: Raw,
    *,
    target: str | None,
    group: str | None,
    split: str | None,
    columns: Mapping[str, str] | None,
    split_by: str | None = None,
    ignore: Sequence[str] | None = None,
) -> Roles:
    """Find the columns that somebody names.

    Parameters
    ----------
    raw : Raw
        The table.
    target, group, split, split_by : str or None
        Names of columns, or their numbers. Without a target, it is the one that the format has.
    columns : mapping of str to str or None
        Kinds, or ``ignore``, by column.
    ignore : sequence of str or None
        More columns to ignore.

    Returns
    -------
    Roles
        What each column is there for, as far as it is known, and all that is wrong with the names.
    """
    names = list(raw.frame.columns)
    columns = {find_column(str(name), names): kind for name, kind in (columns or {}).items()}
    ignored = tuple(dict.fromkeys(find_column(str(name), names) for name in ignore or ()))
    target = raw.target if target is None else target
    special = {"data.target": target, "data.group": group, "data.split": split, "data.split_by": split_by}
    given = {key: find_column(str(name), names) for key, name in special.items() if name is not None}
    wanted = [(f"{key}={show_value(name)}", name) for key, name in given.items()]
    wanted += [(f"data.columns.{show_name(name)}={show_value(kind)}", name) for name, kind in columns.items()]
    wanted += [(f"data.ignore={show_value(name)}", name) for name in ignored]
    problems = [explain_absent(raw, told, name) for told, name in wanted if name not in names]
    by = given.pop("data.split_by", None)
    if by in given.values():
        problems.append(
            f"column {show_value(by)} is named by data.split_by and has another role; it can have one role alone"
        )
    problems += _doubled(given, columns, ignored) + _unknown_kinds(columns)
    columns |= dict.fromkeys(ignored, IGNORE)
    if target is None:
        known = _known("", raw)
        problems.insert(0, f"{show_name(raw.source)}: data.target names no column; say which has the labels. {known}")
    kept = tuple(
        name
        for name in names
        if name not in given.values() and columns.get(name) != IGNORE and (name != by or name in columns)
    )
    asked = {name: kind for name, kind in columns.items() if kind in KINDS}
    left_out = tuple(name for name, kind in columns.items() if kind == IGNORE)
    there = {"data.split_by": by, **given}
    roles = [there.get(key) if there.get(key) in names else None for key in special]
    return Roles(roles[0], roles[1], roles[2], roles[3], kept, asked, left_out, tuple(problems))


def find_column(name: str, names: Sequence[str]) -> str:
    """Find a column by its number where none has the name.

    Examples
    --------
    >>> find_column("-1", ["age", "fur"]), find_column("0", ["age", "0"]), find_column("7", ["age"])
    ('fur', '0', '7')
    """
    is_number = name not in names and re.fullmatch(r"-?[0-9]{1,9}", name)
    return names[int(name)] if is_number and -len(names) <= int(name) < len(names) else name


def explain_absent(raw: Raw, setting: str, name: str) -> str:
    """Say that a setting names a column that is not there, and what may be meant.

    Parameters
    ----------
    raw : Raw
        The table.
    setting : str
        The setting, as it was given.
    name : str
        The column's name.
    """
    key = setting.partition("=")[0]
    hint = suggest_null(key, name) if key in _NULLABLE else ""
    return f"{show_name(raw.source)}: {setting}: there is no such column; {hint or _known(name, raw)}"


def _known(name: str, raw: Raw) -> str:
    """Say which column is meant, and list at most thirty."""
    names = list(raw.frame.columns)
    listed = (
        suggest_nearest(name, [*map(show_name, names[:1000])])
        if name
        else f"Known: {', '.join(map(show_name, names[:30]))}"
    )
    told, _, known = listed.partition(": ")
    few = ", ".join(known.split(", ")[:30]) + (f" and {len(names) - 30:,} more" if len(names) > 30 else "")
    looks_like_data = (
        not raw.typed and sum(name[:1].isdigit() or name.startswith("-") for name in names) > len(names) / 2
    )
    hint = "; the first line looks like data: has the file no header?" if looks_like_data else ""
    return f"{told}: {few}{hint}"


def _doubled(given: Mapping[str, str], columns: Mapping[str, str], ignored: Sequence[str]) -> list[str]:
    by_name: dict[str, list[str]] = {}
    for key, name in given.items():
        by_name.setdefault(name, []).append(key)
    for name, kind in columns.items():
        if name in by_name or (name in ignored and kind != IGNORE):
            by_name.setdefault(name, []).append("data.columns")
    for name in ignored:
        if name in by_name:
            by_name[name].append("data.ignore")
    return [
        f"column {show_value(name)} is named by {' and '.join(keys)}; it can have one role alone"
        for name, keys in by_name.items()
        if len(keys) > 1
    ]


def _unknown_kinds(columns: Mapping[str, str]) -> list[str]:
    allowed = (*KINDS, IGNORE)
    return [
        f"data.columns.{show_name(name)}={show_value(kind)}: {suggest_nearest(str(kind), allowed)}"
        for name, kind in columns.items()
        if kind not in allowed
    ]
