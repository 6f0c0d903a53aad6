"""Which values a parameter may take, written once, in the signature that takes it.

A factory's keyword-only parameters carry their range as ``Annotated`` metadata. The factory checks
them when it is called (`ranged`), and the sweep's configuration model reads the same annotations, so
that a wrong value is refused with the same rule from Python and from the command line.
"""

import functools
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Interval

P = ParamSpec("P")
T = TypeVar("T")


class Range(Interval):
    """An interval of numbers; a bound that is ``None`` is absent. Neither NaN nor infinity is inside.

    Parameters
    ----------
    gt, ge, lt, le : float or None
        The bounds, as annotated-types has them: what reads its marks (pydantic, hypothesis) reads these.

    Examples
    --------
    >>> fraction = Range(ge=0, lt=1)
    >>> 0.5 in fraction, 1 in fraction, float("nan") in fraction
    (True, False, False)
    >>> str(fraction)
    '>= 0 and < 1'
    """

    __slots__ = ()

    def __contains__(self, value: Any) -> bool:
        return (
            abs(value) <= sys.float_info.max
            and (self.gt is None or value > self.gt)
            and (self.ge is None or value >= self.ge)
            and (self.lt is None or value < self.lt)
            and (self.le is None or value <= self.le)
        )

    def __str__(self) -> str:
        signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
        bounds = [f"{sign} {getattr(self, name)}" for name, sign in signs.items() if getattr(self, name) is not None]
        return " and ".join(bounds) or "finite"


Finite = Annotated[float, Range()]
Positive = Annotated[float, Range(gt=0)]
NonNegative = Annotated[float, Range(ge=0)]
Fraction = Annotated[float, Range(ge=0, lt=1)]
ShrinkFactor = Annotated[float, Range(gt=0, lt=1)]
Count = Annotated[int, Range(ge=1)]
Index = Annotated[int, Range(ge=0)]


def settings(factory: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
    """Name, annotation and default of each keyword-only parameter of `factory`.

    Parameters
    ----------
    factory : callable
        A function whose keyword-only parameters are all annotated.

    Returns
    -------
    dict
        ``{name: (annotation, default)}``; the default is `inspect.Parameter.empty` for a required one.
    """
    hints = get_type_hints(factory, include_extras=True)
    return {
        name: (hints[name], parameter.default)
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def interval(annotation: Any) -> Range | None:
    """Find the `Range` that an annotation carries, also inside ``X | None``; ``None`` if it carries none."""
    if get_origin(annotation) is Annotated:
        return next((mark for mark in get_args(annotation)[1:] if isinstance(mark, Range)), None)
    if get_origin(annotation) in (Union, types.UnionType):
        return next((found for part in get_args(annotation) if (found := interval(part))), None)
    return None


@functools.cache
def _ranges(factory: Callable[..., Any]) -> dict[str, Range]:
    return {name: found for name, (hint, _) in settings(factory).items() if (found := interval(hint))}


def require(factory: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Check values against the ranges in the signature of `factory`.

    Raises
    ------
    ValueError
        Naming the first parameter that is out of its range, the rule and the value.
    """
    for name, allowed in _ranges(factory).items():
        value = values.get(name)
        if value is not None and value not in allowed:
            raise ValueError(f"`{name}` must be {allowed}, got {value!r}")


def ranged(factory: Callable[P, T]) -> Callable[P, T]:
    """Let `factory` refuse keyword arguments outside the ranges of its own signature.

    Parameters
    ----------
    factory : callable
        A function whose keyword-only parameters carry a `Range`.

    Returns
    -------
    callable
        The same function, which raises `ValueError` naming parameter, rule and value.

    Examples
    --------
    >>> @ranged
    ... def half_life(*, epochs: Positive) -> float:
    ...     return 0.5 ** (1 / epochs)
    >>> half_life(epochs=0)
    Traceback (most recent call last):
    ValueError: `epochs` must be > 0, got 0
    """

    @functools.wraps(factory)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        require(factory, kwargs)
        return factory(*args, **kwargs)

    return checked


def extended(*others: Callable[..., Any]) -> Callable[[Callable[P, T]], Callable[..., T]]:
    """Let a factory that takes ``**settings`` show the settings of others as its own.

    Parameters
    ----------
    *others : callable
        Functions or records whose keyword-only parameters the factory passes on.

    Returns
    -------
    callable
        A decorator; what it returns has the parameters of all in its signature. Where the factory has one of theirs
        itself, its own default holds.

    Examples
    --------
    >>> def grown(*, rate: Positive = 0.5) -> None: ...
    >>> @extended(grown)
    ... def planted(*, depth: Count = 1, **settings: Any) -> None: ...
    >>> list(settings(planted))
    ['depth', 'rate']
    """

    def extend(factory: Callable[P, T]) -> Callable[..., T]:
        own = settings(factory)
        known = own | {name: setting for other in others for name, setting in settings(other).items()} | own

        @functools.wraps(factory)
        def passing(*args: P.args, **kwargs: P.kwargs) -> T:
            return factory(*args, **kwargs)

        passing.__annotations__ = {name: annotation for name, (annotation, _) in known.items()}
        vars(passing)["__signature__"] = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
                for name, (annotation, default) in known.items()
            ]
        )
        del vars(passing)["__wrapped__"]  # whose hints would be taken for those of the whole
        return passing

    return extend
