"""A process that is killed at any touch of the disk costs nothing that had finished, and no other job."""

import random
from typing import Any

import pytest
from harness.campaigns import QUICK, Trial, campaign
from harness.faults import Fault

WORKERS = [*QUICK, "sweep.workers=2"]
EVERY = 10
"""Every how many-th boundary is tried in CI; `-m soak` tries them all."""


def _parent_killed(studies, at: int) -> Trial:
    trial, folder = Trial(f"program killed at {at}"), studies.new()
    ended = studies.killed(folder, QUICK, Fault(at=at), trial)
    if ended.code != -9:
        trial.problems.append(f"it was not killed: {ended.told()}")
    return studies.again(folder, QUICK, trial)


def _worker_killed(studies, point: tuple[str, int]) -> Trial:
    role, at = point
    trial, folder = Trial(f"{role} killed at {at}"), studies.new()
    ended = studies.killed(folder, WORKERS, Fault(role=role, at=at), trial)
    if ended.code not in (0, 2, 3, 5):
        trial.problems.append(f"no promised exit code: {ended.told()}")
    return studies.again(folder, WORKERS, trial)


def _parent_of_workers_killed(studies, at: int) -> Trial:
    trial, folder = Trial(f"program with workers killed at {at}"), studies.new()
    studies.killed(folder, WORKERS, Fault(at=at), trial)
    return studies.again(folder, WORKERS, trial)


def _killed_again_and_again(studies, seed: int) -> Trial:
    chance, trial, folder = random.Random(seed), Trial(f"killed twice or more, seed {seed}"), studies.new()
    most = studies.undisturbed(QUICK)[0].counts()["program"]
    for _ in range(chance.randint(2, 4)):
        studies.killed(folder, QUICK, Fault(at=chance.randint(1, most)), trial)
    return studies.again(folder, QUICK, trial)


def _killed_at_random(studies, seed: int) -> Trial:
    chance, trial, folder = random.Random(seed), Trial(f"random, seed {seed}"), studies.new()
    counts = studies.undisturbed(WORKERS)[0].counts()
    for _ in range(chance.randint(1, 3)):
        role = chance.choice(sorted(counts))
        studies.killed(folder, WORKERS, Fault(role=role, at=chance.randint(1, counts[role])), trial)
    return studies.again(folder, WORKERS, trial)


def _program_points(studies) -> list[int]:
    return [*range(1, studies.undisturbed(QUICK)[0].counts()["program"] + 1)]


def _worker_points(studies) -> list[Any]:
    counts = studies.undisturbed(WORKERS)[0].counts()
    return [(role, at) for role in sorted(counts) if role != "program" for at in range(1, counts[role] + 1)]


def test_program_killed_at_every_tenth_boundary_resumes(studies, held):
    held(campaign(lambda at: _parent_killed(studies, at), _program_points(studies)[::EVERY]))


def test_a_worker_killed_at_a_boundary_costs_no_job(studies, held):
    held(campaign(lambda point: _worker_killed(studies, point), _worker_points(studies)[:: 3 * EVERY]))


def test_sweep_killed_while_resuming_resumes_again(studies, held):
    held(campaign(lambda seed: _killed_again_and_again(studies, seed), range(3)))


@pytest.mark.soak
def test_program_killed_at_any_boundary_resumes(studies, held):
    held(campaign(lambda at: _parent_killed(studies, at), _program_points(studies)))


@pytest.mark.soak
def test_a_worker_killed_at_any_boundary_costs_no_job(studies, held):
    held(campaign(lambda point: _worker_killed(studies, point), _worker_points(studies)))


@pytest.mark.soak
def test_program_with_workers_killed_anywhere_leaves_no_orphan(studies, held):
    most = studies.undisturbed(WORKERS)[0].counts()["program"]
    held(campaign(lambda at: _parent_of_workers_killed(studies, at), range(1, most + 1)))


@pytest.mark.soak
def test_repeated_random_kills_do_not_change_the_outcome(studies, held):
    held(campaign(lambda seed: _killed_again_and_again(studies, seed), range(150)))


@pytest.mark.soak
def test_random_kills_of_program_and_workers_change_no_outcome(studies, held):
    held(campaign(lambda seed: _killed_at_random(studies, seed), range(150)))
