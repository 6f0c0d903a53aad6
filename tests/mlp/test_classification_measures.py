"""Every measure against scikit-learn's, on random and degenerate predictions of a stack."""

import warnings
from inspect import signature

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given as for_all
from hypothesis import strategies as st
from scipy.special import expit

from nnsweep.mlp.classification_measures import CLASSIFICATION_MEASURES, count_by_confidence
from nnsweep.mlp.losses import softmax
from nnsweep.mlp.predictions import Predictions

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 3.0)


def probability(logits):
    p = softmax(logits)
    return p[:, 1] if p.shape[1] == 2 else p


def one_hot(y, k):
    targets = y[:, np.newaxis] == np.arange(k)
    return targets[:, 1] if k == 2 else targets


def reference_ece(logits, y, weight):
    p = softmax(logits)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    weight = np.ones(len(y)) if weight is None else weight
    error = 0.0
    for number in range(15):
        inside = [number / 15 < c <= (number + 1) / 15 for c in confidence]
        if any(inside):
            gap = np.average(right[inside], weights=weight[inside]) - np.average(
                confidence[inside], weights=weight[inside]
            )
            error += weight[inside].sum() / weight.sum() * abs(gap)
    return error


def of_labels(function, **options):
    return lambda logits, y, k, w: function(y, logits.argmax(axis=1), sample_weight=w, **options)


ORACLES = {
    "accuracy": of_labels(oracle.accuracy_score),
    "balanced_accuracy": of_labels(oracle.balanced_accuracy_score),
    "f1_macro": of_labels(oracle.f1_score, average="macro"),
    "f1_weighted": of_labels(oracle.f1_score, average="weighted"),
    "precision_macro": of_labels(oracle.precision_score, average="macro"),
    "recall_macro": of_labels(oracle.recall_score, average="macro"),
    "matthews_corrcoef": of_labels(oracle.matthews_corrcoef),
    "cohen_kappa": of_labels(oracle.cohen_kappa_score),
    "log_loss": lambda z, y, k, w: oracle.log_loss(y, softmax(z), labels=range(k), sample_weight=w),
    "brier": lambda z, y, k, w: oracle.brier_score_loss(y, softmax(z), labels=range(k), sample_weight=w),
    "roc_auc": lambda z, y, k, w: oracle.roc_auc_score(
        y, probability(z), multi_class="ovr", labels=range(k), sample_weight=w
    ),
    "average_precision": lambda z, y, k, w: oracle.average_precision_score(
        one_hot(y, k), probability(z), sample_weight=w
    ),
    "top_2_accuracy": lambda z, y, k, w: oracle.top_k_accuracy_score(
        y, z[:, 1] if k == 2 else z, k=2, labels=range(k), sample_weight=w
    ),
    "ece": lambda z, y, k, w: reference_ece(z, y, w),
}


def of_sets(function, **options):
    return lambda logits, y, w: function(y, (logits > 0).astype(int), sample_weight=w, **options)


LABEL_ORACLES = {
    "accuracy": of_sets(oracle.accuracy_score),
    "f1_macro": of_sets(oracle.f1_score, average="macro"),
    "f1_micro": of_sets(oracle.f1_score, average="micro"),
    "f1_samples": of_sets(oracle.f1_score, average="samples"),
    "hamming_loss": of_sets(oracle.hamming_loss),
    "jaccard_samples": of_sets(oracle.jaccard_score, average="samples"),
    "log_loss": lambda z, y, w: np.mean(
        [oracle.log_loss(one, p, labels=[0, 1], sample_weight=w) for one, p in zip(y.T, expit(z).T, strict=True)]
    ),
    "roc_auc": lambda z, y, w: oracle.roc_auc_score(y, expit(z), sample_weight=w),
    "average_precision": lambda z, y, w: oracle.average_precision_score(y, expit(z), sample_weight=w),
}


@st.composite
def predictions(draw, multilabel=False):
    """Draw logits of three networks, with ties, constants, absent classes and saturated probabilities among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, k = draw(st.integers(1, 12)), draw(st.integers(2, 4))
    scale = draw(st.sampled_from([0.0, 0.5, 3.0, 800.0]))
    z = rng.normal(size=(3, n, k)) * scale
    z = draw(st.sampled_from([z, np.round(z), z.astype(np.float32)]))
    if multilabel:
        y = rng.integers(0, 2, size=(n, k)) * draw(st.sampled_from([0, 1])) + draw(st.sampled_from([0, 0, 1]))
        y = y.clip(0, 1)
    else:
        y = rng.integers(0, draw(st.integers(1, k)), size=n) + (draw(st.integers(0, 1)) if k > 2 else 0)
        y = y.clip(0, k - 1)
    weight = rng.choice(WEIGHTS, size=n) if draw(st.booleans()) else None
    return z, y, weight


def value_of(function, *arguments):
    """Return scikit-learn's value; NaN where it refuses."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return function(*arguments)
        except ValueError:
            return np.nan


KNOWS_BRIER = "labels" in signature(oracle.brier_score_loss).parameters  # scikit-learn 1.6 does for two classes only


@pytest.mark.parametrize("name", [name for name in ORACLES if name != "brier" or KNOWS_BRIER])
@for_all(predictions())
def test_measures_of_classes_are_those_of_sklearn(name, drawn):
    z, y, weight = drawn
    values = CLASSIFICATION_MEASURES[name].evaluate(Predictions("classification", z, y, weight))
    expected = [value_of(ORACLES[name], one.astype(np.float64), y, z.shape[2], weight) for one in z]
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LABEL_ORACLES)
@for_all(predictions(multilabel=True))
def test_measures_of_several_labels_are_those_of_sklearn(name, drawn):
    z, y, weight = drawn
    values = CLASSIFICATION_MEASURES[name].evaluate(Predictions("multilabel", z, y, weight))
    expected = [value_of(LABEL_ORACLES[name], one.astype(np.float64), y, weight) for one in z]
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_every_measure_has_its_oracle(task):
    named = {name for name, measure in CLASSIFICATION_MEASURES.items() if task in measure.tasks}
    assert named == (ORACLES if task == "classification" else LABEL_ORACLES).keys()


@pytest.mark.parametrize("task", ["classification", "multilabel"])
@for_all(st.data())
def test_weight_0_leaves_a_sample_out_and_2_counts_it_twice(task, data):
    z, y, _ = data.draw(predictions(multilabel=task == "multilabel"))
    weight = np.array(data.draw(st.lists(st.sampled_from([0, 1, 2]), min_size=len(y), max_size=len(y))), dtype=float)
    weight[0] = 1.0
    times = weight.astype(int)
    for name, measure in CLASSIFICATION_MEASURES.items():
        if task in measure.tasks:
            weighted = measure.evaluate(Predictions(task, z, y, weight))
            repeated = measure.evaluate(Predictions(task, np.repeat(z, times, axis=1), np.repeat(y, times, axis=0)))
            np.testing.assert_allclose(weighted, repeated, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("task", ["classification", "multilabel"])
@for_all(st.data())
def test_values_are_within_the_bounds(task, data):
    z, y, weight = data.draw(predictions(multilabel=task == "multilabel"))
    for measure in CLASSIFICATION_MEASURES.values():
        if task in measure.tasks:
            values = measure.evaluate(Predictions(task, z, y, weight))
            values = values[~np.isnan(values)]
            low, high = measure.bounds
            assert ((values >= low - 1e-12) & (values <= high + 1e-12)).all(), measure.name


def test_a_logit_that_is_nan_leaves_no_value_of_probabilities():
    z = np.array([[[0.0, np.nan], [1.0, 2.0], [2.0, 1.0]], [[0.0, 1.0], [1.0, 2.0], [2.0, 1.0]]])
    seen = Predictions("classification", z, np.array([0, 1, 0]))
    for name in ("log_loss", "brier", "roc_auc", "average_precision", "ece"):
        assert np.isnan(CLASSIFICATION_MEASURES[name].evaluate(seen)).tolist() == [True, False], name


def test_confidences_are_summed_by_bin():
    confidence = np.array([[1 / 15, 0.5, 1.0], [0.3, 0.31, 0.32]])
    counts = count_by_confidence(confidence, np.array([[True, False, True], [True, True, False]]))
    assert counts.shape == (2, 15, 3)
    assert counts[0, 0].tolist() == [1, 1 / 15, 1]  # a bin has its upper end
    assert counts[0, 14].tolist() == [1, 1, 1]
    assert counts[1, 4].tolist() == pytest.approx([3, 0.93, 2])
