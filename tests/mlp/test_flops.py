"""Operations as counted on paper, against those of the products that the trainer really asks NumPy and SciPy for."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import backward, forward, inputs
from nnsweep.mlp.network import Layer
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.profile import epoch_flops
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
    kept = forward(network(hidden), layers, inputs(DENSE))
    assert counted.flops == 2 * len(DENSE) * sum(fan_in * fan_out for fan_in, fan_out in pairwise((12, *hidden, 4)))
    kept.deltas[-1][:] = 1
    backward(network(hidden), layers, inputs(DENSE), kept)
    assert counted.flops == epoch_flops(DENSE, hidden, 4)


@pytest.mark.parametrize("batch_size", [None, 60, 17])
def test_an_epoch_takes_the_same_in_batches_of_any_size(network, member, counted, batch_size):
    part = Examples(DENSE, np.arange(60) % 4)
    parts = type("Parts", (), {"train": part, "val": None, "test": part, "n_classes": 4})()
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
