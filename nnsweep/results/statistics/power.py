"""The power of a test: with what probability it sees a difference, and how many seeds it needs for that.

How many more seeds would tell two configurations apart depends on a difference that is known badly, and that is too
large on average where it was picked. So it is shrunken first, and the answer is a range. The formulas are written out:
statsmodels' power is NaN where effects are large or levels low.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nnsweep.errors import ConfigError

MOST_SEEDS = 10_000_000
"""More seeds than this are as good as infinitely many."""


def count_seeds_needed(
    difference: float, std_of_difference: float, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Tell how many seeds two configurations need in common so that a paired t test tells them apart.

    It is the smallest n at which the two-sided test at level alpha rejects with the wanted probability. With
    ``d = |difference| / std`` and the quantile ``t = t(n - 1; 1 - alpha/2)`` the power is
    ``P(T' > t) + P(T' < -t)`` for T' of the noncentral t distribution with n - 1 degrees of freedom and noncentrality
    ``d √n`` (Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd edition, 1988, chapter 2). Observed
    differences are uncertain themselves, and the largest of many is too large: the answer is a guide, not a promise.

    Parameters
    ----------
    difference : float
        The difference of the means that is to be seen.
    std_of_difference : float
        Standard deviation, over seeds, of the difference of two runs with the same seed. If it is 0, the n is given at
        which the sign-flip test of `nnsweep.results.statistics.tests.paired_t_test` rejects.
    power : float
        Wanted probability of seeing it, more than alpha and less than 1.
    alpha : float
        Level of the two-sided test; divide it by the number of comparisons if there are several.

    Returns
    -------
    float
        A whole number, at least 2; infinity if the difference is 0 or needs more than ten million seeds; NaN if the
        difference or its deviation is.

    Raises
    ------
    ConfigError
        If power or alpha is out of range.

    Examples
    --------
    >>> count_seeds_needed(0.01, 0.02)
    34.0
    """
    if not 0 < alpha < power < 1:
        raise ConfigError(f"alpha={alpha} and power={power} must be 0 < alpha < power < 1; 0.05 and 0.8 are usual")
    if math.isnan(difference) or math.isnan(std_of_difference):
        return math.nan
    if difference == 0:
        return math.inf
    if std_of_difference == 0:
        return float(max(2, math.ceil(1 - math.log2(alpha))))
    effect = abs(difference) / std_of_difference
    n = bisect_left(range(MOST_SEEDS + 1), power, lo=2, key=lambda n: compute_power(effect, n, alpha))
    return float(n) if n <= MOST_SEEDS else math.inf


def compute_power(effect: float, n: int, alpha: float) -> float:
    """Give the probability that a paired t test of n pairs sees an effect, a difference in standard deviations.

    The square of a noncentral t is a noncentral F with one degree of freedom, which SciPy computes where its noncentral
    t gives NaN (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 2, 1995, chapters 30 and 31).
    Beyond 100,000 pairs it is the normal distribution.
    """
    from scipy import special

    noncentrality = n * effect**2
    if n > 100_000:
        return float(special.ndtr(effect * math.sqrt(n) + special.ndtri(alpha / 2)))
    critical = float(special.stdtrit(n - 1, alpha / 2)) ** 2
    if noncentrality > 1e6:  # only the deviation's own spread is left to matter
        return float(special.chdtr(n - 1, (n - 1) * noncentrality / critical))
    power = float(1 - special.ncfdtr(1, n - 1, noncentrality, critical))
    if not math.isnan(power):
        return power
    from scipy import stats  # thirty times slower, but it has no gaps where power is near 1

    return float(stats.ncf.sf(critical, 1, n - 1, noncentrality))


class SeedRange(NamedTuple):
    """Between how many more seeds would tell two configurations apart; infinity for more than there is a number for."""

    fewest: float
    most: float


def bound_difference(
    means: Sequence[float], error: float, difference: float, error_of_difference: float, *, coverage: float = 0.9
) -> tuple[float, float]:
    """Bound how far the best of some configurations is ahead of its nearest rival; both were picked by their means.

    What was picked misleads in both directions. The best is lucky, so the lower bound is that of a shrunken difference:
    with true means that are normal around a common one and observed ones around them with variance s², a difference d
    with standard error e is ``(1 - c) d`` with variance ``(1 - c) e²``, where c is the share of noise in the scatter of
    the means, uniform beforehand and with the likelihood ``c^((k - 1) / 2) exp(-c Q / 2 s²)`` for k means with the sum
    of squares Q around their own mean (after James and Stein, Fourth Berkeley Symposium 1, 1961; Strawderman, Annals of
    Mathematical Statistics 42, 1971). But the rival was lucky, too, so the upper bound is ``d + z e`` at
    ``1 - (1 - coverage) / 2 (k - 1)`` for the k - 1 that might have been it (Bonferroni).

    Parameters
    ----------
    means : sequence of float
        Of all that may be the best, the two among them.
    error : float
        Standard error s of one mean.
    difference, error_of_difference : float
        The best minus its rival where more is better, else the rival minus the best; and the standard error.
    coverage : float
        With what probability the true difference lies between the bounds.

    Returns
    -------
    low, high : float
        ``low`` may be negative. The difference itself where it does not vary; NaN if an error is.

    Examples
    --------
    >>> low, high = bound_difference([0.96, 0.95], 0.002, 0.01, 0.003)
    >>> f"{low:.4f} {high:.4f}"
    '0.0023 0.0149'
    """
    if not error > 0 or not error_of_difference > 0:
        return (difference, difference) if error_of_difference == 0 else (math.nan, math.nan)
    from scipy import optimize, special

    k, tail = len(means), (1 - coverage) / 2
    noise = (np.arange(400) + 0.5) / 400
    scatter = float(np.square(np.subtract(means, np.mean(means))).sum()) / error**2
    log_weights = (k - 1) / 2 * np.log(noise) - noise * scatter / 2
    weights = np.exp(log_weights - log_weights.max())
    centres, widths = (1 - noise) * difference, np.sqrt(1 - noise) * error_of_difference
    farthest = abs(difference) + 8 * error_of_difference

    def exceed_tail(value: float) -> float:
        return float(special.ndtr((value - centres) / widths) @ weights / weights.sum() - tail)

    low = float(optimize.brentq(exceed_tail, -farthest, farthest))
    return low, difference - float(special.ndtri(tail / max(1, k - 1))) * error_of_difference


def count_more_seeds(
    bounds: tuple[float, float], std_of_difference: float, present: int, *, alpha: float = 0.05, power: float = 0.8
) -> SeedRange:
    """Count how many more seeds would tell two configurations apart, from the bounds of their difference.

    Parameters
    ----------
    bounds : tuple of float
        From `bound_difference`; if the lower one is not above 0, no number of seeds is sure to be enough.
    std_of_difference : float
        As `count_seeds_needed` has it.
    present : int
        How many seeds both have.
    alpha, power : float
        As `count_seeds_needed` has them.

    Returns
    -------
    SeedRange
        At least 1 each.
    """
    low, high = bounds
    needed = [count_seeds_needed(end, std_of_difference, alpha=alpha, power=power) for end in (high, max(low, 0.0))]
    return SeedRange(*(max(1.0, n - present) for n in needed))
