import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.metrics import log_loss, mean_pinball_loss, root_mean_squared_error

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.early_stopping import Selection
from nnsweep.mlp.losses import binary_cross_entropy, cross_entropy, quantile, softmax, squared_error
from nnsweep.mlp.measurements import Measurements
from nnsweep.mlp.measures import find_measure, list_measures
from nnsweep.mlp.network import Layer, forward
from nnsweep.mlp.predictions import Predictions
from nnsweep.mlp.targets import TargetScaling


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


TASKS = {"classification": cross_entropy(), "multilabel": binary_cross_entropy(), "regression": squared_error()}


@pytest.fixture
def measured_parts():
    """Draw a validation and a test part of a task with three outputs, with weights if they are wanted."""

    def draw(task, *, weighted=False):
        random = np.random.default_rng(1)

        def part(n):
            score = random.normal(size=(n, 3))
            y = {"classification": score.argmax(axis=1), "multilabel": (score > 0).astype(int), "regression": score}
            weight = random.integers(1, 4, size=n) / 4 if weighted else None
            return Examples(random.normal(size=(n, 6)), y[task], weight)

        return part(23), part(31)

    return draw


@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
@pytest.mark.parametrize("tile_bytes", [2**20, 1], ids=["one_tile", "tiles"])
@pytest.mark.parametrize("task", TASKS)
def test_all_measures_are_those_of_each_part_alone(
    task, tile_bytes, weighted, measured_parts, network, member, stack_of, draw_layers, monkeypatch
):
    monkeypatch.setattr("nnsweep.mlp.batches.TILE_BYTES", tile_bytes)
    monkeypatch.setattr("nnsweep.mlp.batches.SHORTEST", 7)
    val, test = measured_parts(task, weighted=weighted)
    stack = stack_of(network((5,)), draw_layers(np.random.default_rng(0), (6, 5, 3), n_networks=3), [member()] * 3)
    names = list_measures(task)
    found = Measurements(val, test, loss=TASKS[task], measures=names)(stack)
    for kind, part in (("val", val), ("test", test)):
        outputs = forward(stack.network, stack.layers, prepare_inputs(part.X)).a[-1]
        alone = Predictions(task, outputs, part.y, part.weight, TASKS[task].costs(outputs, part.y))
        for name in (*names, "cost"):
            expected = find_measure(f"{kind}_{name}").evaluate(alone)
            np.testing.assert_allclose(found.values[f"{kind}_{name}"], expected, rtol=1e-12, atol=1e-12)
    assert (found.test_right is None) == (task != "classification")


def test_numbers_are_measured_in_their_own_units(measured_parts, network, member, stack_of, draw_layers):
    (val, _), scaling = measured_parts("regression"), TargetScaling(np.array([5.0, -100.0]), np.array([2.0, 30.0]))
    y = scaling.restore(val.y[:, :2])
    loss = quantile(quantiles=(0.25, 0.5, 0.75))
    stack = stack_of(network((5,)), draw_layers(np.random.default_rng(0), (6, 5, 6), n_networks=2), [member()] * 2)
    found = Measurements(
        val._replace(y=val.y[:, :2]),
        None,
        loss=loss,
        measures=("rmse", "pinball"),
        selection=Selection.of(None, "regression"),
        scaling=scaling,
        targets={"val": y},
    )(stack)
    outputs = forward(stack.network, stack.layers, prepare_inputs(val.X)).a[-1]
    assert found.values["val_cost"].tolist() == loss.costs(outputs, val.y[:, :2]).mean(axis=1).tolist()
    for number in range(2):
        quantiles = outputs[number].reshape(-1, 2, 3) * scaling.scale[:, None] + scaling.mean[:, None]
        rmse = root_mean_squared_error(y, quantiles[:, :, 1])
        pinball = np.mean([mean_pinball_loss(y, quantiles[:, :, k], alpha=q) for k, q in enumerate((0.25, 0.5, 0.75))])
        assert found.values["val_rmse"][number] == pytest.approx(rmse, rel=1e-12)
        assert found.values["val_pinball"][number] == pytest.approx(pinball, rel=1e-12)


def test_epochs_are_chosen_by_any_measure_as_classes_weigh(measured_parts, network, member, stack_of, draw_layers):
    val, test = measured_parts("classification", weighted=True)
    class_weights = np.array([1.0, 0.5, 0.25])
    stack = stack_of(network((5,)), draw_layers(np.random.default_rng(0), (6, 5, 3), n_networks=2), [member()] * 2)
    how = {"measures": ("accuracy", "log_loss"), "selection": Selection.of("val_log_loss", "classification")}
    found = Measurements(val, test, class_weights=class_weights, **how)(stack).values
    outputs = forward(stack.network, stack.layers, prepare_inputs(val.X)).a[-1]
    for weight, name in ((val.weight, "val_log_loss"), (val.weight * class_weights[val.y], "val_weighted_log_loss")):
        expected = [log_loss(val.y, softmax(one), labels=range(3), sample_weight=weight) for one in outputs]
        np.testing.assert_allclose(found[name], expected, rtol=1e-12)
    np.testing.assert_allclose(found["val_cost"], found["val_weighted_log_loss"], rtol=1e-12)
    assert "val_weighted_accuracy" not in found
