"""Optimism: how much better the best test result of all epochs is than that of the epoch that validation selects.

Without a validation part the test part has selected the epoch, and how optimistic its result is cannot be known.
"""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from nnsweep.results.frame import take_metric
from nnsweep.results.grouping import describe_settings, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import ACCURACY, choose_digits, find_sign, metric_text, smaller_is_better, split_metric
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.intervals import estimate_mean
from nnsweep.results.wording import count

DIFFERENCES = ("optimism", "val_test_gap")
UNKNOWN = (
    "no validation set: the epoch was selected on the test set, so the optimism of these accuracies cannot be known; "
    "keep some examples for validation (data.val_fraction)"
)


class EpochMetrics(NamedTuple):
    """The metrics of one measure on the test part: at the selected epoch, at the last one, and at the best."""

    selected: str
    last: str
    best: str


def name_epoch_metrics(metric: str) -> EpochMetrics:
    """Name the metrics of the test part that have the measure of a metric.

    Examples
    --------
    >>> name_epoch_metrics("best_val_cost")
    EpochMetrics(selected='test_cost', last='final_test_cost', best='min_test_cost')
    """
    name = split_metric(metric)
    test = f"test_{name.measure if name else 'accuracy'}"
    return EpochMetrics(test, f"final_{test}", f"{'min' if smaller_is_better(test) else 'max'}_{test}")


def optimism(runs: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """Give each run's test result at the selected epoch beside the best of all epochs.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        A metric of the measure, or the measure; by default the one that the runs were selected by.

    Returns
    -------
    pandas.DataFrame
        One row a run, with the same index: ``name``, ``run_id``; ``selected_on`` (``validation``, ``test``, or
        missing if it did not finish); ``test_accuracy`` (at the selected epoch), ``final_test_accuracy``,
        ``max_test_accuracy``, or the same of another measure, of which the best may be ``min_``; ``optimism``, by how
        much the best is better than the selected, and ``val_test_gap``, by how much the best on validation is (both
        missing without validation).
    """
    check_inputs(["name", "run_id"], runs=runs, metric=metric)
    metrics = name_epoch_metrics(choose_metric(runs, metric))
    sign, validation = find_sign(metrics.selected), f"best_val_{metrics.selected.removeprefix('test_')}"
    values = pd.DataFrame(
        {name: take_metric(runs, name) for name in (validation, *metrics)}, index=runs.index, dtype=float
    )
    validated = values[validation].notna()
    table = pd.DataFrame({"name": runs["name"], "run_id": runs["run_id"]}, index=runs.index)
    selected_on = pd.Series("test", runs.index, dtype=object).mask(validated, "validation")
    table["selected_on"] = selected_on.where(values[metrics.selected].notna(), None)
    for name in metrics:
        table[name] = values[name]
    for name, better in zip(DIFFERENCES, (metrics.best, validation), strict=True):
        table[name] = (sign * (values[better] - values[metrics.selected])).where(validated)
    return table


def average_optimism(runs: pd.DataFrame, by: Sequence[str] | None = None, *, metric: str | None = None) -> pd.DataFrame:
    """Average `optimism` over repetitions.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    metric : str, optional
        As `optimism` has it.

    Returns
    -------
    pandas.DataFrame
        One row a configuration, in the order of the runs: the settings, ``label``, ``n`` (finished runs); means of
        the three results and of the two differences under their own names; ``optimism_std``.

    Raises
    ------
    ConfigError
        If there is no such column, or two runs that count are the same repeat of one configuration.
    """
    metrics = name_epoch_metrics(choose_metric(runs, metric))
    each, averaged = optimism(runs, metrics.selected), (*metrics, *DIFFERENCES)
    table = []
    for one in sorted(group_runs(runs, metrics.selected, by=by), key=lambda one: one.rows):
        counted = each.iloc[list(one.counted.values())]
        intervals = {name: estimate_mean(counted[name].dropna().tolist()) for name in averaged}
        row = one.settings | {"label": describe_settings(one.settings), "n": len(one.counted)}
        row |= {name: interval.mean for name, interval in intervals.items()}
        table.append(row | {"optimism_std": intervals["optimism"].std})
    return pd.DataFrame(table, columns=None if table else [*(by or ()), "label", "n", *averaged, "optimism_std"])


def describe_optimism(runs: pd.DataFrame, metric: str | None = None) -> str:
    """Say in a sentence how optimistic the best test results of a frame of runs are; empty without any."""
    metrics = name_epoch_metrics(choose_metric(runs, metric))
    each, write = optimism(runs, metrics.selected), choose_digits(metrics.selected, [])
    values = each["optimism"].dropna().tolist()
    n_unknown = int((each[metrics.selected].notna() & each["optimism"].isna()).sum())
    if not values:
        unknown = UNKNOWN if metrics.selected == ACCURACY else UNKNOWN.replace("accuracies", "values")
        return unknown if n_unknown and metrics.best in runs.columns else ""
    how_many = f"mean of {count(len(values), 'run')}, maximum {write(max(values))}" if len(values) > 1 else "1 run"
    without = f"; unknown for {count(n_unknown, 'run')} without a validation set" if n_unknown else ""
    highest, higher = ("lowest", "lower") if smaller_is_better(metrics.selected) else ("highest", "higher")
    above = f"{write(estimate_mean(values).mean)} {higher} than at the best validation epoch"
    return f"the {highest} {metric_text(metrics.selected)} of all epochs is {above} ({how_many}){without}"
