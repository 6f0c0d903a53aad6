"""scikit-learn's own trainer, from the same first weights and over the same batches, is the oracle."""

import warnings
from inspect import signature

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.network import Layer
from tests.covering import pairwise

DATA = {"iris": 0.05, "digits": 0.05}  # with the learning rate
ACTIVATIONS = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
SMOOTH = ("identity", "sigmoid", "tanh")
TINY = 1e-30  # adam's epsilon: scikit-learn adds it before the correction of the moments, nnsweep after it
OPTIMIZERS = {
    "gradient_descent": ({}, {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False}),
    "momentum": ({"momentum": 0.9}, {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False}),
    "nesterov": ({"momentum": 0.9}, {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True}),
    "adam": ({"beta_1": 0.9, "beta_2": 0.999, "epsilon": TINY}, {"solver": "adam", "epsilon": TINY}),
}


class FirstWeights(MLPClassifier):
    """Remembers its first weights, and starts with biases of 0 as nnsweep does."""

    def _init_coef(self, fan_in, fan_out, dtype):
        W, b = super()._init_coef(fan_in, fan_out, dtype)
        self.__dict__.setdefault("first_", []).append(W.copy())
        return W, np.zeros_like(b)


@pytest.fixture(scope="module")
def data():
    parts = {}
    for name, load in {"iris": load_iris, "digits": load_digits}.items():
        X, y = load(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(y))[:300]
        parts[name] = Examples(StandardScaler().fit_transform(X[order]), y[order])
    return parts


@pytest.fixture(scope="module")
def distance(data, network, member, stack_of, in_order, draw_layers):
    """The largest difference of a parameter after so many epochs of both trainers."""

    def measure(
        name,
        activation,
        optimizer,
        *,
        epochs,
        hidden=(7,),
        batch_size=None,
        alpha=0.0,
        learning_rate=None,
        weights=None,
    ):
        examples = data[name]
        n_samples = examples.n_samples
        rate = learning_rate or (0.001 if optimizer == "adam" else DATA[name])
        ours, theirs = OPTIMIZERS[optimizer]
        oracle = FirstWeights(
            hidden, activation=ACTIVATIONS[activation], learning_rate_init=rate, alpha=alpha, shuffle=False,
            batch_size=batch_size or n_samples, max_iter=epochs, tol=0.0, n_iter_no_change=epochs + 1, random_state=0,
            **theirs,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            oracle.fit(examples.X, examples.y, *([] if weights is None else [weights[examples.y]]))
        assert oracle.n_iter_ == epochs
        layers = [
            Layer(W[np.newaxis], np.zeros_like(like.b))
            for W, like in zip(oracle.first_, draw_layers(np.random.default_rng(0), layer_sizes(oracle)), strict=True)
        ]
        # scikit-learn divides the penalty by the number of samples in the batch
        one = member(learning_rate=rate, hyperparameters=ours, weight_decay=alpha / (batch_size or n_samples))
        stack = in_order(stack_of(network(hidden, activation), layers, [one], optimizer, class_weights=weights))
        costs = stack.train_costs(examples, batch_size)
        for _ in range(epochs + 1):
            next(costs)
        pairs = zip(stack.layers, oracle.coefs_, oracle.intercepts_, strict=True)
        return max(max(np.abs(W[0] - V).max(), np.abs(b[0, 0] - c).max()) for (W, b), V, c in pairs)

    def layer_sizes(oracle):
        return [oracle.first_[0].shape[0], *(W.shape[1] for W in oracle.first_)]

    return measure


WAYS = {
    "full": {},
    "short-last-batch": {"batch_size": 32},  # 150 and 300 samples are no multiple of it
    "alpha": {"alpha": 0.5},
    "alpha-batches": {"batch_size": 50, "alpha": 0.5},
    # at 0.05 momentum makes these layers chaotic: they diverge, or a last bit decides where they end
    "four-layers": {"hidden": (7, 6, 5, 4), "batch_size": 32, "learning_rate": 0.005},
}


@pytest.mark.parametrize(("name", "activation", "optimizer", "way"), pairwise(DATA, ACTIVATIONS, OPTIMIZERS, WAYS))
def test_one_epoch_ends_where_scikit_learns_does(name, activation, optimizer, way, distance):
    assert distance(name, activation, optimizer, epochs=1, **WAYS[way]) <= 1e-12


@pytest.mark.parametrize(("name", "activation", "optimizer", "way"), pairwise(DATA, SMOOTH, OPTIMIZERS, WAYS))
def test_fifty_epochs_end_where_scikit_learns_do(name, activation, optimizer, way, distance):
    assert distance(name, activation, optimizer, epochs=50, **WAYS[way]) <= 1e-9


@pytest.mark.skipif("sample_weight" not in signature(MLPClassifier.fit).parameters, reason="scikit-learn 1.6 has none")
@pytest.mark.parametrize(("name", "optimizer", "batch_size"), pairwise(DATA, OPTIMIZERS, [None, 32]))
def test_class_weights_are_scikit_learns_sample_weights(name, optimizer, batch_size, distance, data):
    weights = np.linspace(0.5, 4, len(np.unique(data[name].y)))
    weights[1] = 0.0
    how = {"batch_size": batch_size, "weights": weights}
    assert distance(name, "tanh", optimizer, epochs=1, **how) <= 1e-12
    assert distance(name, "tanh", optimizer, epochs=20, **how) <= 1e-9
    assert distance(name, "tanh", optimizer, epochs=1, batch_size=batch_size) <= 1e-12


def test_no_hidden_layer_is_logistic_regression(data, network, member, stack_of, draw_layers):
    examples, decay = data["iris"], 0.1
    oracle = LogisticRegression(C=1 / (decay * examples.n_samples), tol=1e-12, max_iter=10_000)
    oracle.fit(examples.X, examples.y)
    one = member(learning_rate=0.3, weight_decay=decay, hyperparameters={"momentum": 0.9})
    layers = [layer.map(np.zeros_like) for layer in draw_layers(np.random.default_rng(0), (4, 3))]
    stack = stack_of(network(()), layers, [one], "nesterov")
    costs = stack.train_costs(examples, None)
    for _ in range(3000):
        next(costs)
    assert np.abs(stack.layers[0].W[0].T - oracle.coef_).max() <= 1e-6
    assert np.abs(stack.layers[0].b[0, 0] - oracle.intercept_).max() <= 1e-6
