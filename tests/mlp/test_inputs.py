import numpy as np
import pytest
from scipy.sparse import csr_array

from nnsweep.mlp.batches import feature_scale, inputs
from nnsweep.mlp.network import BY_FEATURE, BY_NETWORK, BY_UNIT, Parameters

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
    entering, out, delta = inputs(given), empty(by_unit), empty(by_unit)
    weights, gradient = (Parameters((F, H), K, np.dtype(float), order).layers[0].W for _ in range(2))
    weights[...], delta[...] = random.normal(size=(K, F, H)), random.normal(size=(K, N, H))
    entering.times(weights, out)
    entering.transposed_times(delta, gradient)
    np.testing.assert_allclose(out, dense @ weights, rtol=0, atol=1e-14)
    np.testing.assert_allclose(gradient, dense.swapaxes(-1, -2) @ delta, rtol=0, atol=1e-14)
    assert entering.n_samples == N


@pytest.mark.parametrize("kind", ["shared", "shared CSR"])
def test_rows_of_shared_features_are_shared_features(kind):
    given, dense = KINDS[kind]
    part, out, weights = inputs(given).rows(2, 5), np.empty((1, 3, H)), random.normal(size=(1, F, H))
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
