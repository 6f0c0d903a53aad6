"""Measures of predicted numbers, each with the name and the value that it has in `sklearn.metrics`.

A measure takes `nnsweep.mlp.predictions.Predictions` of K networks and returns an array of shape (K,). Samples count by
their weights. Of several targets a measure is the mean of its values for each, in the targets' own units.
"""

import math

import numpy as np

from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.predictions import Measures, Predictions

REGRESSION_MEASURES = Measures()

_EPSILON = np.finfo(np.float64).eps
_FROM_ZERO = (0.0, math.inf)
_UP_TO_ONE = (-math.inf, 1.0)


@REGRESSION_MEASURES.register("regression", bounds=_UP_TO_ONE)
def r2(predictions: Predictions) -> FloatArray:
    """Share of the targets' variance that is explained, ``1 - mean(e**2) / mean((y - mean(y))**2)`` (`r2_score`).

    Of a target that is constant it is 1 without an error and 0 with one; NaN for fewer than two samples.

    Source: Draper and Smith, Applied Regression Analysis, 1998, chapter 1.
    """
    score = _explain(predictions, np.square(predictions.errors))
    return score if len(predictions.y) > 1 else np.full_like(score, np.nan)


@REGRESSION_MEASURES.register("regression", bounds=_UP_TO_ONE)
def explained_variance(predictions: Predictions) -> FloatArray:
    """`r2` after the mean error is taken off each target, ``1 - var(e) / var(y)`` (`explained_variance_score`)."""
    errors = predictions.errors
    return _explain(predictions, np.square(errors - predictions.mean(errors)[:, np.newaxis]))


@REGRESSION_MEASURES.register("regression", greater_is_better=False, bounds=_FROM_ZERO)
def rmse(predictions: Predictions) -> FloatArray:
    """Root of the mean squared error, ``sqrt(mean(e**2))`` (`root_mean_squared_error`)."""
    return np.asarray(np.sqrt(predictions.mean(np.square(predictions.errors))).mean(axis=1))


@REGRESSION_MEASURES.register("regression", greater_is_better=False, bounds=_FROM_ZERO)
def mse(predictions: Predictions) -> FloatArray:
    """Mean squared error, ``mean(e**2)`` (`mean_squared_error`)."""
    return np.asarray(predictions.mean(np.square(predictions.errors)).mean(axis=1))


@REGRESSION_MEASURES.register("regression", greater_is_better=False, bounds=_FROM_ZERO)
def mae(predictions: Predictions) -> FloatArray:
    """Mean absolute error, ``mean(|e|)`` (`mean_absolute_error`)."""
    return np.asarray(predictions.mean(np.abs(predictions.errors)).mean(axis=1))


@REGRESSION_MEASURES.register("regression", greater_is_better=False, bounds=_FROM_ZERO)
def median_absolute_error(predictions: Predictions) -> FloatArray:
    """Size of error that half of the samples stay below, ``median(|e|)`` (`median_absolute_error`).

    With weights, the mean of the smallest size that at least half of the weight stays up to and, where that is exactly
    half, the next.
    """
    sizes = np.abs(predictions.errors)
    if predictions.weight is None:
        return np.asarray(np.median(sizes, axis=1).mean(axis=1))
    order = np.argsort(sizes, axis=1, kind="stable")
    sizes, weight = np.take_along_axis(sizes, order, axis=1), predictions.weight[order].cumsum(axis=1)
    half = weight[:, -1:] / 2
    upper = np.minimum((weight <= half).sum(axis=1, keepdims=True), len(predictions.y) - 1)
    lower = (weight < half).sum(axis=1, keepdims=True)
    middle = (np.take_along_axis(sizes, lower, axis=1) + np.take_along_axis(sizes, upper, axis=1)) / 2
    return np.asarray(np.where(np.isnan(sizes).any(axis=1), np.nan, middle[:, 0]).mean(axis=1))


@REGRESSION_MEASURES.register("regression", greater_is_better=False, bounds=_FROM_ZERO)
def max_error(predictions: Predictions) -> FloatArray:
    """Size of the largest error, ``max(|e|)`` (`max_error`)."""
    return np.asarray(np.abs(predictions.errors).max(axis=1).mean(axis=1))


@REGRESSION_MEASURES.register("regression", greater_is_better=False, bounds=_FROM_ZERO)
def mape(predictions: Predictions) -> FloatArray:
    """Mean size of the error as a share of the target, ``mean(|e| / |y|)`` (`mean_absolute_percentage_error`).

    A target nearer to 0 than float64's spacing at 1 counts as that far away.
    """
    shares = np.abs(predictions.errors) / np.maximum(np.abs(predictions.y), _EPSILON)
    return np.asarray(predictions.mean(shares).mean(axis=1))


@REGRESSION_MEASURES.register("regression", greater_is_better=False, bounds=_FROM_ZERO)
def pinball(predictions: Predictions) -> FloatArray:
    """Mean of ``max(q * (y - f), (q - 1) * (y - f))`` of each quantile q and its prediction f (`mean_pinball_loss`).

    Predictions that are no quantiles count as medians, ``q = 0.5``.

    Source: Koenker and Bassett, Regression quantiles, Econometrica 46, 1978.
    """
    quantiles = np.array(predictions.quantiles or (0.5,))
    n_networks, n_samples, _ = predictions.outputs.shape
    by_target = predictions.outputs.reshape(n_networks, n_samples, -1, len(quantiles))
    missing = predictions.y[:, :, np.newaxis] - by_target
    costs = np.maximum(quantiles * missing, (quantiles - 1) * missing)
    return np.asarray(predictions.mean(costs).mean(axis=(1, 2)))


def _explain(predictions: Predictions, left: FloatArray) -> FloatArray:
    """Return ``1 - mean(left) / var(y)``; of a constant target 1 where nothing is left, else 0."""
    y = np.asarray(predictions.y)[np.newaxis]
    variance = predictions.mean(np.square(y - predictions.mean(y)[:, np.newaxis]))
    rest = predictions.mean(left)
    scores = np.where(variance == 0, np.where(rest == 0, 1.0, 0.0), 1 - rest / variance)
    return np.asarray(np.where(np.isnan(rest), np.nan, scores).mean(axis=1))
