"""Claims: which jobs a sweep that is under way will do, so that no other sweep does them too.

A sweep tells it in its own run, which it starts before its jobs. Sweeps of one machine look and claim one after the
other, under a lock.
"""

import contextlib
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from nnsweep.tracking import run as runs
from nnsweep.tracking import sqlite
from nnsweep.tracking.earlier import CLAIMS, Earlier
from nnsweep.tracking.store import Store

KEPT = 16
"""Digits of a key that are enough to tell it from others."""
_A_TAG = runs.LONGEST_TAG // KEPT * KEPT


@contextlib.contextmanager
def alone(store: Store) -> Iterator[None]:
    """Let no other process of this machine look and claim meanwhile.

    The lock is on a folder, which is there already: that of an SQLite store, or else the user's own. On a file system
    without locks there is none.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    database = sqlite.file_of(store.uri)
    descriptor = os.open(database.parent if database else _own_folder(), os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _own_folder() -> Path:
    """Give the user's folder; where there is none, as in some containers, that of temporary files."""
    home = Path("~").expanduser()
    return home if os.access(home, os.R_OK | os.X_OK) and home.is_dir() else Path(tempfile.gettempdir())


def tags(keys: Sequence[str]) -> dict[str, str]:
    """Write claims as tags; the last one is empty, so that nothing counts that was claimed before in more of them."""
    text = "".join(key[:KEPT] for key in keys)
    parts = [text[start : start + _A_TAG] for start in range(0, len(text), _A_TAG)]
    return {f"{CLAIMS}{number:04}": part for number, part in enumerate([*parts, ""])}


def claimed(sweeps: Sequence[Earlier], keys: Collection[str]) -> dict[str, Earlier]:
    """Tell which of some jobs are claimed by sweeps that are under way, and by which."""
    wanted = {key[:KEPT]: key for key in keys}
    held: dict[str, Earlier] = {}
    for sweep in sweeps:
        text = sweep.claims
        for start in range(0, len(text), KEPT):
            if key := wanted.get(text[start : start + KEPT]):
                held.setdefault(key, sweep)
    return held
