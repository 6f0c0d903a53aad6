"""A leaf of the configuration tree: one choice of a group, such as ``schedule/cosine``, with its settings.

The files are the one place where the settings' defaults are written; who asks from Python gets what the command line
would have.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnsweep.conf_tree import choice, conf_dir, groups

_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def leaf(group: str, name: Any, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a choice of a group.

    Parameters
    ----------
    group : str
        The group, such as ``schedule``.
    name : str
        Which of its choices.
    values : mapping or None
        What stands for a reference to another key, such as ``trainer.epochs``.

    Returns
    -------
    dict
        Its settings, with `name`; of a choice that no file has, the name alone.

    Examples
    --------
    >>> leaf("schedule", "cosine", {"trainer.epochs": 40})
    {'name': 'cosine', 'decay_epochs': 40, 'end_value': 0.0}
    >>> leaf("schedule", "none_such")
    {'name': 'none_such'}
    """
    known = _leaves(group)
    if not isinstance(name, str) or name not in known:
        return {"name": name}
    settings: dict[str, Any] = _resolved(known[name], values or {})
    return settings


@functools.cache
def _leaves(group: str) -> dict[str, dict[str, Any]]:
    folders = [Path(conf_dir())]
    return {name: choice(folders, group, name) for name in groups(folders)[group]}


def _resolved(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, values) for inner in value]
    reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return values[reference[1]] if reference else value
