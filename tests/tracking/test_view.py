"""The view of a sweep in MLflow's UI: what MLflow reads from the tag is the page that was laid out."""

import base64
import json
import uuid
import zlib

import pytest
from mlflow import MlflowClient

from nnsweep.errors import StoreError
from nnsweep.results.ui_view import make_view
from nnsweep.tracking import ui
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.ui import LONGEST, TAG, encode_view, make_search_filter, make_view_key, write_view

VIEW = {"searchFilter": "tags.`nnsweep.kind` = 'job'", "orderByAsc": False, "compareRunCharts": [{"type": "BAR"}]}


def unpacked(text: str) -> dict:
    kind, _, body = text.partition(";")
    assert kind == "deflate"
    return json.loads(zlib.decompress(base64.b64decode(body)))


def test_what_mlflow_unpacks_is_the_view():
    assert unpacked(encode_view(VIEW)) == VIEW


def test_sweep_key_is_unique_and_safe_in_an_address():
    keys = [make_view_key(sweep) for sweep in ("20261130-090146-1b34", "20261130-090146-1b35", "a 'b' ü", "a\udcff")]
    assert len({*keys}) == 4
    assert all(key.isalnum() and key.isascii() for key in keys)
    assert make_view_key("a") == make_view_key("a")


def test_a_view_is_written_once_for_each_sweep_and_renewed(store):
    for sweep, search in (("s1", "first"), ("s2", "other"), ("s1", "renewed")):
        assert write_view(store, sweep, {**VIEW, "searchFilter": search})
    tags = MlflowClient(store.uri).get_experiment(store.experiment_id).tags
    found = {key: unpacked(text)["searchFilter"] for key, text in tags.items()}
    assert found == {TAG + make_view_key("s1"): "renewed", TAG + make_view_key("s2"): "other"}


def test_the_view_of_a_large_resumed_sweep_fits_into_a_tag(store):
    """Each of its settings tells other runs apart, and each of its runs is named."""
    run_ids = [uuid.uuid4().hex for _ in range(100)]
    metrics = {"best_val_accuracy": 0.95, "test_accuracy": 0.93, "n_parameters": 15.0, "duration_seconds": 0.1}
    settings = [{f"group.setting_number_{number}": int(number == job) for number in range(12)} for job in range(12)]
    records = [RunRecord(run_id="", name="", state="finished", settings=one, metrics=metrics) for one in settings]
    assert len(encode_view(make_view(records, make_search_filter("s1")))) < LONGEST / 2
    assert write_view(store, "s1", make_view(records, make_search_filter("s1", run_ids)))


def test_a_view_that_no_tag_can_hold_is_not_written(store, monkeypatch):
    monkeypatch.setattr(ui, "LONGEST", 100)
    assert not write_view(store, "s1", VIEW)
    assert MlflowClient(store.uri).get_experiment(store.experiment_id).tags == {}


def test_a_store_that_refuses_is_told(store):
    MlflowClient(store.uri).delete_experiment(store.experiment_id)
    with pytest.raises(StoreError, match="must be in the 'active' state"):
        write_view(store, "s1", VIEW)
