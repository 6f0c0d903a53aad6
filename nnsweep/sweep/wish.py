"""The wish of a sweep that its jobs go on, as jobs see it that another launcher has put into other processes.

The sweep's process asks them to stop by a file in its folder; where it is gone, they end.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nnsweep import kernel
from nnsweep.sweep.grid import PLAN
from nnsweep.tracking import owner
from nnsweep.tracking.owner import Owner, Signs

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


def watch(sweep: Path, database: Path | None = None) -> Callable[[], bool]:
    """Watch over a sweep from the process of one of its jobs, which ends at once when the sweep's process is gone.

    Parameters
    ----------
    sweep : Path
        The sweep's folder.
    database : Path or None
        The SQLite store beside which the sweep's process has its lock.

    Returns
    -------
    callable
        Tells whether the job shall come to an end.
    """
    holder = _holder(sweep)
    if holder is None or not _can_be_seen(holder, database):
        return lambda: False
    stop = threading.Event()
    threading.Thread(target=_watch, args=(sweep, holder, Signs(database), stop), daemon=True).start()
    return stop.is_set


def _holder(sweep: Path) -> Owner | None:
    """Name the process of a sweep, unless it is this one."""
    try:
        holder = owner.read(json.loads((sweep / PLAN).read_text(encoding="utf-8"))["owner"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return holder if holder and replace(holder, lock="", every=0.0) != owner.this_process() else None


def _can_be_seen(holder: Owner, database: Path | None) -> bool:
    """Tell whether it would be seen here, at once and beyond doubt, that a process has ended."""
    has_lock = bool(holder.lock) and database is not None
    return owner.is_here(holder) and (has_lock or holder.pids == kernel.pid_namespace())


def _watch(sweep: Path, holder: Owner, signs: Signs, stop: threading.Event) -> None:
    seen = holder if holder.lock else replace(holder, every=0.0)  # nobody tells a job of a heartbeat in the store
    while not owner.is_gone(seen, time.time(), signs):
        if (sweep / STOP).exists():
            stop.set()
        time.sleep(LOOKS_EVERY)
    os._exit(1)
