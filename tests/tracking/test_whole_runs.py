"""Whole runs, recorded many at a time: they are what they would be if MLflow's client had written each."""

import random
import sqlite3
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sql
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy import event

from nnsweep.tracking import rows as run_rows
from nnsweep.tracking.backend import Backend, RunQuery
from nnsweep.tracking.connection import close_connections
from nnsweep.tracking.mlflow_backend import ClientBackend
from nnsweep.tracking.record import Point
from nnsweep.tracking.row_backend import RowBackend
from tests.tracking.stores import CURVE, MAKES, PLACE, RUN_NAME, TAGS, contents, entry, expected, rows, unused


def test_whole_runs_read_as_if_written_by_mlflows_client(asked: Backend, experiment: str, seen: MlflowClient):
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


def test_a_value_may_be_a_whole_number(database: str):
    asked, values = rows(database), {"n_parameters": 34, "test_accuracy": 0.5}
    whole = entry(metrics=[Point(name, value) for name, value in values.items()])
    (run_id,) = asked.record_runs(asked.create_experiment(unused("study"), PLACE), [whole])
    assert asked.get_run(run_id).data.metrics == values


TABLES = {
    "runs": "SELECT * FROM runs WHERE run_uuid = :run",
    "tags": "SELECT * FROM tags WHERE run_uuid = :run",
    "params": "SELECT * FROM params WHERE run_uuid = :run",
    "metrics": "SELECT * FROM metrics WHERE run_uuid = :run",
    "latest_metrics": "SELECT * FROM latest_metrics WHERE run_uuid = :run",
    "inputs": "SELECT * FROM inputs WHERE destination_id = :run",
    "datasets": "SELECT datasets.* FROM datasets JOIN inputs ON source_id = dataset_uuid WHERE destination_id = :run",
}


def stored(uri: str, run_id: str) -> dict[str, list[str]]:
    """Give all rows of a run, with every column but ids."""
    engine = sql.create_engine(uri, poolclass=sql.NullPool)
    ids = ("dataset_uuid", "input_uuid", "source_id", "experiment_id")
    with engine.connect() as connection:
        return {
            name: sorted(
                str({key: value for key, value in row.items() if key not in ids}).replace(run_id, "RUN")
                for row in connection.execute(sql.text(asked), {"run": run_id}).mappings()
            )
            for name, asked in TABLES.items()
        }


def test_every_row_is_as_mlflows_client_writes_it(database: str):
    found = []
    for make in MAKES.values():
        asked = make(database)
        experiment = asked.create_experiment(unused("study"), PLACE)
        begun = asked.create_run(experiment, tags=TAGS, run_name="begun").info.run_id
        asked.log_batch(begun, metrics=[Point("ahead", 0.5, 99)], params={"seed": "0"}, tags={})
        ids = asked.record_runs(experiment, [entry(), entry("second", status="RUNNING", end_time=None, metrics=())])
        found.append([stored(database, run_id) for run_id in ids])
        asked.record_runs(experiment, [entry(run_id=begun, is_new=False)])
        assert {name: len(some) for name, some in stored(database, begun).items()} == {
            "runs": 1, "tags": 7, "params": 3, "metrics": 9, "latest_metrics": 4, "inputs": 1, "datasets": 1,
        }  # fmt: skip
    mine, mlflows = found
    assert mine == mlflows
    assert all(mine[0].values())


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


def test_unconfirmed_new_runs_can_be_recorded_again_as_rows(database: str):
    asked, seen = rows(database), MlflowClient(database)
    experiment = asked.create_experiment(unused("study"), PLACE)
    asked.record_runs(experiment, [one := entry()])
    asked.record_runs(experiment, [replace(one, tags={}), entry("other")])
    assert contents(seen, one.run_id) == expected(one)
    assert len(seen.search_runs([experiment])) == 2


def test_live_values_are_stored_once_and_the_last_one_counts(asked: Backend, experiment: str, seen: MlflowClient):
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


def test_one_refused_whole_run_keeps_all_from_being_recorded(database: str):
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


def test_more_runs_than_one_question_names_are_recorded(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_rows, "AT_ONCE", 3)
    asked = rows(database)
    experiment = asked.create_experiment(unused("study"), PLACE)
    begun = [entry(str(number), status="RUNNING", end_time=None, metrics=CURVE[:2]) for number in range(8)]
    asked.record_runs(experiment, begun)
    ended = [replace(one, is_new=False, status="FINISHED", end_time=1_700_000_060_000, metrics=CURVE) for one in begun]
    asked.record_runs(experiment, ended)
    read = [*asked.find_runs([experiment], RunQuery(status="FINISHED"))]
    assert {run.info.run_id for run in read} == {one.run_id for one in begun}
    assert {len(asked.metric_steps(run.info.run_id, "train_cost")) for run in read} == {len(CURVE)}


def test_same_runs_and_data_may_be_recorded_concurrently(database: str):
    first = rows(database)
    experiment = first.create_experiment(unused("study"), PLACE)
    shared = [entry(str(number)) for number in range(10)]
    backends = [RowBackend(database) for _ in range(8)]

    def record(number: int) -> list[str]:
        asked, mine = backends[number], [entry(f"own {number}") for _ in range(10)]
        ordered = random.Random(number).sample([*shared, *mine], 20)
        for _ in range(3):
            asked.record_runs(experiment, ordered)
            asked.log_batch(shared[number].run_id, metrics=CURVE, params={"seed": "0"}, tags={"note": "last"})
        return [one.run_id for one in mine]

    with ThreadPoolExecutor(4) as threads:
        own = [*threads.map(record, range(8))]
    seen = MlflowClient(database)
    ids = {one.run_id for one in shared}.union(*own)
    assert {run.info.run_id for run in seen.search_runs([experiment])} == ids
    assert len(ids) == 90
    assert contents(seen, shared[9].run_id) == expected(shared[9])
    assert contents(seen, own[3][0]) == expected(entry("own 3"))
    close_connections()


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("is_new", [True, False])
def test_nobody_sees_the_end_of_a_whole_run_before_its_values(make: str, is_new: bool, uri: str):
    asked = MAKES[make](uri)
    experiment = asked.create_experiment("study", PLACE)
    run_id = uuid.uuid4().hex if is_new else asked.create_run(experiment, tags=TAGS, run_name="one").info.run_id
    seen = []

    def look(_: object) -> None:
        with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as reader:
            ended = reader.execute("SELECT key FROM tags WHERE key IN ('nnsweep.state', 'nnsweep.seal')").fetchall()
            counts = [reader.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("metrics", "params")]
            seen.append((bool(ended), *counts))

    tags = TAGS | {"nnsweep.state": "finished", "nnsweep.seal": "{}"} | {f"tag{number}": "" for number in range(150)}
    values = [Point("train_cost", 0.5, step) for step in range(2500)]
    params = {f"setting{number}": "" for number in range(150)}
    event.listen(sql.Engine, "commit", look)
    try:
        asked.record_runs(experiment, [entry(run_id=run_id, is_new=is_new, tags=tags, metrics=values, params=params)])
    finally:
        event.remove(sql.Engine, "commit", look)
    look(asked)
    told = [counts for ended, *counts in seen if ended]
    assert told
    assert {(*map(tuple, counts),) for counts in told} == {((2500,), (150,))}


def test_a_server_that_is_away_is_not_asked_for_each_run(monkeypatch: pytest.MonkeyPatch):
    client = MlflowClient("http://127.0.0.1:9")
    asked = []

    def create_run(*given: object, **named: object) -> None:
        asked.append(named)
        raise MlflowException("API request to endpoint failed")

    monkeypatch.setattr(client, "create_run", create_run)
    with pytest.raises(MlflowException, match="API request"):
        ClientBackend(client).record_runs("1", [entry(str(number)) for number in range(500)])
    assert len(asked) < 100


def test_request_refused_by_a_server_leaves_others_recorded(place: Callable[[str], str]):
    uri = place("mlflow")
    asked, seen = MAKES["client"](uri), MlflowClient(uri)
    experiment = asked.create_experiment(unused("study"), PLACE)
    with pytest.raises(MlflowException, match="not found"):
        asked.record_runs(experiment, [entry("first"), entry(run_id="0" * 32, is_new=False)])
    assert [run.info.run_name for run in seen.search_runs([experiment])] == ["first"]
