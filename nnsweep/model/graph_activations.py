"""The activations as nodes of an ONNX graph: operators that onnxruntime has in both precisions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erfcx

from nnsweep.model.graph import Graph

_TERMS = 30  # of the Chebyshev series; the coefficients beyond are below rounding


def _above_and_below(graph: Graph, z: str, below: Callable[[str], str]) -> str:
    """Keep z above 0, and take a function of it at and below."""
    zero = graph.constant(0)
    return graph.add("Where", graph.add("Greater", z, zero), z, below(graph.add("Min", z, zero)))


def _leaky_relu(graph: Graph, z: str, negative_slope: float) -> str:
    return _above_and_below(graph, z, lambda low: graph.add("Mul", low, graph.constant(negative_slope)))


def _elu(graph: Graph, z: str, alpha: float) -> str:
    def below(low: str) -> str:
        return graph.add("Mul", graph.add("Sub", graph.add("Exp", low), graph.constant(1)), graph.constant(alpha))

    return _above_and_below(graph, z, below)


def _softplus(graph: Graph, z: str) -> str:
    power = graph.add("Exp", graph.add("Neg", graph.add("Abs", z)))
    return graph.add("Add", graph.add("Relu", z), graph.add("Log", graph.add("Add", power, graph.constant(1))))


def _gelu(graph: Graph, z: str) -> str:
    return graph.add("Mul", z, _normal(graph, z) if graph.dtype == np.float64 else _normal_by_erf(graph, z))


def _normal_by_erf(graph: Graph, z: str) -> str:
    erf = graph.add("Erf", graph.add("Mul", z, graph.constant(math.sqrt(0.5))))
    return graph.add("Mul", graph.add("Add", erf, graph.constant(1)), graph.constant(0.5))


def _normal(graph: Graph, z: str) -> str:
    """Add the normal distribution function in double, for which onnxruntime has no error function.

    ``Phi(-u) = erfcx(x) exp(-x**2) / 2`` with ``x = u / sqrt(2)``. ``erfcx(x) / t`` is smooth in ``t = 2 / (2 + x)``,
    so that a Chebyshev series gives it; it is summed by Clenshaw's recurrence.

    Source: Press, Teukolsky, Vetterling and Flannery, Numerical recipes, 3rd ed., 2007, sections 5.8 and 6.2.
    """
    one, half, two = (graph.constant(number) for number in (1.0, 0.5, 2.0))
    x = graph.add("Mul", graph.add("Abs", z), graph.constant(math.sqrt(0.5)))
    t = graph.add("Div", two, graph.add("Add", x, two))
    doubled = graph.add("Sub", graph.add("Mul", t, graph.constant(4.0)), two)
    before, last = graph.constant(0.0), graph.constant(0.0)
    coefficients: list[float] = chebyshev.chebinterpolate(_smooth, _TERMS).tolist()
    for coefficient in reversed(coefficients[1:]):
        rest = graph.add("Sub", graph.constant(coefficient), before)
        before, last = last, graph.add("Add", graph.add("Mul", doubled, last), rest)
    rest = graph.add("Sub", graph.constant(coefficients[0]), before)
    series = graph.add("Add", graph.add("Mul", graph.add("Mul", doubled, half), last), rest)
    power = graph.add("Exp", graph.add("Neg", graph.add("Mul", x, x)))
    tail = graph.add("Mul", graph.add("Mul", graph.add("Mul", series, t), power), half)
    return graph.add("Where", graph.add("Greater", z, graph.constant(0.0)), graph.add("Sub", one, tail), tail)


def _smooth(y: Any) -> Any:
    """Give ``erfcx(x) / t`` at ``y = 2 t - 1`` in [-1, 1]."""
    t = (y + 1) / 2
    return erfcx(2 / t - 2) / t


ACTIVATIONS: dict[str, Callable[..., str]] = {
    "identity": lambda graph, z: z,
    "tanh": lambda graph, z: graph.add("Tanh", z),
    "sigmoid": lambda graph, z: graph.add("Sigmoid", z),
    "relu": lambda graph, z: graph.add("Relu", z),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "softplus": _softplus,
    "gelu": _gelu,
    "swish": lambda graph, z: graph.add("Mul", z, graph.add("Sigmoid", z)),
}
"""Each adds the value of an activation to a graph, by its name."""
