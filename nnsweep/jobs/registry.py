"""The registry of choices, beside their files: which names a group of the configuration has, and their defaults.

The functions are in `GROUPS`, the defaults in ``conf/GROUP/NAME.yaml``: who asks from Python gets what the command line
would have.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnsweep.data.load import DATA_SETS
from nnsweep.jobs.conf_tree import conf_dir, list_groups, read_choice_file
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.choices import Choices
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import SCHEDULES

REGISTRIES: tuple[Choices[Any], ...] = (ACTIVATIONS, SCHEDULES, OPTIMIZERS, INITIALIZERS, DATA_SETS)
GROUPS: dict[str, Choices[Any]] = {choices.group: choices for choices in REGISTRIES}
"""The choices by their group."""

_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def list_names(group: str) -> list[str]:
    """List the names that the command line knows, in the order of the registry.

    Examples
    --------
    >>> list_names("optimizer")
    ['gradient_descent', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw']

    A file may give another name to a choice with settings of its own:

    >>> [name for name in list_names("schedule") if name not in GROUPS["schedule"]]
    ['warmup_cosine']
    """
    order = list(GROUPS[group])
    files = _files(group)
    return sorted(files, key=lambda name: order.index(files[name]["name"]))


def table_row(group: str) -> str:
    """Write the row of README's table that lists the names of a group."""
    return f"| `{group}` | {', '.join(f'`{name}`' for name in list_names(group))} |"


def read_defaults(group: str, name: Any, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read the settings of a choice from its file.

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
    >>> read_defaults("schedule", "cosine", {"trainer.epochs": 40})
    {'name': 'cosine', 'decay_epochs': 40, 'end_value': 0.0}
    >>> read_defaults("schedule", "none_such")
    {'name': 'none_such'}
    """
    known = _files(group)
    if not isinstance(name, str) or name not in known:
        return {"name": name}
    settings: dict[str, Any] = _resolved(known[name], values or {})
    return settings


@functools.cache
def _files(group: str) -> dict[str, dict[str, Any]]:
    folders = [Path(conf_dir())]
    return {name: read_choice_file(folders, group, name) for name in list_groups(folders)[group]}


def _resolved(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, values) for inner in value]
    reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return values[reference[1]] if reference else value
