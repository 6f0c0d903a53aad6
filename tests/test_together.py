"""Several programs on one store: two sweeps, one command several times, a killed neighbour; a store that goes away."""

import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from tests.outside import (
    QUICK,
    Said,
    begin_eager,
    ended,
    fork_eager,
    kill,
    n_points,
    n_unended,
    rows,
    run_forked,
    statuses,
    table,
    wait_until,
)

JOBS = ("data=digits", "arch=wide", "trainer.epochs=200", "sweep.workers=1", QUICK)
"""A second of training for each seed; every point of its curves is kept."""


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> dict:
    """Give the table of six seeds that nothing happens to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_forked(folder, *JOBS, "seed=range(0,6)").code == 0
    return table(folder / "mlflow.db")


def in_the_middle(folder: Path) -> None:
    wait_until(lambda: n_points(folder / "mlflow.db") > 0, "the first points")


def is_sound(folder: Path) -> bool:
    database = folder / "mlflow.db"
    return rows(database, "PRAGMA integrity_check") == [("ok",)] and n_unended(database) == 0


def results(said: str) -> list[list[str]]:
    """Give the names of a printed table, with their accuracies."""
    lines = sorted(line for line in said.splitlines() if line.startswith("256-relu"))
    return [[line.split()[0], *re.findall(r"\b[01]\.\d{4}\b", line)] for line in lines]


def test_two_sweeps_at_once_on_one_store_both_finish(study, expected):
    both = [fork_eager(study, *JOBS, f"seed={seeds}") for seeds in ("range(0,3)", "range(3,6)")]
    assert [ended(one).code for one in both] == [0, 0]
    assert table(study / "mlflow.db") == expected
    assert statuses(study / "mlflow.db") == ["FINISHED"] * 6
    assert is_sound(study)


@pytest.mark.parametrize("n_starts", [4, pytest.param(8, marks=pytest.mark.soak)])
def test_same_command_started_many_times_runs_each_job_once(tmp_path, expected, n_starts):
    several = [
        fork_eager(tmp_path, *JOBS, "seed=range(0,6)", COLUMNS="200") for _ in range(n_starts)
    ]  # there is no store yet
    said = [ended(one) for one in several]
    assert [(one.code, one.err) for one in said] == [(0, "")] * n_starts
    assert len(results(said[0].out)) == 6
    assert all(results(one.out) == results(said[0].out) for one in said)
    assert table(tmp_path / "mlflow.db") == expected
    assert statuses(tmp_path / "mlflow.db") == ["FINISHED"] * 6
    assert is_sound(tmp_path)


@contextmanager
def stopped(sweep: Popen[str], database: Path) -> Iterator[None]:
    """Stop a process where it keeps nobody from writing to a store, as it would for as long as it stood; then kill it.

    A process that was stopped within a transaction holds SQLite's lock, and who comes then is refused.
    """

    def stands_outside() -> bool:
        os.killpg(sweep.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, sweep.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        try:
            with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            os.killpg(sweep.pid, signal.SIGCONT)
            return False
        return True

    try:
        wait_until(stands_outside, "a stop outside of all transactions")
        yield
    finally:
        kill(sweep)


def test_a_sweep_takes_over_the_jobs_of_a_killed_neighbour(study, expected):
    victim = begin_eager(study, *JOBS, "seed=range(0,3)")
    in_the_middle(study)
    with stopped(victim, study / "mlflow.db"):
        survivor = fork_eager(study, *JOBS, "seed=range(0,6)")
        wait_until(lambda: len(list(study.glob("multirun/*/sweep.json"))) == 2, "the survivor's plan")
    said = ended(survivor)
    assert said.code == 0
    assert re.search(r"3 new, [123] run by somebody else, to wait for", said.out)
    assert "6 jobs: 6 finished" in said.out
    assert table(study / "mlflow.db") == expected
    assert is_sound(study)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Keep everybody else from writing to a store."""
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("seconds", [5, pytest.param(30, marks=pytest.mark.soak)])
def test_a_locked_store_gets_every_row_in_the_end(study, expected, seconds):
    sweep = fork_eager(study, *JOBS, "seed=range(0,6)", "tracking.patience=60")
    in_the_middle(study)
    with locked(study / "mlflow.db"):
        time.sleep(seconds)
    assert ended(sweep).code == 0
    assert table(study / "mlflow.db") == expected
    assert statuses(study / "mlflow.db") == ["FINISHED"] * 6
    assert is_sound(study)


@pytest.mark.soak
def test_training_goes_on_while_a_store_is_locked(study):
    sweep = fork_eager(study, *JOBS, "seed=range(0,6)", "tracking.patience=1")
    in_the_middle(study)
    with locked(study / "mlflow.db"):
        wait_until(lambda: len(list(study.glob("multirun/*/*/record.json"))) == 6, "the end of training", 90)
    assert ended(sweep).code in (0, 5)
    assert run_forked(study, "sync").code == 0
    assert statuses(study / "mlflow.db") == ["FINISHED"] * 6


@pytest.fixture(scope="module")
def vanished(tmp_path_factory) -> tuple[Path, Said]:
    """Sweep into a store that is deleted in the middle."""
    folder = tmp_path_factory.mktemp("vanished")
    sweep = fork_eager(folder, *JOBS, "seed=range(0,6)", "tracking.patience=1")
    in_the_middle(folder)
    for path in folder.glob("mlflow.db*"):
        path.unlink()
    return folder, ended(sweep)


def test_a_store_that_is_deleted_in_mid_sweep_is_told_at_its_end(vanished):
    _, said = vanished
    assert said.code == 5
    assert "nnsweep sync" in said.err


def test_a_store_that_is_deleted_in_mid_sweep_costs_no_result(vanished, expected):
    folder, _ = vanished
    for told in ("6 records sent, 0 were", "0 records sent, 6 were"):
        assert told in run_forked(folder, "sync", "multirun", "--uri", "sqlite:///new.db").out
        assert table(folder / "new.db") == expected
        assert n_unended(folder / "new.db") == 0
