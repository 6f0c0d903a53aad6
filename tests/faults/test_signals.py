"""A signal ends a program soon and in words; one that is stopped for a while loses nothing and nobody does its work."""

import random
import re
import signal
import time

import pytest
from harness import oracle
from harness.campaigns import Campaign, Trial
from harness.programs import Ended, Program, orphans

LONG = [
    "-m",
    "data=digits",
    "arch=shallow,wide",
    "trainer.epochs=60",
    "checkpoint_every=5",
    "tracking.pictures=false",
]
WORKERS = [*LONG, "sweep.workers=2"]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
ONCE, TWICE = 5.0, 1.0
"""Seconds that an end may take after the first signal, and after the second."""
NOISE = 2.0
"""Of a machine that others use, in seconds."""


def _begun(program: Program) -> None:
    """Wait until the sweep's plan is told, or the program has ended."""
    until = time.monotonic() + 60
    while "to train" not in program.said() and time.monotonic() < until:
        time.sleep(0.02)


def _check(ended: Ended, trial: Trial, number: int, taken: float, most: float) -> None:
    if ended.code not in (0, CODES[signal.Signals(number)]):
        trial.problems.append(f"no promised exit code: {ended.told()}")
    trial.problems += ended.tracebacks()
    if taken > most + NOISE:
        trial.problems.append(f"it took {taken:.1f} s to end: {ended.told()}")
    trial.problems += [f"orphan {process}" for process in orphans(ended.pid)]


def _signalled(studies, seed: int, command, number: int, *, times: int, group: bool) -> Trial:
    """Interrupt a sweep at a random moment, once or twice, and give the same command again."""
    chance, folder = random.Random(seed), studies.new()
    trial = Trial(f"{signal.Signals(number).name} {times} times, {'group' if group else 'alone'}, seed {seed}")
    program = studies.programs.start(folder, command)
    _begun(program)
    time.sleep(chance.uniform(0, 1.5))
    for count in range(times):
        if count:
            time.sleep(0.2)
        program.send(number, group=group)
        sent = time.monotonic()
    ended = program.wait()
    _check(ended, trial, number, time.monotonic() - sent, ONCE if times == 1 else TWICE)
    return studies.again(folder, command, trial)


def _parent_killed(studies, seed: int) -> Trial:
    folder, trial = studies.new(), Trial(f"parent of workers killed, seed {seed}")
    program = studies.programs.start(folder, WORKERS)
    _begun(program)
    time.sleep(random.Random(seed).uniform(0, 1.5))
    program.send(signal.SIGKILL)
    trial.problems += [f"orphan {process}" for process in orphans(program.wait().pid)]
    return studies.again(folder, WORKERS, trial)


def _stopped(studies, seed: int, seconds: float) -> Trial:
    """Stop a sweep for a while; meanwhile somebody gives the same command: it waits, and runs nothing twice."""
    folder, trial = studies.new(), Trial(f"stopped for {seconds} s, seed {seed}")
    program = studies.programs.start(folder, LONG)
    _begun(program)
    time.sleep(random.Random(seed).uniform(0, 0.3))
    program.send(signal.SIGSTOP, group=True)
    other = studies.programs.start(folder, LONG)
    time.sleep(seconds)
    until = time.monotonic() + 60  # on a busy machine it has only just begun
    while not (waits := re.search(r"held by process \d+|finished before", other.said())) and time.monotonic() < until:
        time.sleep(0.1)
    if not waits:
        trial.problems.append(f"the other does not wait: {other.said()}")
    program.send(signal.SIGCONT, group=True)
    for one in (program, other):
        ended = one.wait()
        if ended.code:
            trial.problems.append(ended.told())
    begun = [run for run in oracle.runs(folder) if run.key]
    if len(begun) != len(studies.undisturbed(LONG)[1]):
        trial.problems.append(f"{len(begun)} runs were begun")
    return studies.again(folder, LONG, trial)


def _all(trials) -> Campaign:
    """Make trials one after the other: their seconds count."""
    started = time.monotonic()
    return Campaign([trial() for trial in trials], time.monotonic() - started)


def _ways(studies, seeds):
    return [
        lambda number=number, times=times, group=group, command=command, seed=seed: _signalled(
            studies, seed, command, number, times=times, group=group
        )
        for seed in seeds
        for number in CODES
        for times in (1, 2)
        for group in (False, True)
        for command in (LONG, WORKERS)
    ]


def test_one_or_two_signals_end_a_sweep_soon_and_it_resumes(studies, held):
    held(_all(_ways(studies, [0])[::5]))


def test_nothing_outlives_a_parent_that_was_killed(studies, held):
    held(_all([lambda seed=seed: _parent_killed(studies, seed) for seed in range(1)]))


def test_briefly_paused_sweep_loses_and_repeats_nothing(studies, held):
    held(_all([lambda: _stopped(studies, 0, 3.0)]))


@pytest.mark.soak
def test_signals_at_random_moments_end_a_sweep_and_it_resumes(studies, held):
    held(_all(_ways(studies, range(1, 5))))


@pytest.mark.soak
def test_nothing_outlives_any_parent_that_was_killed(studies, held):
    held(_all([lambda seed=seed: _parent_killed(studies, seed) for seed in range(1, 21)]))


@pytest.mark.soak
def test_sweep_paused_for_a_minute_loses_and_repeats_nothing(studies, held):
    held(_all([lambda: _stopped(studies, 1, 60.0)]))
