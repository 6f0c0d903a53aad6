"""The absence of a store: the user is told in a line that it is away, and in another that it is back.

The sweep's process alone asks the store, so it knows of every question whether it was answered.
"""

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator

from nnsweep.text import mask_secrets, printable
from nnsweep.tracking import sqlite
from nnsweep.tracking.client import is_full, listen

NO_ROOM = 65536
"""Bytes: with fewer, a disk is called full."""
TOLD_EVERY = 60.0
"""Seconds between two lines about a store that goes again and again."""


class Outage:
    """What the user has been told of a store.

    Parameters
    ----------
    uri : str
        The store.

    Attributes
    ----------
    is_away : bool
        Whether the last line said so.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._said = ""  # in the place of the last answer
        self._next = 0.0
        self.is_away = False

    def hear(self, uri: str, said: str) -> None:
        """Take note of whether a store has answered, or what was said in the place of an answer."""
        if uri == self._uri:
            self._said = said
            self.tell()

    def tell(self) -> None:
        """Say what has changed; that the store is away once in `TOLD_EVERY` seconds at most."""
        away = bool(self._said)
        if away == self.is_away or (away and time.monotonic() < self._next):
            return
        if away:
            self._next = time.monotonic() + TOLD_EVERY
            why = f"cannot be written: {cause}" if (cause := self._cause()) else "is away"
            told = f"{why}; the sweep goes on, and records are kept in the jobs' folders"
        else:
            told = "is back; records that wait in their folders are sent at the end of the sweep"
        self.is_away = away
        print(f"nnsweep: the store {printable(mask_secrets(self._uri))} {told}", file=sys.stderr, flush=True)

    def _cause(self) -> str:
        """Say why nothing can be written to a store in a file; empty if it is somewhere else, and may be away."""
        database = sqlite.find_database_file(self._uri)
        if database is None:
            return ""
        with contextlib.suppress(OSError):
            if is_full(self._said) or shutil.disk_usage(database.parent).free < NO_ROOM:
                return f"the disk of {printable(str(database.parent))} is full"
        return printable(self._said)


@contextlib.contextmanager
def told_outages(uri: str) -> Iterator[Outage]:
    """Tell the user, during the block, when a store goes and comes."""
    outage = Outage(uri)
    try:
        with listen(outage.hear):
            yield outage
    finally:
        outage.tell()
