import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn import metrics

from nnsweep.api import ensemble as ensembles
from nnsweep.api.ensemble import make_ensemble
from nnsweep.api.load import load_results
from nnsweep.cli.main import main
from nnsweep.data.load import load
from nnsweep.errors import StoreError
from nnsweep.jobs import consistency
from nnsweep.model.predictor import predict_values, read
from nnsweep.tracking import models, runs
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.exposure import find_exposures
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.store import find_store
from tests.outside import copy_store

SWEEP = (
    "-m",
    "arch=shallow,linear",
    "activation=relu,tanh",
    "data=iris",
    "trainer.epochs=8",
    "tracking.pictures=false",
)


@pytest.fixture
def store(study):
    return lambda name="nnsweep": find_store(f"sqlite:///{study}/mlflow.db", name)


@pytest.fixture(scope="module")
def trained(new_study) -> Path:
    """Train a few networks; give the folder of the study."""
    with new_study("trained") as folder:
        assert main([*SWEEP]) == 0
    return folder


@pytest.fixture
def sweep(trained, study) -> str:
    """Work with a copy of the store that knows the networks; give their sweep's id."""
    copy_store(trained / "mlflow.db", study / "mlflow.db")
    shutil.copytree(trained / "mlartifacts", study / "mlartifacts", dirs_exist_ok=True)
    (folder,) = (trained / "multirun").iterdir()
    return folder.name


def test_an_ensemble_is_the_mean_of_its_members_and_measured(nnsweep, sweep, store):
    said = nnsweep("ensemble", sweep, "--members", "4")
    assert (said.code, said.err) == (0, "")
    title, *members = [line for line in said.out.splitlines() if line[0] == " " or "val_log_loss" in line]
    assert title.startswith(f"ensemble-4-{sweep} (")
    iris = load("iris", val_fraction=0.2)
    by_title = {record.title: record for record in find_job_runs(store(), sweep)}
    members = [line.strip().split(" x ") for line in members]
    weights = [int(weight) for weight, _ in members]
    alone = [models.make_model(store(), by_title[member].run_id) for _, member in members]
    assert sum(weights) <= 4
    (run,) = open_client(store().uri).search_runs([store().experiment_id], "tags.`nnsweep.kind` = 'ensemble'")
    for part, name in (("val", "best_val"), ("test", "test")):
        X, y, _ = iris.parts[part]
        shares = np.average([predict_values(model, X) for model in alone], axis=0, weights=weights)
        assert run.data.metrics[f"{name}_log_loss"] == pytest.approx(metrics.log_loss(y, shares), rel=1e-9)
        assert run.data.metrics[f"{name}_accuracy"] == metrics.accuracy_score(y, shares.argmax(axis=1))
    assert (run.info.status, run.data.params["data"], run.data.params["ensemble.members"]) == ("FINISHED", "iris", "4")


def test_it_leaves_like_any_model(nnsweep, study, sweep, store):
    assert nnsweep("ensemble", sweep, "--name", "together").code == 0
    iris = load("iris", val_fraction=0.2)
    arrays, names = iris.preparation.arrays, [column.name for column in iris.preparation.columns]
    flowers = pd.DataFrame(iris.test.X * arrays["scale"] + arrays["mean"], columns=names)
    flowers.to_csv(study / "flowers.csv", index=False)
    for output in ("model.npz", "model.onnx", "folder"):
        assert nnsweep("save", "together", "-o", output).code == 0
    assert nnsweep("predict", "together", "flowers.csv", "-o", "told.csv").code == 0
    told = pd.read_csv(study / "told.csv")
    np.testing.assert_allclose(told.iloc[:, 1:], predict_values(read(study / "model.npz"), iris.test.X), atol=1e-12)
    session = onnxruntime.InferenceSession(study / "model.onnx", providers=["CPUExecutionProvider"])
    label, shares = session.run(None, {name: flowers[[name]].to_numpy() for name in flowers})
    assert label.tolist() == told["label"].tolist()
    np.testing.assert_allclose(shares, told.iloc[:, 1:], rtol=0, atol=1e-6)
    said = nnsweep("register", sweep, "--run", "together")
    assert said.out.startswith("nnsweep, version 1: together (")
    version = open_client(store().uri).get_model_version_by_alias("nnsweep", "champion")
    from mlflow import pyfunc

    for folder in (version.source, str(study / "folder")):
        assert pyfunc.load_model(folder).predict(flowers).to_csv(index=False) == (study / "told.csv").read_text()


def test_no_table_of_jobs_has_it_and_it_is_recorded_once(nnsweep, sweep, store):
    before = load_results("nnsweep")["run_id"].tolist()
    first = nnsweep("ensemble", sweep)
    again = nnsweep("ensemble", sweep)
    assert again.out == first.out.replace("): ", "): was recorded before: ", 1)
    assert load_results("nnsweep")["run_id"].tolist() == before
    assert load_results("nnsweep", sweep=sweep)["run_id"].tolist() == before
    assert len(open_client(store().uri).search_runs([store().experiment_id], "tags.`nnsweep.kind` = 'ensemble'")) == 1
    test_set = load("iris", val_fraction=0.2).test_digest
    looks = find_exposures(store().uri, [test_set])[test_set]
    assert sorted(look.kind for look in looks) == ["ensemble", "sweep"]
    said = nnsweep("reproduce", f"ensemble-5-{sweep}")
    assert (said.code, "there is no run" in said.err) == (2, True)


def test_a_recording_that_failed_is_made_anew(sweep, store, monkeypatch):
    def refuse(*_, **__):
        raise StoreError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "log_artifacts", refuse)
        with pytest.raises(StoreError, match="not now"):
            make_ensemble(sweep)
    made = make_ensemble(sweep)
    assert made.is_new
    assert len(models.make_model(store(), made.record.run_id).members) == len(made.members)
    ours = open_client(store().uri).search_runs([store().experiment_id], "tags.`nnsweep.kind` = 'ensemble'")
    assert sorted(run.data.tags["nnsweep.state"] for run in ours) == ["failed", "finished"]


def test_a_model_that_was_changed_is_told(nnsweep, study, sweep):
    made = make_ensemble(sweep)
    file = study / "mlartifacts" / made.record.run_id / "artifacts" / "model.npz"
    file.write_bytes(file.read_bytes()[:-1])
    said = nnsweep("save", made.record.run_id, "-o", "model.npz")
    assert (said.code, "is not what was recorded" in said.err) == (6, True)


def test_its_file_says_how_it_was_chosen(study, sweep):
    made = make_ensemble(sweep, members=3, measure="accuracy")
    place = study / "mlartifacts" / made.record.run_id / "artifacts"
    content = json.loads((place / "ensemble.json").read_text())
    assert (content["measure"], content["n_candidates"], len(content["scores"])) == ("accuracy", 4, 3)
    assert {f"{one['name']} ({one['run_id']})": one["weight"] for one in content["members"]} == made.members
    assert content["gains"] == [gain._asdict() for gain in made.gains]


def test_a_sealed_test_part_is_not_looked_at(sweep, monkeypatch):
    found = ensembles.query.find_job_runs

    def without_tests(*given):
        for record in (records := found(*given)):
            for name in [name for name in record.metrics if "test" in name]:
                del record.metrics[name]
        return records

    monkeypatch.setattr(ensembles.query, "find_job_runs", without_tests)
    made = make_ensemble(sweep)
    assert (made.gains, [name for name in made.record.metrics if "test" in name]) == ([], [])
    assert ensembles.describe_ensemble(made, 0.95)[-1].startswith("the test part is sealed, so nothing is said of it")


def test_data_that_have_changed_since_are_refused(nnsweep, sweep, monkeypatch):
    monkeypatch.setattr(consistency, "load_dataset", lambda data: load("iris", val_fraction=0.1))
    said = nnsweep("ensemble", sweep)
    assert (said.code, said.err.count("\n")) == (4, 1)
    assert "its data have changed since (digest " in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nothing",), "there is no sweep 'nothing'"),
        (("SWEEP", "--members", "0"), "--members=0: must be 1 or more"),
        (("SWEEP", "--measure", "rmse"), "--measure=rmse: there is no such measure"),
        (("SWEEP", "--filter", "depth > 9"), "has no run that finished that --filter 'depth > 9' leaves"),
        (("SWEEP", "--confidence", "2"), "confidence=2.0 is not between 0 and 1"),
    ],
)
def test_what_cannot_be_averaged_is_told(arguments, told, nnsweep, sweep):
    said = nnsweep("ensemble", *(sweep if one == "SWEEP" else one for one in arguments))
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert told in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("data.split_seed=0,1",), "have 2 different data sets, folds or splits"),
        (("data.val_fraction=0", "seed=0,1"), "there is no validation part to choose members on"),
    ],
)
def test_runs_must_share_their_data_and_a_validation_part(words, told, nnsweep, study):
    assert nnsweep("-m", "arch=linear", "data=iris", "trainer.epochs=1", "tracking.models=none", *words).code == 0
    (folder,) = (study / "multirun").iterdir()
    said = nnsweep("ensemble", folder.name)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert told in said.err
