"""The stop file of a sweep's folder, by which jobs in other processes are asked to end, and who watches it.

Watchers: threads that look at something from time to time as long as a block runs.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from nnsweep import flock
from nnsweep.jobs.tasks import PLAN
from nnsweep.tracking import owner
from nnsweep.tracking.owner import Owner, Signs


@contextmanager
def keep_watching(watch: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let a thread watch during the block, unless the system lets this user have no more: the block needs none.

    Parameters
    ----------
    watch : callable
        Returns soon after the event that it is given has been set.
    """
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(over,), daemon=True)
    try:
        watcher.start()
    except RuntimeError:
        yield
        return
    try:
        yield
    finally:
        over.set()
        watcher.join()


STOP, END = ".stop", ".end"
LOOKS_EVERY = 0.3
"""Seconds."""


def ask_to_stop(sweep: Path) -> None:
    """Ask the jobs of a sweep to come to an end."""
    with contextlib.suppress(OSError):
        (sweep / STOP).touch()


def end_at_once(sweep: Path) -> None:
    """End what jobs of a sweep have not come to an end, and give them the time to see it."""
    with contextlib.suppress(OSError):
        (sweep / END).touch()
    time.sleep(2 * LOOKS_EVERY)


def remove_stop_file(sweep: Path) -> None:
    """Take all that back, when nobody is left whom it concerns."""
    with contextlib.suppress(OSError):
        for name in (STOP, END):
            (sweep / name).unlink(missing_ok=True)


def watch_stop_file(sweep: Path) -> Callable[[], bool]:
    """Watch over a sweep from the process of one of its jobs, which ends at once when the sweep's process is gone.

    Parameters
    ----------
    sweep : Path
        The sweep's folder.

    Returns
    -------
    callable
        Tells whether the job shall come to an end; one that is late, before it has begun.
    """
    holder, database = _holder(sweep)
    if holder is None:
        return lambda: False
    stop, seen = threading.Event(), holder if _can_be_seen(holder, database) else None
    _look(sweep, stop)
    threading.Thread(target=_watch, args=(sweep, seen, Signs(database), stop), daemon=True).start()
    return stop.is_set


def _holder(sweep: Path) -> tuple[Owner | None, Path | None]:
    """Name the process of a sweep, unless it is this one, and the SQLite store beside which it has its lock."""
    try:
        plan = json.loads((sweep / PLAN).read_text(encoding="utf-8"))
        holder, database = owner.read_owner(plan["owner"]), plan.get("database")
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
    is_another = holder and replace(holder, lock="", every=0.0) != owner.this_process()
    return holder if is_another else None, Path(database) if database else None


def _can_be_seen(holder: Owner, database: Path | None) -> bool:
    """Tell whether it would be seen here, at once and beyond doubt, that a process has ended."""
    has_lock = bool(holder.lock) and database is not None
    return owner.is_here(holder) and (has_lock or holder.pids == flock.pid_namespace())


def _watch(sweep: Path, holder: Owner | None, signs: Signs, stop: threading.Event) -> None:
    """Look for what the sweep wishes, and whether its process is there, if that can be seen."""
    # nobody tells a job of a heartbeat in the store
    seen = holder if holder is None or holder.lock else replace(holder, every=0.0)
    while not (sweep / END).exists() and not (seen and owner.is_gone(seen, time.time(), signs)):
        if seen is None and not sweep.exists():
            return  # there is nothing left to be told by
        _look(sweep, stop)
        time.sleep(LOOKS_EVERY)
    os._exit(1)


def _look(sweep: Path, stop: threading.Event) -> None:
    if (sweep / STOP).exists():
        stop.set()
