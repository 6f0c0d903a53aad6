"""A run whose process is gone is ended by whoever finds it: from its folder if that has the record, or as lost."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from nnsweep.jobs import job_folder
from nnsweep.jobs.plan import close_lost_runs
from nnsweep.jobs.upload import close_abandoned_runs
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.earlier import find_running
from nnsweep.tracking.owner import Owner, this_process
from nnsweep.tracking.query import find_job_runs
from nnsweep.tracking.record import RunRecord


def test_a_run_whose_process_is_gone_is_lost_and_says_so(begun, store, gone):
    run_id = begun()
    (record,) = close_abandoned_runs(store, find_running(store))
    assert (record.run_id, record.state, record.reason) == (run_id, "lost", f"{gone} was gone without a word")
    assert find_job_runs(store) == [record]
    assert open_client(store.uri).get_run(run_id).info.status == "KILLED"
    assert find_running(store) == close_abandoned_runs(store, find_running(store)) == []


def test_a_sweep_whose_process_is_gone_is_lost_too(begun, store):
    run_id = begun(kind="sweep", key="")
    assert [record.run_id for record in close_abandoned_runs(store, find_running(store))] == [run_id]
    assert find_running(store) == []


OTHERS = {
    "this process": this_process(),
    "of another machine": Owner("elsewhere", "b", 7, "t"),
}


@pytest.mark.parametrize("owner", OTHERS.values(), ids=OTHERS)
def test_a_run_whose_process_may_live_is_left_alone(owner, begun, store):
    begun(owner=owner)
    assert close_abandoned_runs(store, find_running(store)) == []
    assert [run.record.state for run in find_running(store)] == ["running"]


def test_run_is_left_alone_exactly_while_its_process_lives(begun, store):
    tell = "from nnsweep.tracking.owner import this_process; print(this_process().tag(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", tell], stdin=-1, stdout=-1, text=True) as process:
        from nnsweep.tracking.owner import read_owner

        begun(owner=read_owner(process.stdout.readline()))
        assert close_abandoned_runs(store, find_running(store)) == []
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a corpse is gone too
        assert [record.state for record in close_abandoned_runs(store, find_running(store))] == ["lost"]


@pytest.mark.parametrize("request_", ["link_file", "end"])
def test_run_with_a_whole_record_in_its_folder_is_finished_once(
    request_, done, store, refusing, orphaned, contents, all_runs
):
    control = done(number=1).record
    with refusing(request_):
        folder, record = done()
    orphaned(record.run_id)
    assert close_abandoned_runs(store, find_running(store)) == [record]
    assert contents(store, record.run_id) == contents(store, control.run_id)
    assert job_folder.is_sent(folder)
    assert close_abandoned_runs(store, find_running(store)) == []
    assert len(all_runs(store)) == 2
    assert contents(store, record.run_id) == contents(store, control.run_id)


@pytest.mark.parametrize("name", ["record.json", "history.parquet", "weights.npz"])
def test_a_damaged_record_does_not_count(name, done, store, refusing, orphaned):
    with refusing("end"):
        folder, record = done()
    orphaned(record.run_id)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    assert [record.state for record in close_abandoned_runs(store, find_running(store))] == ["lost"]
    assert not job_folder.is_sent(folder)


def test_ended_run_is_closed_as_such_even_without_its_folder(done, store, orphaned, contents):
    control = done(number=1).record
    folder, record = done()
    open_client(store.uri).update_run(record.run_id, "RUNNING")  # MLflow's client ends a run with a request of its own
    orphaned(record.run_id)
    shutil.rmtree(folder)
    end = replace(record, state="failed", reason="its worker died")
    assert close_abandoned_runs(store, find_running(store), {0: end}) == [record]
    assert contents(store, record.run_id) == contents(store, control.run_id)


@pytest.mark.parametrize("other", [{"attempt": "2"}, {"sweep": "s2"}, {"job": "1"}], ids=str)
def test_the_record_of_another_run_does_not_count(other, begun, done, store):
    folder, _ = done()
    run_id = begun(folder=str(folder), **other)
    assert [(record.run_id, record.state) for record in close_abandoned_runs(store, find_running(store))] == [
        (run_id, "lost")
    ]


@pytest.mark.parametrize("n_before", [0, 1])
def test_two_runs_of_one_attempt_are_recorded_once_and_closed(n_before, begun, done, store, refusing, orphaned):
    before = [begun(job="0") for _ in range(n_before)]  # a worker died, and another one did the job
    with refusing("end"):
        _, record = done()
    after = [begun(job="0") for _ in range(1 - n_before)]
    orphaned(record.run_id)
    ended = {each.run_id: each.state for each in close_abandoned_runs(store, find_running(store))}
    assert ended == {record.run_id: "finished"} | dict.fromkeys(before + after, "lost")
    assert find_running(store) == []


@pytest.mark.parametrize("n_runs", [1, 2])
def test_a_record_that_does_not_know_its_run_goes_to_one(n_runs, begun, done, store, refusing):
    with refusing("start"):
        folder, record = done()
    for _ in range(n_runs):
        begun(folder=str(folder), key=record.key)
    states = sorted(record.state for record in close_abandoned_runs(store, find_running(store)))
    assert states == ["finished", "lost"][:n_runs]
    assert find_running(store) == []


@pytest.mark.parametrize("folder", ["", "/nowhere/at/all"])
def test_a_folder_that_is_not_there_is_no_record(folder, begun, store):
    begun(folder=folder)
    assert [record.state for record in close_abandoned_runs(store, find_running(store))] == ["lost"]


def test_what_is_known_of_an_end_is_told_instead(begun, store):
    run_id = begun()
    end = RunRecord(run_id="", name="n0", state="failed", reason="killed by SIGKILL", sweep="s1", job=0, attempt=1)
    assert close_abandoned_runs(store, find_running(store), {0: end}) == [replace(end, run_id=run_id)]
    (record,) = find_job_runs(store)
    assert (record.state, record.reason) == ("failed", "killed by SIGKILL")


def test_a_sweep_closes_its_own_runs_and_tells_whether_some_live(begun, store):
    begun(sweep="s2")
    begun(sweep="s1")
    assert not close_lost_runs(store, "s1", {})
    begun(sweep="s1", owner=this_process())
    assert close_lost_runs(store, "s1", {})
    assert sorted(run.record.sweep for run in find_running(store)) == ["s1", "s2"]


def test_runs_left_open_after_a_sweep_died_with_a_worker(begun, store):
    mine = this_process()
    begun(sweep="s1", owner=mine)
    begun(sweep="s1", kind="sweep", key="", owner=mine)
    begun(sweep="s1", owner=Owner("elsewhere", "b", 7, "t"), job="1", key="other")
    assert close_lost_runs(store, "s1", {}, mine)
    lost = [record for record in find_job_runs(store) if record.state == "lost"]
    assert [record.reason for record in lost] == ["its worker was gone without a word"]
    assert sorted(run.is_sweep for run in find_running(store)) == [False, True]
