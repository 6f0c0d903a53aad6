"""The files of a sweep's folder by which its process and its jobs talk, wherever these run.

Launchers return at their end alone, and a job may run on another machine. All that both sides need is this folder.
``sweep.json`` says whose sweep it is, and what each job must know of it. A job leaves what happens to it in the
outbox, as files that are whole as soon as they have their names; the sweep's process takes each away when it is
recorded, and what a sweep that died has not taken is taken up by the next command, as its journal is. The stop file
asks all jobs to end.
"""

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnsweep import flock
from nnsweep.files import sync_path, whole_file
from nnsweep.jobs.journal import pack_result, unpack_results
from nnsweep.jobs.result import Attempt, Ended, Event, JobResult, JobStart, Measured, Started, identify_attempt
from nnsweep.jobs.tasks import PLAN
from nnsweep.tracking import owner
from nnsweep.tracking.owner import Owner, Signs
from nnsweep.tracking.record import Point, RunRecord

OUTBOX = ".outbox"
_STARTED, _MEASURED, _ENDED = ".started", ".measured", ".ended"


class Outbox:
    """The outbox as one job sees it.

    Parameters
    ----------
    sweep : Path
        The sweep's folder, which has one.
    """

    def __init__(self, sweep: Path) -> None:
        self._sweep, self._folder = sweep, sweep / OUTBOX
        self._writer, self._count = secrets.token_hex(4), 0  # a job whose worker died may be written anew

    def put(self, event: Event) -> None:
        """Leave an event there; a result counts when this returns, because the disk has it.

        Raises
        ------
        ConfigError
            If it cannot be written.
        """
        match event:
            case Started():
                starts = [{"record": vars(start.record), "tags": dict(start.tags)} for start in event.starts]
                self._write(_STARTED, json.dumps(starts).encode())
            case Measured():
                self._write(_MEASURED, json.dumps(event.points).encode())
            case Ended():
                for result in event.results:
                    hashed = result.of_run(result.kept.record.run_id, result.kept.experiment)
                    self._write(_ENDED, pack_result(hashed, self._sweep))
                sync_path(self._folder)

    def _write(self, kind: str, content: bytes) -> None:
        self._count += 1
        with whole_file(self._folder / f"{self._writer}-{self._count:06}{kind}") as file:
            file.write(content)


class Inbox:
    """The same folder as the sweep's process sees it.

    Parameters
    ----------
    sweep : Path
        The sweep's folder.
    """

    def __init__(self, sweep: Path) -> None:
        self._sweep, self._folder = sweep, sweep / OUTBOX
        self._folder.mkdir(exist_ok=True)
        self._open: set[Attempt] = set()  # what has begun and not ended

    def take(self) -> Iterator[Event]:
        """Give what has come, kind by kind; each file is removed when the caller asks for the next event.

        A network may show what was written last before what was written first: a result waits for its job's start.
        """
        names = sorted(os.listdir(self._folder))
        yield from self._take(names, _STARTED, self._read_starts, Started)
        yield from self._take(names, _MEASURED, self._read_points, Measured)
        yield from self._take(names, _ENDED, self._read_results, Ended)

    def _take(
        self,
        names: Sequence[str],
        kind: str,
        read: Callable[[bytes], list[Any]],
        make: Callable[[list[Any]], Event],
    ) -> Iterator[Event]:
        taken, found = [], []
        for path in [self._folder / name for name in names if name.endswith(kind)]:
            with contextlib.suppress(OSError, ValueError, LookupError):  # it is looked at again
                found += read(path.read_bytes())
                taken.append(path)
        if found:
            yield make(found)
        for path in taken:
            path.unlink(missing_ok=True)

    def _read_starts(self, content: bytes) -> list[JobStart]:
        starts = [JobStart(record=RunRecord(**one["record"]), tags=one["tags"]) for one in json.loads(content)]
        self._open.update(identify_attempt(start.record) for start in starts)
        return starts

    def _read_points(self, content: bytes) -> list[tuple[Attempt, list[Point]]]:
        told = [((job, attempt), [Point(*point) for point in points]) for (job, attempt), points in json.loads(content)]
        if not self._open.issuperset(attempt for attempt, _ in told):
            raise LookupError("it has not begun yet, or has ended")
        return told

    def _read_results(self, content: bytes) -> list[JobResult]:
        (result,) = unpack_results(content, self._sweep)
        self._open.remove(identify_attempt(result.kept.record))
        return [result]

    def close(self) -> None:
        """Remove the folder, unless a result has come that nobody waits for."""
        remove_outbox(self._sweep)


def read_results(sweep: Path) -> list[JobResult]:
    """Give the results in an outbox that nobody has taken."""
    results: list[JobResult] = []
    for path in sorted((sweep / OUTBOX).glob(f"*{_ENDED}")):
        with contextlib.suppress(OSError):
            results += unpack_results(path.read_bytes(), sweep)
    return results


def remove_outbox(sweep: Path, *, results: bool = False) -> None:
    """Remove an outbox; one with results stays, unless these have come to their place."""
    folder = sweep / OUTBOX
    with contextlib.suppress(OSError):  # somebody has removed it, or left another file in it
        for name in os.listdir(folder):
            if results or not name.endswith(_ENDED):
                (folder / name).unlink(missing_ok=True)
        folder.rmdir()


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
