"""A part of a job: a choice by its name, with its settings, as a checked value.

The models are made from the signatures of what the names stand for, so that a setting and its range are
written once, where they are used.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial, reduce
from inspect import Parameter
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetPydanticSchema,
    PlainSerializer,
    Tag,
    create_model,
    field_validator,
)
from pydantic_core import PydanticCustomError

from nnsweep.mlp.choices import Range, settings

Fields = dict[str, Any]
WORD, SETTINGS = "a word", "settings"
"""Which of both a value is, where there may be either; pydantic puts it into the location of an error."""


class Settings(BaseModel):
    """Values that are checked when they are made, and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @field_validator("*", mode="after")
    @classmethod
    def _without_negative_zero(cls, value: Any) -> Any:
        """Make -0.0 what it equals: the two would be two keys of one job."""
        if isinstance(value, tuple) and value and all(isinstance(one, float) for one in value):
            return tuple(one + 0.0 for one in value)
        return value + 0.0 if isinstance(value, float) else value

    def settings(self) -> dict[str, Any]:
        """Return the values by name, without the name of the choice itself."""
        return {field: getattr(self, field) for field in type(self).model_fields if field != "name"}


class Part(Settings):
    """One choice by its name; subclasses have its settings."""

    name: str


def within(allowed: Range) -> AfterValidator:
    """Make the metadata that holds a number within a range."""
    return AfterValidator(partial(_require, allowed))


def _require(allowed: Range, value: float) -> float:
    if value not in allowed:
        raise PydanticCustomError("range", "must be {allowed}", {"allowed": str(allowed)})
    return value


def _pairs(given: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Keep a mapping as sorted pairs: parts are looked up by their hash, and the order of a mapping says nothing."""
    return tuple(sorted(given.items()))


def one_of(known: Collection[str]) -> AfterValidator:
    """Make the metadata that holds a text to one of some names."""

    def require(value: str) -> str:
        if value not in known:
            raise PydanticCustomError("one_of", "must be one of {known}", {"known": list(known)})
        return value

    return AfterValidator(require)


def one_choice(
    makers: Mapping[str, Callable[..., Any]],
    *,
    without: Collection[str] = (),
    more: Fields | None = None,
    replace: Mapping[Any, Any] | None = None,
) -> GetPydanticSchema:
    """Make the metadata that lets a field of type `Part` hold any of the named choices.

    Parameters
    ----------
    makers : mapping of str to callable
        The choices; their keyword-only parameters are the settings.
    without : collection of str
        Parameters that do not come from this part of the configuration.
    more : dict or None
        Fields, as `pydantic.create_model` takes them, that every choice has besides.
    replace : mapping or None
        Annotations that stand for others.

    Returns
    -------
    GetPydanticSchema
        To be used as ``Annotated[Part, choice(...)]``.
    """
    models = [
        _model(name, Part, {"name": (Literal[name], ...)} | _fields(maker, without, replace or {}) | (more or {}))
        for name, maker in makers.items()
    ]
    return _schema(Annotated[reduce(or_, models), Field(discriminator="name")], models)


def one_group(
    name: str,
    maker: Callable[..., Any],
    *,
    without: Collection[str] = (),
    more: Fields | None = None,
    replace: Mapping[Any, Any] | None = None,
) -> GetPydanticSchema:
    """Make the metadata that lets a field of type `Settings` hold the settings of one function or record.

    See `one_choice` for the parameters.
    """
    model = _model(name, Settings, _fields(maker, without, replace or {}) | (more or {}))
    return _schema(model, [model])


def _model(name: str, base: type[Settings], fields: Fields) -> Any:
    return create_model(name, __base__=base, **fields)


class Models(GetPydanticSchema):
    """The metadata of a part, which knows its models."""

    models: Sequence[type[Settings]]


def _schema(model: Any, models: Sequence[type[Settings]]) -> Models:
    made = Models(lambda _, handler: handler(model))
    made.models = models
    return made


def _fields(maker: Callable[..., Any], without: Collection[str], replace: Mapping[Any, Any]) -> Fields:
    return {
        name: (_checked(annotation, replace), ... if default is Parameter.empty else default)
        for name, (annotation, default) in settings(maker).items()
        if name not in without
    }


def _word_or_settings(kinds: Sequence[Any]) -> Any:
    """Make the annotation of a word that stands for several settings, or those settings themselves."""
    word: Any
    word, settings = sorted(kinds, key=is_typeddict)
    fields: Fields = {name: (kind | None, None) for name, kind in get_type_hints(settings).items()}
    model: Any = _model(settings.__name__, Settings, fields)
    pairs: Any = Annotated[model, AfterValidator(lambda given: _pairs(given.model_dump(exclude_none=True)))]
    either: Any = Annotated[word, Tag(WORD)] | Annotated[pairs, PlainSerializer(dict), Tag(SETTINGS)]
    return Annotated[either, Discriminator(lambda given: WORD if isinstance(given, str) else SETTINGS)]


def _checked(annotation: Any, replace: Mapping[Any, Any]) -> Any:
    """Put pydantic's own metadata in the place of each `Range`, however deep."""
    if annotation in replace:
        return replace[annotation]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marks = [within(mark) if isinstance(mark, Range) else mark for mark in inner[1:]]
        return Annotated[_checked(inner[0], replace), *marks]
    if origin in (Union, UnionType) and any(map(is_typeddict, inner)):
        return _word_or_settings([kind for kind in inner if kind is not NoneType]) | None
    if origin in (Union, UnionType):
        return reduce(or_, [_checked(kind, replace) for kind in inner])
    if origin is Mapping:
        mapping: Any = dict.__class_getitem__((inner[0], _checked(inner[1], replace)))
        return Annotated[mapping, AfterValidator(_pairs), PlainSerializer(dict)]
    if origin is tuple:
        kinds: Any = tuple(kind if kind is Ellipsis else _checked(kind, replace) for kind in inner)
        return tuple[kinds]
    return annotation
