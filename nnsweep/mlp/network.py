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
from nnsweep.mlp.arrays import FloatArray
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
