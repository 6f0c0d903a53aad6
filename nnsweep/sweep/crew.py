"""A crew does the jobs of a sweep: they become stacks, stacks go to workers, and every job's return value comes back.

Hydra's other launchers are crews too, whose ways are their own.
"""

import functools
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from nnsweep.data import mapped
from nnsweep.errors import StoreError
from nnsweep.scratch import scratch_folder
from nnsweep.sweep import work, workers
from nnsweep.sweep.memory import size_in_bytes
from nnsweep.sweep.stacks import Stack, makespan, stacks
from nnsweep.sweep.task import Task
from nnsweep.tracking.store import needs_mlflow, resolved_uri

LITTLE_EPOCHS = 500
"""Of all jobs together: with fewer, other processes cost more than they save."""

RunStack = Callable[[Sequence[Task]], Sequence[Any]]
"""Runs tasks as one stack and gives what each returned, or the exception that ended it."""


class Crew:
    """Who does a sweep's work: this process alone, or workers that it starts in time.

    Workers import what they need while this process loads data; what needs the same imports is then left to them.

    Parameters
    ----------
    run : callable
        Runs one stack; a function that other processes can import.
    """

    def __init__(self, run: RunStack) -> None:
        self._run = run
        self.n_workers = 1

    def begin(self, tasks: Sequence[Task]) -> None:
        """Decide how many there are, and let them start."""
        sweep, cores = tasks[0].job.sweep, workers.physical_cores()
        much = sum(task.job.trainer.settings()["epochs"] for task in tasks) > LITTLE_EPOCHS
        self.n_workers = workers.affordable(min(len(tasks), sweep.workers or (cores if much else 1)))
        if self.n_workers > 1:
            uri = resolved_uri(tasks[0].job.tracking.uri, Path.cwd())
            workers.warm_up(["nnsweep.preloaded", *(["nnsweep.tracking.preloaded"] if needs_mlflow(uri) else [])])

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function, in a worker if there are any; it must be picklable, and may be called again.

        Raises
        ------
        StoreError
            If two workers died of it.
        """
        if self.n_workers == 1:
            return function()
        try:
            return workers.call(function)
        except workers.WorkerDied:
            pass
        try:
            return workers.call(function)
        except workers.WorkerDied as died:
            raise StoreError(f"the store could not be looked at: {died}. Try again") from died

    def plan(self, tasks: Sequence[Task]) -> list[Stack]:
        """Form the stacks, the longest first; the data sets must have been loaded (`work.dataset`)."""
        max_bytes = size_in_bytes(tasks[0].job.sweep.max_stack_memory)
        return stacks([task.job for task in tasks], work.dataset, n_workers=self.n_workers, max_bytes=max_bytes)

    def predict(self, tasks: Sequence[Task]) -> float:
        """Tell how many seconds the tasks will take, about."""
        return makespan(self.plan(tasks), self.n_workers)

    def launch(self, tasks: Sequence[Task]) -> dict[int, JobReturn]:
        """Run all tasks, stack by stack; give what each returned, by its place among the tasks.

        A stack whose worker died is halved and run again, until the job that it died of is alone: that one has failed,
        if it has cost a worker twice.
        With `fail_fast`, the jobs that were not done when the first one failed are not in what is given.
        """
        returns: dict[int, JobReturn] = {}
        deaths: Counter[int] = Counter()
        pieces = [[*stack.numbers] for stack in self.plan(tasks)]
        with scratch_folder() as folder:
            data = _mapped(tasks, folder) if self.n_workers > 1 else {}
            work = functools.partial(_run, self._run, data)
            while pieces:
                halves = []
                for numbers, result in self._results(work, tasks, pieces):
                    again: list[list[int]] = []
                    if isinstance(result, workers.WorkerDied):
                        deaths.update(numbers)
                        again = _survivors(tasks, numbers, deaths)
                    halves += again
                    ended = set(numbers).difference(*again)
                    noted = _noted(tasks, numbers, result)
                    returns |= {number: noted[number] for number in numbers if number in ended}
                    if tasks[0].job.fail_fast and any(map(_failed, returns.values())):
                        return returns
                pieces = halves
        return returns

    def _results(
        self, work: Callable[[Any], Any], tasks: Sequence[Task], pieces: Sequence[list[int]]
    ) -> Iterator[tuple[list[int], Any]]:
        given = [[tasks[number] for number in numbers] for numbers in pieces]
        with closing(workers.done(work, given, self.n_workers)) as results:
            for place, result in results:
                yield pieces[place], result


def _survivors(tasks: Sequence[Task], numbers: Sequence[int], deaths: Mapping[int, int]) -> list[list[int]]:
    """Give those of a stack whose worker died that shall be run again, in two parts."""
    left = [number for number in numbers if tasks[number].ended() is None]
    if len(left) == 1 and deaths[left[0]] > 1:
        return []
    half = len(left) // 2
    return [part for part in (left[:half], left[half:]) if part]


def _noted(tasks: Sequence[Task], numbers: Sequence[int], result: Any) -> dict[int, JobReturn]:
    """Give what a stack came to, job by job; of one whose worker died, what had ended counts."""
    died = isinstance(result, BaseException)
    outcomes = [tasks[number].ended() or result for number in numbers] if died else result
    return {number: _returned(tasks[number], outcome) for number, outcome in zip(numbers, outcomes, strict=True)}


def _failed(returned: JobReturn) -> bool:
    outcome = returned._return_value
    return isinstance(outcome, BaseException) or getattr(outcome, "state", "") == "failed"


class Others:
    """Another launcher of Hydra's, which does all work its own way.

    Parameters
    ----------
    launcher : Launcher
        Hydra's.
    max_batch_size : int or None
        How many jobs it is given at a time; None for all.
    """

    def __init__(self, launcher: Launcher, max_batch_size: int | None = None) -> None:
        self._launcher, self._max_batch_size = launcher, max_batch_size
        self._n_launched = 0

    def begin(self, tasks: Sequence[Task]) -> None:
        """Nothing can be done ahead."""

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function."""
        return function()

    def predict(self, tasks: Sequence[Task]) -> float:
        """Tell how many seconds the tasks will take, about, if each core has one."""
        jobs, cores = [task.job for task in tasks], workers.physical_cores()
        alone = [stacks([job], work.dataset, n_workers=1, max_bytes=sys.maxsize)[0] for job in jobs]
        return makespan(alone, cores)

    def launch(self, tasks: Sequence[Task]) -> dict[int, JobReturn]:
        """Run all tasks, batch by batch; with `fail_fast`, no batch is begun after one with a failed job."""
        grid = [task.overrides for task in tasks]
        returns: list[JobReturn] = []
        size = self._max_batch_size or len(grid)
        for first in range(0, len(grid), size):
            if tasks[0].job.fail_fast and any(map(_failed, returns)):
                break
            batch = grid[first : first + size]
            returns += self._launcher.launch(batch, initial_job_idx=self._n_launched)
            self._n_launched += len(batch)
        return dict(enumerate(returns))


def _mapped(tasks: Sequence[Task], folder: Path) -> dict[str, Path]:
    """Leave every data set where workers can map it: those that are in the cache are there already."""
    folders = {}
    for number, data in enumerate(dict.fromkeys(task.job.data for task in tasks)):
        loaded = work.dataset(data)
        folders[data.model_dump_json()] = loaded.folder or folder / str(number)
        if loaded.folder is None:
            mapped.write(loaded, folder / str(number))
    return folders


def _run(run: RunStack, data: Mapping[str, Path], tasks: Sequence[Task]) -> Sequence[Any]:
    work.use_mapped(data)
    return run(tasks)


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # somebody has removed it
        return None


def _returned(task: Task, outcome: Any) -> JobReturn:
    failed = isinstance(outcome, BaseException)
    told = JobReturn(
        overrides=[*task.overrides], working_dir=_working_folder(), task_name=task.log.removesuffix(".log")
    )
    told.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
    told.return_value = outcome
    return told


def with_configurations(returned: JobReturn, task: Task) -> JobReturn:
    """Add what Hydra's own launchers return besides: the overrides of the task alone, and the configurations."""
    task_configuration = {key: value for key, value in task.configuration.items() if key != "hydra"}
    returned.overrides = [*task.configuration["hydra"]["overrides"]["task"]]
    returned.cfg = DictConfig(task_configuration)
    returned.hydra_cfg = DictConfig({"hydra": task.configuration["hydra"]})
    return returned
