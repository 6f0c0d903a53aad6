from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnsweep.data import prepared
from nnsweep.data.load import load
from nnsweep.errors import DataError, StoreError
from nnsweep.jobs.result import encode_config, encode_weights
from nnsweep.mlp.history import Trained
from nnsweep.mlp.network import Layer
from nnsweep.model.packed import pack_preparation
from nnsweep.model.predictor import predictions
from nnsweep.tracking import models, runs
from nnsweep.tracking.backend import find_backend
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.record import RunRecord

CONFIG = {"activation": {"name": "tanh"}, "output_activation": "identity"}


@pytest.fixture
def left(job, store, tmp_path):
    """Let a run leave what a model needs, as a job does; give its id."""
    iris, random = load("iris", val_fraction=0.1), np.random.default_rng(0)
    layers = [Layer(random.normal(size=(1, 4, 3)), random.normal(size=(1, 1, 3)))]
    trained = Trained(best_layers=layers, layers=layers, best_epoch=2)
    contents = {"config.yaml": encode_config(CONFIG), "weights.npz": encode_weights(trained)}
    contents["preparation.npz"] = pack_preparation(iris)
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    runs.log_artifacts(store, run_id := job(), [tmp_path / name for name in contents])
    runs.end_run(store, RunRecord(run_id=run_id, name="", state="finished"), points=[runs.Point("best_epoch", 2.0)])
    return run_id


def loaded(folder):
    from mlflow import pyfunc

    return pyfunc.load_model(str(folder))


def test_a_run_gets_one_model_which_its_addresses_load(left, store):
    assert models.find_logged_model(store, left) is None
    model_id = models.log_model(store, left, partial(models.make_model, store, left))
    assert (
        models.log_model(store, left, partial(models.make_model, store, left))
        == models.find_logged_model(store, left)
        == model_id
    )
    asked = open_client(store.uri)
    assert [one.model_id for one in asked.search_logged_models([store.experiment_id])] == [model_id]
    (output,) = asked.get_run(left).outputs.model_outputs
    assert (output.model_id, output.step) == (model_id, 2)
    kept = asked.get_logged_model(model_id)
    assert (kept.name, kept.source_run_id, kept.model_type) == ("model", left, "nnsweep")
    iris = load("iris", val_fraction=0.1)
    frame = pd.DataFrame(iris.test.X, columns=[column.name for column in iris.preparation.columns])
    wanted = predictions(models.make_model(store, left), frame, prepared.features)
    pd.testing.assert_frame_equal(loaded(kept.artifact_location).predict(frame), wanted, check_exact=True)


@pytest.mark.parametrize("step", ["create_logged_model", "log_model_artifacts", "finalize_logged_model", "log_outputs"])
def test_what_a_failure_leaves_is_made_good_the_next_time(step, left, store, monkeypatch):
    from mlflow.exceptions import MlflowException

    def refuse(*_, **__):
        raise MlflowException("not now")

    with monkeypatch.context() as patch:
        patch.setattr(find_backend(store.uri), step, refuse)
        with pytest.raises(StoreError, match="not now"):
            models.log_model(store, left, partial(models.make_model, store, left))
    model_id = models.log_model(store, left, partial(models.make_model, store, left))
    assert models.find_logged_model(store, left) == model_id
    ready = [
        one.model_id
        for one in open_client(store.uri).search_logged_models([store.experiment_id])
        if one.status == "READY"
    ]
    assert ready == [model_id]
    assert [output.model_id for output in open_client(store.uri).get_run(left).outputs.model_outputs] == [model_id]


def test_a_model_that_could_not_be_written_is_given_up(left, store, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(models, "save_model_folder", full)
        with pytest.raises(OSError, match="No space left"):
            models.log_model(store, left, partial(models.make_model, store, left))
    assert [one.status for one in open_client(store.uri).search_logged_models([store.experiment_id])] == ["FAILED"]
    assert models.log_model(
        store, left, partial(models.make_model, store, left)
    )  # and the store has not been taken for one that is away


def test_a_run_that_left_nothing_is_told(job, store):
    with pytest.raises(DataError, match=r"has no weights \(it is running\); choose a run that has finished"):
        models.make_model(store, job())


def test_an_earlier_versions_run_is_told(left, store):
    (Path(open_client(store.uri).get_run(left).info.artifact_uri) / "preparation.npz").unlink()
    with pytest.raises(
        DataError, match=r"no preparation.npz, as an earlier version left it; run it again \(rerun=all\)"
    ):
        models.log_model(store, left, partial(models.make_model, store, left))
    assert not open_client(store.uri).search_logged_models([store.experiment_id])


@pytest.mark.parametrize("text", ["", "[]", "activation: 5\noutput_activation: x", ": :", "\x80"])
def test_a_damaged_configuration_is_told(text, left, store):
    place = Path(open_client(store.uri).get_run(left).info.artifact_uri) / "config.yaml"
    place.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match="20-20-tanh-inv-s0"):
        models.make_model(store, left)
