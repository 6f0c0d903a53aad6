"""K networks of equal layer sizes, as one list of layers whose arrays have a leading axis of K.

The forward pass turns features into logits, the backward pass turns the derivative by the logits into
the derivative by every parameter. A single network is K = 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.random import Generator
from scipy.sparse import csr_array

from nnsweep.mlp.activations import Activation
from nnsweep.mlp.arrays import BoolArray, Features, FloatArray
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
Inputs: TypeAlias = Features | Sequence[csr_array]
"""Shared (n_samples, n_features), each network's own (K, n_samples, n_features), or K CSR arrays."""


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


class Pass(NamedTuple):
    """What a forward pass leaves for the backward pass, for each layer.

    Attributes
    ----------
    inputs : list
        What entered the layer: the features, then (K, n_samples, fan_in).
    z : list of ndarray of shape (K, n_samples, fan_out)
        Pre-activations.
    a : list of ndarray of shape (K, n_samples, fan_out)
        Values, before dropout; the last ones are the logits.
    masks : list of ndarray or None
        What dropout multiplied the values by.
    """

    inputs: list[Inputs]
    z: list[FloatArray]
    a: list[FloatArray]
    masks: Sequence[FloatArray | None]


def n_parameters(n_features: int, hidden_layer_sizes: Sequence[int], n_classes: int) -> int:
    """Count weights and biases.

    Examples
    --------
    >>> n_parameters(100, (20, 20), 4)
    2524
    """
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise((n_features, *hidden_layer_sizes, n_classes)))


def first_layers(
    sizes: Sequence[int], initializers: Sequence[Initializer], randoms: Sequence[Generator], dtype: np.dtype
) -> Layers:
    """Draw the first weights of K networks.

    Parameters
    ----------
    sizes : sequence of int
        n_features, the hidden sizes, n_classes.
    initializers, randoms : sequences of length K
        Each network's own.
    dtype : dtype
        Of the parameters; the weights are drawn in float64.

    Returns
    -------
    list of Layer
        With zero biases.
    """

    def drawn(fan_in: int, fan_out: int) -> Layer:
        W = [draw(random, fan_in, fan_out) for draw, random in zip(initializers, randoms, strict=True)]
        return Layer(np.stack(W).astype(dtype), np.zeros((len(W), 1, fan_out), dtype))

    return [drawn(fan_in, fan_out) for fan_in, fan_out in pairwise(sizes)]


def of_network(layers: Layers, index: int) -> Layers:
    """Copy one network out of the stack, keeping a leading axis of 1."""
    return [Layer(W[index : index + 1].copy(), b[index : index + 1].copy()) for W, b in layers]


def forward(network: Network, layers: Layers, X: Inputs, masks: Sequence[FloatArray] = ()) -> Pass:
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
        Dropout masks of the hidden layers; empty for none.

    Returns
    -------
    Pass
        ``a[-1]``, of shape (K, n_samples, n_classes), holds the logits.
    """
    kept = Pass([], [], [], [*masks] or [None] * len(network.hidden_layer_sizes))
    signal: Inputs = X
    for number, (W, b) in enumerate(layers):
        kept.inputs.append(signal)
        z = _product(signal, W)
        z += b
        a = network.activation_of(number).value(z)
        kept.z.append(z)
        kept.a.append(a)
        mask = kept.masks[number] if number < len(kept.masks) else None
        signal = a if mask is None else a * mask
    return kept


def backward(network: Network, layers: Layers, kept: Pass, delta: FloatArray) -> Layers:
    """Carry the derivative by the logits back to every parameter.

    Parameters
    ----------
    network, layers : Network, list of Layer
        As for `forward`.
    kept : Pass
        What `forward` returned.
    delta : ndarray of shape (K, n_samples, n_classes)
        Derivative of each sample's cost by its logits.

    Returns
    -------
    list of Layer
        The mean over the samples of the derivative by each parameter.
    """
    n_samples = delta.shape[1]
    gradients: Layers = []
    signal = delta
    for number in reversed(range(len(layers))):
        signal = signal * network.activation_of(number).slope(kept.z[number], kept.a[number])
        W_gradient = _transposed_product(kept.inputs[number], signal)
        W_gradient /= n_samples
        gradients.append(Layer(W_gradient, signal.sum(axis=1, keepdims=True) / n_samples))
        if number:
            signal = signal @ layers[number].W.swapaxes(1, 2)
            mask = kept.masks[number - 1]
            signal = signal if mask is None else signal * mask
    return gradients[::-1]


def _product(X: Inputs, W: FloatArray) -> FloatArray:
    if isinstance(X, csr_array):
        # one sparse product for the whole stack: its columns are the units of all networks
        n_networks, fan_in, fan_out = W.shape
        columns = np.ascontiguousarray(W.swapaxes(0, 1)).reshape(fan_in, n_networks * fan_out)
        together: FloatArray = (X @ columns).reshape(-1, n_networks, fan_out)
        return np.ascontiguousarray(together.swapaxes(0, 1))
    if isinstance(X, np.ndarray):
        product: FloatArray = X @ W
        return product
    return np.stack([own @ w for own, w in zip(X, W, strict=True)])


def _transposed_product(X: Inputs, signal: FloatArray) -> FloatArray:
    if isinstance(X, csr_array):
        n_networks, n_samples, fan_out = signal.shape
        columns = np.ascontiguousarray(signal.swapaxes(0, 1)).reshape(n_samples, n_networks * fan_out)
        together: FloatArray = (X.T @ columns).reshape(-1, n_networks, fan_out)
        return np.ascontiguousarray(together.swapaxes(0, 1))
    if isinstance(X, np.ndarray):
        product: FloatArray = X.swapaxes(-1, -2) @ signal
        return product
    return np.stack([own.T @ s for own, s in zip(X, signal, strict=True)])


def selected(kept: Pass, keep: BoolArray) -> Pass:
    """Keep some of the networks in a forward pass over shared features, which stay as they are."""
    later: list[Inputs] = [inputs[keep] for inputs in kept.inputs[1:] if isinstance(inputs, np.ndarray)]
    masks = [mask if mask is None else mask[keep] for mask in kept.masks]
    return Pass(kept.inputs[:1] + later, [z[keep] for z in kept.z], [a[keep] for a in kept.a], masks)
