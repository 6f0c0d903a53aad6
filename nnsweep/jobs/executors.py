"""Executors: what every one has in common, and the one that trains in processes of this machine.

An executor: whoever trains the jobs of a sweep, be it processes of this machine or a launcher of Hydra's.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from nnsweep.data import mapped
from nnsweep.jobs import process_pool, worker
from nnsweep.jobs.job import Job
from nnsweep.jobs.job_run import Draw
from nnsweep.jobs.machine import parse_size
from nnsweep.jobs.outcome import Outcome
from nnsweep.jobs.process_pool import Deaths
from nnsweep.jobs.result import Died, Event
from nnsweep.jobs.stacks import JobStack, choose_threads, make_stacks, predict_makespan
from nnsweep.jobs.task import Task
from nnsweep.jobs.worker import train_in_worker
from nnsweep.scratch import scratch_folder


class Executor(Protocol):
    """Trains the jobs of a sweep; it opens no store and writes no run."""

    def predict(self, tasks: Sequence[Task]) -> float:
        """Tell how many seconds jobs will take, about."""

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Event]:
        """Train jobs, and tell what happens to them as it happens.

        Parameters
        ----------
        tasks : sequence of Task
            What to train.
        stop : callable
            Asked after each event whether nothing more shall be begun.

        Yields
        ------
        Event
            Every job that is begun ends in `Ended` or `Died`, unless the user interrupts. Signals wait until the
            caller asks for the next event.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts; after all that had come to an end was told.
        """


LITTLE_EPOCHS = 500
"""Of all jobs together: with fewer, other processes cost more than they save."""


class ProcessExecutor:
    """Who does a sweep's work: this process alone, or workers that it starts in time.

    Workers import what they need while this process forms stacks.

    Parameters
    ----------
    tasks : sequence of Task
        All jobs of the sweep.
    draw : callable or None
        Draws the curves of a job; other processes can import it.
    """

    def __init__(self, tasks: Sequence[Task], draw: Draw | None = None) -> None:
        self._draw = draw
        jobs = [task.job for task in tasks]
        self._count_workers = functools.cache(lambda: process_pool.count_affordable(_wanted_workers(jobs)))
        self._count_cores = functools.cache(lambda: _usable_cores(jobs, self.n_workers))

    @property
    def n_workers(self) -> int:
        """How many processes train; one is this process itself."""
        return self._count_workers()

    @property
    def n_cores(self) -> int:
        """How many cores they may use together."""
        return self._count_cores()

    def plan(self, tasks: Sequence[Task]) -> list[JobStack]:
        """Form the stacks, the longest first; the data sets must have been loaded (`work.dataset`)."""
        max_bytes = parse_size(tasks[0].job.sweep.max_stack_memory)
        return make_stacks(
            [task.job for task in tasks], worker.load_dataset, n_workers=self.n_workers, max_bytes=max_bytes
        )

    def _n_threads(self, formed: Sequence[JobStack], tasks: Sequence[Task]) -> int:
        jobs, max_bytes = [task.job for task in tasks], parse_size(tasks[0].job.sweep.max_stack_memory)
        cores = {"n_workers": self.n_workers, "n_cores": self.n_cores}
        return choose_threads(formed, jobs, worker.load_dataset, max_bytes=max_bytes, **cores)

    def predict(self, tasks: Sequence[Task]) -> float:
        """Tell how many seconds the tasks will take, about."""
        return predict_makespan(self.plan(tasks), self.n_workers)

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Train all tasks, stack by stack; see `nnsweep.jobs.executors.Executor`.

        A stack whose worker died is halved and run again, until the job that it died of is alone: that one has died,
        if it has cost a worker twice.
        """
        if self.n_workers > 1:
            process_pool.warm_up(["nnsweep.jobs.worker"])
        formed, deaths = self.plan(tasks), Deaths()
        pieces = [[*stack.numbers] for stack in formed]
        with scratch_folder() as folder:
            data = _mapped(tasks, folder) if self.n_workers > 1 else {}
            work = functools.partial(train_in_worker, data, self._draw, self._n_threads(formed, tasks))
            while pieces and not stop():
                given = [[tasks[number] for number in numbers] for numbers in pieces]
                again: list[list[int]] = []
                for place, told in process_pool.run_pieces(work, given, self.n_workers, stop=stop):
                    if not isinstance(told, BaseException):
                        yield told
                    elif isinstance(told, process_pool.WorkerDied) and (parts := deaths.of(pieces[place])):
                        again += parts
                    else:
                        yield Died([task.attempt for task in given[place]], told)
                pieces = again


def _wanted_workers(jobs: Sequence[Job]) -> int:
    """Count the workers that some jobs are worth; to count cores takes a while, and little work needs none counted."""
    much = sum(job.trainer.settings()["epochs"] for job in jobs) > LITTLE_EPOCHS
    return min(len(jobs), jobs[0].sweep.workers or (process_pool.physical_cores() if much else 1))


def _usable_cores(jobs: Sequence[Job], n_workers: int) -> int:
    """Count the cores that workers may use; where few processes are allowed, so are few threads: there each has one."""
    cores = process_pool.physical_cores()
    return min(cores, jobs[0].sweep.workers or cores) if n_workers == _wanted_workers(jobs) else 1


def _mapped(tasks: Sequence[Task], folder: Path) -> dict[str, Path]:
    """Leave every data set where workers can map it: those that are in the cache are there already."""
    folders = {}
    for number, data in enumerate(dict.fromkeys(task.job.data for task in tasks)):
        loaded = worker.load_dataset(data)
        folders[data.model_dump_json()] = loaded.folder or folder / str(number)
        if loaded.folder is None:
            mapped.write_mapped(loaded, folder / str(number))
    return folders


def make_job_return(task: Task, outcome: Outcome) -> JobReturn:
    """Give what Hydra's own launchers return of a job, its overrides and configurations included."""
    failed = isinstance(outcome, BaseException)
    told = JobReturn(working_dir=_working_folder(), task_name=task.log.removesuffix(".log"))
    told.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
    told.return_value = outcome
    told.overrides = [*task.configuration["hydra"]["overrides"]["task"]]
    told.cfg = DictConfig({key: value for key, value in task.configuration.items() if key != "hydra"})
    told.hydra_cfg = DictConfig({"hydra": task.configuration["hydra"]})
    return told


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # somebody has removed it
        return None
