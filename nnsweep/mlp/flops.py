"""Floating-point operations: what an epoch of training asks for, whatever machine does it.

Only the products with weights are counted, a multiplication and an addition as two operations: biases, activations,
the update and the measuring of accuracy are small beside them. Unlike seconds, the number is the same everywhere.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nnsweep.mlp.arrays import Features
from nnsweep.mlp.train import DENSEST


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
    first, *others = _products(X, hidden_layer_sizes, n_classes)
    return 4 * first + 6 * sum(others)


def _products(X: Features, hidden_layer_sizes: Sequence[int], n_classes: int) -> list[int]:
    """Count the multiplications of each layer's product with its inputs."""
    n_samples, n_features = (int(length) for length in X.shape)
    entries = n_samples * n_features
    if not isinstance(X, np.ndarray) and X.nnz <= DENSEST * entries:
        entries = int(X.nnz)
    first, *others = pairwise((n_features, *hidden_layer_sizes, n_classes))
    return [entries * first[1], *(n_samples * fan_in * fan_out for fan_in, fan_out in others)]
