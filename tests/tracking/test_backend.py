"""Whoever answers for a store, the same is in it afterwards, and the same is read back from it."""

import functools
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import IntegrityError

from nnsweep.tracking import backend as backends
from nnsweep.tracking import engine, run_rows
from nnsweep.tracking.backend import Backend, RunEntry, RunQuery, backend
from nnsweep.tracking.client import close_connections
from nnsweep.tracking.engine import has_known_tables
from nnsweep.tracking.mlflow_backend import ClientBackend
from nnsweep.tracking.record import Point
from nnsweep.tracking.rows import RowBackend
from nnsweep.tracking.store import needs_mlflow

Make = Callable[[str], Backend]
PLACE, RUN_NAME = "/somewhere/mlartifacts", "mlflow.runName"
TAGS = {"nnsweep.kind": "job", "note": "ü 'quoted' \"twice\"", "empty": "", "mlflow.user": "ada"}
CURVE = [Point("train_cost", 1.0 / (1 + step), step) for step in range(5)]


class Writer(NamedTuple):
    """Who writes, and in which store."""

    make: Make
    uri: str


rows = functools.cache(RowBackend)  # so that its connections are known, and closed after a test
MAKES: dict[str, Make] = {"rows": rows, "client": lambda uri: ClientBackend(MlflowClient(uri))}
DATABASES = ("file", "postgresql", "psycopg", "mariadb")
WRITERS = [*(f"rows/{database}" for database in DATABASES), "client/file", "client/server"]


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Give a function that names a store of a kind, and starts its server if it has one."""

    def named(kind: str) -> str:
        if kind == "psycopg":
            pytest.importorskip("psycopg", reason="psycopg is not installed")
            return named("postgresql").replace("+psycopg2", "+psycopg")
        uri = request.getfixturevalue("uri" if kind == "file" else f"{NAMES.get(kind, kind)}_server")
        return uri if isinstance(uri, str) else uri.uri

    return named


NAMES = {"server": "mlflow"}


@pytest.fixture(params=WRITERS)
def writer(request: pytest.FixtureRequest, place: Callable[[str], str]) -> Writer:
    """Give each of those who write; all are held to the same."""
    make, _, kind = request.param.partition("/")
    return Writer(MAKES[make], place(kind))


@pytest.fixture
def asked(writer: Writer) -> Backend:
    return writer.make(writer.uri)


@pytest.fixture
def seen(writer: Writer) -> MlflowClient:
    """Give MLflow's own client, which looks at what was written."""
    return MlflowClient(writer.uri)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, place: Callable[[str], str]) -> str:
    """Give the URI of each database that is read and written as rows, or by MLflow's client."""
    return place(request.param)


@pytest.fixture
def experiment(asked: Backend) -> str:
    return asked.create_experiment(unused("study"), PLACE)


def unused(name: str) -> str:
    """Give a name that nothing has yet: tests share the stores of servers."""
    return f"{name} {uuid.uuid4().hex}"


def write(asked: Backend, experiment: str, name: str = "first") -> str:
    """Write a run as a job does: begun, sent in pieces of which one comes twice, ended."""
    run_id = asked.create_run(experiment, tags=TAGS, run_name=name).info.run_id
    asked.log_batch(run_id, metrics=CURVE[:3], params={"seed": "0", "long": "x" * 7000}, tags={})
    asked.log_batch(run_id, metrics=CURVE[3:], params={"seed": "0"}, tags={"note": "changed", "later": "1"})
    asked.log_batch(run_id, metrics=[Point("test_accuracy", 0.5)], params={}, tags={})
    asked.log_batch(run_id, metrics=[Point("train_cost", 9.0, 1)], params={}, tags={})  # an earlier step comes late
    for _ in range(2):
        asked.log_inputs(run_id, name="digits", digest="d" * 36, source="wheel")
    asked.set_terminated(run_id, "FINISHED")
    return run_id


def contents(seen: MlflowClient, run_id: str) -> dict[str, Any]:
    """Give all that MLflow's client reads of a run, without its id and the time."""
    run = seen.get_run(run_id)
    info = {name: getattr(run.info, name) for name in ("run_name", "status", "lifecycle_stage", "user_id")}
    return {
        **info,
        "place": run.info.artifact_uri.replace(run_id, "RUN"),
        "ended": run.info.end_time is not None,
        "params": run.data.params,
        "tags": run.data.tags,
        "latest": run.data.metrics,
        "curves": {
            name: sorted((point.step, point.value) for point in seen.get_metric_history(run_id, name))
            for name in run.data.metrics
        },
        "data": [
            {**vars(each.dataset), "tags": [*map(vars, each.tags)]}
            for each in (run.inputs.dataset_inputs if run.inputs else [])
        ],
    }


def test_mlflow_reads_the_same_whoever_has_written_it(database: str):
    found, seen = [], MlflowClient(database)
    for make in MAKES.values():
        asked = make(database)
        run_id = write(asked, asked.create_experiment(unused("study"), PLACE))
        found.append(contents(seen, run_id))
    mine, mlflows = found
    assert mine == mlflows
    assert mine["latest"] == {"train_cost": 0.2, "test_accuracy": 0.5}
    assert mine["tags"]["note"] == "changed"
    assert mine["user_id"] == "ada"
    assert len(mine["params"]["long"]) == 6000
    assert [(each["_name"], each["_source_type"]) for each in mine["data"]] == [("digits", "nnsweep")]


def test_the_same_is_read_whoever_reads_it(database: str):
    mine, mlflows = (make(database) for make in MAKES.values())
    experiment = mlflows.create_experiment(unused("study"), PLACE)
    run_id = write(mlflows, experiment)
    for attribute in ("experiment_id", "name", "artifact_location", "lifecycle_stage"):
        one, other = mine.get_experiment(experiment), mlflows.get_experiment(experiment)
        assert getattr(one, attribute) == getattr(other, attribute)
    one, other = mine.get_run(run_id), mlflows.get_run(run_id)
    for attribute in backends.RunInfo.__slots__:
        assert getattr(one.info, attribute) == getattr(other.info, attribute), attribute
    for attribute in backends.RunData.__slots__:
        assert getattr(one.data, attribute) == getattr(other.data, attribute), attribute
    assert mine.metric_steps(run_id, "train_cost") == mlflows.metric_steps(run_id, "train_cost") == {*range(5)}


def test_an_experiment_is_made_once_and_found_also_when_it_was_deleted(asked: Backend, seen: MlflowClient):
    before, name = [each.name for each in asked.search_experiments()], unused("a b")
    first, again = (asked.create_experiment(name, PLACE) for _ in range(2))
    assert first == again
    assert asked.get_experiment_by_name("no such") is None
    assert [each.name for each in asked.search_experiments()] == [name, *before]
    assert before[-1] == "Default"
    seen.delete_experiment(first)
    found = asked.get_experiment_by_name(name)
    assert found is not None
    assert found.lifecycle_stage == "deleted"
    assert [each.name for each in asked.search_experiments()] == before
    with pytest.raises((ValueError, MlflowException), match="must be in the 'active' state"):
        asked.create_run(first, tags={}, run_name="late")


def test_an_experiment_takes_a_tag_and_another_value_of_it(database: str):
    found, seen = [], MlflowClient(database)
    for make in MAKES.values():
        asked = make(database)
        experiment = asked.create_experiment(unused("study"), PLACE)
        before = seen.get_experiment(experiment)
        for value in ("first", "ü 'quoted' \"twice\""):
            asked.set_experiment_tag(experiment, "mlflow.sharedViewState.a", value)
        asked.set_experiment_tag(experiment, "other", "x" * 5000)
        read = seen.get_experiment(experiment)
        found.append((read.tags, read.last_update_time == before.last_update_time))
    assert found[0] == found[1]
    assert found[0] == ({"mlflow.sharedViewState.a": "ü 'quoted' \"twice\"", "other": "x" * 5000}, True)


def test_a_deleted_experiment_takes_no_tag(asked: Backend, experiment: str, seen: MlflowClient):
    seen.delete_experiment(experiment)
    with pytest.raises((ValueError, MlflowException), match="must be in the 'active' state"):
        asked.set_experiment_tag(experiment, "a", "b")
    assert seen.get_experiment(experiment).tags == {}


QUERIES: dict[str, tuple[RunQuery, list[str]]] = {
    "all": (RunQuery(), ["a", "b", "c"]),
    "tag": (RunQuery(tags={"kind": "job"}), ["a", "c"]),
    "two tags": (RunQuery(tags={"kind": "job", "text": "x 'y'"}), ["c"]),
    "status": (RunQuery(status="RUNNING"), ["b", "c"]),
    "name": (RunQuery(name="b"), ["b"]),
    "half a character": (RunQuery(name="a\ud800"), []),
    "name and tag": (RunQuery(name="b", tags={"kind": "job"}), []),
    "deleted, too": (RunQuery(tags={"kind": "job"}, deleted=True), ["a", "c", "gone"]),
    "no ids": (RunQuery(run_ids=[]), []),
}


@pytest.mark.parametrize(("query", "names"), QUERIES.values(), ids=QUERIES)
def test_runs_are_found(query: RunQuery, names: list[str], asked: Backend, experiment: str, seen: MlflowClient):
    other = asked.create_experiment(unused("other"), PLACE)
    asked.create_run(other, tags={"kind": "job"}, run_name="elsewhere")
    tags = {"a": {"kind": "job"}, "b": {}, "c": {"kind": "job", "text": "x 'y'"}, "gone": {"kind": "job"}}
    ids = {name: asked.create_run(experiment, tags=own, run_name=name).info.run_id for name, own in tags.items()}
    asked.set_terminated(ids["a"], "FINISHED")
    seen.delete_run(ids["gone"])
    assert sorted(run.info.run_name for run in asked.find_runs([experiment], query)) == names


def test_runs_come_in_the_order_in_which_they_began(asked: Backend, experiment: str, monkeypatch: pytest.MonkeyPatch):
    ids = [asked.create_run(experiment, tags={}, run_name=str(number)).info.run_id for number in range(7)]
    monkeypatch.setattr(run_rows, "AT_ONCE", 3)
    oldest = [run.info.run_id for run in asked.find_runs([experiment], RunQuery())]
    times = [asked.get_run(run_id).info.start_time for run_id in oldest]
    assert sorted(oldest) == sorted(ids)
    assert times == sorted(times)
    named = asked.find_runs([experiment], RunQuery(run_ids=ids[:5], tags={}))
    assert {run.info.run_id for run in named} == {*ids[:5]}
    assert len(asked.latest_runs([experiment], RunQuery(), limit=2)) == 2
    assert [run.info.run_id for run in asked.find_runs([experiment], RunQuery(id_start=ids[3][:20]))] == [ids[3]]


@pytest.mark.parametrize("ask", ["get_run", "log_batch", "log_inputs", "set_terminated"])
def test_a_run_that_is_not_there_is_an_error(ask: str, asked: Backend):
    given: dict[str, Any] = {"log_batch": {"metrics": CURVE, "params": {}, "tags": {}}, "set_terminated": {}}
    given["set_terminated"] = {"status": "FINISHED"}
    given["log_inputs"] = {"name": "digits", "digest": "d", "source": "wheel"}
    with pytest.raises((ValueError, MlflowException), match="not found"):
        getattr(asked, ask)("0" * 32, **given.get(ask, {}))


def test_a_deleted_run_takes_nothing_more(asked: Backend, experiment: str, seen: MlflowClient):
    run_id = write(asked, experiment)
    seen.delete_run(run_id)
    with pytest.raises((ValueError, MlflowException), match="must be in the 'active' state"):
        asked.log_batch(run_id, metrics=CURVE, params={}, tags={})
    (deleted,) = seen.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)
    assert deleted.info.run_id == run_id


def test_a_param_is_never_changed(asked: Backend, experiment: str):
    run_id = write(asked, experiment)
    with pytest.raises((ValueError, MlflowException), match="Changing param values is not allowed"):
        asked.log_batch(run_id, metrics=[Point("half", 0.5)], params={"seed": "1"}, tags={"half": "1"})
    assert asked.get_run(run_id).data.params["seed"] == "0"


def test_two_jobs_may_record_the_same_data_at_the_same_moment(uri: str, monkeypatch: pytest.MonkeyPatch):
    client = MlflowClient(uri)
    asked = ClientBackend(client)
    run_id = asked.create_run("0", tags={}, run_name="one").info.run_id
    log_inputs, answers = client.log_inputs, [IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))]

    def raced(*given: Any) -> None:
        if answers:
            raise answers.pop()
        log_inputs(*given)

    monkeypatch.setattr(client, "log_inputs", raced)
    asked.log_inputs(run_id, name="digits", digest="0" * 36, source="wheel")
    assert client.get_run(run_id).inputs.dataset_inputs[0].dataset.name == "digits"


# ---- whole runs


def entry(name: str = "whole", **given: Any) -> RunEntry:
    """Give a run as it is recorded at its end."""
    fields: dict[str, Any] = {
        "run_id": uuid.uuid4().hex,
        "tags": TAGS | {"nnsweep.state": "finished", "long": "y" * 9000},
        "params": {"seed": "0", "long": "x" * 7000, "ü": "🙂 'quoted' \\"},
        "metrics": [*CURVE, Point("test_accuracy", 0.5), Point("test_accuracy", 0.75, 5), Point("tiny", 1e-300)],
        "dataset": ("digits", "d" * 64, "wheel"),
        "status": "FINISHED",
        "start_time": 1_700_000_000_000,
        "end_time": 1_700_000_060_000,
        "is_new": True,
    }
    return RunEntry(name=name, **fields | given)


def test_whole_runs_are_read_as_if_mlflows_client_had_written_them(asked: Backend, experiment: str, seen: MlflowClient):
    new = entry()
    begun = asked.create_run(experiment, tags=TAGS, run_name="begun").info.run_id
    live = entry("other", run_id=begun, is_new=False)
    ids = asked.record_runs(experiment, [new, live, entry("third", status="RUNNING", end_time=None)])
    first, second, third = (contents(seen, run_id) for run_id in ids)
    assert ids[1] == begun
    assert (third["status"], third["ended"]) == ("RUNNING", False)
    assert first == expected(new)
    assert second == expected(live) | {"run_name": "begun", "tags": expected(live)["tags"] | {RUN_NAME: "begun"}}
    run = seen.get_run(ids[0])
    assert (run.info.start_time, run.info.end_time) == (new.start_time, new.end_time)
    times = {point.timestamp for name in run.data.metrics for point in seen.get_metric_history(ids[0], name)}
    assert times == {new.end_time}


def expected(one: RunEntry) -> dict[str, Any]:
    """Say what MLflow's client reads of a run that was recorded whole."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for point in one.metrics:
        curves.setdefault(point.name, []).append((point.step, point.value))
    assert one.dataset is not None
    name, digest, source = one.dataset
    data = {"name": name, "digest": digest[:36], "source": source, "source_type": "nnsweep"}
    return {
        "run_name": one.name,
        "status": one.status,
        "lifecycle_stage": "active",
        "user_id": "ada",
        "place": "/somewhere/mlartifacts/RUN/artifacts",
        "ended": True,
        "params": {key: value[:6000] for key, value in one.params.items()},
        "tags": {key: value[:8000] for key, value in one.tags.items()} | {RUN_NAME: one.name},
        "latest": {name: max(points)[1] for name, points in curves.items()},
        "curves": {name: sorted(points) for name, points in curves.items()},
        "data": [{f"_{key}": value for key, value in data.items()} | {"_schema": None, "_profile": None, "tags": []}],
    }


def test_what_is_recorded_again_does_no_harm(asked: Backend, experiment: str, seen: MlflowClient):
    entries = [entry(), entry("other")]
    ids = asked.record_runs(experiment, entries)
    before = [contents(seen, run_id) for run_id in ids]
    later = {"end_time": 1_700_000_090_000, "is_new": False}
    again = [replace(one, run_id=run_id, **later) for one, run_id in zip(entries, ids, strict=True)]
    assert asked.record_runs(experiment, again) == ids
    assert [contents(seen, run_id) for run_id in ids] == before
    assert {seen.get_run(run_id).info.end_time for run_id in ids} == {1_700_000_090_000}
    assert len(seen.search_runs([experiment])) == 2


def test_new_runs_whose_recording_was_not_confirmed_can_be_recorded_again_as_rows(database: str):
    asked, seen = rows(database), MlflowClient(database)
    experiment = asked.create_experiment(unused("study"), PLACE)
    asked.record_runs(experiment, [one := entry()])
    asked.record_runs(experiment, [replace(one, tags={}), entry("other")])
    assert contents(seen, one.run_id) == expected(one)
    assert len(seen.search_runs([experiment])) == 2


def test_values_that_came_live_are_there_once_and_the_last_one_counts(
    asked: Backend, experiment: str, seen: MlflowClient
):
    run_id = asked.create_run(experiment, tags=TAGS, run_name="whole").info.run_id
    asked.log_batch(run_id, metrics=[*CURVE[:3], Point("ahead", 0.5, 99)], params={"seed": "0"}, tags={})
    values = [*CURVE, Point("ahead", 0.25, 5), Point("test_accuracy", 0.5)]
    asked.record_runs(experiment, [entry(run_id=run_id, metrics=values, is_new=False)])
    read = contents(seen, run_id)
    assert read["curves"]["train_cost"] == [(point.step, point.value) for point in CURVE]
    assert read["curves"]["ahead"] == [(5, 0.25), (99, 0.5)]
    assert read["latest"] == {"train_cost": 0.2, "ahead": 0.5, "test_accuracy": 0.5}


def test_values_that_are_not_finite_are_left_out_of_whole_runs(asked: Backend, experiment: str, seen: MlflowClient):
    odd = [Point("a", float("nan")), Point("b", float("inf")), Point("c", -float("inf"), 3), Point("d", 1.0)]
    (run_id,) = asked.record_runs(experiment, [entry(metrics=odd)])
    assert contents(seen, run_id)["curves"] == {"d": [(0, 1.0)]}


def test_of_whole_runs_none_is_recorded_as_rows_if_one_is_refused(database: str):
    asked, seen = rows(database), MlflowClient(database)
    experiment = asked.create_experiment(unused("study"), PLACE)
    known, gone = asked.record_runs(experiment, [entry(), entry()])
    seen.delete_run(gone)
    for refused, why in {
        entry(run_id="0" * 32, is_new=False): "not found",
        entry(run_id=known, is_new=False, params={"seed": "1"}): "Changing param values is not allowed",
        entry(run_id=gone, is_new=False): "must be in the 'active' state",
    }.items():
        with pytest.raises(ValueError, match=why):
            asked.record_runs(experiment, [entry(), refused, entry()])
    assert [run.info.run_id for run in seen.search_runs([experiment])] == [known]


def test_a_deleted_experiment_takes_no_whole_runs(asked: Backend, experiment: str, seen: MlflowClient):
    seen.delete_experiment(experiment)
    with pytest.raises((ValueError, MlflowException), match="must be in the 'active' state"):
        asked.record_runs(experiment, [entry()])


def test_no_runs_at_all_are_recorded(asked: Backend, experiment: str, seen: MlflowClient):
    assert asked.record_runs(experiment, []) == []
    assert [*seen.search_runs([experiment])] == []


# ---- models


def test_a_model_is_the_same_whoever_has_kept_it(database: str, tmp_path: Path):
    (tmp_path / "model" / "artifacts").mkdir(parents=True)
    (tmp_path / "model" / "artifacts" / "part").write_text("weights")
    found, seen = [], MlflowClient(database)
    for make in MAKES.values():
        asked = make(database)
        experiment = asked.create_experiment(unused("study"), str(tmp_path / "mlartifacts"))
        run_id = write(asked, experiment)
        assert asked.find_logged_model(experiment, run_id, "model") is None
        model = asked.create_logged_model(experiment, name="model", source_run_id=run_id, tags={"a": "b"})
        assert asked.find_logged_model(experiment, run_id, "model") is None  # it has only begun
        asked.log_model_artifacts(model, tmp_path / "model")
        asked.finalize_logged_model(model.model_id, "READY")
        for _ in range(2):
            asked.log_outputs(run_id, model.model_id, 3)
        assert asked.find_logged_model(experiment, run_id, "model") == model.model_id
        assert asked.find_logged_model(experiment, run_id, "other") is None
        kept = seen.get_logged_model(model.model_id)
        assert (Path(kept.artifact_location) / "artifacts" / "part").read_text() == "weights"
        (output,) = seen.get_run(run_id).outputs.model_outputs
        names = ("name", "status", "model_type", "tags", "params")
        own = {name: getattr(kept, name) for name in names}
        place = kept.artifact_location.replace(model.model_id, "MODEL")
        found.append((own, place, kept.source_run_id == run_id, output.model_id == model.model_id, output.step))
    assert found[0] == found[1]


# ---- who is chosen


def test_a_database_whose_tables_are_known_is_read_by_its_rows(database: str):
    assert isinstance(backend(database), RowBackend)
    assert not needs_mlflow(database)


def test_any_other_store_is_asked_through_mlflow(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "REVISIONS", {})
    backend.cache_clear()
    assert not has_known_tables(database)
    assert isinstance(backend(database), ClientBackend)
    assert needs_mlflow(database)
    assert isinstance(backend("http://127.0.0.1:9"), ClientBackend)
    backend.cache_clear()


_ORDINARY = """
import sys
from pathlib import Path
from nnsweep.tracking import run
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import ready

store = ready(sys.argv[1], "study")
run_id = run.start(store, "one", {"nnsweep.kind": "job"})
run.log_dataset(store, run_id, name="digits", digest="d", source="wheel")
run.end(store, RunRecord(run_id=run_id, name="one", state="finished"))
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"mlflow", "alembic", "fastapi"}))
"""


def test_a_run_is_written_without_mlflow(database: str):
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", _ORDINARY, database]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert ended.stdout.split() == []


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    close_connections()
    backend.cache_clear()
    rows.cache_clear()
