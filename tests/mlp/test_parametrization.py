"""Scales, the neural tangent parametrization and rates of their own, against RealMLP-TD-S written once more."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.descent import StepRule
from nnsweep.mlp.evaluation import compute_outputs
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.losses import cross_entropy, squared_error
from nnsweep.mlp.network import Layer
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.parametrization import fold, unfold
from nnsweep.mlp.schedules import coslog
from nnsweep.mlp.stack import Stack
from nnsweep.mlp.train import Training
from tests import covering

SIZES, N, BATCH, EPOCHS, RATE = (6, 8, 7, 8), 37, 10, 6, 0.04
RECIPE = {"scaling_layer": True, "parametrization": "ntk"}
FACTORS = {"b": 0.1, "scale": 6.0}


def selu(z):
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return np.where(z > 0, scale * z, scale * alpha * np.expm1(z)), np.where(z > 0, scale, scale * alpha * np.exp(z))


def mish(z):
    tanh = np.tanh(np.logaddexp(0, z))
    return z * tanh, tanh + z * (1 - tanh**2) * expit(z)


def slope_of_smoothed_entropy(outputs, y):
    targets = np.full(outputs.shape, 0.1 / outputs.shape[1])
    targets[np.arange(len(y)), y] += 0.9
    return (softmax(outputs, axis=1) - targets) / len(y)


def slope_of_squares(outputs, y):
    return 2 * (outputs - y) / y.size


class RealMLP:
    """A scaling layer, three hidden layers and an output, each with weights over the root of its fan-in, and Adam."""

    def __init__(self, parameters, activation, slope_of_cost):
        self.parameters = {name: value.copy() for name, value in parameters.items()}
        self.activation, self.slope_of_cost = activation, slope_of_cost
        self.first = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.second = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.n_layers, self.n_steps = sum(name[0] == "W" for name in parameters), 0

    def outputs(self, X):
        self.signals, self.slopes = [X * self.parameters["scale"]], []
        for number in range(self.n_layers):
            W, b = self.parameters[f"W{number}"], self.parameters[f"b{number}"]
            z = self.signals[-1] @ W / np.sqrt(len(W)) + b
            value, slope = self.activation(z) if number < self.n_layers - 1 else (z, np.ones_like(z))
            self.signals.append(value)
            self.slopes.append(slope)
        return self.signals[-1]

    def step(self, X, y, rate):
        delta, gradients = self.slope_of_cost(self.outputs(X), y), {}
        for number in reversed(range(self.n_layers)):
            W = self.parameters[f"W{number}"]
            delta = delta * self.slopes[number]
            gradients[f"W{number}"] = self.signals[number].T @ delta / np.sqrt(len(W))
            gradients[f"b{number}"] = delta.sum(axis=0)
            delta = delta @ W.T / np.sqrt(len(W))
        gradients["scale"] = (delta * X).sum(axis=0)
        self.n_steps += 1
        for name, gradient in gradients.items():
            self.first[name] = 0.9 * self.first[name] + 0.1 * gradient
            self.second[name] = 0.95 * self.second[name] + 0.05 * gradient**2
            mean, square = self.first[name] / (1 - 0.9**self.n_steps), self.second[name] / (1 - 0.95**self.n_steps)
            own = rate * {"W": 1.0, "b": 0.1, "s": 6.0}[name[0]]
            self.parameters[name] = self.parameters[name] - own * mean / (np.sqrt(square) + 1e-8)


def named(layers, index=0):
    named = {f"W{number}": layer.W[index] for number, layer in enumerate(layers)}
    named |= {f"b{number}": layer.b[index, 0] for number, layer in enumerate(layers)}
    return named | {"scale": layers[0].array("scale")[index, :, 0]}


@pytest.fixture
def recipe(member):
    """What a network of RealMLP-TD-S has for itself."""

    def build(seed=0):
        return member(
            seed=seed,
            learning_rate=RATE,
            schedule=coslog(learning_rate=RATE, decay_epochs=EPOCHS),
            initializer=INITIALIZERS["lecun_normal"],
            bias_std=1.0,
            zero_output=True,
            hyperparameters={"beta_1": 0.9, "beta_2": 0.95, "epsilon": 1e-8},
        )

    return build


@pytest.mark.parametrize("batch_size", [BATCH, None])
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_the_steps_are_those_of_realmlp(kind, batch_size, network, recipe, in_order):
    is_classes, random = kind == "classification", np.random.default_rng(3)
    X = random.normal(size=(N, SIZES[0]))
    y = random.integers(3, size=N) if is_classes else random.normal(size=(N, 2))
    loss = cross_entropy(label_smoothing=0.1) if is_classes else squared_error()
    net = network(SIZES[1:], "selu" if is_classes else "mish", **RECIPE)
    sizes = (*SIZES, 3 if is_classes else 2)
    stack = Stack(
        net,
        [recipe()],
        rule=StepRule(optimizer=OPTIMIZERS["adam"], rate_factors=FACTORS),
        sizes=sizes,
        dtype=np.dtype(float),
        loss=loss,
    )
    theirs = RealMLP(
        named(stack.descent.parameters.layers),
        selu if is_classes else mish,
        slope_of_smoothed_entropy if is_classes else slope_of_squares,
    )
    costs, n_steps = in_order(stack).train_costs(Examples(X, y), batch_size), -(-N // (batch_size or N))
    next(costs)
    for epoch in range(EPOCHS):
        next(costs)
        for number in range(n_steps):
            passed = (epoch + number / n_steps) / EPOCHS
            rate = RATE * (0.5 - 0.5 * np.cos(2 * np.pi * np.log2(1 + 15 * passed)))
            rows = slice(number * BATCH, (number + 1) * BATCH) if batch_size else slice(None)
            theirs.step(X[rows], y[rows], rate)
        ours = named(stack.descent.parameters.layers)
        for name, value in theirs.parameters.items():
            np.testing.assert_allclose(ours[name], value, rtol=1e-10, atol=1e-10, err_msg=f"{name} in epoch {epoch}")
        outputs = compute_outputs(net, stack.measured_layers, X)
        np.testing.assert_allclose(outputs, theirs.outputs(X), rtol=1e-9, atol=1e-10)
    assert all(layer.names == ("W", "b") for layer in stack.measured_layers)


def test_the_first_parameters_are_those_of_realmlp(network, recipe):
    stack = Stack(
        network((300, 200), "selu", **RECIPE),
        [recipe(seed) for seed in range(2)],
        rule=StepRule(optimizer=OPTIMIZERS["adam"]),
        sizes=(100, 300, 200, 4),
        dtype=np.dtype(float),
    )
    first, second, last = stack.descent.parameters.layers
    assert (first.array("scale") == 1).all()
    assert (last.W == 0).all()
    assert (last.b == 0).all()
    for array in (first.W, first.b, second.W, second.b):  # all are standard normal
        assert abs(array.mean()) < 5 / np.sqrt(array.size)
        assert abs(array.std() - 1) < 5 / np.sqrt(array.size)
        assert abs(np.corrcoef(array[0].ravel(), array[1].ravel())[0, 1]) < 5 / np.sqrt(array[0].size)


@pytest.mark.parametrize(
    ("options", "batch_size", "sparse", "dtype"),
    covering.pairwise(
        [{"scaling_layer": True}, {"parametrization": "ntk"}, RECIPE | {"normalization": "batch", "residual": True}],
        [None, 8],
        [False, True],
        ["float64", "float32"],
    ),
    ids=str,
)
def test_a_network_trains_in_a_stack_as_it_does_alone(
    options, batch_size, sparse, dtype, network, parts, recipe, run, differing
):
    net, members = network((5, 5), **options), [*differing("adam"), recipe(7)]
    how = {"optimizer": "adam", "batch_size": batch_size, "dtype": dtype, "epochs": 4, "ema": 0.8, "clip_norm": 1.0}
    how |= {"bias_rate_factor": 0.1, "scale_rate_factor": 6.0}
    together = run(parts(sparse=sparse), net, members, **how)
    for number, one in enumerate(members):
        alone = run(parts(sparse=sparse), net, [one], **how)[0]
        assert together[number].rows == alone.rows
        for layers in ((together[number].layers, alone.layers), (together[number].best_layers, alone.best_layers)):
            assert all((a == b).all() for pair in zip(*layers, strict=True) for a, b in zip(*pair, strict=True))


def test_a_rate_factor_of_1_changes_no_bit(network, parts, recipe, run):
    ends = [
        run(parts(), network((5, 4), **RECIPE), [recipe()], optimizer="adam", batch_size=8, bias_rate_factor=factor)[0]
        for factor in (None, 1.0)
    ]
    assert ends[0].rows == ends[1].rows


def test_parameters_come_to_the_layers_that_they_were_made_of(network, draw_layers):
    net, layers = network((5, 4), **RECIPE), draw_layers(np.random.default_rng(0), (6, 5, 4, 3), n_networks=2)
    parameters = unfold(net, layers)
    assert [layer.names for layer in parameters] == [("W", "b", "scale"), ("W", "b"), ("W", "b")]
    for one, other in zip(fold(net, parameters), layers, strict=True):
        assert isinstance(one, Layer)
        np.testing.assert_allclose(one.W, other.W, rtol=1e-15)
        np.testing.assert_array_equal(one.b, other.b)


def test_batch_statistics_cannot_be_had_of_weights(network, draw_layers):
    layers = draw_layers(np.random.default_rng(0), (6, 5, 3))
    with pytest.raises(ValueError, match="with batch normalization, training cannot begin with the weights of another"):
        unfold(network((5,), normalization="batch"), layers)


def test_without_options_parameters_are_the_layers(network, draw_layers):
    layers = draw_layers(np.random.default_rng(0), (6, 5, 3))
    assert fold(network((5,)), layers) == layers
    assert all((one.W == other.W).all() for one, other in zip(unfold(network((5,)), layers), layers, strict=True))


def test_settings_of_rates_must_be_positive():
    with pytest.raises(ValueError, match="`bias_rate_factor` must be > 0, got 0"):
        Training(optimizer=OPTIMIZERS["adam"], epochs=1, bias_rate_factor=0)
