"""A crew does the jobs of a sweep: they become stacks, stacks go to workers, and every job's return value comes back.

Hydra's other launchers are crews too, whose ways are their own.
"""

import functools
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from nnsweep.data import mapped
from nnsweep.sweep import work, workers
from nnsweep.sweep.memory import size_in_bytes
from nnsweep.sweep.stacks import Stack, stacks
from nnsweep.sweep.task import Task

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
        self.n_workers = min(len(tasks), sweep.workers or (cores if much else 1))
        if self.n_workers > 1:
            workers.warm_up(["nnsweep.preloaded"])

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function, in a worker if there are any; it must be picklable."""
        return workers.call(function) if self.n_workers > 1 else function()

    def plan(self, tasks: Sequence[Task]) -> list[Stack]:
        """Form the stacks, the longest first; the data sets must have been loaded (`work.dataset`)."""
        max_bytes = size_in_bytes(tasks[0].job.sweep.max_stack_memory)
        return stacks([task.job for task in tasks], work.dataset, n_workers=self.n_workers, max_bytes=max_bytes)

    def launch(self, tasks: Sequence[Task]) -> list[JobReturn]:
        """Run all tasks, stack by stack; give what each returned, in the order of the tasks."""
        planned = self.plan(tasks)
        pieces = [[tasks[number] for number in stack.numbers] for stack in planned]
        returns: dict[int, JobReturn] = {}
        with tempfile.TemporaryDirectory(prefix="nnsweep-") as folder:
            data = _mapped(tasks, Path(folder)) if self.n_workers > 1 else {}
            with closing(workers.done(functools.partial(_run, self._run, data), pieces, self.n_workers)) as results:
                for number, result in results:
                    piece = pieces[number]
                    outcomes = [result] * len(piece) if isinstance(result, BaseException) else result
                    for index, task, outcome in zip(planned[number].numbers, piece, outcomes, strict=True):
                        returns[index] = _returned(task, outcome)
        return [returns[index] for index in range(len(tasks))]


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

    def begin(self, tasks: Sequence[Task]) -> None:
        """Nothing can be done ahead."""

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function."""
        return function()

    def launch(self, tasks: Sequence[Task]) -> list[JobReturn]:
        """Run all tasks, batch by batch."""
        grid = [task.overrides for task in tasks]
        returns: list[JobReturn] = []
        size = self._max_batch_size or len(grid)
        for first in range(0, len(grid), size):
            returns += self._launcher.launch(grid[first : first + size], initial_job_idx=first)
        return returns


def _mapped(tasks: Sequence[Task], folder: Path) -> dict[str, Path]:
    """Leave every data set where workers can map it."""
    folders = {}
    for number, data in enumerate(dict.fromkeys(task.job.data for task in tasks)):
        folders[data.model_dump_json()] = folder / str(number)
        mapped.write(work.dataset(data), folder / str(number))
    return folders


def _run(run: RunStack, data: Mapping[str, Path], tasks: Sequence[Task]) -> Sequence[Any]:
    work.use_mapped(data)
    return run(tasks)


def _returned(task: Task, outcome: Any) -> JobReturn:
    failed = isinstance(outcome, BaseException)
    told = JobReturn(overrides=[*task.overrides], working_dir=os.getcwd(), task_name=task.log.removesuffix(".log"))
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
