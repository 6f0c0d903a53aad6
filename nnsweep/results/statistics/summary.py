"""A summary: what the repeats of each configuration came to, with an interval for its mean.

Where only seeds vary, the interval says where the mean over all seeds would be, for the test set as it is: it knows
nothing of what another test set would give. Folds and splits tell of that, too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.frame import SIZES, check_columns, plain, smaller_is_better
from nnsweep.results.grouping import Configuration, group_runs
from nnsweep.results.statistics.tests import bound_rounding
from nnsweep.results.wording import count
from nnsweep.text import explain_unknown, printable

ACCURACY = "test_accuracy"


class Interval(NamedTuple):
    """The mean of some values, their standard deviation, and the interval of the mean."""

    mean: float
    std: float
    low: float
    high: float


NUMBERS = (*Interval._fields, "standard_error", "low_simultaneous", "high_simultaneous")


def configurations(
    runs: pd.DataFrame,
    metric: str = ACCURACY,
    *,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> pd.DataFrame:
    """Give one row for each configuration: how many repeats it has, their mean, and how sure that mean is.

    A configuration is the settings that vary in the frame, without seed, fold, split and sample: these are repeats
    (`nnsweep.results.factors`). A run that failed, diverged or finished without a real accuracy counts as guessing.
    Where the accuracy of guessing was not recorded, or the metric is none, the mean is that of the luckier repeats,
    and configurations that lost any come after those that lost none.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str
        The column to summarise.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    confidence : float
        Of the interval, between 0 and 1.
    failures : {"chance", "ignore"}, optional
        What failed runs count as; see `nnsweep.results.grouping.group_runs`.

    Returns
    -------
    pandas.DataFrame
        ``label``; a column for each setting in it; depth, width and number of parameters, where the runs have them;
        ``n`` (repeats that count), ``n_units`` (independent results: folds, say, of which each is the mean of its
        seeds), ``mean``, ``std`` of the units (from n - 1), ``low`` and ``high`` (`estimate_mean`, for this
        configuration alone), ``standard_error``, ``low_simultaneous`` and ``high_simultaneous`` (for all k
        configurations with an interval at once, so also for one that was picked by its mean: each at
        ``1 - (1 - confidence) / k``, by Bonferroni's inequality), ``n_finished``, ``n_failed`` and ``note``.
        The best first, those without any value last. ``attrs["settings"]`` names the columns of settings,
        ``attrs["n_simultaneous"]`` is k.

    Raises
    ------
    ConfigError
        If a column is unknown, or two runs that count are the same repeat of one configuration.
    """
    check_confidence(confidence)
    ranked = sort_best_first(group_runs(runs, metric, by=by, failures=failures), metric)
    names = list(ranked[0].settings) if ranked else []
    sizes = [name for name in SIZES if name in runs.columns and name not in names]
    intervals, at_once = summarize(ranked, confidence), summarize(ranked, correct_confidence(ranked, confidence))
    columns: dict[str, Sequence[object]] = {"label": [one.label for one in ranked]}
    columns |= {name: [one.settings[name] for one in ranked] for name in names}
    columns |= {name: find_sizes(runs, name, ranked) for name in sizes}
    columns |= {"n": [len(one.values) for one in ranked], "n_units": [len(one.units) for one in ranked]}
    columns |= {name: [getattr(one, name) for one in intervals] for name in Interval._fields}
    columns["standard_error"] = [
        interval.std * math.sqrt(1 / max(1, len(one.units)) + one.repeats.overlap)
        for one, interval in zip(ranked, intervals, strict=True)
    ]
    columns |= {f"{name}_simultaneous": [getattr(one, name) for one in at_once] for name in ("low", "high")}
    columns |= {"n_finished": [len(one.counted) for one in ranked], "n_failed": [one.n_failed for one in ranked]}
    columns |= {"note": list(map(_note, ranked, intervals))}
    table = pd.DataFrame(columns).astype({name: "float64" for name in columns if name in NUMBERS})
    table.attrs["settings"], table.attrs["n_simultaneous"] = names, count_with_interval(ranked)
    return table


def find_sizes(runs: pd.DataFrame, name: str, configurations: Sequence[Configuration]) -> list[object]:
    """Find a size of each configuration's network in any of its runs: those that failed early may not have it."""
    column = plain(runs[name]) if name in runs.columns else [None] * len(runs)
    return [next((column[row] for row in one.rows if column[row] is not None), None) for one in configurations]


@dataclass(frozen=True, kw_only=True)
class EstimatedConfiguration(Configuration):
    """A configuration and how sure its mean is.

    Attributes
    ----------
    half_width : float
        Half of the simultaneous 95 % interval of the mean, which holds for all configurations at once; NaN for fewer
        than two repeats.
    """

    half_width: float

    @property
    def has_no_interval(self) -> bool:
        """Whether it has a result, but only one."""
        return len(self.finished) > 0 and math.isnan(self.half_width)


def estimate_configurations(
    runs: pd.DataFrame, metric: str = ACCURACY, *, by: Sequence[str] | None = None
) -> list[EstimatedConfiguration]:
    """Group the runs of a frame and estimate the mean of each configuration.

    The intervals hold at once by Bonferroni's inequality (`correct_confidence`).

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs; it need not have the metric.
    metric : str
        What came out.
    by : sequence of str or None
        The settings that make a configuration; all that vary if not given.

    Returns
    -------
    list of EstimatedConfiguration
        The best first, those without any result last.

    Raises
    ------
    ConfigError
        If two runs are the same repeat of one configuration.
    """
    if metric not in runs.columns:
        runs = runs.assign(**{metric: math.nan})
    ranked = sort_best_first(group_runs(runs, metric, by=by), metric)
    low, high = bound_metric(metric)
    widest = high - low  # beyond that an interval says no more
    return [
        EstimatedConfiguration(
            **{field.name: getattr(one, field.name) for field in fields(one)},
            half_width=min((interval.high - interval.low) / 2, widest),
        )
        for one, interval in zip(ranked, summarize(ranked, correct_confidence(ranked, 0.95)), strict=True)
    ]


def bound_metric(metric: str) -> tuple[float, float]:
    """Say between what a metric lies, though Student's interval may reach further: 0 and 1 for an accuracy."""
    return (0.0, 1.0) if metric.endswith("_accuracy") else (-math.inf, math.inf)


def correct_confidence(configurations: Sequence[Configuration], confidence: float) -> float:
    """Give the confidence of each interval at which those of all k that have one hold at once.

    It is ``1 - (1 - confidence) / k`` by Bonferroni's inequality, whatever the results depend on (Dunn, Journal of the
    American Statistical Association 56, 1961).
    """
    return 1 - (1 - confidence) / max(1, count_with_interval(configurations))


def count_with_interval(configurations: Sequence[Configuration]) -> int:
    """Count the configurations that have an interval and may be the best: of which a run finished."""
    return sum(len(one.units) > 1 and len(one.counted) > 0 for one in configurations)


def summarize(configurations: Sequence[Configuration], confidence: float = 0.95) -> list[Interval]:
    """Give the interval of each configuration's mean over its units."""
    return [estimate_mean(list(one.units.values()), confidence, overlap=one.repeats.overlap) for one in configurations]


def estimate_mean(values: Sequence[float], confidence: float = 0.95, *, overlap: float = 0.0) -> Interval:
    """Estimate a mean from values by Student's t.

    The interval is ``mean ± t(n - 1) · std · √(1/n + overlap)`` with the quantile t of Student's distribution at
    ``(1 + confidence) / 2`` (Student, Biometrika 6, 1908). It may reach beyond what an accuracy can be. Folds and
    splits of one table share training examples, so their results are correlated; the correction for that is
    ``overlap = n_test / n_train`` (Nadeau and Bengio, Machine Learning 52, 2003), and 0 for independent values.

    Parameters
    ----------
    values : sequence of float
        Such as the accuracies of one configuration's seeds.
    confidence : float
        Between 0 and 1.
    overlap : float
        Test examples for each training example of one fold or split.

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
    return Interval(mean, std, mean - half, mean + half)


def sort_best_first(configurations: Sequence[Configuration], metric: str) -> list[Configuration]:
    """Order configurations by their means, the best first; by label where that is equal.

    Where nothing can stand for a failed repeat, since no accuracy of guessing is known or the metric is none, those
    with any come after those without: no result is worse than any.
    """
    sign = 1 if smaller_is_better(metric) else -1

    def place(one: Configuration) -> tuple[bool, bool, float, str]:
        return not one.values, not one.is_whole, sign * one.mean if one.values else 0.0, one.label

    return sorted(configurations, key=place)


def find_configuration(
    runs: pd.DataFrame, configurations: Sequence[Configuration], wanted: str | Mapping[str, object]
) -> Configuration:
    """Find the configuration that a label or some of its settings name.

    Parameters
    ----------
    runs : pandas.DataFrame
        The frame that the configurations are of.
    configurations : sequence of Configuration
        From `nnsweep.results.grouping.group_runs`.
    wanted : str or mapping
        A label, or values of columns; numbers may be given as text.

    Returns
    -------
    Configuration
        The only one.

    Raises
    ------
    ConfigError
        If there is none or several.
    """
    labels = [one.label for one in configurations]
    if isinstance(wanted, str):
        matching = [one for one in configurations if one.label == wanted]
        problem = explain_unknown(wanted, labels)
    else:
        check_columns(runs, wanted)
        columns = {name: plain(runs[name]) for name in wanted}
        rows = {
            row
            for row in range(len(runs))
            if all(_is_same(columns[name][row], value) for name, value in wanted.items())
        }
        matching = [one for one in configurations if rows.intersection(one.rows)]
        problem = f"no configuration has {printable(str(dict(wanted)))}; known: {', '.join(labels)}"
    if len(matching) > 1:
        several = ", ".join(one.label for one in matching)
        problem = f"{printable(str(wanted))} is several configurations: {several}; say which"
    if len(matching) != 1:
        raise ConfigError(problem)
    return matching[0]


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence={confidence} is not between 0 and 1; 0.95 is usual")


def describe_failures(configurations: Sequence[Configuration], metric: str) -> list[str]:
    """Say of how many runs there is no result, and what they count as."""
    failed = [one for one in configurations if one.n_failed]
    if not failed:
        return []
    n_failed, n_stand = sum(one.n_failed for one in failed), sum(len(one.values) - len(one.counted) for one in failed)
    of = f"{count(n_failed, 'run')} of {count(len(failed), 'configuration')} ended without a {printable(metric)}"
    left = n_failed - n_stand
    if not n_stand:
        return [f"{of}: the means are of the others"]
    counts = "counts" if n_stand == 1 else "count"
    return [f"{of}: {n_stand:,} {counts} as guessing (chance_accuracy)" + f", {left:,} not at all" * (left > 0)]


def _is_same(value: object, wanted: object) -> bool:
    """Tell whether two values are equal, of which the second may be written as text."""
    if value == wanted or str(value) == str(wanted):
        return True
    try:
        return isinstance(value, int | float) and float(value) == float(str(wanted))
    except ValueError:
        return False


def _note(one: Configuration, interval: Interval) -> str:
    kind = one.repeats.kind
    if not one.counted:
        return f"no {kind} finished"
    failed = f"{len(one.counted):,} of {one.n_ended:,} finished" if one.n_failed else ""
    same = f"all {kind}s gave the same: an interval without width" if interval.std == 0 else ""
    return "; ".join(filter(None, [failed, same if len(one.units) > 1 else f"one {kind}: no interval"]))
