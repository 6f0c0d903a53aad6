"""Runs that somebody has deleted in MLflow stay deleted, and a store that was lost comes back whole."""

from collections import Counter

import pytest

from nnsweep.errors import ConfigError
from nnsweep.jobs import job_folder, upload
from nnsweep.jobs.sync import GONE, HIDDEN, SyncResult, sync_folders
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.store import prepare_store


def delete(store, run_id):
    """Delete a run, as in the UI of MLflow: it is hidden, and can be restored."""
    open_client(store.uri).delete_run(run_id)


def remove(store, run_id):
    """Remove a run for good, as `mlflow gc` does."""
    delete(store, run_id)
    open_client(store.uri)._tracking_client.store._hard_delete_run(run_id)


@pytest.fixture
def sweep(done):
    """Give three jobs of a sweep that the store has."""
    return [done(f"seed={number}", number=number) for number in range(3)]


@pytest.fixture
def root(sweep):
    return sweep[0].folder.parents[1]


def left(why, number=1):
    return Counter({why: number})


def test_a_deleted_run_is_left_deleted(sweep, root, store, all_runs):
    delete(store, sweep[0].record.run_id)
    for _ in range(2):
        assert sync_folders(root, store.uri) == SyncResult(present=2, left=left(HIDDEN))
    assert len(all_runs(store)) == 2
    open_client(store.uri).restore_run(sweep[0].record.run_id)
    assert sync_folders(root, store.uri) == SyncResult(present=3)


def test_a_run_that_was_removed_for_good_is_not_brought_back(sweep, root, store, all_runs):
    remove(store, sweep[0].record.run_id)
    for _ in range(2):
        assert sync_folders(root, store.uri) == SyncResult(present=2, left=left(GONE))
    assert len(all_runs(store)) == 2


def test_the_last_run_removed_stays_so_beside_the_sweeps_own(sweep, root, store, begun, tmp_path):
    begun(kind="sweep", key="", folder=str(tmp_path / "sweeps" / "s1"))
    for one in sweep:
        remove(store, one.record.run_id)
    assert sync_folders(root, store.uri) == SyncResult(left=left(GONE, 3))


def test_what_was_deleted_is_sent_if_that_is_asked_for(sweep, root, store):
    delete(store, sweep[0].record.run_id)
    remove(store, sweep[1].record.run_id)
    assert sync_folders(root, store.uri).left == left(HIDDEN) + left(GONE)
    assert sync_folders(root, store.uri, deleted=True) == SyncResult(sent=2, present=1)
    assert sync_folders(root, store.uri) == SyncResult(present=3)
    assert len(find_job_runs(store)) == 3


def test_a_store_that_lost_all_of_a_sweep_gets_it_back(sweep, root, store):
    for one in sweep:
        remove(store, one.record.run_id)
    assert sync_folders(root, store.uri) == SyncResult(sent=3)


def test_another_store_gets_the_rest_of_what_it_has_in_part(sweep, root, another_store, begun):
    assert sync_folders(sweep[0].folder, another_store.uri) == SyncResult(sent=1)
    (root / "s1" / "plan.json").write_text('{"state": "finished"}')  # so that the sweep's own run is made as well
    assert sync_folders(sweep[1].folder, another_store.uri) == SyncResult(sent=1)
    assert sync_folders(root, another_store.uri) == SyncResult(sent=1, present=2)
    (copy, *_) = find_job_runs(another_store)
    delete(another_store, copy.run_id)
    assert sync_folders(root, another_store.uri) == SyncResult(present=2, left=left(HIDDEN))


def test_a_result_that_another_store_has_had_first_is_sent(done, sweep, root, store, another_store, refusing):
    with refusing("start"):
        done("seed=3", number=3)
    assert sync_folders(root, another_store.uri) == SyncResult(sent=4)
    assert sync_folders(root, store.uri) == SyncResult(sent=1, present=3)


def test_a_result_whose_open_run_was_deleted_is_sent(done, store, refusing, all_runs):
    with refusing("end"):
        folder, record = done()
    delete(store, record.run_id)  # it looked dead
    assert sync_folders(folder, store.uri) == SyncResult(sent=1)
    assert len(all_runs(store)) == 1


@pytest.mark.parametrize("send", [upload.send_records, lambda store, places: sync_folders(places[0], store.uri)])
def test_a_record_that_waits_though_it_was_sent_stays_deleted(send, sweep, store, all_runs):
    folder, record = sweep[0]
    job_folder.mark_waiting(folder)  # as after a crash, when nobody knows how far the store had come
    delete(store, record.run_id)
    send(store, [folder])
    assert len(all_runs(store)) == 2
    assert job_folder.is_sent(folder)


def test_a_sweeps_own_run_stays_deleted(sweep, root, store, begun, all_runs, tmp_path):
    (root / "s1" / "plan.json").write_text('{"state": "finished"}')
    delete(store, begun(kind="sweep", key="", folder=str(tmp_path / "sweeps" / "s1")))
    assert sync_folders(root, store.uri) == SyncResult(present=3)
    assert len(all_runs(store)) == 3
    assert sync_folders(root, store.uri, deleted=True) == SyncResult(present=3)
    assert len(all_runs(store)) == 4


def test_a_deleted_experiment_is_left_and_the_others_are_sent(done, sweep, root, store, refusing):
    other = prepare_store(store.uri, "other")
    with refusing("start"):
        done(sweep="s2", into=other)
    open_client(store.uri).delete_experiment(store.experiment_id)
    said = sync_folders(root, store.uri)
    assert (said.sent, said.left.total()) == (1, 3)
    assert "3 runs of the experiment study, which is deleted: mlflow experiments restore" in said.in_words()
    with pytest.raises(ConfigError, match="this experiment is deleted"):
        sync_folders(root, store.uri, deleted=True)


def test_what_is_left_is_told_with_the_way_to_have_it():
    assert SyncResult(present=4, left=left(HIDDEN) + left(GONE, 2)).in_words().splitlines() == [
        "0 records sent, 4 were there already, 3 left deleted",
        "  1 run deleted in the store: mlflow runs restore --run-id RUN brings one back",
        "  2 runs removed from the store for good: nnsweep sync --deleted sends all of it again",
    ]
