"""The files of a sweep's folder by which its process and its jobs talk to each other, wherever these run.

Launchers return only at their end, and a job may run on another machine. This folder is all that both sides need.
``sweep.json`` says whose sweep it is, and what each job must know of it. A job leaves what happens to it in the
outbox, as files that are whole as soon as they have their names; the sweep's process takes each away when it is
recorded, and what a sweep that died has not taken is taken up by the next command, as its journal is. The stop file
asks all jobs to end.
"""

import contextlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnsweep import flock
from nnsweep.errors import ConfigError
from nnsweep.files import sync_path, whole_file
from nnsweep.jobs.journal import pack_result, unpack_results
from nnsweep.jobs.result import Attempt, Ended, Event, JobResult, JobStart, Measured, Started, identify_attempt
from nnsweep.jobs.task import Task
from nnsweep.text import mask_secrets
from nnsweep.tracking import owner
from nnsweep.tracking.owner import Owner, Signs
from nnsweep.tracking.record import Point, RunRecord

PLAN = "sweep.json"
OUTBOX = ".outbox"
STOP, END = ".stop", ".end"
LOOKS_EVERY = 0.3
"""Seconds between two looks of a job for the stop file."""
_STARTED, _MEASURED, _ENDED = ".started", ".measured", ".ended"


@contextlib.contextmanager
def make_sweep_folder(folder: Path, configuration: str | None) -> Iterator[None]:
    """Make a sweep's folder for the block; if the block raises, remove what was made.

    Parameters
    ----------
    folder : Path
        The sweep's.
    configuration : str or None
        Hydra's configuration of the sweep, to be left in the folder as ``multirun.yaml``.

    Raises
    ------
    ConfigError
        If it cannot be made.
    """
    new = [path for path in (folder, *folder.parents) if not path.exists()][-1:]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"hydra.sweep.dir={folder}: cannot be written ({error.strerror}); choose another") from error
    try:
        if configuration is not None:
            with whole_file(folder / "multirun.yaml") as file:
                file.write(mask_secrets(configuration).encode())
        yield
    except BaseException:
        for path in new:
            shutil.rmtree(path, ignore_errors=True)
        raise


def write_plan(folder: Path, tasks: Sequence[Task], process: Owner, database: Path | None) -> None:
    """Write what every job needs from its sweep into the sweep's folder.

    Parameters
    ----------
    folder : Path
        The sweep's.
    tasks : sequence of Task
        All that have been or will be launched, in that order: Hydra's launchers number jobs so.
    process : Owner
        The process that launches them.
    database : Path or None
        The SQLite store beside which its lock is.
    """
    jobs = [
        {
            "number": task.place.number,
            "attempt": task.place.attempt,
            "checkpoint": task.place.checkpoint and str(task.place.checkpoint),
            "key": task.place.key,
            "overrides": [mask_secrets(override) for override in task.overrides],
        }
        for task in tasks
    ]
    plan = {
        "varying": tasks[0].place.varying,
        "owner": process.tag(),
        "database": database and str(database),
        "jobs": jobs,
    }
    with whole_file(folder / PLAN) as file:
        file.write(json.dumps(plan).encode())


class Outbox:
    """The outbox as one job sees it: each event becomes a file.

    Parameters
    ----------
    sweep : Path
        The sweep's folder, which has one.
    """

    def __init__(self, sweep: Path) -> None:
        self._sweep, self._folder = sweep, sweep / OUTBOX
        self._writer, self._count = secrets.token_hex(4), 0  # a job whose worker died may write its events again

    def put(self, event: Event) -> None:
        """Leave an event there; when this returns, a result is on the disk.

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
    """The outbox as the sweep's process sees it.

    Parameters
    ----------
    sweep : Path
        The sweep's folder.
    """

    def __init__(self, sweep: Path) -> None:
        self._sweep, self._folder = sweep, sweep / OUTBOX
        self._folder.mkdir(exist_ok=True)
        self._open: set[Attempt] = set()  # jobs that have begun and not ended

    def take(self) -> Iterator[Event]:
        """Yield the new events, kind by kind; the files of one are removed when the caller asks for the next.

        A network file system may show the last file before the first: a result waits for its job's start.
        """
        names = sorted(os.listdir(self._folder))
        for kind, make in ((_STARTED, Started), (_MEASURED, Measured), (_ENDED, Ended)):
            taken, contents = [], list[Any]()
            for path in [self._folder / name for name in names if name.endswith(kind)]:
                with contextlib.suppress(OSError, ValueError, LookupError):  # the next look reads it again
                    contents += self._read(kind, path.read_bytes())
                    taken.append(path)
            if contents:
                yield make(contents)
            for path in taken:
                path.unlink(missing_ok=True)

    def _read(self, kind: str, content: bytes) -> Sequence[Any]:
        if kind == _STARTED:
            starts = [JobStart(record=RunRecord(**one["record"]), tags=one["tags"]) for one in json.loads(content)]
            self._open.update(identify_attempt(start.record) for start in starts)
            return starts
        if kind == _MEASURED:
            curves = [((job, run), [Point(*one) for one in points]) for (job, run), points in json.loads(content)]
            if not self._open.issuperset(attempt for attempt, _ in curves):
                raise LookupError("the job has not begun yet, or has ended")
            return curves
        (result,) = unpack_results(content, self._sweep)
        self._open.remove(identify_attempt(result.kept.record))
        return [result]

    def close(self) -> None:
        """Remove the folder, unless it has a result that was not taken."""
        remove_outbox(self._sweep)


def read_results(sweep: Path) -> list[JobResult]:
    """Read the results in an outbox that the sweep's process has not taken."""
    results: list[JobResult] = []
    for path in sorted((sweep / OUTBOX).glob(f"*{_ENDED}")):
        with contextlib.suppress(OSError):
            results += unpack_results(path.read_bytes(), sweep)
    return results


def remove_outbox(sweep: Path, *, results: bool = False) -> None:
    """Remove an outbox; one with results stays, unless `results` says that these are recorded."""
    folder = sweep / OUTBOX
    with contextlib.suppress(OSError):  # somebody has removed it, or left another file in it
        for name in os.listdir(folder):
            if results or not name.endswith(_ENDED):
                (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def ask_to_stop(sweep: Path) -> None:
    """Ask the jobs of a sweep to end after their current epoch."""
    with contextlib.suppress(OSError):
        (sweep / STOP).touch()


def end_at_once(sweep: Path) -> None:
    """Make the jobs of a sweep that still run exit at once, and wait until they have noticed."""
    with contextlib.suppress(OSError):
        (sweep / END).touch()
    time.sleep(2 * LOOKS_EVERY)


def remove_stop_file(sweep: Path) -> None:
    """Remove the stop file, so that later jobs run."""
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
        Tells whether the job is to stop; a job that starts late is to stop before it begins.
    """
    try:
        plan = json.loads((sweep / PLAN).read_text(encoding="utf-8"))
        holder, database = owner.read_owner(plan["owner"]), plan.get("database")
    except (OSError, ValueError, KeyError, TypeError):
        return lambda: False
    if holder is None or replace(holder, lock="", every=0.0) == owner.this_process():
        return lambda: False
    # the end of that process must be seen here at once and beyond doubt, else only the files are watched
    is_visible = owner.is_here(holder) and ((holder.lock and database) or holder.pids == flock.pid_namespace())
    stop = threading.Event()
    if (sweep / STOP).exists():
        stop.set()
    watched = (sweep, holder if is_visible else None, Signs(Path(database) if database else None), stop)
    threading.Thread(target=_watch, args=watched, daemon=True).start()
    return stop.is_set


def _watch(sweep: Path, holder: Owner | None, signs: Signs, stop: threading.Event) -> None:
    """Look for the stop file and, if it can be observed, for the sweep's process; exit when that is gone."""
    if holder is not None and not holder.lock:
        holder = replace(holder, every=0.0)  # its heartbeat is in the store, which a job does not open
    while not (sweep / END).exists() and not (holder and owner.is_gone(holder, time.time(), signs)):
        if holder is None and not sweep.exists():
            return  # without the folder, nobody can ask the job to stop
        if (sweep / STOP).exists():
            stop.set()
        time.sleep(LOOKS_EVERY)
    os._exit(1)
