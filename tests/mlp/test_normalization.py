"""Normalization and residual layers, against networks that are written apart from the package."""

import numpy as np
import pytest
from scipy.special import logsumexp

from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.descent import StepRule
from nnsweep.mlp.evaluation import compute_outputs
from nnsweep.mlp.losses import compute_cross_entropy
from nnsweep.mlp.network import Layer, backward, forward
from nnsweep.mlp.normalization import EPSILON, MOMENTUM
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.stack import Stack
from tests import covering

SIZES, N = (6, 5, 5, 4, 3), 37
OPTIONS = [
    {"normalization": "layer"},
    {"normalization": "batch"},
    {"residual": True},
    {"normalization": "layer", "residual": True, "dropout": 0.5},
    {"normalization": "batch", "residual": True, "dropout": 0.5},
]


def draw(network, random, n_networks=1):
    """Draw numbers for every array that a network has."""
    arrays = [
        {name: random.normal(size=(n_networks, *shape)) for name, shape in layer.items()}
        for layer in network.list_shapes(SIZES)
    ]
    return [Layer(**layer | ({"variance": layer["variance"] ** 2} if "variance" in layer else {})) for layer in arrays]


def outputs_of(network, layers, X, masks=(), running=False):
    """Pass features through one network, in complex numbers as well; `running` takes the statistics that are kept."""
    signal = X
    for number, layer in enumerate(layers):
        z, is_hidden = signal @ layer.W[0], number < len(layers) - 1
        if network.normalization and is_hidden:
            axis = {"layer": 1, "batch": 0}[network.normalization]
            mean = z.mean(axis=axis, keepdims=True)
            variance = ((z - mean) ** 2).mean(axis=axis, keepdims=True)
            if running:
                mean, variance = layer.array("mean")[0], layer.array("variance")[0]
            z = (z - mean) / np.sqrt(variance + EPSILON) * layer.array("gain")[0]
        a = np.tanh(z + layer.b[0]) if is_hidden else z + layer.b[0]
        if masks and is_hidden:
            a = a * masks[number][0]
        is_added = network.residual and is_hidden and number > 0 and a.shape == signal.shape
        signal = a + signal if is_added else a
    return signal


def mean_cost(outputs, y):
    shifted = outputs - outputs.real.max(axis=1, keepdims=True)
    return (np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]).mean()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_gradients_agree_with_complex_steps(options, network):
    random, net = np.random.default_rng(1), network(SIZES[1:-1], **options)
    layers, X, y = draw(net, random), random.normal(size=(N, SIZES[0])), random.integers(SIZES[-1], size=N)
    masks = [2.0 * (random.random((1, N, size)) < 0.5) for size in SIZES[1:-1]] if net.dropout else []
    kept = forward(net, layers, prepare_inputs(X), masks)
    np.testing.assert_allclose(kept.a[-1][0], outputs_of(net, layers, X, masks), rtol=1e-12, atol=1e-12)
    costs, kept.deltas[-1][...] = compute_cross_entropy(kept.a[-1], y)
    kept.deltas[-1][...] /= N
    gradients = backward(net, layers, prepare_inputs(X), kept, masks=masks)
    assert costs.mean() == pytest.approx(mean_cost(outputs_of(net, layers, X, masks), y), rel=1e-12)
    for number, layer in enumerate(layers):
        for name, array in zip(layer.names, layer, strict=True):
            if name in ("mean", "variance"):
                continue  # no gradient moves them
            slopes = np.empty(array.size)
            for place in range(array.size):
                moved = array.astype(complex)
                moved.flat[place] += 1e-30j
                changed = dict(zip(layer.names, layer, strict=True)) | {name: moved}
                others = [*layers[:number], Layer(**changed), *layers[number + 1 :]]
                slopes[place] = mean_cost(outputs_of(net, others, X, masks), y).imag / 1e-30
            ours = gradients[number].array(name).ravel()
            np.testing.assert_allclose(ours, slopes, rtol=1e-9, atol=1e-12, err_msg=f"{name}{number}")


@pytest.fixture
def make_stack(network, member):
    def build(weight_decay=0.0, **options):
        net, rule = network(SIZES[1:-1], **options), StepRule(optimizer=OPTIMIZERS["gradient_descent"])
        return Stack(net, [member(weight_decay=weight_decay)], rule=rule, sizes=SIZES, dtype=np.dtype(float))

    return build


@pytest.mark.parametrize("batch_size", [None, N, 10])
def test_running_statistics_follow_the_batches(batch_size, make_stack, parts, in_order):
    stack, examples = in_order(make_stack(normalization="batch")), parts().train
    costs = stack.train_costs(examples, batch_size)
    next(costs)
    mean, variance = 0.0, 1.0
    for _ in range(3):
        if batch_size != 10:
            z = examples.X @ stack.layers[0].W[0]
            mean = mean + MOMENTUM * (z.mean(axis=0) - mean)
            variance = variance + MOMENTUM * (z.var(axis=0, ddof=1) - variance)
        next(costs)
        if batch_size != 10:
            np.testing.assert_allclose(stack.layers[0].array("mean")[0, 0], mean, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(stack.layers[0].array("variance")[0, 0], variance, rtol=1e-10)
    ours = compute_outputs(stack.network, stack.measured_layers, examples.X)
    theirs = outputs_of(stack.network, stack.layers, examples.X, running=True)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    assert all(layer.names == ("W", "b") for layer in stack.measured_layers)


def test_a_full_batch_is_normalized_as_a_whole(make_stack, parts, monkeypatch):
    monkeypatch.setattr("nnsweep.mlp.batches.SHORTEST", 5)
    monkeypatch.setattr("nnsweep.mlp.batches.TILE_BYTES", 1)
    examples, costs = parts().train, []
    for batch_size in (None, examples.n_samples):
        epochs = make_stack(normalization="batch").train_costs(examples, batch_size)
        costs.append([next(epochs)[0] for _ in range(6)][0 if batch_size is None else 1 :][:5])
    np.testing.assert_allclose(*costs, rtol=1e-12)


@pytest.mark.parametrize("normalization", ["layer", "batch"])
def test_weight_decay_leaves_gains_alone(normalization, make_stack, parts):
    stack = make_stack(normalization=normalization, weight_decay=0.5)
    squares = sum((layer.W**2).sum() for layer in stack.layers)
    outputs = outputs_of(stack.network, stack.layers, parts().train.X)
    cost = (logsumexp(outputs, axis=1) - outputs[np.arange(N), parts().train.y]).mean()
    assert next(stack.train_costs(parts().train, None))[0] == pytest.approx(cost + 0.25 * squares, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "batch_size", "sparse", "dtype"),
    covering.pairwise(OPTIONS, [None, 8], [False, True], ["float64", "float32"]),
    ids=str,
)
def test_a_network_trains_in_a_stack_as_it_does_alone(
    options, batch_size, sparse, dtype, network, parts, member, run, differing
):
    net, members = network(SIZES[1:-1], **options), differing("adam")
    how = {"optimizer": "adam", "batch_size": batch_size, "dtype": dtype, "epochs": 4, "ema": 0.8}
    together = run(parts(sparse=sparse), net, members, **how)
    for number, one in enumerate(members):
        alone = run(parts(sparse=sparse), net, [one], **how)[0]
        assert together[number].rows == alone.rows
        for layers in ((together[number].layers, alone.layers), (together[number].best_layers, alone.best_layers)):
            assert all((a == b).all() for pair in zip(*layers, strict=True) for a, b in zip(*pair, strict=True))


def test_units_of_a_batch_of_one_are_all_zero(network):
    net, random = network(SIZES[1:-1], normalization="batch"), np.random.default_rng(0)
    layers = draw(net, random)
    kept = forward(net, layers, prepare_inputs(random.normal(size=(1, 6))))
    assert all((normalized == 0).all() for normalized in kept.normalized[:-1])
    kept.deltas[-1][...] = 1
    gradients = backward(net, layers, prepare_inputs(random.normal(size=(1, 6))), kept)
    assert all(np.isfinite(array).all() for layer in gradients for array in layer)


def test_only_layers_as_wide_as_the_one_before_are_residual(network):
    net = network((5, 5, 4, 4, 4), residual=True)
    assert [net.is_residual(number) for number in range(6)] == [False, True, False, True, True, False]
    assert not any(network((5, 5)).is_residual(number) for number in range(3))
