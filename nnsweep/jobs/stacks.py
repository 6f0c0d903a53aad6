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
from nnsweep.jobs.schema import Part
from nnsweep.mlp.profile import Footprint, footprint
from nnsweep.mlp.train import Splits

RESULT_SECONDS = 0.002
"""How long it takes a worker to make one result of a trained network."""
CACHE_BYTES = 2**24
"""Bytes of a stack that a processor's last cache holds beside others: larger stacks train more slowly."""
FEWEST = 8
"""Networks that are worth training together, however much memory they take."""


@dataclass(frozen=True)
class JobStack:
    """Jobs that are trained together.

    Attributes
    ----------
    numbers : tuple of int
        The jobs, by their place in the list that was given.
    seconds : float
        How long training them takes on an idle machine, as predicted.
    """

    numbers: tuple[int, ...]
    seconds: float


def find_common_part(job: Job) -> Hashable:
    """Give what all jobs of a stack must have in common."""
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
        How many stacks can be trained at once: a stack is split if workers would be idle.
    max_bytes : int
        How much memory a stack may take; a network that takes more by itself is trained alone.

    Returns
    -------
    list of JobStack
        The longest first; every job is in exactly one.
    """
    groups: dict[Hashable, list[int]] = {}
    for number, job in enumerate(jobs):
        groups.setdefault(find_common_part(job), []).append(number)
    needs = {kind: _measure(jobs[numbers[0]], splits) for kind, numbers in groups.items()}
    total = sum(_predict_seconds(needs[kind], len(numbers)) for kind, numbers in groups.items())
    stacks: list[JobStack] = []
    for kind, numbers in groups.items():
        need = needs[kind]
        fitting = max(1, min(count_in_cache(need), (max_bytes - need.bytes_for_all) // need.bytes_a_network))
        by_memory = -(-len(numbers) // fitting)
        share = _predict_seconds(need, len(numbers)) / total
        by_time = math.ceil(share * n_workers - 1e-9)  # at least one for every worker, but for rounding
        n_parts = min(len(numbers), max(by_memory, by_time))
        ends = [round(part * len(numbers) / n_parts) for part in range(n_parts + 1)]
        parts = [tuple(numbers[start:end]) for start, end in pairwise(ends)]
        stacks += [JobStack(part, _predict_seconds(need, len(part))) for part in parts]
    return sorted(stacks, key=lambda stack: -stack.seconds)


def choose_threads(
    stacks: Sequence[JobStack],
    jobs: Sequence[Job],
    splits: Callable[[Part], Splits],
    *,
    n_workers: int,
    n_cores: int,
    max_bytes: int,
) -> int:
    """Choose how many threads share each stack's full batch: more than one where cores would have no stack.

    Parameters
    ----------
    stacks : sequence of JobStack
        All that are to be trained.
    jobs, splits, n_workers, max_bytes : sequence of Job, callable, int, int
        As for `make_stacks`; threads need memory of their own.
    n_cores : int
        How many cores may be used.
    """
    n_sharing = max(1, n_cores // min(len(stacks), n_workers))
    for stack in stacks:
        first = jobs[stack.numbers[0]]
        while n_sharing > 1 and _measure(first, splits, n_sharing).n_bytes(len(stack.numbers)) > max_bytes:
            n_sharing -= 1
    return n_sharing


def predict_memory(job: Job, splits: Callable[[Part], Splits]) -> int:
    """Predict how many bytes a job takes when it is trained alone."""
    return _measure(job, splits).n_bytes(1)


def predict_makespan(stacks: Sequence[JobStack], n_workers: int) -> float:
    """Predict how many seconds some stacks take, each given to the first worker that is free.

    Examples
    --------
    >>> predict_makespan([JobStack((0,), 3.0), JobStack((1,), 2.0), JobStack((2,), 2.0)], n_workers=2)
    4.0
    """
    ends = [0.0] * n_workers
    for stack in stacks:
        heapq.heapreplace(ends, ends[0] + stack.seconds)
    return max(ends)


def count_in_cache(need: Footprint) -> int:
    """Count the networks that fit into a processor's cache, so that training them together is no slower."""
    return max(FEWEST, CACHE_BYTES // need.bytes_a_network)


def _measure(job: Job, splits: Callable[[Part], Splits], n_threads: int = 1) -> Footprint:
    return footprint(splits(job.data), job.network(), job.training(), n_threads)


def _predict_seconds(need: Footprint, n_jobs: int) -> float:
    return need.seconds(n_jobs) + n_jobs * RESULT_SECONDS
