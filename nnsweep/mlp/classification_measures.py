"""Measures of classes and labels, each with the name and the value that it has in `sklearn.metrics`.

A measure takes `nnsweep.mlp.predictions.Predictions` of K networks and returns an array of shape (K,). Samples count by
their weights. Averages over classes are over those that occur, truly or as a prediction, as scikit-learn's are.
"""

import math

import numpy as np

from nnsweep.mlp.arrays import BoolArray, FloatArray
from nnsweep.mlp.predictions import Measures, Predictions

CLASSIFICATION_MEASURES = Measures()

_EPSILON = np.finfo(np.float64).eps
N_BINS = 15
"""Bins of the confidence, as in Guo et al. 2017."""


@CLASSIFICATION_MEASURES.register("classification", "multilabel")
def accuracy(predictions: Predictions) -> FloatArray:
    """Share of samples that are right: their class, or all of their labels (`accuracy_score`)."""
    return predictions.mean(predictions.is_right)


@CLASSIFICATION_MEASURES.register("classification")
def balanced_accuracy(predictions: Predictions) -> FloatArray:
    """Mean recall of the classes that samples are of, ``mean(both_k / actual_k)`` (`balanced_accuracy_score`).

    Source: Brodersen et al., The balanced accuracy and its posterior distribution, ICPR 2010.
    """
    counts = predictions.counts
    return _average(_divide(counts.both, counts.actual), counts.actual > 0)


@CLASSIFICATION_MEASURES.register("classification", "multilabel")
def f1_macro(predictions: Predictions) -> FloatArray:
    """Mean over classes of ``2 * both / (predicted + actual)``, 0 for 0 / 0 (`f1_score`, macro).

    Source: van Rijsbergen, Information Retrieval, 1979, chapter 7.
    """
    return _average(_f1_by_class(predictions), _occurs(predictions))


@CLASSIFICATION_MEASURES.register("classification")
def f1_weighted(predictions: Predictions) -> FloatArray:
    """Mean of the classes' F1 by how often each is true, ``sum(actual * f1) / sum(actual)`` (`f1_score`, weighted)."""
    actual = predictions.counts.actual
    return np.asarray((actual * _f1_by_class(predictions)).sum(axis=1) / actual.sum(axis=1))


@CLASSIFICATION_MEASURES.register("classification")
def precision_macro(predictions: Predictions) -> FloatArray:
    """Mean over classes of ``both / predicted``, 0 for a class that is never predicted (`precision_score`, macro)."""
    counts = predictions.counts
    return _average(_divide(counts.both, counts.predicted), _occurs(predictions))


@CLASSIFICATION_MEASURES.register("classification")
def recall_macro(predictions: Predictions) -> FloatArray:
    """Mean over classes of ``both / actual``, 0 for a class that no sample is of (`recall_score`, macro)."""
    counts = predictions.counts
    return _average(_divide(counts.both, counts.actual), _occurs(predictions))


@CLASSIFICATION_MEASURES.register("classification", "multilabel", greater_is_better=False, bounds=(0.0, math.inf))
def log_loss(predictions: Predictions) -> FloatArray:
    """Mean of ``-log(p)`` of the true class, p clipped to the nearest that float64 tells from 0 and 1 (`log_loss`).

    Of several labels, the mean over them of each label's own log loss. A class need not occur.
    """
    probabilities = predictions.probabilities
    if predictions.task == "classification":
        at_truth = np.take_along_axis(probabilities, predictions.y[np.newaxis, :, np.newaxis], axis=2)
    else:
        at_truth = np.where(predictions.is_actual, probabilities, 1 - probabilities)
    return np.asarray(predictions.mean(-np.log(at_truth.clip(_EPSILON, 1 - _EPSILON))).mean(axis=1))


@CLASSIFICATION_MEASURES.register("classification", greater_is_better=False, bounds=(0.0, 2.0))
def brier(predictions: Predictions) -> FloatArray:
    """Mean of ``sum_k((p_k - is_actual_k)**2)``; of two classes half of that, as is usual (`brier_score_loss`).

    Source: Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78, 1950.
    """
    squares = np.square(predictions.probabilities - predictions.is_actual).sum(axis=2)
    return predictions.mean(squares) / (2 if predictions.outputs.shape[2] == 2 else 1)


@CLASSIFICATION_MEASURES.register("classification", "multilabel")
def roc_auc(predictions: Predictions) -> FloatArray:
    """Area under the curve of true over false positives, by trapezoids (`roc_auc_score`, one against rest, macro).

    It is how often a sample of the class has a higher score than another, ties counting half; NaN where a class or its
    opposite does not occur.

    Source: Hanley and McNeil, The meaning and use of the area under a ROC curve, Radiology 143, 1982.
    """
    positive, negative = predictions.ranking
    heights = positive - np.diff(positive, prepend=0) / 2
    area = (np.diff(negative, prepend=0) * heights).sum(axis=2)
    return np.asarray((area / (positive[..., -1] * negative[..., -1])).mean(axis=1))


@CLASSIFICATION_MEASURES.register("classification", "multilabel")
def average_precision(predictions: Predictions) -> FloatArray:
    """Mean over classes of ``sum_i((recall_i - recall_(i-1)) * precision_i)`` (`average_precision_score`, macro).

    The sum goes over the samples from the highest score down; of two classes it is the second one's. 0 where no sample
    is of a class.
    """
    positive, negative = predictions.ranking
    area = (np.diff(positive, prepend=0) * _divide(positive, positive + negative)).sum(axis=2)
    return np.asarray(_divide(area, positive[..., -1]).mean(axis=1))


@CLASSIFICATION_MEASURES.register("classification", bounds=(-1.0, 1.0))
def matthews_corrcoef(predictions: Predictions) -> FloatArray:
    """Correlation of predicted and true classes; 0 where either never changes (`matthews_corrcoef`).

    ``(n * right - p.t) / sqrt((n**2 - p.p) * (n**2 - t.t))`` with the counts p predicted and t true of the classes.

    Source: Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, 2004.
    """
    both, predicted, actual = predictions.counts
    n = predicted.sum(axis=1)
    spread = (n**2 - (predicted**2).sum(axis=1)) * (n**2 - (actual**2).sum(axis=1))
    return _divide(both.sum(axis=1) * n - (predicted * actual).sum(axis=1), np.sqrt(spread))


@CLASSIFICATION_MEASURES.register("classification", bounds=(-1.0, 1.0))
def cohen_kappa(predictions: Predictions) -> FloatArray:
    """Agreement beyond chance, ``1 - wrong / wrong_by_chance``; NaN where chance cannot err (`cohen_kappa_score`).

    By chance, a sample of class i is taken for class j with weight ``actual_i * predicted_j / n``.

    Source: Cohen, A coefficient of agreement for nominal scales, 1960.
    """
    _, predicted, actual = predictions.counts
    by_chance = actual[:, :, np.newaxis] * predicted[:, np.newaxis] / actual.sum(axis=1)[:, np.newaxis, np.newaxis]
    is_wrong = ~np.eye(actual.shape[1], dtype=bool)
    return np.asarray(1 - predictions.confusion[:, is_wrong].sum(axis=1) / by_chance[:, is_wrong].sum(axis=1))


@CLASSIFICATION_MEASURES.register("classification")
def top_2_accuracy(predictions: Predictions) -> FloatArray:
    """Share of samples whose class has one of the two largest logits, of equals the later (`top_k_accuracy_score`)."""
    logits = predictions.outputs
    at_truth = np.take_along_axis(logits, predictions.y[np.newaxis, :, np.newaxis], axis=2)
    is_later = np.arange(logits.shape[2]) > predictions.y[:, np.newaxis]
    n_before = ((logits > at_truth) | ((logits == at_truth) & is_later)).sum(axis=2)
    return predictions.mean(n_before < 2)


@CLASSIFICATION_MEASURES.register("classification", greater_is_better=False)
def ece(predictions: Predictions) -> FloatArray:
    """Gap between confidence and accuracy, ``sum_b(|right_b - confidence_b|) / n`` over 15 bins of equal width.

    It is known as the expected calibration error. The confidence is the largest probability; each bin has the sums of
    its samples.

    Source: Guo et al., On calibration of modern neural networks, ICML 2017, equation 3.
    """
    confidence = predictions.probabilities.max(axis=2)
    n, confident, right = np.moveaxis(count_by_confidence(confidence, predictions.is_right, predictions.weight), 2, 0)
    error = np.abs(right - confident).sum(axis=1) / n.sum(axis=1)
    return np.where(np.isnan(confidence).any(axis=1), np.nan, error)


def count_by_confidence(confidence: FloatArray, is_right: BoolArray, weight: FloatArray | None = None) -> FloatArray:
    """Sum samples by how confident the networks are of them: the content of a reliability diagram.

    Parameters
    ----------
    confidence : ndarray of shape (K, n_samples)
        The largest probability of each sample.
    is_right : ndarray of bool, shape (K, n_samples)
        Whether its class was the true one.
    weight : ndarray of shape (n_samples,) or None
        How much each sample counts; None for all alike.

    Returns
    -------
    ndarray of shape (K, N_BINS, 3)
        How many samples have a confidence above ``b / N_BINS`` and up to ``(b + 1) / N_BINS``, the sum of their
        confidences, and how many are right.

    Examples
    --------
    >>> count_by_confidence(np.array([[0.5, 0.95, 1.0]]), np.array([[True, True, False]]))[0, [7, 14]].tolist()
    [[1.0, 0.5, 1.0], [2.0, 1.95, 1.0]]
    """
    n_networks = len(confidence)
    bins = np.minimum(np.fmax(np.ceil(confidence * N_BINS), 1), N_BINS).astype(np.int64) - 1  # NaN is in the lowest
    cells = (bins + np.arange(n_networks)[:, np.newaxis] * N_BINS).ravel()
    counted = np.broadcast_to(1.0 if weight is None else weight, confidence.shape)
    sums = [np.bincount(cells, (counted * values).ravel(), n_networks * N_BINS) for values in (1, confidence, is_right)]
    return np.stack(sums, axis=1).reshape(n_networks, N_BINS, 3).astype(np.float64, copy=False)


@CLASSIFICATION_MEASURES.register("multilabel")
def f1_micro(predictions: Predictions) -> FloatArray:
    """F1 of all labels' counts, ``2 * sum(both) / sum(predicted + actual)``, 0 for 0 / 0 (`f1_score`, micro)."""
    both, predicted, actual = predictions.counts
    return _divide(2 * both.sum(axis=1), (predicted + actual).sum(axis=1))


@CLASSIFICATION_MEASURES.register("multilabel")
def f1_samples(predictions: Predictions) -> FloatArray:
    """Mean over samples of the F1 of their labels, 0 where none is true and none predicted (`f1_score`, samples)."""
    labels, y = predictions.labels, predictions.y
    return predictions.mean(_divide(2 * (labels * y).sum(axis=2), (labels + y).sum(axis=2)))


@CLASSIFICATION_MEASURES.register("multilabel", greater_is_better=False)
def hamming_loss(predictions: Predictions) -> FloatArray:
    """Share of labels that are wrong, over all samples (`hamming_loss`)."""
    return np.asarray(predictions.mean(predictions.labels != predictions.y).mean(axis=1))


@CLASSIFICATION_MEASURES.register("multilabel")
def jaccard_samples(predictions: Predictions) -> FloatArray:
    """Mean over samples of the share of labels that are both among those predicted or true (`jaccard_score`).

    It is 0 where no label is true and none predicted.
    """
    labels, y = predictions.labels, predictions.y
    return predictions.mean(_divide((labels * y).sum(axis=2), np.maximum(labels, y).sum(axis=2)))


def _f1_by_class(predictions: Predictions) -> FloatArray:
    both, predicted, actual = predictions.counts
    return _divide(2 * both, predicted + actual)


def _occurs(predictions: Predictions) -> BoolArray:
    """Tell which classes are true or predicted anywhere, (K, n_classes); labels are there whether they occur or not."""
    counts = predictions.counts
    occurs: BoolArray = counts.predicted + counts.actual > 0
    return occurs if predictions.task == "classification" else np.ones_like(occurs)


def _average(values: FloatArray, counts: BoolArray) -> FloatArray:
    """Average over the classes that count, (K, n_classes) to (K,)."""
    return np.asarray(np.where(counts, values, 0.0).sum(axis=1) / counts.sum(axis=1))


def _divide(share: FloatArray, whole: FloatArray) -> FloatArray:
    """Divide, with 0 for 0 / 0."""
    return np.where(whole == 0, 0.0, share / whole)
