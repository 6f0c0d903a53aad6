import json
import sys

import numpy as np
import pytest

from nnsweep.data import prepared
from nnsweep.data.preparation import fit_preparation
from nnsweep.errors import ConfigError
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.model.onnx import Graph, Traced, make_onnx_model
from nnsweep.model.predictor import NAMES, predictions

onnxruntime = pytest.importorskip("onnxruntime")
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
"""Of a probability: another order of summation, and in float32 another formula of exp."""


def run(model, inputs):
    session = onnxruntime.InferenceSession(
        make_onnx_model(model).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert [given.name for given in session.get_inputs()] == [*inputs]
    names = [given.name for given in session.get_outputs()]
    return session, dict(zip(names, session.run(names, inputs), strict=True))


def columns(table):
    """Give a table as the graph takes it."""
    kinds = {name: np.float64 if table[name].dtype.kind == "f" else object for name in table.columns}
    return {
        name: np.array([["" if cell is None else cell] for cell in table[name]], dtype=kind)
        for name, kind in kinds.items()
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_onnxruntime_gives_the_same_probabilities(name, dtype, network, preparation, cats):
    model = network(preparation, name, dtype)
    _, told = run(model, columns(cats))
    ours = predictions(model, cats, prepared.features)
    assert told["probabilities"].dtype == np.float64
    np.testing.assert_allclose(told["probabilities"], ours.iloc[:, 1:], rtol=0, atol=TOLERANCE[dtype])
    assert told["label"].tolist() == ours["label"].tolist()


def test_onnxruntime_averages_the_members_of_an_ensemble(ensemble, cats):
    _, told = run(ensemble, columns(cats))
    ours = predictions(ensemble, cats, prepared.features)
    np.testing.assert_allclose(told["probabilities"], ours.iloc[:, 1:], rtol=0, atol=TOLERANCE["float64"])
    assert told["label"].tolist() == ours["label"].tolist()


def test_onnxruntime_gives_labels_numbers_and_quantiles(special, cats):
    session, told = run(special, columns(cats))
    ours = predictions(special, cats, prepared.features)
    values = told["predictions" if special.task == "regression" else "probabilities"]
    np.testing.assert_allclose(values, ours.iloc[:, -3:], rtol=1e-13, atol=TOLERANCE["float64"])
    if special.task == "multilabel":
        np.testing.assert_array_equal(told["labels"], ours.iloc[:, :3])
    names = NAMES[special.task]
    assert json.loads(session.get_modelmeta().custom_metadata_map[names]) == special.about[names]


def test_a_function_without_an_operator_is_told():
    z = Traced(Graph(np.dtype("float64")), "z")
    with pytest.raises(TypeError, match=r"^arctan: has no operator in ONNX; write the formula with add, subtract,"):
        2 * np.arctan(z)
    with pytest.raises(TypeError, match=r"^clip: has no operator"):
        np.clip(z, 0, 1)
    with pytest.raises(TypeError, match="reduce"):
        np.add.reduce(z)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gelu_is_right_far_from_zero_too(dtype, network, preparation, cats):
    model = network(preparation, "gelu", dtype)
    wide = model._replace(layers=[(40 * W, 40 * b) for W, b in model.layers[:1]] + model.layers[1:])
    _, told = run(wide, columns(cats))
    ours = predictions(wide, cats, prepared.features).iloc[:, 1:]
    np.testing.assert_allclose(told["probabilities"], ours, rtol=0, atol=100 * TOLERANCE[dtype])


def test_an_output_activation_is_in_the_graph(network, preparation, cats):
    model = network(preparation, output_activation="tanh")
    _, told = run(model, columns(cats))
    ours = predictions(model, cats, prepared.features)
    np.testing.assert_allclose(told["probabilities"], ours.iloc[:, 1:], rtol=0, atol=1e-13)


def test_each_layer_may_have_its_own_activation(network, preparation, cats):
    model = network(preparation, layers=("elu", "relu"))
    _, told = run(model, columns(cats))
    ours = predictions(model, cats, prepared.features)
    np.testing.assert_allclose(told["probabilities"], ours.iloc[:, 1:], rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalized_and_residual_layers_are_in_the_graph(dtype, network, preparation, cats):
    model = network(preparation, dtype=dtype, hidden=(6, 6, 6), normalized=True, residual=True)
    _, told = run(model, columns(cats))
    ours = predictions(model, cats, prepared.features)
    np.testing.assert_allclose(told["probabilities"], ours.iloc[:, 1:], rtol=0, atol=TOLERANCE[dtype])


def test_a_category_that_is_not_known_has_no_indicator(network, preparation, cats):
    model, table = network(preparation), cats.assign(colour="purple")
    _, told = run(model, columns(table))
    ours = predictions(model, table, prepared.features)
    np.testing.assert_allclose(told["probabilities"], ours.iloc[:, 1:], rtol=0, atol=1e-13)


def test_numbers_may_be_scaled_by_quartiles_and_clipped(network, cats):
    kinds = {"age": "number", "weight": "number"}
    _, preparation = fit_preparation(cats[[*kinds]], kinds, missing="most_frequent", scaling="robust_smooth_clip")
    model, table = network(preparation), cats.assign(weight=cats["weight"] * 1e6)
    _, told = run(model, columns(table[[*kinds]]))
    ours = predictions(model, table, prepared.features)
    np.testing.assert_allclose(told["probabilities"], ours.iloc[:, 1:], rtol=0, atol=1e-13)


@pytest.mark.parametrize("kinds", [{"age": "number", "weight": "number"}, {"fur": "category"}, {"weight": "number"}])
def test_any_choice_of_columns_will_do(kinds, network, cats):
    _, preparation = fit_preparation(cats[[*kinds]], kinds, missing="most_frequent")
    model = network(preparation, "relu")
    _, told = run(model, columns(cats[[*kinds]]))
    ours = predictions(model, cats, prepared.features)
    np.testing.assert_allclose(told["probabilities"], ours.iloc[:, 1:], rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_with_texts_the_graph_begins_at_the_features_and_says_so(dtype, network, texts):
    _, preparation = fit_preparation(texts, {"text": "text"})
    model = network(preparation, "swish", dtype)
    session, told = run(model, {"features": preparation.transform(texts).toarray().astype(dtype)})
    ours = predictions(model, texts, prepared.features)
    np.testing.assert_allclose(told["probabilities"], ours.iloc[:, 1:], rtol=0, atol=TOLERANCE[dtype])
    assert "TF-IDF" in session.get_modelmeta().custom_metadata_map["begins_at"]


def test_the_metadata_name_classes_columns_and_run(network, preparation, cats):
    session, _ = run(network(preparation), columns(cats))
    told = {
        name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items() if text[0] in "[{"
    }
    assert told["classes"] == ["10", "no\u00ebl", "=1+1"]
    assert told["columns"] == [
        {"name": name, "kind": kind} for name, kind in zip(cats, ["number", "category"] * 2, strict=True)
    ]
    assert told["run"]["run_id"] == "r1"


def test_many_rows_and_a_single_one(network, preparation, cats):
    model = network(preparation)
    for table in (cats[:1], cats.loc[cats.index.repeat(50)]):
        _, told = run(model, columns(table))
        assert told["probabilities"].shape == (len(table), 3)


def test_without_onnx_it_is_told_how_to_get_it(network, preparation, monkeypatch):
    monkeypatch.setattr(sys.modules["nnsweep.model.onnx"], "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'nnsweep\[onnx\]'"):
        make_onnx_model(network(preparation))
