"""Operations as counted on paper, against those of the products that the trainer really asks NumPy and SciPy for."""

import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.network import Layer, backward, forward
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.profile import Footprint, epoch_flops, footprint
from nnsweep.mlp.train import Training, train

DENSE = np.random.default_rng(0).normal(size=(60, 12))
SPARSE = csr_array(DENSE * (np.random.default_rng(1).random(DENSE.shape) < 0.1))


class Counted:
    """NumPy's product, which goes on as ever and counts its operations; sums over samples are not products."""

    def __init__(self) -> None:
        self.product, self.flops = np.matmul, 0

    def __call__(self, a, b, out):
        is_sum = a.shape[-2] == 1 and (a == 1).all()
        self.flops += 0 if is_sum else 2 * out.size * a.shape[-1]
        return self.product(a, b, out=out)


@pytest.fixture
def counted(monkeypatch):
    counted = Counted()
    monkeypatch.setattr(np, "matmul", counted)
    return counted


def layers_of(*sizes: int) -> list[Layer]:
    shapes = pairwise(sizes)
    return [Layer(np.ones((1, fan_in, fan_out)), np.zeros((1, 1, fan_out))) for fan_in, fan_out in shapes]


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5), (9, 9, 9)])
def test_the_passes_do_the_operations_that_are_counted(network, counted, hidden):
    layers = layers_of(12, *hidden, 4)
    kept = forward(network(hidden), layers, prepare_inputs(DENSE))
    assert counted.flops == 2 * len(DENSE) * sum(fan_in * fan_out for fan_in, fan_out in pairwise((12, *hidden, 4)))
    kept.deltas[-1][:] = 1
    backward(network(hidden), layers, prepare_inputs(DENSE), kept)
    assert counted.flops == epoch_flops(DENSE, hidden, 4)


@pytest.mark.parametrize("batch_size", [None, 60, 17])
def test_an_epoch_takes_the_same_in_batches_of_any_size(network, member, counted, batch_size):
    part = Examples(DENSE, np.arange(60) % 4)
    parts = type("Parts", (), {"train": part, "val": None, "test": part, "task": "classification", "n_outputs": 4})()
    how = Training(optimizer=OPTIMIZERS["gradient_descent"], epochs=2, batch_size=batch_size, evaluate_every=2)
    spent = []
    for epoch in train(parts, network((7, 5)), [member()], how):
        spent.append(counted.flops)
        assert epoch.epoch == len(spent) - 1
    assert spent[1] - spent[0] == epoch_flops(DENSE, (7, 5), 4)


def test_flops_are_six_per_weight_and_sample_except_for_inputs():
    n_weights = 64 * 64 + 64 * 64 + 64 * 10
    assert epoch_flops(np.zeros((1000, 64)), (64, 64), 10) == 1000 * (6 * n_weights - 2 * 64 * 64)


def test_sparse_features_count_by_their_entries():
    assert epoch_flops(SPARSE, (7,), 4) == 4 * SPARSE.nnz * 7 + 6 * 60 * 7 * 4
    assert epoch_flops(SPARSE, (), 4) == 4 * SPARSE.nnz * 4


def test_sparse_features_trained_as_dense_count_as_dense():
    assert epoch_flops(csr_array(DENSE), (7,), 4) == epoch_flops(DENSE, (7,), 4)


pytestmark = pytest.mark.slow


def data(n_train: int = 500, n_features: int = 20, n_classes: int = 5, share: float = 1.0) -> SimpleNamespace:
    random = np.random.default_rng(0)

    def part(n_samples: int) -> Examples:
        X = random.normal(size=(n_samples, n_features)) * (random.random((n_samples, n_features)) < share)
        return Examples(csr_array(X) if share < 1 else X, np.arange(n_samples) % n_classes)

    return SimpleNamespace(
        train=part(n_train), val=part(100), test=part(100), task="classification", n_outputs=n_classes
    )


def how(epochs: int = 10, optimizer: str = "gradient_descent", **others) -> Training:
    return Training(optimizer=OPTIMIZERS[optimizer], epochs=epochs, **others)


@pytest.fixture
def need(network):
    def predicted(parts: SimpleNamespace | None = None, hidden: Sequence[int] = (30,), **training) -> Footprint:
        return footprint(parts or data(), network(hidden), how(**training))

    return predicted


def assert_rise(values: Sequence[float]) -> None:
    assert all(0 < less < more for less, more in pairwise(values)), values


def test_more_networks_epochs_samples_or_units_take_longer(need):
    assert_rise([need().seconds(n_networks) for n_networks in (1, 2, 10)])
    assert_rise([need(epochs=epochs).seconds(3) for epochs in (1, 2, 100)])
    assert_rise([need(data(n_train)).seconds(3) for n_train in (50, 500, 5000)])
    assert_rise([need(data(n_features=n_features)).seconds(3) for n_features in (2, 20, 200)])
    assert_rise([need(hidden=hidden).seconds(3) for hidden in ((), (30,), (60,), (60, 60))])
    assert_rise([need(batch_size=size).seconds(3) for size in (500, 50, 5)])
    assert_rise([need(dtype=dtype).seconds(100) for dtype in ("float32", "float64")])
    assert_rise([need(data(n_features=200, share=share)).seconds(100) for share in (0.01, 0.05, 1.0)])


def test_more_networks_units_and_slots_take_more_memory(need):
    assert_rise([need().n_bytes(n_networks) for n_networks in (1, 2, 10)])
    assert_rise([need(hidden=hidden).n_bytes(3) for hidden in ((), (30,), (60,), (60, 60))])
    assert_rise([need(optimizer=name).n_bytes(3) for name in ("gradient_descent", "momentum", "adam")])
    assert_rise([need(dtype=dtype).n_bytes(3) for dtype in ("float32", "float64")])
    assert need(epochs=1).n_bytes(3) == need(epochs=100).n_bytes(3)


def peak(parts, network, members, training, n_threads=1) -> int:
    tracemalloc.start()
    try:
        for _ in train(parts, network, members, training, n_threads=n_threads):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("n_networks", "hidden", "training"),
    [
        (40, (200, 200), {"batch_size": 64}),
        (40, (200, 200), {"batch_size": 64, "optimizer": "adam"}),
        (10, (400,), {"dtype": "float32"}),
        (100, (100,), {"batch_size": 200, "dtype": "float32", "optimizer": "momentum"}),
        (40, (200, 200), {"batch_size": 64, "ema": 0.9}),
    ],
)
def test_memory_is_predicted_within_a_factor_of_2(need, network, member, n_networks, hidden, training):
    parts = data(n_train=1000, n_features=100)
    members = [member(seed=seed) for seed in range(n_networks)]
    taken = peak(parts, network(hidden), members, how(epochs=2, **training))
    predicted = need(parts, hidden, epochs=2, **training).n_bytes(n_networks)
    assert taken > 5e6
    assert taken / 2 < predicted < 2 * taken, (taken, predicted)


@pytest.mark.parametrize("batch_size", [None, 64])
@pytest.mark.parametrize(
    "options", [{"normalization": "batch"}, {"normalization": "layer"}, {"parametrization": "ntk"}]
)
def test_the_memory_of_networks_with_options_is_predicted(options, batch_size, network, member):
    parts, net, training = (
        data(n_train=1000, n_features=100),
        network((200, 200), **options),
        how(batch_size=batch_size),
    )
    taken = peak(parts, net, [member(seed=seed) for seed in range(20)], replace(training, epochs=2))
    predicted = footprint(parts, net, training).n_bytes(20)
    assert taken / 2 < predicted < 2 * taken, (taken, predicted)


@pytest.mark.parametrize("n_threads", [2, 4])
def test_the_memory_of_threads_is_predicted_as_well(n_threads, network, member):
    parts, net, training = data(n_train=3000, n_features=50), network((200, 200)), how(epochs=2)
    members = [member(seed=seed) for seed in range(4)]
    one, more = (peak(parts, net, members, training, number) for number in (1, n_threads))
    need, needs = (footprint(parts, net, training, number).n_bytes(4) for number in (1, n_threads))
    assert one < more
    assert (more - one) / 2 < needs - need < 2 * (more - one), (one, more, need, needs)


@pytest.mark.parametrize(("share", "training"), [(0.05, {}), (1.0, {"batch_size": 50}), (1.0, {"n_train": 100})])
def test_threads_without_work_take_no_memory(share, training, network):
    parts, training = (
        data(n_train=training.get("n_train", 3000), share=share),
        how(batch_size=training.get("batch_size")),
    )
    assert footprint(parts, network((30,)), training, 9) == footprint(parts, network((30,)), training)


def test_longer_trainings_are_predicted_to_be_longer(need, network, member):
    parts = data(n_train=2000, n_features=50)
    trainings = [(1, (), 3), (4, (100,), 5), (8, (200, 200), 8)]
    taken, predicted = [], []
    for n_networks, hidden, epochs in trainings:
        members = [member(seed=seed) for seed in range(n_networks)]
        started = time.perf_counter()
        for _ in train(parts, network(hidden), members, how(epochs=epochs, batch_size=100)):
            pass
        taken.append(time.perf_counter() - started)
        predicted.append(need(parts, hidden, epochs=epochs, batch_size=100).seconds(n_networks))
    assert_rise(taken)
    assert_rise(predicted)
