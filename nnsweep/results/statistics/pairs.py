"""Pairs: the difference of each two of many configurations and how sure it is, all at once.

Two are compared repeat by repeat where their repeats have something in common, and as independent groups otherwise.
Folds, splits and samples share their test examples, so results of one fold rise and fall together. Networks of one
shape start a seed from the same weights; networks of different shapes do not, and pairing them by seed would only halve
the degrees of freedom.
"""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.results.factors import ARCHITECTURE, EXTENT, SEED
from nnsweep.results.grouping import Configuration
from nnsweep.results.statistics.intervals import widen_within
from nnsweep.results.statistics.summary import find_sizes
from nnsweep.results.statistics.tests import ROUNDING, TINIEST, shares_most

SHAPES = (*ARCHITECTURE, *EXTENT, "n_parameters", "data")
"""The columns that tell the shapes of a network's weights."""
CLEAR = 0.01
"""Below this p, repeats move all configurations together beyond doubt."""
ENOUGH = 20
"""Degrees of freedom with which the correlation over repeats is known well enough to judge by it."""
POWER = 0.8
CANCELLED = 1e-13
"""A variance of differences that is less than this part of the two variances is what rounding has left of 0."""
FEWEST = 5
"""With fewer configurations or units, variances are not raised: the best would be missed too often."""

Units: TypeAlias = Mapping[Hashable, float]
FloatArray: TypeAlias = NDArray[np.float64]


def find_pairing(runs: pd.DataFrame, configurations: Sequence[Configuration]) -> NDArray[np.bool_]:
    """Say which configurations of a frame are to be compared repeat by repeat.

    * All, over folds, splits or samples.
    * All, where seeds move results together beyond doubt (`measure_agreement` with p < 0.01) and so much that pairing
      makes intervals narrower.
    * Those of networks of one shape, unless there are enough results to tell that it would not.

    The choice looks at how results move together and not at their means, so the tests that follow keep their level.

    Parameters
    ----------
    runs : pandas.DataFrame
        The frame that the configurations are of.
    configurations : sequence of Configuration
        k of them, from `nnsweep.results.grouping.group_runs`.

    Returns
    -------
    array of bool, shape (k, k)
        Symmetric. Whether two share enough repeats is not looked at here.
    """
    k = len(configurations)
    if k and set(configurations[0].repeats.units) - {SEED}:
        return np.ones((k, k), dtype=bool)
    columns = [find_sizes(runs, name, configurations) for name in SHAPES if name in runs.columns]
    shapes = list(zip(*columns, strict=True)) if columns else [()] * k
    of_shape: dict[Hashable, list[Units]] = {}
    for shape, one in zip(shapes, configurations, strict=True):
        of_shape.setdefault(shape, []).append(one.units)
    n = int(np.median([len(one.units) for one in configurations])) if k else 0
    of_all = measure_agreement([[one.units for one in configurations]])
    if of_all.p < CLEAR and _pays(of_all.correlation, k, n):
        return np.ones((k, k), dtype=bool)
    within = measure_agreement([*of_shape.values()])
    if within.degrees >= ENOUGH and not _pays(within.correlation, k, n):
        return np.zeros((k, k), dtype=bool)
    return np.array([[one == other for other in shapes] for one in shapes], dtype=bool).reshape(k, k)


def _pays(correlation: float, k: int, n: int) -> bool:
    """Tell whether n pairs give narrower intervals than two groups of n, at the level of k - 1 comparisons."""
    if n < 2:
        return False
    from scipy import special  # its import takes longer than most of what needs results

    paired, apart = special.stdtrit(np.array([n - 1, 2 * n - 2]), 0.05 / max(k - 1, 1))
    return bool((1 - correlation) * paired**2 < apart**2)


class Agreement(NamedTuple):
    """How far the repeats of configurations move together.

    Attributes
    ----------
    correlation : float
        The mean rank correlation of two configurations over their repeats.
    p : float
        The probability of as much agreement by chance; 1 if there is nothing to test.
    degrees : int
        Degrees of freedom of what does not agree.
    """

    correlation: float
    p: float
    degrees: int


def measure_agreement(groups: Sequence[Sequence[Units]]) -> Agreement:
    """Measure whether the repeats of configurations move together within groups of them.

    It is Friedman's test with the repeats as treatments and the configurations as blocks, in the form of Iman and
    Davenport (Communications in Statistics A9, 1980): an analysis of variance of the ranks that each configuration
    gives its repeats, for which neither means nor spreads of the configurations matter.

    Parameters
    ----------
    groups : sequence of sequence of mapping
        ``{repeat: value}`` of each configuration of each group. Those count that have the repeats that most have.
    """
    between = total = more = most = log_chance = 0.0
    df_between = df_residual = 0
    for group in groups:
        values = _take_complete(group)
        k, n = values.shape
        if min(k, n) < 2:
            continue
        smaller = (values[:, :, None] > values[:, None, :]).sum(axis=2)
        equal = (values[:, :, None] == values[:, None, :]).sum(axis=2)
        ranks = smaller + (equal - 1) / 2 - (n - 1) / 2  # around 0; equal values share their ranks
        own, of_means = float(np.square(ranks).sum()), k * float(np.square(ranks.mean(axis=0)).sum())
        between, total = between + of_means, total + own
        more, most = more + k * of_means - own, most + (k - 1) * own
        log_chance -= (k - 1) * math.lgamma(n + 1)  # of one order out of n! in all of them
        df_between, df_residual = df_between + n - 1, df_residual + (n - 1) * (k - 1)
    if not between:
        return Agreement(0.0, 1.0, df_residual)
    residual = total - between
    if residual <= 1e-9 * total:  # all rank their repeats alike
        return Agreement(1.0, math.exp(log_chance), df_residual)
    from scipy import special

    p = special.fdtrc(df_between, df_residual, between / df_between / (residual / df_residual))
    return Agreement(more / most, float(p), df_residual)


def _take_complete(group: Sequence[Units]) -> FloatArray:
    """Give the values of those that have the repeats that most have, shape (n_configurations, n_repeats)."""
    counts = Counter(frozenset(units) for units in group)
    repeats = max(counts, key=lambda units: (counts[units], len(units), sorted(map(repr, units))), default=frozenset())
    rows = [[units[repeat] for repeat in sorted(repeats, key=repr)] for units in group if units.keys() == repeats]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(repeats))


class Pairs(NamedTuple):
    """What is known of k configurations, arrays of shape (k,), and of the difference of each two, of shape (k, k).

    Attributes
    ----------
    mean, own_error, own_degrees : array of shape (k,)
        The mean of each, its standard error and the degrees of freedom of that.
    difference : array
        The mean of the one in the row minus that of the one in the column.
    error : array
        The standard error of the difference; 0 where it does not vary.
    degrees : array
        Degrees of freedom of the error.
    correlation : array
        Of the two means; 0 where they are not paired.
    n_orders : array
        How many orders of the results are equally likely if there is no difference: signs of the paired, divisions
        into two groups of the others.
    rounding : float
        What is nothing but rounding.
    """

    mean: FloatArray
    own_error: FloatArray
    own_degrees: FloatArray
    difference: FloatArray
    error: FloatArray
    degrees: FloatArray
    correlation: FloatArray
    n_orders: FloatArray
    rounding: float

    def half_widths(self, level: float) -> FloatArray:
        """Give the one-sided half widths ``t(df; 1 - level) e`` of the intervals of all differences.

        Without any spread the width is 0 if one order of all is rarer than the level, or else infinite.
        """
        from scipy import special  # its import takes longer than most of what needs results

        half = -special.stdtrit(self.degrees, level) * self.error
        return np.where(self.error > 0, half, np.where(self.n_orders * level >= 1, 0.0, np.inf))

    def half_widths_below(self, level: float, bounds: tuple[float, float], ceilings: FloatArray) -> FloatArray:
        """Give how far below its estimate a difference may be, where the mean in the column has a ceiling.

        A configuration that sometimes collapses has a wide interval, but its mean is not above that of its runs that
        succeed. With the ends ``lᵢ`` and ``uⱼ`` of one-sided intervals of the two means
        (`nnsweep.results.statistics.intervals.widen_within`), of which ``uⱼ`` is no higher than the ceiling, and the
        correlation r of the means, the half width is

            ``√(a² + b² - 2 r a b)``  with  ``a = xᵢ - lᵢ``  and  ``b = uⱼ - xⱼ``

        (Zou and Donner, Statistics in Medicine 27, 2008), or that of `half_widths` where this is less.

        Parameters
        ----------
        level : float
            Of each one-sided interval.
        bounds : (float, float)
            The least and the largest value that is possible.
        ceilings : array of shape (k,)
            What the means are not above; infinite where nothing is known.
        """
        half = self.half_widths(level)
        if np.isinf(ceilings).all():
            return half
        from scipy import special

        own = -special.stdtrit(self.own_degrees, level) * self.own_error
        ends = [widen_within(mean, width, bounds) for mean, width in zip(self.mean.tolist(), own.tolist(), strict=True)]
        low, high = np.array(ends, dtype=np.float64).reshape(-1, 2).T
        below, above = (self.mean - low)[:, None], (np.minimum(high, ceilings) - self.mean)[None, :]
        squared = np.square(below) + np.square(above) - 2 * self.correlation * below * above
        has_ceiling = (self.error > 0) & np.isfinite(ceilings)[None, :]
        return np.where(has_ceiling, np.minimum(half, np.sqrt(np.maximum(squared, 0.0))), half)

    def find_detectable(self, row: int, column: int, level: float, power: float = POWER) -> float:
        """Give the difference that the one-sided test at that level sees with that probability.

        It is ``e`` times the noncentrality at which a noncentral t exceeds ``t(df; 1 - level)`` with that probability;
        NaN where nothing varies.
        """
        from scipy import special

        degrees, error = float(self.degrees[row, column]), float(self.error[row, column])
        if not error > 0:
            return math.nan
        critical = -float(special.stdtrit(degrees, level))
        return float(special.nctdtrinc(degrees, 1 - power, critical)) * error


def estimate_pairs(
    units: Sequence[Mapping[Hashable, float]], pairing: NDArray[np.bool_], *, overlap: float = 0.0
) -> Pairs:
    """Estimate the difference of each two of k sets of results given by unit.

    Paired, it is that of the units which both have, ``e² = s² (1/n + overlap)`` with the variance s² of their n
    differences. Otherwise ``e² = v₁ + v₂`` with ``vᵢ = sᵢ² (1/nᵢ + overlap)`` and Welch's degrees of freedom
    ``(v₁ + v₂)² / (v₁² / d₁ + v₂² / d₂)`` (Welch, Biometrika 34, 1947), where variances and their degrees of freedom d
    are those of `raise_variances`.

    Parameters
    ----------
    units : sequence of mapping
        ``{unit: value}``, two or more values each.
    pairing : array of bool, shape (k, k)
        Which may be paired; they are if they share most of their units.
    overlap : float
        Test examples for each training example where units share training examples (Nadeau and Bengio, Machine
        Learning 52, 2003), 0 where they are independent.
    """
    names = {unit: place for place, unit in enumerate(dict.fromkeys(unit for one in units for unit in one))}
    values, present = np.zeros((len(units), len(names))), np.zeros((len(units), len(names)))
    for row, one in enumerate(units):
        places = [names[unit] for unit in one]
        values[row, places], present[row, places] = list(one.values()), 1.0
    n = present.sum(axis=1)
    rounding = ROUNDING * float(np.abs(values).max()) + TINIEST
    means = np.array([math.fsum(one.values()) / len(one) for one in units])
    centred = (values - means[:, None]) * present
    variances = np.square(centred).sum(axis=1) / (n - 1)
    variances[np.sqrt(variances) <= rounding] = 0.0

    raised, own_degrees = raise_variances(variances, n - 1)
    parts = raised * (1 / n + overlap)
    squared = parts[:, None] + parts[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.square(parts) / own_degrees
        degrees = np.square(squared) / (share[:, None] + share[None, :])
        shared = present @ present.T
        apart = centred @ present.T
        apart = (apart - apart.T) / shared
        squares = np.square(centred) @ present.T
        spread = (squares + squares.T - 2 * centred @ centred.T - shared * np.square(apart)) / (shared - 1)
    total = variances[:, None] + variances[None, :]
    spread[spread <= CANCELLED * total] = 0.0
    is_paired = pairing & shares_most(shared, n[:, None], n[None, :])
    difference = means[:, None] - means[None, :]
    from scipy import special

    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = (total - spread) / (2 * np.sqrt(np.outer(variances, variances)))
    return Pairs(
        mean=means,
        own_error=np.sqrt(parts),
        own_degrees=own_degrees,
        difference=np.where(is_paired, difference + apart, difference),
        error=np.sqrt(np.where(is_paired, spread * (1 / np.maximum(shared, 1) + overlap), squared)),
        degrees=np.nan_to_num(np.where(is_paired, shared - 1, degrees), nan=1.0),
        correlation=np.where(is_paired, np.nan_to_num(correlation), 0.0),
        n_orders=np.where(is_paired, 2.0**shared, special.comb(n[:, None] + n[None, :], n[:, None])),
        rounding=rounding,
    )


def raise_variances(variances: FloatArray, degrees: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Raise variances that are small by chance towards those of the other configurations.

    If the true variances are scattered as ``d₀ s₀² / χ²(d₀)``, the best estimate of one is
    ``(d₀ s₀² + d s²) / (d₀ + d)`` with ``d₀ + d`` degrees of freedom; d₀ and s₀² are estimated by the mean and the
    variance of ``log s²`` (Smyth, Statistical Applications in Genetics and Molecular Biology 3, 2004, section 6).
    Variances are scattered in other ways, too, such as one half ten times the other, and a noisy configuration would
    be excluded too easily. So no variance is made smaller, and ``d₀ / 2 + d`` degrees of freedom are counted; with
    fewer than five configurations or units nothing is changed (``experiments/statistics/best_set.md``).

    Parameters
    ----------
    variances : array of shape (k,)
        From ``degrees + 1`` values each.
    degrees : array of shape (k,)
        Their degrees of freedom.

    Returns
    -------
    variances, degrees : array of shape (k,)
        As they are to be used.
    """
    if len(variances) < FEWEST or degrees.min() < FEWEST - 1 or not variances.any():
        return variances, degrees
    from scipy import special

    floor = 1e-5 * np.median(variances) or 1e-10 * variances.max()
    logs = np.log(np.maximum(variances, floor)) - special.digamma(degrees / 2) + np.log(degrees / 2)
    scatter = float(np.var(logs, ddof=1) - special.polygamma(1, degrees / 2).mean())
    priors = np.geomspace(1e-2, 1e4, 2000)  # trigamma(d₀ / 2) falls with d₀, so it is inverted by looking it up
    prior = float(np.interp(scatter, special.polygamma(1, priors / 2)[::-1], priors[::-1]))
    centre = math.exp(logs.mean() + special.digamma(prior / 2) - math.log(prior / 2))
    moderated = (prior * centre + degrees * variances) / (prior + degrees)
    return np.maximum(moderated, variances), prior / 2 + degrees
