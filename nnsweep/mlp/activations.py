"""An activation is a value and its slope: two functions that are always chosen together.

The value takes the pre-activation `z`; the slope takes `z` and the value already computed for it, so that
nothing is computed twice. Both work on arrays of any shape, keep the precision, and never overflow.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import erfcx, expit, ndtr

from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.ranges import Finite, NonNegative, ranged


class Activation(NamedTuple):
    """A function and its derivative, elementwise.

    Attributes
    ----------
    value : callable
        ``value(z)``, of the shape and precision of `z`.
    slope : callable
        ``slope(z, a)`` with ``a = value(z)``: the derivative at `z`.
    """

    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray, FloatArray], FloatArray]


def identity() -> Activation:
    """Return the identity, ``z``.

    Examples
    --------
    >>> identity().value(np.array([-2.0, 3.0]))
    array([-2.,  3.])
    """
    return Activation(lambda z: z, lambda z, a: np.ones_like(z))


def tanh() -> Activation:
    """Hyperbolic tangent, ``tanh(z)`` with slope ``1 - tanh(z)**2``.

    Examples
    --------
    >>> tanh().value(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.7616])
    """
    return Activation(np.tanh, lambda z, a: 1 - a * a)


def sigmoid() -> Activation:
    """Logistic sigmoid, ``1 / (1 + exp(-z))`` with slope ``a * (1 - a)``.

    Examples
    --------
    >>> sigmoid().value(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return Activation(expit, lambda z, a: a * (1 - a))


def relu() -> Activation:
    """Rectifier, ``max(0, z)``; its slope at exactly 0 is 0.

    Examples
    --------
    >>> relu().value(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return Activation(lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(z.dtype))


@ranged
def leaky_relu(*, negative_slope: Finite = 0.01) -> Activation:
    """Leaky rectifier, ``z`` above 0 and ``negative_slope * z`` at and below it.

    Source: Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models, 2013.

    Examples
    --------
    >>> leaky_relu(negative_slope=0.1).value(np.array([-2.0, 3.0]))
    array([-0.2,  3. ])
    """
    return Activation(
        lambda z: np.where(z > 0, z, negative_slope * np.minimum(z, 0)),
        lambda z, a: np.where(z > 0, np.ones_like(z), np.full_like(z, negative_slope)),
    )


@ranged
def elu(*, alpha: NonNegative = 1.0) -> Activation:
    """Exponential linear unit, ``z`` above 0 and ``alpha * (exp(z) - 1)`` at and below it.

    Source: Clevert, Unterthiner and Hochreiter, Fast and accurate deep network learning by ELUs, 2016.

    Examples
    --------
    >>> elu().value(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    return Activation(
        lambda z: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0))),
        lambda z, a: np.where(z > 0, np.ones_like(z), alpha * np.exp(np.minimum(z, 0))),
    )


def softplus() -> Activation:
    """Smooth rectifier, ``log(1 + exp(z))``; its slope is the logistic sigmoid.

    Examples
    --------
    >>> softplus().value(np.array([0.0, 1000.0])).round(4)
    array([6.931e-01, 1.000e+03])
    """
    return Activation(lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))), lambda z, a: expit(z))


def _normal_distribution(z: FloatArray) -> FloatArray:
    """Return `ndtr`, also where it loses digits: far below 0 exp magnifies the rounding error of z * z."""
    distribution: FloatArray = np.asarray(ndtr(z))
    far = (z < -5) & (z > -40)  # it is 0 in float64 below
    t = z[far]
    coarse = np.trunc(16 * t) / 16  # few digits: its square is exact
    powers = np.exp(-0.5 * coarse * coarse) * np.exp(-0.5 * (t - coarse) * (t + coarse))
    distribution[far] = powers * erfcx(-t / math.sqrt(2)) / 2
    return distribution


def _gelu_slope(z: FloatArray, a: FloatArray) -> FloatArray:
    near = np.clip(z, -40, 40)  # the density is 0 in float64 beyond 39, and z * z may overflow
    density = np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi)
    slope: FloatArray = ndtr(z) + near * density
    return slope


def gelu() -> Activation:
    """Gaussian error linear unit, ``z * Phi(z)`` with the normal distribution function ``Phi``.

    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016 (the exact form).

    Examples
    --------
    >>> gelu().value(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return Activation(lambda z: z * _normal_distribution(z), _gelu_slope)


def swish() -> Activation:
    """Swish, ``z / (1 + exp(-z))``, also called SiLU.

    Source: Ramachandran, Zoph and Le, Searching for activation functions, 2017.

    Examples
    --------
    >>> swish().value(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    return Activation(lambda z: z * expit(z), lambda z, a: expit(z) * (1 + z * expit(-z)))


ACTIVATIONS: dict[str, Callable[..., Activation]] = {
    factory.__name__: factory for factory in (identity, tanh, sigmoid, relu, leaky_relu, elu, softplus, gelu, swish)
}
