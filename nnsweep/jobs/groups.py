"""What can be set: the names in each group, their defaults, and which kind of value a setting takes.

The functions that the names stand for are in `GROUPS`, the defaults in ``conf/GROUP/NAME.yaml``: a caller from Python
gets the same as on the command line. The kinds come from the models that check a job.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from nnsweep.data.load import DATA_SETS
from nnsweep.jobs.conf_tree import conf_dir, list_groups, read_choice_file
from nnsweep.jobs.job import Job
from nnsweep.jobs.schema import Models
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.choices import Choices
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.losses import LOSSES
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import SCHEDULES

REGISTRIES: tuple[Choices[Any], ...] = (ACTIVATIONS, SCHEDULES, OPTIMIZERS, INITIALIZERS, LOSSES, DATA_SETS)
GROUPS: dict[str, Choices[Any]] = {choices.group: choices for choices in REGISTRIES}
"""The choices by their group."""

_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def list_names(group: str) -> list[str]:
    """List the names that can be used on the command line, in the order of the registry.

    Examples
    --------
    >>> list_names("optimizer")
    ['gradient_descent', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw']

    A file may add a name, with settings of its own, for a choice that has another:

    >>> [name for name in list_names("schedule") if name not in GROUPS["schedule"]]
    ['warmup_cosine']
    """
    order = list(GROUPS[group])
    files = _read_files(group)
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
        Values for references to other keys, such as ``trainer.epochs``.

    Returns
    -------
    dict
        Its settings, with `name`; the name alone if the choice has no file.

    Examples
    --------
    >>> read_defaults("schedule", "cosine", {"trainer.epochs": 40})
    {'name': 'cosine', 'decay_epochs': 40, 'end_value': 0.0}
    >>> read_defaults("schedule", "none_such")
    {'name': 'none_such'}
    """
    files = _read_files(group)
    if not isinstance(name, str) or name not in files:
        return {"name": name}
    settings: dict[str, Any] = _resolve(files[name], values or {})
    return settings


@functools.cache
def _read_files(group: str) -> dict[str, dict[str, Any]]:
    folders = [Path(conf_dir())]
    return {name: read_choice_file(folders, group, name) for name in list_groups(folders)[group]}


def _resolve(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _resolve(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolve(inner, values) for inner in value]
    reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return values[reference[1]] if reference else value


class Kind(NamedTuple):
    """The kind of value that a setting takes.

    Attributes
    ----------
    depth : int
        How deep lists are nested: 0 for one value, 1 for a list of values. Where a setting takes one text or several
        (``data.target``), a list from Python goes on being one job a value, and is one value within another list.
    is_text : bool
        Whether the value, or an item of the list, can be any text.
    is_nullable : bool
        Whether null is allowed.
    """

    depth: int
    is_text: bool
    is_nullable: bool


@functools.cache
def find_kind(key: str) -> Kind | None:
    """Find the kind of a setting; None if there is no such setting.

    Parameters
    ----------
    key : str
        Its key in the configuration.

    Examples
    --------
    >>> find_kind("trainer.patience"), find_kind("data.categories")
    (Kind(depth=0, is_text=False, is_nullable=True), Kind(depth=1, is_text=True, is_nullable=True))
    >>> find_kind("arch").depth, find_kind("arch.hidden_layer_sizes").depth, find_kind("trainer.epohcs")
    (0, 1, None)
    """
    group, _, name = key.partition(".")
    if group not in Job.model_fields:
        return None
    field = Job.model_fields[group]
    models: list[Any] = [model for mark in field.metadata if isinstance(mark, Models) for model in mark.models()]
    if not name and (models or hasattr(field.annotation, "model_fields")):
        return Kind(0, False, False)  # a choice of the group
    if name:
        fields = [getattr(model, "model_fields", {}).get(name) for model in models or [field.annotation]]
        kinds = [_read_kind(each.annotation) for each in fields if each]
    else:
        kinds = [_read_kind(field.annotation)]
    if not kinds:
        return None
    return Kind(
        max(one.depth for one in kinds), any(one.is_text for one in kinds), all(one.is_nullable for one in kinds)
    )


def _read_kind(annotation: Any) -> Kind:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _read_kind(inner[0])
    if origin in (Union, UnionType):
        kinds = [_read_kind(each) for each in inner]
        is_one_or_several = any(one.is_text and not one.depth for one in kinds)
        depth = 0 if is_one_or_several else max(one.depth for one in kinds)
        return Kind(depth, any(one.is_text for one in kinds), type(None) in inner)
    if origin is tuple:
        item = _read_kind(inner[0])
        return Kind(1 + item.depth, item.is_text, False)
    if origin is dict or origin is Literal:
        return Kind(0, False, False)
    return Kind(0, annotation is str, False)
