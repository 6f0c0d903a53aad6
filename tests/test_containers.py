"""Sweeps in containers that share a folder or a server: each with process numbers, or a host name, of its own.

Who is at work is told by a lock beside the store or by a heartbeat in it, and never by the number of a process that is
another one elsewhere.
"""

import re
import time
from pathlib import Path
from subprocess import Popen

import pytest

from tests.outside import (
    EAGER,
    QUICK,
    Server,
    begin_eager,
    begin_python,
    ended,
    kill,
    n_points,
    n_unended,
    own_name,
    own_pids,
    run,
    statuses,
    wait_until,
)

JOBS = ("data=digits", "arch=wide", "trainer.epochs=500", "sweep.workers=1", QUICK)
"""Two seconds of training for each seed."""
FAST = f"from nnsweep.tracking import lock\nlock.EVERY_SECONDS, lock.MISSED = 0.25, 12\n{EAGER}"
"""The program, with a heart that beats faster, too."""


def in_the_middle(database: Path) -> None:
    wait_until(lambda: n_points(database) > 0, "the first points")


def locks(folder: Path) -> list[str]:
    return [path.name for path in folder.glob(".nnsweep-*")]


def both_end(one: Popen[str], other: Popen[str]) -> list[str]:
    """Wait for two sweeps, which must end well; give what they have said."""
    said = [ended(each) for each in (one, other)]
    assert [(each.code, each.err) for each in said] == [(0, "")] * 2
    return [each.out for each in said]


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.soak), 2])
def test_two_sweeps_with_own_process_numbers_do_each_job_once(study, workers):
    command = (*JOBS, "seed=range(0,8)", "trainer.epochs=400", f"sweep.workers={workers}")
    first = begin_eager(study, *command, within=own_pids())
    in_the_middle(study / "mlflow.db")
    _, said = both_end(first, begin_eager(study, *command, within=own_pids()))
    assert re.search(r"^Waiting until it ends for \d jobs? held by process \d+ on .*: its lock is held\. ", said, re.M)
    assert statuses(study / "mlflow.db") == ["FINISHED"] * 8
    assert locks(study) == []


@pytest.mark.parametrize("more", [(), ("rerun=all",)], ids=["", "all again"])
def test_what_was_killed_under_another_host_name_goes_on(study, more):
    command = (*JOBS, "seed=0,1", "checkpoint_every=5")
    first = begin_eager(study, *command, within=own_name("c1"))
    in_the_middle(study / "mlflow.db")
    kill(first)
    assert len(locks(study)) == 1
    told = run(study, "doctor", within=own_name("c2"))
    assert re.search(r"runs: 3 are open though .*; the same command closes them", told.out)
    began = time.monotonic()
    said = run(study, *command, *more, within=own_name("c2"))
    assert (said.code, said.err) == (0, "")
    assert "Waiting" not in said.out
    assert time.monotonic() - began < 60
    assert statuses(study / "mlflow.db").count("FINISHED") == 2
    assert n_unended(study / "mlflow.db") == 0
    assert locks(study) == []


def test_a_wait_tells_what_becomes_of_the_results(study):
    command = (*JOBS, "seed=0", "trainer.epochs=20000", "sweep.workers=2")
    first = begin_eager(study, *command, within=own_pids())
    in_the_middle(study / "mlflow.db")
    told = run(study, "doctor", within=own_name("c2"))
    assert re.search(r"^ok +runs: 2 are open, and their processes at work$", told.out, re.M)
    assert re.search(r"^ok +sweeps: \S+ is under way, held by process \d+ on .*: its lock is held$", told.out, re.M)
    other = begin_eager(study, *command, "rerun=all", PYTHONUNBUFFERED="1")
    assert other.stdout is not None
    waits = next(line for line in other.stdout if "Ctrl-C ends the wait" in line)
    kill(first)  # the lock ends with the sweep's process, whatever becomes of its workers
    wait_until(lambda: "KILLED" in statuses(study / "mlflow.db"), "that the other goes on", 20)
    other.terminate()
    ended(other)
    assert "Ctrl-C ends the wait. Its results are taken, with rerun=all too." in waits


def on(server: Server, name: str, *more: str) -> tuple[str, ...]:
    return ("-c", FAST, *JOBS, f"tracking.uri={server.uri}", f"tracking.experiment={name}", *more)


def test_two_sweeps_on_a_server_do_each_job_once(server, tmp_path):
    command = on(server, "both", "seed=range(0,4)")
    first = begin_python(tmp_path, *command, within=own_pids())
    wait_until(lambda: n_points(server.database, "both") > 0, "the first points")
    _, said = both_end(first, begin_python(tmp_path, *command, within=own_pids()))
    assert re.search(r"held by process \d+ on .*: its heartbeat came \d+ s ago\. Ctrl-C", said)
    assert statuses(server.database, "both") == ["FINISHED"] * 4


def test_what_was_killed_on_a_server_goes_on_without_its_heart(server, tmp_path):
    command = on(server, "killed", "seed=0,1", "sweep.workers=2")
    first = begin_python(tmp_path, *command, within=own_pids())
    wait_until(lambda: n_points(server.database, "killed") > 0, "the first points")
    kill(first)
    began = time.monotonic()
    said = ended(begin_python(tmp_path, *command, within=own_pids()))
    assert (said.code, said.err) == (0, "")
    assert "Waiting" in said.out
    assert time.monotonic() - began < 60
    assert statuses(server.database, "killed").count("FINISHED") == 2
    assert n_unended(server.database, "killed") == 0
