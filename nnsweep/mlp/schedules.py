"""A schedule maps an epoch to a learning rate.

Epochs count from 0, and the value at an epoch is the rate of that epoch's descent. A maker of schedules takes the base
`learning_rate` and the rule's own settings and returns the schedule; schedules are joined to make new ones. One rule
must see how training goes, `reduce_on_plateau`: it keeps what it knows in a small value that each cost turns into the
next one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from nnsweep.mlp.choices import Choices, Count, Finite, Fraction, Index, NonNegative, Positive, ShrinkFactor, ranged


class Plateau(NamedTuple):
    """What `ReduceOnPlateau` knows after some epochs.

    Attributes
    ----------
    learning_rate : float
        The rate of the next descent.
    best : float
        The lowest value that counted as an improvement.
    stale : int
        Epochs since then, or since the last reduction.
    """

    learning_rate: float
    best: float = math.inf
    stale: int = 0


@dataclass(frozen=True, kw_only=True)
class ReduceOnPlateau:
    """A rate that falls when what it observes no longer does; see `reduce_on_plateau`."""

    learning_rate: float
    factor: float
    patience: int
    threshold: float
    min_rate: float

    def start(self) -> Plateau:
        """Return what is known before the first epoch."""
        return Plateau(self.learning_rate)

    def observe(self, plateau: Plateau, value: float) -> Plateau:
        """Return what is known after one more value, the lower the better."""
        # a measure whose higher values are better comes with its sign turned: below 0, better is further away from 0
        if value < plateau.best * (1 - math.copysign(self.threshold, plateau.best)):
            return Plateau(plateau.learning_rate, value)
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

    An improvement is a cost below ``(1 - threshold)`` times the best; the rate never falls below `min_rate`. Where
    epochs are chosen by another measure than usual, that one takes the cost's place whenever it is measured; if higher
    values of it are better, an improvement is one above ``(1 + threshold)`` times the best.

    Examples
    --------
    >>> rule = reduce_on_plateau(learning_rate=1.0, factor=0.5, patience=1)
    >>> states = [rule.start()]
    >>> for train_cost in (2.0, 1.0, 1.0, 1.0, 0.9):
    ...     states.append(rule.observe(states[-1], train_cost))
    >>> [plateau.learning_rate for plateau in states]
    [1.0, 1.0, 1.0, 1.0, 0.5, 0.5]
    """
    return ReduceOnPlateau(
        learning_rate=learning_rate, factor=factor, patience=patience, threshold=threshold, min_rate=min_rate
    )


Schedule: TypeAlias = Callable[[int], float]


@dataclass(frozen=True)
class StepSchedule:
    """A schedule that has another rate at each step; after half of an epoch's steps it is asked for ``epoch + 0.5``.

    Attributes
    ----------
    rate : callable
        Epoch, as a real number, to learning rate.
    """

    rate: Callable[[float], float]

    def __call__(self, epoch: float) -> float:
        """Give the rate at an epoch."""
        return self.rate(epoch)


SCHEDULES: Choices[Callable[..., Schedule | ReduceOnPlateau]] = Choices("schedule", given={"learning_rate"})


@SCHEDULES.register
def constant(*, learning_rate: Positive) -> Schedule:
    """Return the same rate at every epoch.

    Examples
    --------
    >>> constant(learning_rate=0.1)(1000)
    0.1
    """
    return lambda epoch: learning_rate


def _updated(learning_rate: float, factor: Callable[[int], float], every: int, compound: bool) -> Schedule:
    """Apply a factor every so many epochs.

    In closed form update ``t = epoch // every`` multiplies the base rate, so that epoch 0 has the base
    rate. Compounding multiplies the *current* rate, its counter starts at 1, and the first update comes
    before the descent of epoch 0: the rate is the base times ``factor(1) * ... * factor(t + 1)``.
    """
    if not compound:
        return lambda epoch: learning_rate * factor(epoch // every)
    rates = [learning_rate]  # as far as they have been asked for

    def compounded(epoch: int) -> float:
        while len(rates) <= epoch // every + 1:
            rates.append(rates[-1] * factor(len(rates)))
        return rates[epoch // every + 1]

    return compounded


@SCHEDULES.register
def step(
    *, learning_rate: Positive, gamma: Positive, stepsize: Count, every: Count = 1, compound: bool = False
) -> Schedule:
    """Caffe's ``step``: the factor of update t is ``gamma ** (t // stepsize)``.

    Source: Jia et al., Caffe, 2014, learning-rate policies; the same for the four rules below.

    Parameters
    ----------
    learning_rate : float
        Base rate.
    gamma, stepsize
        The rule's constants; `stepsize` counts updates.
    every : int
        Epochs between updates.
    compound : bool
        Multiply the current rate, as the notebook does, instead of the base rate, as Caffe does.

    Examples
    --------
    >>> rate = step(learning_rate=1.0, gamma=0.5, stepsize=2)
    >>> [rate(epoch) for epoch in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    return _updated(learning_rate, lambda t: _power(gamma, t // stepsize), every, compound)


@SCHEDULES.register
def exp(*, learning_rate: Positive, gamma: Positive, every: Count = 1, compound: bool = False) -> Schedule:
    """Caffe's ``exp``: the factor of update t is ``gamma ** t``; see `step` for `every` and `compound`.

    Examples
    --------
    >>> rate = exp(learning_rate=1.0, gamma=0.5, every=2)
    >>> [rate(epoch) for epoch in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    return _updated(learning_rate, lambda t: _power(gamma, t), every, compound)


@SCHEDULES.register
def inv(
    *, learning_rate: Positive, gamma: NonNegative, power: Finite, every: Count = 1, compound: bool = False
) -> Schedule:
    """Caffe's ``inv``: the factor of update t is ``(1 + gamma * t) ** -power``; see `step`.

    Examples
    --------
    The notebook's rates, as it printed them at epochs 100 and 200:

    >>> rate = inv(learning_rate=0.05, gamma=0.05, power=0.9998, every=100, compound=True)
    >>> rate(0), rate(100)
    (0.04761951228954494, 0.04329129093004749)
    """
    return _updated(learning_rate, lambda t: _power(1 + gamma * t, -power), every, compound)


@SCHEDULES.register
def poly(
    *, learning_rate: Positive, power: NonNegative, max_iter: Count, every: Count = 1, compound: bool = False
) -> Schedule:
    """Caffe's ``poly``: the factor of update t is ``(1 - t / max_iter) ** power``, 0 from `max_iter` on; see `step`.

    Examples
    --------
    >>> rate = poly(learning_rate=1.0, power=1.0, max_iter=4)
    >>> [rate(epoch) for epoch in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    return _updated(learning_rate, lambda t: max(0.0, 1 - t / max_iter) ** power, every, compound)


@SCHEDULES.register
def sigmoid(
    *, learning_rate: Positive, gamma: Finite, stepsize: Index, every: Count = 1, compound: bool = False
) -> Schedule:
    """Caffe's ``sigmoid``: the factor of update t is ``1 / (1 + exp(gamma * (t - stepsize)))``; see `step`.

    The sign is the notebook's: a positive gamma lowers the rate. Caffe writes ``-gamma``.

    Examples
    --------
    >>> rate = sigmoid(learning_rate=1.0, gamma=0.5, stepsize=2)
    >>> [round(rate(epoch), 4) for epoch in range(5)]
    [0.7311, 0.6225, 0.5, 0.3775, 0.2689]
    """
    from scipy.special import expit  # its import takes as long as NumPy's, and other schedules need none of it

    return _updated(learning_rate, lambda t: float(expit(-gamma * (t - stepsize))), every, compound)


@SCHEDULES.register
def multistep(*, learning_rate: Positive, boundaries: tuple[Index, ...], gamma: Positive = 0.1) -> Schedule:
    """Multiply the rate by `gamma` at each of the `boundaries` (epochs, rising).

    Raises
    ------
    ValueError
        If the boundaries do not rise.

    Examples
    --------
    >>> rate = multistep(learning_rate=1.0, boundaries=(2, 4), gamma=0.5)
    >>> [rate(epoch) for epoch in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    _require_rising(boundaries)
    return lambda epoch: learning_rate * _power(gamma, sum(epoch >= boundary for boundary in boundaries))


@SCHEDULES.register
def cosine(*, learning_rate: Positive, decay_epochs: Count, end_value: NonNegative = 0.0) -> Schedule:
    """Half a cosine from the base rate to `end_value` at epoch `decay_epochs`, and `end_value` after it.

    ``end_value + (learning_rate - end_value) * (1 + cos(pi * epoch / decay_epochs)) / 2``.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, equation 5.

    Examples
    --------
    >>> rate = cosine(learning_rate=1.0, decay_epochs=4)
    >>> [round(rate(epoch), 4) for epoch in range(6)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]
    """
    return lambda epoch: _half_cosine(learning_rate, end_value, min(epoch / decay_epochs, 1))


@SCHEDULES.register
def coslog(*, learning_rate: Positive, decay_epochs: Count, n_cycles: Count = 4) -> Schedule:
    """Rise to the base rate and fall to 0 in cycles of which each is about twice as long as the last, step by step.

    Where a share t of `decay_epochs` has passed, the rate is ``learning_rate * (1 - cos(2 pi c)) / 2`` with
    ``c = log2(1 + (2**n_cycles - 1) * t)``; it stays 0 after the last cycle.

    Source: Holzmüller, Grinsztajn and Steinwart, Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data, 2024, section 3.2 (with 4 cycles).

    Examples
    --------
    >>> rate = coslog(learning_rate=1.0, decay_epochs=15, n_cycles=4)
    >>> [round(rate(epoch), 4) for epoch in (0, 1, 3, 5, 15, 16)]
    [0.0, 0.0, 0.0, 0.9304, 0.0, 0.0]
    """

    def cycled(epoch: float) -> float:
        cycles = math.log2(1 + (2**n_cycles - 1) * min(epoch / decay_epochs, 1))
        return learning_rate * (1 - math.cos(2 * math.pi * cycles)) / 2

    return StepSchedule(cycled)


@SCHEDULES.register
def linear_warmup(*, learning_rate: Positive, warmup_epochs: Count, start_factor: Fraction = 0.1) -> Schedule:
    """Rise in a straight line from ``start_factor * learning_rate`` to the base rate, and stay there.

    Examples
    --------
    >>> rate = linear_warmup(learning_rate=1.0, warmup_epochs=4, start_factor=0.0)
    >>> [rate(epoch) for epoch in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return lambda epoch: learning_rate * (start_factor + (1 - start_factor) * min(epoch / warmup_epochs, 1))


@SCHEDULES.register
def warm_restarts(
    *, learning_rate: Positive, period_epochs: Count, period_factor: Count = 1, end_value: NonNegative = 0.0
) -> Schedule:
    """Cosine decays one after another, each `period_factor` times as long as the last.

    Source: Loshchilov and Hutter, SGDR, 2017.

    Examples
    --------
    >>> rate = warm_restarts(learning_rate=1.0, period_epochs=2, period_factor=2)
    >>> [round(rate(epoch), 4) for epoch in range(7)]
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]
    """

    def restarted(epoch: int) -> float:
        if period_factor == 1:
            return _half_cosine(learning_rate, end_value, epoch % period_epochs / period_epochs)
        period, since = period_epochs, epoch
        while since >= period:
            since -= period
            period *= period_factor
        return _half_cosine(learning_rate, end_value, since / period)

    return restarted


@SCHEDULES.register
def one_cycle(
    *,
    learning_rate: Positive,
    cycle_epochs: Count,
    warmup_fraction: ShrinkFactor = 0.3,
    start_factor: ShrinkFactor = 0.04,
    end_factor: ShrinkFactor = 4e-6,
) -> Schedule:
    """One rise to the base rate and one fall far below the start, both half cosines.

    The rise starts at ``start_factor * learning_rate`` and takes `warmup_fraction` of the cycle; the fall
    ends at ``end_factor * learning_rate`` in the cycle's last epoch, where the rate stays.

    Source: Smith and Topin, Super-convergence, 2018, with cosines for straight lines, as fastai and
    PyTorch have it.

    Examples
    --------
    >>> rate = one_cycle(learning_rate=1.0, cycle_epochs=10, warmup_fraction=0.5)
    >>> [round(rate(epoch), 4) for epoch in (0, 2, 4, 9, 50)]
    [0.04, 0.52, 1.0, 0.0, 0.0]
    """
    top = warmup_fraction * cycle_epochs - 1  # the epoch of the highest rate, as a real number
    last = cycle_epochs - 1

    def cycled(epoch: int) -> float:
        if epoch <= top:
            return _half_cosine(start_factor * learning_rate, learning_rate, epoch / top if top > 0 else 1)
        fallen = (min(epoch, last) - top) / (last - top) if last > top else 1
        return _half_cosine(learning_rate, end_factor * learning_rate, fallen)

    return cycled


@SCHEDULES.register
def join(*, learning_rate: Positive, pieces: tuple[Schedule, ...], boundaries: tuple[Index, ...]) -> Schedule:
    """Follow each of the `pieces` in turn; each counts its own epochs from 0.

    Parameters
    ----------
    learning_rate : float
        Base rate: the pieces have been made with it.
    pieces : tuple of schedules
        At least one.
    boundaries : tuple of int
        The epochs, rising, at which the second, third, ... piece begins.

    Raises
    ------
    ValueError
        If the boundaries do not rise, or are not one fewer than the pieces.

    Examples
    --------
    >>> warmup = linear_warmup(learning_rate=1.0, warmup_epochs=2, start_factor=0.0)
    >>> decay = cosine(learning_rate=1.0, decay_epochs=2)
    >>> rate = join(learning_rate=1.0, pieces=(warmup, decay), boundaries=(2,))
    >>> [round(rate(epoch), 4) for epoch in range(5)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if len(boundaries) != len(pieces) - 1:
        raise ValueError(f"`boundaries` must be one fewer than the {len(pieces)} `pieces`, got {len(boundaries)}")
    _require_rising(boundaries)

    def joined(epoch: int) -> float:
        piece = sum(epoch >= boundary for boundary in boundaries)
        return pieces[piece](epoch - (0, *boundaries)[piece])

    return joined


SCHEDULES.add("reduce_on_plateau", reduce_on_plateau, reduce_on_plateau)


def _power(base: float, exponent: float) -> float:
    try:
        return float(base**exponent)
    except OverflowError:  # a rate that grows without bound ends its network as diverged
        return math.inf


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _require_rising(boundaries: Sequence[int]) -> None:
    if any(later <= earlier for earlier, later in pairwise((-1, *boundaries))):
        raise ValueError(f"`boundaries` must be epochs, from 0, that rise, got {list(boundaries)}")
