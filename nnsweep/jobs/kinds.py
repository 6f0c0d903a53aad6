"""What kind of value a setting takes: one or a list of them, text, null. It is read off the models that check a job."""

import functools
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from nnsweep.jobs.job import Job
from nnsweep.jobs.settings import Models


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
