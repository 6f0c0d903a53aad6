"""The measures of all tasks by name, which of them are the defaults, and which measure a metric of a run is of.

A metric is a name in a run's record that says what was measured, where and when: ``test_log_loss``, ``best_val_rmse``.
Whether higher values of it are better is known from its measure.
"""

import math
import re
from collections.abc import Sequence
from typing import Annotated, TypeAlias

from nnsweep.mlp.arrays import FloatArray, Task
from nnsweep.mlp.classification_measures import CLASSIFICATION_MEASURES
from nnsweep.mlp.predictions import Measure, Measures, Predictions
from nnsweep.mlp.regression_measures import REGRESSION_MEASURES

MEASURES = Measures(CLASSIFICATION_MEASURES | REGRESSION_MEASURES)
DEFAULT_MEASURES: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy",),
    "multilabel": ("accuracy", "f1_macro"),
    "regression": ("rmse", "mae", "r2"),
}
"""What is measured if nothing is said."""
SELECTED: dict[Task, str] = {"classification": "accuracy", "multilabel": "accuracy", "regression": "rmse"}
"""What the best epoch is chosen by if nothing is said."""
OF_MEDIANS = ("mae", "median_absolute_error", "max_error", "mape", "pinball")
"""Measures of numbers for which the median is the constant to compare with, not the mean."""

_METRIC = re.compile(r"(?:(?:best|final|max|min)_)?(?:train|val|test)_(?:weighted_|calibrated_)?(\w+)")


def _mean_cost(predictions: Predictions) -> FloatArray:
    if predictions.costs is None:
        raise ValueError("the cost is measured of predictions with `costs`, got None")
    return predictions.mean(predictions.costs)


COST = Measure(
    name="cost",
    tasks=("classification", "multilabel", "regression"),
    greater_is_better=False,
    bounds=(0.0, math.inf),
    evaluate=_mean_cost,
)
"""What the training minimizes, as a measure; it is measured of every part, so nobody needs to ask for it."""

MeasureNames: TypeAlias = Annotated[tuple[str, ...], "of MEASURES"]
SelectName: TypeAlias = Annotated[str, "one of SELECTABLE"]
SELECTABLE = tuple(f"val_{name}" for name in (*MEASURES, COST.name))
"""What the best epoch can be chosen by: any measure, or the cost."""


def choose_measures(task: Task, measures: Sequence[str] | None, selected: str) -> tuple[str, ...]:
    """Choose what a training measures besides its costs.

    Parameters
    ----------
    task : {"classification", "multilabel", "regression"}
        What is learned.
    measures : sequence of str or None
        What is asked for; None for what is usual.
    selected : str
        The measure that the best epoch is chosen by. It comes along, and so does the one that it would be by default:
        every training can be compared with guessing.

    Returns
    -------
    tuple of str
        Their names, each once.

    Raises
    ------
    ValueError
        If one is no measure of this task.

    Examples
    --------
    >>> choose_measures("classification", ["log_loss"], "roc_auc")
    ('log_loss', 'accuracy', 'roc_auc')
    """
    chosen = dict.fromkeys((*(DEFAULT_MEASURES[task] if measures is None else measures), SELECTED[task], selected))
    chosen.pop(COST.name, None)
    for name in chosen:
        if name not in MEASURES:
            raise ValueError(f"{name!r} is no measure; choose from {', '.join(MEASURES)}")
        if task not in MEASURES[name].tasks:
            raise ValueError(f"{name} is no measure of {task}; choose from {', '.join(list_measures(task))}")
    return tuple(chosen)


def list_measures(task: Task) -> list[str]:
    """Name the measures of a task."""
    return [measure.name for measure in MEASURES.values() if task in measure.tasks]


def find_measure(metric: str) -> Measure | None:
    """Find what a metric of a run measures.

    Parameters
    ----------
    metric : str
        The name of a metric or of a curve.

    Returns
    -------
    Measure or None
        `COST` for a cost; None if it is not the value of a measure.

    Examples
    --------
    >>> [find_measure(metric).name for metric in ("test_log_loss", "test_calibrated_ece", "final_train_cost")]
    ['log_loss', 'ece', 'cost']
    >>> find_measure("duration_seconds") is None
    True
    """
    match = _METRIC.fullmatch(metric)
    return (MEASURES | {"cost": COST}).get(match[1]) if match else None


def is_greater_better(metric: str) -> bool:
    """Tell whether higher values of a metric are better; of one that is no measure's, they are taken to be.

    Examples
    --------
    >>> is_greater_better("test_accuracy"), is_greater_better("final_train_cost")
    (True, False)
    """
    measure = find_measure(metric)
    return measure is None or measure.greater_is_better
