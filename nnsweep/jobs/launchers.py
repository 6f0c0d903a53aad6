"""The executor for Hydra's other launchers, each of which runs the jobs of a sweep its own way: joblib, Ray, submitit.

A launcher works in a thread, and returns only when all its jobs have ended; meanwhile the jobs report their events
through the sweep's outbox, from whatever processes they run in. An exception of a launcher does not end the sweep: jobs
that have not ended are launched again, as `nnsweep.jobs.executors` does with its own workers.
"""

import itertools
import logging
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher

from nnsweep.errors import UserError
from nnsweep.jobs import machine, sent_jobs, sweep_folder, worker
from nnsweep.jobs.executors import Deaths
from nnsweep.jobs.interrupt import postpone_signals
from nnsweep.jobs.process_pool import WorkerDied
from nnsweep.jobs.result import Attempt, Died, Ended, Event, identify_attempt
from nnsweep.jobs.sent_jobs import LauncherGone
from nnsweep.jobs.stacks import make_stacks, predict_makespan
from nnsweep.jobs.sweep_folder import Inbox
from nnsweep.jobs.task import Task
from nnsweep.tracking.record import RunRecord

LOOKS_EVERY = 0.2
"""Seconds between two looks into the outbox."""
LAUNCH_SECONDS = 2.0
"""Until a launcher's first job begins: its process imports what it needs."""
SEEN_SECONDS = 90.0
"""How long a file that another machine has written may take to become visible here."""
_MAX_LENGTH = 200  # characters of what a launcher says
_Launching: TypeAlias = Generator[Event, None, list[list[int]]]
"""Yields what happens, and returns the jobs that are to be launched again, in pieces without gaps."""


class LauncherExecutor:
    """Trains with another launcher of Hydra's.

    Parameters
    ----------
    launcher : Launcher
        Hydra's.
    folder : Path
        The sweep's, which every job can see.
    max_batch_size : int or None
        How many jobs it is given at a time; None for all.
    """

    trains_elsewhere = False  # some launchers train in this process

    def __init__(self, launcher: Launcher, folder: Path, max_batch_size: int | None = None) -> None:
        self._launcher, self._folder, self._max_batch_size = launcher, folder, max_batch_size
        self._n_launched = 0

    def refuse(self) -> None:
        """Let the launcher raise an error for what it cannot do, if it has such a check."""
        sent_jobs.refuse_slurm_elsewhere(self._launcher)
        getattr(self._launcher, "refuse", lambda: None)()

    def close(self) -> None:
        """Let the launcher end the processes that it has started for the jobs."""
        getattr(self._launcher, "close", lambda: None)()

    def predict(self, tasks: Sequence[Task]) -> float:
        """Predict how many seconds the tasks will take, if each core of this machine trains one at a time."""
        stacks = [make_stacks([task.job], worker.load_dataset, n_workers=1, max_bytes=sys.maxsize)[0] for task in tasks]
        return LAUNCH_SECONDS + predict_makespan(stacks, machine.count_physical_cores())

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Launch all tasks, batch by batch; see `nnsweep.jobs.executors.Executor`.

        Jobs whose process died are launched again; one whose process dies twice counts as dead. If one job makes the
        launcher end all of them, it is found by launching halves.
        """
        sweep_folder.remove_stop_file(self._folder)
        inbox = Inbox(self._folder)
        launch = _Launch(self._launcher, self._folder, tasks, self._n_launched, inbox)
        self._n_launched += len(tasks)
        size = self._max_batch_size or len(tasks)
        pieces = [[*range(first, min(first + size, len(tasks)))] for first in range(0, len(tasks), size)]
        try:
            while pieces and not stop():
                again = yield from launch.run(pieces[0])
                pieces = [*again, *pieces[1:]]
        finally:
            inbox.close()
        # not after an interruption: jobs that start late must still see the file
        sweep_folder.remove_stop_file(self._folder)


class _Launch:
    """The jobs of one launch, and which of them have ended so far; numbers are places among its tasks.

    Launchers number their jobs consecutively from any first number: a job that is launched again keeps its number, and
    thus its folder, if its piece has no gaps.
    """

    def __init__(self, launcher: Launcher, folder: Path, tasks: Sequence[Task], first: int, inbox: Inbox) -> None:
        self._launcher, self._folder, self._tasks, self._first = launcher, folder, tasks, first
        self._inbox, self._stopping = inbox, threading.Event()
        self._deaths, self._is_tried = Deaths(), False
        self._ended: set[Attempt] = set()
        self._is_interrupted = False  # as jobs report, which may notice before this process does

    def run(self, numbers: Sequence[int]) -> _Launching:
        """Launch jobs, and determine the outcome of each."""
        try:
            returns = yield from self._launch(numbers)
        except UserError:
            raise
        except LauncherGone as gone:
            yield from self._report_dead(numbers, gone)
            return []
        except Exception as error:  # from any library, whatever state its jobs are in
            return (yield from self._regroup(numbers, error))
        returned = dict(zip(numbers, returns, strict=True))
        # a network file system may show only later what jobs have handed back
        ended = [number for number in numbers if isinstance(returned[number]._return_value, RunRecord)]
        until = time.monotonic() + SEEN_SECONDS
        yield from self._take_until(lambda: not self._find_unended(ended) or time.monotonic() > until)
        unseen = WorkerDied("its result was handed back, and cannot be found in the sweep's folder")
        yield from self._report_dead(ended, unseen)
        errors: dict[int, BaseException] = {}
        for number in self._find_unended(numbers):
            outcome = returned[number]._return_value  # `return_value` would raise an exception
            if isinstance(outcome, BaseException):
                errors[number] = outcome
            elif outcome is not None and not isinstance(outcome, RunRecord):  # None if it never began
                errors[number] = TypeError(f"it returned {type(outcome).__name__}")
        dead = [number for number, error in errors.items() if isinstance(error, WorkerDied)]
        again = [number for number in dead if self._deaths.add([number])]
        for number in errors.keys() - {*again}:
            yield from self._report_dead([number], errors[number])
        return _group(again)

    def _launch(self, numbers: Sequence[int]) -> Generator[Event, None, Sequence[JobReturn]]:
        """Let the launcher run jobs, and yield what they hand back meanwhile; return what it returns."""
        grid, first = [self._tasks[number].overrides for number in numbers], self._first + numbers[0]
        if sent_jobs.is_submitit(self._launcher):
            call = _Call(lambda: sent_jobs.launch_submitit(self._launcher, grid, first, self._stopping.is_set))
        else:
            call = _Call(lambda: self._launcher.launch(grid, initial_job_idx=first))
        try:
            yield from self._take_until(call.is_over)
            if self._is_interrupted:
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            self._stopping.set()
            sweep_folder.ask_to_stop(self._folder)
            try:
                yield from self._take_until(call.is_over)
            except KeyboardInterrupt:
                sweep_folder.end_at_once(self._folder)
            raise
        returned: Sequence[JobReturn] = call.result()
        return returned

    def _take_until(self, is_over: Callable[[], bool]) -> Iterator[Event]:
        """Yield what jobs hand back until something is over, and what has come by then."""
        while True:
            over = is_over()
            for event in self._inbox.take():
                if isinstance(event, Ended):
                    records = [result.kept.record for result in event.results]
                    self._ended.update(map(identify_attempt, records))
                    self._is_interrupted |= any(record.state == "interrupted" for record in records)
                with postpone_signals():
                    yield event
            if over:
                return
            time.sleep(LOOKS_EVERY)

    def _find_unended(self, numbers: Sequence[int]) -> list[int]:
        return [number for number in numbers if self._tasks[number].attempt not in self._ended]

    def _report_dead(self, numbers: Sequence[int], error: BaseException) -> Iterator[Event]:
        """Yield that jobs have died, unless they had ended before."""
        if left := [self._tasks[number].attempt for number in self._find_unended(numbers)]:
            yield Died(left, error)

    def _regroup(self, numbers: Sequence[int], error: Exception) -> _Launching:
        """Choose which jobs to launch again after a launcher has ended by an exception, in which pieces."""
        died, left = explain_launcher_error(error), self._find_unended(numbers)
        begun = [number for number in left if self._has_folder(number)]
        if not begun:  # the launcher did not get as far as its jobs, perhaps by chance: it gets a second try
            is_second, self._is_tried = self._is_tried, True
            if is_second:
                yield from self._report_dead(left, died)
            return [] if is_second else _group(left)
        halves = self._deaths.add(begun)
        if not halves:
            yield from self._report_dead(begun, died)
        untouched = [number for number in left if number not in begun]
        return [piece for part in (*halves, untouched) for piece in _group(part)]

    def _has_folder(self, number: int) -> bool:
        """Check whether a job's folder is there; one that is named by a number has the launcher's number."""
        place = self._tasks[number].place
        is_numbered = place.folder.name == str(place.number)
        return (place.folder.with_name(str(self._first + number)) if is_numbered else place.folder).exists()


class _Call:
    """A call of a launcher, in a thread whose processes ignore Ctrl-C; in this thread, if none can be started."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call, self._returned = call, None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system lets this user have no more
            self._run()

    def _run(self) -> None:
        if hasattr(signal, "pthread_sigmask") and threading.current_thread() is self._thread:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        root = logging.getLogger()
        before = [*root.handlers]
        try:
            self._returned = self._call()
        except BaseException as error:
            self._error = error
        for handler in set(root.handlers).difference(before):  # of the log of a job that Hydra ran in this process
            root.removeHandler(handler)
            handler.close()

    def is_over(self) -> bool:
        """Check whether it has returned or raised."""
        return not self._thread.is_alive()

    def result(self) -> Any:
        """Give what it returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._returned


def _group(numbers: Sequence[int]) -> list[list[int]]:
    """Group numbers that follow one another."""
    groups = itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    return [[number for _, number in group] for _, group in groups]


def explain_launcher_error(error: Exception) -> Exception:
    """Make an exception that says in a line why a launcher failed: if a worker was killed, by which signal.

    Examples
    --------
    >>> explain_launcher_error(ValueError("n_jobs == 0 in Parallel has no meaning"))
    LauncherGone('its launcher gave up (ValueError: n_jobs == 0 in Parallel has no meaning)')
    """
    library, name = type(error).__module__.partition(".")[0], type(error).__name__
    source = name if library == "builtins" else f"{library}: {name}"
    message = " ".join(str(error).split())
    if "Worker" not in name and "Pool" not in name:  # joblib's TerminatedWorkerError, Python's BrokenProcessPool
        return LauncherGone(f"its launcher gave up ({source}: {message[:_MAX_LENGTH]})")
    killers = dict.fromkeys(re.findall(r"\bSIG[A-Z0-9]+\b", message))
    killed = f"was killed by {', '.join(killers)}" if killers else "ended before its work did"
    return WorkerDied(f"its worker process {killed}{' (out of memory?)' if 'SIGKILL' in killers else ''} ({source})")
