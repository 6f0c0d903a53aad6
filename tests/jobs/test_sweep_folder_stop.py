"""A job that another launcher runs in its own process ends with the sweep's process, and when the sweep asks it to."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from nnsweep.jobs import sweep_folder
from nnsweep.jobs.sweep_folder import PLAN
from nnsweep.tracking.owner import Owner, read_owner, this_process
from tests.outside import own_pids

pytestmark = pytest.mark.slow

_SWEEP = """
import json, sys
from nnsweep.tracking.owner import this_process
with open(sys.argv[1], "w") as file:
    json.dump({"owner": this_process().tag()}, file)
print("begun", flush=True)
input()
"""
_LOCKED = """
import json, sys
from pathlib import Path
from nnsweep.tracking.owner import hold_runs
plan = Path(sys.argv[1])
with hold_runs(f"sqlite:///{plan.parent}/mlflow.db") as held:
    plan.write_text(json.dumps({"owner": held.owner.tag(), "database": f"{plan.parent}/mlflow.db"}))
    print("begun", flush=True)
    input()
"""
_JOB = """
import sys, time
from pathlib import Path
from nnsweep.jobs import sweep_folder
stopped = sweep_folder.watch_stop_file(Path(sys.argv[1]))
print("begun", flush=True)
while not stopped():
    time.sleep(0.02)
print("stopped", flush=True)
"""


@pytest.fixture(autouse=True)
def _nobody_watches_any_more(tmp_path):
    """Let what watches a sweep in this process end with its folder: it would go on through all other tests."""
    yield
    shutil.rmtree(tmp_path)
    for thread in threading.enumerate():
        if thread.name.endswith("(_watch)"):
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def start():
    """Start a process that says when it has begun."""
    started = []

    def of(program, path, *within):
        process = subprocess.Popen(
            [*within, sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "begun\n"
        return process

    yield of
    for process in started:
        process.kill()
        process.communicate()


def test_a_job_ends_when_the_process_of_its_sweep_is_killed(start, tmp_path):
    sweep = start(_SWEEP, tmp_path / PLAN)
    job = start(_JOB, tmp_path)
    time.sleep(2 * sweep_folder.LOOKS_EVERY)
    assert job.poll() is None
    os.kill(sweep.pid, signal.SIGKILL)
    assert job.wait(10) == 1
    assert job.stdout.read() == ""


def test_job_ends_with_its_sweep_across_pid_namespaces(start, tmp_path):
    (tmp_path / "mlflow.db").touch()
    sweep = start(_LOCKED, tmp_path / PLAN, *own_pids())
    job = start(_JOB, tmp_path)
    time.sleep(2 * sweep_folder.LOOKS_EVERY)
    assert job.poll() is None
    sweep.kill()
    assert job.wait(10) == 1


def test_a_job_stops_when_the_sweep_asks_it_to(start, tmp_path):
    start(_SWEEP, tmp_path / PLAN)
    job = start(_JOB, tmp_path)
    sweep_folder.ask_to_stop(tmp_path)
    assert job.wait(10) == 0
    assert job.stdout.read() == "stopped\n"


def test_what_is_asked_can_be_taken_back(tmp_path):
    sweep_folder.remove_stop_file(tmp_path)
    sweep_folder.ask_to_stop(tmp_path)
    sweep_folder.end_at_once(tmp_path)
    assert (tmp_path / sweep_folder.STOP).exists()
    sweep_folder.remove_stop_file(tmp_path)
    assert [*tmp_path.iterdir()] == []


PLANS = {
    "this process": json.dumps({"owner": this_process().tag()}),
    "no owner": "{}",
    "no process": json.dumps({"owner": "somebody"}),
    "a list": "[]",
    "damaged": "{",
    "binary": "\udcff",
}


UNSEEN = {
    "another namespace": json.dumps({"owner": replace(this_process(), pids="another", every=5.0).tag()}),
    "another machine": json.dumps({"owner": Owner("elsewhere", "b", 7, "t").tag()}),
}


@pytest.mark.parametrize("plan", UNSEEN.values(), ids=UNSEEN)
def test_job_away_from_its_sweep_lives_until_asked_to_stop(plan, tmp_path):
    (tmp_path / PLAN).write_text(plan)
    stopped = sweep_folder.watch_stop_file(tmp_path)
    time.sleep(2 * sweep_folder.LOOKS_EVERY)
    assert not stopped()
    sweep_folder.ask_to_stop(tmp_path)
    time.sleep(3 * sweep_folder.LOOKS_EVERY)
    assert stopped()


def test_late_job_knows_at_once_that_it_must_stop(tmp_path):
    (tmp_path / PLAN).write_text(UNSEEN["another machine"])
    sweep_folder.ask_to_stop(tmp_path)
    assert sweep_folder.watch_stop_file(tmp_path)()


def test_a_job_that_does_not_stop_when_asked_is_ended(start, tmp_path):
    start(_SWEEP, tmp_path / PLAN)
    job = start(_JOB.replace("not stopped()", "True"), tmp_path)
    sweep_folder.ask_to_stop(tmp_path)
    time.sleep(2 * sweep_folder.LOOKS_EVERY)
    assert job.poll() is None
    sweep_folder.end_at_once(tmp_path)
    assert job.wait(10) == 1


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_where_there_is_nobody_to_watch_the_job_goes_on(plan, tmp_path):
    (tmp_path / PLAN).write_text(plan, errors="surrogateescape")
    stopped = sweep_folder.watch_stop_file(tmp_path)
    sweep_folder.ask_to_stop(tmp_path)
    time.sleep(0.05)
    assert not stopped()


def test_without_a_plan_the_job_goes_on(tmp_path):
    assert not sweep_folder.watch_stop_file(tmp_path)()


def test_a_process_number_that_is_given_again_is_another_process():
    assert read_owner(replace(this_process(), start="1").tag()) != this_process()
