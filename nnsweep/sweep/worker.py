"""A worker's part of a sweep: it trains a stack, and hands back what happens and what comes of it.

It runs in a process of its own, or in the sweep's where that is the only one. It opens no store and writes no run.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nnsweep import interruption
from nnsweep.sweep import work, workers
from nnsweep.sweep.events import Event
from nnsweep.sweep.job_run import Draw
from nnsweep.sweep.joblog import job_logs
from nnsweep.sweep.task import Task


def train(data: Mapping[str, Path], draw: Draw | None, n_threads: int, tasks: Sequence[Task]) -> Iterator[Event]:
    """Train a stack; see `nnsweep.sweep.work.train_stack`.

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
            yield from work.train_stack(
                [(task.job, task.place) for task in tasks],
                draw if tasks[0].job.tracking.pictures else None,
                stopped=lambda: workers.stopped() or interruption.asked(),
                n_threads=n_threads,
            )
