"""The parameters of a stack: the numbers of K networks in one block of memory, of which each layer's arrays are views.

Whatever treats all parameters alike (update rules, clipping, copies) works on the block and knows no layers.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from nnsweep.mlp.arrays import BoolArray, FloatArray
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Layer, Layers, Network, Shapes
from nnsweep.mlp.parametrization import weight_factor

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
    shapes : sequence of dict
        What `Network.list_shapes` gives.
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

    def __init__(self, shapes: Sequence[Shapes], n_networks: int, dtype: np.dtype, order: Order = BY_NETWORK) -> None:
        self.shapes, self.order = shapes, order
        shape = (n_networks, *(shapes[0]["W"] if order != BY_NETWORK else (0, 0)))  # in memory of its own
        first = np.zeros([shape[axis] for axis in order], dtype)
        n_others = sum(math.prod(one) for layer in shapes for one in layer.values()) - shape[1] * shape[2]
        self._view(first, np.zeros((n_networks, 1, n_others), dtype))

    def _view(self, first: FloatArray, others: FloatArray) -> None:
        self._first = first
        W = first.transpose(np.argsort(self.order))
        self.blocks = (W, others) if W.size else (others,)
        self.layers: Layers = []
        start = 0
        for number, shapes in enumerate(self.shapes):
            arrays = {"W": W} if W.size and not number else {}
            for name, (n_rows, n_columns) in shapes.items():
                if name not in arrays:
                    stop = start + n_rows * n_columns
                    arrays[name] = others[:, 0, start:stop].reshape(-1, n_rows, n_columns)
                    start = stop
            self.layers.append(Layer(**arrays))

    @property
    def dtype(self) -> np.dtype:
        """Their precision."""
        return self.blocks[-1].dtype

    @property
    def n_networks(self) -> int:
        """How many networks there are: K."""
        return len(self.blocks[-1])

    def zeros_like(self) -> "Parameters":
        """Return as many zeros, laid in memory in the same way."""
        return Parameters(self.shapes, self.n_networks, self.dtype, self.order)

    def arrange(self, order: Order) -> "Parameters":
        """Return the same numbers, laid in memory in another way."""
        other = Parameters(self.shapes, self.n_networks, self.dtype, order)
        other.assign(self.layers)
        return other

    def assign(self, layers: Layers, networks: slice = slice(None)) -> None:
        """Take the numbers of other layers of the same shapes, for all networks or for some."""
        for own, given in zip(self.layers, layers, strict=True):
            for array, numbers in zip(own, given, strict=True):
                array[networks] = numbers

    def keep(self, keep: BoolArray) -> None:
        """Let the networks go for which `keep`, of shape (K,), is false."""
        self._view(self._first.compress(keep, axis=self.order.index(0)), self.blocks[-1][keep])

    def finite(self) -> BoolArray:
        """Tell for each network, in shape (K,), whether all its numbers are finite."""
        finite: BoolArray = np.logical_and.reduce([np.isfinite(block).all(axis=(1, 2)) for block in self.blocks])
        return finite


def sums_of_squares(numbers: FloatArray, dtype: np.dtype) -> FloatArray:
    """Square the numbers of each network, (K, m, n), and add them up in an order that does not depend on K: (K,)."""
    rows = np.ascontiguousarray(numbers.swapaxes(1, 2)).reshape(len(numbers), -1)
    sums: FloatArray = np.square(rows, dtype=dtype).sum(axis=1)
    return sums


_ONES = {"gain", "variance", "scale"}


def draw_first_layers(
    network: Network, sizes: Sequence[int], members: Sequence[Member], randoms: Sequence[Generator]
) -> Layers:
    """Draw the first parameters of K networks.

    Parameters
    ----------
    network : Network
        What they have in common.
    sizes : sequence of int
        n_features, the hidden sizes, n_outputs.
    members, randoms : sequences of length K
        Each network's own.

    Returns
    -------
    list of Layer
        In float64. The weights that come of the parameters are what the initializer has drawn. Means begin with 0;
        gains, variances and scales with 1.
    """
    networks = [_draw_network(network, sizes, *own) for own in zip(members, randoms, strict=True)]
    return [
        Layer(**{name: np.stack(arrays) for name, *arrays in zip(layers[0].names, *layers, strict=True)})
        for layers in zip(*networks, strict=True)
    ]


def _draw_network(network: Network, sizes: Sequence[int], member: Member, random: Generator) -> Layers:
    """Draw the first parameters of one network, without an axis of networks."""
    layers = []
    for number, shapes in enumerate(network.list_shapes(sizes)):
        is_last = number == len(network.hidden_layer_sizes)
        arrays = {name: np.full(shape, float(name in _ONES)) for name, shape in shapes.items()}
        if not (is_last and member.zero_output):
            arrays["W"] = member.initializer(random, *shapes["W"]) / weight_factor(network, shapes["W"][0])
        if member.bias_std and not is_last:
            arrays["b"] = random.normal(0.0, member.bias_std, shapes["b"])
        layers.append(Layer(**arrays))
    return layers
