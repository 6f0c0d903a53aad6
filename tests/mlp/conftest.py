from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.descent import StepRule
from nnsweep.mlp.history import Trained, collect
from nnsweep.mlp.initializers import INITIALIZERS, glorot_uniform
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Layer, Layers, Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import constant, exp, reduce_on_plateau
from nnsweep.mlp.stack import Stack
from nnsweep.mlp.train import Training, train

settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Products of this size are slower, and not repeatable to the last bit, with more."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session", autouse=True)
def csr_features_stay_csr() -> Iterator[None]:
    """The features here are small and full: without this, every test of sparse products would see dense ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnsweep.mlp.train.DENSEST", 1.0)
        yield


@pytest.fixture(scope="session")
def network() -> Callable[..., Network]:
    """Build a network from the names of its activations."""

    def build(hidden: Sequence[int] = (5,), activation: str = "tanh", output: str = "identity", **options: Any):
        return Network(
            hidden_layer_sizes=tuple(hidden),
            activation=ACTIVATIONS[activation](),
            output_activation=ACTIVATIONS[output](),
            **options,
        )

    return build


@pytest.fixture(scope="session")
def member() -> Callable[..., Member]:
    """Build a member whose rate is constant, unless it has another schedule."""

    def build(*, learning_rate: float = 0.1, seed: int = 0, **others: Any) -> Member:
        return Member(
            seed=seed,
            learning_rate=learning_rate,
            schedule=others.pop("schedule", constant(learning_rate=learning_rate)),
            initializer=others.pop("initializer", glorot_uniform),
            hyperparameters=others.pop("hyperparameters", {}),
            **others,
        )

    return build


@pytest.fixture(scope="session")
def parts() -> Callable[..., SimpleNamespace]:
    """Draw a training, a validation and a test part: three noisy blobs, a third of the features 0."""

    def build(*, seed: int = 0, sparse: bool = False, val: bool = True, n: Sequence[int] = (37, 20, 30)):
        random = np.random.default_rng(seed)
        centres = random.normal(size=(3, 6))

        def part(n_samples: int) -> Examples:
            y = np.arange(n_samples) % 3
            X = centres[y] + 1.5 * random.normal(size=(n_samples, 6))
            X[random.random(X.shape) < 1 / 3] = 0
            return Examples(csr_array(X) if sparse else X, y)

        learned, chosen, unseen = (part(size) for size in n)
        return SimpleNamespace(
            train=learned, val=chosen if val else None, test=unseen, task="classification", n_outputs=3
        )

    return build


@pytest.fixture(scope="session")
def run() -> Callable[..., dict[int, Trained]]:
    """Train a stack to its end."""

    def to_its_end(parts: Any, network: Network, members: Sequence[Member], **how: Any) -> dict[int, Trained]:
        optimizer = OPTIMIZERS[how.pop("optimizer", "gradient_descent")]
        return collect(
            train(parts, network, members, Training(optimizer=optimizer, epochs=how.pop("epochs", 5), **how))
        )

    return to_its_end


@pytest.fixture(scope="session")
def stack_of() -> Callable[..., Stack]:
    """Build a stack whose networks have the given layers."""

    def build(
        network: Network,
        layers: Layers,
        members: Sequence[Member],
        optimizer: str = "gradient_descent",
        **how: Any,
    ) -> Stack:
        sizes = [layers[0].W.shape[1], *(W.shape[2] for W, _ in layers)]
        rule = StepRule(optimizer=OPTIMIZERS[optimizer], **{name: how.pop(name) for name in {"clip_norm"} & {*how}})
        stack = Stack(network, members, rule=rule, sizes=sizes, dtype=np.dtype(float), **how)
        stack.descent.parameters.assign(layers)
        return stack

    return build


@pytest.fixture(scope="session")
def draw_layers() -> Callable[..., Layers]:
    """Draw weights and biases of K networks."""

    def draw(random: np.random.Generator, sizes: Sequence[int], n_networks: int = 1) -> Layers:
        return [
            Layer(
                random.normal(size=(n_networks, fan_in, fan_out)) / np.sqrt(fan_in),
                random.normal(size=(n_networks, 1, fan_out)) / 2,
            )
            for fan_in, fan_out in pairwise(sizes)
        ]

    return draw


@pytest.fixture(scope="session")
def flat() -> Callable[[Layers], NDArray[Any]]:
    """Lay all parameters of each network in one row."""
    return lambda layers: np.concatenate([part.reshape(len(part), -1) for layer in layers for part in layer], axis=1)


@pytest.fixture(scope="session")
def unflat() -> Callable[[NDArray[Any], Layers], Layers]:
    """Undo `flat`, with the shapes of the given layers."""

    def build(rows: NDArray[Any], like: Layers) -> Layers:
        ends = np.cumsum([part[0].size for layer in like for part in layer])
        pieces = iter(np.split(rows, ends[:-1], axis=1))
        return [Layer(*(next(pieces).reshape(len(rows), *part.shape[1:]) for part in layer)) for layer in like]

    return build


class _InOrder:
    def permutation(self, n: int) -> NDArray[np.int64]:
        return np.arange(n)


@pytest.fixture(scope="session")
def in_order() -> Callable[[Stack], Stack]:
    """Let every network of a stack see the samples in their own order."""

    def unshuffled(stack: Stack) -> Stack:
        for learner in stack.learners:
            learner.order = _InOrder()
        return stack

    return unshuffled


@pytest.fixture(scope="session")
def given() -> Callable[[Sequence[NDArray[Any]]], Callable[..., NDArray[Any]]]:
    """Make an initializer that gives out the given weights, layer by layer."""

    def initializer(weights: Sequence[NDArray[Any]]) -> Callable[..., NDArray[Any]]:
        left = iter(weights)
        return lambda random, fan_in, fan_out: next(left)

    return initializer


@pytest.fixture(scope="session")
def hyperparameters() -> Mapping[str, Mapping[str, float]]:
    """The constants of each update rule."""
    rules = {name: OPTIMIZERS.settings(name).items() for name in OPTIMIZERS}
    return {name: {key: default for key, (_, default) in its if key != "learning_rate"} for name, its in rules.items()}


@pytest.fixture(scope="session")
def differing(member: Callable[..., Member], hyperparameters: Mapping[str, Any]) -> Callable[..., list[Member]]:
    """Four members that differ in all that members may differ in."""

    def build(optimizer: str, learning_rate: float = 0.05):
        constants = hyperparameters[optimizer]
        draws = [INITIALIZERS[name] for name in ("glorot_uniform", "he_normal", "lecun_normal", "notebook")]
        schedules = [exp(learning_rate=learning_rate, gamma=0.9), reduce_on_plateau(learning_rate=0.03, patience=0)]
        return [
            member(
                seed=seed,
                learning_rate=learning_rate / (seed + 1),
                initializer=draws[seed],
                hyperparameters={name: value * (1 - seed / 100) for name, value in constants.items()},
                weight_decay=0.01 * seed,
                **({"schedule": schedules[seed]} if seed < 2 else {}),
            )
            for seed in range(4)
        ]

    return build
