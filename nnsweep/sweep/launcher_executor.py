"""Hydra's other launchers, each of which does the work of a sweep its own way: joblib's, Ray's, submitit's.

Their jobs record themselves, in the processes that they were given. What a launcher raises when one of these dies ends
no sweep: what has no record is launched again, as `nnsweep.sweep.process_executor` does it with its own workers.
"""

import itertools
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from nnsweep.errors import UserError
from nnsweep.sweep import submitit_jobs, work, workers
from nnsweep.sweep.deaths import Deaths
from nnsweep.sweep.outcomes import Outcome, has_failed, written
from nnsweep.sweep.recorder import Recorder
from nnsweep.sweep.sent_jobs import LauncherGone
from nnsweep.sweep.stacks import makespan, stacks
from nnsweep.sweep.task import Task
from nnsweep.sweep.workers import WorkerDied
from nnsweep.tracking.record import RunRecord

_READ = 200  # characters of what a launcher says


class LauncherExecutor:
    """Another launcher of Hydra's, which does all work its own way.

    Parameters
    ----------
    launcher : Launcher
        Hydra's.
    max_batch_size : int or None
        How many jobs it is given at a time; None for all.
    """

    records_elsewhere = True

    def __init__(self, launcher: Launcher, max_batch_size: int | None = None) -> None:
        self._launcher, self._max_batch_size = launcher, max_batch_size
        self._n_launched = 0

    def begin(self, tasks: Sequence[Task]) -> None:
        """Let the launcher refuse what it cannot do, if it knows that before it is given jobs."""
        refuse = getattr(self._launcher, "refuse", None)
        if refuse is not None and not tasks[0].job.dry_run:
            refuse()

    def end(self) -> None:
        """Let the launcher end what it has started for the jobs, when there are no more."""
        close = getattr(self._launcher, "close", None)
        if close is not None:
            close()

    def predict(self, tasks: Sequence[Task]) -> float:
        """Tell how many seconds the tasks will take, about, if each core has one."""
        jobs, cores = [task.job for task in tasks], workers.physical_cores()
        alone = [stacks([job], work.dataset, n_workers=1, max_bytes=sys.maxsize)[0] for job in jobs]
        return makespan(alone, cores)

    def launch(self, tasks: Sequence[Task], recorder: Recorder) -> dict[int, Outcome]:
        """Run all tasks, batch by batch; with `fail_fast`, no batch is begun after one with a failed job.

        Each job records itself, in the process that it was given. Those whose process died are launched again; one that
        has cost its process twice has failed. What a launcher itself cannot tell apart, because it ends all jobs with
        one of them, is found out by halves.

        Returns
        -------
        dict
            What became of each job, by its place among the tasks.
        """
        launch = _Launch(self._launcher, tasks, self._n_launched)
        self._n_launched += len(tasks)
        size = self._max_batch_size or len(tasks)
        pieces = [[*range(first, min(first + size, len(tasks)))] for first in range(0, len(tasks), size)]
        while pieces and not launch.is_broken_off:
            pieces = [*launch.run(pieces[0]), *pieces[1:]]
        return launch.outcomes


class _Launch:
    """The jobs of one launch, and what has become of them so far.

    Launchers number the jobs that they are given one after the other, from any first number: a job keeps its number,
    and so its folder, when it is launched again, if its piece has no gaps.
    """

    def __init__(self, launcher: Launcher, tasks: Sequence[Task], first: int) -> None:
        self._launcher, self._tasks, self._first = launcher, tasks, first
        self._deaths, self._is_tried = Deaths(), False
        self.outcomes: dict[int, Outcome] = {}

    @property
    def is_broken_off(self) -> bool:
        """Whether a job has failed, and the others shall not be begun then."""
        return self._tasks[0].job.fail_fast and any(map(has_failed, self.outcomes.values()))

    def run(self, numbers: Sequence[int]) -> list[list[int]]:
        """Run jobs, each given by its place among the tasks; give what shall be run again, in pieces without gaps."""
        try:
            returns = self._launched(numbers)
        except UserError:
            raise
        except LauncherGone as gone:
            self._end(numbers, gone)
            return []
        except Exception as error:  # of whatever library, and whatever its jobs have come to
            return self._take_apart(numbers, error)
        outcomes = {number: _outcome(returned) for number, returned in zip(numbers, returns, strict=True)}
        dead = [number for number, outcome in outcomes.items() if isinstance(outcome, WorkerDied)]
        records = self._records(dead) if dead else {}
        again = [number for number in dead if number not in records and self._deaths.of([number])]
        self.outcomes |= {number: told for number, told in outcomes.items() if told is not None and number not in again}
        return _without_gaps(again)

    def _launched(self, numbers: Sequence[int]) -> Sequence[JobReturn]:
        grid = [self._tasks[number].overrides for number in numbers]
        if submitit_jobs.is_submitits(self._launcher):
            return submitit_jobs.launch(self._launcher, grid, self._first + numbers[0])
        return self._launcher.launch(grid, initial_job_idx=self._first + numbers[0])

    def _take_apart(self, numbers: Sequence[int], error: Exception) -> list[list[int]]:
        """Find out what is left of jobs that a launcher has ended by an exception; give what shall be run again."""
        records, died = self._records(numbers), in_words(error)
        self.outcomes |= records
        left = [number for number in numbers if number not in records]
        begun = [number for number in left if self._has_begun(number)]
        if not begun:  # the launcher does not come to its jobs at all, or not in this moment
            again, self._is_tried = [] if self._is_tried else left, True
            self._end(left if not again else (), died)
            return _without_gaps(again)
        halves = self._deaths.of(begun)
        self._end(begun if not halves else (), died)
        untouched = [number for number in left if number not in begun]
        return [piece for part in (*halves, untouched) for piece in _without_gaps(part)]

    def _end(self, numbers: Sequence[int], error: Exception) -> None:
        """Let jobs have ended with an exception, unless they have left records."""
        self.outcomes.update(dict.fromkeys(numbers, error))
        self.outcomes |= self._records(numbers)

    def _records(self, numbers: Sequence[int]) -> dict[int, RunRecord]:
        if not numbers:
            return {}
        place = self._tasks[numbers[0]].place
        folders = (folder for folder in (place.folder, *place.folder.parents) if folder.name == place.sweep)
        found = written([self._tasks[number] for number in numbers], next(folders, place.folder.parent))
        return {numbers[where]: record for where, record in found.items()}

    def _has_begun(self, number: int) -> bool:
        """Tell whether a job's folder is there, which is called as the launcher's number if that is what it is for."""
        place = self._tasks[number].place
        is_numbered = place.folder.name == str(place.number)
        folder = place.folder.with_name(str(self._first + number)) if is_numbered else place.folder
        return Path(folder).exists()


def _without_gaps(numbers: Sequence[int]) -> list[list[int]]:
    groups = itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    return [[number for _, number in group] for _, group in groups]


def _outcome(returned: JobReturn) -> Outcome | None:
    """Give what a job of another launcher came to; None if that is not known."""
    if returned.status == JobStatus.UNKNOWN:
        return None
    outcome = returned._return_value  # `return_value` would raise an exception
    is_known = isinstance(outcome, RunRecord | BaseException)
    return outcome if is_known else TypeError(f"it returned {type(outcome).__name__}")


def in_words(error: Exception) -> Exception:
    """Say in a line what a launcher has raised: that a worker died, with the signal if it names one, or what else.

    Examples
    --------
    >>> in_words(ValueError("n_jobs == 0 in Parallel has no meaning"))
    LauncherGone('its launcher gave up (ValueError: n_jobs == 0 in Parallel has no meaning)')
    """
    library, name = type(error).__module__.partition(".")[0], type(error).__name__
    told = name if library == "builtins" else f"{library}: {name}"
    said = " ".join(str(error).split())
    if "Worker" not in name and "Pool" not in name:
        return LauncherGone(f"its launcher gave up ({told}: {said[:_READ]})")
    killers = dict.fromkeys(re.findall(r"\bSIG[A-Z0-9]+\b", said))
    killed = f"was killed by {', '.join(killers)}" if killers else "ended before its work did"
    return WorkerDied(f"its worker process {killed}{' (out of memory?)' if 'SIGKILL' in killers else ''} ({told})")
