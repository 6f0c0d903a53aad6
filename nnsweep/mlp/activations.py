"""An activation is a value and its slope: two functions that are always chosen together.

The value takes the pre-activation `z`; the slope takes `z` and the value already computed for it, so that
nothing is computed twice. Both work on arrays of any shape, keep the precision, never overflow, and write into
`out` where it is given.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.choices import Choices, Finite, NonNegative


class Activation(NamedTuple):
    """A function and its derivative, elementwise.

    Attributes
    ----------
    value : callable
        ``value(z, out=None)``, of the shape and precision of `z`; `out` may be `z` itself.
    slope : callable
        ``slope(z, a, out=None)`` with ``a = value(z)``: the derivative at `z`.
    needs_z : bool
        Whether the slope looks at `z`; if not, `z` may have been overwritten by `a`.
    is_identity : bool
        Whether value and slope need not be computed at all.
    """

    value: Callable[..., FloatArray]
    slope: Callable[..., FloatArray]
    needs_z: bool = True
    is_identity: bool = False


ACTIVATIONS: Choices[Callable[..., Activation]] = Choices("activation")


def _value(function: Callable[[FloatArray], FloatArray]) -> Callable[..., FloatArray]:
    """Let a function of `z` write into `out`."""
    return lambda z, out=None: _write(function(z), out)


def _slope(function: Callable[[FloatArray, FloatArray], FloatArray]) -> Callable[..., FloatArray]:
    """Let a function of `z` and `a` write into `out`."""
    return lambda z, a, out=None: _write(function(z, a), out)


def _write(result: FloatArray, out: FloatArray | None) -> FloatArray:
    if out is None:
        return result
    np.copyto(out, result)
    return out


@ACTIVATIONS.register
def identity() -> Activation:
    """Return the identity, ``z``.

    Examples
    --------
    >>> identity().value(np.array([-2.0, 3.0]))
    array([-2.,  3.])
    """
    return Activation(_value(lambda z: z), _slope(lambda z, a: np.ones_like(z)), needs_z=False, is_identity=True)


@ACTIVATIONS.register
def tanh() -> Activation:
    """Hyperbolic tangent, ``tanh(z)`` with slope ``1 - tanh(z)**2``.

    Examples
    --------
    >>> tanh().value(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.7616])
    """

    def slope(z: FloatArray, a: FloatArray, out: FloatArray | None = None) -> FloatArray:
        squares = np.multiply(a, a, out=out)
        return np.subtract(1, squares, out=squares)

    return Activation(np.tanh, slope, needs_z=False)


@ACTIVATIONS.register
def sigmoid() -> Activation:
    """Logistic sigmoid, ``1 / (1 + exp(-z))`` with slope ``a * (1 - a)``.

    Examples
    --------
    >>> sigmoid().value(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    from scipy.special import expit  # here and below: its import takes as long as NumPy's, and is seldom needed

    def slope(z: FloatArray, a: FloatArray, out: FloatArray | None = None) -> FloatArray:
        rest = np.subtract(1, a, out=out)
        rest *= a
        return rest

    return Activation(expit, slope, needs_z=False)


@ACTIVATIONS.register
def relu() -> Activation:
    """Rectifier, ``max(0, z)``; its slope at exactly 0 is 0.

    Examples
    --------
    >>> relu().value(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """

    def value(z: FloatArray, out: FloatArray | None = None) -> FloatArray:
        # NumPy compares two arrays three times as quickly as an array and a number
        return np.maximum(z, np.zeros_like(z[:1]), out=out)

    def slope(z: FloatArray, a: FloatArray, out: FloatArray | None = None) -> FloatArray:
        # to compare and then to copy is quicker than to let the comparison convert what it writes
        return _write(np.greater(a, 0), np.empty_like(a) if out is None else out)

    return Activation(value, slope, needs_z=False)


@ACTIVATIONS.register
def leaky_relu(*, negative_slope: Finite = 0.01) -> Activation:
    """Leaky rectifier, ``z`` above 0 and ``negative_slope * z`` at and below it.

    Source: Maas, Hannun and Ng, Rectifier nonlinearities improve neural network acoustic models, 2013.

    Examples
    --------
    >>> leaky_relu(negative_slope=0.1).value(np.array([-2.0, 3.0]))
    array([-0.2,  3. ])
    """
    return Activation(
        _value(lambda z: np.where(z > 0, z, negative_slope * np.minimum(z, 0))),
        _slope(lambda z, a: np.where(z > 0, np.ones_like(z), np.full_like(z, negative_slope))),
    )


@ACTIVATIONS.register
def elu(*, alpha: NonNegative = 1.0) -> Activation:
    """Exponential linear unit, ``z`` above 0 and ``alpha * (exp(z) - 1)`` at and below it.

    Source: Clevert, Unterthiner and Hochreiter, Fast and accurate deep network learning by ELUs, 2016.

    Examples
    --------
    >>> elu().value(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    return Activation(
        _value(lambda z: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))),
        _slope(lambda z, a: np.where(z > 0, np.ones_like(z), alpha * np.exp(np.minimum(z, 0)))),
    )


@ACTIVATIONS.register
def selu() -> Activation:
    """Scaled exponential linear unit, ``1.0507 * elu(z, alpha=1.6733)``, which keeps signals at mean 0 and variance 1.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter, Self-normalizing neural networks, 2017, equation 2; the two
    constants are those of its appendix.

    Examples
    --------
    >>> selu().value(np.array([-1.0, 2.0])).round(4)
    array([-1.1113,  2.1014])
    """
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return Activation(
        _value(lambda z: np.where(z > 0, scale * z, scale * alpha * np.expm1(np.minimum(z, 0)))),
        _slope(lambda z, a: np.where(z > 0, np.full_like(z, scale), scale * alpha * np.exp(np.minimum(z, 0)))),
    )


@ACTIVATIONS.register
def softplus() -> Activation:
    """Smooth rectifier, ``log(1 + exp(z))``; its slope is the logistic sigmoid.

    Examples
    --------
    >>> softplus().value(np.array([0.0, 1000.0])).round(4)
    array([6.931e-01, 1.000e+03])
    """
    from scipy.special import expit

    return Activation(
        _value(lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))),
        _slope(lambda z, a: np.asarray(expit(z))),
    )


@ACTIVATIONS.register
def gelu() -> Activation:
    """Gaussian error linear unit, ``z * Phi(z)`` with the normal distribution function ``Phi``.

    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016 (the exact form).

    Examples
    --------
    >>> gelu().value(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    from scipy.special import erfcx, ndtr

    def value(z: FloatArray) -> FloatArray:
        distribution = np.asarray(ndtr(z))
        # far below 0 `ndtr` loses digits: exp magnifies the rounding error of z * z; below -40 it is 0 in float64
        far = (z < -5) & (z > -40)
        t = z[far]
        coarse = np.trunc(16 * t) / 16  # few digits: its square is exact
        powers = np.exp(-0.5 * coarse * coarse) * np.exp(-0.5 * (t - coarse) * (t + coarse))
        distribution[far] = powers * erfcx(-t / math.sqrt(2)) / 2
        return z * distribution

    def slope(z: FloatArray, a: FloatArray) -> FloatArray:
        near = np.clip(z, -40, 40)  # the density is 0 in float64 beyond 39, and z * z may overflow
        density = np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi)
        return np.asarray(ndtr(z) + near * density)

    return Activation(_value(value), _slope(slope))


@ACTIVATIONS.register
def swish() -> Activation:
    """Swish, ``z / (1 + exp(-z))``, also called SiLU.

    Source: Ramachandran, Zoph and Le, Searching for activation functions, 2017.

    Examples
    --------
    >>> swish().value(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    from scipy.special import expit

    return Activation(_value(lambda z: z * expit(z)), _slope(lambda z, a: expit(z) * (1 + z * expit(-z))))


@ACTIVATIONS.register
def mish() -> Activation:
    """Mish, ``z * tanh(log(1 + exp(z)))``.

    With ``n = exp(-|z|)``, the hyperbolic tangent is ``(1 + 2 n) / (1 + 2 n + 2 n**2)`` above 0 and
    ``(2 n + n**2) / (2 + 2 n + n**2)`` at and below it, which neither overflows nor loses digits.

    Source: Misra, Mish: a self regularized non-monotonic activation function, 2020.

    Examples
    --------
    >>> mish().value(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """
    from scipy.special import expit

    def gate(z: FloatArray) -> FloatArray:
        n = np.exp(-np.abs(z))
        above, below = (1 + 2 * n) / (1 + 2 * n + 2 * n * n), n * (2 + n) / (2 + n * (2 + n))
        tanh: FloatArray = np.where(z > 0, above, below)
        return tanh

    def slope(z: FloatArray, a: FloatArray) -> FloatArray:
        tanh = gate(z)
        return np.asarray(tanh + z * expit(z) * (1 - tanh) * (1 + tanh))

    return Activation(_value(lambda z: z * gate(z)), _slope(slope))
