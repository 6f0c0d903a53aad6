import numpy as np
import pytest
from scipy.sparse import csr_array

from nnsweep.mlp import batches
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import Minibatches, Own, OwnSparse

N = 10
X, Y = np.arange(N * 2.0).reshape(N, 2), np.arange(N)


def features(batch):
    """Copy the features of each network out of a batch: (K, n, 2)."""
    if isinstance(batch, Own):
        return batch.X.copy()
    assert isinstance(batch, OwnSparse)
    wide = batch.X.toarray().reshape(batch.n_networks, batch.n_samples, batch.n_networks, 2)
    return np.stack([wide[network, :, network] for network in range(batch.n_networks)])


@pytest.fixture
def epoch():
    def batches(batch_size: int, seeds=(0, 1), X=X):
        randoms = [np.random.default_rng(seed) for seed in seeds]
        return [(features(batch), y) for batch, y in Minibatches(Examples(X, Y), batch_size).epoch(randoms)]

    return batches


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(1, [1] * 10), (3, [3, 3, 3, 1]), (5, [5, 5]), (10, [10]), (11, [10]), (10**9, [10])]
)
def test_epoch_sees_each_sample_once_even_in_a_short_last_batch(batch_size, sizes, epoch):
    batches = epoch(batch_size)
    assert [y.shape[1] for _, y in batches] == sizes
    seen = np.concatenate([y for _, y in batches], axis=1)
    assert (np.sort(seen, axis=1) == Y).all()


def test_features_stay_with_their_class(epoch):
    for batch, y in epoch(3):
        assert (batch == X[y]).all()


def test_each_network_has_the_order_that_it_has_alone(epoch):
    together = np.concatenate([y for _, y in epoch(3)], axis=1)
    for network, seed in enumerate((0, 1)):
        assert (together[network] == np.concatenate([y for _, y in epoch(3, seeds=[seed])], axis=1)[0]).all()
    assert (together[0] != together[1]).any()


def test_a_generator_gives_every_epoch_another_order():
    random = np.random.default_rng(0)
    batches = Minibatches(Examples(X, Y), N)
    one, other = (next(batches.epoch([random]))[1] for _ in range(2))
    assert (one != other).any()


def test_sparse_features_stay_sparse_and_are_the_same(epoch):
    for (dense, y), (sparse, its_y) in zip(epoch(4), epoch(4, X=csr_array(X)), strict=True):
        assert (y == its_y).all()
        assert (dense == sparse).all()


@pytest.mark.parametrize("gathered", [1, 100, 200, 10**6])
def test_number_of_batches_gathered_at_once_changes_nothing(gathered, epoch, monkeypatch):
    expected = epoch(3)
    monkeypatch.setattr(batches, "GATHERED_BYTES", gathered)
    for (X, y), (its_X, its_y) in zip(epoch(3), expected, strict=True):
        assert (its_X == X).all()
        assert (y == its_y).all()
