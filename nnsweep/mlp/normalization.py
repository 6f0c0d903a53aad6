"""Normalization: pre-activations brought to mean 0 and variance 1, and the derivatives of that on the way back.

Layer normalization takes the units of each sample together, batch normalization the samples of each unit. A gain and a
bias for each unit follow.
"""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from nnsweep.mlp.arrays import FloatArray

Normalization: TypeAlias = Literal["layer", "batch"]
EPSILON = 1e-5
"""What is added to a variance, so that units that do not differ are divided by something."""
MOMENTUM = 0.1
"""How much the statistics of a batch count in the running ones, which stand for them when a network is used."""
_AXES = {"batch": 1, "layer": 2}


class Moments(NamedTuple):
    """What values of shape (K, n_samples, n_units) were before they were normalized.

    Attributes
    ----------
    mean, variance : ndarray
        Of shape (K, n_samples, 1) for layer normalization, (K, 1, n_units) for batch normalization.
    """

    mean: FloatArray
    variance: FloatArray

    @property
    def spread(self) -> FloatArray:
        """What the values were multiplied by, ``1 / sqrt(variance + EPSILON)``."""
        return np.asarray(1 / np.sqrt(self.variance + EPSILON))


def normalize(values: FloatArray, kind: Normalization) -> Moments:
    """Subtract the mean and divide by the standard deviation, in place.

    Sources: Ba, Kiros and Hinton, Layer normalization, 2016; Ioffe and Szegedy, Batch normalization, 2015.

    Examples
    --------
    >>> values = np.array([[[1.0, 3.0], [2.0, 8.0]]])
    >>> normalize(values, "layer").mean.ravel(), values.round(2).tolist()
    (array([2., 5.]), [[[-1.0, 1.0], [-1.0, 1.0]]])
    """
    axis = _AXES[kind]
    mean = values.mean(axis=axis, keepdims=True)
    values -= mean
    moments = Moments(mean, np.square(values).mean(axis=axis, keepdims=True))
    values *= moments.spread
    return moments


def carry_back(delta: FloatArray, normalized: FloatArray, moments: Moments, kind: Normalization) -> None:
    """Turn the derivative by normalized values into the one by the values before, in place.

    With the normalized values ``v`` and means over what was taken together,
    ``spread * (delta - mean(delta) - v * mean(delta * v))``.
    """
    axis = _AXES[kind]
    shares = normalized * (delta * normalized).mean(axis=axis, keepdims=True)
    delta -= delta.mean(axis=axis, keepdims=True)
    delta -= shares
    delta *= moments.spread


def unbiased_variance(moments: Moments, n_samples: int) -> FloatArray:
    """Give the variance that is kept of a batch, of ``n - 1`` degrees of freedom, as PyTorch keeps it."""
    return np.asarray(moments.variance * (n_samples / max(1, n_samples - 1)))
