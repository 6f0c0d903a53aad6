"""A learning rate that falls when the training cost no longer does.

It is the one rule that must see how training goes: what it knows is a small value that each new cost turns
into the next one.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from nnsweep.mlp.ranges import Fraction, Index, NonNegative, Positive, ShrinkFactor, ranged


class Plateau(NamedTuple):
    """What `ReduceOnPlateau` knows after some epochs.

    Attributes
    ----------
    learning_rate : float
        The rate of the next descent.
    best : float
        The lowest cost that counted as an improvement.
    stale : int
        Epochs since then, or since the last reduction.
    """

    learning_rate: float
    best: float = math.inf
    stale: int = 0


@dataclass(frozen=True, kw_only=True)
class ReduceOnPlateau:
    """A rate that falls when the training cost no longer does; see `reduce_on_plateau`."""

    learning_rate: float
    factor: float
    patience: int
    threshold: float
    min_rate: float

    def start(self) -> Plateau:
        """Return what is known before the first epoch."""
        return Plateau(self.learning_rate)

    def observe(self, plateau: Plateau, train_cost: float) -> Plateau:
        """Return what is known after one more cost."""
        if train_cost < plateau.best * (1 - self.threshold):
            return Plateau(plateau.learning_rate, train_cost)
        if plateau.stale < self.patience:
            return plateau._replace(stale=plateau.stale + 1)
        reduced = max(self.min_rate, plateau.learning_rate * self.factor)
        return Plateau(min(reduced, plateau.learning_rate), plateau.best)


@ranged
def reduce_on_plateau(
    *,
    learning_rate: Positive,
    factor: ShrinkFactor = 0.1,
    patience: Index = 10,
    threshold: Fraction = 1e-4,
    min_rate: NonNegative = 0.0,
) -> ReduceOnPlateau:
    """Multiply the rate by `factor` when the training cost has not improved for more than `patience` epochs.

    An improvement is a cost below ``(1 - threshold)`` times the best; the rate never falls below `min_rate`.

    Examples
    --------
    >>> rule = reduce_on_plateau(learning_rate=1.0, factor=0.5, patience=1)
    >>> seen = [rule.start()]
    >>> for train_cost in (2.0, 1.0, 1.0, 1.0, 0.9):
    ...     seen.append(rule.observe(seen[-1], train_cost))
    >>> [plateau.learning_rate for plateau in seen]
    [1.0, 1.0, 1.0, 1.0, 0.5, 0.5]
    """
    return ReduceOnPlateau(
        learning_rate=learning_rate, factor=factor, patience=patience, threshold=threshold, min_rate=min_rate
    )
