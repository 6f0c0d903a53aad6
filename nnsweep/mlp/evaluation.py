"""What a trained network gives on examples: its outputs, computed apart from any training."""

import numpy as np

from nnsweep.mlp.arrays import Features, FloatArray
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.network import Layer, Layers, Network, forward

OUTPUT_BYTES = 2**24
"""What the values of all layers may take at once when outputs are computed."""


def compute_outputs(network: Network, layers: Layers, X: Features) -> FloatArray:
    """Pass features through a trained network, a few rows at a time.

    Parameters
    ----------
    network, layers : Network, list of Layer
        The network, with K = 1.
    X : ndarray or csr_array of shape (n_samples, n_features)
        Features.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_outputs)
        In float64 whatever the precision of the training: a sample's outputs then do not depend on its neighbours, but
        for the last bits of that.
    """
    doubled = [Layer(W.astype(np.float64), b.astype(np.float64)) for W, b in layers]
    widths = sum(W.shape[2] for W, _ in layers) + (X.shape[1] if isinstance(X, np.ndarray) else 0)
    step = max(1, OUTPUT_BYTES // (8 * widths))
    blocks = [X[start : start + step].astype(np.float64, copy=False) for start in range(0, X.shape[0], step)]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.concatenate([forward(network, doubled, prepare_inputs(block)).a[-1][0] for block in blocks])
