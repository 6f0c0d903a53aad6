"""Optimism: how far the best test accuracy of all epochs is above that of the epoch that validation accuracy selects.

Without a validation part the test part has selected the epoch, and how optimistic its accuracy is cannot be known.
"""

from collections.abc import Sequence

import pandas as pd

from nnsweep.results.frame import take_metric
from nnsweep.results.grouping import describe_settings, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.statistics.intervals import estimate_mean
from nnsweep.results.wording import count

ACCURACIES = ("test_accuracy", "final_test_accuracy", "max_test_accuracy")
DIFFERENCES = {
    "optimism": ("max_test_accuracy", "test_accuracy"),
    "val_test_gap": ("best_val_accuracy", "test_accuracy"),
}
UNKNOWN = (
    "no validation set: the epoch was selected on the test set, so the optimism of these accuracies cannot be known; "
    "keep some examples for validation (data.val_fraction)"
)


def optimism(runs: pd.DataFrame) -> pd.DataFrame:
    """Give each run's test accuracy at the selected epoch beside the highest of all epochs.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.

    Returns
    -------
    pandas.DataFrame
        One row a run, with the same index: ``name``, ``run_id``; ``selected_on`` (``validation``, ``test``, or
        missing if it did not finish); ``test_accuracy`` (at the selected epoch), ``final_test_accuracy``,
        ``max_test_accuracy``; ``optimism``, which is max - selected, and ``val_test_gap``, best validation - selected
        (both missing without validation).
    """
    check_inputs(["name", "run_id"], runs=runs)
    names = ("best_val_accuracy", *ACCURACIES)
    accuracies = pd.DataFrame({name: take_metric(runs, name) for name in names}, index=runs.index, dtype=float)
    validated = accuracies["best_val_accuracy"].notna()
    table = pd.DataFrame({"name": runs["name"], "run_id": runs["run_id"]}, index=runs.index)
    selected_on = pd.Series("test", runs.index, dtype=object).mask(validated, "validation")
    table["selected_on"] = selected_on.where(accuracies["test_accuracy"].notna(), None)
    for name in ACCURACIES:
        table[name] = accuracies[name]
    for name, (high, low) in DIFFERENCES.items():
        table[name] = (accuracies[high] - accuracies[low]).where(validated)
    return table


def average_optimism(runs: pd.DataFrame, by: Sequence[str] | None = None) -> pd.DataFrame:
    """Average `optimism` over repetitions.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.

    Returns
    -------
    pandas.DataFrame
        One row a configuration, in the order of the runs: the settings, ``label``, ``n`` (finished runs); means of
        the three accuracies and of the two differences under their own names; ``optimism_std``.

    Raises
    ------
    ConfigError
        If there is no such column, or two runs that count are the same repeat of one configuration.
    """
    each, averaged = optimism(runs), (*ACCURACIES, *DIFFERENCES)
    table = []
    for one in sorted(group_runs(runs, ACCURACIES[0], by=by), key=lambda one: one.rows):
        counted = each.iloc[list(one.counted.values())]
        intervals = {name: estimate_mean(counted[name].dropna().tolist()) for name in averaged}
        row = one.settings | {"label": describe_settings(one.settings), "n": len(one.counted)}
        row |= {name: interval.mean for name, interval in intervals.items()}
        table.append(row | {"optimism_std": intervals["optimism"].std})
    return pd.DataFrame(table, columns=None if table else [*(by or ()), "label", "n", *averaged, "optimism_std"])


def describe_optimism(runs: pd.DataFrame) -> str:
    """Say in a sentence how optimistic the best test accuracies of a frame of runs are; empty without any."""
    each = optimism(runs)
    values = each["optimism"].dropna().tolist()
    n_unknown = int(each["test_accuracy"].notna().sum()) - len(values)
    if not values:
        return UNKNOWN if n_unknown else ""
    how_many = f"mean of {count(len(values), 'run')}, maximum {max(values):.4f}" if len(values) > 1 else "1 run"
    without = f"; unknown for {count(n_unknown, 'run')} without a validation set" if n_unknown else ""
    above = f"{estimate_mean(values).mean:.4f} higher than at the best validation epoch"
    return f"the highest test accuracy of all epochs is {above} ({how_many}){without}"
