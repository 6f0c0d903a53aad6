"""Example tests: two networks, or sets of them, on the very test examples that they predicted.

Each example is a pair (right or wrong, or the loss, of the one and of the other), so one seed each is enough. What is
said holds for the networks as they were trained, on further examples of the same kind.
"""

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnsweep.results.statistics.intervals import check_confidence

Right: TypeAlias = NDArray[np.bool_]

MOST_ADDITIONS = 1_000_000_000
N_FLIPS = 10_000
"""So many choices of signs are drawn where the differences are no whole numbers, unless there are fewer."""
MOST_FLIPPED = 1000
"""Of more examples than this the sum of differences with random signs is taken to be normal."""
AT_ONCE = 1000
"""So many resamples are drawn at once."""


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
    """A difference of accuracies or of mean losses, first minus second, and its bootstrap interval."""

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
    """Test whether two sets of networks have one accuracy, or one mean loss, all seeds of a configuration together.

    If they have, the two could be exchanged on any example; d being the difference of the shares of seeds that got an
    example right, or of their mean losses of it, p is the probability that random signs of the d sum to as much as
    they do (Fisher, The Design of Experiments, 1935, section 21). It is computed exactly, from the distribution of the
    sum; for very unequal numbers of seeds by the normal distribution with variance ``Σ d²``. With one seed each it is
    McNemar's exact test. Of losses `N_FLIPS` choices of signs are drawn, always the same, or all of them taken where
    there are no more; of more than `MOST_FLIPPED` examples the sum is taken to be normal.

    Parameters
    ----------
    first, second : array of bool or of float, shape (n_test,) or (n_seeds, n_test)
        Which examples each seed got right, or its loss of each; the numbers of seeds may differ.

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

    apart, _ = _subtract(first, second)
    if apart.dtype.kind == "f":
        return _flip_losses(apart)
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


def _flip_losses(apart: NDArray[np.float64]) -> float:
    """Give the two-sided p of a sum of differences among the sums with other signs; the observed one counts, too."""
    from scipy import stats

    observed, n = abs(float(apart.sum())), len(apart)
    if not apart.any():
        return 1.0
    if n > MOST_FLIPPED:
        return float(2 * stats.norm.sf(observed / math.sqrt(float(np.square(apart).sum()))))
    if 2**n <= N_FLIPS:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        n_unseen = 0
    else:
        bits = np.random.default_rng(0).integers(0, 2, (N_FLIPS, n), dtype=np.int8)
        n_unseen = 1
    sums = np.abs((2.0 * bits - 1) @ apart)
    rounding = 1e-12 * float(np.abs(apart).sum())
    n_extreme = int(np.count_nonzero(sums >= observed - rounding))
    return (n_extreme + n_unseen) / (len(bits) + n_unseen)


def bootstrap_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    random_state: int | np.random.Generator = 0,
) -> Bootstrap:
    """Estimate the difference of two accuracies, or mean losses, with an interval, by resampling the test examples.

    Every resample draws examples with replacement, the same ones for both and for all seeds. The interval is the
    bias-corrected and accelerated one (BCa: Efron, Journal of the American Statistical Association 82, 1987). Only
    how often each size of difference was drawn matters, so these counts are drawn, from a multinomial distribution.

    Parameters
    ----------
    first, second : array of bool or of float, shape (n_test,) or (n_seeds, n_test)
        Which examples each seed got right, or its loss of each; the numbers of seeds may differ.
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
    apart, unit = _subtract(first, second)
    sizes, counts = np.unique(apart, return_counts=True)
    generator = np.random.default_rng(random_state)
    drawn = [min(AT_ONCE, n_resamples - start) for start in range(0, n_resamples, AT_ONCE)]  # spares memory
    resamples = np.concatenate([generator.multinomial(len(apart), counts / len(apart), size=n) @ sizes for n in drawn])
    low, high = _bca(resamples, apart, confidence) if len(sizes) > 1 else (apart.sum(), apart.sum())
    scale = unit * len(apart)
    return Bootstrap(float(apart.sum() / scale), float(low / scale), float(high / scale))


def _subtract(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[Any], int]:
    """Give each example's difference in loss, or in the share of seeds that got it right in steps of ``1 / unit``."""
    arrays = [np.atleast_2d(np.asarray(values)) for values in (first, second)]
    are_losses = all(values.dtype.kind == "f" for values in arrays)
    one, other = arrays if are_losses else (values.astype(bool) for values in arrays)
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or not one.size or not other.size:
        raise ValueError(f"pairs of test examples take arrays of one length, not shapes {one.shape} and {other.shape}")
    if are_losses:
        return one.mean(axis=0) - other.mean(axis=0), 1
    unit = math.lcm(len(one), len(other))
    return one.sum(axis=0) * (unit // len(one)) - other.sum(axis=0) * (unit // len(other)), unit


def _bca(resamples: NDArray[Any], apart: NDArray[Any], confidence: float) -> tuple[float, float]:
    """Give the bounds of a sum, from its resamples and the values summed."""
    from scipy import stats

    observed, centred = apart.sum(), apart - apart.mean()
    below = (np.mean(resamples < observed) + np.mean(resamples <= observed)) / 2
    bias = stats.norm.ppf(np.clip(below, 1 / (2 * len(resamples)), 1 - 1 / (2 * len(resamples))))
    acceleration = np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5)
    ends = bias + stats.norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.quantile(resamples, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)
