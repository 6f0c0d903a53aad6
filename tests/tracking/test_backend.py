"""Whoever answers for a store, the same is in it afterwards, and the same is read back from it."""

import math
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import IntegrityError, OperationalError

from nnsweep.errors import StoreError
from nnsweep.tracking import backend as backends
from nnsweep.tracking import revisions
from nnsweep.tracking import rows as run_rows
from nnsweep.tracking.backend import Backend, RunQuery, find_backend
from nnsweep.tracking.connection import close_connections
from nnsweep.tracking.mlflow_backend import ClientBackend
from nnsweep.tracking.record import Point
from nnsweep.tracking.revisions import has_known_tables
from nnsweep.tracking.row_backend import RowBackend
from nnsweep.tracking.store import prepare_store
from tests.databases import DatabaseServer
from tests.outside import free_port
from tests.tracking.stores import CURVE, MAKES, PLACE, contents, rows, unused, write


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


def test_experiment_is_made_once_and_found_even_when_deleted(asked: Backend, seen: MlflowClient):
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


def test_values_of_others_that_are_no_numbers_are_read_as_such(asked: Backend, experiment: str, seen: MlflowClient):
    run_id = asked.create_run(experiment, tags={}, run_name="odd").info.run_id
    seen.log_metric(run_id, "lost", float("nan"))
    seen.log_metric(run_id, "huge", float("inf"))
    read = asked.get_run(run_id).data.metrics
    assert math.isnan(read["lost"])
    assert read["huge"] == seen.get_run(run_id).data.metrics["huge"] == sys.float_info.max


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
    assert isinstance(find_backend(database), RowBackend)


def test_any_other_store_is_asked_through_mlflow(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(revisions, "REVISIONS", {})
    find_backend.cache_clear()
    assert not has_known_tables(database)
    assert isinstance(find_backend(database), ClientBackend)
    assert isinstance(find_backend("http://127.0.0.1:9"), ClientBackend)
    find_backend.cache_clear()


@pytest.mark.parametrize("driver", ["nosuch", "pg8000"])
def test_missing_or_untried_driver_is_left_to_mlflow(driver: str):
    assert not has_known_tables(f"postgresql+{driver}://me@127.0.0.1:9/db")


def test_a_database_without_tables_is_made_by_mlflow(postgresql_server: DatabaseServer):
    postgresql_server.execute(f"CREATE DATABASE {(name := 'new' + uuid.uuid4().hex)}")
    new = f"{postgresql_server.uri.rpartition('/')[0]}/{name}"
    assert not has_known_tables(new)
    store = prepare_store(new, "study")
    assert has_known_tables(new)
    assert [each.name for each in MlflowClient(new).search_experiments()] == ["study", "Default"]
    assert store == prepare_store(new, "study")


def test_a_database_server_that_does_not_answer_is_told():
    uri = f"postgresql+psycopg2://me:secret@127.0.0.1:{free_port()}/db"
    with pytest.raises(StoreError, match=r"postgresql\+psycopg2://\*\*\*@127.*Connection refused"):
        prepare_store(uri, "study")


@pytest.mark.parametrize("kind", ["postgresql", "psycopg", "mariadb"])
def test_restarted_database_server_is_used_again(
    kind: str, place: Callable[[str], str], request: pytest.FixtureRequest
):
    asked = rows(place(kind))
    experiment = asked.create_experiment(unused("study"), PLACE)
    server = request.getfixturevalue(f"{kind.replace('psycopg', 'postgresql')}_server")
    server.stop()
    with pytest.raises(OperationalError):
        asked.get_experiment(experiment)
    server.start()
    assert asked.get_experiment(experiment).experiment_id == experiment
    server.stop()
    server.start()
    assert asked.create_run(experiment, tags={}, run_name="later").info.run_name == "later"


_ORDINARY = """
import sys
from pathlib import Path
from nnsweep.tracking import runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import prepare_store

store = prepare_store(sys.argv[1], "study")
run_id = runs.start_run(store, "one", {"nnsweep.kind": "job"})
runs.log_dataset(store, run_id, name="digits", digest="d", source="wheel")
runs.end_run(store, RunRecord(run_id=run_id, name="one", state="finished"))
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
    find_backend.cache_clear()
