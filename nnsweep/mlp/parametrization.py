"""Parametrization: how the weights that a network is used with are made of the parameters that are trained."""

import numpy as np

from nnsweep.mlp.network import Layer, Layers
from nnsweep.mlp.normalization import EPSILON


def fold(layers: Layers) -> Layers:
    """Make the layers that a trained network is used with.

    Where batch normalization has left running statistics, gain and statistics become part of weights and biases: with
    ``c = gain / sqrt(variance + EPSILON)`` these are ``W * c`` and ``b - mean * c``.

    Parameters
    ----------
    layers : list of Layer
        Parameters of K networks.

    Returns
    -------
    list of Layer
        Weights and biases, and the gains of layer normalization; arrays that need no change are the same.
    """
    return [_fold_statistics(layer) if "mean" in layer.names else layer for layer in layers]


def _fold_statistics(layer: Layer) -> Layer:
    c = layer.array("gain") / np.sqrt(layer.array("variance") + EPSILON)
    return Layer(layer.W * c, layer.b - layer.array("mean") * c)
