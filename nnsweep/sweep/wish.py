"""The wish of a sweep that its jobs go on, as jobs see it that another launcher has put into other processes.

The sweep's process asks them to stop by a file in its folder; where it is gone, they end.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from nnsweep.sweep.grid import PLAN
from nnsweep.tracking import owner

STOP = ".stop"
LOOKS_EVERY = 0.3
"""Seconds."""


def ask_to_stop(sweep: Path) -> None:
    """Ask the jobs of a sweep to come to an end."""
    with contextlib.suppress(OSError):
        (sweep / STOP).touch()


def forget(sweep: Path) -> None:
    """Take the question back, when nobody is left whom it concerns."""
    with contextlib.suppress(OSError):
        (sweep / STOP).unlink(missing_ok=True)


def watch(sweep: Path) -> Callable[[], bool]:
    """Watch over a sweep from the process of one of its jobs, which ends at once when the sweep's process is gone.

    Parameters
    ----------
    sweep : Path
        The sweep's folder.

    Returns
    -------
    callable
        Tells whether the job shall come to an end.
    """
    holder = _holder(sweep)
    if holder is None or holder.pid == os.getpid():
        return lambda: False
    stop = threading.Event()
    threading.Thread(target=_watch, args=(sweep, holder, stop), daemon=True).start()
    return stop.is_set


def _holder(sweep: Path) -> owner.Owner | None:
    """Name the process of a sweep, if it is one of this machine."""
    try:
        holder = owner.read(json.loads((sweep / PLAN).read_text(encoding="utf-8"))["owner"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return holder if holder and holder.host == owner.this_process().host else None


def _watch(sweep: Path, holder: owner.Owner, stop: threading.Event) -> None:
    while not owner.is_gone(holder, time.time()):
        if (sweep / STOP).exists():
            stop.set()
        time.sleep(LOOKS_EVERY)
    os._exit(1)
