"""All settings with what they take, their defaults and their meaning, for help and for the reference.

Keys, defaults and meanings are those of the files of the configuration tree; the meaning is the comment at the end of a
setting's line. What a setting takes is read off the models that check a job.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nnsweep.jobs.conf_tree import (
    PRESETS,
    conf_dir,
    list_choice_settings,
    list_groups,
    read_choice_file,
    read_remarks,
    walk_settings,
)
from nnsweep.jobs.job import Job
from nnsweep.jobs.problems import ONE_FORM
from nnsweep.jobs.schema import Models, find_rule
from nnsweep.mlp.choices import Range

SWEEPER = ("hydra/launcher", "hydra/sweeper")
"""The groups of Hydra's that have settings for users; they are written as ``hydra.launcher.n_jobs``."""
_NOUNS = {bool: "true or false", int: "integer", float: "number", str: "text", NoneType: "null"}
_OR_NULL = " or null"
_JOINED = re.compile(r",| or | and ")
_COUNTS = {1: "one", 2: "two", 3: "three"}


class SettingEntry(NamedTuple):
    """One setting of one choice.

    Attributes
    ----------
    key : str
        As it is written on the command line, such as ``schedule.gamma``.
    group : str
        Its group, such as ``schedule``, ``tracking`` or ``hydra``; empty for the settings that are in none.
    choice : str
        The choice of the group that has it, such as ``step``; empty where there is nothing to choose.
    default : Any
        As its file has it: ``???`` where it must be given, ``${trainer.epochs}`` for the value of another setting.
    allowed : str
        What it takes, in words, such as ``integer >= 1 or null``; empty if nothing here checks it.
    meaning : str
        What it is for; empty if its line has no comment.
    """

    key: str
    group: str
    choice: str
    default: Any
    allowed: str
    meaning: str


def list_all_settings(folders: Sequence[Path] = ()) -> list[SettingEntry]:
    """List all settings of all choices.

    Parameters
    ----------
    folders : sequence of Path
        Configuration trees of the user's own, which win over nnsweep's.

    Returns
    -------
    list of SettingEntry
        Those of the main file first, then group by group and choice by choice, in the order of the files.

    Examples
    --------
    >>> found = {(one.key, one.choice): one for one in list_all_settings()}
    >>> found["trainer.patience", "minibatch"].allowed, found["schedule.gamma", "exp"].default
    ('integer >= 1 or null', 0.95)
    """
    trees = [*folders, Path(conf_dir())]
    settings = list(_list_main(trees))
    for group, names in list_groups(trees).items():
        if group != PRESETS and (group in SWEEPER or not group.startswith("hydra/")):
            for name in names:
                settings += _list_choice(trees, group, name)
    return settings


def _list_main(trees: Sequence[Path]) -> Iterator[SettingEntry]:
    remarks = read_remarks(trees, {})
    for name, value in list_choice_settings(trees, {}).items():
        inner = dict(walk_settings(value)) if isinstance(value, dict) else {"": value}
        for part, default in inner.items():
            key = f"{name}.{part}" if part else name
            if key.startswith("hydra.callbacks."):
                continue
            allowed = _describe_field(_find_field(name, part, ""))
            yield SettingEntry(key, name if part else "", "", default, allowed, remarks.get(key, ""))


def _list_choice(trees: Sequence[Path], group: str, choice: str) -> Iterator[SettingEntry]:
    settings, start = read_choice_file(trees, group, choice), group.replace("/", ".")
    remarks = read_remarks(trees, {group: [choice]})
    for path, default in walk_settings(settings) if group in SWEEPER else settings.items():
        if path not in ("name", "_target_"):
            allowed = _describe_field(_find_field(group, path, settings.get("name", choice)))
            if group == "arch" and path in ONE_FORM:  # null is for architectures of the other form
                allowed = re.sub(",? or null$", "", allowed)
            meaning = remarks.get(f"{group}.{path}", "")
            yield SettingEntry(f"{start}.{path}", group, choice, default, allowed, meaning)


@cache
def _list_models(group: str) -> dict[str, type[BaseModel]]:
    """Give the models of a group by the names that they are for; the one that is for all by an empty name."""
    field = Job.model_fields[group]
    models: list[Any] = [model for mark in field.metadata if isinstance(mark, Models) for model in mark.models()]
    if not models and hasattr(field.annotation, "model_fields"):
        models = [field.annotation]
    return {_read_name(model): model for model in models}


def _read_name(model: type[BaseModel]) -> str:
    """Read the name that a model is for; empty if it is for any."""
    field = model.model_fields.get("name")
    names = get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ("",)
    return str(names[0])


def _find_field(group: str, name: str, choice: str) -> FieldInfo | None:
    """Find the field of a job that a setting is; None if there is none."""
    if group not in Job.model_fields:
        return None
    if not name:
        return Job.model_fields[group]
    models = _list_models(group)
    model = models.get(choice) or models.get("")
    return model.model_fields.get(name) if model else None


def _describe_field(field: FieldInfo | None) -> str:
    return "" if field is None else describe_type(field.annotation, field.metadata)


def describe_type(annotation: Any, marks: Collection[Any] = (), *, is_many: bool = False) -> str:
    """Say in words which values a type has.

    Parameters
    ----------
    annotation : type
        The type of a field of a model that checks a job.
    marks : collection
        Its metadata. A text among them is taken as the words; ranges and names are those of `nnsweep.jobs.schema`.
    is_many : bool
        Whether the words shall be for several of them.

    Examples
    --------
    >>> describe_type(int | None, [Range(ge=1)]), describe_type(tuple[float, ...])
    ('integer >= 1 or null', 'list of numbers')
    >>> describe_type(Literal["all", "none"] | None), describe_type(Annotated[str, "size, such as 1GB"])
    ('all, none or null', 'size, such as 1GB')
    """
    alternatives = list(dict.fromkeys(_list_alternatives(annotation, marks, is_many=is_many)))
    words = [one for one in alternatives if one.isidentifier() or one[0] in "'\""]
    phrases = [one for one in alternatives if one not in words]
    if not phrases or (len(alternatives) == 2 and not any(_JOINED.search(one) for one in phrases)):
        return join_alternatives(alternatives)
    null = [word for word in words if word == "null"]
    names = [word for word in words if word != "null"]
    return ", or ".join([*([join_alternatives(names)] if names else []), *phrases, *null])


def join_alternatives(words: Iterable[str]) -> str:
    """Write words as alternatives.

    Examples
    --------
    >>> join_alternatives(["mean"]), join_alternatives(["drop", "mean", "median"])
    ('mean', 'drop, mean or median')
    """
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _list_alternatives(annotation: Any, marks: Collection[Any], *, is_many: bool) -> Iterator[str]:
    """Say of each kind of value in a type what it is, and of words themselves."""
    origin, inner = get_origin(annotation), get_args(annotation)
    rules = [mark for mark in marks if isinstance(mark, Range)] + [rule for mark in marks if (rule := find_rule(mark))]
    names = [name for rule in rules if not isinstance(rule, Range) for name in rule]
    if words := [mark for mark in marks if isinstance(mark, str)]:
        yield f"{words[0]}s" if is_many and words[0].isalpha() else words[0]
    elif origin is Annotated:
        yield from _list_alternatives(inner[0], [*inner[1:], *marks], is_many=is_many)
    elif origin in (Union, UnionType):
        for kind in inner:
            if kind is not int or float not in inner:
                yield from _list_alternatives(kind, () if kind is NoneType else marks, is_many=is_many)
    elif names or origin is Literal:
        yield from (str(name) if str(name).isidentifier() else repr(name) for name in names or inner)
    elif origin is tuple:
        count = "" if inner[-1] is Ellipsis else f"{_COUNTS.get(len(inner), len(inner))} "
        yield f"list{'s' * is_many} of {count}{describe_type(inner[0], is_many=True)}"
    elif origin is dict:
        yield f"mapping{'s' * is_many} of columns to {describe_type(inner[1])}"
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {name: _describe_field(field) for name, field in annotation.model_fields.items()}
        yield "{" + "; ".join(f"{name}: {words.removesuffix(_OR_NULL)}" for name, words in fields.items()) + "}"
    else:
        allowed = [str(rule) for rule in rules if str(rule) != "finite"]
        yield " ".join([f"{_NOUNS[annotation]}{'s' * (is_many and annotation is not bool)}", *allowed])
