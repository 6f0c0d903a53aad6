import ast
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from scipy.special import expit, softmax

from nnsweep.data import prepared
from nnsweep.data.preparation import fit_preparation
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.evaluation import compute_outputs
from nnsweep.mlp.network import Layer, Network, forward
from nnsweep.mlp.normalization import EPSILON
from nnsweep.model import predictor
from nnsweep.model.packed import bundle_predictor
from nnsweep.model.predictor import ABOUT, ADDED_VARIANCE, FORMAT, predict_values, predictions, read, write

SETTINGS = {"leaky_relu": {"negative_slope": 0.03}, "elu": {"alpha": 1.7}}
LAYERS = ("W0", "b0", "W1", "b1", "W2", "b2")
SPREAD = np.concatenate(
    [np.linspace(-45, 45, 4001), np.geomspace(1e-320, 1e300, 500), -np.geomspace(1e-320, 1e300, 500)]
)


@pytest.fixture(scope="module")
def bundle():
    """Give the names of the code that goes with a model, which is run without nnsweep."""
    names = {"__name__": "bundle"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "nnsweep", None)
        exec(bundle_predictor(), names)
    return names


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_model_takes_the_trainers_activations_with_it(name, dtype, bundle):
    with np.errstate(all="ignore"):
        z, settings = SPREAD.astype(dtype), SETTINGS.get(name, {})
        ours, theirs = (choices[name](**settings).value(z.copy()) for choices in (ACTIVATIONS, bundle["ACTIVATIONS"]))
    assert theirs.dtype == ours.dtype == dtype
    np.testing.assert_array_equal(theirs, ours)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_probabilities_are_the_softmax_of_the_trainers_logits(name, dtype, network, preparation, cats):
    model, X = network(preparation, name, dtype), preparation.transform(cats).astype(dtype)
    hidden = ACTIVATIONS[name](**SETTINGS.get(name, {}))
    trained = Network(hidden_layer_sizes=(7, 5), activation=hidden, output_activation=ACTIVATIONS["identity"]())
    layers = [Layer(W[None], b[None, None]) for W, b in model.layers]
    logits = forward(trained, layers, prepare_inputs(X)).a[-1][0].astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    told = predict_values(model, X)
    tolerance = {"float32": 1e-6, "float64": 1e-14}[dtype]  # products of another order of summation
    np.testing.assert_allclose(told, powers / powers.sum(axis=1, keepdims=True), rtol=0, atol=tolerance)
    np.testing.assert_allclose(told.sum(axis=1), 1, rtol=0, atol=1e-15)
    assert told.dtype == np.float64


def test_each_layer_has_its_own_activation(network, preparation, cats):
    model, X = network(preparation, "tanh", layers=("elu", "tanh")), preparation.transform(cats)
    hidden = ACTIVATIONS["elu"](**SETTINGS["elu"]), ACTIVATIONS["tanh"]()
    outputs = X
    for (W, b), activation in zip(model.layers, [*hidden, ACTIVATIONS["identity"]()], strict=True):
        outputs = activation.value(outputs @ W + b)
    np.testing.assert_allclose(predict_values(model, X), softmax(outputs, axis=1), rtol=0, atol=1e-14)


def test_layers_are_normalized_and_added_as_in_training(network, preparation, cats, tmp_path):
    model, X = network(preparation, hidden=(6, 6, 6), normalized=True, residual=True), preparation.transform(cats)
    trained = Network(
        hidden_layer_sizes=(6, 6, 6),
        activation=ACTIVATIONS["tanh"](),
        output_activation=ACTIVATIONS["identity"](),
        normalization="layer",
        residual=True,
    )
    names = ("W", "b", "gain")
    layers = [
        Layer(**{name: array.reshape(1, -1, array.shape[-1]) for name, array in zip(names, layer, strict=False)})
        for layer in model.layers
    ]
    expected = softmax(compute_outputs(trained, layers, X), axis=1)
    with open(tmp_path / "model.npz", "wb") as file:
        write(model, file)
    for one in (model, read(tmp_path / "model.npz")):
        np.testing.assert_allclose(predict_values(one, X), expected, rtol=0, atol=1e-14)
    assert read(tmp_path / "model.npz").about["format"] == 2
    assert ADDED_VARIANCE == EPSILON


@given(arrays(np.float64, (3, 9), elements=st.floats(-1e3, 1e3)))
def test_dense_and_sparse_features_get_the_same_probabilities(X):
    layers = [(np.arange(27.0).reshape(9, 3) / 1e4 - 1e-3, np.zeros(3))]
    about = {"activation": {"name": "relu"}, "output_activation": {"name": "identity"}}
    model = predictor.Model(about, layers, {})
    np.testing.assert_allclose(predict_values(model, csr_array(X)), predict_values(model, X), rtol=0, atol=1e-12)


def test_the_output_activation_comes_before_the_softmax(network, preparation, cats):
    model = network(preparation, output_activation="tanh")
    shares = predict_values(model, preparation.transform(cats))
    assert shares.max() < np.exp(1) / (np.exp(1) + 2 * np.exp(-1))


def test_predictions_name_the_most_probable_class(network, preparation, cats):
    told = predictions(network(preparation), cats, prepared.features)
    assert list(told.columns) == ["label", "probability_10", "probability_no\u00ebl", "probability_=1+1"]
    best = told.drop(columns="label").idxmax(axis=1).str.removeprefix("probability_")
    assert told["label"].tolist() == best.tolist()
    assert len(told) == len(cats)


def test_columns_are_found_by_name_in_any_order_and_as_text(network, preparation, cats):
    told = predictions(network(preparation), cats, prepared.features)
    shuffled = cats[["weight", "colour", "fur", "age"]].assign(more=1)
    as_text = shuffled.map(lambda cell: "" if cell is None or cell != cell else str(cell))
    for other in (shuffled, as_text):
        pd.testing.assert_frame_equal(predictions(network(preparation), other, prepared.features), told)


def test_a_class_may_have_the_name_of_another_column(network, preparation, cats):
    model = network(preparation)
    model.about["classes"] = ["label", "probability_a", "a"]
    told = predictions(model, cats, prepared.features)
    assert list(told.columns) == ["label", "probability_label", "probability_probability_a", "probability_a"]


def test_a_row_beyond_all_numbers_gets_no_label(network, preparation, cats):
    cats.loc[[4, 9], "age"] = 1e308
    with pytest.raises(ValueError, match="row 5: its numbers are too large for the network, and 1 more rows"):
        predictions(network(preparation, "identity", "float32"), cats, prepared.features)


def test_no_rows_get_no_predictions(network, preparation, cats):
    assert predictions(network(preparation), cats[:0], prepared.features).shape == (0, 4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_file_gives_back_what_was_written(dtype, network, preparation, cats, tmp_path):
    model = network(preparation, "elu", dtype)
    with open(tmp_path / "model.npz", "wb") as file:
        write(model, file)
    with np.load(tmp_path / "model.npz") as file:
        assert {name for name in file.files if not name.startswith(predictor.PREPARATION)} == {ABOUT, *LAYERS}
    kept = read(tmp_path / "model.npz")
    assert kept.about == model.about
    assert [(W.dtype, b.dtype) for W, b in kept.layers] == 3 * [(np.dtype(dtype), np.dtype(dtype))]
    one, other = (predictions(each, cats, prepared.features) for each in (kept, model))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_an_ensemble_is_the_weighted_mean_of_its_members(ensemble, network, preparation, cats):
    X = preparation.transform(cats)
    one, other = (predict_values(network(preparation, name, seed=seed), X) for seed, name in enumerate(("tanh", "elu")))
    np.testing.assert_allclose(predict_values(ensemble, X), (2 * one + other) / 3, rtol=1e-15)


def test_an_ensemble_goes_through_the_file_in_a_later_layout(ensemble, network, preparation, cats, tmp_path):
    for model, layout in ((network(preparation), 1), (ensemble, 2)):
        with open(tmp_path / "model.npz", "wb") as file:
            write(model, file)
        kept = read(tmp_path / "model.npz")
        assert kept.about == model.about | {"format": layout}
        one, other = (predictions(each, cats, prepared.features) for each in (kept, model))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_outputs_mean_what_the_model_says(special, cats, preparation):
    plain = predictor.Model({**special.about, "task": "regression", "targets": "abc", "target_mean": 3 * [0.0],
                             "target_scale": 3 * [1.0], "quantiles": []}, *special[1:])  # fmt: skip
    X = preparation.transform(cats)
    z, told = predict_values(plain, X), predict_values(special, X)
    expected = {
        "labels": lambda: expit(z),
        "quantiles": lambda: 2 * z + 3,
        "targets": lambda: z * [10, 1, 0.25] + [1e3, 0, -5],
        "temperature": lambda: softmax(z / 2.5, axis=1),
    }
    (wanted,) = [value() for name, value in expected.items() if name in special.about][:1]
    np.testing.assert_allclose(told, wanted, rtol=1e-14)


def test_predictions_name_labels_targets_and_quantiles(special, cats):
    told = predictions(special, cats, prepared.features)
    names = {
        "multilabel": ["label_a", "label_no\u00ebl", "label_=1+1",
                       "probability_a", "probability_no\u00ebl", "probability_=1+1"],
        "regression": ["prediction_x", "prediction_y", "prediction_z"],
        "classification": ["label", "probability_10", "probability_no\u00ebl", "probability_=1+1"],
    }  # fmt: skip
    quantiles = ["prediction_q2.5", "prediction_q50", "prediction_q90"]
    assert list(told.columns) == (quantiles if special.quantiles else names[special.task])
    kinds = {"string": "O", "long": "i", "double": "f"}
    assert [told[name].dtype.kind for name in told] == [kinds[kind] for _, kind in predictor.output_columns(special)]
    if special.task == "multilabel":
        np.testing.assert_array_equal(told.iloc[:, :3], told.iloc[:, 3:] > 0.5)


def test_a_single_target_needs_no_name(special, cats):
    about = special.about | {"task": "regression", "targets": ["x"], "target_mean": [0.0], "target_scale": [1.0]}
    W, b = special.layers[-1]
    single = predictor.Model(about | {"quantiles": []}, [*special.layers[:-1], (W[:, :1], b[:1])], special.preparation)
    assert list(predictions(single, cats, prepared.features).columns) == ["prediction"]


def test_an_unlikely_label_has_a_probability_above_0():
    X = np.array([[-700.0]])
    about = {"task": "multilabel", "labels": ["a"], "activation": {"name": "relu"}}
    model = predictor.Model(about | {"output_activation": {"name": "identity"}}, [(np.ones((1, 1)), np.zeros(1))], {})
    np.testing.assert_allclose(predict_values(model, X), expit(X), rtol=1e-12)


def test_special_outputs_go_through_the_file_in_a_later_layout(special, cats, tmp_path):
    with open(tmp_path / "model.npz", "wb") as file:
        write(special, file)
    kept = read(tmp_path / "model.npz")
    assert kept.about == special.about | {"format": 2}
    one, other = (predictions(each, cats, prepared.features) for each in (kept, special))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_texts_go_through_the_file_too(network, texts, tmp_path):
    _, preparation = fit_preparation(texts, {"text": "text"})
    model = network(preparation)
    with open(tmp_path / "model.npz", "wb") as file:
        write(model, file)
    one, other = (predictions(each, texts, prepared.features) for each in (read(tmp_path / "model.npz"), model))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_file_is_never_unpickled(tmp_path):
    canary = tmp_path / "canary"

    class Payload:
        def __reduce__(self):
            return Path.touch, (canary,)

    content = io.BytesIO()
    np.savez(content, **{ABOUT: np.array([Payload()], dtype=object)})
    (tmp_path / "model.npz").write_bytes(content.getvalue())
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read(tmp_path / "model.npz")
    assert not canary.exists()


def test_a_later_layout_and_another_file_are_refused(tmp_path):
    np.savez(tmp_path / "later.npz", **{ABOUT: np.array(json.dumps({"format": FORMAT + 1}))})
    with pytest.raises(ValueError, match=f"has layout {FORMAT + 1}, this reader knows {FORMAT}"):
        read(tmp_path / "later.npz")
    np.savez(tmp_path / "other.npz", x=np.ones(2))
    with pytest.raises(ValueError, match="is no model file"):
        read(tmp_path / "other.npz")


@pytest.mark.parametrize("module", ["model/predictor.py", "data/prepared.py", "tracking/served.py"])
def test_what_goes_with_a_model_needs_nothing_of_nnsweep(module):
    code = (Path(predictor.__file__).parents[1] / module).read_text()
    tree = ast.parse(bundle_predictor() if module == "model/predictor.py" else code)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    known = {"numpy", "scipy", "pandas", "sklearn"} | ({"mlflow"} if "tracking" in module else set())
    assert {name.split(".")[0] for name in imported} - set(sys.stdlib_module_names) <= known
