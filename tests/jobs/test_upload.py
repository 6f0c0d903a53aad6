"""What a folder keeps of a run comes into the store once, however often it is sent and whatever was lost before."""

import contextlib
import errno
import itertools
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow.exceptions import MlflowException

from nnsweep.errors import DataError, StoreError
from nnsweep.jobs import job_folder, job_run, recorder, upload
from nnsweep.jobs.job_folder import is_sent, read_kept
from nnsweep.tracking.backend import find_backend
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.recorded_run import read_history
from nnsweep.tracking.store import prepare_store

REQUESTS = ("start", "link_file", "end")
ENDS = {
    "finished": (),
    "diverged": ("optimizer.learning_rate=1e300", "activation=identity", "trainer.dtype=float64"),
}


def resent(store, folder):
    return upload.resend(store, folder, read_kept(folder))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("lost", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("request_", REQUESTS)
def test_run_refused_at_any_request_is_completed_later(request_, lost, end, done, store, refusing, contents, all_runs):
    _, control = done(*ENDS[end], number=1)
    assert control.state == end
    with refusing(request_, lost=lost):
        folder, record = done(*ENDS[end])
        assert is_sent(folder) is (lost and request_ != "link_file")  # which is looked for
    for _ in range(3):  # the first time it is sent, and then it is there
        again = resent(store, folder)
        assert is_sent(folder)
        assert again == replace(record, run_id=again.run_id)
        assert len(all_runs(store)) == 2
        assert contents(store, again.run_id) == contents(store, control.run_id)


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(job_run, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "SELDOM_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "LARGEST_SHARE", np.inf)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("points", "after"), [(400, 5), (12, 1), (12, 4), (12, 9), (4, 1), (5, 2)])
def test_half_sent_run_is_completed_without_duplicate_points(points, after, done, store, refusing):
    with refusing("log_batch", after=after):
        folder, record = done("trainer.epochs=40", f"tracking.max_points={points}")
    assert open_client(store.uri).get_metric_history(record.run_id, "train_cost")
    for _ in range(2):
        assert resent(store, folder) == record
    assert find_job_runs(store) == [record]
    curves = read_history(store, record.run_id).set_index("epoch")
    assert {*curves} == {"learning_rate", "train_cost", "val_accuracy", "test_accuracy", "val_cost", "test_cost"}
    closing = []
    for name in curves:
        found = [(point.step, point.value) for point in open_client(store.uri).get_metric_history(record.run_id, name)]
        assert len(found) == len(dict(found)) <= points, name
        assert {0, 40, record.metrics["best_epoch"]} <= {*dict(found)}
        assert all(curves[name][step] == value for step, value in found if step <= 40)
        closing += [(name, value) for step, value in found if step == 41]
    assert closing == [(name, record.metrics[name]) for name in ("test_accuracy", "test_cost")]
    for name in record.metrics.keys() - {"test_accuracy", "test_cost"}:
        assert len(open_client(store.uri).get_metric_history(record.run_id, name)) == 1, name


@pytest.mark.parametrize("request_", REQUESTS)
def test_lost_receipt_of_a_resent_record_duplicates_nothing(request_, done, store, refusing, contents, all_runs):
    _, control = done(number=1)
    with refusing("start"):
        folder, _ = done()
    for _ in range(2):
        with refusing(request_, lost=True, times=2), contextlib.suppress(StoreError):  # one is asked twice at once
            resent(store, folder)
    again = resent(store, folder)
    assert len(all_runs(store)) == 2
    assert contents(store, again.run_id) == contents(store, control.run_id)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("times", [1, 2, 50], ids="{} lost".format)
@pytest.mark.parametrize("after", [0, 7, 39, 40, 41])
def test_a_batch_whose_receipt_was_lost_is_never_stored_again(times, after, done, store, refusing, contents):
    _, control = done("trainer.epochs=40", number=1)
    with refusing("log_batch", lost=True, after=after, times=times):
        folder, record = done("trainer.epochs=40")
    again = resent(store, folder)
    assert again == record
    assert contents(store, record.run_id) == contents(store, control.run_id)


@pytest.mark.usefixtures("at_once")
def test_a_batch_that_was_stored_in_part_is_completed(done, store, monkeypatch, contents):
    _, control = done("trainer.epochs=40", number=1)
    asked, whole = find_backend(store.uri), find_backend(store.uri).log_batch
    turns = itertools.count()

    def log_batch(run_id, metrics, **more):  # as MLflow's client sends a large one: in several requests
        if next(turns) != 5:
            return whole(run_id, metrics=metrics, **more)
        whole(run_id, metrics=metrics[: len(metrics) // 2], **more)
        raise MlflowException("the store is away")

    monkeypatch.setattr(asked, "log_batch", log_batch)
    _, record = done("trainer.epochs=40")
    assert contents(store, record.run_id) == contents(store, control.run_id)


def test_record_sent_to_another_store_is_complete_there(done, store, another_store, contents, all_runs):
    folder, record = done()
    again = resent(another_store, folder)
    assert again == replace(record, run_id=again.run_id)
    assert contents(another_store, again.run_id) == contents(store, record.run_id)
    assert resent(another_store, folder) == again
    assert len(all_runs(another_store)) == len(all_runs(store)) == 1


def test_two_attempts_of_a_job_are_two_runs(done, store, refusing, all_runs):
    with refusing("start"):
        folder, _ = done()
        first = read_kept(folder)
        resendable = folder.with_name("first")
        shutil.copytree(folder, resendable)
        done(attempt=2)
    upload.resend(store, resendable, first)
    resent(store, folder)
    resent(store, folder)
    assert sorted(run.data.tags["nnsweep.attempt"] for run in all_runs(store)) == ["1", "2"]


@pytest.mark.parametrize("name", ["history.parquet", "weights.npz", "correct.npz", "config.yaml"])
def test_record_with_a_damaged_file_is_not_sent_and_makes_no_run(name, done, store, refusing, all_runs):
    with refusing("start"):
        folder, _ = done()
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: is damaged"):
        resent(store, folder)
    assert (all_runs(store), is_sent(folder)) == ([], False)


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_store_that_still_refuses_is_told_and_the_record_waits(request_, done, store, refusing):
    with refusing("start"):
        folder, _ = done()
    with refusing(request_), pytest.raises(StoreError, match="the store is away"):
        resent(store, folder)
    assert not is_sent(folder)


def test_waiting_records_are_found_in_one_sweep_or_in_all(done, refusing):
    with refusing("end"):
        places = [done(sweep=sweep, number=number).folder for sweep in ("s1", "s2") for number in (0, 1)]
    root = places[0].parents[1]
    done(sweep="s2", number=2)
    assert upload.find_unsent(root) == places
    assert upload.find_unsent_in_sweep(root / "s1") == places[:2]
    assert upload.find_unsent(root / "nowhere") == upload.find_unsent_in_sweep(root / "nowhere") == []
    job_folder.remove_waiting_mark(places[0])
    assert upload.find_unsent(root) == places[1:]


def test_sendable_records_are_sent_and_the_others_reported(done, store, refusing):
    other = prepare_store(store.uri, "other")
    with refusing("end"):
        good, damaged, elsewhere = (
            done(number=number, into=into).folder for number, into in enumerate((store, store, other))
        )
    (damaged / job_folder.RECORD).write_text("{")
    sent, wrong = upload.send_records(store, [damaged, elsewhere, good, good.with_name("nowhere")])
    assert sent == [good]
    assert len(wrong) == 1
    assert re.match(r".*record\.json: is damaged", wrong[0])
    assert upload.send_records(other, [elsewhere]) == ([elsewhere], [])


# ---- power cuts


def empty(path):
    path.unlink()  # the job's folder may have a link to it
    path.touch()


TORN = {"empty": empty, "gone": Path.unlink, "gone with its folder": lambda path: shutil.rmtree(path.parent)}


@pytest.mark.parametrize("torn", TORN)
def test_a_run_that_ended_gets_back_what_a_power_cut_has_torn(torn, done, store, all_runs):
    folder, record = done()
    kept = Path(open_client(store.uri).get_run(record.run_id).info.artifact_uri) / "weights.npz"
    TORN[torn](kept)
    assert resent(store, folder) == record
    assert kept.read_bytes() == (folder / "weights.npz").read_bytes()
    assert len(all_runs(store)) == 1


@pytest.fixture
def waiting(done, refusing):
    """Give the folder of a record that the store has not."""
    with refusing("start"):
        return done().folder


def test_a_record_waits_until_the_disk_of_the_store_has_it(waiting, store, monkeypatch):
    synced = []
    monkeypatch.setattr(upload, "sync_disk", lambda place: synced.append((place, is_sent(waiting))))
    assert upload.send_records(store, [waiting]) == ([waiting], [])
    assert synced == [(place, False) for place in upload.find_disks(store)]
    assert is_sent(waiting)


def test_a_record_waits_if_the_disk_of_the_store_takes_nothing(waiting, store, monkeypatch):
    def refuse(place):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(upload, "sync_disk", refuse)
    resent(store, waiting)
    assert not is_sent(waiting)


def test_what_the_store_has_costs_no_wait_for_its_disk(done, store, monkeypatch):
    folder, _ = done()
    monkeypatch.setattr(upload, "sync_disk", lambda place: pytest.fail("nothing was marked"))
    resent(store, folder)
    assert is_sent(folder)


def test_artifacts_may_be_on_another_disk_than_the_store(ready_store_file, tmp_path):
    shutil.copy(ready_store_file, tmp_path / "mlflow.db")
    (root := tmp_path / "elsewhere").mkdir()
    store = prepare_store(f"sqlite:///{tmp_path}/mlflow.db", "study", str(root))
    assert upload.find_disks(store) == [tmp_path, root]
