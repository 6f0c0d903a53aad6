"""An outage: the time in which a sweep's store does not answer or cannot be written, and the lines that report it.

The sweep goes on meanwhile: results are in its journal and in the jobs' folders, and are sent when the store is back.
"""

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator

from nnsweep.text import mask_secrets, printable
from nnsweep.tracking import sqlite
from nnsweep.tracking.answers import is_full, listen

NO_ROOM = 65536
"""Bytes; a disk with less free space is reported as full."""


NOTICE_SECONDS = 60.0
"""Seconds between two lines about a store that keeps going away."""


class Outage:
    """Prints a line when a store goes away, and another when it is back.

    Only the sweep's process talks to the store, so it learns of every call whether the store answered.

    Parameters
    ----------
    uri : str
        The store.

    Attributes
    ----------
    is_away : bool
        Whether the last line said that it is away.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._error = ""  # what there was instead of the last answer
        self._next = 0.0  # when the next line may be printed
        self.is_away = False

    def hear(self, uri: str, error: str) -> None:
        """Note that a store has answered, or with which error it failed to."""
        if uri == self._uri:
            self._error = error
            self.report()

    def report(self) -> None:
        """Print what has changed; that the store is away at most once in `NOTICE_SECONDS`."""
        is_away = bool(self._error)
        if is_away == self.is_away or (is_away and time.monotonic() < self._next):
            return
        if is_away:
            self._next = time.monotonic() + NOTICE_SECONDS
            why = f"cannot be written: {cause}" if (cause := self._find_cause()) else "is away"
            line = f"{why}; the sweep goes on, and records are kept in the jobs' folders"
        else:
            line = "is back; records that wait in their folders are sent at the end of the sweep"
        self.is_away = is_away
        print(f"nnsweep: the store {printable(mask_secrets(self._uri))} {line}", file=sys.stderr, flush=True)

    def _find_cause(self) -> str:
        """Say why a store in a file cannot be written; empty for any other store, which may simply be away."""
        database = sqlite.find_database_file(self._uri)
        if database is None:
            return ""
        with contextlib.suppress(OSError):
            if is_full(self._error) or shutil.disk_usage(database.parent).free < NO_ROOM:
                return f"the disk of {printable(str(database.parent))} is full"
        return printable(self._error)


@contextlib.contextmanager
def report_outages(uri: str) -> Iterator[Outage]:
    """Tell the user, during the block, when a store goes away and comes back."""
    outage = Outage(uri)
    try:
        with listen(outage.hear):
            yield outage
    finally:
        outage.report()
