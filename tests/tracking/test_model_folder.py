import json
import os
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow.exceptions import MlflowException

from nnsweep.data import prepared
from nnsweep.data.preparation import fit_preparation
from nnsweep.model.predictor import FORMAT, Model, predictions
from nnsweep.tracking import models
from nnsweep.tracking.models import save_model_folder


@pytest.fixture
def cats():
    table = pd.DataFrame(
        {"age": [3.0, np.nan, 7.0, 1.0], "fur": pd.Series(["long", None, "short", "long"], dtype=object)}
    )
    return table.assign(more=1)


def drawn(preparation, n_features):
    random = np.random.default_rng(0)
    about = {
        "format": FORMAT,
        "classes": ["no", "yes"],
        "activation": {"name": "relu"},
        "output_activation": {"name": "identity"},
        "preparation": preparation.values,
        "example": {"columns": ["age", "fur"], "data": [[3.0, "long"], [None, None]]},
        "run": {"run_id": "r1", "test_accuracy": 0.5, "name": "odd \u00e9"},
    }
    layers = [(random.normal(size=(n_features, 2)), random.normal(size=2))]
    return Model(about, layers, dict(preparation.arrays))


@pytest.fixture
def model(cats):
    _, preparation = fit_preparation(
        cats[["age", "fur"]], {"age": "number", "fur": "category"}, missing="most_frequent"
    )
    return drawn(preparation, 3)


def loaded(folder):
    from mlflow import pyfunc

    return pyfunc.load_model(str(folder))


def test_a_saved_folder_predicts_without_nnsweep(model, cats, tmp_path, monkeypatch):
    save_model_folder(model, tmp_path / "model")
    wanted = predictions(model, cats, prepared.features)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    for name in [name for name in sys.modules if name.partition(".")[0] == "nnsweep"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nnsweep", None)
    before = [*sys.path]
    told = loaded(tmp_path / "model").predict(cats)
    pd.testing.assert_frame_equal(told, wanted, check_exact=True)
    assert sys.path == before


@pytest.mark.parametrize(("run_id", "model_id"), [("r1", "m-1"), (None, None)])
@pytest.mark.parametrize("has_example", [True, False])
def test_it_is_described_as_mlflow_would_describe_it(has_example, run_id, model_id, model, tmp_path):
    from mlflow import pyfunc
    from mlflow.models import Model as Description
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    if not has_example:
        del model.about["example"]
    save_model_folder(model, tmp_path / "model", run_id=run_id, model_id=model_id)
    mine = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text(encoding="utf-8"))
    outputs = [ColSpec("string", "label"), ColSpec("double", "probability_no"), ColSpec("double", "probability_yes")]
    wanted = Description(
        run_id=run_id,
        model_id=model_id,
        signature=ModelSignature(Schema([ColSpec("double", "age"), ColSpec("string", "fur")]), Schema(outputs)),
        saved_input_example_info=mine.get("saved_input_example_info"),
        metadata={"nnsweep": model.about["run"]},
    )
    names = {"model": "model.npz", "predictor": "predictor.py", "prepared": "prepared.py"}
    pyfunc.add_to_model(
        wanted,
        loader_module="mlflow.pyfunc.loaders.code_model",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_code_path="served.py",
        artifacts={name: {"path": f"artifacts/{file}", "uri": f"artifacts/{file}"} for name, file in names.items()},
        streamable=False,
    )
    theirs = yaml.safe_load(wanted.to_yaml())
    for described in (mine, theirs):
        assert len(described.pop("model_uuid")) == 32
        assert described.pop("utc_time_created")[:2] == "20"
    assert mine == theirs


def test_categories_that_were_never_seen_are_told(model, cats, tmp_path, monkeypatch):
    save_model_folder(model, tmp_path / "model")
    monkeypatch.setitem(sys.modules, "nnsweep", None)
    read = loaded(tmp_path / "model")
    odd = cats.assign(fur=["bald", None, "short", "bald"])
    with pytest.warns(UserWarning, match=r"^column fur: 2 of 3 values are categories .* never seen \('bald'\)") as told:
        shares = read.predict(odd)
    assert len(told) == 1
    pd.testing.assert_frame_equal(shares, predictions(model, odd, prepared.features), check_exact=True)
    lost = "^column fur: none of its 4 values is a category that the model has seen .* it knows 'long', 'short'"
    with pytest.raises(MlflowException, match=lost):
        read.predict(cats.assign(fur="bald"))
    with pytest.raises(MlflowException, match=r"^column fur: its value is no category .* \('bald'\)") as refused:
        read.predict(cats[:1].assign(fur="bald"))
    assert refused.value.get_http_status_code() == 400


def test_two_models_in_one_process_keep_their_own_code(model, cats, tmp_path):
    save_model_folder(model, tmp_path / "one")
    save_model_folder(model, tmp_path / "other")
    code = tmp_path / "other" / "artifacts" / "predictor.py"
    code.write_text(code.read_text().replace('("label", "string")', '("class", "string")'))
    one, other = loaded(tmp_path / "one"), loaded(tmp_path / "other")
    assert [each.predict(cats).columns[0] for each in (one, other, one)] == ["label", "class", "label"]


def test_signature_example_and_requirements(model, tmp_path):
    save_model_folder(model, tmp_path / "model", run_id="r1")
    read = loaded(tmp_path / "model")
    assert [(column.name, str(column.type)) for column in read.metadata.get_input_schema()] == [
        ("age", "DataType.double"),
        ("fur", "DataType.string"),
    ]
    assert [(column.name, str(column.type)) for column in read.metadata.get_output_schema()] == [
        ("label", "DataType.string"),
        ("probability_no", "DataType.double"),
        ("probability_yes", "DataType.double"),
    ]
    assert read.metadata.run_id == "r1"
    assert read.metadata.metadata["nnsweep"]["test_accuracy"] == 0.5
    assert read.predict(read.input_example)["label"].isin(["no", "yes"]).all()
    needed = (tmp_path / "model" / "requirements.txt").read_text().split()
    assert needed == [f"{name}=={metadata.version(name)}" for name in ("mlflow", "numpy", "pandas", "scipy")]
    conda = yaml.safe_load((tmp_path / "model" / "conda.yaml").read_text())
    assert {"pip": needed} in conda["dependencies"]


def test_texts_need_scikit_learn_too(tmp_path):
    texts = pd.DataFrame({"text": ["a cat", "the dog"]})
    X, preparation = fit_preparation(texts, {"text": "text"})
    model = drawn(preparation, X.shape[1])
    model.about["example"] = None
    save_model_folder(model, tmp_path / "model")
    assert f"scikit-learn=={metadata.version('scikit-learn')}" in (tmp_path / "model" / "requirements.txt").read_text()
    pd.testing.assert_frame_equal(
        loaded(tmp_path / "model").predict(texts), predictions(model, texts, prepared.features)
    )


def test_a_folder_holds_no_pickle_and_no_path_of_this_machine(model, tmp_path):
    save_model_folder(model, tmp_path / "model")
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {"", ".py", ".npz", ".json", ".txt", ".yaml"}
    for path in files:
        content = path.read_bytes()
        assert not any(os.fsencode(place) in content for place in (tmp_path.parent, Path(models.__file__).parent))
        assert b"/tmp" not in content


def test_it_is_made_quickly(model, tmp_path):
    """MLflow's own search for requirements would take seconds a model."""
    save_model_folder(model, tmp_path / "first")
    begun = time.process_time()
    save_model_folder(model, tmp_path / "second")
    assert time.process_time() - begun < 1
    assert json.loads((tmp_path / "second" / "input_example.json").read_text())["columns"] == ["age", "fur"]


@pytest.mark.parametrize(
    ("outputs", "columns"),
    [
        ({"task": "multilabel", "labels": ["a", "b"]}, ["label_a", "label_b", "probability_a", "probability_b"]),
        (
            {"task": "regression", "targets": ["x", "y"], "target_mean": [1.0, 2.0], "target_scale": [3.0, 4.0]},
            ["prediction_x", "prediction_y"],
        ),
        (
            {"task": "regression", "targets": ["x"], "target_mean": [1], "target_scale": [3], "quantiles": [0.1, 0.9]},
            ["prediction_q10", "prediction_q90"],
        ),
    ],
)
def test_the_signature_names_what_comes_out_of_any_task(outputs, columns, model, cats, tmp_path):
    del model.about["classes"]
    save_model_folder(model._replace(about=model.about | outputs), tmp_path / "model")
    read = loaded(tmp_path / "model")
    told, schema = read.predict(cats), read.metadata.get_output_schema()
    assert [column.name for column in schema] == list(told.columns) == columns
    assert [column.type.to_numpy() for column in schema] == list(told.dtypes)
