"""The lock of a process that has runs in an SQLite store: a file beside the store, locked as long as the process lives.

It is named relative to the store, which may be moved with its folder. A copy of the folder has the file and not its
lock, so that whatever was under way in the original is nobody's in the copy.
"""

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from nnsweep import flock, kernel

LEFT_SECONDS = 24 * 3600.0
"""How long a lock file is left alone that may be another machine's."""
_PATTERN = ".nnsweep-*.lock"
_NAME = re.compile(r"\.nnsweep-[0-9a-f]{16}\.lock")


class Lock(NamedTuple):
    """A lock that this process holds.

    Attributes
    ----------
    name : str
        Its file's, in the folder of the store.
    descriptor : int
        By which the file is open.
    """

    name: str
    descriptor: int

    def touch(self) -> None:
        """Renew the file's time, which those see who cannot see the lock, on another machine."""
        os.utime(self.descriptor)


class Look(NamedTuple):
    """What can be seen of a lock.

    Attributes
    ----------
    state : {"held", "free", "absent", "unknown"}
        See `nnsweep.flock.State`.
    touched : float or None
        When its file was touched last, in seconds since the epoch; None if it is not there.
    """

    state: flock.State
    touched: float | None = None


@contextlib.contextmanager
def locked(database: Path, about: str) -> Iterator[Lock | None]:
    """Hold a lock beside a store while the block lasts.

    Parameters
    ----------
    database : Path
        The store's file; its folder is made if it is not there.
    about : str
        What the lock's file says of its holder: JSON that names its ``boot``.

    Yields
    ------
    Lock or None
        None where there are no locks, or no file can be made.
    """
    taken = _taken(database.resolve().parent, about)
    if taken is None:
        yield None
        return
    path, descriptor = taken
    try:
        yield Lock(path.name, descriptor)
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _taken(folder: Path, about: str) -> tuple[Path, int] | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path, descriptor, is_locked = flock.made(partial(_new, folder))
    except OSError:
        return None
    assert descriptor is not None
    with contextlib.suppress(OSError):  # a full disk
        os.write(descriptor, about.encode())
    if is_locked:
        return path, descriptor
    os.close(descriptor)
    with contextlib.suppress(OSError):
        path.unlink()
    return None


def _new(folder: Path) -> tuple[Path, int]:
    path = folder / f".nnsweep-{secrets.token_hex(8)}.lock"
    return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def look(database: Path, name: str) -> Look:
    """Look at a lock beside a store; where the store is not there either, nothing is known.

    Parameters
    ----------
    database : Path
        The store's file.
    name : str
        From `Lock.name`.
    """
    if not _NAME.fullmatch(name):  # somebody has written it by hand
        return Look("unknown")
    path = database.resolve().parent / name
    with flock.looked(path) as state:
        if state == "absent":
            return Look("absent" if database.exists() else "unknown")
        try:
            return Look(state, path.lstat().st_mtime)
        except OSError:
            return Look("absent" if database.exists() else "unknown")


def remove_left(database: Path) -> None:
    """Remove the lock files beside a store whose holders are gone."""
    for path in database.resolve().parent.glob(_PATTERN):
        with contextlib.suppress(OSError), flock.looked(path) as state:
            if state == "held":
                continue
            is_old = time.time() - path.lstat().st_mtime > LEFT_SECONDS
            if is_old or (state == "free" and _is_ours(path)):
                path.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """Tell whether a lock file is of this kernel, which knows whether it is locked."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["boot"] == kernel.boot())
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
