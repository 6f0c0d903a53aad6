"""The parameters of K networks, or what a training keeps for each of them (a gradient, a slot of an update rule).

They are seen as layers, for products, and as one or two blocks, for updates that treat all numbers alike: where the
features decide how the first layer's weights lie in memory, these are a block of their own.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from nnsweep.mlp.arrays import BoolArray, FloatArray
from nnsweep.mlp.network import Layer, Layers, n_parameters

Order: TypeAlias = tuple[int, int, int]
BY_NETWORK: Order = (0, 1, 2)
"""The first layer's axes (K, fan_in, fan_out) as they lie in memory: network by network, ..."""
BY_UNIT: Order = (0, 2, 1)
"""... unit by unit, so that all networks' products with shared features are one, ..."""
BY_FEATURE: Order = (1, 0, 2)
"""... feature by feature, as a product with CSR features asks for."""


class Parameters:
    """Numbers for every weight and bias of K networks, all 0 at first.

    Parameters
    ----------
    sizes : sequence of int
        n_features, the hidden sizes, n_classes.
    n_networks : int
        K.
    dtype : dtype
        Their precision.
    order : tuple of int
        How the first layer's weights lie in memory.

    Attributes
    ----------
    layers : list of Layer
        Views of the numbers, by layer.
    blocks : tuple of ndarray
        The same numbers: all of them (K, 1, n), or the weights of the first layer (K, fan_in, fan_out) and all others.
    """

    def __init__(self, sizes: Sequence[int], n_networks: int, dtype: np.dtype, order: Order = BY_NETWORK) -> None:
        self.sizes, self.order = tuple(sizes), order
        n_first = sizes[0] * sizes[1] if order != BY_NETWORK else 0  # in memory of their own
        shape = (n_networks, sizes[0], sizes[1]) if n_first else (n_networks, 0, 0)
        n_others = n_parameters(sizes[0], sizes[1:-1], sizes[-1]) - n_first
        first = np.zeros([shape[axis] for axis in order], dtype)
        self._view(first, np.zeros((n_networks, 1, n_others), dtype))

    def _view(self, first: FloatArray, others: FloatArray) -> None:
        self._first = first
        W = first.transpose(np.argsort(self.order))
        self.blocks = (W, others) if W.size else (others,)
        self.layers: Layers = []
        start = 0
        for number, (fan_in, fan_out) in enumerate(pairwise(self.sizes)):
            if number or not self._first.size:
                W = others[:, 0, start : start + fan_in * fan_out].reshape(-1, fan_in, fan_out)
                start += fan_in * fan_out
            self.layers.append(Layer(W, others[:, :, start : start + fan_out]))
            start += fan_out

    @property
    def n_networks(self) -> int:
        """How many networks there are: K."""
        return len(self.blocks[-1])

    def like(self) -> "Parameters":
        """Return as many zeros, laid in memory in the same way."""
        return Parameters(self.sizes, self.n_networks, self.blocks[0].dtype, self.order)

    def arranged(self, order: Order) -> "Parameters":
        """Return the same numbers, laid in memory in another way."""
        other = Parameters(self.sizes, self.n_networks, self.blocks[0].dtype, order)
        other.assign(self.layers)
        return other

    def assign(self, layers: Layers, networks: slice = slice(None)) -> None:
        """Take the numbers of other layers of the same shapes, for all networks or for some."""
        for own, given in zip(self.layers, layers, strict=True):
            own.W[networks], own.b[networks] = given

    def keep(self, keep: BoolArray) -> None:
        """Let the networks go for which `keep`, of shape (K,), is false."""
        self._view(self._first.compress(keep, axis=self.order.index(0)), self.blocks[-1][keep])

    def finite(self) -> BoolArray:
        """Tell for each network, in shape (K,), whether all its numbers are finite."""
        ends = [end(block, axis=(1, 2)) for block in self.blocks for end in (np.min, np.max)]
        finite: BoolArray = np.asarray(np.isfinite(ends).all(axis=0))
        return finite


def sums_of_squares(numbers: FloatArray, dtype: np.dtype) -> FloatArray:
    """Square the numbers of each network, (K, m, n), and add them up in an order that does not depend on K: (K,)."""
    rows = np.ascontiguousarray(numbers.swapaxes(1, 2)).reshape(len(numbers), -1)
    sums: FloatArray = np.square(rows, dtype=dtype).sum(axis=1)
    return sums
