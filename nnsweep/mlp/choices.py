"""Choices: the functions that a group of the configuration offers by name, and the ranges of their settings.

A choice is one function, registered where it is written. Its keyword-only parameters are its settings, and their
annotations the ranges. The function checks them when it is called; whatever else must know them (the models that check
a job, the estimator, README, the tests) reads them here. The command line's defaults are in ``conf/GROUP/NAME.yaml``.
"""

import functools
import inspect
import sys
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, ParamSpec, TypeVar, Union, cast, get_args, get_origin, get_type_hints

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


R = TypeVar("R")


class Choices(dict[str, T]):
    """What each name of a group stands for, in the order in which they are written.

    Parameters
    ----------
    group : str
        The group's name in the configuration.
    given : collection of str
        Keyword-only parameters that come from another part of the configuration.

    Examples
    --------
    >>> from nnsweep.mlp.choices import Positive
    >>> decays = Choices("decay", given={"rate"})
    >>> @decays.register
    ... def halved(*, rate: Positive, epochs: Positive = 1.0) -> float:
    ...     return rate * 0.5 ** (1 / epochs)
    >>> list(decays), decays["halved"](rate=0.5)
    (['halved'], 0.25)
    >>> list(decays.settings("halved"))
    ['epochs']
    """

    def __init__(self, group: str, *, given: Collection[str] = ()) -> None:
        super().__init__()
        self.group, self.given = group, frozenset(given)
        self._signatures: dict[str, Callable[..., Any]] = {}

    @property
    def signatures(self) -> Mapping[str, Callable[..., Any]]:
        """The function of each name whose keyword-only parameters are the settings."""
        return MappingProxyType(self._signatures)

    def add(self, name: str, choice: T, signature: Callable[..., Any]) -> None:
        """Register what a name stands for.

        Parameters
        ----------
        name : str
            As the configuration has it.
        choice : T
            What it stands for.
        signature : callable
            The function whose keyword-only parameters are the settings.

        Raises
        ------
        ValueError
            If the name is taken.
        """
        if name in self:
            raise ValueError(f"there is a {self.group} {name!r} already; give the new one another name")
        self[name], self._signatures[name] = choice, signature

    def register(self, maker: Callable[P, R]) -> Callable[P, R]:
        """Register a function under its own name, and let it refuse values outside its ranges.

        Parameters
        ----------
        maker : callable
            The choice.

        Returns
        -------
        callable
            The same function, checked as by `nnsweep.mlp.choices.ranged`.
        """
        checked = ranged(maker)
        self.add(maker.__name__, cast(T, checked), checked)
        return checked

    def arrange(self, modules: Sequence[str]) -> None:
        """Order the choices by the modules that register them, whichever of these was imported first."""
        for name in sorted(self, key=lambda name: modules.index(self._signatures[name].__module__)):
            self[name], self._signatures[name] = self.pop(name), self._signatures.pop(name)

    def settings(self, name: str) -> dict[str, tuple[Any, Any]]:
        """Give annotation and default of each setting of a choice, as `nnsweep.mlp.choices.settings` does."""
        return {key: one for key, one in settings(self._signatures[name]).items() if key not in self.given}
