"""A worker's part of a sweep: it trains a stack, tells how that goes, and hands back what came of it.

It runs in a process of its own, or in the sweep's where that is the only one. It opens no store and writes no run.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nnsweep import interruption
from nnsweep.sweep import work, workers
from nnsweep.sweep.job_run import Draw
from nnsweep.sweep.joblog import job_logs
from nnsweep.sweep.result import Attempt, JobStart
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import StackResult
from nnsweep.tracking.record import Point


class _Sayer:
    """Says to the recorder, wherever that is, what it is to know meanwhile: the name of its method, and what with."""

    def begin(self, starts: Sequence[JobStart]) -> None:
        workers.say(("begin", starts))

    def report(self, points: Sequence[tuple[Attempt, Sequence[Point]]]) -> None:
        workers.say(("report", points))


def train(data: Mapping[str, Path], draw: Draw | None, n_threads: int, tasks: Sequence[Task]) -> StackResult:
    """Train a stack.

    Parameters
    ----------
    data : mapping of str to Path
        Where data sets can be mapped, see `nnsweep.sweep.work.use_mapped`.
    draw : callable or None
        Draws the curves of each job, if it wants that.
    n_threads : int
        How many may share the work of a full batch.
    tasks : sequence of Task
        Of one stack.
    """
    work.use_mapped(data)
    with interruption.awaited():
        for task in tasks:
            task.make_folder()
        with job_logs([task.log_path for task in tasks if task.log_path]):
            return work.train_stack(
                [(task.job, task.place) for task in tasks],
                _Sayer(),
                draw if tasks[0].job.tracking.pictures else None,
                stopped=lambda: workers.stopped() or interruption.asked(),
                n_threads=n_threads,
            )
