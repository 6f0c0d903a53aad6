"""Baselines, against the dummy estimators of scikit-learn and by what they promise."""

import math

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    mean_pinball_loss,
    r2_score,
    root_mean_squared_error,
)

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.baselines import measure_baselines
from nnsweep.mlp.measures import MEASURES

WEIGHTS = [None, np.random.default_rng(5).integers(0, 4, size=40).astype(float)]


def draw(task, n_outputs, n_samples=40, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 2))
    if task == "classification":
        return Examples(X, rng.choice(n_outputs, size=n_samples, p=[0.5, *[0.5 / (n_outputs - 1)] * (n_outputs - 1)]))
    if task == "multilabel":
        return Examples(X, (rng.random((n_samples, n_outputs)) < 0.3).astype(np.int64))
    return Examples(X, rng.exponential(size=(n_samples, n_outputs)))


@pytest.mark.parametrize("weight", WEIGHTS, ids=["alike", "weighted"])
def test_classes_are_predicted_as_by_a_dummy_classifier(weight):
    train, test = draw("classification", 3)._replace(weight=weight), draw("classification", 3, seed=1)
    names = ["accuracy", "balanced_accuracy", "f1_macro", "log_loss"]
    found = measure_baselines(train, test, task="classification", n_outputs=3, measures=names)
    dummy = DummyClassifier(strategy="prior").fit(train.X, train.y, sample_weight=weight)
    predicted = dummy.predict(test.X)
    assert found == {
        "accuracy": pytest.approx(dummy.score(test.X, test.y)),
        "balanced_accuracy": pytest.approx(balanced_accuracy_score(test.y, predicted)),
        "f1_macro": pytest.approx(f1_score(test.y, predicted, average="macro")),
        "log_loss": pytest.approx(log_loss(test.y, dummy.predict_proba(test.X))),
    }


def test_numbers_are_predicted_as_by_a_dummy_regressor():
    train, test = draw("regression", 2), draw("regression", 2, seed=1)
    names = ["rmse", "r2", "mae", "pinball"]
    found = measure_baselines(train, test, task="regression", n_outputs=2, measures=names, quantiles=(0.1, 0.5, 0.9))
    mean, median = (DummyRegressor(strategy=name).fit(train.X, train.y).predict(test.X) for name in ("mean", "median"))
    losses = [
        mean_pinball_loss(
            test.y, DummyRegressor(strategy="quantile", quantile=q).fit(train.X, train.y).predict(test.X), alpha=q
        )
        for q in (0.1, 0.5, 0.9)
    ]
    assert found == {
        "rmse": pytest.approx(root_mean_squared_error(test.y, mean)),
        "r2": pytest.approx(r2_score(test.y, mean)),
        "mae": pytest.approx(mean_absolute_error(test.y, median)),
        "pinball": pytest.approx(sum(losses) / 3),
    }


def test_weights_count_like_repeated_rows():
    train, test, weight = draw("regression", 1), draw("regression", 1, seed=1), WEIGHTS[1]
    repeated = Examples(*(np.repeat(array, weight.astype(int), axis=0) for array in train[:2]))
    both = [
        measure_baselines(one, test, task="regression", n_outputs=1, measures=["rmse", "r2"])
        for one in (train._replace(weight=weight), repeated)
    ]
    assert both[0] == pytest.approx(both[1])


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_every_measure_has_a_baseline_within_its_bounds(task):
    train, test = draw(task, 3), draw(task, 3, seed=1)
    names = [name for name, measure in MEASURES.items() if task in measure.tasks]
    found = measure_baselines(train, test, task=task, n_outputs=3, measures=names)
    assert {*found} >= {*names} - {"average_precision"}
    for name, value in found.items():
        low, high = MEASURES[name].bounds
        assert low <= value <= high
    known = {
        "classification": {"roc_auc": 0.5, "matthews_corrcoef": 0.0, "cohen_kappa": 0.0, "balanced_accuracy": 1 / 3}
    }
    for name, value in known.get(task, {}).items():
        assert found[name] == pytest.approx(value)


def test_what_does_not_occur_leaves_values_finite_or_out():
    X, one = np.zeros((4, 1)), np.zeros(4, dtype=np.int64)
    train, test = Examples(X, one), Examples(X, np.array([0, 0, 1, 2]))
    found = measure_baselines(train, test, task="classification", n_outputs=3, measures=["log_loss", "roc_auc"])
    assert math.isfinite(found["log_loss"])
    alone = measure_baselines(
        train, Examples(X, one), task="classification", n_outputs=3, measures=["accuracy", "roc_auc"]
    )
    assert alone == {"accuracy": 1.0}
