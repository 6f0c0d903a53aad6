import base64
import json
import os
import shutil
import sys
import urllib.request
import uuid
import zlib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from mlflow import MlflowClient

from nnsweep.errors import StoreError
from nnsweep.results.ui_view import make_view
from nnsweep.tracking import ui
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store
from nnsweep.tracking.ui import (
    LONGEST,
    TAG,
    encode_view,
    make_chart_link,
    make_compare_link,
    make_search_filter,
    make_view_key,
    write_view,
)
from tests.outside import begin, free_port, kill, wait_until


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], dict[str, str]]]:
    """Keep what this process would have become: program, command line, environment."""
    kept: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(ui.os, "execve", lambda *given: kept.append(given))
    return kept


def test_a_store_that_does_not_exist_is_not_served(tmp_path: Path, executed):
    with pytest.raises(StoreError, match="there is no store"):
        ui.serve_ui(f"sqlite:///{tmp_path}/mlflow.db", 5000)
    assert executed == []
    assert [*tmp_path.iterdir()] == []


def test_a_damaged_store_is_not_served(tmp_path: Path, executed):
    (tmp_path / "mlflow.db").write_text("not a store")
    with pytest.raises(StoreError, match="it is not an SQLite database"):
        ui.serve_ui(f"sqlite:///{tmp_path}/mlflow.db", 5000)
    assert executed == []


def test_a_store_is_served_to_this_machine_alone(uri: str, tmp_path: Path, executed):
    ui.serve_ui(uri, 5123)
    ((program, line, environment),) = executed
    assert program == line[0] == sys.executable
    given = dict(zip(line[4::2], line[5::2], strict=True))
    assert given["--host"] == "127.0.0.1"
    assert given["--port"] == "5123"
    assert environment["MLFLOW_BACKEND_STORE_URI"] == uri
    assert given["--default-artifact-root"] == str(tmp_path / "mlartifacts")


def test_other_machines_are_served_if_an_address_says_so(uri: str, executed):
    ui.serve_ui(uri, 5123, "0.0.0.0")
    ((_, line, _),) = executed
    assert line[line.index("--host") + 1] == "0.0.0.0"


def test_requested_store_wins_over_the_environments(uri: str, executed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "sqlite:///another.db")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    ui.serve_ui(uri, 5123)
    ((_, _, environment),) = executed
    assert environment["MLFLOW_BACKEND_STORE_URI"] == uri
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "false"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc to read command lines from")
def test_no_command_line_of_the_server_names_the_store(ready_store_file: Path, tmp_path: Path):
    shutil.copy(ready_store_file, tmp_path / "planted.db")
    port = free_port()
    server = begin(tmp_path, "ui", "--port", str(port), "--uri", "sqlite:///planted.db")

    def answers() -> bool:
        assert server.poll() is None
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
        except OSError:
            return False
        return True

    try:
        wait_until(answers, "an answer of the server")
        lines = [line for line in command_lines(server.pid) if "mlflow" in line]
        assert lines
        assert "planted" not in "".join(lines)
    finally:
        kill(server)


def command_lines(session: int) -> list[str]:
    """Read the command lines of all processes of a session."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                found.append((process / "cmdline").read_text())
        except OSError:  # it has just ended
            continue
    return found


def asked(link: str) -> tuple[str, str, dict[str, str]]:
    """Take an address of the MLflow UI apart: the server, the page, and what is asked of it."""
    parts = urlsplit(link)
    page, _, query = parts.fragment.partition("?")
    return f"{parts.scheme}://{parts.netloc}", page, {name: value for name, (value,) in parse_qs(query).items()}


def test_the_chart_link_shows_one_sweeps_jobs():
    server, page, query = asked(
        make_chart_link(Store("sqlite:////study/mlflow.db", "study", "7"), "2026-01-01_10-00-00-ab")
    )
    assert (server, page) == ("http://127.0.0.1:5000", "/experiments/7/runs")
    assert query == {
        "compareRunsMode": "CHART",
        "workflowType": "machine_learning",
        "searchFilter": "tags.`nnsweep.kind` = 'job' AND tags.`nnsweep.sweep` = '2026-01-01_10-00-00-ab'",
    }


def test_chart_link_names_the_view_and_nothing_overriding_it():
    store = Store("sqlite:////study/mlflow.db", "study", "7")
    _, page, query = asked(make_chart_link(store, "a 'b'", ["r1"], has_view=True))
    assert page == "/experiments/7/runs"
    assert query == {
        "compareRunsMode": "CHART",
        "workflowType": "machine_learning",
        "viewStateShareKey": make_view_key("a 'b'"),
    }


def test_the_comparison_names_every_run():
    server, page, query = asked(make_compare_link(Store("sqlite:////study/mlflow.db", "study", "7"), ("r1", "r2")))
    assert (server, page) == ("http://127.0.0.1:5000", "/compare-runs")
    assert {name: json.loads(value) for name, value in query.items()} == {"runs": ["r1", "r2"], "experiments": ["7"]}


@pytest.mark.parametrize("uri", ["https://track.example.org/base", "https://track.example.org/base/"])
def test_links_lead_to_the_server_that_has_the_runs(uri: str):
    store = Store(uri, "study", "7")
    for link in (make_chart_link(store, "s"), make_compare_link(store, ["r"])):
        assert link.startswith("https://track.example.org/base/#/")


def test_links_lead_to_this_machine_for_a_database_store():
    assert make_chart_link(Store("postgresql://me:secret@host/db", "study", "7"), "s").startswith(
        "http://127.0.0.1:5000/#/"
    )


def test_links_have_no_blanks_or_quotes_that_stop_a_terminal():
    store = Store("sqlite:////study/mlflow.db", "study", "7")
    for link in (make_chart_link(store, "s"), make_compare_link(store, ["r1", "r2"])):
        assert not set(link) & set(" '\"`<>[]()")


def test_links_do_not_tell_credentials():
    store = Store("https://me:secret@track.example.org", "study", "7")
    for link in (make_chart_link(store, "s"), make_compare_link(store, ["r"])):
        assert "secret" not in link


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
