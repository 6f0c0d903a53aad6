"""Samples that weigh differently train a network as if they had been given more or less often."""

import re

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nnsweep import NNClassifier

pytestmark = pytest.mark.filterwarnings("ignore:the network has learned nothing")  # in so few epochs
FULL = {"batch_size": None, "dtype": "float64", "max_iter": 6}
MINI = {"batch_size": 16, "max_iter": 4, "solver": "adam", "dropout": 0.1}
ASIDE = {"early_stopping": True, "n_iter_no_change": 3}
WAYS = {
    "full batch": FULL,
    "minibatches": MINI,
    "validated": MINI | ASIDE,
    "class weights": FULL | {"class_weight": "balanced"},
}


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def weight():
    return np.random.default_rng(0).integers(0, 3, 150).astype(float)


def fitted(how, X, y, *weight, **val):
    return NNClassifier((8,), **how).fit(X, y, *weight, **val)


def assert_same_bits(one, other):
    for a, b in zip([*one.coefs_, *one.intercepts_], [*other.coefs_, *other.intercepts_], strict=True):
        np.testing.assert_array_equal(a, b, strict=True)
    for name, curve in one.history_.items():
        np.testing.assert_array_equal(curve, other.history_[name])


@pytest.mark.parametrize("kind", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_weight_0_leaves_a_sample_out_bit_for_bit(how, kind, iris, weight):
    X, y = iris
    rows = weight > 0
    assert_same_bits(fitted(how, kind(X), y, weight), fitted(how, kind(X[rows]), y[rows], weight[rows]))
    assert_same_bits(fitted(how, kind(X), y, rows), fitted(how, kind(X[rows]), y[rows]))


@pytest.mark.parametrize("way", ["full batch", "class weights"])
def test_weight_2_gives_a_sample_twice(way, iris, weight):
    X, y = iris
    repeats = weight.astype(int)
    weighted, repeated = fitted(WAYS[way], X, y, weight), fitted(WAYS[way], X.repeat(repeats, 0), y.repeat(repeats))
    for one, other in zip(weighted.coefs_, repeated.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_equal_weights_change_no_bit(how, iris):
    X, y = iris
    plain = fitted(how, X, y)
    for equal in (1.0, 0.3, 7e5):
        assert_same_bits(fitted(how, X, y, np.full(150, equal)), plain)


def test_weights_of_the_validation_part_decide_its_epoch(iris, weight):
    X, y = iris
    how = MINI | {"max_iter": 12}
    rows = weight > 0
    val = {"X_val": X, "y_val": y}
    weighted = fitted(how, X, y, **val, sample_weight_val=weight)
    assert_same_bits(fitted(how, X, y, **val, sample_weight_val=rows), fitted(how, X, y, X_val=X[rows], y_val=y[rows]))
    assert weighted.best_validation_score_ == pytest.approx(
        accuracy_score(y, weighted.predict(X), sample_weight=weight)
    )
    assert weighted.validation_scores_ != fitted(how, X, y, **val).validation_scores_


def test_a_score_counts_samples_by_their_weights(iris, weight):
    X, y = iris
    ours = fitted(MINI, X, y)
    assert ours.score(X, y, weight) == accuracy_score(y, ours.predict(X), sample_weight=weight)


def test_partial_fits_on_weighted_samples_are_one_fit(iris, weight):
    X, y = iris
    whole, parts = (NNClassifier((8,), **MINI | {"max_iter": 3}) for _ in range(2))
    whole.fit(X, y, weight)
    for _ in range(3):
        parts.partial_fit(X, y, classes=[0, 1, 2], sample_weight=weight)
    assert_same_bits(whole, parts)


def test_a_class_that_weighs_nothing_stays_a_class(iris):
    X, y = iris
    ours = fitted(FULL, X, y, (y != 1).astype(float))
    assert ours.classes_.tolist() == [0, 1, 2]
    assert ours.predict_proba(X).shape == (150, 3)


def test_learning_nothing_is_told_of_what_counts(iris):
    X, y = iris
    rare = np.where(y == 0, 1.0, 1e-3)
    with pytest.warns(ConvergenceWarning, match=r"accuracy is 0\.\d+, and that of always .* class is 0\.998"):
        fitted({"max_iter": 1, "learning_rate_init": 1e-12}, X, y, rare)


WRONG = {
    "Sample weights must contain at least one non-zero number": np.zeros(150),
    "Negative values in data passed to `sample_weight`": np.full(150, -1.0),
    "sample_weight.shape == (149,), expected (150,)": np.ones(149),
    "Sample weights must be 1D": np.ones((150, 2)),
    "contains NaN": np.full(150, np.nan),
}


@pytest.mark.parametrize(("told", "wrong"), WRONG.items(), ids=WRONG)
def test_what_cannot_be_weights_is_refused(told, wrong, iris):
    X, y = iris
    with pytest.raises(ValueError, match=re.escape(told)):
        NNClassifier().fit(X, y, wrong)
    with pytest.raises(ValueError, match=re.escape(told)):
        NNClassifier().fit(X, y, X_val=X, y_val=y, sample_weight_val=wrong)
    with pytest.raises(ValueError, match=re.escape(told)):
        NNClassifier().partial_fit(X, y, classes=[0, 1, 2], sample_weight=wrong)


def test_validation_weights_without_their_part_are_refused(iris):
    with pytest.raises(ValueError, match="sample_weight_val is given without X_val and y_val"):
        NNClassifier().fit(*iris, sample_weight_val=np.ones(150))


def test_ensembles_that_weigh_samples_take_a_network(iris, weight):
    X, y = iris
    network = NNClassifier((8,), max_iter=20)
    assert AdaBoostClassifier(network, n_estimators=3, random_state=0).fit(X, y).score(X, y) > 0.9
    assert BaggingClassifier(network, 3, random_state=0).fit(X, y, sample_weight=weight).score(X, y) > 0.9
    assert CalibratedClassifierCV(network, cv=3).fit(X, y, sample_weight=weight).score(X, y) > 0.9


def test_weights_are_routed_to_the_network(iris, weight):
    X, y = iris
    network = NNClassifier((8,), **FULL)
    by_name = make_pipeline(StandardScaler(), network).fit(X, y, nnclassifier__sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = NNClassifier((8,), **FULL).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        routed = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asking)
        found = cross_validate(routed, X, y, params={"sample_weight": weight}, cv=3, return_estimator=True)
        routed.fit(X, y, sample_weight=weight)
    assert_same_bits(routed[-1], by_name[-1])
    assert np.isfinite(found["test_score"]).all()
