"""The profile of a training: how many operations an epoch takes, and how much memory and time.

Of the operations only the products with weights are counted, a multiplication and an addition as two: biases,
activations, the update and the measuring of accuracy are small beside them. Unlike seconds, the number is the same on
every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnsweep.mlp.arrays import Features
from nnsweep.mlp.batches import GATHERED_BYTES, SHORTEST, TILE_BYTES
from nnsweep.mlp.losses import make_loss
from nnsweep.mlp.network import Network
from nnsweep.mlp.parametrization import is_reparametrized
from nnsweep.mlp.train import DENSEST, Splits, Training


def epoch_flops(X: Features, hidden_layer_sizes: Sequence[int], n_classes: int) -> int:
    """Count the operations of one epoch of training on all samples; batches of any size take the same.

    A product ``(n, fan_in) @ (fan_in, fan_out)`` takes ``2 n fan_in fan_out`` operations (Golub and Van Loan, *Matrix
    Computations*, 4th ed., 2013, section 1.1). A CSR array enters with its stored entries alone, ``2 nnz fan_out``,
    unless it is so full that the trainer makes it dense.

    The pass back has two products a layer, one for the derivative by its weights and one for that by its inputs, and
    so costs twice the pass forward (Goodfellow, Bengio and Courville, *Deep Learning*, 2016, section 6.5; the rule of
    six operations a weight and sample is in Kaplan et al., *Scaling Laws for Neural Language Models*, 2020, section
    2.1); but nobody asks for the derivative by the features::

        6 n (fan_in_1 fan_out_1 + fan_in_2 fan_out_2 + ...) - 2 n fan_in_1 fan_out_1

    Parameters
    ----------
    X : ndarray or csr_array of shape (n_samples, n_features)
        The features that are learned from.
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    n_classes : int
        Units of the last one.

    Examples
    --------
    >>> import numpy as np
    >>> epoch_flops(np.zeros((1000, 64)), (32,), 10)  # 1000 samples: 4 * 64 * 32 + 6 * 32 * 10 each
    10112000
    """
    n_samples, n_features = (int(length) for length in X.shape)
    entries = n_samples * n_features
    if not isinstance(X, np.ndarray) and X.nnz <= DENSEST * entries:
        entries = int(X.nnz)
    first, *others = pairwise((n_features, *hidden_layer_sizes, n_classes))
    return 4 * entries * first[1] + 6 * n_samples * sum(fan_in * fan_out for fan_in, fan_out in others)


CALL_SECONDS = 3e-6
"""Of one NumPy call on small arrays."""
FLOPS = {"float32": 6.5e10, "float64": 3.3e10}
"""Floating-point operations a second, of one core with everything around the products."""
SPARSE_RATE = 0.06
"""How fast a product with CSR features is, for the same operations."""
UPDATE_SECONDS = 1.2e-10
"""Of one byte that an update rule reads and writes: where features are sparse, most of a step."""


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
    n_outputs = make_loss(training.loss, splits.task).count_outputs(splits.n_outputs)
    sizes = (X.shape[1], *network.hidden_layer_sizes, n_outputs)
    first, *others = (fan_in * fan_out for fan_in, fan_out in pairwise(sizes))
    n_weights = network.count_parameters(sizes[0], n_outputs)
    n_steps = -(-n_train // min(training.batch_size or n_train, n_train))
    a_sample = 2 * (products * first + sum(others) + 4 * sum(sizes[1:]))
    operations = a_sample * (3 * n_train + n_evaluated / training.evaluate_every)
    calls = n_steps * (12 * len(sizes) + 20)
    itemsize = np.dtype(training.dtype).itemsize
    updates = n_steps * n_weights * itemsize * (1 + 2 * training.optimizer.n_slots)
    copies = 5 + training.optimizer.n_slots  # parameters, gradient, room to compute in, best and last ones
    copies += 2 * (training.ema is not None) + 2 * is_reparametrized(network)  # these, and what is measured of them
    widths = (3 + bool(network.normalization)) * sum(sizes[1:])
    widths += sizes[0] if share > DENSEST and training.batch_size else 0
    is_whole = share <= DENSEST or network.normalization == "batch"
    in_tiles = training.batch_size is None and not is_whole  # of these there are never more at once than in a tile
    longest = max(SHORTEST, TILE_BYTES // (itemsize * widths)) if in_tiles else training.batch_size or n_train
    tile = min(n_train, longest) * widths
    n_sharing = min(n_threads, -(-n_train // longest)) if in_tiles else 1
    return Footprint(
        seconds_a_network=training.epochs * (operations / FLOPS[training.dtype] + updates * UPDATE_SECONDS),
        seconds_for_all=training.epochs * calls * CALL_SECONDS,
        bytes_a_network=itemsize * ((copies + n_sharing - 1) * n_weights + n_sharing * tile),
        bytes_for_all=TILE_BYTES + GATHERED_BYTES,
    )
