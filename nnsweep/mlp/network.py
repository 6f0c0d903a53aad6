"""K networks of equal layer sizes, as one list of layers whose arrays have a leading axis of K.

What the networks have in common is a `Network`, what differs is in their layers. A single network is K = 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.random import Generator

from nnsweep.mlp.activations import Activation
from nnsweep.mlp.arrays import BoolArray, FloatArray
from nnsweep.mlp.initializers import Initializer


class Layer(NamedTuple):
    """One layer of K networks, or what is kept for each of its parameters.

    Attributes
    ----------
    W : ndarray of shape (K, fan_in, fan_out)
        Weights.
    b : ndarray of shape (K, 1, fan_out)
        Biases.
    """

    W: FloatArray
    b: FloatArray


Layers: TypeAlias = list[Layer]


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the networks of a stack have in common.

    Attributes
    ----------
    hidden_layer_sizes : tuple of int
        Units of each hidden layer; empty for multinomial logistic regression.
    activation : Activation
        Of the hidden layers.
    output_activation : Activation
        Of the last layer; its values are the logits.
    dropout : float
        The share of hidden units that are left out of each training step.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: Activation
    output_activation: Activation
    dropout: float = 0.0

    def activation_of(self, layer: int) -> Activation:
        """Return the activation of the layer with that number, counted from 0."""
        return self.activation if layer < len(self.hidden_layer_sizes) else self.output_activation


def n_parameters(n_features: int, hidden_layer_sizes: Sequence[int], n_classes: int) -> int:
    """Count weights and biases.

    Examples
    --------
    >>> n_parameters(100, (20, 20), 4)
    2524
    """
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise((n_features, *hidden_layer_sizes, n_classes)))


def first_layers(sizes: Sequence[int], initializers: Sequence[Initializer], randoms: Sequence[Generator]) -> Layers:
    """Draw the first weights of K networks.

    Parameters
    ----------
    sizes : sequence of int
        n_features, the hidden sizes, n_classes.
    initializers, randoms : sequences of length K
        Each network's own.

    Returns
    -------
    list of Layer
        In float64, with zero biases.
    """

    def drawn(fan_in: int, fan_out: int) -> Layer:
        W = [draw(random, fan_in, fan_out) for draw, random in zip(initializers, randoms, strict=True)]
        return Layer(np.stack(W), np.zeros((len(W), 1, fan_out)))

    return [drawn(fan_in, fan_out) for fan_in, fan_out in pairwise(sizes)]


def of_network(layers: Layers, index: int) -> Layers:
    """Copy one network out of the stack, keeping a leading axis of 1."""
    return [Layer(W[index : index + 1].copy(), b[index : index + 1].copy()) for W, b in layers]


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
