"""K networks of equal layer sizes, and the passes of samples through them, forward and back.

The networks are one list of layers, whose arrays have a leading axis of K; what they have in common is a `Network`. A
single network is K = 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.random import Generator

from nnsweep.mlp.activations import Activation
from nnsweep.mlp.arrays import BoolArray, FloatArray, IntArray
from nnsweep.mlp.batches import Inputs
from nnsweep.mlp.initializers import Initializer
from nnsweep.mlp.losses import first_places


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
    layer_activations : tuple of Activation or None
        One for each hidden layer, in the place of `activation`; None where all have that one.
    output_activation : Activation
        Of the last layer; its values are the logits.
    dropout : float
        The share of hidden units that are left out of each training step.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: Activation
    output_activation: Activation
    layer_activations: tuple[Activation, ...] | None = None
    dropout: float = 0.0

    def activation_of(self, layer: int) -> Activation:
        """Return the activation of the layer with that number, counted from 0."""
        if layer == len(self.hidden_layer_sizes):
            return self.output_activation
        return self.layer_activations[layer] if self.layer_activations else self.activation


def n_parameters(n_features: int, hidden_layer_sizes: Sequence[int], n_classes: int) -> int:
    """Count weights and biases.

    Examples
    --------
    >>> n_parameters(100, (20, 20), 4)
    2524
    """
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise((n_features, *hidden_layer_sizes, n_classes)))


def draw_first_layers(
    sizes: Sequence[int], initializers: Sequence[Initializer], randoms: Sequence[Generator]
) -> Layers:
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
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        W = [draw(random, fan_in, fan_out) for draw, random in zip(initializers, randoms, strict=True)]
        layers.append(Layer(np.stack(W), np.zeros((len(W), 1, fan_out))))
    return layers


def copy_network(layers: Layers, index: int) -> Layers:
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

    def zeros_like(self) -> "Parameters":
        """Return as many zeros, laid in memory in the same way."""
        return Parameters(self.sizes, self.n_networks, self.blocks[0].dtype, self.order)

    def arrange(self, order: Order) -> "Parameters":
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


class Buffers(NamedTuple):
    """Where the passes over n samples are written; each list has one array (K, n, fan_out) a layer.

    Attributes
    ----------
    z : list of ndarray
        Pre-activations.
    a : list of ndarray
        Values, before dropout; the last ones are the logits. The same arrays as `z` where that is allowed.
    signals : list of ndarray
        What leaves each hidden layer; the same arrays as `a` where there is no dropout.
    deltas : list of ndarray
        Derivatives by the values, then by the pre-activations.
    slopes : list of ndarray
        Slopes of the activations; they share their memory, since they are wanted one after the other.
    ones : ndarray of shape (1, n)
        Sums over the samples, as a product.
    places : ndarray of shape (K, n)
        Where each sample's class 0 lies among the last of the `deltas`; see `nnsweep.mlp.losses.first_places`.
    """

    z: list[FloatArray]
    a: list[FloatArray]
    signals: list[FloatArray]
    deltas: list[FloatArray]
    slopes: list[FloatArray]
    ones: FloatArray
    places: IntArray


def make_buffers(
    network: Network, layers: Layers, n_samples: int, *, by_unit: bool = False, in_place: bool = True, back: bool = True
) -> Buffers:
    """Allocate what the passes over some samples need.

    Parameters
    ----------
    network, layers : Network, list of Layer
        What the samples will pass.
    n_samples : int
        How many there are.
    by_unit : bool
        Whether the samples of a unit, rather than the units of a sample, lie side by side in memory. The logits
        always lie class by class: sums over few classes are quick only so.
    in_place : bool
        Whether a value may overwrite its pre-activation.
    back : bool
        Whether the pass back will be wanted.
    """
    last = len(layers) - 1
    shapes = [(len(W), n_samples, W.shape[2]) for W, _ in layers]
    dtype = layers[0].W.dtype

    def empty(number: int, by_unit: bool = by_unit) -> FloatArray:
        n_networks, _, fan_out = shapes[number]
        if by_unit or number == last:
            return np.empty((n_networks, fan_out, n_samples), dtype).swapaxes(1, 2)
        return np.empty(shapes[number], dtype)

    a = [empty(number) for number in range(len(layers))]
    overwritten = [in_place and not (back and network.activation_of(number).needs_z) for number in range(len(a))]
    z = [
        values if shared else empty(number) for number, (values, shared) in enumerate(zip(a, overwritten, strict=True))
    ]
    signals = [empty(number) for number in range(last)] if network.dropout and back else a[:last]
    memory = np.empty(max(math.prod(shape) for shape in shapes) if back else 0, dtype)
    # OpenBLAS is quickest with derivatives that lie unit by unit, but for the first layer's, which go no further back
    deltas = [empty(number, by_unit=by_unit or number > 0) for number in range(len(a))] if back else []

    def view_like(array: FloatArray) -> FloatArray:
        """View the start of the shared memory as an array of the same shape and order as another."""
        if array.flags.c_contiguous:
            return memory[: array.size].reshape(array.shape)
        return memory[: array.size].reshape(array.swapaxes(1, 2).shape).swapaxes(1, 2)

    slopes = [view_like(values) for values in a] if back else []
    return Buffers(z, a, signals, deltas, slopes, np.ones((1, n_samples), dtype), first_places(a[-1]))


def forward(
    network: Network, layers: Layers, X: Inputs, masks: Sequence[FloatArray] = (), *, into: Buffers | None = None
) -> Buffers:
    """Pass features through all layers.

    Parameters
    ----------
    network : Network
        Activations.
    layers : list of Layer
        Parameters of K networks.
    X : Inputs
        Features, shared by all networks or each one's own.
    masks : sequence of ndarray of shape (K, n_samples, fan_out)
        What dropout multiplies the hidden values by; empty for none.
    into : Buffers or None
        Where to write; None for new arrays, in which `z` is buffers.

    Returns
    -------
    Buffers
        ``a[-1]``, of shape (K, n_samples, n_classes), holds the logits.
    """
    buffers = into or make_buffers(network, layers, X.n_samples, in_place=False)
    for number, (W, b) in enumerate(layers):
        z, a = buffers.z[number], buffers.a[number]
        if number:
            np.matmul(buffers.signals[number - 1], W, out=z)
        else:
            X.times(W, z)
        z += b
        if not (network.activation_of(number).is_identity and a is z):
            network.activation_of(number).value(z, a)
        if number < len(buffers.signals) and buffers.signals[number] is not a:
            np.multiply(a, masks[number] if masks else 1, out=buffers.signals[number])
    return buffers


def backward(
    network: Network,
    layers: Layers,
    X: Inputs,
    buffers: Buffers,
    *,
    masks: Sequence[FloatArray] = (),
    into: Layers | None = None,
) -> Layers:
    """Carry the derivative by the logits, which lies in ``buffers.deltas[-1]``, back to every parameter.

    Parameters
    ----------
    network, layers, X, masks : Network, list of Layer, Inputs, sequence of ndarray
        As for `forward`.
    buffers : Buffers
        What `forward` returned; its `deltas` are overwritten.
    into : list of Layer or None
        Where to write; None for new arrays.

    Returns
    -------
    list of Layer
        The sum over the samples of the derivative by each parameter.
    """
    gradients = into or [Layer(np.empty_like(W), np.empty_like(b)) for W, b in layers]
    for number in reversed(range(len(layers))):
        activation, delta, gradient = network.activation_of(number), buffers.deltas[number], gradients[number]
        if not activation.is_identity:
            delta *= activation.slope(buffers.z[number], buffers.a[number], buffers.slopes[number])
        np.matmul(buffers.ones, delta, out=gradient.b)
        if not number:
            X.transposed_times(delta, gradient.W)
            break
        np.matmul(buffers.signals[number - 1].swapaxes(1, 2), delta, out=gradient.W)
        np.matmul(delta, layers[number].W.swapaxes(1, 2), out=buffers.deltas[number - 1])
        if masks:
            buffers.deltas[number - 1] *= masks[number - 1]
    return gradients
