"""Tests: how far two sets of results are apart, and with what probability by chance alone.

Results are given by unit, such as a seed or a fold. What is common to the two in a unit (the order of examples, the
test examples of a fold) drops out of their difference; that is what pairing uses. P values are corrected for the
number of comparisons that they were picked from; what a test can see at all is in `nnsweep.results.statistics.power`.

The formulas are written out, since no library has them all: SciPy's t tests know of no overlap, and statsmodels' Holm
of no family that is larger than the p values given.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDING = 1e-12
"""Differences that are equal up to this part of the values are equal: 0.9 - 0.8 and 0.8 - 0.7."""
TINIEST = 1e-75
"""Nor is anything told apart by less than this, whose fourth power, in Welch's degrees of freedom, is rounded to 0."""


class MeanDifference(NamedTuple):
    """The difference of two means and what can be concluded from it.

    Attributes
    ----------
    test : str
        ``paired t``, ``Welch``, ``sign flip``, ``permutation``, or ``none`` with too few units.
    n_pairs : int
        Units that both have.
    difference : float
        First minus second: of the shared units, or of the means where the test is not paired.
    std : float
        Standard deviation of the difference of two single runs.
    low, high : float
        The interval of the difference, for this one comparison.
    p : float
        Two-sided; NaN without a test.
    effect_size : float
        The difference in standard deviations.
    note : str
        Why something is missing, or a sentence on what is unusual.
    """

    test: str
    n_pairs: int
    difference: float
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    effect_size: float = math.nan
    note: str = ""


def compare_means(
    first: Mapping[Hashable, float],
    second: Mapping[Hashable, float],
    *,
    confidence: float = 0.95,
    overlap: float = 0.0,
    kind: str = "seed",
    may_pair: bool = True,
) -> MeanDifference:
    """Compare two sets of results given by unit.

    Where they share most of their units it may be `paired_t_test`, otherwise it is `welch_t_test` if both have two or
    more; with fewer only the difference is given.

    Parameters
    ----------
    first, second : mapping
        ``{unit: value}``.
    confidence : float
        Of the interval.
    overlap : float
        Test examples for each training example where units share training examples, 0 where they are independent:
        ``1/n`` in the variance of a mean is then ``1/n + overlap`` (Nadeau and Bengio, Machine Learning 52, 2003).
    kind : str
        What a unit is called in the note.
    may_pair : bool
        Whether shared units have something in common that pairing takes away (`nnsweep.results.statistics.pairs`).

    Returns
    -------
    MeanDifference
        Of first minus second.
    """
    shared = [unit for unit in first if unit in second]
    if may_pair and shares_most(len(shared), len(first), len(second)):
        values = [[of[unit] for unit in shared] for of in (first, second)]
        return paired_t_test(*values, confidence=confidence, overlap=overlap, kind=kind)
    if min(len(first), len(second)) > 1:
        result = welch_t_test(list(first.values()), list(second.values()), confidence=confidence, overlap=overlap)
        few = {0: f"no shared {kind}s", 1: f"only one shared {kind}"}.get(
            len(shared), f"only {len(shared)} shared {kind}s"
        )
        note = f"{few}: not paired" if may_pair else ""
        return result._replace(n_pairs=len(shared), note="; ".join(filter(None, [note, result.note])))
    if not first or not second:
        return MeanDifference("none", 0, math.nan, note=f"no {kind} finished")
    apart = [first[shared[0]] - second[shared[0]]] if shared else [fmean(first.values()), -fmean(second.values())]
    return MeanDifference("none", len(shared), math.fsum(apart), note=f"fewer than two {kind}s: no test")


def shares_most(n_shared: ArrayLike, n_first: ArrayLike, n_second: ArrayLike) -> NDArray[np.bool_]:
    """Tell whether two share enough units to be paired: two, and more than half of those that either has.

    Otherwise the test would see those few alone: of ten seeds each that share two, one difference less than nothing.
    """
    shared = np.asarray(n_shared)
    return (shared > 1) & (2 * shared > np.maximum(n_first, n_second))


def paired_t_test(
    first: Sequence[float],
    second: Sequence[float],
    *,
    confidence: float = 0.95,
    overlap: float = 0.0,
    kind: str = "seed",
) -> MeanDifference:
    """Compare two sets of results pair by pair with Student's t test.

    ``t = mean(d) √n / std(d)`` for the differences d has ``n - 1`` degrees of freedom (Student, Biometrika 6, 1908);
    the effect size is Cohen's ``d_z = mean(d) / std(d)`` (Cohen 1988). Differences that are all the same leave no
    spread to measure by. If they are 0, p is 1. Otherwise t would be infinite and p = 0, which two or three seeds
    with accuracies in steps of one test example cannot justify; p is then that of the sign-flip test, ``2 / 2ⁿ``,
    which needs no spread (Fisher, The Design of Experiments, 1935, section 21), and there is no interval.

    Parameters
    ----------
    first, second : sequence of float
        At least two values each, with the same unit at the same place.
    confidence, overlap, kind
        As `compare_means` has them.

    Returns
    -------
    MeanDifference
        Of first minus second.
    """
    apart = np.subtract(first, second)
    n, rounding = len(apart), bound_rounding([*first, *second])
    mean = _snap(fmean(apart.tolist()), rounding)
    if np.ptp(apart) <= rounding:
        return _without_spread(mean, n, kind=kind)
    std = float(np.std(apart, ddof=1))
    interval_and_p = _infer_by_t(mean, std * math.sqrt(1 / n + overlap), n - 1, confidence)
    return MeanDifference("paired t", n, mean, std, *interval_and_p, effect_size=mean / std)


def welch_t_test(
    first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95, overlap: float = 0.0
) -> MeanDifference:
    """Compare two independent sets of results, whose spreads may differ, with Welch's t test.

    ``t = (mean₁ - mean₂) / √(v₁ + v₂)`` with ``vᵢ = stdᵢ² / nᵢ`` and
    ``(v₁ + v₂)² / (v₁² / (n₁ - 1) + v₂² / (n₂ - 1))`` degrees of freedom (Welch, Biometrika 34, 1947); the effect
    size is ``(mean₁ - mean₂) / √((std₁² + std₂²) / 2)``. Without any spread p is 1 if the means are equal and
    otherwise that of the permutation test: what share of all divisions of the values is as extreme.

    Parameters
    ----------
    first, second : sequence of float
        At least two values each.
    confidence, overlap
        As `compare_means` has them; with an overlap ``vᵢ = stdᵢ² (1/nᵢ + overlap)``.

    Returns
    -------
    MeanDifference
        Of first minus second; ``std`` is ``√(std₁² + std₂²)``.
    """
    rounding = bound_rounding([*first, *second])
    mean = _snap(fmean(first) - fmean(second), rounding)
    if max(np.ptp(first), np.ptp(second)) <= rounding:
        return _without_spread(mean, len(first), n_second=len(second))
    variances = [float(np.var(values, ddof=1)) for values in (first, second)]
    parts = [var * (1 / len(values) + overlap) for var, values in zip(variances, (first, second), strict=True)]
    degrees = sum(parts) ** 2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (first, second), strict=True))
    std = math.sqrt(sum(variances))
    interval_and_p = _infer_by_t(mean, math.sqrt(sum(parts)), degrees, confidence)
    return MeanDifference("Welch", 0, mean, std, *interval_and_p, effect_size=mean / std * math.sqrt(2))


def _infer_by_t(mean: float, error: float, degrees: float, confidence: float) -> tuple[float, float, float]:
    """Give the interval and the two-sided p of a mean whose standard error has so many degrees of freedom."""
    from scipy import special  # its import takes longer than a picture that needs none of it

    half = -float(special.stdtrit(degrees, (1 - confidence) / 2)) * error
    return mean - half, mean + half, float(2 * special.stdtr(degrees, -abs(mean) / error))


def _without_spread(mean: float, n: int, *, n_second: int | None = None, kind: str = "seed") -> MeanDifference:
    """Conclude from values that differ by a constant: pairs, or two groups of which each is constant."""
    test, n_pairs = ("paired t", n) if n_second is None else ("Welch", 0)
    if mean == 0:
        note = f"equal in every {kind}" if n_second is None else "all the same"
        return MeanDifference(test, n_pairs, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, note)
    if n_second is None:
        note = f"the same difference in every {kind}: no interval"
        return MeanDifference("sign flip", n, mean, 0.0, p=2.0 ** (1 - n), note=note)
    extreme = 2 if n == n_second else 1
    note = "neither varies: no interval"
    return MeanDifference("permutation", 0, mean, 0.0, p=extreme / math.comb(n + n_second, n), note=note)


def _snap(value: float, rounding: float) -> float:
    """Give 0 for what is nothing but rounding."""
    return 0.0 if abs(value) <= rounding else value


def bound_rounding(values: Sequence[float]) -> float:
    """Give how far values that are meant to be equal may be apart by rounding alone."""
    return ROUNDING * max(map(abs, values)) + TINIEST


def correct_by_holm(p_values: Sequence[float] | NDArray[np.float64], family: int | None = None) -> NDArray[np.float64]:
    """Correct p values for the number of comparisons by Holm's method.

    With the p values in rising order, ``p_holm(j) = max over i <= j of min(1, (m - i + 1) p(i))``: the probability of
    any wrong rejection is at most alpha if what has ``p_holm < alpha`` is rejected, however the comparisons depend on
    each other (Holm, Scandinavian Journal of Statistics 6, 1979).

    Parameters
    ----------
    p_values : array of shape (n,)
        NaN is a comparison that was not made: it stays NaN and does not count.
    family : int, optional
        The number m of comparisons, if only some of them are given, for example those that somebody picked. The
        others are taken to be larger, which can only make the result larger than it would be with all of them.

    Returns
    -------
    array of shape (n,)
        Corrected p values, in the order given.

    Examples
    --------
    >>> correct_by_holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(raw.shape, np.nan)
    order = np.argsort(raw, kind="stable")[: np.count_nonzero(~np.isnan(raw))]
    factors = max(family or 0, len(order)) - np.arange(len(order))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * raw[order]))
    return corrected


def count_pairs(n_configurations: int) -> int:
    """Count the pairs that can be made of some configurations.

    Examples
    --------
    >>> count_pairs(4)
    6
    """
    return n_configurations * (n_configurations - 1) // 2
