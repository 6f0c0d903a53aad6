"""A summary: what the repeats of each configuration came to, with an interval for its mean.

Where only seeds vary, the interval says where the mean over all seeds would be, for the test set as it is: it knows
nothing of what another test set would give. Folds and splits tell of that, too. Where some repeats come to nothing, the
share of those that succeed and the mean of these say more than the mean of all.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.frame import SIZES, check_columns, plain, take_metric, take_numbers
from nnsweep.results.grouping import Configuration, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.labels import AT_CHANCE, COLLAPSED, DIVERGED, NOTHING, bound_guessing
from nnsweep.results.metrics import ACCURACY, UNBOUNDED, bound_metric, find_sign, name_baseline
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.intervals import (
    Interval,
    check_confidence,
    compute_interquartile_mean,
    estimate_mean,
    estimate_share,
)
from nnsweep.results.trend import find_selecting_curve
from nnsweep.results.wording import count
from nnsweep.text import printable, suggest_nearest

LAST = "final_"
"""What the metrics of the last epoch begin with."""
NUMBERS = (
    *(*Interval._fields, "standard_error", "low_simultaneous", "high_simultaneous", "iqm"),
    *("success_low", "success_high", "mean_succeeded", "low_succeeded", "high_succeeded"),
)


def configurations(
    runs: pd.DataFrame,
    metric: str | None = None,
    *,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
    outcomes: pd.DataFrame | None = None,
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
    metric : str, optional
        The column to summarize.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    confidence : float
        Of the interval, between 0 and 1.
    failures : {"chance", "ignore"}, optional
        What failed runs count as: what guessing achieves, or nothing; by default what the frame says, or else chance.
    outcomes : pandas.DataFrame, optional
        What `nnsweep.outcomes` says of the same runs, by which a run has succeeded or not (`mark_successes`).

    Returns
    -------
    pandas.DataFrame
        ``label``; a column for each setting in it; depth, width and number of parameters, where the runs have them;
        ``n`` (repeats that count), ``n_units`` (independent results: folds, say, of which each is the mean of its
        seeds), ``mean``, ``std`` of the units (from n - 1), ``low`` and ``high`` (within 0 and 1 for an accuracy:
        `nnsweep.results.statistics.intervals.estimate_mean`, for this configuration alone), ``standard_error``,
        ``low_simultaneous`` and ``high_simultaneous`` (for all k configurations with an interval at once, so also for
        one that was picked by its mean: each at ``1 - (1 - confidence) / k``, by Bonferroni's inequality), ``iqm``
        (mean of the middle half of the units), ``n_finished``, ``n_failed``, ``n_succeeded`` with the exact interval
        ``success_low`` to ``success_high`` of its share of all that ended, ``mean_succeeded`` with ``low_succeeded`` to
        ``high_succeeded`` (the same as mean, low and high, of those that succeeded) and ``note``. The best first, those
        without any value last. ``attrs["settings"]`` names the columns of settings, ``attrs["n_simultaneous"]`` is k.

    Raises
    ------
    ConfigError
        If a column is unknown, or two runs that count are the same repeat of one configuration.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    check_confidence(confidence)
    ranked = sort_best_first(group_runs(runs, metric, by=by, failures=failures), metric)
    names = list(ranked[0].settings) if ranked else []
    sizes = [name for name in SIZES if name in runs.columns and name not in names]
    bounds = bound_metric(metric)
    intervals = summarize(ranked, confidence, bounds=bounds)
    at_once = summarize(ranked, correct_confidence(ranked, confidence), bounds=bounds)
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
    columns["iqm"] = [compute_interquartile_mean([*one.units.values()]) for one in ranked]
    columns |= {"n_finished": [len(one.counted) for one in ranked], "n_failed": [one.n_failed for one in ranked]}
    succeeded = keep_successes(ranked, mark_successes(runs, outcomes, metric))
    shares = [
        estimate_share(len(some.values), one.n_ended, confidence) for one, some in zip(ranked, succeeded, strict=True)
    ]
    columns["n_succeeded"] = [len(some.values) for some in succeeded]
    columns |= {f"success_{end}": [share[place] for share in shares] for place, end in enumerate(("low", "high"))}
    of_succeeded = summarize(succeeded, confidence, bounds=bounds)
    columns |= {f"{name}_succeeded": [getattr(one, name) for one in of_succeeded] for name in ("mean", "low", "high")}
    columns |= {"note": list(map(_note, ranked, intervals))}
    table = pd.DataFrame(columns).astype({name: "float64" for name in columns if name in NUMBERS})
    table.attrs["settings"], table.attrs["n_simultaneous"] = names, count_with_interval(ranked)
    return table


def mark_successes(runs: pd.DataFrame, outcomes: pd.DataFrame | None = None, metric: str = ACCURACY) -> list[bool]:
    """Mark the runs that came to more than guessing.

    Such a run finished with a test accuracy above what guessing reaches, where that is known, and its curve neither
    diverged nor stayed at chance (`nnsweep.results.labels`). A network that collapsed has the result of its best epoch,
    and so succeeded unless the metric is that of the last one.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    outcomes : pandas.DataFrame, optional
        What `nnsweep.outcomes` says of the same runs.
    metric : str
        What came out.
    """
    unsuccessful = {DIVERGED, AT_CHANCE, *([COLLAPSED] if metric.startswith(LAST) else [])}
    states = plain(runs["state"]) if "state" in runs.columns else ["finished"] * len(runs)
    labels = [None] * len(runs) if outcomes is None else plain(outcomes["outcome"])
    accuracies = take_metric(runs, metric if metric.endswith(ACCURACY) else ACCURACY)
    n_samples, chances = take_numbers(runs, "n_test_samples"), take_numbers(runs, "chance_accuracy")
    curve = find_selecting_curve(NOTHING)

    @cache
    def bound(chance: float, n: float) -> float | None:
        known = None if math.isnan(chance) else chance
        return bound_guessing(curve, chance=known, n_samples=None if math.isnan(n) else n)

    limits = [bound(chance, n) for chance, n in zip(chances, n_samples, strict=True)]
    is_guess = [
        value is not None and limit is not None and value <= limit
        for value, limit in zip(accuracies, limits, strict=True)
    ]
    return [
        state == "finished" and label not in unsuccessful and not guess
        for state, label, guess in zip(states, labels, is_guess, strict=True)
    ]


def keep_successes(configurations: Sequence[Configuration], is_success: Sequence[bool]) -> list[Configuration]:
    """Keep of each configuration the values of the runs that succeeded."""
    return [
        replace(one, values={key: one.values[key] for key, row in one.counted.items() if is_success[row]})
        for one in configurations
    ]


def find_sizes(runs: pd.DataFrame, name: str, configurations: Sequence[Configuration]) -> list[object]:
    """Find a size of each configuration's network in any of its runs: those that failed early may not have it."""
    column = plain(runs[name]) if name in runs.columns else [None] * len(runs)
    return [next((column[row] for row in one.rows if column[row] is not None), None) for one in configurations]


@dataclass(frozen=True, kw_only=True)
class EstimatedConfiguration(Configuration):
    """A configuration and how sure its mean is.

    Attributes
    ----------
    low, high : float
        The simultaneous 95 % interval of the mean, which holds for all configurations at once; NaN for fewer than two
        repeats.
    """

    low: float
    high: float

    @property
    def has_no_interval(self) -> bool:
        """Whether it has a result, but only one."""
        return len(self.finished) > 0 and math.isnan(self.low)

    @property
    def is_alike(self) -> bool:
        """Whether all its repeats gave the same, which leaves the interval no width."""
        return self.low == self.high


def estimate_configurations(
    runs: pd.DataFrame, metric: str | None = None, *, by: Sequence[str] | None = None
) -> list[EstimatedConfiguration]:
    """Group the runs of a frame and estimate the mean of each configuration.

    The intervals hold at once by Bonferroni's inequality (`correct_confidence`).

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs; it need not have the metric.
    metric : str, optional
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
    metric = choose_metric(runs, metric)
    if metric not in runs.columns:
        runs = runs.assign(**{metric: math.nan})
    ranked = sort_best_first(group_runs(runs, metric, by=by), metric)
    intervals = summarize(ranked, correct_confidence(ranked, 0.95), bounds=bound_metric(metric))
    return [
        EstimatedConfiguration(
            **{field.name: getattr(one, field.name) for field in fields(one)}, low=interval.low, high=interval.high
        )
        for one, interval in zip(ranked, intervals, strict=True)
    ]


def correct_confidence(configurations: Sequence[Configuration], confidence: float) -> float:
    """Give the confidence of each interval at which those of all k that have one hold at once.

    It is ``1 - (1 - confidence) / k`` by Bonferroni's inequality, whatever the results depend on (Dunn, Journal of the
    American Statistical Association 56, 1961).
    """
    return 1 - (1 - confidence) / max(1, count_with_interval(configurations))


def count_with_interval(configurations: Sequence[Configuration]) -> int:
    """Count the configurations that have an interval and may be the best: of which a run finished."""
    return sum(len(one.units) > 1 and len(one.counted) > 0 for one in configurations)


def summarize(
    configurations: Sequence[Configuration],
    confidence: float = 0.95,
    *,
    bounds: tuple[float, float] = UNBOUNDED,
) -> list[Interval]:
    """Give the interval of each configuration's mean over its units, within what the metric can be."""
    return [
        estimate_mean(list(one.units.values()), confidence, overlap=one.repeats.overlap, bounds=bounds)
        for one in configurations
    ]


def sort_best_first(configurations: Sequence[Configuration], metric: str) -> list[Configuration]:
    """Order configurations by their means, the best first; by label where that is equal.

    Where nothing can stand for a failed repeat, since no accuracy of guessing is known or the metric is none, those
    with any come after those without: no result is worse than any.
    """
    sign = -find_sign(metric)

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
        problem = f"there is no configuration {printable(wanted)!r}; {suggest_nearest(wanted, labels)}"
    else:
        check_columns(runs, configuration=wanted)
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


def describe_failures(configurations: Sequence[Configuration], metric: str) -> list[str]:
    """Say of how many runs there is no result, and what they count as."""
    failed = [one for one in configurations if one.n_failed]
    if not failed:
        return []
    n_failed, n_stand = sum(one.n_failed for one in failed), sum(len(one.values) - len(one.counted) for one in failed)
    of = f"{count(n_failed, 'run')} of {count(len(failed), 'configuration')} ended without a {printable(metric)}"
    if not n_stand:
        return [f"{of}: means are over the others"]
    if n_stand == n_failed:
        return [f"{of} and {'counts' if n_failed == 1 else 'count'} as guessing ({name_baseline(metric)})"]
    count_as = "counts" if n_stand == 1 else "count"
    return [f"{of}: {n_stand:,} {count_as} as guessing ({name_baseline(metric)}), {n_failed - n_stand:,} not at all"]


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
