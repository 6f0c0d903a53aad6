"""A trend: where a learning curve goes, apart from its noise.

A training is judged by one curve, the measure that its epoch is selected by: on validation, or test where there is no
validation part. It is turned so that more is better. Its noise is estimated from the curve itself, and so is how much
neighbouring values depend on each other, since a curve that wanders is easily taken for one that rises.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.results.metrics import find_sign

Floats = NDArray[np.float64]

PARTS = ("val", "test")
"""The parts that an epoch is selected on: the second where there is no first."""
MEASURES = ("accuracy", "rmse")
"""The measures of runs that were selected by no other, of which a history has one."""
LAST_SHARE = 0.2
"""The share of the epochs that is the end of a curve."""
LEAST_POINTS = 5
"""Measurements without which a curve has no trend."""
SMOOTHED_SHARE = 0.05
"""The share of the points that a running median goes over, of which there are at least 3."""
CORRELATIONS = np.arange(20) / 20
"""Correlations of neighbouring values that are told apart: beyond the last, noise cannot be told from a trend."""
NO_NOISE = 1e-20
"""The share of its sum of squares that rounding leaves of a curve without noise."""


class Curve(NamedTuple):
    """A measure at the epochs at which it was taken.

    Attributes
    ----------
    metric : str
        Which measure, and on which part: ``val_accuracy``; empty if none was taken.
    epochs : ndarray of shape (n_points,)
        The epochs.
    values : ndarray of shape (n_points,)
        Its values, all finite; times -1 where less of it is better, so that more of these is better always.
    costs : ndarray of shape (n_points,)
        The training cost at the same epochs; NaN where it is not known.
    """

    metric: str
    epochs: Floats
    values: Floats
    costs: Floats

    @property
    def sign(self) -> int:
        """What its values are to be multiplied by to have those that were measured: 1 or -1."""
        return find_sign(self.metric)


def find_selecting_curve(history: pd.DataFrame, measure: str | None = None) -> Curve:
    """Take from a run's history the measure that its epoch is selected by.

    Parameters
    ----------
    history : pandas.DataFrame
        ``epoch``, ``train_cost``, and ``val_accuracy`` or ``test_accuracy`` or the same of another measure, NaN where
        they were not measured.
    measure : str, optional
        The measure; by default the first of `MEASURES` that was taken.
    """
    names = [f"{part}_{one}" for one in (MEASURES if measure is None else [measure]) for part in PARTS]
    columns = {name: take_column(history, name) for name in ("epoch", "train_cost", *names)}
    metric = next((name for name in names if np.isfinite(columns[name]).any()), "")
    measured = np.isfinite(columns[metric]) if metric else np.zeros(len(history), dtype=bool)
    values = find_sign(metric) * columns[metric or "epoch"][measured]
    return Curve(metric, columns["epoch"][measured], values, columns["train_cost"][measured])


def smooth(values: Floats, share: float = SMOOTHED_SHARE) -> Floats:
    """Take the running median, over an odd number of points; towards the ends over as many as there are on both sides.

    A median of ``2 h + 1`` points ignores up to h outliers (Tukey, Exploratory Data Analysis, 1977, chapter 7).

    Examples
    --------
    >>> smooth(np.array([0.1, 0.9, 0.5, 0.6, 0.7]))
    array([0.1, 0.5, 0.6, 0.6, 0.7])
    """
    half = min(count_neighbours(len(values), share), (len(values) - 1) // 2)
    middle = np.median(np.lib.stride_tricks.sliding_window_view(values, 2 * half + 1), axis=1)
    start = [np.median(values[: 2 * place + 1]) for place in range(half)]
    end = [np.median(values[len(values) - 2 * place - 1 :]) for place in reversed(range(half))]
    return np.concatenate([start, middle, end])


def count_neighbours(n_points: int, share: float = SMOOTHED_SHARE) -> int:
    """Give how many points on either side a running median goes over."""
    return max(1, round(share * n_points / 2))


def find_peak(values: Floats) -> tuple[int, float]:
    """Find the highest running median, and beside it the place of the highest value that it goes over."""
    medians, half = smooth(values), count_neighbours(len(values))
    middle = int(medians.argmax())
    start = max(0, middle - half)
    return start + int(values[start : middle + half + 1].argmax()), float(medians[middle])


def estimate_noise(values: Floats) -> float:
    r"""Estimate the standard deviation of a curve about its trend, whatever that is, from the curve's second half.

    A point is compared with the mean of its neighbours, which takes away any straight line::

        sqrt(2 / 3 * mean((values[i] - (values[i - 1] + values[i + 1]) / 2) ** 2))

    (Gasser, Sroka and Jennen-Steinmetz, *Residual variance and residual pattern in nonlinear regression*,
    Biometrika 73, 1986). It is 0 if there are fewer than 3 points.
    """
    bends = _bends(values)
    return float(np.sqrt(2 / 3 * np.mean(bends**2))) if len(bends) else 0.0


def bound_noise(values: Floats, deviations: float) -> float:
    """Give what noise exceeds no more often than a normal variable its mean by so many standard deviations.

    The standard deviation is that of `estimate_noise`, and known the less the fewer points there are, so the quantile
    is that of Student's t. Its degrees of freedom are Satterthwaite's (*Biometrics Bulletin* 2, 1946) for m bends, of
    which those side by side are correlated by -2/3 and the next but one by 1/6::

        m ** 2 / (m + 2 * (4 / 9 * (m - 1) + 1 / 36 * (m - 2)))
    """
    from scipy import stats  # its import takes longer than most of what needs results

    n_bends = len(_bends(values))
    if not n_bends:
        return 0.0
    correlated = 4 / 9 * (n_bends - 1) + 1 / 36 * max(0, n_bends - 2)
    freedom = n_bends**2 / (n_bends + 2 * correlated)
    return estimate_noise(values) * float(stats.t.isf(stats.norm.sf(deviations), freedom))


def _take_second_half(values: Floats) -> Floats:
    return values[len(values) // 2 :] if len(values) >= 2 * LEAST_POINTS else values


def _bends(values: Floats) -> Floats:
    half = _take_second_half(values)
    return half[1:-1] - (half[:-2] + half[2:]) / 2 if len(half) >= 3 else np.empty(0)


def mark_last(epochs: Floats, share: float = LAST_SHARE) -> NDArray[np.bool_]:
    """Mark the points of the last epochs: a share of them all, but `LEAST_POINTS` measurements if there are so many."""
    start = epochs[-1] - share * (epochs[-1] - epochs[0])
    marked: NDArray[np.bool_] = epochs >= min(start, epochs[-min(LEAST_POINTS, len(epochs))])
    return marked


class Rise(NamedTuple):
    """The straight line through the end of a curve.

    Attributes
    ----------
    gain : float
        By how much it rises from the first to the last point.
    end : float
        Where it ends.
    p : float
        How probable so steep a rise is without a trend (one-sided, of Student's t).
    """

    gain: float
    end: float
    p: float


def fit_rise(epochs: Floats, values: Floats, correlation: float = 0.0) -> Rise:
    """Fit a line by least squares (`scipy.stats.linregress`), and test its slope by Student's t.

    Where neighbouring values are correlated, the slope varies more than its standard error says. With R the
    correlations ``correlation ** abs(i - j)``, M the projection onto what the line leaves, and w the weights of the
    slope, its variance is ``(w' R w / w' w) / (tr(M R) / (n - 2))`` times as large, and is estimated with
    ``tr(M R) ** 2 / tr(M R M R)`` degrees of freedom (Satterthwaite, *Biometrics Bulletin* 2, 1946).

    A line through equal values does not rise: its p is 1.

    Parameters
    ----------
    epochs, values : ndarray of shape (n_points,)
        The last stretch of a curve.
    correlation : float
        Of neighbouring values, about the line; see `estimate_correlation`.
    """
    from scipy import stats

    if np.ptp(values) == 0:
        return Rise(0.0, float(values[-1]), 1.0)
    line = stats.linregress(epochs, values, alternative="greater")
    end, p = line.intercept + line.slope * epochs[-1], line.pvalue
    if correlation > 0 and line.stderr > 0:
        left, correlated = _project_out(epochs, 1), _correlate(len(epochs), correlation)
        weights, remaining = epochs - epochs.mean(), left @ correlated
        factor = (weights @ correlated @ weights / (weights @ weights)) / (np.trace(remaining) / (len(epochs) - 2))
        freedom = np.trace(remaining) ** 2 / np.trace(remaining @ remaining)
        p = stats.t.sf(line.slope / line.stderr / np.sqrt(factor), freedom)
    return Rise(float(line.slope * np.ptp(epochs)), float(end), float(p))


def estimate_correlation(values: Floats) -> float:
    """Estimate the correlation of neighbouring values about a curve's trend, from its second half; 0 if it is negative.

    What a parabola leaves of n values has a lag-one autocorrelation below that of the values themselves. With M the
    projection onto it, A the mean of both shifts by one and R as in `fit_rise`, the ratio of expectations is
    ``tr(M A M R) / tr(M R)``; the correlation for which it is what was found is given.
    """
    half = _take_second_half(values)
    if len(half) < LEAST_POINTS:
        return 0.0
    left = _project_out(np.arange(float(len(half))), 2) @ half
    if not left @ left > NO_NOISE * (half @ half):
        return 0.0
    return float(np.interp(left[1:] @ left[:-1] / (left @ left), _expect_correlations(len(half)), CORRELATIONS))


@lru_cache
def _expect_correlations(n: int) -> Floats:
    """Give the lag-one autocorrelation that a parabola leaves of n values, for each of `CORRELATIONS`."""
    left = _project_out(np.arange(float(n)), 2)
    shifted = left @ (np.eye(n, k=1) + np.eye(n, k=-1)) @ left / 2
    matrices = [_correlate(n, correlation) for correlation in CORRELATIONS]
    expected: Floats = np.maximum.accumulate([np.sum(shifted * matrix) / np.sum(left * matrix) for matrix in matrices])
    return expected


def _correlate(n: int, correlation: float) -> Floats:
    """Give the correlations of n values of which those side by side have this one (first-order autoregression)."""
    places = np.arange(n)
    matrix: Floats = correlation ** np.abs(places[:, None] - places)
    return matrix


def _project_out(places: Floats, degree: int) -> Floats:
    """Give the matrix that takes a polynomial out of values at these places."""
    basis, _ = np.linalg.qr(np.polynomial.legendre.legvander((places - places.mean()) / np.ptp(places), degree))
    projection: Floats = np.eye(len(places)) - basis @ basis.T
    return projection


def take_column(history: pd.DataFrame, name: str) -> Floats:
    """Give a column of a history, NaN where nothing was measured."""
    if name not in history.columns:
        return np.full(len(history), np.nan)
    return history[name].to_numpy(dtype=np.float64, na_value=np.nan)
