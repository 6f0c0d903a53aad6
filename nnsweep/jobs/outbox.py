"""An outbox: a folder in a sweep's, through which jobs that another launcher runs hand back what happens to them.

Launchers return at their end alone, and a job may run on another machine. All that both sides need is this folder: a
job leaves each event as a file that is whole as soon as it has its name, and the sweep's process takes it away when it
is recorded. What a sweep that died has not taken is taken up by the next command, as its journal is.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nnsweep.files import sync_path, whole_file
from nnsweep.jobs.journal import pack_result, unpack_results
from nnsweep.jobs.result import Attempt, Ended, Event, JobResult, JobStart, Measured, Started, identify_attempt
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
