"""Stacks: which jobs are trained together, and which stack comes first.

Jobs that share data, layer sizes, activation and the way of training form one stack; they may differ in seed,
learning rate, schedule, initializer and the other constants of their update rule.
"""

import heapq
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nnsweep.jobs.job import Job
from nnsweep.jobs.settings import Part
from nnsweep.mlp.profile import Footprint, footprint
from nnsweep.mlp.train import Splits

RECORD_SECONDS = 0.04
"""What it takes to record one run."""
CACHE_BYTES = 2**24
"""Of a stack that a processor's last cache holds with others: larger ones train no quicker, but slower."""
FEWEST = 8
"""Networks that are worth training together whatever they take."""


@dataclass(frozen=True)
class JobStack:
    """Jobs that are trained together.

    Attributes
    ----------
    numbers : tuple of int
        The jobs, by their place in the list that was given.
    seconds : float
        How long training and recording them will take, as predicted.
    """

    numbers: tuple[int, ...]
    seconds: float


def find_common_part(job: Job) -> Hashable:
    """Give what the jobs of a stack have in common."""
    return job.data, *job.kind(), job.tracking


def make_stacks(
    jobs: Sequence[Job], splits: Callable[[Part], Splits], *, n_workers: int, max_bytes: int
) -> list[JobStack]:
    """Form the stacks of some jobs.

    Parameters
    ----------
    jobs : sequence of Job
        All that are to be trained.
    splits : callable
        Gives a data set by its part of the configuration.
    n_workers : int
        How many stacks can be trained at once: a stack is parted if others would wait for it.
    max_bytes : int
        How much memory a stack may take; a network that takes more by itself is trained alone.

    Returns
    -------
    list of Stack
        The longest first; every job is in exactly one.
    """
    groups: dict[Hashable, list[int]] = {}
    for number, job in enumerate(jobs):
        groups.setdefault(find_common_part(job), []).append(number)
    needs = {kind: _needs(jobs[numbers[0]], splits) for kind, numbers in groups.items()}
    total = sum(_seconds(needs[kind], len(numbers)) for kind, numbers in groups.items())
    formed: list[JobStack] = []
    for kind, numbers in groups.items():
        need = needs[kind]
        fitting = max(1, min(count_in_cache(need), (max_bytes - need.bytes_for_all) // need.bytes_a_network))
        by_memory = -(-len(numbers) // fitting)
        by_time = math.ceil(_seconds(need, len(numbers)) * n_workers / total - 1e-9)  # at least one for every worker
        n_parts = min(len(numbers), max(by_memory, by_time))
        formed += [JobStack(part, _seconds(need, len(part))) for part in _parted(numbers, n_parts)]
    return sorted(formed, key=lambda stack: -stack.seconds)


def choose_threads(
    formed: Sequence[JobStack],
    jobs: Sequence[Job],
    splits: Callable[[Part], Splits],
    *,
    n_workers: int,
    n_cores: int,
    max_bytes: int,
) -> int:
    """Say how many threads may share each stack's full batch: more than one where cores would have no stack.

    Parameters
    ----------
    formed : sequence of Stack
        All that are to be trained.
    jobs, splits, n_workers, max_bytes : sequence of Job, callable, int, int
        As for `make_stacks`; threads need memory of their own.
    n_cores : int
        How many cores may be used.
    """
    n_sharing = max(1, n_cores // min(len(formed), n_workers))
    for stack in formed:
        first = jobs[stack.numbers[0]]
        while n_sharing > 1 and _needs(first, splits, n_sharing).n_bytes(len(stack.numbers)) > max_bytes:
            n_sharing -= 1
    return n_sharing


def predict_memory(job: Job, splits: Callable[[Part], Splits]) -> int:
    """Predict how many bytes a job takes that is trained alone."""
    need = _needs(job, splits)
    return need.n_bytes(1)


def predict_makespan(formed: Sequence[JobStack], n_workers: int) -> float:
    """Predict how many seconds some stacks take, each given to the first worker that is free.

    Examples
    --------
    >>> predict_makespan([JobStack((0,), 3.0), JobStack((1,), 2.0), JobStack((2,), 2.0)], n_workers=2)
    4.0
    """
    ends = [0.0] * n_workers
    for stack in formed:
        heapq.heapreplace(ends, ends[0] + stack.seconds)
    return max(ends)


def count_in_cache(need: Footprint) -> int:
    """Say how many networks train no slower together for their memory."""
    return max(FEWEST, CACHE_BYTES // need.bytes_a_network)


def _needs(job: Job, splits: Callable[[Part], Splits], n_threads: int = 1) -> Footprint:
    return footprint(splits(job.data), job.network(), job.training(), n_threads)


def _seconds(need: Footprint, n_jobs: int) -> float:
    return need.seconds(n_jobs) + n_jobs * RECORD_SECONDS


def _parted(numbers: Sequence[int], n_parts: int) -> list[tuple[int, ...]]:
    """Part into tuples of nearly equal length, in order."""
    ends = [round(part * len(numbers) / n_parts) for part in range(n_parts + 1)]
    return [tuple(numbers[start:end]) for start, end in pairwise(ends)]
