from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.losses import quantile
from nnsweep.mlp.train import leave_out_weightless

TASKS = {"classification": 3, "multilabel": 2, "regression": 2}
HOW = {"epochs": 4, "optimizer": "momentum"}


@pytest.fixture
def weighted():
    """Draw the training part of a task, with weights if they are given; nothing is measured on others."""

    def build(task="classification", weight=None, rows=slice(None), *, sparse=False):
        draw = np.random.default_rng(0)
        X = draw.normal(size=(30, 5))
        score = X[:, :2] + draw.normal(size=(30, 2)) / 2
        y = {
            "classification": (score[:, 0] > 0).astype(int) + (score[:, 1] > 0),
            "multilabel": (score > 0).astype(int),
            "regression": 100 + 7 * score,
        }[task][rows]
        train = Examples(csr_array(X[rows]) if sparse else X[rows], y, weight)
        return SimpleNamespace(train=train, val=None, test=None, task=task, n_outputs=TASKS[task])

    return build


def weights_of(trained):
    return [array for layer in trained.layers for array in layer]


def same(one, other):
    return all((a == b).all() for a, b in zip(weights_of(one), weights_of(other), strict=True))


@pytest.fixture
def trained(run, network, member):
    def to_its_end(parts, **how):
        net = network((4,), how.pop("activation", "tanh"))
        members = [member(hyperparameters={"momentum": 0.9}), member(seed=1, hyperparameters={"momentum": 0.9})]
        return run(parts, net, members, **HOW | how)

    return to_its_end


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
def test_a_row_of_weight_0_is_left_out_bit_for_bit(task, batch_size, sparse, weighted, trained):
    weight = np.tile([1.0, 0.0, 1.0], 10)
    some = trained(weighted(task, weight, sparse=sparse), batch_size=batch_size)
    without = trained(weighted(task, rows=np.flatnonzero(weight), sparse=sparse), batch_size=batch_size)
    assert all(same(some[number], without[number]) for number in range(2))
    assert (some[0].history()["train_cost"] == without[0].history()["train_cost"]).all()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_equal_weights_change_no_bit(task, batch_size, dtype, weighted, trained):
    plain = trained(weighted(task), batch_size=batch_size, dtype=dtype)
    assert all(
        same(plain[0], trained(weighted(task, np.full(30, weight)), batch_size=batch_size, dtype=dtype)[0])
        for weight in (1.0, 0.1, 3e30)
    )


@pytest.mark.parametrize("task", TASKS)
def test_weight_2_is_a_row_given_twice(task, weighted, trained):
    weight = np.tile([1.0, 2.0, 3.0], 10)
    rows = np.repeat(np.arange(30), weight.astype(int))
    one, other = trained(weighted(task, weight))[0], trained(weighted(task, rows=rows))[0]
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    costs = [each.history()["train_cost"] for each in (one, other)]
    np.testing.assert_allclose(*costs, rtol=1e-10)


@pytest.mark.parametrize("class_weight", ["balanced", (1.0, 2.0, 4.0)])
def test_class_weights_multiply_the_weights(class_weight, weighted, trained):
    weight = np.tile([1.0, 2.0, 3.0], 10)
    rows = np.repeat(np.arange(30), weight.astype(int))
    one = trained(weighted(weight=weight), class_weight=class_weight)[0]
    other = trained(weighted(rows=rows), class_weight=class_weight)[0]
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("batch_size", [None, 7])
def test_a_network_of_a_stack_is_as_it_would_be_alone(batch_size, weighted, run, network, member, trained):
    parts = weighted("regression", np.tile([1.0, 2.0, 0.5], 10))
    together = trained(parts, batch_size=batch_size)
    alone = run(parts, network((4,)), [member(seed=1, hyperparameters={"momentum": 0.9})], batch_size=batch_size, **HOW)
    assert same(together[1], alone[0])


def test_the_unit_of_a_target_changes_nothing_but_the_unit(weighted, trained):
    metres, millimetres = weighted("regression"), weighted("regression")
    millimetres.train = millimetres.train._replace(y=1024 * millimetres.train.y)  # a power of two rounds nothing
    assert same(trained(metres)[0], trained(millimetres)[0])


def test_quantiles_are_outputs_of_their_own(weighted, trained):
    wide = trained(weighted("regression"), loss=quantile(quantiles=(0.1, 0.9)))[0]
    assert wide.layers[-1].W.shape == (1, 4, 4)


def test_rows_that_all_weigh_nothing_are_refused(weighted):
    with pytest.raises(ValueError, match="no training sample has a weight above 0"):
        leave_out_weightless(weighted(weight=np.zeros(30)).train)


@pytest.mark.parametrize(
    ("task", "how", "rule"),
    [
        ("regression", {"class_weight": "balanced"}, "`class_weight` is for classification, and this is regression"),
        ("multilabel", {"loss": quantile()}, "loss=quantile is for regression, and this is multilabel"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(task, how, rule, weighted, trained):
    with pytest.raises(ValueError, match=rule):
        trained(weighted(task), **how)


def test_a_last_activation_does_not_fit_standardized_targets(weighted, run, network, member):
    with pytest.raises(ValueError, match="needs `output_activation` identity"):
        run(weighted("regression"), network((4,), output="relu"), [member()])
