"""What a stack's networks measure is in the store while they train, and never more of it than a curve may have."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import hydra
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from nnsweep.errors import StoreError
from nnsweep.jobs import job_run, recorder
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.jobs.job import Job, Tracking
from nnsweep.jobs.job_folder import read_kept
from nnsweep.jobs.job_run import MetricStream
from nnsweep.jobs.names import name_choices
from nnsweep.jobs.recorder import Recorder
from nnsweep.jobs.result import JobStart
from nnsweep.jobs.task import Place
from nnsweep.mlp.curves import Row
from nnsweep.mlp.history import Trained
from nnsweep.tracking import runs
from nnsweep.tracking.backend import find_backend
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.recorded_run import read_history
from nnsweep.tracking.store import Store
from tests.recording import train_and_record

QUICK = ("data=iris", "arch.hidden_layer_sizes=[4]", "trainer=full_batch")
CHOSEN = {"activation": "relu", "schedule": "cosine", "data": "iris"}
CURVES = ("learning_rate", "train_cost", "val_accuracy", "test_accuracy")


@pytest.fixture(scope="module")
def make() -> Iterator[Callable[..., Job]]:
    """Give a function that makes a job of overrides."""
    with hydra.initialize_config_dir(conf_dir(), **VERSION_BASE):
        yield lambda *overrides: check_configuration(hydra.compose("config", [*QUICK, *overrides]))


@pytest.fixture(scope="module")
def base(make) -> Job:
    return make()


@pytest.fixture
def stack(make, store, tmp_path) -> Callable[..., list[RunRecord]]:
    """Give a function that trains two networks of the same overrides as one stack."""

    def run(*overrides: str, **more: Any) -> list[RunRecord]:
        tasks = []
        for seed in range(2):
            (folder := tmp_path / "multirun" / str(seed)).mkdir(parents=True)
            place = Place(folder=folder, sweep="s1", number=seed, name=f"n{seed}", chosen=name_choices(CHOSEN, QUICK))
            tasks.append((make(f"seed={seed}", *overrides), place))
        return train_and_record(tasks, store, **more)

    return run


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let curves be sent after every epoch."""
    monkeypatch.setattr(job_run, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "LARGEST_SHARE", np.inf)


@pytest.fixture
def requests(store, monkeypatch) -> Counter[str]:
    """Count the requests to the store by run."""
    asked, counted = find_backend(store.uri), Counter[str]()
    log_batch, record_runs = asked.log_batch, asked.record_runs

    def log(run_id: str, **given: Any) -> None:
        counted[run_id] += 1
        log_batch(run_id, **given)

    def record(experiment_id: str, entries: Any) -> list[str]:
        counted.update(entry.run_id for entry in entries if entry.metrics)
        ids: list[str] = record_runs(experiment_id, entries)
        return ids

    monkeypatch.setattr(asked, "log_batch", log)
    monkeypatch.setattr(asked, "record_runs", record)
    return counted


class AfterEpoch:
    """Looks on when asked whether the user has interrupted, which is after every epoch; nobody has."""

    def __init__(self, look: Callable[[int], None]) -> None:
        self.epoch, self.look = -1, look

    def __call__(self) -> bool:
        self.epoch += 1
        self.look(self.epoch)
        return False


def steps(store: Store, run_id: str, name: str) -> list[int]:
    return [metric.step for metric in open_client(store.uri).get_metric_history(run_id, name)]


@pytest.mark.usefixtures("at_once")
def test_points_and_settings_are_stored_while_a_stack_trains(stack, store):
    seen = []

    def look(epoch: int) -> None:
        if epoch in (0, 1, 8):
            seen.append([(record.state, record.settings, steps(store, record.run_id, "train_cost"))
                         for record in sorted(find_job_runs(store), key=lambda record: record.job)])  # fmt: skip

    records = stack("trainer.epochs=20", stopped=AfterEpoch(look))
    before, first, later = seen
    assert before == [("running", {}, [])] * 2
    assert first == [("running", record.settings, [0]) for record in records]
    assert later == [("running", record.settings, [*range(8)]) for record in records]


def test_points_are_sent_in_batches(stack, requests):
    for record in stack("trainer.epochs=50"):
        assert requests[record.run_id] == 1


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorder]:
    """Begin one run in a store that is not there, and give its recorder."""

    def begun(run_id: str = "1") -> Recorder:
        monkeypatch.setattr(runs, "start_runs", lambda *_: [run_id])
        made = Recorder(Store("", "", ""))
        made.begin([START])
        return made

    return begun


START = JobStart(record=RunRecord(run_id="", name="", state="running"), tags={})
ATTEMPT = (0, 1)


def point(epoch: int) -> runs.Point:
    return runs.Point("train_cost", 1.0, epoch)


def test_a_slow_store_is_asked_the_more_seldom(recording, monkeypatch):
    clock, sent = [0.0], []
    monkeypatch.setattr(recorder.time, "monotonic", lambda: clock[0])

    def log(*_: Any, **__: Any) -> None:
        sent.append(clock[0])
        clock[0] += 2.0

    monkeypatch.setattr(runs, "log_values", log)
    made = recording()
    for epoch in range(300):
        clock[0] += 1.0
        made.report([(ATTEMPT, [point(epoch)])])
    assert np.diff(sent).min() >= 2.0 / recorder.LARGEST_SHARE
    assert len(sent) > 3


LENGTHS = [
    ("trainer.epochs=1",),
    ("trainer.epochs=7", "trainer.evaluate_every=3"),
    ("trainer.epochs=60", "trainer.evaluate_every=7"),
    ("trainer.epochs=500", "trainer.patience=5"),
    ("trainer.epochs=80", "trainer.evaluate_every=4", "trainer.patience=6"),
    ("trainer.epochs=50", "data.val_fraction=0"),
    ("trainer.epochs=400", "optimizer.learning_rate=1e30", "activation=identity"),
]


@pytest.mark.parametrize(("often", "points"), [(True, 9), (False, 4)], ids=["live", "at the end"])
@pytest.mark.parametrize("length", LENGTHS, ids=str)
def test_curve_keeps_first_last_and_best_within_its_point_limit(length, points, often, stack, store, request):
    if often:
        request.getfixturevalue("at_once")
    for record in stack(*length, f"tracking.max_points={points}"):
        curves = read_history(store, record.run_id).set_index("epoch")
        curves = curves.where(np.isfinite(curves))
        for name, curve in curves.items():
            kept = open_client(store.uri).get_metric_history(record.run_id, name)
            assert len(kept) == len({point.step for point in kept}) <= points
            on_curve = {point.step: point.value for point in kept if point.step <= curve.index[-1]}
            assert all(curve[step] == value for step, value in on_curve.items())
            measured = curve.dropna().index
            assert {measured[0], measured[-1]} <= {*on_curve}
            if record.state == "finished":
                assert record.metrics["best_epoch"] in on_curve


@settings(max_examples=60, deadline=None)
@given(
    epochs=some.integers(1, 400),
    every=some.integers(1, 9),
    points=some.integers(4, 40),
    ended=some.integers(1, 400),
    looks=some.sets(some.integers(0, 400), max_size=8),
    best=some.integers(0, 400),
)
@example(epochs=400, every=1, points=4, ended=400, looks={*range(400)}, best=399)
@example(epochs=400, every=7, points=5, ended=399, looks={1}, best=398)
def test_points_sent_at_any_time_are_few_and_sent_once(base, epochs, every, points, ended, looks, best):
    job = base.model_copy(update={"tracking": Tracking(max_points=points), "trainer": base.trainer.model_copy(
        update={"epochs": epochs, "evaluate_every": every})})  # fmt: skip
    kept: list[runs.Point] = []
    stream, network = MetricStream(job), Trained(curves=CURVES[2:])
    last = min(ended, epochs)
    for epoch in range(last + 1):
        accuracy = epoch / 1000 if epoch % every == 0 or epoch == epochs else np.nan
        network.rows.append(Row(epoch, 0.1, 1.0, (accuracy, accuracy)))
        if epoch in looks:
            kept += stream.due(network)
    measured = [row.epoch for row in network.rows if np.isfinite(row.measured[0])]
    network.best_epoch = measured[best % len(measured)]
    kept += stream.rest(network)
    for name in CURVES:
        found = sorted(point.step for point in kept if point.name == name)
        assert len(found) == len({*found}) <= points - 1  # one is for the value that closes the curve
        ends = measured if name.endswith("accuracy") else [0, last]
        assert {ends[0], ends[-1], network.best_epoch} <= {*found}


@pytest.mark.usefixtures("at_once")
def test_refusing_store_leaves_training_and_record_complete(stack, refusing, tmp_path, caplog):
    with refusing("log_batch", after=5), refusing("end"):
        records = stack("trainer.epochs=30")
    assert caplog.text.count("the curves wait") >= 1
    for number, record in enumerate(records):
        assert (record.state, record.metrics["epochs_trained"]) == ("finished", 30)
        folder = tmp_path / "multirun" / str(number)
        files = {
            "config.yaml",
            "correct.npz",
            "environment.json",
            "evaluation.npz",
            "history.parquet",
            "preparation.npz",
            "weights.npz",
            "record.json",
            "waiting",
        }
        assert {path.name for path in folder.iterdir()} == files
        assert read_kept(folder).record == record


@pytest.mark.usefixtures("at_once")
def test_run_deleted_while_training_is_recorded_in_another(stack, store):
    deleted = []

    def look(epoch: int) -> None:
        if epoch == 4:
            deleted.append(next(record.run_id for record in find_job_runs(store) if record.job == 0))
            open_client(store.uri).delete_run(*deleted)

    records = stack("trainer.epochs=30", stopped=AfterEpoch(look))
    assert sorted(find_job_runs(store), key=lambda record: record.job) == records
    assert records[0].run_id not in deleted
    assert sorted(steps(store, records[0].run_id, "train_cost")) == [*range(31)]


def test_a_store_that_has_refused_is_asked_again_but_seldom(recording, monkeypatch, caplog):
    clock, asked, sent = [0.0], [], []
    monkeypatch.setattr(recorder.time, "monotonic", lambda: clock[0])

    def log(*_: Any, points: list[runs.Point], **__: Any) -> None:
        asked.append(clock[0])
        if len(asked) < 4:
            raise StoreError("away")
        sent.extend(points)

    monkeypatch.setattr(runs, "log_values", log)
    monkeypatch.setattr(runs, "read_steps", lambda *_: {})
    made = recording()
    for epoch in range(120):
        clock[0] += 1.0
        made.report([(ATTEMPT, [point(epoch)])])
    assert {*np.diff(asked[:4])} == {recorder.SELDOM_SECONDS}
    assert [one.step for one in sent] == [*range(120)]
    assert caplog.text.count("the curves wait") == 1


def test_what_a_dead_worker_had_sent_is_not_sent_again(recording, monkeypatch):
    sent: list[runs.Point] = []
    monkeypatch.setattr(runs, "log_values", lambda *_, points, **__: sent.extend(points))
    monkeypatch.setattr(runs, "read_steps", lambda *_: {"train_cost": {one.step for one in sent}})
    monkeypatch.setattr(recorder, "LARGEST_SHARE", np.inf)
    made = recording()
    made.report([(ATTEMPT, [point(0), point(1)])])
    made.begin([START])  # by the worker that has taken over
    made.report([(ATTEMPT, [point(0), point(1), point(2)])])
    assert [one.step for one in sent] == [0, 1, 2]


def test_run_that_could_not_start_sends_nothing_while_training(recording, monkeypatch):
    asked = []
    monkeypatch.setattr(runs, "log_values", lambda *_, **__: asked.append(1))
    made = recording("")
    for epoch in range(5):
        made.report([(ATTEMPT, [point(epoch)])])
    assert asked == []


@pytest.mark.usefixtures("at_once")
def test_temporarily_refusing_store_has_all_points_at_the_end(stack, store):
    def look(epoch: int) -> None:
        mlflow = open_client(store.uri)
        if epoch == 4:
            ids.extend(record.run_id for record in find_job_runs(store))
            for run_id in ids:
                mlflow.delete_run(run_id)
        if epoch == 9:
            for run_id in ids:
                mlflow.restore_run(run_id)

    ids: list[str] = []
    for record in stack("trainer.epochs=30", stopped=AfterEpoch(look)):
        assert sorted(steps(store, record.run_id, "train_cost")) == [*range(31)]
        assert {found.run_id: found for found in find_job_runs(store)}[record.run_id] == record
