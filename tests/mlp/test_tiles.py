import numpy as np
import pytest
from scipy.sparse import csr_array

from nnsweep.mlp import batches
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import SHORTEST, TILE_BYTES, tiles

N = 1000
EXAMPLES = Examples(np.arange(2.0 * N).reshape(N, 2), np.arange(N))


@pytest.mark.parametrize("bytes_a_sample", [1, 10**4, 10**5, 10**9])
def test_every_sample_is_in_one_tile_in_order(bytes_a_sample):
    parts = tiles(EXAMPLES, bytes_a_sample=bytes_a_sample)
    np.testing.assert_array_equal(np.concatenate([X.X for X, _ in parts]), EXAMPLES.X)
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), EXAMPLES.y)


@pytest.mark.parametrize("bytes_a_sample", [10**4, 10**5])
def test_tile_exceeds_its_memory_only_at_the_shortest_length(bytes_a_sample):
    lengths = {X.n_samples for X, _ in tiles(EXAMPLES, bytes_a_sample=bytes_a_sample)}
    assert max(lengths) <= max(SHORTEST, TILE_BYTES // bytes_a_sample)
    assert max(lengths) > 1


def test_csr_features_stay_in_one_piece():
    assert len(tiles(Examples(csr_array(EXAMPLES.X), EXAMPLES.y), bytes_a_sample=10**9)) == 1


@pytest.mark.parametrize("batch_size", [None, 50])
def test_tiles_change_no_result(batch_size, network, parts, member, run, monkeypatch):
    data, how = parts(n=(200, 150, 150)), {"epochs": 4, "batch_size": batch_size}
    whole = run(data, network((5, 4), dropout=0.2), [member(), member(seed=1)], **how)
    monkeypatch.setattr(batches, "TILE_BYTES", 1)
    tiled = run(data, network((5, 4), dropout=0.2), [member(), member(seed=1)], **how)
    for number in whole:
        for name, curve in whole[number].history().items():
            np.testing.assert_allclose(tiled[number].history()[name], curve, rtol=1e-12)
