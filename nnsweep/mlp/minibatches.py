"""Minibatches: the samples of an epoch in each network's own random order, a few at a time.

Every network of a stack shuffles with its own generator, so its order is the one it would have alone.
The last batch of an epoch is shorter where the batch size does not divide the number of samples.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator

from nnsweep.mlp.arrays import Examples, Features, FloatArray, IntArray
from nnsweep.mlp.inputs import Inputs, Own, OwnSparse

if TYPE_CHECKING:
    from scipy.sparse import csr_array

GATHERED_BYTES = 2**20
"""How much of the features is gathered at once: it stays in the processor's cache until it is used."""


class Minibatches:
    """The examples of K networks, and room for the few batches that are gathered at once.

    Parameters
    ----------
    examples : Examples
        Shared by the networks.
    batch_size : int
        Samples a batch; more than there are means one batch of all.
    """

    def __init__(self, examples: Examples, batch_size: int) -> None:
        self.examples, self.batch_size = examples, min(batch_size, examples.n_samples)
        self._memory = np.empty(0)

    def epoch(self, randoms: Sequence[Generator]) -> Iterator[tuple[Inputs, IntArray]]:
        """Yield one epoch of minibatches for K networks.

        Parameters
        ----------
        randoms : sequence of K generators
            One a network; each is asked for one permutation.

        Yields
        ------
        X : Inputs
            Each network's own features; valid until the next are asked for.
        y : ndarray of shape (K, batch_size)
            Class numbers.
        """
        orders = np.stack([random.permutation(self.examples.n_samples) for random in randoms])
        y = self.examples.y[orders]
        for start, stop, X in self._gathered(orders):
            for first in range(start, stop, self.batch_size):
                last = min(first + self.batch_size, stop)
                yield _rows(X, first - start, last - start, orders[:, first:last]), y[:, first:last]

    def _gathered(self, orders: IntArray) -> Iterator[tuple[int, int, Features]]:
        """Yield the features of several whole batches; dense ones as (K, n, n_features), in the same place again."""
        X = self.examples.X
        n_networks, n_samples = orders.shape
        if not isinstance(X, np.ndarray):
            yield 0, n_samples, X
            return
        batch_bytes = n_networks * self.batch_size * X.shape[1] * X.itemsize
        step = self.batch_size * max(1, GATHERED_BYTES // max(1, batch_bytes))
        for start in range(0, n_samples, step):
            chosen = orders[:, start : start + step]
            rows = self._room(chosen.shape)
            np.take(X, chosen, axis=0, out=rows, mode="clip")  # any other mode would go through a copy
            yield start, start + chosen.shape[1], rows

    def _room(self, shape: tuple[int, ...]) -> FloatArray:
        wanted = (*shape, self.examples.X.shape[1])
        if self._memory.size < np.prod(wanted):
            self._memory = np.empty(np.prod(wanted), self.examples.X.dtype)
        return self._memory[: np.prod(wanted)].reshape(wanted)


def _rows(X: Features, start: int, stop: int, chosen: IntArray) -> Inputs:
    return Own(X[:, start:stop]) if isinstance(X, np.ndarray) else _own_sparse(X, chosen)


def _own_sparse(X: "csr_array", chosen: IntArray) -> OwnSparse:
    """Put the chosen rows of each network into columns of their own."""
    from scipy.sparse import csr_array

    n_networks, n_features = len(chosen), X.shape[1]
    rows = csr_array(X[chosen.ravel()])
    per_network = np.diff(rows.indptr[:: chosen.shape[1]])
    columns = rows.indices.astype(np.int64) + np.repeat(np.arange(n_networks) * n_features, per_network)
    shape = (len(rows.indptr) - 1, n_networks * n_features)
    return OwnSparse(csr_array((rows.data, columns, rows.indptr), shape=shape), n_networks)
