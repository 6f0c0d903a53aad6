"""Work for the workers of the tests: a module of its own, because workers must be able to import it."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from nnsweep.sweep import workers


class Unreadable(Exception):
    """Can be pickled, but not read again: its constructor wants more than its message."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


def answer(piece: Any) -> Any:
    """Do what a piece says."""
    match piece:
        case ("sleep", seconds):
            time.sleep(seconds)
        case ("raise", error):
            raise error
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
        case ("threads",):
            return _threads()
        case ("obey", folder):
            _begin(folder)
            while not workers.stopped():
                time.sleep(0.01)
            (Path(folder) / f"stopped-{os.getpid()}").touch()
        case ("deaf", folder):
            _begin(folder)
            time.sleep(60)
    return piece


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
