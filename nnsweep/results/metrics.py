"""A metric: a number in a run's record, such as ``best_val_log_loss``.

Its name says what was measured (a measure), on which part of the data and at which epoch. Whether less of it is better,
between what it lies, how a sentence names it and with how many digits it is written is decided here alone.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from nnsweep.mlp.measures import find_measure
from nnsweep.results.wording import fixed, whole, write_digits
from nnsweep.text import printable

ACCURACY = "test_accuracy"
CHANCE = "chance_"
"""How the names of baselines begin (`nnsweep.results.baselines`)."""
SMALLER_IS_BETTER = ("_cost", "_loss", "_error", "_seconds", "_ece")
UNBOUNDED = (-math.inf, math.inf)
NAME = re.compile(r"(?:(best|final|max|min)_)?(train|val|test)_(.+)")
MOMENTS = {"": "", "best": "best ", "final": "final ", "max": "maximum ", "min": "minimum "}
PARTS = {"train": "training", "val": "validation", "test": "test"}
MEASURE_TEXTS = {
    "weighted_accuracy": "accuracy by class weights",
    "f1_macro": "macro F1",
    "f1_micro": "micro F1",
    "f1_weighted": "weighted F1",
    "f1_samples": "F1 by example",
    "precision_macro": "macro precision",
    "recall_macro": "macro recall",
    "brier": "Brier score",
    "roc_auc": "ROC AUC",
    "matthews_corrcoef": "Matthews correlation",
    "cohen_kappa": "Cohen's kappa",
    "top_2_accuracy": "top-2 accuracy",
    "ece": "calibration error",
    "jaccard_samples": "Jaccard index",
    "r2": "R²",
    "rmse": "RMSE",
    "mse": "MSE",
    "mae": "MAE",
    "max_error": "largest error",
    "mape": "MAPE",
    "pinball": "pinball loss",
}
"""What measures are called in a sentence whose names are short for something."""
TEXTS = {"n_parameters": "number of parameters", "duration_seconds": "training time in seconds"}
MOST_PLACES = 5


class MetricName(NamedTuple):
    """What the name of a metric says: ``best_val_log_loss`` is the best ``log_loss`` on ``val``."""

    moment: str
    part: str
    measure: str


def split_metric(metric: str) -> MetricName | None:
    """Read the name of a metric; None for one that was not measured on a part of the data.

    Examples
    --------
    >>> split_metric("best_val_log_loss"), split_metric("test_rmse")
    (MetricName(moment='best', part='val', measure='log_loss'), MetricName(moment='', part='test', measure='rmse'))
    >>> split_metric("duration_seconds")
    """
    parts = NAME.fullmatch(metric)
    return MetricName(parts[1] or "", parts[2], parts[3]) if parts else None


def find_sibling(metric: str) -> str | None:
    """Name what accuracy has in place of a metric, whose place among others it takes; None for what is no measure's.

    Examples
    --------
    >>> find_sibling("best_val_log_loss"), find_sibling("min_test_rmse")
    ('best_val_accuracy', 'max_test_accuracy')
    """
    name = split_metric(metric)
    if name is None or find_measure(metric) is None:
        return None
    return "_".join(filter(None, ["max" if name.moment == "min" else name.moment, name.part, "accuracy"]))


def name_measure(metric: str) -> str | None:
    """Name the measure that a metric is of; None for one that was not measured on a part of the data."""
    name = split_metric(metric)
    return name.measure if name else None


def is_result(metric: str) -> bool:
    """Tell whether a metric is of a measure that is registered, on some part of the data, by a network or by chance."""
    return find_measure(metric.replace(CHANCE, "test_", 1) if metric.startswith(CHANCE) else metric) is not None


def name_baseline(metric: str) -> str:
    """Name what the same prediction for every example achieves by the measure of a metric; empty without a measure.

    Examples
    --------
    >>> name_baseline("best_val_log_loss"), name_baseline("duration_seconds")
    ('chance_log_loss', '')
    """
    name = split_metric(metric)
    return f"{CHANCE}{name.measure}" if name else f"{CHANCE}accuracy" if is_accuracy(metric) else ""


def find_validation_metric(metric: str) -> str | None:
    """Name what chooses by the validation part, for a metric of the test part at the best epoch; None for another.

    Examples
    --------
    >>> find_validation_metric("test_log_loss"), find_validation_metric("final_test_log_loss")
    ('best_val_log_loss', None)
    """
    name = split_metric(metric)
    return f"best_val_{name.measure}" if name is not None and name[:2] == ("", "test") else None


def smaller_is_better(metric: str) -> bool:
    """Tell whether less of a metric is better: as its measure says, and else of costs, losses, errors and seconds.

    Examples
    --------
    >>> smaller_is_better("test_rmse"), smaller_is_better("test_accuracy"), smaller_is_better("duration_seconds")
    (True, False, True)
    """
    measure = find_measure(metric)
    return metric.endswith(SMALLER_IS_BETTER) if measure is None else not measure.greater_is_better


def find_sign(metric: str) -> int:
    """Give 1 where more of a metric is better and -1 where less is: times this, more is better of any."""
    return -1 if smaller_is_better(metric) else 1


def bound_metric(metric: str) -> tuple[float, float]:
    """Say between what a metric lies, which may be infinite.

    Examples
    --------
    >>> bound_metric("test_accuracy"), bound_metric("test_rmse"), bound_metric("duration_seconds")
    ((0.0, 1.0), (0.0, inf), (-inf, inf))
    """
    measure = find_measure(metric)
    if measure is None:
        return (0.0, 1.0) if metric.endswith("_accuracy") else UNBOUNDED
    return measure.bounds


def is_accuracy(metric: str) -> bool:
    """Tell whether a metric is the share of examples that are right, of which the commonest class is the chance.

    Examples
    --------
    >>> is_accuracy("best_val_accuracy"), is_accuracy("test_balanced_accuracy")
    (True, False)
    """
    name = split_metric(metric)
    return metric.endswith("_accuracy") if name is None else name.measure == "accuracy"


def is_bounded(metric: str) -> bool:
    """Tell whether a metric has a least and a largest value, as an accuracy has."""
    return all(map(math.isfinite, bound_metric(metric)))


def name_scale(metric: str) -> str:
    """Name the scale on which the interval of a metric's mean is made; empty for the one that it is measured on.

    Examples
    --------
    >>> name_scale("test_accuracy"), name_scale("test_rmse"), name_scale("duration_seconds")
    ('the scale of log odds', 'a logarithmic scale', '')
    """
    n_bounds = sum(map(math.isfinite, bound_metric(metric)))
    return ("", "a logarithmic scale", "the scale of log odds")[n_bounds]


def take_possible(metric: str, numbers: Iterable[float]) -> list[float | None]:
    """Take the finite numbers that a metric can be, and None for all others."""
    low, high = bound_metric(metric) if is_bounded(metric) else UNBOUNDED
    return [number if low <= number <= high and math.isfinite(number) else None for number in numbers]


def is_cost(metric: str) -> bool:
    """Tell whether a metric counts upwards from none in a unit of its own, as costs, losses and errors do.

    Examples
    --------
    >>> is_cost("train_cost"), is_cost("test_accuracy")
    (True, False)
    """
    return smaller_is_better(metric) and not is_bounded(metric)


def metric_text(metric: str) -> str:
    """Name a metric in a sentence or at an axis.

    Examples
    --------
    >>> metric_text("n_parameters"), metric_text("test_accuracy"), metric_text("best_val_log_loss")
    ('number of parameters', 'test accuracy', 'best validation log loss')
    >>> metric_text("min_test_rmse")
    'minimum test RMSE over epochs'
    """
    name = split_metric(metric)
    if name is None:
        return TEXTS.get(metric) or printable(metric.replace("_", " "))
    over = " over epochs" if name.moment in ("max", "min") else ""
    return f"{MOMENTS[name.moment]}{PARTS[name.part]} {measure_text(name.measure)}{over}"


def measure_text(measure: str) -> str:
    """Name a measure in a sentence.

    Examples
    --------
    >>> measure_text("log_loss"), measure_text("rmse")
    ('log loss', 'RMSE')
    """
    return MEASURE_TEXTS.get(measure) or printable(measure.replace("_", " "))


def write_rough(metric: str, value: float) -> str:
    """Write a value as a picture has room for it: three decimals, or three digits of small and large unbounded ones.

    Examples
    --------
    >>> write_rough("test_accuracy", 0.97777), write_rough("test_rmse", 0.12), write_rough("test_rmse", 0.0001234)
    ('0.978', '0.120', '0.000123')
    >>> write_rough("test_rmse", 51234.5)
    '51,234'
    """
    if is_bounded(metric) or 0.1 <= abs(value) < 10:
        return fixed(value, 3)
    return whole(value) if 1e3 <= abs(value) < 1e6 else write_digits(value, 3)


def choose_digits(metric: str, halves: Sequence[float]) -> Callable[[object], str]:
    """Choose with how many digits values of a metric are written.

    Parameters
    ----------
    metric : str
        The metric.
    halves : sequence of float
        Half of the interval of each mean that is written, or how far its nearer end is; what is not positive and finite
        counts for nothing.

    Returns
    -------
    callable
        Writes a value with three to five decimals where the metric is bounded, as an accuracy is, with so many that
        half of the median interval has two digits where it is not, and with four significant digits where no
        interval tells or decimals would not do.

    Examples
    --------
    >>> choose_digits("test_accuracy", [0.0004])(0.97777), choose_digits("final_train_cost", [1.25])(57.36182)
    ('0.9778', '57.4')
    """
    spread = [half for half in halves if 0 < half < math.inf]
    power = math.floor(math.log10(float(np.median(spread)))) if spread else None
    if is_bounded(metric):
        places = 4 if power is None else min(MOST_PLACES, max(3, -power))
        return lambda value: fixed(value, places)
    if power is None or not 0 <= 1 - power <= MOST_PLACES:
        return write_digits
    return lambda value: fixed(value, 1 - power)
