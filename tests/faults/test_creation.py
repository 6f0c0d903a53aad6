"""A store is made once, whole, whoever is killed while making it and however many make it at once."""

import os
import time
from pathlib import Path

import pytest
from harness import oracle
from harness.campaigns import Campaign, Trial, campaign
from harness.faults import Fault
from harness.programs import orphans

COMMAND = ["-m", "data=iris", "arch=linear", "trainer.epochs=1", "tracking.pictures=false"]


def _creation(studies) -> int:
    """Count the boundaries of making a store."""
    folder = studies.new(ready=False)
    ended = studies.programs.run(folder, COMMAND, watched=True)
    assert ended.code == 0, ended.told()
    assert oracle.temporary_files(folder) == []
    linked = [int(number) for _, _, number, text in ended.boundaries if text.startswith("os.link")]
    return linked[0] + 6  # and what is tidied up


def _killed(studies, at: int) -> Trial:
    folder, trial = studies.new(ready=False), Trial(f"killed at {at}")
    studies.killed(folder, COMMAND, Fault(at=at), trial)
    return studies.again(folder, COMMAND, trial)


def _at_once(studies, n_processes: int) -> Trial:
    folder, trial = studies.new(ready=False), Trial(f"{n_processes} processes at once")
    barrier = folder.parent / f"{folder.name}.barrier"
    os.mkfifo(barrier)
    commands = [[*COMMAND, f"seed={seed}"] for seed in range(n_processes)]
    started = [studies.programs.start(folder, command, barrier=str(barrier)) for command in commands]
    _lift(barrier)
    for program in started:
        ended = program.wait(600)
        if ended.code:
            trial.problems.append(ended.told())
        trial.problems += orphans(ended.pid)
    found = oracle.table(folder)
    if len(found) != n_processes:
        trial.problems.append(f"{len(found)} of {n_processes} runs are there")
    trial.problems += oracle.left_running(folder) + oracle.unsound(folder)
    trial.problems += oracle.temporary_files(folder)
    return trial


def _lift(barrier: Path) -> None:
    """Let all go that wait; those that come later find a file that is empty."""
    time.sleep(1.0)
    os.close(os.open(barrier, os.O_WRONLY))
    barrier.unlink()


def _one_after_the_other(trial, arguments) -> Campaign:
    started = time.monotonic()
    return Campaign([trial(argument) for argument in arguments], time.monotonic() - started)


def test_store_killed_in_the_making_is_made_by_the_next_command(studies, held):
    held(campaign(lambda at: _killed(studies, at), range(3, _creation(studies), 290)))


def test_concurrent_creators_of_a_store_all_leave_their_runs(studies, held):
    held(_one_after_the_other(lambda number: _at_once(studies, number), [5]))


@pytest.mark.soak
def test_store_killed_anywhere_in_the_making_is_made_next_time(studies, held):
    held(campaign(lambda at: _killed(studies, at), range(1, _creation(studies), 9)))


@pytest.mark.soak
@pytest.mark.parametrize("ten", range(5))
def test_sixteen_processes_on_a_fresh_store_all_leave_their_runs(ten, studies, held):
    held(_one_after_the_other(lambda number: _at_once(studies, number), [16] * 10))
