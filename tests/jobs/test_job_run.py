"""The life of one job's run: trained, recorded and ended, whatever happens to it."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pandas as pd
import pytest

from nnsweep.jobs import job_run, recorder, worker
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.jobs.job import Job
from nnsweep.jobs.job_folder import is_sent, read_history_file, read_kept, read_record
from nnsweep.jobs.job_run import final_metrics
from nnsweep.jobs.names import make_run_name, name_choices
from nnsweep.jobs.task import Place
from nnsweep.mlp.early_stopping import Selection, select_epoch
from nnsweep.mlp.evaluation import calibration_error, compute_outputs, fit_temperature
from nnsweep.mlp.history import collect
from nnsweep.mlp.measures import MEASURES
from nnsweep.mlp.train import train
from nnsweep.text import printable
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.record import RunRecord, read_evaluation
from nnsweep.tracking.recorded_run import read_correct_examples, read_correct_with_digest, read_history
from nnsweep.tracking.store import Store
from tests.recording import train_and_record

QUICK = ("data=iris", "trainer.epochs=3", "arch.hidden_layer_sizes=[4]")
DIVERGING = ("optimizer.learning_rate=1e300", "activation=identity", "trainer.dtype=float64")
RAISING = ("seed=13",)  # where `unlucky` is used
COMMON = ("trainer.epochs=500", "activation=identity", "trainer.dtype=float64")


@pytest.fixture(scope="module")
def make() -> Iterator[Callable[..., Job]]:
    """Give a function that makes a job of overrides."""
    with hydra.initialize_config_dir(conf_dir(), **VERSION_BASE):
        yield lambda *overrides: check_configuration(hydra.compose("config", [*QUICK, *overrides]))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "multirun" / "7"
    folder.mkdir(parents=True)
    chosen = name_choices({"activation": "relu", "schedule": "cosine", "data": "iris"}, QUICK)
    return Place(folder=folder, sweep="s1", number=7, name="iris-4-relu-cosine-s0", chosen=chosen)


@pytest.fixture
def run(make: Callable[..., Job], place: Place, store: Store) -> Callable[..., RunRecord]:
    """Give a function that runs a job of overrides into the store."""

    def alone(*overrides: str, **more: Any) -> RunRecord:
        (record,) = train_and_record([(make(*overrides), place)], store, **more)
        return record

    return alone


@pytest.fixture
def stack(make: Callable[..., Job], place: Place, store: Store) -> Callable[..., list[RunRecord]]:
    """Give a function that runs jobs, each of its overrides, as one stack into the store."""

    def together(*jobs: tuple[str, ...], **more: Any) -> list[RunRecord]:
        tasks = []
        for number, overrides in enumerate(jobs):
            folder = place.folder.parent / f"s{number}"
            folder.mkdir()
            tasks.append((make(*overrides), replace(place, folder=folder, number=number, name=f"n{number}")))
        return train_and_record(tasks, store, **more)

    return together


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Give a function that lets the trainer raise after its first epoch."""

    def raises(error: BaseException) -> None:
        train = worker.train

        def spoilt(*arguments: Any, **named: Any) -> Iterator[Any]:
            epochs = train(*arguments, **named)
            yield next(epochs)
            yield next(epochs)
            raise error

        monkeypatch.setattr(worker, "train", spoilt)

    return raises


@pytest.fixture
def unlucky(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the training of any network with seed 13 raise in its third epoch."""

    def rate(epoch: int) -> float:
        if epoch == 2:
            raise RuntimeError("no luck")
        return 0.1

    member = Job.member
    monkeypatch.setattr(
        Job, "member", lambda job: replace(member(job), schedule=rate) if job.seed == 13 else member(job)
    )


def steps(store: Store, run_id: str, name: str) -> list[int]:
    return sorted(metric.step for metric in open_client(store.uri).get_metric_history(run_id, name))


def picture(folder: Path) -> Path:
    """Draw something beside a job's folder, which a picture's bytes are taken from."""
    path = folder.parent / "curves.txt"
    path.write_text("up")
    return path


def deleting(store: Store) -> Callable[..., Path]:
    """Give a way to draw in which the run is deleted: from then on the store refuses it."""

    def draw(_: pd.DataFrame, name: str, folder: Path) -> Path:
        (deleted,) = (record for record in find_job_runs(store) if record.name == name)
        open_client(store.uri).delete_run(deleted.run_id)
        return picture(folder)

    return draw


def the_run(store: Store) -> Any:
    (found,) = open_client(store.uri).search_runs([store.experiment_id])
    return found


def artifacts(store: Store, run_id: str) -> set[str]:
    return {file.path for file in open_client(store.uri).list_artifacts(run_id)}


def test_finished_job_reads_back_as_returned_and_written(run, store, place):
    record = run()
    assert (record.state, record.reason, record.sweep, record.job) == ("finished", "", "s1", 7)
    assert find_job_runs(store) == [record]
    written = json.loads((place.folder / "record.json").read_text())
    assert written.keys() == {"checksum", "content"}
    assert RunRecord(**written["content"]["record"]) == record
    assert (record.key, record.attempt) == (the_run(store).data.tags["nnsweep.key"], 1)
    assert the_run(store).info.status == "FINISHED"


def test_the_attempt_is_in_the_record_and_in_the_store(make, store, place):
    (record,) = train_and_record([(make(), replace(place, attempt=3))], store)
    assert record.attempt == read_record(place.folder).attempt == 3
    assert find_job_runs(store) == [record]


def test_final_metrics_agree_with_the_curves(run, store):
    metrics, curves = (record := run("trainer.epochs=12")).metrics, read_history(store, record.run_id)
    best = select_epoch({name: curves[name].to_numpy() for name in curves})
    assert metrics["best_epoch"] == best
    assert metrics["best_val_accuracy"] == curves["val_accuracy"].max()
    assert metrics["test_accuracy"] == curves["test_accuracy"][best]
    assert metrics["max_test_accuracy"] == curves["test_accuracy"].max()
    assert metrics["final_test_accuracy"] == curves["test_accuracy"].iloc[-1]
    assert metrics["final_train_cost"] == curves["train_cost"].iloc[-1]
    assert metrics["epochs_trained"] == curves["epoch"].iloc[-1] == 12
    assert (metrics["depth"], metrics["width"], metrics["n_parameters"]) == (1, 4, 4 * 4 + 4 + 4 * 3 + 3)
    assert metrics["duration_seconds"] > 0


@pytest.mark.parametrize(("select", "best"), [("log_loss", "min"), ("roc_auc", "max"), ("cost", "min")])
def test_final_metrics_follow_the_selected_measure(select, best, run, store, place):
    record = run("trainer.epochs=12", "trainer.measures=[f1_macro]", f"trainer.select=val_{select}")
    history, metrics = read_history_file(place.folder), record.metrics
    chosen = select_epoch(history, Selection.of(f"val_{select}", "classification"))
    assert metrics["best_epoch"] == chosen
    for name in {"f1_macro", "accuracy", "cost", select}:
        assert metrics[f"test_{name}"] == history[f"test_{name}"][chosen]
        assert metrics[f"best_val_{name}"] == history[f"val_{name}"][chosen]
    assert metrics[f"final_test_{select}"] == history[f"test_{select}"][-1]
    assert metrics[f"{best}_test_{select}"] == getattr(history[f"test_{select}"], best)()
    assert not {"max_test_accuracy", "final_test_accuracy"} & metrics.keys()
    curves = {"train_cost", "learning_rate", "val_cost", "test_cost", f"val_{select}", f"test_{select}"}
    client, names = open_client(store.uri), the_run(store).data.metrics
    assert {name for name in names if len(client.get_metric_history(record.run_id, name)) > 1} == curves
    assert find_job_runs(store) == [record]
    said = the_run(store).data.tags["mlflow.note.content"]
    words = {"log_loss": "Test log loss", "roc_auc": "Test ROC AUC", "cost": "Test cost"}[select]
    assert f"{words} {metrics[f'test_{select}']:.4f} at epoch {chosen}, the best validation epoch." in said


def test_a_measure_that_is_not_defined_is_left_out(run, store, monkeypatch):
    undefined = replace(MEASURES["ece"], evaluate=lambda seen: np.full(len(seen.outputs), np.nan))
    monkeypatch.setitem(MEASURES, "ece", undefined)
    record = run("trainer.measures=[ece]")
    assert not {name for name in record.metrics if name.endswith("_ece")}
    assert find_job_runs(store) == [record]


@pytest.mark.parametrize("overrides", [(), ("data.val_fraction=0",), ("trainer.evaluate_every=2",), ("seed=3",)])
def test_right_answers_at_the_best_epoch_make_the_test_accuracy(overrides, make, run, store):
    record = run(*overrides)
    read, examples = read_correct_with_digest(store, record.run_id), worker.load_dataset(make(*overrides).data)
    assert read.right.mean() == record.metrics["test_accuracy"]
    assert (read.right.shape, read.epoch) == (examples.test.y.shape, record.metrics["best_epoch"])
    assert read.test_digest == examples.test_digest
    assert read_correct_examples(store, record.run_id).tolist() == read.right.tolist()


def test_without_validation_test_accuracy_picks_the_best_epoch(run, store):
    record = run("data.val_fraction=0")
    assert "best_val_accuracy" not in record.metrics
    assert record.metrics["test_accuracy"] == record.metrics["max_test_accuracy"]
    assert "selected on the test set itself" in the_run(store).data.tags["mlflow.note.content"]


def test_stored_curves_have_the_first_last_and_best_epoch(run, store):
    record = run("trainer.epochs=60", "tracking.max_points=5")
    curves = read_history(store, record.run_id)
    kept = {
        metric.step: metric.value for metric in open_client(store.uri).get_metric_history(record.run_id, "val_accuracy")
    }
    assert {0, 60, record.metrics["best_epoch"]} <= set(kept)
    assert len(kept) <= 5
    assert all(curves["val_accuracy"][step] == value for step, value in kept.items())
    last = open_client(store.uri).get_metric_history(record.run_id, "test_accuracy")[-1]
    assert (last.step, last.value) == (61, record.metrics["test_accuracy"])


def test_all_files_are_sent_and_the_weights_load_without_pickle(run, store, place):
    record = run()
    files = WHOLE - {"record.json"}
    assert artifacts(store, record.run_id) == files
    assert {path.name for path in place.folder.iterdir()} == {*files, "record.json"}
    assert read_kept(place.folder).files.keys() == files
    with np.load(place.folder / "weights.npz", allow_pickle=False) as weights:
        shapes = {name: weights[name].shape for name in weights if name != "best_epoch"}
    layers = {"W0": (4, 4), "b0": (4,), "W1": (4, 3), "b1": (3,)}
    assert shapes == {f"{when}_{name}": shape for when in ("best", "final") for name, shape in layers.items()}


def test_the_run_tells_what_it_is_and_where_it_came_from(run, store, place, make):
    run()
    kept = the_run(store)
    tags = kept.data.tags
    (data,) = kept.inputs.dataset_inputs
    digest = worker.load_dataset(make().data).digest
    assert (data.dataset.name, digest.startswith(data.dataset.digest)) == ("iris", True)
    assert len(data.dataset.digest) >= 32
    expected = {"kind": "job", "sweep": "s1", "job": "7", "state": "finished", "data_digest": digest}
    assert {name: tags[f"nnsweep.{name}"] for name in expected} == expected
    assert tags["nnsweep.key"] == make().key(digest)
    assert tags["nnsweep.folder"] == str(place.folder)
    assert tags["mlflow.note.content"].startswith("A network with a hidden layer of 4 units (relu), trained on iris")
    assert "Test accuracy" in tags["mlflow.note.content"]
    assert kept.info.run_name == "iris-4-relu-cosine-s0"


def test_the_commit_of_the_working_folder_is_kept(run, store, monkeypatch):
    monkeypatch.setattr(job_run, "describe_environment", lambda: {"git_commit": "abc", "git_dirty": True})
    run()
    tags = the_run(store).data.tags
    assert (tags["mlflow.source.git.commit"], tags["nnsweep.git_dirty"]) == ("abc", "true")


def test_curves_are_drawn_where_it_is_wanted(run, store):
    drawn = []

    def draw(curves: pd.DataFrame, title: str, folder: Path) -> Path:
        drawn.append((title, list(curves["epoch"])))
        (folder / "curves.txt").write_text("up")
        return folder / "curves.txt"

    assert "curves.txt" not in artifacts(store, run(draw=None).run_id)
    record = run(draw=draw)
    assert drawn == [("iris-4-relu-cosine-s0", [0, 1, 2, 3])]
    assert "curves.txt" in artifacts(store, record.run_id)


def test_early_stopping_is_a_finish_with_a_reason(run):
    record = run("trainer.epochs=500", "trainer.patience=3")
    assert record.state == "finished"
    assert record.reason == f"stopped early at epoch {record.metrics['epochs_trained']:.0f}"
    assert record.metrics["epochs_trained"] < 500


def test_diverging_job_has_a_reason_and_a_curve_but_no_accuracy(run, store):
    record = run(*DIVERGING)
    assert record.state == "diverged"
    assert record.reason.startswith("cost or weights were not finite at epoch ")
    assert record.reason.partition("; ")[2].startswith("the last finite cost was ")
    reached = record.metrics.keys() - {"chance_accuracy"}  # known before, and nothing it reached
    assert not {name for name in reached if "accuracy" in name or name == "best_epoch"}
    assert the_run(store).info.status == "FAILED"
    assert find_job_runs(store) == [record]
    assert len(read_history(store, record.run_id)) >= 2
    assert "It diverged at epoch" in the_run(store).data.tags["mlflow.note.content"]
    stored = open_client(store.uri).get_metric_history(record.run_id, "train_cost")
    assert stored
    assert all(abs(metric.value) < 1.7e308 for metric in stored)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("no\nluck"), SystemExit(0), MemoryError(), ValueError("\udcff")],
    ids=lambda error: repr(error),
)
def test_raising_job_fails_alone_with_its_traceback(error, run, store, trainer, place):
    trainer(error)
    record = run()
    assert record.state == "failed"
    assert record.reason == printable(f"{type(error).__name__}: {error}")
    assert the_run(store).info.status == "FAILED"
    assert artifacts(store, record.run_id) == {"traceback.txt"}
    said = (place.folder / "traceback.txt").read_text()
    assert said.startswith("Traceback (most recent call last):")
    assert type(error).__name__ in said


def test_varying_numbers_are_also_metrics_so_the_ui_sorts_them(make, store, place):
    varying = ("trainer.epochs", "seed", "activation", "trainer.batch_size")
    (record,) = train_and_record([(make(), replace(place, varying=varying))], store)
    stored = the_run(store).data.metrics
    assert (stored["trainer.epochs"], stored["seed"]) == (3, 0)
    assert "activation" not in stored
    assert find_job_runs(store) == [record]  # read back, they are settings and no results


def test_a_failed_job_reads_back_as_it_was_returned(run, store, trainer):
    trainer(RuntimeError("no luck"))
    assert [run()] == find_job_runs(store)


def test_a_failure_is_told_in_the_jobs_log(run, trainer, caplog):
    trainer(RuntimeError("no luck"))
    with caplog.at_level(logging.ERROR):
        run()
    assert "no luck" in caplog.text


def test_undrawable_picture_fails_its_job_but_keeps_its_curves(run, store, place):
    def draw(*_: Any) -> Path:
        raise RuntimeError("no ink")

    record = run(draw=draw)
    assert (record.state, record.reason) == ("failed", "RuntimeError: no ink")
    assert "test_accuracy" not in record.metrics
    assert (place.folder / "history.parquet").exists()
    assert open_client(store.uri).get_metric_history(record.run_id, "train_cost")
    assert find_job_runs(store) == [record]


@pytest.mark.parametrize("when", ["training", "writing"])
def test_an_interruption_ends_the_run_and_goes_on_upwards(when, run, store, trainer, place):
    def draw(*_: Any) -> Path:
        raise KeyboardInterrupt

    if when == "training":
        trainer(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(draw=draw)
    (record,) = find_job_runs(store)
    assert (record.state, record.reason) == ("interrupted", "interrupted by the user")
    assert the_run(store).info.status == "KILLED"
    assert read_record(place.folder) == record
    assert steps(store, record.run_id, "train_cost")[:2] == [0, 1]


def test_a_calibrated_run_keeps_its_temperature_and_errors(run, place, make):
    plain = run()
    record = run("trainer.calibrate=temperature")
    more = record.metrics.keys() - plain.metrics.keys()
    assert more == {"temperature", "test_ece", "test_calibrated_ece"}
    with np.load(place.folder / "weights.npz") as weights:
        temperature = float(weights["temperature"])
    evaluation = read_evaluation(place.folder / "evaluation.npz")
    assert record.metrics["temperature"] == evaluation.temperature == temperature != 1
    assert [record.metrics[name] for name in ("test_ece", "test_calibrated_ece")] == [
        calibration_error(bins) for bins in evaluation.reliability
    ]
    job, examples = make(), worker.load_dataset(make().data)
    trained = collect(train(examples, job.network(), [job.member()], job.training()))[0]
    outputs = compute_outputs(job.network(), trained.best_layers, examples.val.X)
    assert temperature == fit_temperature(outputs, examples.val.y)


def test_of_a_sealed_test_part_nothing_is_kept(run, place):
    record = run("trainer.sealed_test=true")
    assert record.state == "finished"
    assert {path.name for path in place.folder.iterdir()} == WHOLE - {"correct.npz", "evaluation.npz"}


WHOLE = {
    "config.yaml",
    "correct.npz",
    "environment.json",
    "evaluation.npz",
    "history.parquet",
    "preparation.npz",
    "weights.npz",
    "record.json",
}


def test_job_is_trained_and_recorded_where_no_run_can_start(run, store, place):
    open_client(store.uri).delete_experiment(store.experiment_id)
    record = run()
    assert (record.state, record.run_id, record.metrics["epochs_trained"]) == ("finished", "", 3)
    assert {path.name for path in place.folder.iterdir()} == WHOLE | {"waiting"}
    kept = read_kept(place.folder)
    assert (kept.record, kept.n_epochs) == (record, 4)
    assert kept.files.keys() == WHOLE - {"record.json"}


def test_run_deleted_meanwhile_is_recorded_in_another(run, store, place):
    record = run(draw=deleting(store))
    assert record.state == "finished"
    assert {path.name for path in place.folder.iterdir()} == WHOLE | {"curves.txt"}
    assert replace(read_record(place.folder), run_id=record.run_id) == record
    assert find_job_runs(store) == [record]


@pytest.mark.parametrize("request_", ["link_file", "end"])
def test_whole_record_waits_whatever_the_store_refuses(request_, run, store, place, refusing):
    with refusing(request_):
        record = run()
    assert record.state == "finished"
    assert {path.name for path in place.folder.iterdir()} == WHOLE | {"waiting"}
    assert read_record(place.folder) == record
    assert the_run(store).info.status == "RUNNING"


def test_a_data_set_is_loaded_once(make):
    assert worker.load_dataset(make().data) is worker.load_dataset(make("seed=5", "optimizer.learning_rate=0.2").data)
    assert worker.load_dataset(make("data.split_seed=5").data) is not worker.load_dataset(make().data)


def test_the_same_job_gives_the_same_numbers_wherever_it_stands(run, store):
    first, second = run(), run()
    pd.testing.assert_frame_equal(
        read_history(store, first.run_id), read_history(store, second.run_id), check_exact=True
    )


def test_the_name_of_the_run_follows_from_the_job(make, place):
    assert make_run_name(make(), place.chosen, QUICK, ()) == place.name


def test_accuracies_that_were_not_measured_do_not_count(run):
    record = run("trainer.epochs=5", "trainer.evaluate_every=2")
    assert record.metrics["best_epoch"] in (0, 2, 4, 5)
    assert np.isfinite([*record.metrics.values()]).all()


def test_final_metrics_are_plain_numbers(make):
    job = make()
    trained = collect(train(worker.load_dataset(job.data), job.network(), [job.member()], job.training()))[0]
    assert all(type(value) is float for value in final_metrics(trained).values())


EXACT = ("trainer.dtype=float64", "trainer.epochs=12")
MEMBERS = [
    ("seed=1", *EXACT),
    ("seed=2", "optimizer.learning_rate=0.3", "schedule=exp", *EXACT),
    ("seed=3", "optimizer.momentum=0.5", "optimizer.weight_decay=0.01", *EXACT),
    ("seed=4", "schedule=reduce_on_plateau", *EXACT),
]


def test_runs_of_a_stack_are_recorded_as_if_trained_alone(stack, run, store):
    together = stack(*MEMBERS)
    assert sorted(find_job_runs(store), key=lambda record: record.job) == together
    assert [(record.job, record.name, record.settings["seed"]) for record in together] == [
        (number, f"n{number}", number + 1) for number in range(4)
    ]
    for record, member in zip(together, MEMBERS, strict=True):
        alone = run(*member)
        curves = (read_history(store, one.run_id) for one in (record, alone))
        pd.testing.assert_frame_equal(*curves, check_exact=True)
        assert record.settings == alone.settings
        both = record.metrics.keys() - {"duration_seconds"}
        assert {name: record.metrics[name] for name in both} == {name: alone.metrics[name] for name in both}
        assert artifacts(store, record.run_id) == artifacts(store, alone.run_id)
        tags = open_client(store.uri).get_run(record.run_id).data.tags
        assert tags["nnsweep.key"] == open_client(store.uri).get_run(alone.run_id).data.tags["nnsweep.key"]


def test_networks_of_a_stack_save_weights_in_their_own_folders(stack, place):
    stack(("seed=1",), ("seed=2",))
    weights = []
    for name in ("s0", "s1"):
        with np.load(place.folder.parent / name / "weights.npz", allow_pickle=False) as file:
            weights.append(file["final_W0"])
    assert weights[0].shape == weights[1].shape == (4, 4)
    assert not np.array_equal(*weights)


def test_the_time_of_a_stack_is_shared_equally(stack):
    started = time.perf_counter()
    seconds = [record.metrics["duration_seconds"] for record in stack(("seed=1",), ("seed=2",), ("seed=3",))]
    assert 0 < seconds[0] == seconds[1] == seconds[2]
    assert sum(seconds) < time.perf_counter() - started


@pytest.mark.usefixtures("unlucky")
@pytest.mark.parametrize("spoilt", [DIVERGING, RAISING], ids=["diverges", "raises"])
def test_a_member_that_goes_wrong_costs_only_itself(spoilt, stack, run, store):
    common = ("activation=identity", "trainer.dtype=float64", "trainer.epochs=6")
    members = [("seed=1", *common), (*spoilt, *common), ("seed=3", *common)]
    first, wrong, third = stack(*members)
    assert wrong.state == ("diverged" if spoilt is DIVERGING else "failed")
    assert wrong.reason
    assert "test_accuracy" not in wrong.metrics
    for record, member in ((first, members[0]), (third, members[2])):
        assert (record.state, record.metrics["epochs_trained"]) == ("finished", 6)
        curves = (read_history(store, one.run_id) for one in (record, run(*member)))
        pd.testing.assert_frame_equal(*curves, check_exact=True)
    assert {record.run_id: record for record in find_job_runs(store)}[wrong.run_id] == wrong


@pytest.mark.usefixtures("unlucky")
def test_only_the_raising_member_of_a_stack_has_a_traceback(stack, store, place):
    _, wrong, _ = stack(("seed=1",), RAISING, ("seed=3",))
    assert wrong.reason == "RuntimeError: no luck"
    assert [folder.name for folder in place.folder.parent.iterdir() if (folder / "traceback.txt").exists()] == ["s1"]
    assert artifacts(store, wrong.run_id) == {"traceback.txt"}


@pytest.mark.usefixtures("unlucky")
def test_member_retrained_alone_has_each_point_once(stack, store, monkeypatch):
    monkeypatch.setattr(job_run, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "LARGEST_SHARE", np.inf)
    limits = ("trainer.epochs=40", "tracking.max_points=10")
    good, wrong = stack(("seed=1", *limits), (*RAISING, *limits))
    assert (good.state, wrong.state) == ("finished", "failed")
    for record in (good, wrong):
        kept = steps(store, record.run_id, "test_accuracy")
        assert len(kept) == len({*kept}) <= 10
        assert kept[0] == 0
    assert {40, 41, good.metrics["best_epoch"]} <= {*steps(store, good.run_id, "test_accuracy")}


def test_a_picture_that_cannot_be_drawn_costs_only_its_job(stack, store):
    def draw(_: pd.DataFrame, name: str, folder: Path) -> Path:
        if name == "n1":
            raise RuntimeError("no ink")
        return picture(folder)

    assert [record.state for record in stack(("seed=1",), ("seed=2",), ("seed=3",), draw=draw)] == [
        "finished",
        "failed",
        "finished",
    ]
    assert {record.state for record in find_job_runs(store)} == {"finished", "failed"}


def test_a_folder_that_is_gone_costs_only_its_job(stack, store, place):
    def draw(_: pd.DataFrame, name: str, folder: Path) -> Path:
        if name == "n1":
            shutil.rmtree(folder)
        return picture(folder)

    states = ["finished", "failed", "finished"]
    assert [record.state for record in stack(("seed=1",), ("seed=2",), ("seed=3",), draw=draw)] == states
    assert [record.state for record in sorted(find_job_runs(store), key=lambda record: record.job)] == states


def test_a_run_that_the_store_refuses_costs_only_its_job(stack, store, place):
    delete = deleting(store)

    def draw(curves: pd.DataFrame, name: str, folder: Path) -> Path:
        return delete(curves, name, folder) if name == "n1" else picture(folder)

    together = stack(("seed=1",), ("seed=2",), ("seed=3",), draw=draw)
    assert [record.state for record in together] == ["finished"] * 3
    assert sorted(find_job_runs(store), key=lambda record: record.job) == together
    assert [is_sent(place.folder.parent / name) for name in ("s0", "s1", "s2")] == [True] * 3


@pytest.mark.parametrize(("times", "come"), [(1, True), (9, False)])
def test_run_that_cannot_start_is_made_at_its_end_or_waits(times, come, run, store, place, refusing):
    with refusing(*(["record_runs"] if come else ["start"]), times=times):
        record = run()
    assert record.state == "finished"
    assert is_sent(place.folder) is come
    assert find_job_runs(store) == ([record] if come else [])
    for found in find_job_runs(store):
        assert steps(store, found.run_id, "train_cost") == [0, 1, 2, 3]


@pytest.mark.parametrize("after", [0, 5])
def test_stopped_stack_ends_after_the_epoch_with_its_curves(after, stack, store, place):
    asked = iter(range(1000))
    with pytest.raises(KeyboardInterrupt):
        stack(*(("trainer.epochs=500", f"seed={seed}") for seed in range(3)), stopped=lambda: next(asked) == after)
    records = find_job_runs(store)
    assert {(record.state, record.reason) for record in records} == {("interrupted", "interrupted by the user")}
    assert {run.info.status for run in open_client(store.uri).search_runs([store.experiment_id])} == {"KILLED"}
    for record in records:
        assert steps(store, record.run_id, "train_cost") == [*range(after + 1)]
        assert read_history(store, record.run_id)["epoch"].tolist() == [*range(after + 1)]
        assert read_record(place.folder.parent / f"s{record.job}") == record


def test_ended_member_is_finished_though_others_are_interrupted(stack, store, place):
    asked = iter(range(1000))
    with pytest.raises(KeyboardInterrupt):
        stack(
            ("seed=1", *COMMON),
            ("seed=2", *COMMON, "optimizer.learning_rate=1e300"),
            stopped=lambda: next(asked) == 5,
        )
    one, other = sorted(find_job_runs(store), key=lambda record: record.job)
    assert (one.state, other.state) == ("interrupted", "diverged")
    assert "epoch" in other.reason
    assert [read_record(place.folder.parent / name) for name in ("s0", "s1")] == [one, other]


def test_an_interrupted_run_does_not_tell_an_outcome(stack, store):
    with pytest.raises(KeyboardInterrupt):
        stack(("seed=1",), stopped=lambda: True)
    assert "Test accuracy" not in the_run(store).data.tags["mlflow.note.content"]


def test_interruption_while_writing_one_ends_the_others_too(stack, store):
    def draw(_: pd.DataFrame, name: str, folder: Path) -> Path:
        if name == "n1":
            raise KeyboardInterrupt
        return picture(folder)

    with pytest.raises(KeyboardInterrupt):
        stack(("seed=1",), ("seed=2",), ("seed=3",), draw=draw)
    states = [record.state for record in sorted(find_job_runs(store), key=lambda record: record.job)]
    assert states == ["finished", "interrupted", "finished"]


# ---- checkpoints: what is run again goes on, and ends as if it had never stopped

SIX = ("trainer.epochs=6", "data.val_fraction=0.2")
KINDS = {
    "minibatch": (*SIX, "seed=1", "trainer.dropout=0.2"),
    "adam": (*SIX, "seed=2", "optimizer=adam", "trainer.dtype=float64"),
    "full batch": (*SIX, "seed=3", "trainer=full_batch", "trainer.epochs=6", "schedule=reduce_on_plateau"),
}


CHOSEN = name_choices({"activation": "relu", "schedule": "cosine", "data": "iris"}, QUICK)


class Killed(BaseException):
    """The process is gone, before it could leave a checkpoint of this epoch."""


@pytest.fixture
def begin(make, store, tmp_path) -> Callable[..., list[RunRecord]]:
    """Give a function that runs jobs as one stack, each in the folder of its name, and stops them after an epoch."""

    def run(jobs: Mapping[str, tuple[str, ...]], *, stop: int = -1, killed: bool = False, attempt: int = 1) -> Any:
        tasks, epochs = [], iter(range(1000))
        for number, (name, overrides) in enumerate(jobs.items()):
            (folder := tmp_path / name).mkdir(exist_ok=True)
            place = Place(folder=folder, sweep="s1", number=number, name=name, chosen=CHOSEN, attempt=attempt)
            tasks.append((make(*overrides), place))

        def stopped() -> bool:
            ends = next(epochs) == stop
            if ends and killed:
                raise Killed
            return ends

        try:
            return train_and_record(tasks, store, stopped=stopped)
        except (KeyboardInterrupt, Killed):
            return [read_record(place.folder) for _, place in tasks]

    return run


def result(folder: Path) -> Any:
    """Give all that a training came to, bit for bit."""
    kept = read_kept(folder)
    assert kept is not None
    table = pd.read_parquet(folder / "history.parquet")
    curves = {name: (column.dtype.str, column.to_numpy().tobytes()) for name, column in table.items()}
    arrays = {}
    for name in ("weights.npz", "correct.npz", "evaluation.npz"):
        with np.load(folder / name, allow_pickle=False) as read:
            arrays |= {(name, array): (read[array].dtype.str, read[array].tobytes()) for array in read}
    metrics = {name: value for name, value in kept.record.metrics.items() if name != "duration_seconds"}
    return kept.record.state, kept.record.reason, metrics, kept.best_epoch, kept.n_epochs, curves, arrays


@pytest.mark.parametrize(
    ("kind", "every", "killed"),
    [
        ("minibatch", 2, False),  # who is asked to stop leaves a checkpoint at any epoch
        *(("minibatch", every, True) for every in (1, 2, 3)),
        *((kind, 2, True) for kind in ("adam", "full batch")),
    ],
)
def test_job_stopped_at_any_epoch_ends_as_if_uninterrupted(kind, every, killed, begin, tmp_path, monkeypatch):
    begun_at = []
    train = worker.train

    def noted(*given: Any, resumed: Any = None, **named: Any) -> Any:
        begun_at.append(resumed[0].epoch if resumed else None)
        return train(*given, resumed=resumed, **named)

    monkeypatch.setattr(worker, "train", noted)
    begin({"never": KINDS[kind]})
    for epoch in range(7):
        name = f"stopped{epoch}"
        (record,) = begin({name: (*KINDS[kind], f"checkpoint_every={every}")}, stop=epoch, killed=killed)
        if killed:
            assert record is None
        else:
            assert record.state == ("finished" if epoch == 6 else "interrupted")
        assert (tmp_path / name / "checkpoint.npz").exists() is (epoch > 0 if killed else epoch < 6)
        if killed or epoch < 6:
            (record,) = begin({name: (*KINDS[kind], f"checkpoint_every={every}")}, attempt=2)
            last = epoch if not killed else (epoch - 1) // every * every
            assert begun_at[-1] == (last if last >= 0 else None)
            assert (record.state, record.attempt) == ("finished", 2)
        assert result(tmp_path / name) == result(tmp_path / "never")
        assert not (tmp_path / name / "checkpoint.npz").exists()


def test_the_members_of_a_stack_go_on_from_different_epochs(begin, tmp_path):
    members = {f"m{seed}": (*SIX, f"seed={seed}", "checkpoint_every=2") for seed in range(5)}
    begin({f"never{name}": overrides for name, overrides in members.items()})
    for epoch, (name, overrides) in enumerate(members.items()):
        if name != "m4":  # which begins now
            begin({name: overrides}, stop=(0, 3, 3, 5)[epoch])
    again = begin(members, attempt=2)
    assert [(record.name, record.state) for record in again] == [(name, "finished") for name in members]
    for name in members:
        assert result(tmp_path / name) == result(tmp_path / f"never{name}")


def test_stack_stopped_twice_ends_as_if_uninterrupted(begin, tmp_path):
    members = {f"m{seed}": (*SIX, f"seed={seed}", "checkpoint_every=2") for seed in range(3)}
    begin({f"never{name}": overrides for name, overrides in members.items()})
    begin({"m0": members["m0"]}, stop=2)
    begin(members, stop=1)
    begin(members, stop=0, attempt=2)
    begin(members, attempt=3)
    for name in members:
        assert result(tmp_path / name) == result(tmp_path / f"never{name}")


@pytest.mark.parametrize("damage", ["cut off", "a bit", "empty", "another job's"])
def test_damaged_checkpoint_restarts_training_to_the_same_result(damage, begin, tmp_path, caplog):
    job = (*SIX, "checkpoint_every=1")
    begin({"never": job})
    begin({"one": job}, stop=3)
    begin({"other": (*job, "seed=9")}, stop=3)
    path = tmp_path / "one" / "checkpoint.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    other = (tmp_path / "other" / "checkpoint.npz").read_bytes()
    damaged = {"cut off": content[:-9], "a bit": content, "empty": b"", "another job's": other}
    path.write_bytes(damaged[damage])
    (record,) = begin({"one": job}, attempt=2)
    assert record.state == "finished"
    assert "training begins anew" in caplog.text
    assert result(tmp_path / "one") == result(tmp_path / "never")


def test_training_resumes_from_another_sweeps_checkpoint(make, store, begin, tmp_path):
    job = (*SIX, "checkpoint_every=2")
    begin({"never": job})
    begin({"before": job}, stop=4)
    (folder := tmp_path / "now").mkdir()
    place = Place(folder=folder, sweep="s2", number=0, name="now", chosen=CHOSEN, checkpoint=tmp_path / "before")
    first = []
    train_and_record([(make(*job), place)], store, stopped=lambda: bool(first.append(1)))
    assert len(first) == 2
    assert result(folder) == result(tmp_path / "never")


def test_what_goes_wrong_with_a_checkpoint_costs_its_job_alone(begin, monkeypatch):
    read = job_run.JobRun.checkpoint

    def wrong(one: Any) -> Any:
        if one.place.name == "one":
            raise RuntimeError("no luck")
        return read(one)

    monkeypatch.setattr(job_run.JobRun, "checkpoint", wrong)
    records = begin({name: (*SIX, f"seed={seed}") for seed, name in enumerate(("zero", "one", "two"))})
    assert [record.state for record in records] == ["finished", "failed", "finished"]
    assert records[1].reason == "RuntimeError: no luck"


def test_what_goes_wrong_before_training_begins_no_run(begin, store, monkeypatch, tmp_path):
    begun = []

    def wrong(job: Job, *_: Any) -> Any:
        begun.append(job)
        if len(begun) == 2:
            raise RuntimeError("no luck")
        return {"nnsweep.kind": "job", "nnsweep.key": "k"}

    monkeypatch.setattr(job_run, "_make_tags", wrong)
    with pytest.raises(RuntimeError, match="no luck"):
        begin({"zero": SIX, "one": SIX})
    assert [read_record(tmp_path / name) for name in ("zero", "one")] == [None, None]
    assert find_job_runs(store) == []


def test_without_checkpoints_none_is_left(begin, tmp_path):
    begin({"one": SIX}, stop=3)
    assert not (tmp_path / "one" / "checkpoint.npz").exists()


def test_unwritable_checkpoint_costs_nothing_else(begin, tmp_path, monkeypatch, caplog):
    def full(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("nnsweep.jobs.job_run.write_checkpoint", full)
    (record,) = begin({"one": (*SIX, "checkpoint_every=1")})
    assert record.state == "finished"
    assert "no checkpoint: no space left on device" in caplog.text


@pytest.mark.parametrize(("layer", "n_threads"), [("pthreads", 3), ("openmp", 1)])
def test_a_stack_is_trained_with_the_threads_it_is_given(layer, n_threads, make, place, monkeypatch):
    given, trained = [], worker.train

    def noted(*what: Any, n_threads: int, **named: Any) -> Iterator[Any]:
        given.append(n_threads)
        return trained(*what, n_threads=n_threads, **named)

    monkeypatch.setattr(worker, "train", noted)
    monkeypatch.setattr(worker, "threadpool_info", lambda: [{"user_api": "blas", "threading_layer": layer}])
    for wanted in (3, 1):
        *_, ended = worker.train_stack([(make("trainer.batch_size=null"), place)], n_threads=wanted)
        assert [result.kept.record.state for result in ended.results] == ["finished"]
    assert given == [n_threads, 1]
