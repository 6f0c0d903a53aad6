"""The choices of one group of the configuration, such as its schedules, by name.

A choice is one function, registered where it is written. Its keyword-only parameters are its settings, and their
annotations the ranges; the defaults of the command line are in ``conf/GROUP/NAME.yaml``. Everything else that must know
which choices there are reads it here: the models that check a job, the estimator, README and the tests.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar, cast

from nnsweep.mlp.ranges import ranged, settings

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


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
    >>> from nnsweep.mlp.ranges import Positive
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
            The same function, checked as by `nnsweep.mlp.ranges.ranged`.
        """
        checked = ranged(maker)
        self.add(maker.__name__, cast(T, checked), checked)
        return checked

    def settings(self, name: str) -> dict[str, tuple[Any, Any]]:
        """Give annotation and default of each setting of a choice, as `nnsweep.mlp.ranges.settings` does."""
        return {key: one for key, one in settings(self._signatures[name]).items() if key not in self.given}
