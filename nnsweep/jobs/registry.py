"""What can be set: the names that each group has, their defaults, and what kind of value a setting takes.

The functions that the names stand for are in `GROUPS`, the defaults in ``conf/GROUP/NAME.yaml``: a caller from Python
gets what the command line would have. Kinds are read off the models that check a job.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from nnsweep.data.load import DATA_SETS
from nnsweep.jobs.conf_tree import conf_dir, list_groups, read_choice_file
from nnsweep.jobs.job import Job
from nnsweep.jobs.settings import Models
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


class Kind(NamedTuple):
    """What a setting takes.

    Attributes
    ----------
    depth : int
        How deep its lists are: 0 for one value, 1 for a list of values.
    is_text : bool
        Whether it, or what is in its list, is any text.
    is_nullable : bool
        Whether it may be null.
    """

    depth: int
    is_text: bool
    is_nullable: bool


@functools.cache
def find_kind(key: str) -> Kind | None:
    """Give the kind of a setting; None if there is no such setting.

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
    if not name and (_models(group) or hasattr(Job.model_fields[group].annotation, "model_fields")):
        return Kind(0, False, False)
    kinds = [*map(_kind, _annotations(group, name))]
    if not kinds:
        return None
    return Kind(
        max(one.depth for one in kinds), any(one.is_text for one in kinds), all(one.is_nullable for one in kinds)
    )


def _models(group: str) -> list[Any]:
    return [model for mark in Job.model_fields[group].metadata if isinstance(mark, Models) for model in mark.models()]


def _annotations(group: str, name: str) -> Iterator[Any]:
    own = Job.model_fields[group].annotation
    if not name:
        yield own
        return
    for model in _models(group) or [own]:
        if field := getattr(model, "model_fields", {}).get(name):
            yield field.annotation


def _kind(annotation: Any) -> Kind:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0])
    if origin in (Union, UnionType):
        kinds = [_kind(each) for each in inner]
        return Kind(max(one.depth for one in kinds), any(one.is_text for one in kinds), type(None) in inner)
    if origin is tuple:
        item = _kind(inner[0])
        return Kind(1 + item.depth, item.is_text, False)
    if origin is dict or origin is Literal:
        return Kind(0, False, False)
    return Kind(0, annotation is str, False)
