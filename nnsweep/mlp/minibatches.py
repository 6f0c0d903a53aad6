"""Minibatches: the samples of an epoch in each network's own random order, a few at a time.

Every network of a stack shuffles with its own generator, so its order is the one it would have alone.
The last batch of an epoch is shorter where the batch size does not divide the number of samples.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator
from scipy.sparse import csr_array

from nnsweep.mlp.arrays import Examples, IntArray
from nnsweep.mlp.network import Inputs


def minibatches(examples: Examples, batch_size: int, randoms: Sequence[Generator]) -> Iterator[tuple[Inputs, IntArray]]:
    """Yield one epoch of minibatches for K networks.

    Parameters
    ----------
    examples : Examples
        Shared by the networks.
    batch_size : int
        Samples a batch; more than there are means one batch of all.
    randoms : sequence of K generators
        One a network; each is asked for one permutation.

    Yields
    ------
    X : ndarray of shape (K, batch_size, n_features) or list of K csr_array
        Features.
    y : ndarray of shape (K, batch_size)
        Class numbers.
    """
    orders = np.stack([random.permutation(examples.n_samples) for random in randoms])
    for start in range(0, examples.n_samples, batch_size):
        chosen = orders[:, start : start + batch_size]
        yield _rows(examples, chosen), examples.y[chosen]


def _rows(examples: Examples, chosen: IntArray) -> Inputs:
    if isinstance(examples.X, csr_array):
        return [examples.X[rows] for rows in chosen]
    return examples.X[chosen]
