"""Marginal means: what each value of a setting comes to on average over the other settings.

They answer "which depth" where a comparison answers "which network", and from more runs: those of all networks of a
depth. Where settings interact, the average hides that the best depth is another for each width.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from scipy import special

from nnsweep.errors import ConfigError
from nnsweep.results.factors import Repeats, check_settings, choose_factors, place_level
from nnsweep.results.frame import check_columns, coded, plain
from nnsweep.results.grouping import group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import bound_metric, find_sign
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.anova import take_units
from nnsweep.results.statistics.intervals import check_confidence
from nnsweep.results.statistics.summary import describe_failures
from nnsweep.results.wording import count
from nnsweep.text import printable

LEVELS = {
    **dict.fromkeys(("factor", "level"), "object"),
    **dict.fromkeys(("mean", "standard_error", "low", "high"), "float64"),
    **dict.fromkeys(("n_cells", "n_results"), "int64"),
}
CONTRASTS = {
    **dict.fromkeys(("factor", "level", "reference"), "object"),
    **dict.fromkeys(("difference", "standard_error", "low", "high", "p"), "float64"),
    "distinguishable": "bool",
}
Setting: TypeAlias = tuple[Hashable, ...]


class MarginalMeans(NamedTuple):
    """The means of the levels of each factor, and how far they are apart.

    Attributes
    ----------
    levels : pandas.DataFrame
        A row for each ``factor`` and ``level``: ``mean``, ``standard_error``, the interval ``low`` to ``high`` (an
        accuracy's within 0 and 1),
        ``n_cells`` (combinations of the other factors that are averaged) and ``n_results``. ``attrs["metric"]`` names
        what was averaged.
    contrasts : pandas.DataFrame
        A row for each pair of levels, the better one as ``level`` and the other as ``reference``: ``difference``,
        ``standard_error``, ``low``, ``high``, ``p`` and ``distinguishable``; the best and its nearest first.
    notes : tuple of str
        What was left out, and which runs failed.
    """

    levels: pd.DataFrame
    contrasts: pd.DataFrame
    notes: tuple[str, ...]


def marginal_means(
    runs: pd.DataFrame,
    metric: str | None = None,
    *,
    factors: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> MarginalMeans:
    """Average a metric over all other settings for each value of a setting, and compare the values.

    A cell is a combination of all factors. The mean of a level is that of its cells, whichever number of results each
    has (Searle, Speed and Milliken, The American Statistician 34, 1980), over the combinations of the other factors
    that were run at all levels, so that no level is averaged over easier company than another. With the standard
    deviation ``s`` of a cell's n results, the mean of C cells has

        ``error² = Σ (s² / n) / C²``,   df = ``error⁴ / Σ (s² / n / C²)² / (n - 1)``

    (Satterthwaite, Biometrics Bulletin 2, 1946): cells in which networks fail vary much more than others. The
    difference of two levels has the sum over the cells of both, as in Welch's test. Cells count as independent: results
    of two networks with one seed hardly correlate, and where they do, a difference varies less than this. Folds,
    splits and samples, whose test examples are common to all cells, are averaged over the cells first instead; then a
    level has one value in each, and differences are paired.

    Intervals and p are Student's, each at ``1 - (1 - confidence) / m``, so that the m differences of a factor's levels,
    and likewise its m means, hold at once (Bonferroni).

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs; those count that finished with a real value of the metric.
    metric : str, optional
        The column to average.
    factors : sequence of str, optional
        The columns; by default all settings that vary (`nnsweep.results.factors.choose_factors`).
    confidence : float
        Of all intervals of a factor at once.
    failures : {"chance", "ignore"}, optional
        What failed runs count as: what guessing achieves, or nothing; by default what the frame says, or else chance.

    Returns
    -------
    MarginalMeans
        Factors in their order, levels in theirs. Where a cell has one result there are no intervals.

    Raises
    ------
    ConfigError
        If a column is unknown, a factor is a repeat, or no run counts.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    check_confidence(confidence)
    check_columns(runs, metric=[metric], factors=factors or ())
    check_settings(factors or ())
    groups = group_runs(runs, metric, failures=failures)
    if not any(one.counted for one in groups):
        raise ConfigError(f"no run finished with a finite {printable(metric)}, so there is nothing to average")
    usable, units, values = take_units(runs, groups)
    chosen = choose_factors(usable, metric, factors)
    codes = [coded(usable, name) for name in chosen.names]
    cells = _make_cells([*zip(*codes, strict=True)], units, values)
    repeats, sign = groups[0].repeats, find_sign(metric)
    levels: list[dict[str, object]] = []
    contrasts: list[dict[str, object]] = []
    notes = [*chosen.notes]
    for place, name in enumerate(chosen.names):
        by_code, n_left_out = _cross(cells, place)
        if n_left_out:
            others = f"{count(n_left_out, 'combination')} of the other settings"
            notes.append(f"{printable(name)}: averaged without {others} not run with all of its values")
        named = dict(zip(codes[place], plain(usable[name]), strict=True))
        ordered = [(named[code], by_code[code]) for code in sorted(by_code, key=lambda code: place_level(named[code]))]
        described = _describe_levels(ordered, repeats, confidence, bound_metric(metric))
        levels += [{"factor": name} | row for row in described]
        contrasts += [{"factor": name} | row for row in _contrast_levels(ordered, repeats, confidence, sign)]
    table = pd.DataFrame(levels, columns=list(LEVELS)).astype(LEVELS)
    table.attrs["metric"] = metric
    return MarginalMeans(
        table,
        pd.DataFrame(contrasts, columns=list(CONTRASTS)).astype(CONTRASTS),
        (*notes, *describe_failures(groups, metric)),
    )


class _Cell(NamedTuple):
    """The results of one combination of all factors: by unit, their mean, and its variance (NaN for one result)."""

    units: dict[Hashable, float]
    mean: float
    variance: float
    n: int


class _Estimate(NamedTuple):
    """A mean or a difference of means, its standard error and the error's degrees of freedom."""

    mean: float
    error: float
    df: float

    def infer(self, confidence: float) -> tuple[float, float, float]:
        """Give the interval and the two-sided p value; NaN without an error."""
        if not self.error > 0:
            return math.nan, math.nan, math.nan
        half = -float(special.stdtrit(self.df, (1 - confidence) / 2)) * self.error
        return self.mean - half, self.mean + half, float(2 * special.stdtr(self.df, -abs(self.mean) / self.error))


def _make_cells(
    settings: Sequence[Setting], units: Sequence[Hashable], values: Sequence[float]
) -> dict[Setting, _Cell]:
    """Put results together that have the same value of every factor."""
    members: dict[Setting, list[tuple[Hashable, float]]] = {}
    for setting, unit, value in zip(settings, units, values, strict=False):
        members.setdefault(setting, []).append((unit, value))
    cells = {}
    for setting, pairs in members.items():
        by_unit: dict[Hashable, list[float]] = {}
        for unit, value in pairs:
            by_unit.setdefault(unit, []).append(value)
        results = np.array([value for _, value in pairs])
        variance = float(results.var(ddof=1)) / len(results) if len(results) > 1 else math.nan
        means = {unit: fmean(own) for unit, own in by_unit.items()}
        cells[setting] = _Cell(means, float(results.mean()), variance, len(results))
    return cells


def _cross(cells: Mapping[Setting, _Cell], place: int) -> tuple[dict[Hashable, list[_Cell]], int]:
    """Give the cells of each level in the combinations that all levels have, and how many others there are.

    They are left with the units that all of them have.
    """
    by_level: dict[Hashable, dict[Setting, _Cell]] = {}
    for setting, cell in cells.items():
        by_level.setdefault(setting[place], {})[setting[:place] + setting[place + 1 :]] = cell
    run = dict.fromkeys(others for own in by_level.values() for others in own)
    common = [others for others in run if all(others in own for own in by_level.values())]
    crossed = {level: [own[others] for others in common] for level, own in by_level.items()} if common else {}
    units = [cell.units.keys() for own in crossed.values() for cell in own]
    shared = [unit for unit in next(iter(units), ()) if all(unit in one for one in units)]
    paired = {
        level: [cell._replace(units={unit: cell.units[unit] for unit in shared}) for cell in own]
        for level, own in crossed.items()
    }
    return paired, len(run) - len(common)


def _estimate(cells: Sequence[_Cell], others: Sequence[_Cell], repeats: Repeats) -> _Estimate:
    """Estimate the mean of cells, or its difference from that of as many others."""
    if repeats.changes_test_set:
        values = [
            fmean(cell.units[unit] for cell in cells) - (fmean(cell.units[unit] for cell in others) if others else 0.0)
            for unit in cells[0].units
        ]
        if len(values) < 2:
            return _Estimate(fmean(values) if values else math.nan, math.nan, math.nan)
        error = float(np.std(values, ddof=1)) * math.sqrt(1 / len(values) + repeats.overlap)
        return _Estimate(fmean(values), error, len(values) - 1)
    mean = fmean(cell.mean for cell in cells) - (fmean(cell.mean for cell in others) if others else 0.0)
    both = [*cells, *others]
    parts = np.array([cell.variance for cell in both]) / len(cells) ** 2
    total = float(parts.sum())
    spread = float(np.sum([part**2 / (cell.n - 1) for part, cell in zip(parts, both, strict=True) if cell.n > 1]))
    return _Estimate(mean, math.sqrt(total), total**2 / spread if total > 0 else math.nan)


def _describe_levels(
    levels: Sequence[tuple[object, Sequence[_Cell]]],
    repeats: Repeats,
    confidence: float,
    possible: tuple[float, float],
) -> list[dict[str, object]]:
    at_once = 1 - (1 - confidence) / max(1, len(levels))
    found = []
    for value, cells in levels:
        estimate = _estimate(cells, (), repeats)
        low, high = np.clip(estimate.infer(at_once)[:2], *possible).tolist()
        row = {"level": value, "mean": estimate.mean, "standard_error": estimate.error, "low": low, "high": high}
        found.append(row | {"n_cells": len(cells), "n_results": sum(cell.n for cell in cells)})
    return found


def _contrast_levels(
    levels: Sequence[tuple[object, Sequence[_Cell]]], repeats: Repeats, confidence: float, sign: int
) -> list[dict[str, object]]:
    """Compare all pairs of levels, the better one first."""
    ranked = sorted(levels, key=lambda level: -sign * _estimate(level[1], (), repeats).mean)
    pairs = [*combinations(ranked, 2)]
    at_once = 1 - (1 - confidence) / max(1, len(pairs))
    found = []
    for (level, cells), (reference, others) in pairs:
        estimate = _estimate(cells, others, repeats)
        low, high, p = estimate.infer(at_once)
        row = {"level": level, "reference": reference, "difference": estimate.mean, "standard_error": estimate.error}
        row |= {"low": low, "high": high, "p": float(np.minimum(1.0, p * len(pairs)))}
        found.append(row | {"distinguishable": not (low <= 0 <= high) and not math.isnan(low)})
    return found
