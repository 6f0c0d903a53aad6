import numpy as np
import pytest
from scipy.sparse import csr_array

from nnsweep.mlp import batches
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import (
    SHORTEST,
    TILE_BYTES,
    Minibatches,
    Own,
    OwnSparse,
    cut_tiles,
    feature_scale,
    prepare_inputs,
)
from nnsweep.mlp.network import array_shapes
from nnsweep.mlp.parameters import BY_FEATURE, BY_NETWORK, BY_UNIT, Parameters

K, N, F, H = 3, 7, 5, 4
random = np.random.default_rng(0)
X = random.normal(size=(N, F)) * (random.random((N, F)) < 0.6)
OWN = random.normal(size=(K, N, F)) * (random.random((K, N, F)) < 0.6)
KINDS = {
    "shared": (X, X),
    "shared CSR": (csr_array(X), X),
    "own": (OWN, OWN),
    "own CSR": ([csr_array(own) for own in OWN], OWN),
}


def empty(by_unit: bool):
    return np.empty((K, H, N)).swapaxes(1, 2) if by_unit else np.empty((K, N, H))


@pytest.mark.parametrize("order", [BY_NETWORK, BY_UNIT, BY_FEATURE])
@pytest.mark.parametrize("by_unit", [False, True])
@pytest.mark.parametrize(("given", "dense"), KINDS.values(), ids=KINDS)
def test_both_products_are_those_of_each_network(given, dense, by_unit, order):
    entering, out, delta = prepare_inputs(given), empty(by_unit), empty(by_unit)
    weights, gradient = (Parameters([array_shapes(F, H)], K, np.dtype(float), order).layers[0].W for _ in range(2))
    weights[...], delta[...] = random.normal(size=(K, F, H)), random.normal(size=(K, N, H))
    entering.times(weights, out)
    entering.transposed_times(delta, gradient)
    np.testing.assert_allclose(out, dense @ weights, rtol=0, atol=1e-14)
    np.testing.assert_allclose(gradient, dense.swapaxes(-1, -2) @ delta, rtol=0, atol=1e-14)
    assert entering.n_samples == N


@pytest.mark.parametrize("kind", ["shared", "shared CSR"])
def test_rows_of_shared_features_are_shared_features(kind):
    given, dense = KINDS[kind]
    part, out, weights = prepare_inputs(given).rows(2, 5), np.empty((1, 3, H)), random.normal(size=(1, F, H))
    part.times(weights, out)
    np.testing.assert_allclose(out[0], dense[2:5] @ weights[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("given", "scale"),
    [
        (np.array([[0.0, 100.0], [1.0, 102.0]]), 101.0),
        (np.array([[-7.0, 1.0], [7.0, 1.0]]), 7.0),
        (np.full((3, 2), -5.0), 5.0),
        (np.array([[1e300], [-1e300]]), np.inf),
        (np.empty((3, 0)), 0.0),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, csr_array], ids=["dense", "csr"])
def test_the_scale_is_the_largest_mean_or_deviation_of_a_feature(given, scale, kind):
    assert feature_scale(kind(given)) == pytest.approx(scale)


N_NUMBERED = 10
NUMBERED, CLASSES = np.arange(N_NUMBERED * 2.0).reshape(N_NUMBERED, 2), np.arange(N_NUMBERED)


def features(batch):
    """Copy the features of each network out of a batch: (K, n, 2)."""
    if isinstance(batch, Own):
        return batch.X.copy()
    assert isinstance(batch, OwnSparse)
    wide = batch.X.toarray().reshape(batch.n_networks, batch.n_samples, batch.n_networks, 2)
    return np.stack([wide[network, :, network] for network in range(batch.n_networks)])


@pytest.fixture
def epoch():
    def batches(batch_size: int, seeds=(0, 1), X=NUMBERED):
        randoms = [np.random.default_rng(seed) for seed in seeds]
        return [(features(one), y) for one, y, _ in Minibatches(Examples(X, CLASSES), batch_size).epoch(randoms)]

    return batches


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(1, [1] * 10), (3, [3, 3, 3, 1]), (5, [5, 5]), (10, [10]), (11, [10]), (10**9, [10])]
)
def test_epoch_sees_each_sample_once_even_in_a_short_last_batch(batch_size, sizes, epoch):
    batches = epoch(batch_size)
    assert [y.shape[1] for _, y in batches] == sizes
    seen = np.concatenate([y for _, y in batches], axis=1)
    assert (np.sort(seen, axis=1) == CLASSES).all()


def test_features_stay_with_their_class(epoch):
    for batch, y in epoch(3):
        assert (batch == NUMBERED[y]).all()


def test_each_network_has_the_order_that_it_has_alone(epoch):
    together = np.concatenate([y for _, y in epoch(3)], axis=1)
    for network, seed in enumerate((0, 1)):
        assert (together[network] == np.concatenate([y for _, y in epoch(3, seeds=[seed])], axis=1)[0]).all()
    assert (together[0] != together[1]).any()


def test_a_generator_gives_every_epoch_another_order():
    random = np.random.default_rng(0)
    batches = Minibatches(Examples(NUMBERED, CLASSES), N_NUMBERED)
    one, other = (next(batches.epoch([random]))[1] for _ in range(2))
    assert (one != other).any()


def test_sparse_features_stay_sparse_and_are_the_same(epoch):
    for (dense, y), (sparse, its_y) in zip(epoch(4), epoch(4, X=csr_array(NUMBERED)), strict=True):
        assert (y == its_y).all()
        assert (dense == sparse).all()


@pytest.mark.parametrize("gathered", [1, 100, 200, 10**6])
def test_number_of_batches_gathered_at_once_changes_nothing(gathered, epoch, monkeypatch):
    expected = epoch(3)
    monkeypatch.setattr(batches, "GATHERED_BYTES", gathered)
    for (X, y), (its_X, its_y) in zip(epoch(3), expected, strict=True):
        assert (its_X == X).all()
        assert (y == its_y).all()


N_TILED = 1000
EXAMPLES = Examples(np.arange(2.0 * N_TILED).reshape(N_TILED, 2), np.arange(N_TILED))


@pytest.mark.parametrize("bytes_a_sample", [1, 10**4, 10**5, 10**9])
def test_every_sample_is_in_one_tile_in_order(bytes_a_sample):
    parts = cut_tiles(EXAMPLES, bytes_a_sample=bytes_a_sample)
    np.testing.assert_array_equal(np.concatenate([part.X.X for part in parts]), EXAMPLES.X)
    np.testing.assert_array_equal(np.concatenate([part.y for part in parts]), EXAMPLES.y)


@pytest.mark.parametrize("bytes_a_sample", [10**4, 10**5])
def test_tile_exceeds_its_memory_only_at_the_shortest_length(bytes_a_sample):
    lengths = {tile.X.n_samples for tile in cut_tiles(EXAMPLES, bytes_a_sample=bytes_a_sample)}
    assert max(lengths) <= max(SHORTEST, TILE_BYTES // bytes_a_sample)
    assert max(lengths) > 1


def test_csr_features_stay_in_one_piece():
    assert len(cut_tiles(Examples(csr_array(EXAMPLES.X), EXAMPLES.y), bytes_a_sample=10**9)) == 1


@pytest.mark.parametrize("batch_size", [None, 50])
def test_tiles_change_no_result(batch_size, network, parts, member, run, monkeypatch):
    data, how = parts(n=(200, 150, 150)), {"epochs": 4, "batch_size": batch_size}
    whole = run(data, network((5, 4), dropout=0.2), [member(), member(seed=1)], **how)
    monkeypatch.setattr(batches, "TILE_BYTES", 1)
    tiled = run(data, network((5, 4), dropout=0.2), [member(), member(seed=1)], **how)
    for number in whole:
        for name, curve in whole[number].history().items():
            np.testing.assert_allclose(tiled[number].history()[name], curve, rtol=1e-12)
