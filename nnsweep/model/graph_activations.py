"""The activations as nodes of an ONNX graph: operators that onnxruntime has in both precisions.

A formula of the predictor is called on a `Traced` array, which adds a node for every function of NumPy and SciPy that
the formula applies. Only what takes more than such functions is written out here.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.polynomial import chebyshev
from scipy.special import erfcx, expit

from nnsweep.model import predictor
from nnsweep.model.graph import Graph

_TERMS = 30  # of the Chebyshev series; the coefficients beyond are below rounding
_OPERATORS: dict[Callable[..., Any], str] = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.divide: "Div",
    np.negative: "Neg",
    np.absolute: "Abs",
    np.minimum: "Min",
    np.maximum: "Max",
    np.greater: "Greater",
    np.where: "Where",
    np.exp: "Exp",
    np.log: "Log",
    np.tanh: "Tanh",
    expit: "Sigmoid",
}


class Traced(NDArrayOperatorsMixin):
    """An array that notes what is done with it as the nodes of a graph.

    Parameters
    ----------
    graph : Graph
        What grows.
    name : str
        The array's name there.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        """Add what a function of one or two arrays gives."""
        if method != "__call__" or settings:
            return NotImplemented  # NumPy then says what it cannot do
        if function is np.expm1:  # ONNX has no such operator, nor the next
            return self._add(np.subtract, self._add(np.exp, *inputs), 1)
        if function is np.log1p:
            return self._add(np.log, self._add(np.add, *inputs, 1))
        return self._add(function, *inputs)

    def __array_function__(self, function: Callable[..., Any], types: Any, inputs: Any, settings: Any) -> "Traced":
        """Add what `np.where` gives."""
        return self._add(function, *inputs)

    def _add(self, function: Callable[..., Any], *inputs: Any) -> "Traced":
        if function not in _OPERATORS:
            known = ", ".join(one.__name__ for one in _OPERATORS)
            raise TypeError(f"{function.__name__}: has no operator in ONNX; write the formula with {known}")
        names = [one.name if isinstance(one, Traced) else self.graph.constant(one) for one in inputs]
        return Traced(self.graph, self.graph.add(_OPERATORS[function], *names))


def add_activation(graph: Graph, z: str, settings: Mapping[str, Any]) -> str:
    """Add the value of an activation.

    Parameters
    ----------
    graph : Graph
        What grows.
    z : str
        The name of what goes in.
    settings : mapping
        The activation's ``name`` and settings, as a model has them.

    Returns
    -------
    str
        The name of what comes out.
    """
    given = dict(settings)
    name = given.pop("name")
    if name in WRITTEN_OUT:
        return WRITTEN_OUT[name](graph, z)
    formula: Callable[..., Any] = predictor.ACTIVATIONS[name]
    return str(formula(Traced(graph, z), **given).name)


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


WRITTEN_OUT: dict[str, Callable[[Graph, str], str]] = {"gelu": _gelu}
"""Activations whose formula looks at single numbers, by their name."""
