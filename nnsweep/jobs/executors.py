"""Executors train the jobs of a sweep; here are their interface and the one that uses processes on this machine.

The other one lets any launcher of Hydra's train the jobs, see `nnsweep.jobs.launchers`.
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from nnsweep.data import cache
from nnsweep.jobs import machine, process_pool, worker
from nnsweep.jobs.job_run import Draw
from nnsweep.jobs.result import Died, Event
from nnsweep.jobs.stacks import JobStack, choose_threads, make_stacks, predict_makespan
from nnsweep.jobs.task import Task
from nnsweep.jobs.worker import train_in_worker
from nnsweep.scratch import scratch_folder


class Executor(Protocol):
    """Trains the jobs of a sweep; it opens no store and writes no run."""

    @property
    def trains_elsewhere(self) -> bool:
        """Whether this process only waits while others train."""

    def predict(self, tasks: Sequence[Task]) -> float:
        """Predict how many seconds the training takes on an idle machine, with the start of workers."""

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Event]:
        """Train jobs, and yield what happens to them as it happens.

        Parameters
        ----------
        tasks : sequence of Task
            What to train.
        stop : callable
            Called after each event; True if no further job is to begin.

        Yields
        ------
        Event
            Every job that begins ends in `Ended` or `Died`, unless the user interrupts. Signals wait until the caller
            asks for the next event.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts; raised after the events of all jobs that had ended.
        """


class Deaths:
    """How often each job of a launch was with a worker that died.

    A job counts as the cause only if its worker dies again when the job is alone; until then, any of them may be.
    """

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, numbers: Sequence[int]) -> list[list[int]]:
        """Count a death, and return the jobs to run again, in parts that each get their own worker.

        Parameters
        ----------
        numbers : sequence of int
            The jobs of the worker, one of which may be the cause of its death.

        Returns
        -------
        list of list of int
            The two halves, or the only job if it was not with a dead worker before; nothing if it was.

        Examples
        --------
        >>> deaths = Deaths()
        >>> deaths.add([1, 2, 3]), deaths.add([1]), deaths.add([2, 3]), deaths.add([4])
        ([[1], [2, 3]], [], [[2], [3]], [[4]])
        """
        self._counts.update(numbers)
        if len(numbers) == 1 and self._counts[numbers[0]] > 1:
            return []
        half = len(numbers) // 2
        return [[*part] for part in (numbers[:half], numbers[half:]) if part]


LITTLE_EPOCHS = 500
"""Epochs of all jobs together: with fewer, starting worker processes costs more than it saves."""


START_SECONDS = 0.8
"""From the start of worker processes to their first step."""


class ProcessExecutor:
    """Trains in this process alone, or in worker processes where there is enough to do.

    Workers import what they need while this process forms stacks.

    Parameters
    ----------
    tasks : sequence of Task
        All jobs of the sweep.
    draw : callable or None
        Draws the curves of a job; other processes can import it.
    """

    def __init__(self, tasks: Sequence[Task], draw: Draw | None = None) -> None:
        self._jobs, self._draw = [task.job for task in tasks], draw

    @functools.cached_property
    def _n_useful_workers(self) -> int:
        """How many workers are worth starting; for little work the cores are not even counted, which takes a while."""
        n_epochs = sum(job.trainer.settings()["epochs"] for job in self._jobs)
        n_workers = self._jobs[0].sweep.workers
        return min(len(self._jobs), n_workers or (machine.count_physical_cores() if n_epochs > LITTLE_EPOCHS else 1))

    @functools.cached_property
    def n_workers(self) -> int:
        """How many processes train; one is this process itself."""
        return machine.choose_n_workers(self._n_useful_workers)

    @property
    def trains_elsewhere(self) -> bool:
        """Whether worker processes train."""
        return self.n_workers > 1

    @functools.cached_property
    def n_cores(self) -> int:
        """How many cores the workers may use together; where few processes are allowed, each has one thread."""
        if self.n_workers < self._n_useful_workers:
            return 1  # cores are counted by another process, for which there is no room then
        n_cores = machine.count_physical_cores()
        return min(n_cores, self._jobs[0].sweep.workers or n_cores)

    def form_stacks(self, tasks: Sequence[Task]) -> list[JobStack]:
        """Form the stacks, the longest first; the data sets must have been loaded (`worker.load_dataset`)."""
        jobs = [task.job for task in tasks]
        max_bytes = jobs[0].sweep.max_stack_bytes
        return make_stacks(jobs, worker.load_dataset, n_workers=self.n_workers, max_bytes=max_bytes)

    def predict(self, tasks: Sequence[Task]) -> float:
        """Predict how many seconds the training takes; see `nnsweep.jobs.executors.Executor`."""
        start = START_SECONDS if self.n_workers > 1 else 0.0
        return start + predict_makespan(self.form_stacks(tasks), self.n_workers)

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Train all tasks, stack by stack; see `nnsweep.jobs.executors.Executor`.

        A stack whose worker died is halved and run again, until the job that caused it is alone; a job whose worker
        dies again when it is alone counts as dead.
        """
        if self.n_workers > 1:
            process_pool.warm_up(["nnsweep.jobs.worker"])
        stacks, deaths = self.form_stacks(tasks), Deaths()
        pending = [[*stack.numbers] for stack in stacks]
        eager = not tasks[0].job.fail_fast  # which lets no stack begin before the last one is known not to have failed
        with scratch_folder() as folder:
            data = _map_datasets(tasks, folder) if self.n_workers > 1 else {}
            work = functools.partial(train_in_worker, data, self._draw, self._choose_threads(stacks, tasks))
            while pending and not stop():
                pieces = [[tasks[number] for number in numbers] for numbers in pending]
                again: list[list[int]] = []
                outcomes = process_pool.run_pieces(work, pieces, self.n_workers, stop=stop, eager=eager)
                for index, outcome in outcomes:
                    if not isinstance(outcome, BaseException):
                        yield outcome
                    elif isinstance(outcome, process_pool.WorkerDied) and (parts := deaths.add(pending[index])):
                        again += parts
                    else:
                        yield Died([task.attempt for task in pieces[index]], outcome)
                pending = again

    def _choose_threads(self, stacks: Sequence[JobStack], tasks: Sequence[Task]) -> int:
        """Choose how many threads share a full batch; without any, the cores are not even counted."""
        jobs = [task.job for task in tasks]
        if all(job.trainer.settings()["batch_size"] for job in jobs):
            return 1
        max_bytes = jobs[0].sweep.max_stack_bytes
        return choose_threads(
            stacks, jobs, worker.load_dataset, n_workers=self.n_workers, n_cores=self.n_cores, max_bytes=max_bytes
        )


def _map_datasets(tasks: Sequence[Task], folder: Path) -> dict[str, Path]:
    """Write every data set into a folder from which workers can map it, unless the cache has it already."""
    folders = {}
    for number, data in enumerate(dict.fromkeys(task.job.data for task in tasks)):
        examples = worker.load_dataset(data)
        folders[data.model_dump_json()] = examples.folder or folder / str(number)
        if examples.folder is None:
            cache.write_mapped(examples, folder / str(number))
    return folders
