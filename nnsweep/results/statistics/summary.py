"""A summary: what the repeats of each configuration came to, with an interval for its mean.

Where only seeds vary, the interval says where the mean over all seeds would be, for the test set as it is: it knows
nothing of what another test set would give. Folds and splits tell of that, too.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.frame import SIZES, plain, smaller_is_better
from nnsweep.results.grouping import Configuration, check_columns, group_runs
from nnsweep.results.statistics.tests import bound_rounding
from nnsweep.text import explain_unknown, printable


class Interval(NamedTuple):
    """The mean of some values, their standard deviation, and the interval of the mean."""

    mean: float
    std: float
    low: float
    high: float


NUMBERS = (*Interval._fields, "standard_error", "low_simultaneous", "high_simultaneous")


def configurations(
    runs: pd.DataFrame,
    metric: str = "test_accuracy",
    *,
    by: Sequence[str] | None = None,
    confidence: float = 0.95,
    failures: str | None = None,
) -> pd.DataFrame:
    """Give one row for each configuration: how many repeats it has, their mean, and how sure that mean is.

    A configuration is the settings that vary in the frame, without seed, fold, split and sample: these are repeats
    (`nnsweep.results.repeats`). A run that failed, diverged or finished without a real accuracy counts as guessing.
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
    found = sort_best_first(group_runs(runs, metric, by=by, failures=failures), metric)
    names = list(found[0].settings) if found else []
    sizes = [name for name in SIZES if name in runs.columns and name not in names]
    columns: dict[str, list[object]] = {"label": [one.label for one in found]}
    columns |= {name: [one.settings[name] for one in found] for name in names}
    columns |= {name: _sizes(runs, name, found) for name in sizes}
    summaries, at_once = summarize(found, confidence), summarize(found, correct_confidence(found, confidence))
    columns |= {"n": [len(one.values) for one in found], "n_units": [len(one.units) for one in found]}
    columns |= {name: [getattr(one, name) for one in summaries] for name in Interval._fields}
    errors = [
        summary.std * math.sqrt(1 / max(1, len(one.units)) + one.repeats.overlap)
        for one, summary in zip(found, summaries, strict=True)
    ]
    columns["standard_error"] = [*errors]
    columns |= {f"{name}_simultaneous": [getattr(one, name) for one in at_once] for name in ("low", "high")}
    columns |= {"n_finished": [len(one.counted) for one in found], "n_failed": [one.n_failed for one in found]}
    columns |= {"note": list(map(_note, found, summaries))}
    table = pd.DataFrame(columns).astype({name: "float64" for name in columns if name in NUMBERS})
    table.attrs["settings"], table.attrs["n_simultaneous"] = names, count_with_interval(found)
    return table


def correct_confidence(found: Sequence[Configuration], confidence: float) -> float:
    """Give the confidence of each interval at which those of all k that have one hold at once.

    It is ``1 - (1 - confidence) / k`` by Bonferroni's inequality, whatever the results depend on (Dunn, Journal of the
    American Statistical Association 56, 1961).
    """
    return 1 - (1 - confidence) / max(1, count_with_interval(found))


def count_with_interval(found: Sequence[Configuration]) -> int:
    """Count the configurations that have an interval and may be the best: of which a run finished."""
    return sum(len(one.units) > 1 and len(one.counted) > 0 for one in found)


def summarize(found: Sequence[Configuration], confidence: float = 0.95) -> list[Interval]:
    """Give the interval of each configuration's mean over its units."""
    return [estimate_mean(list(one.units.values()), confidence, overlap=one.repeats.overlap) for one in found]


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


def sort_best_first(found: Sequence[Configuration], metric: str) -> list[Configuration]:
    """Order configurations by their means, the best first; by label where that is equal.

    Where nothing can stand for a failed repeat, since no accuracy of guessing is known or the metric is none, those
    with any come after those without: no result is worse than any.
    """
    sign = 1 if smaller_is_better(metric) else -1

    def place(one: Configuration) -> tuple[bool, bool, float, str]:
        return not one.values, not one.is_whole, sign * one.mean if one.values else 0.0, one.label

    return sorted(found, key=place)


def find_configuration(
    runs: pd.DataFrame, found: Sequence[Configuration], wanted: str | Mapping[str, object]
) -> Configuration:
    """Find the configuration that a label or some of its settings name.

    Parameters
    ----------
    runs : pandas.DataFrame
        The frame that the configurations are of.
    found : sequence of Configuration
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
    if isinstance(wanted, str):
        matching = [one for one in found if one.label == wanted]
        problem = explain_unknown(wanted, [one.label for one in found])
    else:
        check_columns(runs, wanted)
        columns = {name: plain(runs[name]) for name in wanted}
        matching = [one for one in found if any(_has(columns, row, wanted) for row in one.rows)]
        problem = f"no configuration has {printable(str(dict(wanted)))}; known: {', '.join(one.label for one in found)}"
    if len(matching) > 1:
        listed = ", ".join(one.label for one in matching)
        problem = f"{printable(str(wanted))} is several configurations: {listed}; say which"
    if len(matching) != 1:
        raise ConfigError(problem)
    return matching[0]


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence={confidence} is not between 0 and 1; 0.95 is usual")


def describe_failures(found: Sequence[Configuration], metric: str) -> list[str]:
    """Say of how many runs there is no result, and what they count as."""
    failed = [one for one in found if one.n_failed]
    if not failed:
        return []
    n_failed, n_stand = sum(one.n_failed for one in failed), sum(len(one.values) - len(one.counted) for one in failed)
    of = f"{_count(n_failed, 'run')} of {_count(len(failed), 'configuration')} ended without a {printable(metric)}"
    left = n_failed - n_stand
    if not n_stand:
        return [f"{of}: the means are of the others"]
    counts = "counts" if n_stand == 1 else "count"
    return [f"{of}: {n_stand:,} {counts} as guessing (chance_accuracy)" + f", {left:,} not at all" * (left > 0)]


def _has(columns: Mapping[str, Sequence[object]], row: int, wanted: Mapping[str, object]) -> bool:
    return all(_same(columns[name][row], value) for name, value in wanted.items())


def _same(value: object, wanted: object) -> bool:
    """Tell whether a value is the wanted one, which may be written as text."""
    if value == wanted or str(value) == str(wanted):
        return True
    try:
        return isinstance(value, int | float) and float(value) == float(str(wanted))
    except ValueError:
        return False


def _sizes(runs: pd.DataFrame, name: str, found: Sequence[Configuration]) -> list[object]:
    """Give a size of each configuration, which runs that failed early may not have."""
    column = plain(runs[name])
    return [next((column[row] for row in one.rows if column[row] is not None), None) for one in found]


def _note(one: Configuration, summary: Interval) -> str:
    kind = one.repeats.kind
    if not one.counted:
        return f"no {kind} finished"
    failed = f"{len(one.counted):,} of {one.n_ended:,} finished" if one.n_failed else ""
    spread = (
        f"one {kind}: no interval"
        if len(one.units) < 2
        else (f"all {kind}s gave the same: an interval without width" * (summary.std == 0))
    )
    return "; ".join(filter(None, [failed, spread]))


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"
