"""The absence of a store, as the user is told of it while a sweep goes on.

Jobs, in whatever process they run, leave a mark in the sweep's folder as long as the store does not answer; the sweep's
own process watches for it, and says in a line that the store is away, and in another that it is back.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from nnsweep.masking import masked
from nnsweep.messages import visible
from nnsweep.sweep.place import Place
from nnsweep.tracking.client import heard

MARK = ".away"
LOOKS_EVERY = 0.3
"""Seconds."""
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
    with heard(lambda asked, said: note(sweep, is_away=bool(said)) if asked == uri else None):
        yield


def note(sweep: Path, *, is_away: bool) -> None:
    """Leave the mark, or take it away; a disk that is full costs no more than a line."""
    mark = sweep / MARK
    with contextlib.suppress(OSError):
        if is_away != mark.exists():
            mark.touch() if is_away else mark.unlink(missing_ok=True)


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
        self._mark, self._uri = sweep / MARK, visible(masked(uri))
        self._next = 0.0
        self.is_away = False

    def look(self) -> None:
        """Say what has changed; that the store is away once in `TOLD_EVERY` seconds at most."""
        away = self._mark.exists()
        if away == self.is_away or (away and time.monotonic() < self._next):
            return
        if away:
            self._next = time.monotonic() + TOLD_EVERY
            told = "is away; the sweep goes on, and records are kept in the jobs' folders"
        else:
            told = "is back; records that wait in their folders are sent at the end of the sweep"
        self.is_away = away
        print(f"nnsweep: the store {self._uri} {told}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def told(sweep: Path, uri: str) -> Iterator[Told]:
    """Tell the user, during the block, when a sweep's store goes and comes."""
    telling, stop = Told(sweep, uri), threading.Event()
    watcher = threading.Thread(target=_watch, args=(telling, stop), daemon=True)
    watcher.start()
    try:
        yield telling
    finally:
        stop.set()
        watcher.join()
        telling.look()
        note(sweep, is_away=False)


def _watch(telling: Told, stop: threading.Event) -> None:
    while not stop.wait(LOOKS_EVERY):
        telling.look()
