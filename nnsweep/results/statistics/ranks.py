"""Ranks: several competitors compared over several blocks, of which each has its own scale.

A block is a data set, a competitor a configuration. Accuracies on an easy and on a hard data set have no common scale,
so each data set only says in which order the configurations come, or which of two is better and whether by more than
elsewhere.
"""

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

ROUNDING = 1e-10
"""Values and differences that are equal up to this part of the largest value are equal: 0.9 - 0.8 and 0.8 - 0.7."""


LEAST_BLOCKS_FOR_F = 5
"""Below so many blocks Iman and Davenport's F rejects what is equal in up to 19 % of cases, where 5 are meant."""


class FriedmanTest(NamedTuple):
    """Whether the competitors differ at all.

    Attributes
    ----------
    chi_squared, p : float
        Friedman's statistic, corrected for ties, and its p value.
    f, p_f : float
        Iman and Davenport's, which is less conservative; NaN below `LEAST_BLOCKS_FOR_F` blocks.
    """

    chi_squared: float
    p: float
    f: float
    p_f: float


def drop_rounding(values: FloatArray, largest: float) -> FloatArray:
    """Give values as multiples of what may be nothing but rounding where the largest is so large.

    What is equal but for rounding is equal then, and what is 0 but for rounding is 0.
    """
    return np.round(values / (ROUNDING * largest)) if largest > 0 else values


def rank_scores(scores: FloatArray) -> FloatArray:
    """Rank the competitors in each block: 1 for the highest score, the mean of their ranks for equal ones.

    Parameters
    ----------
    scores : array of shape (n_blocks, n_competitors)
        More is better.

    Returns
    -------
    array of shape (n_blocks, n_competitors)
        Each row adds up to ``k (k + 1) / 2``.

    Examples
    --------
    >>> rank_scores(np.array([[0.9, 0.7, 0.8], [0.5, 0.5, 0.4]])).tolist()
    [[1.0, 3.0, 2.0], [1.5, 1.5, 3.0]]
    """
    from scipy.stats import rankdata  # its import takes longer than what needs no ranks

    ranks: FloatArray = rankdata(-drop_rounding(scores, float(np.abs(scores).max(initial=0.0))), axis=1)
    return ranks


def run_friedman_test(scores: FloatArray) -> FriedmanTest:
    """Test whether any competitor has better ranks than others.

    ``χ² = 12 N / (k (k + 1)) · (Σ R² - k (k + 1)² / 4)``, divided by ``1 - Σ (t³ - t) / (N (k³ - k))`` for t equal
    scores (Friedman, Journal of the American Statistical Association 32, 1937), and
    ``F = (N - 1) χ² / (N (k - 1) - χ²)`` with ``k - 1`` and ``(k - 1) (N - 1)`` degrees of freedom (Iman and Davenport,
    Communications in Statistics A 9, 1980; recommended by Demšar, Journal of Machine Learning Research 7, 2006), for N
    blocks, k competitors and mean ranks R.

    Parameters
    ----------
    scores : array of shape (n_blocks, n_competitors)
        More is better.

    Returns
    -------
    FriedmanTest
        NaN for fewer than three competitors or two blocks. Where all scores of each block are equal, p is 1.

    Examples
    --------
    >>> found = run_friedman_test(np.array([[0.9, 0.8, 0.7], [0.5, 0.4, 0.3], [0.8, 0.6, 0.7], [0.6, 0.4, 0.2]]))
    >>> found.chi_squared, round(found.p, 4)
    (6.5, 0.0388)
    """
    n, k = scores.shape
    if n < 2 or k < 3:
        return FriedmanTest(math.nan, math.nan, math.nan, math.nan)
    from scipy import special, stats

    ranks = rank_scores(scores)
    if np.ptp(ranks) == 0:
        return FriedmanTest(0.0, 1.0, 0.0, 1.0)
    found = stats.friedmanchisquare(*ranks.T)
    chi_squared, largest = float(found.statistic), n * (k - 1)
    if n < LEAST_BLOCKS_FOR_F:
        return FriedmanTest(chi_squared, float(found.pvalue), math.nan, math.nan)
    if chi_squared >= largest * (1 - ROUNDING):  # every block has the same order
        return FriedmanTest(chi_squared, float(found.pvalue), math.inf, 0.0)
    f = (n - 1) * chi_squared / (largest - chi_squared)
    return FriedmanTest(chi_squared, float(found.pvalue), f, float(special.fdtrc(k - 1, (k - 1) * (n - 1), f)))


def run_wilcoxon_test(first: FloatArray, second: FloatArray) -> tuple[float, float]:
    """Test with Wilcoxon's signed ranks whether one of two competitors is better over blocks.

    Equal blocks are left out, and equal differences share their ranks. The p value is exact: it is the share of all
    2ⁿ choices of signs that are as extreme (Wilcoxon, Biometrics 1, 1945). SciPy's is exact with equal differences up
    to 13 blocks only, and takes twenty times as long, which counts where there are thousands of pairs.

    Parameters
    ----------
    first, second : array of shape (n_blocks,)
        Scores of the two, of the same blocks.

    Returns
    -------
    statistic, p : float
        The smaller sum of ranks, and the two-sided p value: 1 where all blocks are equal.

    Examples
    --------
    >>> run_wilcoxon_test(np.array([0.9, 0.8, 0.7, 0.9, 0.6]), np.array([0.8, 0.78, 0.69, 0.86, 0.57]))
    (0.0, 0.0625)
    """
    from scipy.stats import rankdata

    differences = drop_rounding(first - second, float(np.abs([first, second]).max(initial=0.0)))
    differences = differences[differences != 0]
    doubled = (2 * rankdata(np.abs(differences))).astype(np.int64)  # whole numbers, though equal ones share a mean
    smaller = int(min(doubled[differences > 0].sum(), doubled[differences < 0].sum()))
    shares = np.zeros(int(doubled.sum()) + 1)  # of the choices of signs, by their doubled sum of positive ranks
    shares[0] = 1.0
    for rank in doubled:
        shares /= 2
        shares[rank:] += shares[: len(shares) - rank]
    return smaller / 2, min(1.0, 2 * float(shares[: smaller + 1].sum()))


def compute_critical_difference(n_competitors: int, n_blocks: int, confidence: float = 0.95) -> float:
    """Give the difference of two mean ranks beyond which Nemenyi's test tells two competitors apart.

    ``CD = q √(k (k + 1) / (6 N))`` with the quantile q of the studentized range of k values, divided by √2 (Nemenyi
    1963; Demšar, Journal of Machine Learning Research 7, 2006, section 3.2.2).

    Examples
    --------
    >>> round(compute_critical_difference(4, 14), 3)  # Demšar's example
    1.254
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(confidence, n_competitors, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(n_competitors * (n_competitors + 1) / (6 * n_blocks))


def count_blocks_needed(n_comparisons: int, confidence: float = 0.95) -> int:
    """Count the blocks from which on Wilcoxon's test can tell any two apart after Holm's correction.

    Of n blocks that all favour one competitor, p is ``2 / 2ⁿ``; the smallest of m p values is multiplied by m.

    Examples
    --------
    >>> count_blocks_needed(1), count_blocks_needed(36)
    (6, 11)
    """
    n = 2
    while n_comparisons * 2.0 ** (1 - n) >= 1 - confidence:
        n += 1
    return n


def find_groups(distinguishable: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Find the largest groups of neighbours, in the order of mean ranks, of which no two can be told apart.

    Parameters
    ----------
    distinguishable : array of bool, shape (n_competitors, n_competitors)
        Whether a pair can be told apart, symmetric, the best mean rank first.

    Returns
    -------
    list of (int, int)
        The first and the last member of each group of at least two; no group lies within another.

    Examples
    --------
    >>> find_groups(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool))
    [(0, 1), (1, 2)]
    """
    n = len(distinguishable)
    groups: list[tuple[int, int]] = []
    for first in range(n):
        last = first
        while last + 1 < n and not distinguishable[first : last + 2, first : last + 2].any():
            last += 1
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups


def compute_profiles(gaps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Give for each competitor the share of blocks in which it is within some distance of the best.

    These are the performance profiles of Dolan and Moré (Mathematical Programming 91, 2002), with a difference in place
    of a ratio where scores are accuracies.

    Parameters
    ----------
    gaps : array of shape (n_blocks, n_competitors)
        How far each is from the best of its block, 0 for the best.

    Returns
    -------
    distances : array of shape (n_distances,)
        All distances at which a share changes, in rising order, from 0 on.
    shares : array of shape (n_competitors, n_distances)
        The share of blocks within each distance, from 0 to 1.

    Examples
    --------
    >>> distances, shares = compute_profiles(np.array([[0.0, 0.25], [0.5, 0.0]]))
    >>> distances.tolist(), shares.tolist()
    ([0.0, 0.25, 0.5], [[0.5, 0.5, 1.0], [0.5, 1.0, 1.0]])
    """
    distances = np.unique(np.append(gaps, 0.0))
    return distances, (gaps.T[:, :, None] <= distances).mean(axis=1)
