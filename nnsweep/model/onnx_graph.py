"""A model as an ONNX graph, node by node: the preparation, the network, the softmax and the name of the class.

The graph has an input for each column of the table. Where there is text it begins at the prepared features: ONNX has no
word splitting like scikit-learn's. It uses operators that onnxruntime has in both precisions.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.errors import ConfigError
from nnsweep.model.graph import Graph
from nnsweep.model.graph_activations import add_activation
from nnsweep.model.predictor import Model

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
ML_OPSET = 3
IR_VERSION = 8
"""Versions that every onnxruntime since 1.14 reads."""
FEATURES = "features"
"""The only input where there is text."""


def onnx_model(model: Model) -> "ModelProto":
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
        there is text. Outputs: ``label`` (n_samples,), and ``probabilities`` (n_samples, n_classes) in double. A
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
    inputs = [_features_input(model)] if has_text else [_column_input(column) for column in model.columns]
    shares, outputs = _network(graph, FEATURES if has_text else _prepared(graph, model), model)
    assert shares == "probabilities"
    made = helper.make_model(
        helper.make_graph(graph.nodes, "nnsweep", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR_VERSION,
        producer_name="nnsweep",
    )
    helper.set_model_props(made, _told(model, has_text))
    checker.check_model(made, full_check=True)
    return made


def _told(model: Model, has_text: bool) -> dict[str, str]:
    begins = "the features that the preparation makes of the columns, TF-IDF of texts among them: prepare them first"
    return {
        "classes": json.dumps(model.classes),
        "columns": json.dumps([{name: column[name] for name in ("name", "kind")} for column in model.columns]),
        "begins_at": begins if has_text else "the columns of the table, each as (n_samples, 1)",
        "run": json.dumps(model.about["run"]),
    }


def _column_input(column: Mapping[str, str]) -> Any:
    from onnx import TensorProto, helper

    kind = TensorProto.DOUBLE if column["kind"] == "number" else TensorProto.STRING
    return helper.make_tensor_value_info(column["name"], kind, ["n_samples", 1])


def _features_input(model: Model) -> Any:
    from onnx import helper

    W = model.layers[0][0]
    return helper.make_tensor_value_info(
        FEATURES, helper.np_dtype_to_tensor_dtype(W.dtype), ["n_samples", int(W.shape[0])]
    )


def _prepared(graph: Graph, model: Model) -> str:
    """Add the preparation: numbers, then indicators of categories."""
    values, arrays = model.about["preparation"], model.preparation
    numbers = [column["name"] for column in values["columns"] if column["kind"] == "number"]
    blocks = [_numbers(graph, numbers, arrays)] if numbers else []
    blocks += [
        _indicators(graph, column, values["missing"]) for column in values["columns"] if column["kind"] == "category"
    ]
    together = graph.add("Concat", *blocks, axis=1) if len(blocks) > 1 else blocks[0]
    return graph.cast(together, graph.dtype)


def _numbers(graph: Graph, names: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> str:
    x = graph.add("Concat", *names, axis=1)
    if not np.isnan(arrays["fill"]).all():
        x = graph.add("Where", graph.add("IsNaN", x), graph.constant(arrays["fill"], np.float64), x)
    moved = graph.add("Sub", x, graph.constant(arrays["mean"], np.float64))
    return graph.add("Div", moved, graph.constant(arrays["scale"], np.float64))


def _indicators(graph: Graph, column: Mapping[str, Any], missing: Sequence[str]) -> str:
    """Give each category a number and compare it with all of them; what is not known has number -1."""
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


def _network(graph: Graph, signal: str, model: Model) -> tuple[str, list[Any]]:
    from onnx import TensorProto, helper, numpy_helper

    for number, (W, b) in enumerate(model.layers):
        is_last = number == len(model.layers) - 1
        z = graph.add("Add", graph.add("MatMul", signal, graph.constant(W)), graph.constant(b))
        signal = add_activation(graph, z, model.about["output_activation" if is_last else "activation"])
    shares = graph.add("Softmax", graph.cast(signal, np.float64), axis=1, output="probabilities")
    names = numpy_helper.from_array(np.array(model.classes, dtype=object), "classes")
    graph.constants.append(names)
    label = graph.add("Gather", "classes", graph.add("ArgMax", shares, axis=1, keepdims=0), output="label")
    return shares, [
        helper.make_tensor_value_info(label, TensorProto.STRING, ["n_samples"]),
        helper.make_tensor_value_info(shares, TensorProto.DOUBLE, ["n_samples", len(model.classes)]),
    ]
