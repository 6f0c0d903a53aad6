"""Initializers draw the first weights of a layer; biases start at zero.

Each is a function of a generator and the layer's fan-in and fan-out, with mean 0 and a variance that
keeps the size of the signal from layer to layer for one family of activations.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

from numpy.random import Generator, RandomState

from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.choices import Choices

Initializer: TypeAlias = Callable[[Generator, int, int], FloatArray]
INITIALIZERS: Choices[Initializer] = Choices("init")


@INITIALIZERS.register
def glorot_uniform(random: Generator, fan_in: int, fan_out: int) -> FloatArray:
    """Draw uniformly in ±sqrt(6 / (fan_in + fan_out)), for tanh and its like.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward networks, 2010.
    """
    return _uniform(random, (fan_in, fan_out), variance=2 / (fan_in + fan_out))


@INITIALIZERS.register
def glorot_normal(random: Generator, fan_in: int, fan_out: int) -> FloatArray:
    """Draw normal weights of variance 2 / (fan_in + fan_out); source as for `glorot_uniform`."""
    return _normal(random, (fan_in, fan_out), variance=2 / (fan_in + fan_out))


@INITIALIZERS.register
def he_uniform(random: Generator, fan_in: int, fan_out: int) -> FloatArray:
    """Draw uniformly in ±sqrt(6 / fan_in), for rectifiers.

    Source: He, Zhang, Ren and Sun, Delving deep into rectifiers, 2015.
    """
    return _uniform(random, (fan_in, fan_out), variance=2 / fan_in)


@INITIALIZERS.register
def he_normal(random: Generator, fan_in: int, fan_out: int) -> FloatArray:
    """Draw normal weights of variance 2 / fan_in; source as for `he_uniform`."""
    return _normal(random, (fan_in, fan_out), variance=2 / fan_in)


@INITIALIZERS.register
def lecun_uniform(random: Generator, fan_in: int, fan_out: int) -> FloatArray:
    """Draw uniformly in ±sqrt(3 / fan_in).

    Source: LeCun, Bottou, Orr and Müller, Efficient backprop, 1998.
    """
    return _uniform(random, (fan_in, fan_out), variance=1 / fan_in)


@INITIALIZERS.register
def lecun_normal(random: Generator, fan_in: int, fan_out: int) -> FloatArray:
    """Draw normal weights of variance 1 / fan_in; source as for `lecun_uniform`."""
    return _normal(random, (fan_in, fan_out), variance=1 / fan_in)


@INITIALIZERS.register
def notebook(random: Generator, fan_in: int, fan_out: int) -> FloatArray:
    """Draw as the notebook did: normal with variance 1 / fan_in, from seed 0 started anew for every layer.

    `random` is not used, so that every seed gives the same weights, and two layers of one shape are equal.
    """
    draws: FloatArray = RandomState(0).randn(fan_in, fan_out)
    return draws / math.sqrt(fan_in)


def _uniform(random: Generator, shape: tuple[int, int], *, variance: float) -> FloatArray:
    limit = math.sqrt(3 * variance)
    return random.uniform(-limit, limit, size=shape)


def _normal(random: Generator, shape: tuple[int, int], *, variance: float) -> FloatArray:
    return random.normal(0.0, math.sqrt(variance), size=shape)
