"""The parts of a job as checked values: a choice by its name, with its settings.

The models are made from the signatures of the functions that the names stand for, so that a setting and its range are
written once, where they are used.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial, reduce
from inspect import Parameter
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    PlainSerializer,
    Tag,
    create_model,
    field_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError
from pydantic_core.core_schema import no_info_plain_validator_function

from nnsweep.mlp.choices import Range, settings

Fields = dict[str, Any]
WORD, SETTINGS = "a word", "settings"
"""The tags of the two forms that some values may have; pydantic puts the tag into the location of an error."""


class Settings(BaseModel):
    """Immutable values that are checked when they are made."""

    # a model is built when the first value is checked: most are only used as parts of another
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    @field_validator("*", mode="after")
    @classmethod
    def _without_negative_zero(cls, value: Any) -> Any:
        """Replace -0.0 by 0.0, which it equals: the two would give one job two keys."""
        if isinstance(value, tuple) and value and all(isinstance(one, float) for one in value):
            return tuple(one + 0.0 for one in value)
        return value + 0.0 if isinstance(value, float) else value

    def settings(self) -> dict[str, Any]:
        """Return the values by name, without the name of the choice itself."""
        return {field: value for field, value in vars(self).items() if field != "name"}


class Part(Settings):
    """One choice by its name; subclasses have its settings."""

    name: str


def within(allowed: Range) -> AfterValidator:
    """Make the metadata that restricts a number to a range."""
    return AfterValidator(partial(_require, allowed))


def _require(allowed: Range, value: float) -> float:
    if value not in allowed:
        raise PydanticCustomError("range", "must be {allowed}", {"allowed": str(allowed)})
    return value


def _sort_pairs(mapping: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Make sorted pairs of a mapping: parts must be hashable, and its order has no meaning."""
    return tuple(sorted(mapping.items()))


def one_of(names: Collection[str]) -> AfterValidator:
    """Make the metadata that restricts text to some names."""
    return AfterValidator(partial(_require_one_of, names))


def _require_one_of(names: Collection[str], value: str) -> str:
    if value not in names:
        raise PydanticCustomError("one_of", "must be one of {known}", {"known": list(names)})
    return value


def find_rule(mark: Any) -> Range | Collection[str] | None:
    """Find the range of a mark that `within` has made, or the names of one that `one_of` has; None for other marks."""
    check = mark.func if isinstance(mark, AfterValidator) else None
    is_rule = isinstance(check, partial) and check.func in (_require, _require_one_of)
    return check.args[0] if isinstance(check, partial) and is_rule else None


class Models(GetPydanticSchema):
    """The metadata of a field that holds settings, with the models that these may be instances of.

    Parameters
    ----------
    schema : callable
        Makes pydantic's schema of the field.
    models : callable
        Makes the models.
    """

    def __init__(
        self, schema: Callable[[Any, GetCoreSchemaHandler], CoreSchema], models: Callable[[], Iterable[type[Settings]]]
    ) -> None:
        super().__init__(schema)
        self.models = models


class _Choice:
    """One of several choices, whose models are each made when they are first needed.

    Pydantic's own discriminated union would make them all before it checks the first value, though most sweeps use
    one optimizer of many.
    """

    def __init__(
        self, makers: Mapping[str, Callable[..., Any]], fields: Callable[[Callable[..., Any]], Fields]
    ) -> None:
        self._makers = makers

        def make_model(name: str) -> type[Part]:
            own: Fields = {"name": (Literal[name], ...), **fields(makers[name])}
            return create_model(name, __base__=Part, **own)

        self._model = cache(make_model)  # not a method: its cache would keep every instance alive

    def models(self) -> Iterator[type[Settings]]:
        return map(self._model, self._makers)

    def check(self, value: Any) -> Part:
        if isinstance(value, Part):
            return value
        if not isinstance(value, dict):
            raise PydanticKnownError("dict_type")
        if "name" not in value:
            raise PydanticKnownError("union_tag_not_found", {"discriminator": "'name'"})
        name = value["name"]
        if not isinstance(name, str) or name not in self._makers:
            tags = {"tag": str(name), "expected_tags": ", ".join(map(repr, self._makers))}
            raise PydanticKnownError("union_tag_invalid", {"discriminator": "'name'", **tags})
        part: Part = self._model(name).model_validate(value)
        return part


def one_choice(
    makers: Mapping[str, Callable[..., Any]],
    *,
    without: Collection[str] = (),
    more: Fields | None = None,
    replace: Mapping[Any, Any] | None = None,
) -> Models:
    """Make the metadata that lets a field of type `Part` hold any of the named choices.

    Parameters
    ----------
    makers : mapping of str to callable
        The choices; their keyword-only parameters are the settings.
    without : collection of str
        Parameters that are not settings of this part of the configuration.
    more : dict or None
        Further fields of every choice, as `pydantic.create_model` takes them.
    replace : mapping or None
        Annotations to use in place of others.

    Returns
    -------
    Models
        To be used as ``Annotated[Part, one_choice(...)]``.
    """
    choice = _Choice(makers, lambda maker: _make_fields(maker, without, replace or {}) | (more or {}))
    return Models(lambda *_: no_info_plain_validator_function(choice.check), choice.models)


def one_group(
    name: str,
    maker: Callable[..., Any],
    *,
    without: Collection[str] = (),
    more: Fields | None = None,
    replace: Mapping[Any, Any] | None = None,
) -> Models:
    """Make the metadata that lets a field of type `Settings` hold the settings of one function or record.

    See `one_choice` for the parameters.
    """
    model: Any = create_model(name, __base__=Settings, **_make_fields(maker, without, replace or {}), **(more or {}))
    return Models(lambda _, handler: handler(model), lambda: [model])


def _make_fields(maker: Callable[..., Any], without: Collection[str], replace: Mapping[Any, Any]) -> Fields:
    return {
        name: (_make_annotation(annotation, replace), ... if default is Parameter.empty else default)
        for name, (annotation, default) in settings(maker).items()
        if name not in without
    }


def _make_alternative(kinds: Sequence[Any]) -> Any:
    """Make the annotation of several settings, or of a word that stands for them."""
    word: Any
    word, settings = sorted(kinds, key=is_typeddict)
    fields: Fields = {name: (kind | None, None) for name, kind in get_type_hints(settings).items()}
    model: Any = create_model(settings.__name__, __base__=Settings, **fields)
    pairs: Any = Annotated[model, AfterValidator(lambda value: _sort_pairs(value.model_dump(exclude_none=True)))]
    either: Any = Annotated[word, Tag(WORD)] | Annotated[pairs, PlainSerializer(dict), Tag(SETTINGS)]
    return Annotated[either, Discriminator(lambda value: WORD if isinstance(value, str) else SETTINGS)]


def _make_annotation(annotation: Any, replace: Mapping[Any, Any]) -> Any:
    """Replace each `Range` in an annotation by pydantic's own metadata, however deep."""
    if annotation in replace:
        return replace[annotation]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marks = [within(mark) if isinstance(mark, Range) else mark for mark in inner[1:]]
        return Annotated[_make_annotation(inner[0], replace), *marks]
    if origin in (Union, UnionType) and any(map(is_typeddict, inner)):
        return _make_alternative([kind for kind in inner if kind is not NoneType]) | None
    if origin in (Union, UnionType):
        return reduce(or_, [_make_annotation(kind, replace) for kind in inner])
    if origin is Mapping:
        mapping: Any = dict.__class_getitem__((inner[0], _make_annotation(inner[1], replace)))
        return Annotated[mapping, AfterValidator(_sort_pairs), PlainSerializer(dict)]
    if origin is tuple:
        kinds: Any = tuple(kind if kind is Ellipsis else _make_annotation(kind, replace) for kind in inner)
        # JSON has lists for tuples
        return Annotated[
            tuple[kinds], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
        ]
    return annotation
