"""Batches: the features that enter the first layer, cut into tiles of a full batch or into minibatches.

All networks of a stack share the features, or each has its own; they are dense or CSR. Every kind knows the same two
products over all networks at once, each into an array that is there already: with the weights, on the way forward, and
with a derivative, on the way back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.random import Generator

from nnsweep.mlp.arrays import Examples, Features, FloatArray, IntArray, Targets

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Inputs(Protocol):
    """Features of K networks and n samples."""

    @property
    def n_samples(self) -> int:
        """How many samples each network sees."""

    def times(self, W: FloatArray, out: FloatArray) -> None:
        """Write ``X @ W`` of each network, W of shape (K, fan_in, fan_out), into `out` (K, n_samples, fan_out)."""

    def transposed_times(self, delta: FloatArray, out: FloatArray) -> None:
        """Write ``X.T @ delta`` of each network, delta of shape (K, n_samples, fan_out), into `out`."""


class Batch(NamedTuple):
    """Samples that pass the networks together.

    Attributes
    ----------
    X : Inputs
        Features.
    y : ndarray
        Targets, as `nnsweep.mlp.arrays.Examples` has them; where each network has its own, with a leading axis of K.
    weight : ndarray of shape (n_samples,) or (K, n_samples), or None
        How much each sample counts; None if all count the same.
    """

    X: Inputs
    y: Targets
    weight: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Shared:
    """Dense features of all networks: (n_samples, n_features), and the same transposed.

    Every network has a product of its own: in one wide product of all, the last bits of each would depend on how many
    there are.
    """

    X: FloatArray
    X_transposed: FloatArray

    @property
    def n_samples(self) -> int:
        """How many rows there are."""
        return int(self.X.shape[0])

    def times(self, W: FloatArray, out: FloatArray) -> None:
        """Write ``X @ W``."""
        if _by_unit(W) and _by_unit(out):
            np.matmul(W.swapaxes(1, 2), self.X_transposed, out=out.swapaxes(1, 2))
        else:
            np.matmul(self.X, W, out=out)

    def transposed_times(self, delta: FloatArray, out: FloatArray) -> None:
        """Write ``X.T @ delta``."""
        if _by_unit(delta) and _by_unit(out):
            np.matmul(delta.swapaxes(1, 2), self.X, out=out.swapaxes(1, 2))
        else:
            np.matmul(self.X_transposed, delta, out=out)

    def rows(self, start: int, stop: int) -> "Shared":
        """Return some of the samples."""
        return Shared(self.X[start:stop], self.X_transposed[:, start:stop])


@dataclass(frozen=True, eq=False)
class Own:
    """Dense features of each network: (K, n_samples, n_features)."""

    X: FloatArray

    @property
    def n_samples(self) -> int:
        """How many samples each network sees."""
        return int(self.X.shape[1])

    def times(self, W: FloatArray, out: FloatArray) -> None:
        """Write ``X @ W``."""
        np.matmul(self.X, W, out=out)

    def transposed_times(self, delta: FloatArray, out: FloatArray) -> None:
        """Write ``X.T @ delta``."""
        np.matmul(self.X.swapaxes(1, 2), delta, out=out)


@dataclass(frozen=True, eq=False)
class SharedSparse:
    """CSR features of all networks: (n_samples, n_features), and the same transposed."""

    X: "csr_array"
    X_transposed: "csr_array"

    @property
    def n_samples(self) -> int:
        """How many rows there are."""
        return int(self.X.shape[0])

    def times(self, W: FloatArray, out: FloatArray) -> None:
        """Write ``X @ W``: one sparse product, whose columns are the units of all networks."""
        by_feature = W.swapaxes(0, 1)
        if by_feature.flags.c_contiguous:
            together = self.X @ by_feature.reshape(len(by_feature), -1)
            np.copyto(out, together.reshape(-1, *by_feature.shape[1:]).swapaxes(0, 1))
        else:
            for w, values in zip(W, out, strict=True):
                np.copyto(values, self.X @ w)

    def transposed_times(self, delta: FloatArray, out: FloatArray) -> None:
        """Write ``X.T @ delta``, as one sparse product."""
        by_sample = np.ascontiguousarray(delta.swapaxes(0, 1))
        together = self.X_transposed @ by_sample.reshape(len(by_sample), -1)
        np.copyto(out, together.reshape(-1, *by_sample.shape[1:]).swapaxes(0, 1))

    def rows(self, start: int, stop: int) -> "SharedSparse":
        """Return some of the samples."""
        return SharedSparse(self.X[start:stop], self.X_transposed[:, start:stop])


@dataclass(frozen=True, eq=False)
class OwnSparse:
    """CSR features of each network, as the blocks of one CSR array (K * n_samples, K * n_features)."""

    X: "csr_array"
    n_networks: int

    @classmethod
    def of_rows(cls, X: "csr_array", chosen: IntArray) -> "OwnSparse":
        """Put rows of shared features, by their numbers (K, n_samples), into columns of each network's own."""
        from scipy.sparse import csr_array

        n_networks, n_features = len(chosen), X.shape[1]
        rows = csr_array(X[chosen.ravel()])
        per_network = np.diff(rows.indptr[:: chosen.shape[1]])
        columns = rows.indices.astype(np.int64) + np.repeat(np.arange(n_networks) * n_features, per_network)
        shape = (len(rows.indptr) - 1, n_networks * n_features)
        return cls(csr_array((rows.data, columns, rows.indptr), shape=shape), n_networks)

    @property
    def n_samples(self) -> int:
        """How many samples each network sees."""
        return int(self.X.shape[0]) // self.n_networks

    def times(self, W: FloatArray, out: FloatArray) -> None:
        """Write ``X @ W``."""
        together = self.X @ W.reshape(-1, W.shape[2])
        np.copyto(out, together.reshape(out.shape))

    def transposed_times(self, delta: FloatArray, out: FloatArray) -> None:
        """Write ``X.T @ delta``."""
        together = self.X.T @ delta.reshape(-1, delta.shape[2])
        np.copyto(out, together.reshape(out.shape))


SharedInputs: TypeAlias = Shared | SharedSparse

LARGE_SCALE = 3.0
"""The `feature_scale` beyond which features are likely to keep a network from learning; standardized ones have 1."""


def feature_scale(X: Features) -> float:
    """Measure how far features are from standardized: the largest absolute mean or standard deviation of any of them.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n_samples, n_features)
        Features.

    Examples
    --------
    >>> feature_scale(np.array([[0.0, 100.0], [1.0, 102.0]]))
    101.0
    """
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.asarray(X.mean(axis=0, dtype=np.float64))
        if not isinstance(X, np.ndarray):
            squares = np.asarray(X.power(2).mean(axis=0, dtype=np.float64))
            deviations = np.sqrt(np.maximum(squares - means**2, 0.0))
        else:
            deviations = X.std(axis=0, dtype=np.float64)
        return float(max(np.abs(means).max(initial=0.0), deviations.max(initial=0.0)))


def share_features(X: Features) -> SharedInputs:
    """Prepare features that all networks share for both products; the transposed ones are a copy."""
    if not isinstance(X, np.ndarray):
        return SharedSparse(X, X.T.tocsr())
    return Shared(np.ascontiguousarray(X), np.ascontiguousarray(X.T))


def prepare_inputs(X: "Features | Sequence[csr_array]") -> Inputs:
    """Prepare features: (n_samples, n_features) shared, (K, n_samples, n_features), or one CSR array a network."""
    if isinstance(X, np.ndarray):
        return share_features(X) if X.ndim == 2 else Own(X)
    if not isinstance(X, Sequence):
        return share_features(X)
    from scipy.sparse import block_diag, csr_array

    return OwnSparse(csr_array(block_diag(X, format="csr")), len(X))


def _by_unit(array: FloatArray) -> bool:
    """Tell whether the samples of a unit, or its weights, lie side by side in memory."""
    return bool(array.swapaxes(1, 2).flags.c_contiguous)


TILE_BYTES = 2**20
"""What one network's arrays of a tile may take; they stay in the caches, and smaller tiles cost more calls."""
SHORTEST = 64


def cut_tiles(examples: Examples, *, bytes_a_sample: int) -> list[Batch]:
    """Part examples into tiles of nearly equal length.

    Parameters
    ----------
    examples : Examples
        Shared by all networks.
    bytes_a_sample : int
        What is written for one sample and one network: how a sum is parted must not depend on how many there are.

    Returns
    -------
    list of Batch
        CSR features stay in one piece: their product takes longer than what follows.
    """
    X, n_samples = share_features(examples.X), examples.n_samples
    if not isinstance(X, Shared):
        return [Batch(X, examples.y, examples.weight)]
    n_tiles = -(-n_samples // max(SHORTEST, TILE_BYTES // bytes_a_sample))
    length = -(-n_samples // n_tiles)
    tiles = []
    for start in range(0, n_samples, length):
        rows = slice(start, min(start + length, n_samples))
        weight = None if examples.weight is None else examples.weight[rows]
        tiles.append(Batch(X.rows(rows.start, rows.stop), examples.y[rows], weight))
    return tiles


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

    @property
    def n_batches(self) -> int:
        """How many batches an epoch has."""
        return -(-self.examples.n_samples // self.batch_size)

    def epoch(self, randoms: Sequence[Generator]) -> Iterator[Batch]:
        """Yield one epoch of minibatches for K networks.

        Parameters
        ----------
        randoms : sequence of K generators
            One a network; each is asked for one permutation.

        Yields
        ------
        Batch
            Of each network's own samples; its features are valid until the next batch is asked for.
        """
        X, n_samples, size = self.examples.X, self.examples.n_samples, self.batch_size
        orders = np.stack([random.permutation(n_samples) for random in randoms])
        y, weight = self.examples.y[orders], self.examples.weight
        weights = None if weight is None else weight[orders]

        def make_batch(features: Inputs, first: int) -> Batch:
            rows = slice(first, first + size)
            return Batch(features, y[:, rows], None if weights is None else weights[:, rows])

        if not isinstance(X, np.ndarray):
            for first in range(0, n_samples, size):
                yield make_batch(OwnSparse.of_rows(X, orders[:, first : first + size]), first)
            return
        batch_bytes = len(orders) * size * X.shape[1] * X.itemsize
        step = size * max(1, GATHERED_BYTES // max(1, batch_bytes))
        for start in range(0, n_samples, step):
            rows = self._gather(X, orders[:, start : start + step])
            for first in range(0, rows.shape[1], size):
                yield make_batch(Own(rows[:, first : first + size]), start + first)

    def _gather(self, X: FloatArray, chosen: IntArray) -> FloatArray:
        """Copy the chosen rows of each network, (K, n, n_features), to the same place in memory each time."""
        shape = (*chosen.shape, X.shape[1])
        if self._memory.size < np.prod(shape):
            self._memory = np.empty(np.prod(shape), X.dtype)
        rows = self._memory[: np.prod(shape)].reshape(shape)
        np.take(X, chosen, axis=0, out=rows, mode="clip")  # any other mode would go through a copy
        return rows
