"""The executor of this machine: jobs become stacks, and stacks go to processes.

With little to do, or one process allowed, the sweep's own process does all the work.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from nnsweep.data import mapped
from nnsweep.scratch import scratch_folder
from nnsweep.sweep import work, workers
from nnsweep.sweep.deaths import Deaths
from nnsweep.sweep.events import Died, Event
from nnsweep.sweep.job import Job
from nnsweep.sweep.job_run import Draw
from nnsweep.sweep.memory import size_in_bytes
from nnsweep.sweep.outcomes import Outcome
from nnsweep.sweep.stacks import Stack, makespan, n_threads, stacks
from nnsweep.sweep.task import Task
from nnsweep.sweep.worker import train

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
        self._count_workers = functools.cache(lambda: workers.affordable(_wanted_workers(jobs)))
        self._count_cores = functools.cache(lambda: _usable_cores(jobs, self.n_workers))

    @property
    def n_workers(self) -> int:
        """How many processes train; one is this process itself."""
        return self._count_workers()

    @property
    def n_cores(self) -> int:
        """How many cores they may use together."""
        return self._count_cores()

    def plan(self, tasks: Sequence[Task]) -> list[Stack]:
        """Form the stacks, the longest first; the data sets must have been loaded (`work.dataset`)."""
        max_bytes = size_in_bytes(tasks[0].job.sweep.max_stack_memory)
        return stacks([task.job for task in tasks], work.dataset, n_workers=self.n_workers, max_bytes=max_bytes)

    def _n_threads(self, formed: Sequence[Stack], tasks: Sequence[Task]) -> int:
        jobs, max_bytes = [task.job for task in tasks], size_in_bytes(tasks[0].job.sweep.max_stack_memory)
        cores = {"n_workers": self.n_workers, "n_cores": self.n_cores}
        return n_threads(formed, jobs, work.dataset, max_bytes=max_bytes, **cores)

    def predict(self, tasks: Sequence[Task]) -> float:
        """Tell how many seconds the tasks will take, about."""
        return makespan(self.plan(tasks), self.n_workers)

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Train all tasks, stack by stack; see `nnsweep.sweep.executor.Executor`.

        A stack whose worker died is halved and run again, until the job that it died of is alone: that one has died,
        if it has cost a worker twice.
        """
        if self.n_workers > 1:
            workers.warm_up(["nnsweep.sweep.worker"])
        formed, deaths = self.plan(tasks), Deaths()
        pieces = [[*stack.numbers] for stack in formed]
        with scratch_folder() as folder:
            data = _mapped(tasks, folder) if self.n_workers > 1 else {}
            work = functools.partial(train, data, self._draw, self._n_threads(formed, tasks))
            while pieces and not stop():
                given = [[tasks[number] for number in numbers] for numbers in pieces]
                again: list[list[int]] = []
                for place, told in workers.done(work, given, self.n_workers, stop=stop):
                    if not isinstance(told, BaseException):
                        yield told
                    elif isinstance(told, workers.WorkerDied) and (parts := deaths.of(pieces[place])):
                        again += parts
                    else:
                        yield Died([task.attempt for task in given[place]], told)
                pieces = again


def _wanted_workers(jobs: Sequence[Job]) -> int:
    """Count the workers that some jobs are worth; to count cores takes a while, and little work needs none counted."""
    much = sum(job.trainer.settings()["epochs"] for job in jobs) > LITTLE_EPOCHS
    return min(len(jobs), jobs[0].sweep.workers or (workers.physical_cores() if much else 1))


def _usable_cores(jobs: Sequence[Job], n_workers: int) -> int:
    """Count the cores that workers may use; where few processes are allowed, so are few threads: there each has one."""
    cores = workers.physical_cores()
    return min(cores, jobs[0].sweep.workers or cores) if n_workers == _wanted_workers(jobs) else 1


def _mapped(tasks: Sequence[Task], folder: Path) -> dict[str, Path]:
    """Leave every data set where workers can map it: those that are in the cache are there already."""
    folders = {}
    for number, data in enumerate(dict.fromkeys(task.job.data for task in tasks)):
        loaded = work.dataset(data)
        folders[data.model_dump_json()] = loaded.folder or folder / str(number)
        if loaded.folder is None:
            mapped.write_mapped(loaded, folder / str(number))
    return folders


def returned(task: Task, outcome: Outcome) -> JobReturn:
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
