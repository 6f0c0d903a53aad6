"""Bands: the mean of some histories by epoch, and how sure it is.

A history is a frame with the columns ``epoch``, ``train_cost``, ``learning_rate`` and, where it was evaluated, the cost
and the measures on the validation and the test part: ``val_cost``, ``val_accuracy``, ``test_accuracy``. What is not
finite is not drawn.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.results.metrics import bound_metric, is_cost, name_measure
from nnsweep.results.statistics.intervals import widen_within
from nnsweep.results.trend import find_selecting_curve, take_column

RATE = "learning_rate"
COSTS = ("train_cost", "val_cost", "test_cost")
LEAST_SEEDS = 3
"""How many seeds an interval of a curve needs; for two the band is from one to the other."""
HIGHEST = 1e30  # what a panel can still place on its axis without overflow


class Band(NamedTuple):
    """A mean over seeds by epoch; arrays of shape (n_epochs,)."""

    epochs: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def band(histories: Sequence[pd.DataFrame], metric: str, *, are_independent: bool = True) -> Band:
    """Average histories at the epochs at which every one of them was evaluated.

    Parameters
    ----------
    histories : sequence of pandas.DataFrame
        One for each seed.
    metric : str
        A column.
    are_independent : bool
        Whether they may have an interval.

    Returns
    -------
    Band
        Around the mean its interval (`nnsweep.results.statistics.intervals.estimate_mean`) for three seeds or more, the
        lower and the higher value for two; for one seed its curve alone. The interval ``mean ± h`` of a cost is
        ``mean · exp(±h / mean)``, that of its logarithm by the delta method, so it stays above 0.
    """
    curves = [dict(zip(*take_points(history, metric), strict=True)) for history in histories]
    common = sorted(set.intersection(*(set(curve) for curve in curves)))
    values = np.array([[curve[epoch] for epoch in common] for curve in curves]).reshape(len(curves), len(common))
    mean = values.mean(axis=0)
    low, high = values.min(axis=0), values.max(axis=0)
    if len(curves) >= LEAST_SEEDS and are_independent:
        from scipy import special  # its import takes longer than a picture that needs none of it

        half = special.stdtrit(len(curves) - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(len(curves))
        if is_cost(metric) and (mean >= 0).all():
            ratio = np.divide(half, mean, out=np.zeros_like(mean), where=mean > 0)
            low, high = mean * np.exp(-ratio), (mean * np.exp(ratio)).clip(max=HIGHEST)
        else:
            points, bounds = zip(mean.tolist(), half.tolist(), strict=True), bound_metric(metric)
            low, high = np.array([widen_within(*point, bounds) for point in points]).reshape(-1, 2).T
    return Band(np.array(common), mean, low, high)


def take_points(history: pd.DataFrame, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the epochs at which a metric was evaluated, and its finite values there, none beyond `HIGHEST`."""
    values = take_column(history, metric)
    evaluated = np.isfinite(values)
    return take_column(history, "epoch")[evaluated], values[evaluated].clip(-HIGHEST, HIGHEST)


def list_panels(histories: Collection[pd.DataFrame], measure: str | None = None) -> list[str]:
    """List the curves that have a panel, as far as there are any: costs, a measure on both parts, the learning rate.

    The measure is by default the one of `nnsweep.results.trend.MEASURES` that the histories have.
    """
    if measure in (None, "cost"):
        measure = next(filter(None, (name_measure(find_selecting_curve(one).metric) for one in histories)), "accuracy")
    names = dict.fromkeys((*COSTS, f"val_{measure}", f"test_{measure}", RATE))
    return [name for name in names if is_present(name, histories)]


def is_present(metric: str, histories: Iterable[pd.DataFrame]) -> bool:
    """Tell whether any run has a value of a metric."""
    return any(len(take_points(history, metric)[0]) for history in histories)


def describe_bands(kind: str, members: Sequence[Sequence[pd.DataFrame]], n_absent: int) -> str:
    """Say what the bands of the named configurations are, given the histories of each."""
    counts = sorted(set(map(len, members)))
    several = [count for count in counts if count >= LEAST_SEEDS]
    notes = []
    if counts[-1] > 1 and kind != "seed":
        notes.append(f"Bands: from the lowest to the highest {kind}.")
    elif several:
        span = f"{several[0]}" if len(several) == 1 else f"{several[0]} to {several[-1]}"
        notes.append(f"Bands: 95 % interval of each mean over seeds by itself (n = {span}).")
    if 2 in counts and kind == "seed":
        of_two = "Where there are two seeds" if several else "Bands"
        notes.append(f"{of_two}: from the lower to the higher one.")
    if any(len({float(history["epoch"].max()) for history in histories}) > 1 for histories in members):
        notes.append("A line ends with the run that stopped first.")
    if n_absent:
        notes.append(f"{n_absent} without any result are not drawn.")
    return " ".join(notes)
