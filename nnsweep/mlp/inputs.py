"""What enters the first layer: features that all networks of a stack share, or each network's own; dense or CSR.

Every kind knows the same two products over all networks at once, each into an array that is there already:
with the weights, on the way forward, and with a derivative, on the way back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from nnsweep.mlp.arrays import Features, FloatArray

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


def shared(X: Features) -> SharedInputs:
    """Prepare features that all networks share for both products; the transposed ones are a copy."""
    if not isinstance(X, np.ndarray):
        return SharedSparse(X, X.T.tocsr())
    return Shared(np.ascontiguousarray(X), np.ascontiguousarray(X.T))


def inputs(X: "Features | Sequence[csr_array]") -> Inputs:
    """Prepare features: (n_samples, n_features) shared, (K, n_samples, n_features), or one CSR array a network."""
    if isinstance(X, np.ndarray):
        return shared(X) if X.ndim == 2 else Own(X)
    if not isinstance(X, Sequence):
        return shared(X)
    from scipy.sparse import block_diag, csr_array

    return OwnSparse(csr_array(block_diag(X, format="csr")), len(X))


def _by_unit(array: FloatArray) -> bool:
    """Tell whether the samples of a unit, or its weights, lie side by side in memory."""
    return bool(array.swapaxes(1, 2).flags.c_contiguous)
