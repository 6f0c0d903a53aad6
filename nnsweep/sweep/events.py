"""Events: what happens to the jobs of a sweep, in the order in which whoever trains them tells it.

A job begins, its network is measured now and then, and it ends with a result; or whoever was to train it dies.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from nnsweep.sweep.result import Attempt, JobResult, JobStart
from nnsweep.tracking.record import Point


class Started(NamedTuple):
    """Some jobs are about to be trained."""

    starts: Sequence[JobStart]


class Measured(NamedTuple):
    """Networks have been measured while they train."""

    points: Sequence[tuple[Attempt, Sequence[Point]]]


class Ended(NamedTuple):
    """Some jobs have come to an end, as one stack or one by one."""

    results: Sequence[JobResult]


class Died(NamedTuple):
    """No result will come of some jobs, and why."""

    attempts: Sequence[Attempt]
    error: BaseException


Event: TypeAlias = Started | Measured | Ended | Died
