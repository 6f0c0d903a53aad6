"""What dies under another launcher costs its job alone, and an interruption leaves no run open: real processes."""

import importlib.util
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from nnsweep.jobs.interrupt import NOTICE
from tests.outside import QUICK, Said, begin, ended, kill, n_points, n_unended, rows, run, statuses, wait_until

LAUNCHERS = {"joblib": "joblib", "ray": "ray", "submitit_local": "submitit"}
PLANTED = """
import importlib.abc, importlib.util, os, signal, sys
from dataclasses import replace
from pathlib import Path


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "nnsweep.jobs.job" or "NNSWEEP_TEST_KILLS" not in os.environ:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            member = module.Job.member
            module.Job.member = lambda job: deadly(member(job)) if job.seed == 1 else member(job)

        spec.loader.exec_module = exec_module
        return spec


def deadly(made):
    def schedule(epoch):
        if epoch == 2:
            (Path(os.environ["NNSWEEP_TEST_KILLS"]) / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.1

    return replace(made, schedule=schedule)


sys.meta_path.insert(0, Finder())
"""
"""Lets the worker that trains seed 1 be killed in the third epoch."""


def needs(launcher: str) -> None:
    extra = LAUNCHERS[launcher]
    needed = "ray" if extra == "ray" else f"hydra_plugins.hydra_{extra}_launcher"
    if not importlib.util.find_spec(needed):
        pytest.skip(f"{needed} is absent: pip install 'nnsweep[{extra}]'")


@pytest.fixture(params=LAUNCHERS)
def launcher(request) -> str:
    """Name each launcher of another project whose plugin is installed."""
    needs(request.param)
    return request.param


@pytest.fixture
def killing(study: Path) -> dict[str, str]:
    """Give the environment in which a worker is killed that trains seed 1."""
    kills = study / "kills"
    kills.mkdir()
    (study / "planted").mkdir()
    (study / "planted" / "sitecustomize.py").write_text(PLANTED)
    paths = [str(study / "planted"), *filter(None, sys.path)]
    return {"PYTHONPATH": os.pathsep.join(paths), "NNSWEEP_TEST_KILLS": str(kills)}


def test_a_killed_worker_costs_its_job_alone(launcher, study, killing):
    said = run(study, f"hydra/launcher={launcher}", "data=iris", "seed=0,1,2", "trainer.epochs=5", QUICK, **killing)
    assert (said.code, said.err) == (3, ""), said
    assert "3 jobs: 2 finished, 1 failed" in said.out
    told = [line for line in said.out.splitlines() if line.startswith("iris-32-relu-cosine-s1 failed: WorkerDied: its")]
    assert len(told) == 1
    assert "raylet" not in said.out
    assert len([*(study / "kills").iterdir()]) == 2
    finished = "SELECT name FROM runs WHERE status = 'FINISHED'"
    assert sorted(rows(study / "mlflow.db", finished)) == [("iris-32-relu-cosine-s0",), ("iris-32-relu-cosine-s2",)]
    assert n_unended(study / "mlflow.db") == 0


LONG = ("data=digits", "arch=wide", "seed=range(0,4)", "trainer.epochs=100000", QUICK)


def interrupted(study: Path, launcher: str, send: Callable[[subprocess.Popen[str]], None], *more: str) -> Said:
    """Start a sweep that would take long, and interrupt it when it has begun to train."""
    sweep = begin(study, f"hydra/launcher={launcher}", *LONG, *more)
    try:
        wait_until(lambda: n_points(study / "mlflow.db") > 0 or sweep.poll() is not None, "the first points")
        send(sweep)
        return ended(sweep, 90)
    finally:
        kill(sweep)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_no_run_open(number, code, launcher, study):
    to_all = number == signal.SIGINT  # as a terminal sends it

    def send(sweep: subprocess.Popen[str]) -> None:
        os.killpg(sweep.pid, number) if to_all else sweep.send_signal(number)

    said = interrupted(study, launcher, send)
    assert (said.code, said.err) == (code, f"{NOTICE}\n"), said
    assert "Interrupted. The same command goes on: 4 of 4 jobs are left." in said.out
    assert n_unended(study / "mlflow.db") == 0
    assert {*statuses(study / "mlflow.db")} == {"KILLED"}


def test_results_a_killed_sweep_left_are_taken_by_the_next(study):
    needs("joblib")
    jobs = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "data=digits", "seed=0,1", "trainer.epochs=1500", QUICK)
    sweep = begin(study, *jobs)
    try:
        wait_until(lambda: n_points(study / "mlflow.db") > 0, "the first points")
        sweep.send_signal(signal.SIGSTOP)
        wait_until(lambda: len([*study.glob("multirun/*/.outbox/*.ended")]) == 2, "the results")
    finally:
        kill(sweep)
    assert statuses(study / "mlflow.db") == ["RUNNING"] * 2
    said = run(study, *jobs)
    assert (said.code, said.err) == (0, ""), said
    assert "2 records that waited in their folders were sent to the store\n2 jobs: 2 finished before\n" in said.out
    assert statuses(study / "mlflow.db") == ["FINISHED"] * 2
    assert n_unended(study / "mlflow.db") == 0
    assert [*study.glob("multirun/*/.outbox")] == []


# ---- Ray's cluster


def descendants(pid: int, name: str) -> list[int]:
    """Give the numbers of the processes below another one whose command has something in it."""
    told = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    below, found = {pid}, []
    for line in sorted(told.splitlines()[1:], key=lambda line: int(line.split()[0])):
        child, parent, command = line.split(None, 2)
        if int(parent) in below:
            below.add(int(child))
            found += [int(child)] if name in command else []
    return found


@pytest.mark.parametrize(("programs", "number"), [(("gcs_server", "raylet/raylet"), signal.SIGTERM)])
def test_stopped_ray_cluster_is_started_again_once(programs, number, study):
    needs("ray")
    sweep = begin(study, "hydra/launcher=ray", *(word for word in LONG if "epochs" not in word), "trainer.epochs=400")
    try:
        wait_until(lambda: n_points(study / "mlflow.db") > 0, "the first points")
        for program in programs:
            for pid in descendants(sweep.pid, program):
                os.kill(pid, number)
        said = ended(sweep, 200)
    finally:
        kill(sweep)
    assert (said.code, said.err) == (0, ""), said
    assert "4 jobs: 4 finished" in said.out
    assert n_unended(study / "mlflow.db") == 0
    assert Counter(statuses(study / "mlflow.db"))["FINISHED"] == 4


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere", "127.0.0.1"])
def test_unresponsive_ray_cluster_is_refused(address, study):
    needs("ray")
    said = run(study, "hydra/launcher=ray", f"hydra.launcher.ray.init.address={address}", "data=iris", QUICK)
    assert said.code == 2
    assert said.err.startswith(f"nnsweep: error: hydra.launcher.ray.init.address={address}: ")
    assert len(said.err.splitlines()) == 1
    assert not (study / "multirun").exists()


# ---- submitit's time


def test_job_timed_out_by_submitit_says_so(study):
    needs("submitit_local")
    arguments = [word for word in LONG if "seed" not in word]
    said = run(study, "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=1", *arguments)
    assert (said.code, said.err) == (3, ""), said
    assert "submitit ended it for its time (timeout_min=1)" in " ".join(said.out.split())
    assert statuses(study / "mlflow.db") == ["FAILED"]
    assert n_unended(study / "mlflow.db") == 0
