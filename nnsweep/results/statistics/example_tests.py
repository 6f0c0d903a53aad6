"""Example tests: two classifiers, or sets of them, on the very test examples that they classified.

Each example is a pair (right or wrong by the one, right or wrong by the other), so one seed each is enough. What is
said holds for the networks as they were trained, on further examples of the same kind.
"""

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnsweep.results.statistics.intervals import check_confidence

Right: TypeAlias = NDArray[np.bool_]

MOST_ADDITIONS = 1_000_000_000


class McNemar(NamedTuple):
    """McNemar's test of two classifiers on the same examples.

    Attributes
    ----------
    n : int
        Examples.
    b, c : int
        Examples that only the first, and only the second got right.
    difference : float
        Accuracy of the first minus that of the second, ``(b - c) / n``.
    p : float
        Two-sided, exact.
    """

    n: int
    b: int
    c: int
    difference: float
    p: float


class Bootstrap(NamedTuple):
    """A difference of accuracies, first minus second, and its bootstrap interval."""

    difference: float
    low: float
    high: float


def mcnemar_test(first: ArrayLike, second: ArrayLike) -> McNemar:
    """Test whether two classifiers have one accuracy, by the examples that only one of them got right.

    If they have, each such example is as likely to be the one's as the other's, so b is binomial with b + c trials:
    p is that of the binomial test (McNemar, Psychometrika 12, 1947, in its exact form).

    Parameters
    ----------
    first, second : array of bool, shape (n_test,)
        Which examples each got right.

    Returns
    -------
    McNemar
        Without any such example, p is 1.

    Raises
    ------
    ValueError
        If the shapes differ or are not one-dimensional.

    Examples
    --------
    >>> mcnemar_test([1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1])
    McNemar(n=6, b=4, c=1, difference=0.5, p=0.375)
    """
    from scipy import stats  # its import takes longer than most of what needs results

    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(f"McNemar's test takes two arrays of shape (n_test,), not {one.shape} and {other.shape}")
    b, c = int(np.count_nonzero(one & ~other)), int(np.count_nonzero(other & ~one))
    p = float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0
    return McNemar(len(one), b, c, (b - c) / len(one), p)


def sign_flip_test(first: ArrayLike, second: ArrayLike) -> float:
    """Test whether two sets of classifiers have one accuracy, all seeds of a configuration together.

    If they have, the two could be exchanged on any example; d being the difference of the shares of seeds that got an
    example right, p is the probability that random signs of the d sum to as much as they do (Fisher, The Design of
    Experiments, 1935, section 21). It is computed exactly, from the distribution of the sum; for very unequal numbers
    of seeds by the normal distribution with variance ``Σ d²``. With one seed each it is McNemar's exact test.

    Parameters
    ----------
    first, second : array of bool, shape (n_test,) or (n_seeds, n_test)
        Which examples each seed got right; the numbers of seeds may differ.

    Returns
    -------
    float
        The two-sided p value.

    Raises
    ------
    ValueError
        If the numbers of examples differ.
    """
    from scipy import stats

    apart, _ = _steps(first, second)
    sizes, repeats = np.unique(np.abs(apart[apart != 0]), return_counts=True)
    observed, total = abs(int(apart.sum())), int((sizes * repeats).sum())
    if not total:
        return 1.0
    if total * len(apart) > MOST_ADDITIONS:
        return float(2 * stats.norm.sf(observed / math.sqrt(float(np.square(apart, dtype=float).sum()))))
    chances = np.ones(1)
    for size, count in zip(sizes.tolist(), repeats.tolist(), strict=True):
        wider = np.zeros(len(chances) + size * count)  # the distribution of a sum with so many more summands, 0 or size
        for n, chance in enumerate(stats.binom.pmf(np.arange(count + 1), count, 0.5).tolist()):
            wider[n * size : n * size + len(chances)] += chance * chances
        chances = wider
    sums = 2 * np.arange(total + 1) - total
    return min(1.0, float(chances[np.abs(sums) >= observed].sum()))


def bootstrap_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    random_state: int | np.random.Generator = 0,
) -> Bootstrap:
    """Estimate the difference of two accuracies with an interval, by resampling the test examples.

    Every resample draws examples with replacement, the same ones for both and for all seeds. The interval is the
    bias-corrected and accelerated one (BCa: Efron, Journal of the American Statistical Association 82, 1987). Only
    how often each size of difference was drawn matters, so these counts are drawn, from a multinomial distribution.

    Parameters
    ----------
    first, second : array of bool, shape (n_test,) or (n_seeds, n_test)
        Which examples each seed got right; the numbers of seeds may differ.
    n_resamples : int
        Resamples, at least 1.
    confidence : float
        Of the interval, between 0 and 1.
    random_state : int or numpy.random.Generator
        The source of the resamples.

    Returns
    -------
    Bootstrap
        An interval without width where all examples differ alike.

    Raises
    ------
    ValueError
        If the numbers of examples differ or there is none.
    """
    check_confidence(confidence)
    apart, unit = _steps(first, second)
    sizes, counts = np.unique(apart, return_counts=True)
    generator = np.random.default_rng(random_state)
    resamples = generator.multinomial(len(apart), counts / len(apart), size=n_resamples) @ sizes
    low, high = _bca(resamples, apart, confidence) if len(sizes) > 1 else (apart.sum(), apart.sum())
    scale = unit * len(apart)
    return Bootstrap(float(apart.sum() / scale), float(low / scale), float(high / scale))


def _steps(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.int64], int]:
    """Give each example's difference in the share of seeds that got it right: whole numbers of ``1 / unit``."""
    one, other = np.atleast_2d(np.asarray(first, dtype=bool)), np.atleast_2d(np.asarray(second, dtype=bool))
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or not one.size or not other.size:
        raise ValueError(f"pairs of test examples take arrays of one length, not shapes {one.shape} and {other.shape}")
    unit = math.lcm(len(one), len(other))
    return one.sum(axis=0) * (unit // len(one)) - other.sum(axis=0) * (unit // len(other)), unit


def _bca(resamples: NDArray[np.int64], apart: NDArray[np.int64], confidence: float) -> tuple[float, float]:
    """Give the bounds of a sum, from its resamples and the values summed."""
    from scipy import stats

    observed, centred = apart.sum(), apart - apart.mean()
    below = (np.mean(resamples < observed) + np.mean(resamples <= observed)) / 2
    bias = stats.norm.ppf(np.clip(below, 1 / (2 * len(resamples)), 1 - 1 / (2 * len(resamples))))
    acceleration = np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5)
    ends = bias + stats.norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.quantile(resamples, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)
