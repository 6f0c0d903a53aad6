"""Before its first job a sweep looks what there is, closes what was abandoned, sends what waits, and claims jobs."""

import threading
import time
from dataclasses import replace

import pytest

from nnsweep.jobs import job_folder
from nnsweep.jobs.plan import DistinctJob, PlanRequest, make_plan
from nnsweep.tracking import claims, lock, runs
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.earlier import find_running
from nnsweep.tracking.lock import hold_lock
from nnsweep.tracking.owner import this_process
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import find_store_if_any


@pytest.fixture
def ask(store, tmp_path):
    """Ask what a sweep with jobs of some keys shall do."""

    def of(*keys, sweep="now", **more):
        jobs = [
            DistinctJob(
                number=number, key=key, name=f"n{number}", settings={"data": "iris"}, data_digest="d", numerics="3"
            )
            for number, key in enumerate(keys)
        ]
        asked = PlanRequest(
            uri=store.uri,
            experiment="study",
            artifact_root=None,
            jobs=jobs,
            rerun=None,
            owner=this_process(),
            folder=tmp_path / "sweeps" / sweep,
        )
        return replace(asked, **more)

    return of


def actions(settled):
    return [(choice.action, choice.why) for choice in settled.decisions.values()]


def test_new_jobs_are_claimed_by_the_run_of_the_sweep(ask, store):
    settled = make_plan(ask("a" * 64, "b" * 64))
    assert actions(settled) == [("run", "new")] * 2
    (sweep,) = find_running(store)
    assert (sweep.is_sweep, sweep.record.run_id, sweep.owner) == (True, settled.run_id, this_process())
    assert claims.find_claims([sweep], ["a" * 64, "b" * 64, "c" * 64]).keys() == {"a" * 64, "b" * 64}
    assert settled.notes == []


def test_jobs_claimed_elsewhere_are_waited_for_and_the_rest_run(ask):
    make_plan(ask("a" * 64, sweep="theirs"))
    settled = make_plan(ask("a" * 64, "b" * 64))
    assert actions(settled) == [("wait", "claimed"), ("run", "new")]
    assert "theirs" in settled.decisions[0].holder


def test_what_a_sweep_has_claimed_that_is_gone_is_run(ask, orphaned, store):
    orphaned(make_plan(ask("a" * 64, sweep="theirs")).run_id)
    settled = make_plan(ask("a" * 64))
    assert actions(settled) == [("run", "new")]
    assert [run.record.run_id for run in find_running(store)] == [settled.run_id]


def test_of_sweeps_that_settle_at_once_each_job_is_run_by_one(ask):
    keys = [letter * 64 for letter in "abcdef"]
    settled = {}

    def one(name):
        settled[name] = make_plan(ask(*keys, sweep=name))

    threads = [threading.Thread(target=one, args=(f"s{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = [number for each in settled.values() for number, choice in each.decisions.items() if choice.action == "run"]
    assert sorted(run) == [*range(6)]


def test_the_same_job_is_taken_from_the_run_that_has_finished(ask, done):
    record = done().record
    settled = make_plan(ask(record.key))
    assert actions(settled) == [("reuse", "finished")]
    assert settled.decisions[0].record == record


def test_a_run_that_was_abandoned_is_closed_and_run_again(ask, begun, store):
    run_id = begun(key="a" * 64)
    settled = make_plan(ask("a" * 64))
    assert actions(settled) == [("run", "lost")]
    assert settled.decisions[0].attempt == 2
    assert settled.notes == ["1 runs were left by a process that is gone; they are closed as lost"]
    assert open_client(store.uri).get_run(run_id).info.status == "KILLED"


def test_a_record_that_waits_is_sent_and_its_job_done(ask, done, refusing, store):
    with refusing("start"):
        folder, waiting = done()
    settled = make_plan(ask(waiting.key))
    assert actions(settled) == [("reuse", "finished")]
    assert settled.notes == ["1 records that waited in their folders were sent to the store"]
    assert job_folder.is_sent(folder)
    assert [record.key for record in find_job_runs(store)] == [waiting.key]
    assert make_plan(ask(waiting.key, sweep="later")).notes == []


def test_record_waiting_in_the_sweeps_own_folder_is_sent(ask, done, refusing, store):
    with refusing("start"):
        _, waiting = done(sweep="now")
    assert actions(make_plan(ask(waiting.key, sweep="now"))) == [("reuse", "finished")]
    assert [record.key for record in find_job_runs(store)] == [waiting.key]


def test_record_waiting_with_an_abandoned_run_is_sent_once(ask, done, refusing, orphaned, all_runs, store):
    with refusing("end"):
        record = done().record
    orphaned(record.run_id)
    settled = make_plan(ask(record.key))
    assert actions(settled) == [("reuse", "finished")]
    assert settled.notes == ["1 records that waited in their folders were sent to the store"]
    assert len(all_runs(store)) == 2  # with that of the sweep


def test_a_damaged_record_is_told_and_its_job_run_again(ask, done, refusing):
    with refusing("start"):
        folder, record = done()
    (folder / "weights.npz").unlink()
    settled = make_plan(ask(record.key))
    assert actions(settled) == [("run", "new")]
    assert len(settled.notes) == 1
    assert "weights.npz: cannot be read" in settled.notes[0]


def test_earlier_run_of_the_name_explains_why_it_does_not_count(ask, done):
    done()
    settled = make_plan(ask("a" * 64))
    assert "seed 0 -> null" in settled.decisions[0].changed


def test_a_look_changes_nothing(ask, begun, store, all_runs, tmp_path):
    begun(key="a" * 64)
    settled = make_plan(ask("a" * 64, look_only=True))
    assert (actions(settled), settled.run_id) == ([("run", "running")], "")
    assert [run.info.status for run in all_runs(store)] == ["RUNNING"]
    nowhere = f"sqlite:///{tmp_path}/nowhere/mlflow.db"
    assert actions(make_plan(ask("a" * 64, look_only=True, uri=nowhere))) == [("run", "new")]
    assert find_store_if_any(nowhere, "study") is None
    assert not (tmp_path / "nowhere").exists()


def test_who_has_waited_takes_over_what_was_left(ask, orphaned, store):
    theirs = make_plan(ask("a" * 64, sweep="theirs"))
    mine = make_plan(ask("a" * 64, "b" * 64))
    asked = ask("a" * 64, run_id=mine.run_id, waited={"a" * 64: mine.decisions[0].since})
    assert actions(make_plan(asked)) == [("wait", "claimed")]
    orphaned(theirs.run_id)
    settled = make_plan(asked)
    assert (actions(settled), settled.run_id) == ([("run", "new")], mine.run_id)
    (sweep,) = find_running(store)
    assert claims.find_claims([sweep], ["a" * 64]).keys() == {"a" * 64}


def test_waiter_on_a_dead_sweep_runs_a_job_that_failed_before(ask, begun, orphaned, store):
    failed = begun(key="a" * 64)
    runs.end_run(store, RunRecord(run_id=failed, name="n0", state="failed"))
    theirs = make_plan(ask("a" * 64, sweep="theirs"))
    mine = make_plan(ask("a" * 64, "b" * 64))
    assert actions(mine) == [("wait", "claimed"), ("run", "new")]
    orphaned(theirs.run_id)
    settled = make_plan(ask("a" * 64, run_id=mine.run_id, waited={"a" * 64: mine.decisions[0].since}))
    assert actions(settled) == [("run", "failed")]


def test_many_claims_are_all_known(ask, store):
    keys = [f"{number:064x}"[::-1] for number in range(1200)]
    make_plan(ask(*keys))
    assert claims.find_claims(find_running(store), keys).keys() == {*keys}


# ---- signs of life


def test_locked_sweep_is_waited_for_anywhere_and_run_when_free(ask, store, tmp_path):
    elsewhere = replace(this_process(), pids="another", start="0")
    with hold_lock(tmp_path / "mlflow.db", elsewhere.tag()) as held:
        make_plan(ask("a" * 64, sweep="theirs", owner=replace(elsewhere, lock=held.name)))
        settled = make_plan(ask("a" * 64))
        assert actions(settled) == [("wait", "claimed")]
        assert settled.decisions[0].presence == ("alive", "its lock is held")
    assert actions(make_plan(ask("a" * 64, run_id=settled.run_id))) == [("run", "new")]


def test_heartbeat_is_watched_from_one_plan_to_the_next(ask, store, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(lock.time, "monotonic", lambda: now[0])
    elsewhere = replace(this_process(), pids="another", every=5.0)
    make_plan(ask("a" * 64, sweep="theirs", owner=elsewhere))
    (theirs,) = find_running(store)
    assert abs(float(theirs.signs.heartbeat) - time.time()) < 60
    settled = make_plan(ask("a" * 64))
    for seconds, wanted in ((40, ("wait", "claimed")), (40, ("run", "new"))):
        now[0] += seconds
        settled = make_plan(ask("a" * 64, run_id=settled.run_id))
        assert actions(settled) == [wanted]


def test_lock_files_of_the_dead_are_removed(ask, tmp_path):
    left = tmp_path / f".nnsweep-{16 * 'a'}.lock"
    left.write_text(this_process().tag())
    make_plan(ask("a" * 64))
    assert not left.exists()
