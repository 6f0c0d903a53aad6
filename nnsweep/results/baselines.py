"""The baseline of a study: what the same prediction for every example achieves, to be read beside its results.

A run's record has it for each of its measures, as ``chance_accuracy`` or ``chance_rmse``. It is that of the test part,
or of the validation part if the test is sealed.
"""

import math

import pandas as pd

from nnsweep.mlp.measures import MEASURES, OF_MEDIANS
from nnsweep.results.frame import take_numbers
from nnsweep.results.metrics import name_baseline, split_metric, write_rough
from nnsweep.results.selection import find_sealed
from nnsweep.results.statistics.data_sets import name_data_sets

BY_SHARES = ("log_loss", "brier", "ece", "roc_auc", "average_precision")
"""Measures of probabilities."""
MOST_DATA_SETS = 3


def describe_baseline(runs: pd.DataFrame, metric: str) -> str:
    """Say in a line what the same prediction for every example achieves.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs, with all its columns.
    metric : str
        What is shown of them.

    Returns
    -------
    str
        Such as ``always the commonest class: 0.104``, of each data set if there are a few; empty where it is not known
        for the part of the data that the metric is of.

    Examples
    --------
    >>> describe_baseline(pd.DataFrame({"chance_rmse": [76.2, 76.2]}), "test_rmse")
    'always the mean: 76.2'
    """
    name = split_metric(metric)
    if name is None:
        return ""
    parts = ["val" if is_sealed else "test" for is_sealed in find_sealed(runs)]
    values_of_runs = take_numbers(runs, name_baseline(metric))
    by_data: dict[str, list[float]] = {}
    for data, part, value in zip(name_data_sets(runs), parts, values_of_runs, strict=True):
        if part == name.part and math.isfinite(value):
            by_data.setdefault(data, []).append(value)
    if not by_data:
        return ""
    if 1 < len(by_data) <= MOST_DATA_SETS:
        values = ", ".join(f"{_write_range(metric, own)} ({data})" for data, own in by_data.items())
    else:
        values = _write_range(metric, [value for own in by_data.values() for value in own])
    return f"always {name_constant(name.measure)}: {values}"


def name_constant(measure: str) -> str:
    """Name what is predicted for every example where a baseline is measured.

    Examples
    --------
    >>> [name_constant(measure) for measure in ("f1_macro", "log_loss", "hamming_loss", "r2", "mae", "pinball")]
    ['the commonest class', "the classes' shares", 'the commonest labels', 'the mean', 'the median', 'the quantiles']
    """
    if measure == "pinball":
        return "the quantiles"
    tasks = MEASURES[measure].tasks if measure in MEASURES else ("classification",)
    if "regression" in tasks:
        return "the median" if measure in OF_MEDIANS else "the mean"
    if "classification" not in tasks:
        return "the commonest labels"
    return "the classes' shares" if measure in BY_SHARES else "the commonest class"


def _write_range(metric: str, values: list[float]) -> str:
    ends = dict.fromkeys(write_rough(metric, value) for value in (min(values), max(values)))
    return " to ".join(ends)
