"""Claims: which jobs the sweeps under way in a store have taken for themselves, so that no other sweep trains them.

A sweep claims jobs by their keys, in tags of its own run, while it alone looks at the store. A claim holds as long as
the process that made it lives (`nnsweep.tracking.owner`).
"""

import contextlib
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from nnsweep.tracking import sqlite
from nnsweep.tracking.backend import LONGEST_TAG
from nnsweep.tracking.earlier import CLAIMS, EarlierRun
from nnsweep.tracking.store import Store

DIGITS = 16
"""Digits of a key that are enough to tell it from others."""
_TAG_LENGTH = LONGEST_TAG // DIGITS * DIGITS


@contextlib.contextmanager
def look_alone(store: Store) -> Iterator[None]:
    """Let no other process of this machine look and claim meanwhile.

    The lock is on a folder, which is there already: that of an SQLite store, or else the user's own. On a file system
    without locks there is none.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    database = sqlite.find_database_file(store.uri)
    folder = database.parent if database else Path("~").expanduser()
    if not database and not (os.access(folder, os.R_OK | os.X_OK) and folder.is_dir()):  # as in some containers
        folder = Path(tempfile.gettempdir())
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_claim_tags(keys: Sequence[str]) -> dict[str, str]:
    """Write claims as tags; the last one is empty, so that nothing counts that was claimed before in more of them."""
    text = "".join(key[:DIGITS] for key in keys)
    parts = [text[start : start + _TAG_LENGTH] for start in range(0, len(text), _TAG_LENGTH)]
    return {f"{CLAIMS}{number:04}": part for number, part in enumerate([*parts, ""])}


def find_claims(sweeps: Sequence[EarlierRun], keys: Collection[str]) -> dict[str, EarlierRun]:
    """Tell which of some jobs are claimed by sweeps that are under way, and by which."""
    by_digits = {key[:DIGITS]: key for key in keys}
    claims: dict[str, EarlierRun] = {}
    for sweep in sweeps:
        for start in range(0, len(sweep.claims), DIGITS):
            if key := by_digits.get(sweep.claims[start : start + DIGITS]):
                claims.setdefault(key, sweep)
    return claims
