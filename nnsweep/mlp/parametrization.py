"""Parametrization: how the weights that a network is used with are made of the parameters that are trained.

A layer's weights are its parameters as they are, divided by the root of the fan-in, or multiplied by a scale for each
feature. The passes know weights alone; their derivatives are carried back to the parameters once a step.
"""

from dataclasses import replace

import numpy as np

from nnsweep.mlp.network import Layer, Layers, Network
from nnsweep.mlp.normalization import EPSILON


def is_reparametrized(network: Network) -> bool:
    """Tell whether the weights of training are others than the parameters."""
    return network.scaling_layer or network.parametrization is not None


def compute_weights(network: Network, parameters: Layers, into: Layers) -> None:
    """Make the layers that training passes samples through: ``W * scale / sqrt(fan_in)``, all else as it is.

    Parameters
    ----------
    network : Network
        Whether there is a scale, and whether the fan-in counts.
    parameters, into : list of Layer
        What is trained, and where to write.
    """
    for layer, weights in zip(parameters, into, strict=True):
        for array, copied in zip(layer, weights, strict=True):
            copied[...] = array
        W = weights.W
        W *= weight_factor(network, W.shape[1])
        if "scale" in layer.names:
            W *= layer.array("scale")


def carry_to_parameters(network: Network, parameters: Layers, gradients: Layers) -> None:
    """Turn the derivatives by the weights into those by the parameters, in place."""
    for layer, gradient in zip(parameters, gradients, strict=True):
        slopes = gradient.W
        slopes *= weight_factor(network, slopes.shape[1])
        if "scale" in layer.names:
            np.sum(slopes * layer.W, axis=2, keepdims=True, out=gradient.array("scale"))
            slopes *= layer.array("scale")


def weight_factor(network: Network, fan_in: int) -> float:
    """Give what a layer's parameters are multiplied by: ``1 / sqrt(fan_in)`` in the neural tangent parametrization.

    Source: Jacot, Gabriel and Hongler, Neural tangent kernel: convergence and generalization in neural networks, 2018.
    """
    return float(1 / np.sqrt(fan_in)) if network.parametrization == "ntk" else 1.0


def fold(network: Network, parameters: Layers) -> Layers:
    """Make the layers that a trained network is used with: plain weights and biases, and gains of layer normalization.

    Where batch normalization has left running statistics, gain and statistics become part of weights and biases: with
    ``c = gain / sqrt(variance + EPSILON)`` these are ``W * c`` and ``b - mean * c``.

    Parameters
    ----------
    network : Network
        What the parameters are of.
    parameters : list of Layer
        Of K networks.

    Returns
    -------
    list of Layer
        Layers that need no change are the same.
    """
    layers = parameters
    if is_reparametrized(network):
        layers = [layer.map(np.empty_like) for layer in parameters]
        compute_weights(network, parameters, layers)
        layers = [_leave_out(layer, "scale") for layer in layers]
    return [_fold_statistics(layer) if "mean" in layer.names else layer for layer in layers]


def fold_network(network: Network) -> Network:
    """Say of which network the layers are that `fold` gives: nothing is left to be normalized by batch, or scaled."""
    normalization = None if network.normalization == "batch" else network.normalization
    return replace(network, normalization=normalization, scaling_layer=False, parametrization=None)


def unfold(network: Network, layers: Layers) -> Layers:
    """Make parameters of layers that were used, so that training can begin with them.

    Raises
    ------
    ValueError
        If statistics of batch normalization, which are part of the weights by then, would be wanted.
    """
    if network.normalization == "batch":
        raise ValueError(
            "with batch normalization, training cannot begin with the weights of another training: train anew, or "
            "normalize by layer"
        )
    parameters = [layer.replace_arrays(W=layer.W / weight_factor(network, layer.W.shape[1])) for layer in layers]
    if network.scaling_layer:
        W = parameters[0].W
        parameters[0] = parameters[0].replace_arrays(scale=np.ones((*W.shape[:2], 1), W.dtype))
    return parameters


def _leave_out(layer: Layer, name: str) -> Layer:
    return Layer(**{other: array for other, array in zip(layer.names, layer, strict=True) if other != name})


def _fold_statistics(layer: Layer) -> Layer:
    c = layer.array("gain") / np.sqrt(layer.array("variance") + EPSILON)
    return Layer(layer.W * c, layer.b - layer.array("mean") * c)
