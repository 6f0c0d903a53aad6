"""What a job came to: the contents of its files can be read again as they were, and its record knows them by hash."""

import io
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from nnsweep.errors import DataError
from nnsweep.jobs import result
from nnsweep.jobs.result import JobResult, JobStart, Kept
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.batches import prepare_inputs
from nnsweep.mlp.history import collect
from nnsweep.mlp.network import Layer, forward
from nnsweep.mlp.train import train
from nnsweep.tracking import record
from nnsweep.tracking.record import Point, RunRecord


@pytest.fixture
def made(job):
    return job("data=iris", "trainer.epochs=6", "arch.hidden_layer_sizes=[5,4]", "optimizer.learning_rate=0.3")


@pytest.fixture
def trained(made):
    return collect(train(load_dataset(made.data), made.network(), [made.member()], made.training()))[0]


def archive(content):
    return np.load(io.BytesIO(content), allow_pickle=False)


def test_weights_come_back_equal_and_need_no_pickle(trained):
    with archive(result.encode_weights(trained)) as read:
        assert int(read["best_epoch"]) == trained.best_epoch
        assert len(read.files) == 1 + 2 * 2 * 3
        for prefix, layers in (("best", trained.best_layers), ("final", trained.layers)):
            for number, (W, b) in enumerate(layers):
                for name, array in (("W", W[0]), ("b", b[0, 0])):
                    kept = read[f"{prefix}_{name}{number}"]
                    assert kept.dtype == array.dtype == np.float32
                    np.testing.assert_array_equal(kept, array, strict=True)


@pytest.mark.parametrize("part", ["val", "test"])
def test_weights_give_the_measured_accuracies_again(part, made, trained):
    examples = load_dataset(made.data).parts[part]
    measured = trained.history()[f"{part}_accuracy"]
    with archive(result.encode_weights(trained)) as read:
        for prefix, epoch in (("best", trained.best_epoch), ("final", 6)):
            layers = [Layer(read[f"{prefix}_W{n}"][None], read[f"{prefix}_b{n}"][None, None]) for n in range(3)]
            logits = forward(made.network(), layers, prepare_inputs(examples.X.astype(np.float32))).a[-1][0]
            assert (logits.argmax(axis=1) == examples.y).mean() == measured[epoch]


def test_what_was_right_comes_back_with_its_epoch_and_its_data(trained, tmp_path):
    (tmp_path / "correct.npz").write_bytes(result.encode_correct(trained, "ab" * 32))
    read = record.read_correct(tmp_path / "correct.npz")
    np.testing.assert_array_equal(read.right, trained.best_right, strict=True)
    assert (read.epoch, read.test_digest) == (trained.best_epoch, "ab" * 32)
    assert read.right.mean() == trained.history()["test_accuracy"][trained.best_epoch]


def test_a_history_comes_back_bit_for_bit_with_whole_epochs(trained):
    history = trained.history()
    history["val_accuracy"][2] = np.nan
    read = pd.read_parquet(io.BytesIO(result.encode_history(history)))
    assert list(read) == list(history)
    assert read["epoch"].dtype == np.int64
    assert read["epoch"].tolist() == [*range(7)]
    for name in history.keys() - {"epoch"}:
        assert read[name].to_numpy().tobytes() == history[name].tobytes()


def test_a_configuration_comes_back_equal(made):
    config = made.model_dump(mode="json")
    assert yaml.safe_load(result.encode_config(config).decode()) == config


def test_the_same_job_gives_the_same_bytes(made, trained):
    again = collect(train(load_dataset(made.data), made.network(), [made.member()], made.training()))[0]
    for encode in (result.encode_weights, lambda each: result.encode_correct(each, "ab")):
        assert encode(again) == encode(trained)
    assert result.encode_history(again.history()) == result.encode_history(trained.history())


def test_a_traceback_is_the_exception_being_handled():
    try:
        raise ValueError("no luck \udcff")
    except ValueError:
        lines = result.encode_traceback().decode().splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: no luck \\udcff"


def test_a_password_is_neither_in_a_traceback_nor_in_a_reason():
    try:
        raise OSError("no http://me:hush@host")
    except OSError as error:
        told = result.encode_traceback().decode(), result.explain_job_failure(error)
    assert "hush" not in "".join(told)
    assert all(each.rstrip().endswith("OSError: no http://***@host") for each in told)


BEGUN = RunRecord(run_id="", name="n4", state="interrupted", reason="by the user", settings={"seed": 4}, job=4)


@pytest.fixture
def finished() -> JobResult:
    """Give the result of a job, as its worker hands it over."""
    record = replace(BEGUN, state="finished", reason="", metrics={"test_accuracy": 0.5})
    kept = Kept(record=record, experiment="", tags={"a": "b"}, axes={"seed": 4}, best_epoch=3, n_epochs=7)
    contents = {"config.yaml": b"seed: 4\n", "weights.npz": bytes(range(256))}
    return JobResult(folder=Path("4"), kept=kept, contents=contents, points=(Point("train_cost", 1.0, 2),))


def test_the_record_of_a_run_knows_its_files_by_their_hashes(finished):
    recorded = finished.of_run("r4", "study")
    assert recorded.kept.files == {name: sha256(text).hexdigest() for name, text in finished.contents.items()}
    assert (recorded.kept.record.run_id, recorded.kept.experiment) == ("r4", "study")


def test_all_else_of_a_result_stays_when_it_becomes_a_runs(finished):
    recorded = finished.of_run("r4", "study")
    kept = replace(recorded.kept, record=replace(recorded.kept.record, run_id=""), experiment="", files={})
    assert replace(recorded, kept=kept) == finished
    assert (finished.kept.files, finished.kept.record.run_id) == ({}, "")


@pytest.fixture
def failed(finished) -> JobResult:
    """Give the result of the same job if its record could not be written."""
    try:
        raise DataError("no room")
    except DataError as error:
        return finished.of_run("r4", "study").failed(JobStart(record=BEGUN, tags={}), error)


def test_what_could_not_be_recorded_has_failed_with_its_reason(failed):
    assert failed.kept.record == replace(BEGUN, run_id="r4", state="failed", reason="DataError: no room")
    assert failed.kept.experiment == "study"
    assert failed.folder == Path("4")


def test_unrecordable_job_leaves_only_its_traceback(failed):
    assert [*failed.contents] == ["traceback.txt"]
    assert failed.contents["traceback.txt"].endswith(b"DataError: no room\n")
    assert (failed.kept.files, failed.kept.n_epochs, failed.kept.best_epoch) == ({}, 0, 0)


def test_the_attempts_of_a_job_are_told_apart():
    attempts = {
        result.identify_attempt(replace(BEGUN, job=job, attempt=attempt)) for job in (1, 2) for attempt in (1, 2)
    }
    assert attempts == {(1, 1), (1, 2), (2, 1), (2, 2)}
