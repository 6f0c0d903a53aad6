import numpy as np
import pytest
from scipy.special import logsumexp

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.measurements import Measurements
from nnsweep.mlp.network import Layer, forward


def share(stack, part, number):
    logits = forward(stack.network, stack.layers, prepare_inputs(part.X)).a[-1][number]
    return float((logits.argmax(axis=1) == part.y).mean())


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("val", [False, True])
def test_both_parts_are_measured_as_each_alone(val, sparse, network, parts, member, stack_of, draw_layers):
    data, net = parts(sparse=sparse, val=val), network((5,))
    stack = stack_of(net, draw_layers(np.random.default_rng(0), (6, 5, 3), n_networks=3), [member()] * 3)
    measure = Measurements(data.val, data.test)
    found = measure(stack)
    assert (*found.values,) == measure.curves
    names = ("val_accuracy", "test_accuracy", "val_cost", "test_cost")
    assert measure.curves == tuple(name for name in names if val or not name.startswith("val"))
    assert found.values["test_accuracy"].tolist() == [share(stack, data.test, number) for number in range(3)]
    assert found.test_right.mean(axis=1).tolist() == found.values["test_accuracy"].tolist()
    if val:
        assert found.values["val_accuracy"].tolist() == [share(stack, data.val, number) for number in range(3)]


def mean_cost(stack, part, number, class_weights=None):
    logits = forward(stack.network, stack.layers, prepare_inputs(part.X)).a[-1][number].astype(float)
    weights = np.ones(part.n_samples) if class_weights is None else class_weights[part.y]
    return np.average(logsumexp(logits, axis=1) - logits[range(part.n_samples), part.y], weights=weights)


@pytest.mark.parametrize("tile_bytes", [2**20, 1], ids=["one_tile", "tiles"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("class_weights", [None, np.array([1.0, 0.25, 0.0])], ids=["alike", "weighted"])
@pytest.mark.parametrize("val", [False, True])
def test_cost_is_measured_of_each_part_that_there_is(
    val, class_weights, dtype, tile_bytes, network, parts, member, stack_of, draw_layers, monkeypatch
):
    monkeypatch.setattr("nnsweep.mlp.batches.TILE_BYTES", tile_bytes)
    monkeypatch.setattr("nnsweep.mlp.batches.SHORTEST", 7)
    data = parts(val=val)
    layers = draw_layers(np.random.default_rng(0), (6, 5, 3), n_networks=3)
    stack = stack_of(network((5,)), [Layer(W.astype(dtype), b.astype(dtype)) for W, b in layers], [member()] * 3)
    found = Measurements(data.val, data.test, class_weights=class_weights)(stack)
    for name, part in (("val", data.val), ("test", data.test)):
        if part is not None:
            expected = [mean_cost(stack, part, number, class_weights) for number in range(3)]
            np.testing.assert_allclose(
                found.values[f"{name}_cost"], expected, rtol=1e-12 if dtype is np.float64 else 1e-6
            )
    weighted = [name for name in found.values if "weighted" in name]
    assert weighted == ([] if class_weights is None else [f"{'val' if val else 'test'}_weighted_accuracy"])


def test_validation_samples_that_weigh_nothing_count_alike(network, parts, member, stack_of, draw_layers):
    data = parts()
    stack = stack_of(network((5,)), draw_layers(np.random.default_rng(0), (6, 5, 3)), [member()])
    alike = Measurements(data.val, data.test)(stack)
    data.val.y[:] = 2
    found = Measurements(data.val, data.test, class_weights=np.array([1.0, 1.0, 0.0]))(stack)
    assert found.values["val_weighted_accuracy"] == found.values["val_accuracy"]
    assert found.values["val_cost"] == pytest.approx(mean_cost(stack, data.val, 0))
    assert found.values["test_accuracy"] == alike.values["test_accuracy"]


def test_it_goes_on_with_the_networks_that_stay(network, parts, member, stack_of, draw_layers):
    data = parts()
    stack = stack_of(network((5,)), draw_layers(np.random.default_rng(0), (6, 5, 3), n_networks=3), [member()] * 3)
    measure = Measurements(data.val, data.test, measures=("accuracy", "log_loss"))
    before = measure(stack)
    stack.keep(np.array([True, False, True]))
    after = measure(stack)
    assert all(after.values[name].tolist() == before.values[name][[0, 2]].tolist() for name in measure.curves)


def test_of_equal_logits_the_first_wins(network, member, stack_of):
    stack = stack_of(network(()), [Layer(np.zeros((1, 2, 2)), np.zeros((1, 1, 2)))], [member()])
    X = np.ones((4, 2))
    for label, expected in ((0, 1), (1, 0)):
        found = Measurements(None, Examples(X, np.full(4, label)))(stack)
        assert found.values["test_accuracy"].tolist() == [expected]
