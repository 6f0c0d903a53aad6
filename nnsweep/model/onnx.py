"""A model as an ONNX graph: the preparation, the network, and what its outputs mean.

An activation is traced: its formula, the trainer's own, is called with an array that notes each operation as a node.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.special import erfcx, expit

from nnsweep.errors import ConfigError
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.model.predictor import ADDED_VARIANCE, NAMES, Model, ModelMember, restoration

if TYPE_CHECKING:
    from onnx import ModelProto


class Graph:
    """A graph that grows: each method adds nodes and returns the name of what comes out."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, output: str | None = None, **settings: Any) -> str:
        """Add a node."""
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **settings))
        return name

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Add a constant, in the network's precision if no other is named."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        array = np.asarray(value, dtype=self.dtype if dtype is None else dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def cast(self, name: str, dtype: Any, output: str | None = None) -> str:
        """Convert to another type."""
        from onnx import helper

        return self.add("Cast", name, output=output, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


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
    constants = dict(settings)
    name = constants.pop("name")
    if name in WRITTEN_OUT:
        return WRITTEN_OUT[name](graph, z)
    formula: Callable[..., Any] = ACTIVATIONS[name](**constants).value
    return str(formula(Traced(graph, z)).name)


def _gelu(graph: Graph, z: str) -> str:
    if graph.dtype == np.float64:
        return graph.add("Mul", z, _normal(graph, z))
    erf = graph.add("Erf", graph.add("Mul", z, graph.constant(math.sqrt(0.5))))
    return graph.add("Mul", z, graph.add("Mul", graph.add("Add", erf, graph.constant(1)), graph.constant(0.5)))


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

    def quotient(y: Any) -> Any:  # at y = 2 t - 1 in [-1, 1]
        t = (y + 1) / 2
        return erfcx(2 / t - 2) / t

    coefficients: list[float] = chebyshev.chebinterpolate(quotient, _TERMS).tolist()
    for coefficient in reversed(coefficients[1:]):
        rest = graph.add("Sub", graph.constant(coefficient), before)
        before, last = last, graph.add("Add", graph.add("Mul", doubled, last), rest)
    rest = graph.add("Sub", graph.constant(coefficients[0]), before)
    series = graph.add("Add", graph.add("Mul", graph.add("Mul", doubled, half), last), rest)
    power = graph.add("Exp", graph.add("Neg", graph.add("Mul", x, x)))
    tail = graph.add("Mul", graph.add("Mul", graph.add("Mul", series, t), power), half)
    return graph.add("Where", graph.add("Greater", z, graph.constant(0.0)), graph.add("Sub", one, tail), tail)


WRITTEN_OUT: dict[str, Callable[[Graph, str], str]] = {
    "relu": lambda graph, z: graph.add("Max", z, graph.constant(0)),
    "gelu": _gelu,
}
"""Activations whose formula looks at parts of its array, by their name."""

OPSET = 18
ML_OPSET = 3
IR_VERSION = 8
"""Versions that every onnxruntime since 1.14 reads."""
FEATURES = "features"
"""The only input where there is text."""


def make_onnx_model(model: Model) -> "ModelProto":
    """Make the ONNX model.

    Parameters
    ----------
    model : Model
        A trained network with its preparation.

    Returns
    -------
    onnx.ModelProto
        Inputs: a tensor (n_samples, 1) for each column under its name, double for a number (NaN where a value is
        missing) and string for a category; or ``features`` (n_samples, n_features) in the network's precision where
        there is text. Outputs: ``label`` (n_samples,), and ``probabilities`` (n_samples, n_classes) in double; for
        several labels ``labels`` (n_samples, n_labels), 0 or 1, and ``probabilities``; for a regression
        ``predictions`` (n_samples, n_outputs) in double, in the order of `nnsweep.model.predictor.predictions`. A
        category that the training part had not, and a missing one where nothing fills it, has no indicator.

    Raises
    ------
    ConfigError
        If onnx is not installed.
    """
    if find_spec("onnx") is None:
        raise ConfigError("this needs onnx, which is not installed: pip install 'nnsweep[onnx]'")
    from onnx import checker, helper

    graph = Graph(model.layers[0][0].dtype)
    has_text = any(column["kind"] == "text" for column in model.columns)
    if has_text:
        n_features = int(model.layers[0][0].shape[0])
        inputs = [_tensor(FEATURES, graph.dtype, ["n_samples", n_features])]
    else:
        kinds = {column["name"]: np.float64 if column["kind"] == "number" else object for column in model.columns}
        inputs = [_tensor(name, kind, ["n_samples", 1]) for name, kind in kinds.items()]
    values = _add_network(graph, FEATURES if has_text else _add_preparation(graph, model), model)
    onnx_model = helper.make_model(
        helper.make_graph(graph.nodes, "nnsweep", inputs, _add_labels(graph, values, model), graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR_VERSION,
        producer_name="nnsweep",
    )
    begins = "the features that the preparation makes of the columns, TF-IDF of texts among them: prepare them first"
    metadata = {
        NAMES[model.task]: json.dumps(model.names),
        "columns": json.dumps([{name: column[name] for name in ("name", "kind")} for column in model.columns]),
        "begins_at": begins if has_text else "the columns of the table, each as (n_samples, 1)",
        "run": json.dumps(model.about["run"]),
        **({"model_card": model.about["card"]} if "card" in model.about else {}),
    }
    helper.set_model_props(onnx_model, metadata)
    checker.check_model(onnx_model, full_check=True)
    return onnx_model


def _tensor(name: str, dtype: Any, shape: Sequence[int | str]) -> Any:
    """Describe an input or an output."""
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def _add_preparation(graph: Graph, model: Model) -> str:
    """Add the preparation: numbers, then indicators of categories."""
    values, arrays = model.about["preparation"], model.preparation
    numbers = [column["name"] for column in values["columns"] if column["kind"] == "number"]
    categories = [column for column in values["columns"] if column["kind"] == "category"]
    blocks = [_add_numbers(graph, numbers, arrays, values.get("clip"))] if numbers else []
    blocks += [_add_indicators(graph, column, values["missing"]) for column in categories]
    together = graph.add("Concat", *blocks, axis=1) if len(blocks) > 1 else blocks[0]
    return graph.cast(together, graph.dtype)


def _add_numbers(graph: Graph, names: Sequence[str], arrays: Mapping[str, NDArray[Any]], clip: float | None) -> str:
    x = graph.add("Concat", *names, axis=1)
    if not np.isnan(arrays["fill"]).all():
        x = graph.add("Where", graph.add("IsNaN", x), graph.constant(arrays["fill"], np.float64), x)
    moved = graph.add("Sub", x, graph.constant(arrays["mean"], np.float64))
    z = graph.add("Div", moved, graph.constant(arrays["scale"], np.float64))
    if clip is None:
        return z
    share = graph.add("Div", z, graph.constant(clip, np.float64))
    squared = graph.add("Add", graph.add("Mul", share, share), graph.constant(1, np.float64))
    return graph.add("Div", z, graph.add("Sqrt", squared))


def _add_indicators(graph: Graph, column: Mapping[str, Any], missing: Sequence[str]) -> str:
    """Give each category a number and compare it with all of them; an unknown one has number -1."""
    categories = list(column["categories"])
    places = {category: place for place, category in enumerate(categories)}
    if column.get("fill") is not None:
        places = {text: places.get(column["fill"], -1) for text in missing} | places  # the training part had no gap
    number = graph.add(
        "LabelEncoder",
        column["name"],
        domain="ai.onnx.ml",
        keys_strings=[*places],
        values_int64s=[*places.values()],
        default_int64=-1,
    )
    return graph.cast(graph.add("Equal", number, graph.constant(np.arange(len(categories)), np.int64)), np.float64)


def _add_network(graph: Graph, signal: str, model: Model) -> str:
    """Add the layers of each member, and the mean of what their outputs mean."""
    parts = []
    for member in model.members:
        a = signal
        for number, ((W, b, *gains), settings) in enumerate(zip(member.layers, member.activations, strict=True)):
            z = graph.add("MatMul", a, graph.constant(W))
            for gain in gains:
                z = _add_normalization(graph, z, gain)
            values = add_activation(graph, graph.add("Add", z, graph.constant(b)), settings)
            a = graph.add("Add", values, a) if member.is_residual(number) else values
        meant = _add_interpretation(graph, graph.cast(a, np.float64), model, member)
        parts.append(graph.add("Mul", meant, graph.constant(member.share, np.float64)))
    return graph.add("Sum", *parts, output="predictions" if model.task == "regression" else "probabilities")


def _add_normalization(graph: Graph, z: str, gain: NDArray[Any]) -> str:
    """Add a layer normalization, in the network's precision."""
    units = graph.constant([1], np.int64)
    z = graph.add("Sub", z, graph.add("ReduceMean", z, units))
    variance = graph.add("ReduceMean", graph.add("Mul", z, z), units)
    spread = graph.add("Sqrt", graph.add("Add", variance, graph.constant(ADDED_VARIANCE)))
    return graph.add("Mul", graph.add("Div", z, spread), graph.constant(gain))


def _add_interpretation(graph: Graph, outputs: str, model: Model, member: ModelMember) -> str:
    """Add probabilities, or predictions in the targets' units."""
    if model.task == "regression":
        mean, scale = (graph.constant(one, np.float64) for one in restoration(model))
        return graph.add("Add", graph.add("Mul", outputs, scale), mean)
    if "temperature" in member.about:
        outputs = graph.add("Div", outputs, graph.constant(member.about["temperature"], np.float64))
    return graph.add("Sigmoid", outputs) if model.task == "multilabel" else graph.add("Softmax", outputs, axis=1)


def _add_labels(graph: Graph, values: str, model: Model) -> list[Any]:
    """Add the labels where there are any, and describe all outputs."""
    from onnx import numpy_helper

    n_outputs = len(model.names) * max(1, len(model.quantiles))
    described = [_tensor(values, np.float64, ["n_samples", n_outputs])]
    if model.task == "multilabel":
        is_likely = graph.add("Greater", values, graph.constant(0.5, np.float64))
        labels = graph.cast(is_likely, np.int64, output="labels")
        described.insert(0, _tensor(labels, np.int64, ["n_samples", n_outputs]))
    elif model.task == "classification":
        graph.constants.append(numpy_helper.from_array(np.array(model.names, dtype=object), "classes"))
        label = graph.add("Gather", "classes", graph.add("ArgMax", values, axis=1, keepdims=0), output="label")
        described.insert(0, _tensor(label, object, ["n_samples"]))
    return described
