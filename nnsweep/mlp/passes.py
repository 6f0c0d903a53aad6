"""The two passes through K networks at once: features to logits, and from there back to every parameter.

Every array that a pass writes is there before it begins (`Room`) and is used again, so that an epoch allocates
nothing that can be kept. An activation whose slope needs only its value is computed in place.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nnsweep.mlp.arrays import FloatArray, IntArray
from nnsweep.mlp.cost import first_places
from nnsweep.mlp.inputs import Inputs
from nnsweep.mlp.network import Layer, Layers, Network


class Room(NamedTuple):
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
        Where each sample's class 0 lies among the last of the `deltas`; see `nnsweep.mlp.cost.first_places`.
    """

    z: list[FloatArray]
    a: list[FloatArray]
    signals: list[FloatArray]
    deltas: list[FloatArray]
    slopes: list[FloatArray]
    ones: FloatArray
    places: IntArray


def room(
    network: Network, layers: Layers, n_samples: int, *, by_unit: bool = False, in_place: bool = True, back: bool = True
) -> Room:
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
    slopes = [_like(memory, values) for values in a] if back else []
    return Room(z, a, signals, deltas, slopes, np.ones((1, n_samples), dtype), first_places(a[-1]))


def _like(memory: FloatArray, array: FloatArray) -> FloatArray:
    """View the start of some memory as an array of the same shape and order as another."""
    if array.flags.c_contiguous:
        return memory[: array.size].reshape(array.shape)
    return memory[: array.size].reshape(array.swapaxes(1, 2).shape).swapaxes(1, 2)


def forward(
    network: Network, layers: Layers, X: Inputs, masks: Sequence[FloatArray] = (), *, into: Room | None = None
) -> Room:
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
    into : Room or None
        Where to write; None for new arrays, in which `z` is kept.

    Returns
    -------
    Room
        ``a[-1]``, of shape (K, n_samples, n_classes), holds the logits.
    """
    kept = into or room(network, layers, X.n_samples, in_place=False)
    for number, (W, b) in enumerate(layers):
        z, a = kept.z[number], kept.a[number]
        if number:
            np.matmul(kept.signals[number - 1], W, out=z)
        else:
            X.times(W, z)
        z += b
        if not (network.activation_of(number).is_identity and a is z):
            network.activation_of(number).value(z, a)
        if number < len(kept.signals) and kept.signals[number] is not a:
            np.multiply(a, masks[number] if masks else 1, out=kept.signals[number])
    return kept


def backward(
    network: Network,
    layers: Layers,
    X: Inputs,
    kept: Room,
    *,
    masks: Sequence[FloatArray] = (),
    into: Layers | None = None,
) -> Layers:
    """Carry the derivative by the logits, which lies in ``kept.deltas[-1]``, back to every parameter.

    Parameters
    ----------
    network, layers, X, masks : Network, list of Layer, Inputs, sequence of ndarray
        As for `forward`.
    kept : Room
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
        activation, delta, gradient = network.activation_of(number), kept.deltas[number], gradients[number]
        if not activation.is_identity:
            delta *= activation.slope(kept.z[number], kept.a[number], kept.slopes[number])
        np.matmul(kept.ones, delta, out=gradient.b)
        if not number:
            X.transposed_times(delta, gradient.W)
            break
        np.matmul(kept.signals[number - 1].swapaxes(1, 2), delta, out=gradient.W)
        np.matmul(delta, layers[number].W.swapaxes(1, 2), out=kept.deltas[number - 1])
        if masks:
            kept.deltas[number - 1] *= masks[number - 1]
    return gradients
