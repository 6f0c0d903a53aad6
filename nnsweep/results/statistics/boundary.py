"""An edge: a best value that is the smallest or the largest tried, so that a better one may lie beyond.

That it is on the edge says nothing by itself: of two values one always is. A better one is to be expected beyond only
if results still rise towards the edge.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

Values: TypeAlias = tuple[object, ...]

UNBOUNDED = ("learning_rate", "weight_decay")
"""Settings that may be more than 1, although most of their values are less."""
STEP = 10.0
"""How far to go on where the values tried do not tell."""
DIGITS = 4
"""As many as are needed for a round number beyond the edge, up to these."""


class Boundary(NamedTuple):
    """A best value on the edge of those tried.

    Attributes
    ----------
    name : str
        The setting.
    value : float
        Its best value.
    side : str
        ``smallest`` or ``largest``.
    next_value : float or None
        The value to try next; None if there is none to recommend.
    """

    name: str
    value: float
    side: str
    next_value: float | None

    @property
    def words(self) -> str:
        """The same as a sentence, with the way out."""
        way_out = "" if self.next_value is None else f"; try {self.next_value:g}"
        return f"best at {self.name}={self.value:g}, the {self.side} tried{way_out}"


def find_boundaries(
    tried: Sequence[Values],
    names: Sequence[str],
    best: Values,
    *,
    differs: Callable[[Values], bool] = lambda setting: True,
) -> list[Boundary]:
    """Find the numbers of a best setting that lie on the edge of those tried.

    A number is compared with those of settings that have the same choices: rates of one optimizer say nothing about
    another. Where the setting cannot go further (0, or 1 for a share) there is no edge.

    Parameters
    ----------
    tried : sequence of tuple
        All settings that were tried, whatever came of them.
    names : sequence of str
        What their values are called.
    best : tuple
        The best of them.
    differs : callable
        Whether the best can be told from a setting. Only an edge counts at which it can be told from the next value
        inside, all else alike; where there is no such setting nothing is known of a rise.
    """
    choices = [place for place, value in enumerate(best) if _number(value) is None]
    alike = [setting for setting in tried if all(setting[place] == best[place] for place in choices)]
    boundaries = []
    for place, (name, value) in enumerate(zip(names, best, strict=True)):
        values = sorted({number for setting in alike if (number := _number(setting[place])) is not None})
        number = _number(value)
        if number is None or len(values) < 2 or number not in (values[0], values[-1]):
            continue
        if number == 0 or (number == 1 and _is_share(name, values)):
            continue
        side = "largest" if number == values[-1] else "smallest"
        inside = values[-2] if side == "largest" else values[1]
        elsewhere = best[:place], best[place + 1 :]
        beside = [
            setting
            for setting in alike
            if _number(setting[place]) == inside and (setting[:place], setting[place + 1 :]) == elsewhere
        ]
        if beside and differs(beside[0]):
            boundaries.append(Boundary(name, number, side, suggest_next_value(name, values, side)))
    return boundaries


def suggest_next_value(name: str, values: Sequence[float], side: str) -> float | None:
    """Go one step on beyond an edge: as far as the last step was, by ratio.

    A share of 1 goes by the ratio of its odds, or, from a half on, of what it lacks to 1.

    Parameters
    ----------
    name : str
        The setting.
    values : sequence of float
        Two or more values that were tried, rising.
    side : {"smallest", "largest"}
        Beyond which.

    Returns
    -------
    float or None
        A round number; None if there is none to recommend.

    Examples
    --------
    >>> suggest_next_value("optimizer.learning_rate", [0.03, 0.1], "largest")
    0.3
    >>> suggest_next_value("optimizer.momentum", [0.9, 0.99], "largest")
    0.999
    """
    last, before = (values[-1], values[-2]) if side == "largest" else (values[0], values[1])
    if last <= 0 or before < 0:
        return None
    is_share = _is_share(name, values)
    if not is_share or side != "largest":
        exact = last * last / before if before else last * STEP
    elif last >= 0.5 or not before:
        exact = 1 - (1 - last) ** 2 / (1 - before)
    else:
        odds = (last / (1 - last)) ** 2 / (before / (1 - before))
        exact = odds / (1 + odds)
    if all(float(value).is_integer() for value in values):
        exact = float(max(1, round(exact)))
    for digits in range(DIGITS):  # ever finer roundings; of a share beyond a half, of what it lacks to 1
        lacks = is_share and exact > 0.5
        value = round(1 - float(f"{1 - exact:.{digits}e}"), 12) if lacks else float(f"{exact:.{digits}e}")
        if (value - last) * (exact - last) > 0:
            return value
    return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_share(name: str, values: Sequence[float]) -> bool:
    return name.rpartition(".")[2] not in UNBOUNDED and values[0] >= 0 and values[-1] <= 1
