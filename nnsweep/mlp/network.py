"""K networks of equal layer sizes, and the passes of samples through them, forward and back.

The networks are one list of layers, whose arrays have a leading axis of K; what they have in common is a `Network`. A
single network is K = 1.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from nnsweep.mlp.activations import Activation
from nnsweep.mlp.arrays import FloatArray, IntArray
from nnsweep.mlp.batches import Inputs
from nnsweep.mlp.losses import first_places
from nnsweep.mlp.normalization import Moments, Normalization, carry_back, normalize, unbiased_variance


class Layer(tuple[FloatArray, ...]):
    """One layer of K networks, or what is kept for each of its parameters: arrays with names.

    Parameters
    ----------
    W : ndarray of shape (K, fan_in, fan_out)
        Weights.
    b : ndarray of shape (K, 1, fan_out)
        Biases.
    **others : ndarray
        What only some networks have. It follows weights and biases in the tuple.

        gain : (K, 1, fan_out)
            What normalized pre-activations are multiplied by, before the bias is added.
        mean, variance : (K, 1, fan_out)
            Running statistics of batch normalization; no gradient moves them.
        scale : (K, fan_in, 1)
            What each feature is multiplied by before the first layer.

    Attributes
    ----------
    names : tuple of str
        Of the arrays, in their order.
    """

    names: tuple[str, ...]

    def __new__(cls, W: FloatArray, b: FloatArray, **others: FloatArray) -> "Layer":
        """Put the arrays together."""
        layer = super().__new__(cls, (W, b, *others.values()))
        layer.names = ("W", "b", *others)
        return layer

    def __getnewargs_ex__(self) -> tuple[tuple[FloatArray, ...], dict[str, FloatArray]]:
        """Say how a copy is made, for pickle and copy."""
        return self[:2], dict(zip(self.names[2:], self[2:], strict=True))

    @property
    def W(self) -> FloatArray:
        """Weights, of shape (K, fan_in, fan_out)."""
        return self[0]

    @property
    def b(self) -> FloatArray:
        """Biases, of shape (K, 1, fan_out)."""
        return self[1]

    def array(self, name: str) -> FloatArray:
        """Return the array of that name."""
        return self[self.names.index(name)]

    def replace_arrays(self, **arrays: FloatArray) -> "Layer":
        """Return a layer that has these arrays in the place of its own, or beside them."""
        return Layer(**dict(zip(self.names, self, strict=True)) | arrays)

    def map(self, function: Callable[[FloatArray], FloatArray]) -> "Layer":
        """Apply a function to every array."""
        return Layer(**{name: function(array) for name, array in zip(self.names, self, strict=True)})


Layers: TypeAlias = list[Layer]
Shapes: TypeAlias = dict[str, tuple[int, int]]
"""The shapes of a layer's arrays by name, without the axis of K networks."""


def array_shapes(fan_in: int, fan_out: int) -> Shapes:
    """Give the shapes of all arrays that a layer may have."""
    others = dict.fromkeys(("b", "gain", "mean", "variance"), (1, fan_out))
    return {"W": (fan_in, fan_out), **others, "scale": (fan_in, 1)}


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
    normalization : {"layer", "batch"} or None
        How the pre-activations of hidden layers are normalized.
    residual : bool
        Whether a hidden layer that is as wide as the one before adds what comes from there to its own values.
    scaling_layer : bool
        Whether each feature is multiplied by a scale that is trained.
    parametrization : {"ntk"} or None
        Whether weights are parameters divided by the root of the fan-in, see `nnsweep.mlp.parametrization`.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: Activation
    output_activation: Activation
    layer_activations: tuple[Activation, ...] | None = None
    dropout: float = 0.0
    normalization: Normalization | None = None
    residual: bool = False
    scaling_layer: bool = False
    parametrization: Literal["ntk"] | None = None

    def activation_of(self, layer: int) -> Activation:
        """Return the activation of the layer with that number, counted from 0."""
        if layer == len(self.hidden_layer_sizes):
            return self.output_activation
        return self.layer_activations[layer] if self.layer_activations else self.activation

    def is_residual(self, layer: int) -> bool:
        """Tell whether the layer with that number adds what comes from the one before to its own values."""
        sizes = self.hidden_layer_sizes
        return self.residual and 0 < layer < len(sizes) and sizes[layer] == sizes[layer - 1]

    def list_shapes(self, sizes: Sequence[int]) -> list[Shapes]:
        """Give the shapes of each layer's arrays, by name and without the axis of K networks.

        Parameters
        ----------
        sizes : sequence of int
            n_features, the hidden sizes, n_outputs.
        """
        return [self._choose_arrays(number, array_shapes(*ends)) for number, ends in enumerate(pairwise(sizes))]

    def count_parameters(self, n_features: int, n_outputs: int) -> int:
        """Count the numbers that gradients move."""
        shapes = self.list_shapes((n_features, *self.hidden_layer_sizes, n_outputs))
        return sum(math.prod(layer[name]) for layer in shapes for name in layer if name not in ("mean", "variance"))

    def _choose_arrays(self, number: int, shapes: Shapes) -> Shapes:
        """Choose the arrays that the layer with that number has."""
        names = {"W", "b"}
        if self.normalization and number < len(self.hidden_layer_sizes):
            names |= {"gain"} if self.normalization == "layer" else {"gain", "mean", "variance"}
        if self.scaling_layer and not number:
            names.add("scale")
        return {name: shape for name, shape in shapes.items() if name in names}


def n_parameters(n_features: int, hidden_layer_sizes: Sequence[int], n_classes: int) -> int:
    """Count weights and biases.

    Examples
    --------
    >>> n_parameters(100, (20, 20), 4)
    2524
    """
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise((n_features, *hidden_layer_sizes, n_classes)))


def copy_network(layers: Layers, index: int) -> Layers:
    """Copy one network out of the stack, keeping a leading axis of 1."""
    return [layer.map(lambda array: array[index : index + 1].copy()) for layer in layers]


class Buffers(NamedTuple):
    """Where the passes over n samples are written; each list has one array (K, n, fan_out) a layer.

    Attributes
    ----------
    z : list of ndarray
        Pre-activations.
    a : list of ndarray
        Values, before dropout; the last ones are the logits. The same arrays as `z` where that is allowed.
    signals : list of ndarray
        What leaves each hidden layer; the same arrays as `a` where nothing is left out or added.
    normalized : list of ndarray
        Pre-activations after a normalization, before gain and bias; the same arrays as `z` where there is none.
    moments : list of Moments or None
        What a normalization took from them.
    deltas : list of ndarray
        Derivatives by the values, then by the pre-activations.
    slopes : list of ndarray
        Slopes of the activations; they share their memory, since they are wanted one after the other.
    turned : list of ndarray
        The same slopes, laid in memory as the `deltas` are; the same arrays as `slopes` where these lie so already.
    ones : ndarray of shape (1, n)
        Sums over the samples, as a product.
    places : ndarray of shape (K, n)
        Where each sample's class 0 lies among the last of the `deltas`; see `nnsweep.mlp.losses.first_places`.
    """

    z: list[FloatArray]
    a: list[FloatArray]
    signals: list[FloatArray]
    normalized: list[FloatArray]
    moments: list[Moments | None]
    deltas: list[FloatArray]
    slopes: list[FloatArray]
    turned: list[FloatArray]
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
    shapes = [(len(layer.W), n_samples, layer.W.shape[2]) for layer in layers]
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
    changed = [bool(network.dropout and back) or network.is_residual(number) for number in range(last)]
    signals = [empty(number) if other else a[number] for number, other in enumerate(changed)]
    normalized = [empty(number) if back and "gain" in layer.names else z[number] for number, layer in enumerate(layers)]
    # OpenBLAS is quickest with derivatives that lie unit by unit, but for the first layer's, which go no further back
    deltas = [empty(number, by_unit=by_unit or number > 0) for number in range(len(a))] if back else []
    slopes = _share_memory(a) if back else []
    lie_alike = [values.strides == delta.strides for values, delta in zip(slopes, deltas, strict=True)]
    turned = slopes if all(lie_alike) else _share_memory(deltas)
    turned = [slopes[number] if alike else turned[number] for number, alike in enumerate(lie_alike)]
    ones, moments = np.ones((1, n_samples), dtype), list[Moments | None]([None] * len(a))
    return Buffers(z, a, signals, normalized, moments, deltas, slopes, turned, ones, first_places(a[-1]))


def _share_memory(arrays: Sequence[FloatArray]) -> list[FloatArray]:
    """Give views of one and the same memory, each of the shape and order of one of the arrays."""
    memory = np.empty(max(array.size for array in arrays), arrays[0].dtype)

    def view_like(array: FloatArray) -> FloatArray:
        if array.flags.c_contiguous:
            return memory[: array.size].reshape(array.shape)
        return memory[: array.size].reshape(array.swapaxes(1, 2).shape).swapaxes(1, 2)

    return [view_like(array) for array in arrays]


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
    for number, layer in enumerate(layers):
        activation = network.activation_of(number)
        z, a, normalized = buffers.z[number], buffers.a[number], buffers.normalized[number]
        if number:
            np.matmul(buffers.signals[number - 1], layer.W, out=normalized)
        else:
            X.times(layer.W, normalized)
        if network.normalization and "gain" in layer.names:
            buffers.moments[number] = normalize(normalized, network.normalization)
            np.multiply(normalized, layer.array("gain"), out=z)
        z += layer.b
        if not (activation.is_identity and a is z):
            activation.value(z, a)
        if number < len(buffers.signals) and buffers.signals[number] is not a:
            np.multiply(a, masks[number] if masks else 1, out=buffers.signals[number])
            if network.is_residual(number):
                buffers.signals[number] += buffers.signals[number - 1]
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
    gradients = into or [layer.map(np.empty_like) for layer in layers]
    passed_by: FloatArray | None = None  # the derivative by what a residual layer passes on as it is
    for number in reversed(range(len(layers))):
        activation, delta, gradient = network.activation_of(number), buffers.deltas[number], gradients[number]
        if not activation.is_identity:
            slope = activation.slope(buffers.z[number], buffers.a[number], buffers.slopes[number])
            if buffers.turned[number] is not slope:  # a copy costs less than a product of arrays that lie differently
                np.copyto(buffers.turned[number], slope)
            delta *= buffers.turned[number]
        np.matmul(buffers.ones, delta, out=gradient.b)
        if network.normalization and (moments := buffers.moments[number]) is not None:
            normalized = buffers.normalized[number]
            np.matmul(buffers.ones, delta * normalized, out=gradient.array("gain"))
            delta *= layers[number].array("gain")
            carry_back(delta, normalized, moments, network.normalization)
            if network.normalization == "batch":  # until the step, what is wanted of the batch stands in the gradient
                gradient.array("mean")[...] = moments.mean
                gradient.array("variance")[...] = unbiased_variance(moments, X.n_samples)
        if not number:
            X.transposed_times(delta, gradient.W)
            break
        np.matmul(buffers.signals[number - 1].swapaxes(1, 2), delta, out=gradient.W)
        np.matmul(delta, layers[number].W.swapaxes(1, 2), out=buffers.deltas[number - 1])
        if passed_by is not None:
            buffers.deltas[number - 1] += passed_by
        passed_by = buffers.deltas[number - 1].copy(order="K") if network.is_residual(number - 1) else None
        if masks:
            buffers.deltas[number - 1] *= masks[number - 1]
    return gradients
