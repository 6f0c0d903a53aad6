"""The power of a test: with what probability it sees a difference, and how many seeds it needs for that.

The formulas are written out: statsmodels' power is NaN where effects are large or levels low.
"""

import math
from bisect import bisect_left

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
