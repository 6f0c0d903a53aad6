"""What a stack will take before it is trained: seconds, and bytes of memory.

Both are estimates to plan by: which stacks to train first, how many networks fit together.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnsweep.mlp.minibatches import GATHERED_BYTES
from nnsweep.mlp.network import Network, n_parameters
from nnsweep.mlp.tiles import SHORTEST, TILE_BYTES
from nnsweep.mlp.train import DENSEST, Splits, Training

CALL_SECONDS = 3e-6
"""Of one NumPy call on small arrays."""
FLOPS = {"float32": 4e10, "float64": 2e10}
"""Floating-point operations a second, of one core with everything around the products."""
SPARSE_RATE = 0.1
"""How fast a product with CSR features is, for the same operations."""


@dataclass(frozen=True)
class Footprint:
    """The needs of stacks of one kind.

    Attributes
    ----------
    seconds_a_network, seconds_for_all : float
        Of the whole training: K networks take ``seconds_for_all + K * seconds_a_network``.
    bytes_a_network, bytes_for_all : int
        In the same way; the data set itself, which all processes share, is not counted.
    """

    seconds_a_network: float
    seconds_for_all: float
    bytes_a_network: int
    bytes_for_all: int

    def seconds(self, n_networks: int) -> float:
        """Predict how long a stack trains."""
        return self.seconds_for_all + n_networks * self.seconds_a_network

    def n_bytes(self, n_networks: int) -> int:
        """Predict how much memory a stack takes."""
        return self.bytes_for_all + n_networks * self.bytes_a_network


def footprint(splits: Splits, network: Network, training: Training, n_threads: int = 1) -> Footprint:
    """Predict what stacks on these data need.

    Parameters
    ----------
    splits : Splits
        The data.
    network : Network
        Layer sizes.
    training : Training
        How they are trained.
    n_threads : int
        How many share the tiles of a full batch. Each has room for one, and for its gradient; that they save time is
        not counted on.
    """
    X, n_train = splits.train.X, splits.train.n_samples
    n_evaluated = sum(part.n_samples for part in (splits.val, splits.test) if part is not None)
    share = 1.0 if isinstance(X, np.ndarray) else X.nnz / (X.shape[0] * X.shape[1])
    products = 1.0 if share > DENSEST else share / SPARSE_RATE  # of a dense first layer's time
    sizes = (X.shape[1], *network.hidden_layer_sizes, splits.n_classes)
    first, *others = (fan_in * fan_out for fan_in, fan_out in pairwise(sizes))
    n_weights = n_parameters(sizes[0], network.hidden_layer_sizes, splits.n_classes)
    n_steps = -(-n_train // min(training.batch_size or n_train, n_train))
    a_sample = 2 * (products * first + sum(others) + 4 * sum(sizes[1:]))
    operations = a_sample * (3 * n_train + n_evaluated / training.evaluate_every) + 10 * n_weights * n_steps
    calls = n_steps * (12 * len(sizes) + 20)
    itemsize = np.dtype(training.dtype).itemsize
    copies = 5 + training.optimizer.n_slots  # parameters, gradient, room to compute in, best and last ones
    widths = 3 * sum(sizes[1:]) + (sizes[0] if share > DENSEST and training.batch_size else 0)
    in_tiles = training.batch_size is None and share > DENSEST  # of these there are never more at once than in a tile
    longest = max(SHORTEST, TILE_BYTES // (itemsize * widths)) if in_tiles else training.batch_size or n_train
    tile = min(n_train, longest) * widths
    n_sharing = min(n_threads, -(-n_train // longest)) if in_tiles else 1
    return Footprint(
        seconds_a_network=training.epochs * operations / FLOPS[training.dtype],
        seconds_for_all=training.epochs * calls * CALL_SECONDS,
        bytes_a_network=itemsize * ((copies + n_sharing - 1) * n_weights + n_sharing * tile),
        bytes_for_all=TILE_BYTES + GATHERED_BYTES,
    )
