import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest

from nnsweep.api import models
from nnsweep.cli.main import main
from nnsweep.data import prepared
from nnsweep.data.load import load
from nnsweep.data.preparation import fit_preparation
from nnsweep.errors import DataError
from nnsweep.mlp.measures import MEASURES
from nnsweep.model.ensemble import measure_values
from nnsweep.model.predictor import FORMAT, Model, predict_values, predictions, read, write
from nnsweep.results.tables.formats import FORMATS
from nnsweep.tracking.backend import find_backend
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.models import LONGEST_DESCRIPTION, find_logged_model
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.recorded_run import read_correct_examples
from nnsweep.tracking.store import find_store
from tests.outside import copy_store

QUICK = ("data=iris", "trainer.epochs=20", "tracking.pictures=false")
WIDTH = "petal width (cm)"
GOOD, OTHER = "iris-32-relu-cosine-s0", "iris-linear-relu-cosine-s0"


@pytest.fixture
def store(study):
    return lambda name="nnsweep": find_store(f"sqlite:///{study}/mlflow.db", name)


@pytest.fixture(scope="module")
def trained(new_study) -> Path:
    """Train two networks; give the folder of the study."""
    with new_study("trained") as folder:
        assert main(["arch=shallow,linear", *QUICK]) == 0
    return folder


@pytest.fixture
def sweep(trained, study, store):
    """Work with a copy of the store that knows two networks; give their sweep's id, and the records by name."""
    copy_store(trained / "mlflow.db", study / "mlflow.db")
    (folder,) = (trained / "multirun").iterdir()
    return folder.name, {record.name: record for record in find_job_runs(store())}


def names_of_iris():
    return [column.name for column in load("iris", val_fraction=0.1).preparation.columns]


@pytest.fixture
def flowers(study):
    """Write the test part of the iris data as a table of its raw values; give what is written."""
    iris = load("iris", val_fraction=0.1)
    arrays = iris.preparation.arrays
    raw = pd.DataFrame(iris.test.X * arrays["scale"] + arrays["mean"], columns=names_of_iris()).round(1)
    raw.to_csv(study / "flowers.csv", index=False)
    return raw


def test_predictions_are_right_where_the_run_was_right(nnsweep, study, sweep, store, flowers):
    said = nnsweep("predict", GOOD, "flowers.csv", "-o", "told.csv")
    assert (said.code, said.out, said.err) == (0, "", "")
    told, iris = pd.read_csv(study / "told.csv"), load("iris", val_fraction=0.1)
    assert list(told.columns) == ["label", *(f"probability_{name}" for name in iris.class_names)]
    right = told["label"] == np.array(iris.class_names)[iris.test.y]
    assert right.tolist() == read_correct_examples(store(), sweep[1][GOOD].run_id).tolist()
    np.testing.assert_allclose(told.iloc[:, 1:].sum(axis=1), 1, rtol=0, atol=1e-15)


def test_every_table_and_every_format_says_the_same(nnsweep, study, sweep, flowers):
    shuffled = flowers[flowers.columns[::-1]].assign(note="=1+1")
    shuffled.to_parquet(study / "flowers.parquet")
    shuffled.to_csv(study / "flowers.tsv.gz", sep="\t", index=False)
    with sqlite3.connect(study / "flowers.db") as database:
        shuffled.to_sql("flowers", database)
    database.close()
    csv = nnsweep("predict", GOOD, "flowers.csv").out
    assert csv.startswith("label,probability_setosa,")
    for data in ("flowers.parquet", "flowers.tsv.gz"):
        assert nnsweep("predict", GOOD, data).out == csv
    assert nnsweep("predict", GOOD, "sqlite:///flowers.db", "--query", "select * from flowers").out == csv
    nnsweep("predict", GOOD, "flowers.csv", "--output", "told.json")
    nnsweep("predict", GOOD, "flowers.csv", "--output", "told.parquet")
    rows, table = json.loads((study / "told.json").read_text()), pd.read_parquet(study / "told.parquet")
    assert [list(row.values()) for row in rows] == table.to_numpy().tolist()
    assert {".csv", ".json", ".parquet"} <= {one.suffix for one in FORMATS.values()}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda raw: raw.drop(columns=WIDTH), [f"there is no column {WIDTH!r}; its columns: sepal length (cm), "]),
        (lambda raw: raw.iloc[:, :2], ["there is no column 'petal length (cm)'", f"there is no column {WIDTH!r}"]),
        (lambda raw: raw.assign(**{WIDTH: "wide"}), [f"line 2, column 4 ({WIDTH}): 'wide' is not a number"]),
        (lambda raw: raw.assign(**{WIDTH: "1e999"}), [f"line 2, column 4 ({WIDTH}): '1e999' is beyond the numbers"]),
        (lambda raw: raw.assign(**{WIDTH: ""}), [f"column {WIDTH!r}, row 1: there is no value, and the training part"]),
    ],
)
def test_data_that_do_not_fit_are_told_in_a_line_each(change, told, nnsweep, study, sweep, flowers):
    change(flowers).to_csv(study / "flowers.csv", index=False)
    said = nnsweep("predict", GOOD, "flowers.csv", "-o", "told.csv")
    assert (said.code, said.out) == (4, "")
    assert len(said.err.splitlines()) >= len(told)
    for line, wanted in zip(said.err.splitlines(), told, strict=False):
        assert line.startswith("nnsweep: error: flowers.csv")
        assert wanted in line
    assert "Traceback" not in said.err
    assert not (study / "told.csv").exists()


@pytest.fixture
def furs(nnsweep, study, monkeypatch):
    """Train on a table with a category and a code; give a function that predicts a table with other ones."""
    monkeypatch.setenv("NNSWEEP_CACHE", str(study / "cache"))
    cells = {"age": range(40), "fur": ["long", "short"] * 20, "code": [1, 2, 7, 7] * 10, "breed": list("abab") * 10}
    frame = pd.DataFrame(cells)
    frame.to_csv(study / "cats.txt", sep=" ", index=False, header=False)
    table = ("data=table", "data.path=cats.txt", "data.header=false", "data.separator=blank", "data.target=3")
    said = nnsweep(*table, "data.columns.2=category", "arch=linear", "trainer.epochs=3", "tracking.pictures=false")
    assert said.code == 0, said.err

    def predict(**columns):
        others = frame[:4].assign(**columns)
        others.to_csv(study / "new.txt", sep=" ", index=False, header=False)
        return nnsweep("predict", "cats-linear-relu-cosine-s0", "new.txt")

    return predict


def test_categories_that_were_never_seen_are_counted(furs):
    said = furs(fur=["long", "none", "bald", "none"])
    assert said.code == 0
    assert said.err == (
        "nnsweep: warning: new.txt: column 1: 3 of 4 values are categories that the model has never seen ('none', "
        "'bald'); for it they are none of its 2\n"
    )


def test_a_column_without_any_known_category_is_refused(furs):
    said = furs(fur="none", code=["01", "02", "07", "07"])
    assert (said.code, said.out) == (4, "")
    assert said.err.splitlines() == [
        "nnsweep: error: new.txt: column 1: none of its 4 values is a category that the model has seen ('none'); it "
        "knows 'long', 'short': write the column as it was in training",
        "nnsweep: error: new.txt: column 2: none of its 4 values is a category that the model has seen ('01', '02', "
        "'07'); it knows '1', '2', '7': write the column as it was in training",
    ]


def test_whole_numbers_are_one_category_however_written(furs):
    as_trained = furs()
    assert as_trained.err == ""
    for code in ([1.0, 2.0, 7.0, 7.0], ["+1", "2.", "7.00", "7"]):
        assert furs(code=code) == as_trained


def test_no_such_data_run_or_format(nnsweep, sweep, flowers):
    assert (nnsweep("predict", GOOD, "nothing.csv").code, nnsweep("predict", "nobody", "flowers.csv").code) == (4, 2)
    said = nnsweep("predict", GOOD, "flowers.csv", "-o", "told.doc")
    assert said.code == 2
    assert "cannot tell the format" in said.err


def test_a_run_without_weights_or_of_an_earlier_version_is_told(nnsweep, study, store):
    nnsweep("optimizer.learning_rate=1e300", "activation=identity", "tracking.models=none", *QUICK)
    (record,) = find_job_runs(store())
    open_client(store().uri).delete_tag(record.run_id, "nnsweep.seal")  # which would say that the files were there
    place = study / "mlartifacts" / record.run_id / "artifacts"
    for name, told in (("preparation.npz", "as an earlier version left it"), ("weights.npz", "it is diverged")):
        (place / name).unlink()
        said = nnsweep("save", record.run_id, "-o", "model.npz")
        assert (said.code, said.err.count("\n")) == (4, 1)
        assert told in said.err
    assert not (study / "model.npz").exists()


def reader_of_texts():
    texts = pd.DataFrame({"text": ["good good", "bad bad", "good day", "bad day"]})
    _, preparation = fit_preparation(texts, {"text": "text"})  # bad, day, good
    about = {"format": FORMAT, "classes": ["bad", "good"], "preparation": preparation.values, "example": None}
    about |= {"activation": {"name": "relu"}, "output_activation": {"name": "identity"}, "run": {"run_id": "r"}}
    return Model(about, [(np.array([[9.0, 0], [0, 0], [0, 9.0]]), np.zeros(2))], dict(preparation.arrays))


def test_a_folder_of_texts_is_predicted_file_by_file(tmp_path):
    for name, text in {"b.txt": "a good one", "a/c": "\ufeffbad", ".hidden": "bad", ".git/x": "bad"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    told = models.predict(reader_of_texts(), str(tmp_path))
    assert told[["file", "label"]].to_numpy().tolist() == [[os.path.join("a", "c"), "bad"], ["b.txt", "good"]]


def test_a_column_of_texts_is_found_by_its_name(tmp_path):
    (tmp_path / "posts.csv").write_text('id,text\n1,"good, very"\n2,bad\n')
    assert models.predict(reader_of_texts(), str(tmp_path / "posts.csv"))["label"].tolist() == ["good", "bad"]


def test_a_folder_that_is_none_of_texts_is_refused(tmp_path, study, nnsweep, sweep):
    with pytest.raises(DataError, match="has no files to predict"):
        models.predict(reader_of_texts(), _empty(tmp_path))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match="byte 4: is no UTF-8"):
        models.predict(reader_of_texts(), str(tmp_path / "texts"))
    said = nnsweep("predict", GOOD, "texts")
    assert said.code == 4
    assert "is a folder, and the model wants a table with the columns sepal length (cm)" in said.err


def _empty(folder):
    (folder / "empty").mkdir()
    return str(folder / "empty")


def test_a_saved_model_gives_the_same_wherever_it_goes(nnsweep, study, sweep, flowers):
    for output in ("model.npz", "model.onnx", "folder"):
        said = nnsweep("save", GOOD, "--output", output)
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith(f"{GOOD} (")
    told = predictions(read(study / "model.npz"), flowers, prepared.features)
    assert told.to_csv(index=False) == nnsweep("predict", GOOD, "flowers.csv").out
    session = onnxruntime.InferenceSession(study / "model.onnx", providers=["CPUExecutionProvider"])
    label, shares = session.run(None, {name: flowers[[name]].to_numpy() for name in flowers})
    assert label.tolist() == told["label"].tolist()
    np.testing.assert_allclose(shares, told.iloc[:, 1:], rtol=0, atol=2e-6)
    assert (study / "folder" / "MLmodel").exists()
    assert not list(study.glob(".*.tmp"))


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("model.txt", "must end in .onnx or .npz"),
        ("there", "it is there already"),
        ("nowhere/model", "there is no folder"),
        ("nowhere/model.npz", "there is no folder"),
    ],
)
def test_where_nothing_can_be_written_that_is_told(output, told, nnsweep, study, sweep):
    (study / "there").mkdir()
    said = nnsweep("save", GOOD, "-o", output)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert told in said.err


def test_the_best_run_is_registered_once_and_the_alias_moved(nnsweep, study, sweep, store, flowers):
    asked, (sweep_id, records) = open_client(store().uri), sweep
    said = nnsweep("register", sweep_id)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"nnsweep, version 1: {GOOD} (")
    assert "mlflow.pyfunc.load_model('models:/nnsweep@champion')" in said.out
    other = nnsweep("register", sweep_id, "--run", OTHER)
    assert other.out.startswith(f"nnsweep, version 2: {OTHER} (")
    assert asked.get_model_version_by_alias("nnsweep", "champion").run_id == records[OTHER].run_id
    again = nnsweep("register", sweep_id)
    assert again.out.startswith("nnsweep, version 1, which was there already: ")
    version = asked.get_model_version_by_alias("nnsweep", "champion")
    record = records[GOOD]
    assert (version.version, version.run_id) == (1, record.run_id)
    assert version.tags == {
        "nnsweep.run_id": record.run_id,
        "nnsweep.sweep": sweep_id,
        "nnsweep.key": record.key,
        "nnsweep.data_digest": record.data_digest,
        "nnsweep.test_accuracy": repr(record.metrics["test_accuracy"]),
    }
    assert version.description.startswith(f"{GOOD} of sweep {sweep_id} (data=iris, activation=relu): test accuracy ")
    assert "## What it must not be used for\n" in version.description
    assert len(version.description) <= LONGEST_DESCRIPTION
    assert len(asked.search_model_versions("name = 'nnsweep'")) == 2


def test_a_saved_model_has_its_card_beside_it_and_in_it(nnsweep, study, sweep):
    for output, card in (("m.npz", "m.card.md"), ("o.onnx", "o.card.md"), ("folder", "folder/model_card.md")):
        said = nnsweep("save", GOOD, "--output", output)
        assert (said.code, said.err) == (0, "")
        assert said.out.endswith(f"written to {output}, with its card in {card}\n")
    text = (study / "m.card.md").read_text(encoding="utf-8")
    assert f"\n# {GOOD}\n" in text
    assert (study / "o.card.md").read_text() == (study / "folder" / "model_card.md").read_text() == text
    assert (
        json.loads(str(np.load("m.npz")["about"]))["card"] == read("folder/artifacts/model.npz").about["card"] == text
    )
    assert {one.key: one.value for one in onnx.load("o.onnx").metadata_props}["model_card"] == text


@pytest.fixture
def saved(nnsweep, study, sweep):
    """Save a model as a file and as a folder; give its folder's path."""
    for output in ("m.npz", "folder"):
        assert nnsweep("save", GOOD, "--output", output).code == 0
    return study / "folder"


def test_a_saved_model_is_confirmed_by_its_run(nnsweep, saved):
    for name in ("m.npz", "folder"):
        said = nnsweep("verify", name)
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith(f"{name}: weights (SHA-256 ")
        assert f"preparation are those of {GOOD} (" in said.out


def nudge(model):
    (W, b), *others = model.layers
    return model._replace(layers=[(W + np.float32(1e-6), b), *others])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (nudge, "its weights have the SHA-256 "),
        (lambda model: model._replace(preparation=model.preparation | {"mean": model.preparation["mean"] + 1e-9}),
         "the numbers of its preparation are not those of its run"),
        (lambda model: model._replace(about=model.about | {"classes": ["a", "b", "c"]}), "its run says: classes"),
        (lambda model: model._replace(about=model.about | {"card": "fine"}), "model_card.md is not the card in the"),
    ],
)  # fmt: skip
def test_a_saved_model_that_was_changed_is_told(change, told, nnsweep, saved):
    file = saved / "artifacts" / "model.npz"
    model = change(read(file))
    with open(file, "wb") as opened:
        write(model, opened)
    said = nnsweep("verify", "folder")
    assert said.code == 6
    assert said.out.startswith("folder: ")
    assert told in said.out
    assert "folder: 1 difference from the store; save the model again" in said.err


def test_what_is_no_saved_model_is_told(nnsweep, study):
    (study / "m.npz").write_bytes(b"no archive")
    said = nnsweep("verify", "m.npz")
    assert (said.code, said.out) == (4, "")
    assert said.err.startswith("nnsweep: error: m.npz: is no model that nnsweep has saved (")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nothing",), "there is no sweep 'nothing'"),
        (("it's",), "there is no sweep"),
        (("SWEEP", "--experiment", "other"), "there is no experiment 'other'"),
        (("SWEEP", "--run", "nobody"), "there is no run 'nobody'"),
        (("SWEEP", "--name", "a/b"), "must be printable text without"),
        (("SWEEP", "--name", " "), "must be printable text without"),
        (("SWEEP", "--alias", "latest"), "neither latest nor like v1"),
        (("SWEEP", "--alias", "V2"), "neither latest nor like v1"),
        (("SWEEP", "--alias", "a b"), "must be letters, digits"),
    ],
)
def test_what_cannot_be_registered_is_told(arguments, told, nnsweep, sweep):
    said = nnsweep("register", *(sweep[0] if one == "SWEEP" else one for one in arguments))
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert told in said.err


def test_a_sweep_in_which_nothing_finished_has_no_best(nnsweep, study):
    nnsweep("optimizer.learning_rate=1e300", "activation=identity", *QUICK)
    (folder,) = (study / "multirun").iterdir()
    said = nnsweep("register", folder.name)
    assert (said.code, "has no run that finished" in said.err) == (2, True)


@pytest.mark.parametrize(("wanted", "kept"), [("best", {GOOD}), ("all", {GOOD, OTHER}), ("none", set())])
def test_a_sweep_ends_with_the_models_that_are_wanted(wanted, kept, nnsweep, store):
    said = nnsweep("arch=shallow,linear", f"tracking.models={wanted}", *QUICK)
    assert (said.code, said.err) == (0, "")
    assert {record.name for record in find_job_runs(store()) if find_logged_model(store(), record.run_id)} == kept
    again = nnsweep("arch=shallow,linear", f"tracking.models={wanted}", *QUICK)
    assert (again.code, again.err) == (0, "")
    assert len(open_client(store().uri).search_logged_models([store().experiment_id])) == len(kept)


def test_failed_model_is_a_warning_and_can_be_made_later(nnsweep, study, store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "model")

    with monkeypatch.context() as patch:
        patch.setattr(find_backend(store_uri(study)), "log_model_artifacts", full)
        said = nnsweep(*QUICK, "sweep.workers=1")
    assert said.code == 0
    (folder,) = (study / "multirun").iterdir()
    assert said.err.startswith("nnsweep: warning: no model was kept: ")
    assert said.err.endswith(f". To make it later: nnsweep register {folder.name}\n")
    (record,) = find_job_runs(store())
    assert (record.state, find_logged_model(store(), record.run_id)) == ("finished", None)
    assert nnsweep("register", folder.name).code == 0
    assert find_logged_model(store(), record.run_id)


def store_uri(study):
    return f"sqlite:///{study}/mlflow.db"


def test_how_models_are_kept_is_not_in_a_jobs_key(nnsweep, store):
    nnsweep(*QUICK, "tracking.models=none")
    assert "1 finished before" in nnsweep(*QUICK, "tracking.models=all").out
    assert len(find_job_runs(store())) == 1


def test_store_other_than_the_environments_has_its_own_registry(nnsweep, study, ready_store_file):
    shutil.copy(ready_store_file, study / "other.db")
    where = ("--uri", f"sqlite:///{study}/other.db")
    assert nnsweep(*QUICK, "tracking.uri=sqlite:///other.db").code == 0
    (folder,) = (study / "multirun").iterdir()
    said = nnsweep("register", folder.name, *where)
    assert (said.code, said.err) == (0, "")
    assert f"mlflow.set_tracking_uri('{where[1]}')" in said.out
    assert open_client(where[1]).get_model_version_by_alias("nnsweep", "champion").version == 1
    assert nnsweep("save", GOOD, *where, "-o", "model.npz").code == 0


def test_quantiles_of_a_number_leave_in_its_own_unit(nnsweep, study, store):
    assert nnsweep("data=diabetes", "loss=quantile", "trainer.epochs=60", "tracking.pictures=false").code == 0
    (folder,) = (study / "multirun").iterdir()
    diabetes = load("diabetes", val_fraction=0.2)
    arrays, names = diabetes.preparation.arrays, [column.name for column in diabetes.preparation.columns]
    patients = pd.DataFrame(diabetes.test.X * arrays["scale"] + arrays["mean"], columns=names)
    patients.to_csv(study / "patients.csv", index=False)
    (record,) = find_job_runs(store())
    assert nnsweep("predict", record.name, "patients.csv", "-o", "told.csv").code == 0
    assert nnsweep("save", record.name, "-o", "model.onnx").code == 0
    told = pd.read_csv(study / "told.csv")
    assert list(told.columns) == ["prediction_q10", "prediction_q50", "prediction_q90"]
    rmse = np.sqrt(np.mean(np.square(told["prediction_q50"] - diabetes.test.y[:, 0])))
    assert rmse == pytest.approx(record.metrics["test_rmse"], rel=1e-6)
    session = onnxruntime.InferenceSession(study / "model.onnx", providers=["CPUExecutionProvider"])
    (values,) = session.run(None, {name: patients[[name]].to_numpy() for name in names})
    unit = diabetes.train.y.std()  # the network's own numbers, in float32, are of this size; a prediction may be near 0
    np.testing.assert_allclose(values / unit, told / unit, rtol=0, atol=1e-6)
    said = nnsweep("register", folder.name)
    assert f"test RMSE {record.metrics['test_rmse']:.4f}" in said.out
    version = open_client(store().uri).get_model_version_by_alias("nnsweep", "champion")
    assert version.tags["nnsweep.test_rmse"] == repr(record.metrics["test_rmse"])


@pytest.mark.parametrize(
    ("words", "metric"),
    [
        (("data=iris", "arch=deep", "arch.normalization=layer", "arch.residual=true"), "test_log_loss"),
        (("data=iris", "arch.normalization=batch", "data.scaling=robust_smooth_clip"), "test_log_loss"),
        (("data=iris", "trainer.ema=0.1", "trainer.calibrate=temperature"), "test_calibrated_ece"),
        (("data=iris", "experiment=realmlp", "arch.hidden_layer_sizes=[16,16]"), "test_log_loss"),
        (("data=diabetes", "arch=deep", "activation.layers=[mish,tanh,selu]", "loss=huber"), "test_rmse"),
    ],
)
def test_every_kind_of_network_leaves_as_it_was_measured(words, metric, nnsweep, study, store):
    measures = () if metric == "test_rmse" else ("trainer.measures=[accuracy,log_loss,ece]",)
    said = nnsweep(*words, *measures, "trainer.epochs=20", "tracking.pictures=false")
    assert said.code == 0, said.err
    (record,) = find_job_runs(store("realmlp" if "experiment=realmlp" in words else "nnsweep"))
    for output in ("model.npz", "model.onnx"):
        assert nnsweep("save", record.run_id, "-o", output).code == 0
    data, model = load(words[0][5:], val_fraction=0.2), read(study / "model.npz")
    names = [column.name for column in data.preparation.columns]
    raw = data.test.X * data.preparation.arrays["scale"] + data.preparation.arrays["mean"]
    table = pd.DataFrame(raw, columns=names)
    values = predict_values(model, prepared.features(table, model.about["preparation"], model.preparation))
    measure = MEASURES[metric.removeprefix("test_").removeprefix("calibrated_")]
    found = measure_values(measure, model, values[None], data.test)
    np.testing.assert_allclose(found, record.metrics[metric], rtol=2e-5)
    session = onnxruntime.InferenceSession(study / "model.onnx", providers=["CPUExecutionProvider"])
    told = session.run(None, {name: raw[:, [place]] for place, name in enumerate(names)})[-1]
    np.testing.assert_allclose(told, values, rtol=1e-6, atol=1e-6)
