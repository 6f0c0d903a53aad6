"""Intervals: how sure a mean or a share is, given the few values there are of it.

The interval of an accuracy's mean is Student's on the scale of log odds, so it stays between 0 and 1 and reaches
further towards the side on which results near 0 or 1 have their tail; that of a loss is so on a logarithmic scale, and
stays above 0. No interval of a mean is of any use where a
training sometimes collapses and the sample happens to hold no collapse; the share of runs that succeed, with an
interval of its own, and the mean of those that do say what a mean of all cannot.
`experiments/statistics/intervals.md` compares this interval with others by simulation.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nnsweep.errors import ConfigError
from nnsweep.results.metrics import UNBOUNDED
from nnsweep.results.statistics.tests import bound_rounding

LARGEST_LOGIT = 700.0
"""Beyond this the exponential overflows, and its inverse is 0 or 1 to all digits anyway."""


class Interval(NamedTuple):
    """The mean of some values, their standard deviation, and the interval of the mean."""

    mean: float
    std: float
    low: float
    high: float


def estimate_mean(
    values: Sequence[float],
    confidence: float = 0.95,
    *,
    overlap: float = 0.0,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Interval:
    """Estimate a mean from values by Student's t, within the bounds of what it measures.

    The half width is ``h = t(n - 1) · std · √(1/n + overlap)`` with the quantile t of Student's distribution at
    ``(1 + confidence) / 2`` (Student, Biometrika 6, 1908). Without bounds the interval is ``mean ± h``. Within 0 and 1
    it is ``mean ± h`` on the scale of ``logit(m) = ln(m / (1 - m))``, whose slope at the mean is
    ``1 / (mean (1 - mean))`` (the delta method), and transformed back::

        expit(logit(mean) ± h / (mean (1 - mean)))

    What is estimated is the mean of the values itself, not that of their logits. Other bounds are moved to 0 and 1.
    With one bound alone it is ``mean ± h`` on the scale of the logarithm of the distance to it: above 0,
    ``mean · exp(±h / mean)``.

    Folds and splits of one table share training examples, so their results are correlated; the correction for that is
    ``overlap = n_test / n_train`` (Nadeau and Bengio, Machine Learning 52, 2003), and 0 for independent values.

    Parameters
    ----------
    values : sequence of float
        Such as the accuracies of one configuration's seeds.
    confidence : float
        Between 0 and 1.
    overlap : float
        Test examples for each training example of one fold or split.
    bounds : (float, float)
        The least and the largest value that is possible: ``(0, 1)`` for an accuracy, ``(0, inf)`` for a loss.

    Returns
    -------
    Interval
        NaN for what cannot be told: everything without values; spread and interval of a single value.

    Raises
    ------
    ConfigError
        If the confidence is not between 0 and 1.

    Examples
    --------
    >>> mean, std, low, high = estimate_mean([0.90, 0.92, 0.94])
    >>> f"{mean:.2f} {std:.2f} {low:.4f} {high:.4f}"
    '0.92 0.02 0.8703 0.9697'
    >>> _, _, low, high = estimate_mean([0.90, 0.92, 0.94], bounds=(0, 1))
    >>> f"{low:.4f} {high:.4f}"
    '0.8541 0.9576'
    """
    check_confidence(confidence)
    if not values:
        return Interval(math.nan, math.nan, math.nan, math.nan)
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Interval(mean, math.nan, math.nan, math.nan)
    std = 0.0 if np.ptp(values) <= bound_rounding(values) else float(np.std(values, ddof=1))
    from scipy import special  # its import takes longer than most of what needs results

    half = float(special.stdtrit(len(values) - 1, (1 + confidence) / 2)) * std * math.sqrt(1 / len(values) + overlap)
    return Interval(mean, std, *widen_within(mean, half, bounds))


def widen_within(mean: float, half: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Give the ends of an interval of so much on either side, on the scale of logits or of logarithms if it has bounds.

    Examples
    --------
    >>> [round(end, 3) for end in widen_within(0.95, 0.1, (0, 1))], widen_within(2.0, 0.5, UNBOUNDED)
    ([0.698, 0.994], (1.5, 2.5))
    >>> [round(end, 3) for end in widen_within(0.1, 0.1, (0, math.inf))]
    [0.037, 0.272]
    """
    low, high = bounds
    if half == 0 or (math.isinf(low) and math.isinf(high)):
        return mean - half, mean + half
    if math.isinf(high - low):
        return _widen_from(mean, half, low if math.isinf(high) else high)
    place = (mean - low) / (high - low)
    if not 0 < place < 1:  # at an end there are no odds: nothing but rounding is left on either side of it
        return max(low, mean - half), min(high, mean + half)
    logit, aside = math.log(place / (1 - place)), half / (high - low) / (place * (1 - place))
    ends = (low + (high - low) / (1 + math.exp(min(-logit + sign * aside, LARGEST_LOGIT))) for sign in (1, -1))
    lower, upper = ends
    return lower, upper


def _widen_from(mean: float, half: float, bound: float) -> tuple[float, float]:
    """Give the ends of an interval that stays on its side of one bound; beyond it nothing is known of its scale."""
    room = mean - bound
    if room == 0:
        return mean - half, mean + half
    ends = [bound + room * math.exp(sign * min(half / abs(room), LARGEST_LOGIT)) for sign in (-1, 1)]
    return min(ends), max(ends)


def compute_interquartile_mean(values: Sequence[float]) -> float:
    """Compute the mean of the middle half of some values, without the lowest and the highest ``⌊n/4⌋``.

    A few collapsed runs do not move it (Agarwal et al., Deep reinforcement learning at the edge of the statistical
    precipice, NeurIPS 2021); it equals `scipy.stats.trim_mean` with a quarter.

    Examples
    --------
    >>> compute_interquartile_mean([0.1, 0.94, 0.96, 0.97])
    0.95
    """
    cut = len(values) // 4
    middle = sorted(values)[cut : len(values) - cut]
    return math.fsum(middle) / len(middle) if middle else math.nan


def estimate_share(n_succeeded: int, n_ended: int, confidence: float = 0.95) -> tuple[float, float]:
    """Give the exact interval of a share (Clopper and Pearson, Biometrika 26, 1934).

    Parameters
    ----------
    n_succeeded, n_ended : int
        How many runs succeeded, of how many; NaN if there are none.
    confidence : float
        Of the interval.

    Examples
    --------
    >>> low, high = estimate_share(3, 10)
    >>> f"{low:.3f} {high:.3f}"
    '0.067 0.652'
    """
    from scipy import special  # its import takes longer than most of what needs results

    if not n_ended:
        return math.nan, math.nan
    tail, n_other = (1 - confidence) / 2, n_ended - n_succeeded
    low = float(special.betaincinv(n_succeeded, n_other + 1, tail)) if n_succeeded else 0.0
    high = float(special.betaincinv(n_succeeded + 1, n_other, 1 - tail)) if n_other else 1.0
    return low, high


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence={confidence} is not between 0 and 1; 0.95 is usual")
