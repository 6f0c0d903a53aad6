"""The executor of this machine: jobs become stacks, stacks go to processes, and what comes of them is recorded.

With little to do, or one process allowed, the sweep's own process does all the work.
"""

import functools
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from nnsweep.data import mapped
from nnsweep.interruption import postponed
from nnsweep.scratch import scratch_folder
from nnsweep.sweep import work, workers
from nnsweep.sweep.deaths import Deaths
from nnsweep.sweep.job import Job
from nnsweep.sweep.job_run import Draw
from nnsweep.sweep.joblog import job_logs
from nnsweep.sweep.memory import size_in_bytes
from nnsweep.sweep.outcomes import Outcome, has_failed
from nnsweep.sweep.recorder import Recorder
from nnsweep.sweep.stacks import Stack, makespan, n_threads, stacks
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import StackResult
from nnsweep.sweep.worker import train

LITTLE_EPOCHS = 500
"""Of all jobs together: with fewer, other processes cost more than they save."""


class ProcessExecutor:
    """Who does a sweep's work: this process alone, or workers that it starts in time.

    Workers import what they need while this process forms stacks.

    Parameters
    ----------
    draw : callable or None
        Draws the curves of a job; other processes can import it.
    """

    records_elsewhere = False

    def __init__(self, draw: Draw | None = None) -> None:
        self._draw = draw
        self._count_workers: Callable[[], int] = lambda: 1
        self._count_cores: Callable[[], int] = lambda: 1

    def begin(self, tasks: Sequence[Task]) -> None:
        """Note the jobs; workers are counted when they are asked for, and started when there is something to train."""
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

    def end(self) -> None:
        """Nothing is left: workers end with the launch that they were started for."""

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

    def launch(self, tasks: Sequence[Task], recorder: Recorder) -> dict[int, Outcome]:
        """Train all tasks, stack by stack, and let what comes of them be recorded as it comes.

        A stack whose worker died is halved and run again, until the job that it died of is alone: that one has failed,
        if it has cost a worker twice.
        With `fail_fast`, the jobs that were not done when the first one failed are not in what is given.

        Returns
        -------
        dict
            What became of each job, by its place among the tasks.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts; what had come to an end is recorded.
        """
        if self.n_workers > 1:
            workers.warm_up(["nnsweep.sweep.worker"])
        launch = _Launch(tasks, recorder)
        formed = self.plan(tasks)
        pieces = [[*stack.numbers] for stack in formed]
        with scratch_folder() as folder:
            data = _mapped(tasks, folder) if self.n_workers > 1 else {}
            work = functools.partial(train, data, self._draw, self._n_threads(formed, tasks))
            while pieces and not launch.is_broken_off:
                pieces = launch.run(pieces, work, self.n_workers)
        return launch.outcomes


def _wanted_workers(jobs: Sequence[Job]) -> int:
    """Count the workers that some jobs are worth; to count cores takes a while, and little work needs none counted."""
    much = sum(job.trainer.settings()["epochs"] for job in jobs) > LITTLE_EPOCHS
    return min(len(jobs), jobs[0].sweep.workers or (workers.physical_cores() if much else 1))


def _usable_cores(jobs: Sequence[Job], n_workers: int) -> int:
    """Count the cores that workers may use; where few processes are allowed, so are few threads: there each has one."""
    cores = workers.physical_cores()
    return min(cores, jobs[0].sweep.workers or cores) if n_workers == _wanted_workers(jobs) else 1


class _Launch:
    """The jobs of one launch, and what has become of them so far."""

    def __init__(self, tasks: Sequence[Task], recorder: Recorder) -> None:
        self._tasks, self._recorder = tasks, recorder
        self._deaths = Deaths()
        self.outcomes: dict[int, Outcome] = {}

    @property
    def is_broken_off(self) -> bool:
        """Whether a job has failed, and the others shall not be begun then."""
        return self._tasks[0].job.fail_fast and any(map(has_failed, self.outcomes.values()))

    def run(self, pieces: Sequence[list[int]], work: Callable[[Any], Any], n_workers: int) -> list[list[int]]:
        """Run stacks, each given by the numbers of its tasks; give what shall be run again of dead workers."""
        again: list[list[int]] = []
        given = [[self._tasks[number] for number in numbers] for numbers in pieces]

        def take(place: int, answer: Any) -> None:
            again.extend(self._take(pieces[place], answer))

        with closing(workers.done(work, given, n_workers, hear=self._hear, take_late=take)) as answers:
            for place, answer in answers:
                take(place, answer)
                if self.is_broken_off:
                    return []
        return again

    def _hear(self, said: tuple[str, Any]) -> None:
        """Let the recorder know what a worker says; see `nnsweep.sweep.worker`."""
        what, content = said
        with postponed():
            getattr(self._recorder, what)(content)

    def _take(self, numbers: Sequence[int], answer: Any) -> list[list[int]]:
        """Record what a stack came to; give what shall be run again of one whose worker died."""
        if isinstance(answer, StackResult):
            with job_logs([path for number in numbers if (path := self._tasks[number].log_path)]):
                records = self._recorder.record(answer.results)
            self.outcomes |= zip(numbers, records, strict=True)
            if answer.interrupted:
                raise KeyboardInterrupt
            return []
        if isinstance(answer, workers.WorkerDied) and (again := self._deaths.of(numbers)):
            return again
        self.outcomes |= dict.fromkeys(numbers, answer)
        return []


def _mapped(tasks: Sequence[Task], folder: Path) -> dict[str, Path]:
    """Leave every data set where workers can map it: those that are in the cache are there already."""
    folders = {}
    for number, data in enumerate(dict.fromkeys(task.job.data for task in tasks)):
        loaded = work.dataset(data)
        folders[data.model_dump_json()] = loaded.folder or folder / str(number)
        if loaded.folder is None:
            mapped.write(loaded, folder / str(number))
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
