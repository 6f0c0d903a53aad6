"""The absence of a store, as the user is told of it while a sweep goes on.

Jobs, in whatever process they run, leave a mark in the sweep's folder as long as the store does not answer; the sweep's
own process watches for it, and says in a line that the store is away, and in another that it is back.
"""

import contextlib
import functools
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from nnsweep.masking import masked
from nnsweep.messages import visible
from nnsweep.sweep.place import Place
from nnsweep.sweep.watching import watching
from nnsweep.tracking import sqlite
from nnsweep.tracking.causes import is_full
from nnsweep.tracking.client import heard

MARK = ".away"
LOOKS_EVERY = 0.3
"""Seconds."""
NO_ROOM = 65536
"""Bytes: with fewer, a disk is called full."""
TOLD_EVERY = 60.0
"""Seconds between two lines about a store that goes again and again."""


@contextlib.contextmanager
def noted(place: Place, uri: str) -> Iterator[None]:
    """Leave a mark in the folder of a job's sweep, during the block, whenever a store has not answered.

    The next answer, whoever gets it, takes it away. A job that belongs to no sweep leaves none.
    """
    folders = (place.folder, *place.folder.parents)  # a single job's is the sweep's
    sweep = next((folder for folder in folders if folder.name == place.sweep), None)
    if sweep is None:
        yield
        return
    with heard(lambda asked, said: note(sweep, is_away=bool(said), said=said) if asked == uri else None):
        yield


def note(sweep: Path, *, is_away: bool, said: str = "") -> None:
    """Leave the mark, with what the store has said, or take it away; a disk that is full costs no more than a line."""
    mark = sweep / MARK
    with contextlib.suppress(OSError):
        if is_away != mark.exists():
            mark.write_text(said, encoding="utf-8", errors="replace") if is_away else mark.unlink(missing_ok=True)


class Told:
    """What the user has been told of a store.

    Parameters
    ----------
    sweep : Path
        The sweep's folder, with the mark.
    uri : str
        The store.

    Attributes
    ----------
    is_away : bool
        Whether the last line said so.
    """

    def __init__(self, sweep: Path, uri: str) -> None:
        self._mark, self._address, self._uri = sweep / MARK, uri, visible(masked(uri))
        self._next = 0.0
        self.is_away = False

    def look(self) -> None:
        """Say what has changed; that the store is away once in `TOLD_EVERY` seconds at most."""
        away = self._mark.exists()
        if away == self.is_away or (away and time.monotonic() < self._next):
            return
        if away:
            self._next = time.monotonic() + TOLD_EVERY
            why = f"cannot be written: {cause}" if (cause := self._cause()) else "is away"
            told = f"{why}; the sweep goes on, and records are kept in the jobs' folders"
        else:
            told = "is back; records that wait in their folders are sent at the end of the sweep"
        self.is_away = away
        print(f"nnsweep: the store {self._uri} {told}", file=sys.stderr, flush=True)

    def _cause(self) -> str:
        """Say why nothing can be written to a store in a file; empty if it is somewhere else, and may be away."""
        database = sqlite.file_of(self._address)
        if database is None:
            return ""
        with contextlib.suppress(OSError):
            said = self._mark.read_text(encoding="utf-8", errors="replace")
            if is_full(said) or shutil.disk_usage(database.parent).free < NO_ROOM:
                return f"the disk of {visible(str(database.parent))} is full"
            return visible(said)
        return ""


@contextlib.contextmanager
def told(sweep: Path, uri: str) -> Iterator[Told]:
    """Tell the user, during the block, when a sweep's store goes and comes."""
    telling = Told(sweep, uri)
    try:
        with watching(functools.partial(_watch, telling)):
            yield telling
    finally:
        telling.look()
        note(sweep, is_away=False)


def _watch(telling: Told, stop: threading.Event) -> None:
    while not stop.wait(LOOKS_EVERY):
        telling.look()
