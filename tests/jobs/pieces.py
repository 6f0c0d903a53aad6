"""Work for the workers of the tests: a module of its own, because workers must be able to import it."""

import ctypes
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnsweep.jobs import process_pool
from nnsweep.jobs.job import Job
from nnsweep.jobs.task import Task


class Unreadable(Exception):
    """Can be pickled, but not read again: its constructor wants more than its message."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


class Mute(Exception):
    """Cannot say what is wrong."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def _raise(error: BaseException) -> None:
    raise error


FAULTS: dict[str, Callable[[], Any]] = {
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "os._exit(0)": lambda: os._exit(0),
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "sys.exit(0)": lambda: _raise(SystemExit(0)),
    "unpicklable": lambda: _raise(ValueError("has a function in it", lambda: None)),
    "unreadable": lambda: _raise(Unreadable("one", "other")),
    "huge": lambda: _raise(ValueError("x" * 5_000_000)),
    "mute": lambda: _raise(Mute()),
}
"""What a job may do instead of ending."""
FIRST_FAULT = 100


def faulty(data: Any, draw: Any, n_threads: int, tasks: Sequence[Task]) -> Iterator[Any]:
    """Train a stack as nnsweep does, in which jobs from seed 100 do in their third epoch what `FAULTS` says."""
    from nnsweep.jobs.worker import train_in_worker

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    member = Job.member

    def spoilt(job: Job) -> Any:
        made = member(job)
        if job.seed < FIRST_FAULT:
            return made
        fault = [*FAULTS.values()][job.seed - FIRST_FAULT]
        return replace(made, schedule=lambda epoch: 0.1 if epoch < 2 else fault())

    Job.member = spoilt  # type: ignore[method-assign]
    try:
        yield from train_in_worker(data, draw, n_threads, tasks)
    finally:
        Job.member = member  # type: ignore[method-assign]


def answer(piece: Any) -> Any:
    """Do what a piece says."""
    match piece:
        case ("sleep", seconds):
            time.sleep(seconds)
        case ("raise", error):
            raise error
        case ("fault", name):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            FAULTS[name]()
        case ("unreadable",):
            raise Unreadable("one", "other")
        case ("unpicklable",):
            raise ValueError("has a function in it", lambda: None)
        case ("return unpicklable",):
            return lambda: None
        case ("die", folder):
            _after(folder, "slow")
            os.kill(os.getpid(), signal.SIGKILL)
        case ("slow", folder):
            (Path(folder) / "slow").touch()
            time.sleep(0.5)
        case ("environment",):
            return dict(os.environ)
        case ("threads",):
            return _threads()
        case ("obey", folder):
            _begin(folder)
            while not process_pool.is_stopping():
                time.sleep(0.01)
            (Path(folder) / f"stopped-{os.getpid()}").touch()
        case ("deaf", folder):
            _begin(folder)
            time.sleep(60)
    return piece


def touch(piece: tuple[str, int]) -> Iterator[Any]:
    """Leave a file where the work begins, and yield the piece."""
    folder, number = piece
    (Path(folder) / f"piece-{number}").touch()
    yield piece


def _begin(folder: str) -> None:
    (Path(folder) / f"begun-{os.getpid()}").touch()


def _after(folder: str, name: str) -> None:
    while not (Path(folder) / name).exists():
        time.sleep(0.01)


def _threads() -> set[int]:
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info()}
