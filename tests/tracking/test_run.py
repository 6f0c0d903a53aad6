import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from sqlalchemy import Connection, Engine
from sqlalchemy.event import listen, remove

from nnsweep.errors import StoreError
from nnsweep.tracking import owner, runs
from nnsweep.tracking.backend import Backend
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.mlflow_backend import ClientBackend
from nnsweep.tracking.owner import Owner
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.row_backend import RowBackend
from nnsweep.tracking.store import Store

EPOCHS = np.arange(5.0)
RISING = some.lists(some.integers(0, 10_000), unique=True).map(sorted)


def points(store: Store, run_id: str, name: str) -> dict[int, float]:
    return {metric.step: metric.value for metric in open_client(store.uri).get_metric_history(run_id, name)}


@given(RISING, some.sets(some.integers(0, 10_000), max_size=5), some.integers(2, 50))
@example([*range(1000)], {500}, 3)
@example([*range(1000)], set(), 2)
def test_thinned_positions_are_few_and_hold_all_that_must_stay(positions, keep, points):
    kept = runs.thin_positions(positions, keep=keep, points=points)
    assert kept == sorted({*kept})
    assert {*kept} <= {*positions}
    assert {*positions[:1], *positions[-1:], *keep.intersection(positions)} <= {*kept}
    assert len(kept) <= max(points, 2 + len(keep))


@given(RISING, some.integers(2, 50))
def test_a_curve_that_is_short_enough_stays_whole(positions, points):
    if len(positions) <= points:
        assert runs.thin_positions(positions, points=points) == positions


@given(some.integers(100, 10_000), some.integers(3, 400))
def test_thinned_positions_are_spread_evenly(length, points):
    kept = runs.thin_positions(range(length), points=points)
    assert len(kept) == min(length, points)
    assert np.ptp(np.diff(kept)) <= 1 + (length > points)


def test_a_run_is_named_tagged_and_running(store: Store):
    run_id = runs.start_run(store, "20-20-tanh-inv-s0", {"nnsweep.kind": "job"})
    kept = open_client(store.uri).get_run(run_id)
    assert kept.info.run_name == "20-20-tanh-inv-s0"
    assert kept.data.tags["nnsweep.kind"] == "job"
    assert (kept.info.status, kept.info.experiment_id) == ("RUNNING", store.experiment_id)


@pytest.mark.parametrize("name", ["..", "../../etc/x", "%2e%2e", "two\nlines", "nul\x00", "\u202egnp", "é" * 250, "🙂"])
def test_any_name_is_kept_as_it_is(name: str, store: Store):
    assert open_client(store.uri).get_run(runs.start_run(store, name, {})).info.run_name == name


def test_infinity_and_nan_never_reach_the_store(store: Store, job):
    odd = np.array([1.0, np.inf, -np.inf, np.nan, 2.0])
    curve = runs.thin_curves({"epoch": EPOCHS, "train_cost": odd}, keep=(1, 2, 3), points=3)
    finals = runs.make_final_points({"a": np.inf, "b": -np.inf, "c": np.nan, "d": 4.0}, after=5)
    runs.log_values(store, run_id := job(), points=[*curve, *finals, runs.Point("train_cost", np.inf, 9)])
    assert points(store, run_id, "train_cost") == {0: 1.0, 4: 2.0}
    assert open_client(store.uri).get_run(run_id).data.metrics == {"train_cost": 2.0, "d": 4.0}


def test_a_curve_of_nothing_finite_is_left_out():
    assert runs.thin_curves({"epoch": EPOCHS, "train_cost": np.full(5, np.nan)}, keep=(), points=3) == []


def test_curve_steps_are_its_epochs_and_include_the_best(store: Store, job):
    epochs = np.arange(1001.0)
    curve = runs.thin_curves({"epoch": epochs, "val_accuracy": epochs / 7}, keep=(123,), points=20)
    runs.log_values(store, run_id := job(), points=curve)
    kept = points(store, run_id, "val_accuracy")
    assert len(kept) <= 20
    assert {0, 123, 1000} <= {*kept}
    assert all(value == step / 7 for step, value in kept.items())


def test_a_long_curve_is_sent_whole_where_it_may_be(store: Store, job):
    epochs = np.arange(2501.0)
    runs.log_values(
        store, run_id := job(), points=runs.thin_curves({"epoch": epochs, "train_cost": epochs}, keep=(), points=10_000)
    )
    assert len(points(store, run_id, "train_cost")) == 2501


def test_final_value_closes_its_own_curve_and_others_stand_alone(store: Store, job):
    curve = runs.thin_curves({"epoch": EPOCHS, "test_accuracy": EPOCHS}, keep=(), points=9)
    runs.log_values(
        store, run_id := job(), points=[*curve, *runs.make_final_points({"test_accuracy": 3.0, "depth": 2}, after=5)]
    )
    assert points(store, run_id, "test_accuracy")[5] == 3.0
    assert points(store, run_id, "depth") == {0: 2.0}
    assert open_client(store.uri).get_run(run_id).data.metrics == {"test_accuracy": 3.0, "depth": 2.0}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("finished", "FINISHED"),
        ("failed", "FAILED"),
        ("diverged", "FAILED"),
        ("interrupted", "KILLED"),
        ("lost", "KILLED"),
    ],
)
def test_every_state_has_its_status(state: str, status: str, store: Store, job, finished):
    finished(run_id := job(), state, "why")
    kept = open_client(store.uri).get_run(run_id)
    assert kept.info.status == status
    assert kept.info.end_time is not None
    assert (kept.data.tags["nnsweep.state"], kept.data.tags["nnsweep.reason"]) == (state, "why")


@pytest.mark.parametrize("length", [7999, 8000, 8001, 100_000])
def test_reason_of_any_length_is_kept_as_far_as_mlflow_allows(length: int, store: Store, job, finished):
    finished(run_id := job(), "failed", "é" * length)
    assert open_client(store.uri).get_run(run_id).data.tags["nnsweep.reason"] == "é" * min(length, 8000)


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 250])
def test_any_number_of_settings_is_kept(number: int, store: Store, job):
    settings = {f"setting.{index}": index for index in range(number)}
    runs.log_values(store, run_id := job(), settings=settings)
    assert open_client(store.uri).get_run(run_id).data.params == {name: str(value) for name, value in settings.items()}


def test_settings_and_points_may_be_sent_again(store: Store, job):
    run_id = job()
    for _ in range(2):
        runs.log_values(store, run_id, points=[runs.Point("train_cost", 0.5, 3)], settings={"seed": 1})
    assert open_client(store.uri).get_run(run_id).data.params == {"seed": "1"}
    assert points(store, run_id, "train_cost") == {3: 0.5}


def test_a_run_ends_with_whatever_is_still_to_be_recorded(store: Store, job):
    record = RunRecord(run_id=job(), name="", state="diverged", reason="at epoch 3")
    runs.end_run(store, record, points=[runs.Point("depth", 2.0)], settings={"seed": 1}, tags={"note": "x" * 9000})
    kept = open_client(store.uri).get_run(record.run_id)
    assert (kept.data.metrics, kept.data.params) == ({"depth": 2.0}, {"seed": "1"})
    assert {name: kept.data.tags[name] for name in ("nnsweep.state", "nnsweep.reason", "note")} == {
        "nnsweep.state": "diverged",
        "nnsweep.reason": "at epoch 3",
        "note": "x" * 8000,
    }


@pytest.fixture(params=["rows", "client"])
def answering(request: pytest.FixtureRequest, store: Store, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Let a store be answered for by its rows, or by MLflow's client."""
    asked = RowBackend(store.uri) if request.param == "rows" else ClientBackend(open_client(store.uri))
    monkeypatch.setattr(runs, "find_backend", lambda _: asked)
    return asked


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize("n_tags", [0, 120])
@pytest.mark.parametrize(("n_points", "n_settings"), [(10, 10), (950, 99), (2100, 3), (10, 250)])
def test_nobody_sees_the_end_of_a_run_before_all_of_its_results(
    store: Store, job, n_points: int, n_settings: int, n_tags: int
):
    """Much is sent in several parts; others may look after each."""
    run_id = job()
    curve = [runs.Point("test_accuracy", 0.25, step) for step in range(n_points)]
    settings = {f"setting.{index}": index for index in range(n_settings)}
    seen = []

    def look(_: Connection) -> None:
        with closing(sqlite3.connect(store.uri.removeprefix("sqlite:///"))) as reader:
            own = (run_id,)
            tags = dict(reader.execute("SELECT key, value FROM tags WHERE run_uuid = ?", own).fetchall())
            metrics = dict(reader.execute("SELECT key, value FROM latest_metrics WHERE run_uuid = ?", own).fetchall())
            (params,) = reader.execute("SELECT count(*) FROM params WHERE run_uuid = ?", own).fetchone()
            seen.append(("nnsweep.state" in tags, "nnsweep.seal" in tags, metrics, params))

    listen(Engine, "commit", look)
    try:
        record = RunRecord(run_id=run_id, name="", state="finished")
        finals = runs.make_final_points({"test_accuracy": 0.75, "depth": 2.0}, after=n_points)
        tags = {"nnsweep.seal": "{}"} | {f"tag.{index}": "" for index in range(n_tags)}
        runs.end_run(store, record, points=[*curve, *finals], settings=settings, tags=tags)
    finally:
        remove(Engine, "commit", look)
    told = [(metrics, params) for ended, sealed, metrics, params in seen if ended or sealed]
    assert told
    assert all(one == ({"test_accuracy": 0.75, "depth": 2.0}, n_settings) for one in told)


def test_everything_recorded_together_arrives_in_any_amount(store: Store, job):
    values = [runs.Point("train_cost", float(step), step) for step in range(2100)]
    numbers = {str(number): number for number in range(250)}
    runs.log_values(store, run_id := job(), points=values, settings=numbers, tags={name: name for name in numbers})
    kept = open_client(store.uri).get_run(run_id).data
    assert kept.params == {name: name for name in numbers}
    assert {name: name for name in numbers}.items() <= kept.tags.items()
    assert len(points(store, run_id, "train_cost")) == 2100


def test_the_data_set_is_kept_with_name_source_and_digest(store: Store, job):
    runs.log_dataset(store, run_id := job(), name="iris", digest="f" * 64, source="scikit-learn")
    (kept,) = open_client(store.uri).get_run(run_id).inputs.dataset_inputs
    assert (kept.dataset.name, kept.dataset.digest, kept.dataset.source) == ("iris", "f" * 36, "scikit-learn")


def test_files_are_kept_under_their_own_names(store: Store, job, tmp_path: Path):
    (tmp_path / "weights.npz").write_bytes(bytes(range(256)))
    runs.log_artifacts(store, run_id := job(), [tmp_path / "weights.npz"])
    (kept,) = [*tmp_path.glob(f"mlartifacts/{run_id}/**/*.npz")]
    assert kept.read_bytes() == bytes(range(256))


def test_epochs_to_keep_are_numbers_and_not_places_in_the_curve():
    epochs = np.arange(0, 1000, 10.0)
    kept = runs.thin_curves({"epoch": epochs, "val_accuracy": epochs}, keep=(70,), points=4)
    assert {0, 70, 990} <= {point.step for point in kept}


def test_a_file_that_is_not_there_is_told(store: Store, job, tmp_path: Path):
    with pytest.raises(StoreError, match=r"gone\.npz"):
        runs.log_artifacts(store, job(), [tmp_path / "gone.npz"])


def test_a_run_that_is_not_there_is_told(store: Store):
    with pytest.raises(StoreError, match="cannot be used"):
        runs.end_run(store, RunRecord(run_id="0" * 32, name="", state="finished"))


def test_an_experiment_that_was_deleted_meanwhile_is_told(store: Store, job):
    open_client(store.uri).delete_experiment(store.experiment_id)
    with pytest.raises(StoreError, match="active"):
        job()


def test_a_run_is_its_users(store: Store, job, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOGNAME", "ada")
    found = open_client(store.uri).get_run(job())
    assert (found.info.user_id, found.data.tags["mlflow.user"]) == ("ada", "ada")


def test_a_user_whom_the_system_does_not_know_is_unknown(store: Store, job, monkeypatch: pytest.MonkeyPatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31)
    assert open_client(store.uri).get_run(job()).info.user_id == "unknown"


# ---- what the store has already


@pytest.fixture
def attempt(store: Store):
    """Give a function that starts a run of a sweep's job."""

    def start(sweep: str = "s1", job: int = 0, attempt: int = 1) -> str:
        tags = {"nnsweep.sweep": sweep, "nnsweep.job": str(job), "nnsweep.attempt": str(attempt)}
        return runs.start_run(store, "job", tags)

    return start


def test_a_run_is_found_by_sweep_job_and_attempt_alone(store: Store, attempt, finished):
    wanted = attempt("s1", 1, 1)
    for other in (("s2", 1, 1), ("s1", 0, 1), ("s1", 11, 1), ("s1", 1, 2)):
        finished(attempt(*other))
    assert runs.find_run(store, sweep="s1", job=1, attempt=1) == runs.FoundRun(wanted, ended=False)
    finished(wanted, "failed")
    assert runs.find_run(store, sweep="s1", job=1, attempt=1) == runs.FoundRun(wanted, ended=True)
    assert runs.find_run(store, sweep="s1", job=1, attempt=3) is None


def test_ended_run_is_found_among_lost_answer_duplicates(store: Store, attempt, finished):
    ended = attempt()
    attempt()
    finished(ended, "interrupted")
    attempt()
    assert runs.find_run(store, sweep="s1", job=0, attempt=1) == runs.FoundRun(ended, ended=True)


def test_a_run_that_was_deleted_is_not_found(store: Store, attempt):
    open_client(store.uri).delete_run(attempt())
    assert runs.find_run(store, sweep="s1", job=0, attempt=1) is None


@pytest.mark.parametrize("sweep", ["it's", 'a"b', "x' or tags.`nnsweep.job` = '0", "é 🙂", "a%b"])
def test_a_sweep_of_any_name_is_found(sweep: str, store: Store, attempt):
    wanted = attempt(sweep)
    attempt("a other b")
    assert runs.find_run(store, sweep=sweep, job=0, attempt=1) == runs.FoundRun(wanted, ended=False)


def test_the_steps_that_are_there_are_told_by_curve(store: Store, job):
    run_id = job()
    assert runs.read_steps(store, run_id) == {}
    values = [runs.Point("train_cost", 0.5, step) for step in (0, 3, 2500)] + [runs.Point("val_accuracy", 1.0, 7)]
    runs.log_values(store, run_id, points=[*values, *values, runs.Point("depth", 2.0)])
    told = runs.read_steps(store, run_id)
    assert told == {"train_cost": {0, 3, 2500}, "val_accuracy": {7}}


def test_run_belongs_to_its_starter_or_to_the_owner_in_its_tags(store: Store, job):
    other = Owner("elsewhere", "b", 1, "1")
    mine, theirs = job(), runs.start_run(store, "job", {runs.OWNER: other.tag()})
    owners = [owner.read_owner(open_client(store.uri).get_run(one).data.tags[runs.OWNER]) for one in (mine, theirs)]
    assert owners == [owner.this_process(), other]
