import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from nnsweep.errors import ConfigError, DataError
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.measures import MEASURES
from nnsweep.model.ensemble import (
    choose_measure,
    combine_models,
    measure_gain,
    measure_values,
    require_alike,
    select_members,
)
from nnsweep.model.predictor import Model

SHARES = arrays(np.float64, (7, 5, 2), elements=st.floats(0.01, 1)).map(lambda a: a / a.sum(axis=2, keepdims=True))
FIVE = Examples(np.zeros((5, 1)), np.array([0, 1, 1, 0, 1]))
LOSS = MEASURES["log_loss"]
CLASSES = Model({}, [], {})


def log_loss(shares):
    return metrics.log_loss(FIVE.y, shares, labels=[0, 1])


@given(SHARES, st.integers(1, 6))
def test_the_ensemble_is_never_worse_than_the_best_alone(shares, n_picks):
    selection = select_members([*shares], LOSS, CLASSES, FIVE, n_picks=n_picks)
    weights = [*selection.weights.values()]
    assert sum(weights) <= n_picks == len(selection.scores)
    mean = np.average(shares[[*selection.weights]], axis=0, weights=weights)
    assert log_loss(mean) == pytest.approx(min(selection.scores), rel=1e-9)
    assert selection.scores[0] == pytest.approx(min(map(log_loss, shares)), rel=1e-9)


@pytest.mark.slow
@given(SHARES)
def test_each_pick_is_the_best_addition(shares):
    first = int(np.argmin([log_loss(one) for one in shares]))
    second = min(log_loss((one + shares[first]) / 2) for one in shares)
    assert select_members([*shares], LOSS, CLASSES, FIVE, n_picks=2).scores[1] == pytest.approx(second)


def test_many_candidates_are_looked_at_in_pieces():
    shares = np.random.default_rng(0).dirichlet([1, 1], size=(50, 5))
    selection = select_members([*shares], LOSS, CLASSES, FIVE, n_picks=1)
    assert selection.weights == {int(np.argmin([log_loss(one) for one in shares])): 1}


def test_a_candidate_that_cannot_be_measured_is_not_picked():
    examples = Examples(np.zeros((2, 1)), np.array([0, 1]))
    broken, poor = np.full((2, 2), np.nan), np.array([[0.2, 0.8], [0.9, 0.1]])
    assert select_members([broken, poor], LOSS, CLASSES, examples, n_picks=3).weights == {1: 1}


def test_averaged_probabilities_are_measured_as_they_are():
    shares = np.random.default_rng(0).dirichlet([1, 1], size=5)
    weighted = FIVE._replace(weight=np.array([1.0, 2, 0, 3, 1]))
    found = measure_values(LOSS, CLASSES, shares[None], weighted)
    np.testing.assert_allclose(found, metrics.log_loss(FIVE.y, shares, sample_weight=weighted.weight), rtol=1e-12)
    labels = Examples(FIVE.X, np.array([[0, 1], [1, 1], [0, 0], [1, 0], [0, 1]]))
    found = measure_values(MEASURES["roc_auc"], Model({"task": "multilabel"}, [], {}), shares[None], labels)
    np.testing.assert_allclose(found, metrics.roc_auc_score(labels.y, shares), rtol=1e-12)


def test_quantiles_are_measured_as_quantiles():
    random = np.random.default_rng(0)
    y, values = random.normal(size=(9, 2)), random.normal(size=(9, 4))
    model = Model({"task": "regression", "quantiles": [0.1, 0.5]}, [], {})
    found = measure_values(MEASURES["pinball"], model, values[None], Examples(np.zeros((9, 1)), y))
    losses = [
        metrics.mean_pinball_loss(y[:, target], values[:, 2 * target + place], alpha=quantile)
        for target in (0, 1)
        for place, quantile in enumerate(model.quantiles)
    ]
    np.testing.assert_allclose(found, np.mean(losses), rtol=1e-12)


def test_the_gain_has_the_interval_of_the_bootstrap():
    random = np.random.default_rng(1)
    n = 400
    examples = Examples(np.zeros((n, 1)), random.integers(0, 2, n))
    right = np.stack([random.random(n) < 0.9, random.random(n) < 0.8])
    shares = np.where(right[:, :, None] == (np.arange(2) == examples.y[:, None]), 0.9, 0.1)
    gain = measure_gain(MEASURES["accuracy"], CLASSES, shares, examples)
    differences = right[0].astype(float) - right[1]
    half = 1.96 * differences.std() / np.sqrt(n)
    assert (gain.ensemble, gain.best) == (right[0].mean(), right[1].mean())
    ends = [differences.mean() - half, differences.mean() + half]
    np.testing.assert_allclose([gain.low, gain.high], ends, atol=0.01)
    assert gain == measure_gain(MEASURES["accuracy"], CLASSES, shares, examples)
    alike = measure_gain(LOSS, CLASSES, shares[[0, 0]], examples)
    assert (alike.low, alike.high) == (0, 0)


@pytest.mark.parametrize(
    ("task", "selected", "name"),
    [
        ("classification", None, "log_loss"),
        ("classification", "val_f1_macro", "log_loss"),
        ("classification", "val_roc_auc", "roc_auc"),
        ("classification", "val_cost", "log_loss"),
        ("multilabel", None, "log_loss"),
        ("regression", None, "rmse"),
        ("regression", "val_mae", "mae"),
        ("regression", "val_cost", "rmse"),
    ],
)
def test_members_are_chosen_by_a_measure_that_moves(task, selected, name):
    assert choose_measure(None, task, selected).name == name
    asked = "r2" if task == "regression" else "accuracy"
    assert choose_measure(asked, task, selected).name == asked


def test_an_unknown_measure_is_told():
    with pytest.raises(ConfigError, match=r"--measure=log_los: there is no such measure; did you mean 'log_loss'"):
        choose_measure("log_los", "classification")


def test_networks_of_other_data_are_not_averaged(network, preparation, cats):
    one, other = network(preparation), network(preparation, seed=2)
    require_alike([one, other])
    other.about["classes"] = ["a", "b", "c"]
    moved = one._replace(preparation=one.preparation | {"mean": one.preparation["mean"] + 1})
    for another in (other, moved, network(preparation, dtype="float32")):
        with pytest.raises(DataError, match="7-5-tanh and 7-5-tanh cannot be averaged: data, classes or precision"):
            require_alike([one, another])


def test_an_ensemble_says_what_its_members_are(network, preparation):
    one = network(preparation)
    combined = combine_models([one, network(preparation, "elu", seed=2)], [3, 1], {"run_id": "r3"})
    assert [member.share for member in combined.members] == [0.75, 0.25]
    assert [member.about["activation"]["name"] for member in combined.members] == ["tanh", "elu"]
    assert (combined.about["run"], combined.names) == ({"run_id": "r3"}, one.names)
