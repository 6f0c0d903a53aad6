"""What job folders have and a store has not comes into the store, as often as anyone asks."""

import shutil
from dataclasses import replace

import pytest

from nnsweep.errors import ConfigError, StoreError
from nnsweep.jobs import job_folder
from nnsweep.jobs.sync import SyncResult, sync_folders
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.earlier import find_running
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.store import find_store, prepare_store


@pytest.fixture
def waiting(done, refusing):
    """Give the folders of three records that no store has."""
    with refusing("start"):
        return [done(f"seed={number}", number=number).folder for number in range(3)]


@pytest.mark.parametrize(("level", "n_sent"), [(0, 1), (1, 3), (2, 3)])
def test_a_folder_of_any_level_is_sent_and_then_it_is_there(level, n_sent, waiting, store, all_runs):
    root = [waiting[0], *waiting[0].parents][level]
    assert sync_folders(root, store.uri) == SyncResult(sent=n_sent)
    assert sync_folders(root, store.uri) == SyncResult(present=n_sent)
    assert len(all_runs(store)) == len(find_job_runs(store)) == n_sent
    assert [job_folder.is_sent(folder) for folder in waiting] == [True] * n_sent + [False] * (3 - n_sent)


def test_what_was_sent_while_it_ran_is_there_already(done, store):
    folder, _ = done()
    assert sync_folders(folder, store.uri) == SyncResult(present=1)


def test_what_waits_though_it_is_there_waits_no_longer(done, store):
    folder, _ = done()
    job_folder.mark_waiting(folder)  # as after a crash
    assert sync_folders(folder, store.uri) == SyncResult(present=1)
    assert job_folder.is_sent(folder)


def test_another_store_gets_everything_that_the_first_has(done, store, another_store, contents):
    record = done().record
    root = done(sweep="s2").folder.parents[1]
    assert sync_folders(root, another_store.uri) == SyncResult(sent=2)
    assert sync_folders(root, another_store.uri) == SyncResult(present=2)
    copies = open_client(another_store.uri).search_runs([another_store.experiment_id])
    assert [contents(another_store, copy.info.run_id) for copy in copies] == [contents(store, record.run_id)] * 2


def test_a_store_that_is_not_there_is_made(waiting, tmp_path, ready_store_file, monkeypatch):
    monkeypatch.setattr("nnsweep.tracking.sqlite._build", lambda database: shutil.copy(ready_store_file, database))
    uri = f"sqlite:///{tmp_path}/new/mlflow.db"
    assert sync_folders(waiting[0].parent, uri) == SyncResult(sent=3)
    assert len(find_job_runs(find_store(uri, "study"))) == 3


def test_every_experiment_gets_its_own_records(done, store, another_store):
    other = prepare_store(store.uri, "other")
    root = done().folder.parent
    done(number=1, into=other)
    assert sync_folders(root, another_store.uri) == SyncResult(sent=2)
    assert [len(find_job_runs(find_store(another_store.uri, name))) for name in ("study", "other")] == [1, 1]


def test_damaged_records_are_told_and_the_others_sent(waiting, store):
    (waiting[0] / "record.json").write_text("{")
    (waiting[1] / "history.parquet").write_bytes(b"")
    told = sync_folders(waiting[0].parent, store.uri)
    assert (told.sent, len(told.damaged)) == (1, 2)
    assert "record.json: is damaged" in told.damaged[0]
    assert "history.parquet: is damaged" in told.damaged[1]
    assert told.in_words() == "1 records sent, 0 were there already, 2 damaged"
    assert sync_folders(waiting[2], store.uri).in_words() == "0 records sent, 1 were there already"


def test_run_given_up_as_lost_is_finished_from_its_folder(done, store, refusing, contents):
    control = done(number=1).record
    with refusing("log_batch"):
        folder, record = done()
    open_client(store.uri).set_tag(record.run_id, "nnsweep.state", "lost")  # by somebody who could not see the folder
    open_client(store.uri).set_terminated(record.run_id, "KILLED")
    assert sync_folders(folder, store.uri) == SyncResult(sent=1)
    assert contents(store, record.run_id) | {"tags": {}} == contents(store, control.run_id) | {"tags": {}}
    assert sync_folders(folder, store.uri) == SyncResult(present=1)


def test_runs_that_are_abandoned_in_the_store_are_closed(begun, waiting, store):
    begun(job="9")
    sync_folders(waiting[0], store.uri)
    assert find_running(store) == []


def test_a_store_that_refuses_is_told_and_what_was_sent_is_there(waiting, store, refusing):
    with refusing("end", after=1), pytest.raises(StoreError, match="the store is away"):
        sync_folders(waiting[0].parent, store.uri)
    assert [job_folder.is_sent(folder) for folder in waiting] == [True, False, False]
    assert sync_folders(waiting[0].parent, store.uri) == SyncResult(sent=2, present=1)


def test_a_folder_that_is_not_there_is_told(tmp_path, store):
    with pytest.raises(ConfigError, match="there is no such folder"):
        sync_folders(tmp_path / "nowhere", store.uri)
    assert sync_folders(tmp_path, store.uri) == SyncResult()


def test_a_folder_that_was_copied_is_one_result(waiting, store, all_runs):
    shutil.copytree(waiting[0].parent, waiting[0].parents[1] / "copy")
    assert replace(sync_folders(waiting[0].parents[1], store.uri), sent=0, present=0) == SyncResult()
    assert len(all_runs(store)) == 3
