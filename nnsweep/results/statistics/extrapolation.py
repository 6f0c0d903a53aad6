"""An extrapolation: where the accuracy of a training that went on would end, and how far off that may be.

What is predicted is the level at twice the epochs, as the average of three simple forecasts, since no law fits all
learning curves (Viering and Loog, *The shape of learning curves*, IEEE TPAMI 45, 2023). How far off that is has been
measured by hiding the second half of finished curves: ``experiments/statistics/extrapolation.md``.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.frame import plain
from nnsweep.results.inputs import check_inputs
from nnsweep.results.labels import NOTHING, PLATEAUED, STILL_IMPROVING, outcomes
from nnsweep.results.trend import Floats, estimate_noise, find_selecting_curve, take_column

FACTOR = 2
"""At how many times its epochs the end of a training is predicted."""
FEWEST_POINTS = 10
"""Measurements without which nothing is predicted."""
LEVEL_SHARE = 0.1
"""The share of the measurements whose mean is the level of a curve, of which there are at least `LEVEL_POINTS`."""
LEVEL_POINTS = 5
SPENT = 0.1
"""The share of its highest learning rate below which a training does not go on as it did."""
RESOLUTION = 0.005
"""An error that is possible even where a curve has no noise."""
LEVELS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)
ERRORS = (-2.2, -1.35, -0.787, -0.552, -0.302, 0.00236, 0.593, 1.61, 2.84, 4.24, 8.96)
"""Quantiles at `LEVELS` of what the levels turned out to be less the predictions, in units of `Extrapolation.scale`."""

POWERS = np.geomspace(0.02, 4, 40)
DECAYS = np.geomspace(0.2, 40, 40)


class Extrapolation(NamedTuple):
    """Where a curve is predicted to end.

    Attributes
    ----------
    now : float
        Its level at its last epochs.
    value : float
        The level predicted for a later epoch.
    scale : float
        The unit of its error: the curve's noise, `RESOLUTION`, and the change that is predicted, together.
    """

    now: float
    value: float
    scale: float

    def bound(self, confidence: float) -> tuple[float, float]:
        """Give the interval of the level, from how far such predictions were off."""
        low, high = np.interp([(1 - confidence) / 2, (1 + confidence) / 2], LEVELS, ERRORS)
        return max(0.0, self.value + float(low) * self.scale), min(1.0, self.value + float(high) * self.scale)


def predict_ends(runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame], *, confidence: float = 0.9) -> pd.DataFrame:
    """Predict where the accuracies of runs would be at twice their epochs.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    histories : mapping
        ``{run_id: history}``.
    confidence : float
        Of the intervals, from 0 to 0.98: from errors of predictions for curves of other studies, not from a model.

    Returns
    -------
    pandas.DataFrame
        One row a run, in the same order and with the same index: ``name``, ``run_id``, ``epoch`` (twice the last),
        ``now`` (the level of validation accuracy, or of test accuracy where there was no validation part), ``value``
        (what is predicted), its interval ``low`` to ``high``, and ``note``: why nothing is predicted. That is so for
        what did not finish, fell, collapsed, never left chance or was measured too seldom, and where the learning rate
        has come down below a tenth of its highest: more epochs would then mean another schedule.

    Raises
    ------
    ConfigError
        If the confidence is beyond what was measured.

    See Also
    --------
    outcomes : what became of each training.
    """
    check_inputs(["name", "run_id"], runs=runs, histories=histories)
    if not 0 < confidence <= LEVELS[-1] - LEVELS[0]:
        raise ConfigError(f"confidence={confidence}: must be > 0 and <= 0.98, since rarer errors were not measured")
    table = pd.DataFrame({"name": runs["name"], "run_id": runs["run_id"]}, index=runs.index)
    notes, numbers = [], []
    for run_id, label in zip(plain(runs["run_id"]), outcomes(runs, histories)["outcome"], strict=True):
        history = histories.get(str(run_id), NOTHING)
        curve = find_selecting_curve(history)
        notes.append(_explain_absence(history, str(label), len(curve.values)))
        if notes[-1]:
            numbers.append((np.nan,) * 5)
            continue
        end = float(FACTOR * curve.epochs[-1])
        found = extrapolate(curve.epochs, curve.values, end)
        numbers.append((end, found.now, found.value, *found.bound(confidence)))
    columns = ["epoch", "now", "value", "low", "high"]
    table[columns] = np.array(numbers, dtype=float).reshape(-1, len(columns))
    return table.astype({"epoch": "Int64"}).assign(note=notes)


def _explain_absence(history: pd.DataFrame, label: str, n_points: int) -> str:
    """Say why nothing is predicted of a run; nothing if something is."""
    if label not in (STILL_IMPROVING, PLATEAUED):
        return label
    if n_points < FEWEST_POINTS:
        return f"only {n_points} measurements"
    rates = take_column(history, "learning_rate")
    rates = rates[np.isfinite(rates)]
    if len(rates) and rates[-1] < SPENT * rates.max():
        return (
            f"its learning rate had fallen to {rates[-1] / rates.max():.2g} of its maximum: more epochs need another "
            "schedule"
        )
    return ""


def extrapolate(epochs: Floats, values: Floats, end: float) -> Extrapolation:
    """Predict the level of a curve at a later epoch: the mean of what it is now, of a power law and of an exponential.

    Both laws are fitted to the second half of the epochs: ``a - b * t ** -c`` and ``a - b * exp(-c * t)``, with b not
    negative, so that a prediction is never that a curve falls.

    Parameters
    ----------
    epochs, values : ndarray of shape (n_points,)
        The accuracies; that of epoch 0, of the untrained network, is left out.
    end : float
        The later epoch.
    """
    epochs, values = epochs[epochs > 0], values[epochs > 0]
    late = epochs >= epochs[-1] / 2
    now = float(values[-max(LEVEL_POINTS, round(LEVEL_SHARE * len(values))) :].mean())
    power = fit_law(lambda t, c: t**-c, POWERS, epochs[late], values[late], end)
    exponential = fit_law(lambda t, c: np.exp(-c * t / epochs[-1]), DECAYS, epochs[late], values[late], end)
    value = float(np.mean([now, power, exponential]))
    return Extrapolation(now, value, estimate_noise(values) + RESOLUTION + abs(value - now))


def fit_law(
    decay: Callable[[Floats | float, float], Floats | float], shapes: Floats, epochs: Floats, values: Floats, end: float
) -> float:
    """Fit ``a - b * decay(t, c)`` by least squares, with b not negative, and give its value at a later epoch.

    For each c, a and b are those of a straight line. The best of the `shapes` is refined between its neighbours.

    Parameters
    ----------
    decay : callable
        Takes epochs and c, and falls with the epochs.
    shapes : ndarray of shape (n_shapes,)
        The values of c to begin with, rising.
    epochs, values : ndarray of shape (n_points,)
        The curve.
    end : float
        The later epoch.

    Returns
    -------
    float
        From 0 to 1.
    """
    from scipy.optimize import minimize_scalar

    def fit(shape: float) -> tuple[float, float, float]:
        """Give the sum of squares that a shape leaves, a and b."""
        steps = np.asarray(decay(epochs, shape))
        centred = steps - steps.mean()
        spread = float(centred @ centred)
        b = max(0.0, -float(centred @ values) / spread) if spread > 0 else 0.0
        a = float(values.mean() + b * steps.mean())
        return float(np.sum((values - a + b * steps) ** 2)), a, b

    place = int(np.argmin([fit(shape)[0] for shape in shapes]))
    bounds = shapes[max(0, place - 1)], shapes[min(len(shapes) - 1, place + 1)]
    refined = float(minimize_scalar(lambda shape: fit(shape)[0], bounds=bounds, method="bounded").x)
    shape = min((refined, float(shapes[place])), key=lambda shape: fit(shape)[0])
    _, a, b = fit(shape)
    return min(1.0, max(0.0, float(a - b * decay(end, shape))))
