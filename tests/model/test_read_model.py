import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

import nnsweep
from nnsweep.data import prepared
from nnsweep.data.preparation import fit_preparation
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.model.predictor import predictions, write

FILE = Path(nnsweep.__file__).parents[1] / "docs" / "how-to" / "read_model.py"

if not FILE.is_file():
    pytest.skip("this is not a checkout: there is no docs/how-to/read_model.py", allow_module_level=True)


@pytest.fixture(scope="module")
def predict():
    return runpy.run_path(str(FILE))["predict"]


def written(model, path):
    with open(path, "wb") as file:
        write(model, file)
    return path


def test_it_is_short_and_knows_numpy_alone():
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 75 + len(ACTIVATIONS)
    assert [line for line in lines if "import" in line] == ["import json", "import math", "import numpy as np"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_it_gives_the_same_probabilities(name, dtype, predict, network, preparation, cats, tmp_path):
    model = network(preparation, name, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        told = predict(written(model, tmp_path / "model.npz"), {name: cats[name].tolist() for name in cats})
    ours = predictions(model, cats, prepared.features).iloc[:, 1:]
    np.testing.assert_allclose(told, ours, rtol=0, atol={"float32": 2e-6, "float64": 1e-13}[dtype])


def test_it_gives_each_layer_its_own_activation(predict, network, preparation, cats, tmp_path):
    model = network(preparation, layers=("elu", "relu"))
    told = predict(written(model, tmp_path / "model.npz"), {name: cats[name].tolist() for name in cats})
    ours = predictions(model, cats, prepared.features).iloc[:, 1:]
    np.testing.assert_allclose(told, ours, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_normalizes_layers_and_adds_to_them(dtype, predict, network, preparation, cats, tmp_path):
    model = network(preparation, dtype=dtype, hidden=(6, 6, 6), normalized=True, residual=True)
    told = predict(written(model, tmp_path / "model.npz"), {name: cats[name].tolist() for name in cats})
    ours = predictions(model, cats, prepared.features).iloc[:, 1:]
    np.testing.assert_allclose(told, ours, rtol=0, atol={"float32": 2e-6, "float64": 1e-13}[dtype])


@pytest.mark.parametrize("kinds", [{"weight": "number"}, {"fur": "category"}])
def test_it_reads_purely_numeric_and_purely_categorical_tables(kinds, predict, network, cats, tmp_path):
    model = network(fit_preparation(cats[[*kinds]], kinds, missing="most_frequent")[1], output_activation="tanh")
    told = predict(written(model, tmp_path / "model.npz"), {name: cats[name].tolist() for name in kinds})
    ours = predictions(model, cats, prepared.features).iloc[:, 1:]
    np.testing.assert_allclose(told, ours, rtol=0, atol=1e-13)


def test_it_averages_the_members_of_an_ensemble(predict, ensemble, cats, tmp_path):
    told = predict(written(ensemble, tmp_path / "model.npz"), {name: cats[name].tolist() for name in cats})
    np.testing.assert_allclose(told, predictions(ensemble, cats, prepared.features).iloc[:, 1:], rtol=0, atol=1e-13)


def test_it_predicts_labels_numbers_and_quantiles(predict, special, cats, tmp_path):
    told = predict(written(special, tmp_path / "model.npz"), {name: cats[name].tolist() for name in cats})
    ours = predictions(special, cats, prepared.features).iloc[:, -3:]
    np.testing.assert_allclose(told, ours, rtol=1e-13, atol=1e-13)


def test_it_clips_as_the_preparation_does(predict, network, cats, tmp_path):
    kinds = {"age": "number", "weight": "number"}
    _, preparation = fit_preparation(cats[[*kinds]], kinds, missing="mean", scaling="robust_smooth_clip")
    model = network(preparation)
    told = predict(written(model, tmp_path / "model.npz"), {name: cats[name].tolist() for name in kinds})
    np.testing.assert_allclose(told, predictions(model, cats, prepared.features).iloc[:, 1:], rtol=0, atol=1e-13)
