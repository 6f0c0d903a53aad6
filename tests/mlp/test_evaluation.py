"""What a trained network comes to on examples: counts against scikit-learn's, and the temperature that fits best."""

from types import SimpleNamespace

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.classification_measures import N_BINS
from nnsweep.mlp.evaluation import (
    TEMPERATURES,
    bin_confidences,
    calibration_error,
    compute_outputs,
    evaluate,
    evaluate_classes,
    fit_temperature,
)
from nnsweep.mlp.losses import make_loss, quantile, softmax, squared_error


class Logits(ClassifierMixin, BaseEstimator):
    """A classifier whose logits are its features."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]


def draw(seed: int, *, n: int = 300, n_classes: int = 4, scale: float = 3.0):
    """Draw logits that are often right and too large, with their classes."""
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n)
    outputs = scale * (random.normal(size=(n, n_classes)) + np.eye(n_classes)[y])
    return outputs, y


def log_loss_at(temperatures, outputs, y, weight):
    scaled = outputs / np.reshape(temperatures, (-1, 1, 1))
    return np.average(logsumexp(scaled, axis=2) - scaled[:, np.arange(len(y)), y], axis=1, weights=weight)


@pytest.mark.skipif(Version(sklearn.__version__) < Version("1.8"), reason="scikit-learn has it since 1.8")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_the_temperature_is_that_of_scikit_learn(seed, scale):
    outputs, y = draw(seed, scale=scale)
    theirs = CalibratedClassifierCV(FrozenEstimator(Logits().fit(outputs, y)), method="temperature").fit(outputs, y)
    ours = softmax(outputs / fit_temperature(outputs, y))
    np.testing.assert_allclose(ours, theirs.predict_proba(outputs), atol=1e-6)


@given(st.integers(0, 10_000), st.sampled_from([2, 3, 10]), st.floats(0.05, 30))
def test_no_other_temperature_has_a_smaller_log_loss(seed, n_classes, scale):
    outputs, y = draw(seed, n=40, n_classes=n_classes, scale=scale)
    weight = np.random.default_rng(seed).random(40)
    best = fit_temperature(outputs, y, weight)
    assert TEMPERATURES[0] <= best <= TEMPERATURES[1] * (1 + 1e-9)
    if (outputs.argmax(axis=1) == y).all():
        return
    least, *others = log_loss_at(
        [best, 0.999 * best, 1.001 * best, *np.geomspace(*TEMPERATURES, 200)], outputs, y, weight
    )
    assert least <= min(others) + 1e-12


def test_a_weight_is_so_many_samples():
    outputs, y = draw(1, n=30)
    weight = np.arange(30) % 3
    repeated = np.repeat(np.arange(30), weight)
    assert fit_temperature(outputs, y, weight) == pytest.approx(fit_temperature(outputs[repeated], y[repeated]))


@pytest.mark.parametrize(
    "outputs",
    [[[3.0, 0.0], [0.0, 1.0]], [[np.nan, 0.0], [0.0, 1.0]], [[np.inf, 0.0], [1.0, 0.0]]],
    ids=["all right", "not a number", "infinite"],
)
def test_logits_that_say_nothing_of_it_stay_as_they_are(outputs):
    assert fit_temperature(np.array(outputs), np.array([0, 1])) == 1
    assert fit_temperature(np.empty((0, 2)), np.empty(0, dtype=int)) == 1


def test_confidence_in_what_is_wrong_has_the_highest_temperature():
    assert fit_temperature(np.array([[5.0, 0.0], [6.0, 0.0]]), np.array([1, 1])) == pytest.approx(TEMPERATURES[1])


@given(st.integers(0, 10_000), st.sampled_from([2, 3, 10]))
def test_confusions_are_those_of_scikit_learn(seed, n_classes):
    outputs, y = draw(seed, n=50, n_classes=n_classes)
    confusion, reliability = evaluate_classes(outputs, y, 2.0)
    assert (confusion == confusion_matrix(y, outputs.argmax(axis=1), labels=range(n_classes))).all()
    before, after = reliability
    assert before[:, 0].sum() == after[:, 0].sum() == 50
    assert before[:, 2].sum() == after[:, 2].sum() == confusion.trace()
    assert after[:, 1].sum() < before[:, 1].sum()


def test_bins_are_of_equal_width_and_closed_above():
    edges = np.arange(1, N_BINS + 1) / N_BINS
    shares = edges[edges > 0.5]
    bins = bin_confidences(np.log(np.stack([shares - 1e-9, 1 - shares + 1e-9], axis=1)), np.zeros(len(shares), int))
    assert bins[:, 0].tolist() == [0] * 7 + [1] * 8
    assert bins[:, 2].tolist() == bins[:, 0].tolist()


@given(st.integers(0, 10_000))
def test_the_calibration_error_is_the_mean_distance_of_its_bins(seed):
    outputs, y = draw(seed, n=100)
    confidence, right = softmax(outputs).max(axis=1), outputs.argmax(axis=1) == y
    expected = 0.0
    for place in range(N_BINS):
        inside = (confidence > place / N_BINS) & (confidence <= (place + 1) / N_BINS)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert calibration_error(bin_confidences(outputs, y)) == pytest.approx(expected, abs=1e-12)


def test_without_samples_there_is_no_calibration_error():
    assert np.isnan(calibration_error(np.zeros((N_BINS, 3))))
    assert bin_confidences(np.array([[np.nan, 1.0]]), np.array([0])).sum() == 0


def untested(splits):
    """Leave the training part alone."""
    return SimpleNamespace(**vars(splits) | {"val": None, "test": None})


FACTS = {"epoch": 2, "test_digest": "ab", "names": ("a", "b")}


def test_classes_are_right_as_often_as_in_training(network, member, parts, run):
    net = network()
    trained = run(splits := parts(), net, [member()])[0]
    found = evaluate(net, trained.best_layers, splits, make_loss(None, "classification"), **FACTS)
    assert found.confusion.trace() == trained.best_right.sum()
    assert (found.task, found.errors.size, found.temperature) == ("classification", 0, 1)


def test_labels_are_counted_one_by_one(network, member, parts, run):
    splits, net = parts(), network()
    for part in ("train", "val", "test"):
        X, y, _ = getattr(splits, part)
        setattr(splits, part, Examples(X, np.stack([y == 1, y > 0], axis=1).astype(np.int64)))
    splits.task, splits.n_outputs = "multilabel", 2
    layers = run(untested(splits), net, [member(learning_rate=1.0)])[0].layers
    found = evaluate(net, layers, splits, make_loss(None, "multilabel"), **FACTS)
    predicted = compute_outputs(net, layers, splits.test.X) > 0
    assert (found.confusion == multilabel_confusion_matrix(splits.test.y, predicted)).all()
    assert len(np.unique(found.confusion)) > 2


@pytest.mark.parametrize("loss", [squared_error(), quantile(quantiles=(0.1, 0.5))], ids=lambda loss: loss.name)
def test_errors_are_in_the_unit_of_the_targets(network, member, parts, run, loss):
    splits, net = parts(), network()
    for part in ("train", "val", "test"):
        X, _, _ = getattr(splits, part)
        setattr(splits, part, Examples(X, 100 + 10 * X[:, :2]))
    splits.task, splits.n_outputs = "regression", 2
    layers = run(untested(splits), net, [member()], loss=loss, epochs=30)[0].layers
    found = evaluate(net, layers, splits, loss, **FACTS)
    mean, scale = splits.train.y.mean(axis=0), splits.train.y.std(axis=0)
    outputs = compute_outputs(net, layers, splits.test.X).reshape(30, 2, -1)
    expected = outputs * scale[:, None] + mean[:, None] - splits.test.y[:, :, None]
    np.testing.assert_allclose(found.errors, expected.reshape(30, -1), atol=1e-9)
    assert (found.targets == splits.test.y).all()
    assert found.quantiles == loss.quantiles
    assert np.abs(found.errors).mean() < 10


def test_without_a_test_part_there_is_no_evaluation(network, parts):
    splits = parts()
    splits.test = None
    with pytest.raises(ValueError, match="evaluated on a test part, got None"):
        evaluate(network(), [], splits, make_loss(None, "classification"), **FACTS)
