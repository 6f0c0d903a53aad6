"""Signs of life: a lock beside an SQLite store, and a heartbeat where no lock can be seen.

The lock of a process that has runs in an SQLite store is a file beside the store, locked as long as the process lives.
It is named relative to the store, which may be moved with its folder. A copy of the folder has the file and not its
lock, so that whatever was under way in the original is nobody's in the copy.
"""

import contextlib
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from nnsweep import flock

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


class LockState(NamedTuple):
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
def hold_lock(database: Path, about: str) -> Iterator[Lock | None]:
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
    locked = _make_lock(database.resolve().parent, about)
    if locked is None:
        yield None
        return
    path, descriptor = locked
    try:
        yield Lock(path.name, descriptor)
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _make_lock(folder: Path, about: str) -> tuple[Path, int] | None:
    def make_file() -> tuple[Path, int]:
        path = folder / f".nnsweep-{secrets.token_hex(8)}.lock"
        return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        path, descriptor, is_locked = flock.make_locked(make_file)
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


def look_at_lock(database: Path, name: str) -> LockState:
    """Look at a lock beside a store; where the store is not there either, nothing is known.

    Parameters
    ----------
    database : Path
        The store's file.
    name : str
        From `Lock.name`.
    """
    if not _NAME.fullmatch(name):  # somebody has written it by hand
        return LockState("unknown")
    path = database.resolve().parent / name
    with flock.look_at(path) as state:
        if state == "absent":
            return LockState("absent" if database.exists() else "unknown")
        try:
            return LockState(state, path.lstat().st_mtime)
        except OSError:
            return LockState("absent" if database.exists() else "unknown")


def remove_stale_locks(database: Path) -> None:
    """Remove the lock files beside a store whose holders are gone."""
    for path in database.resolve().parent.glob(_PATTERN):
        with contextlib.suppress(OSError), flock.look_at(path) as state:
            if state == "held":
                continue
            is_old = time.time() - path.lstat().st_mtime > LEFT_SECONDS
            if is_old or (state == "free" and _is_ours(path)):
                path.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """Tell whether a lock file is of this kernel, which knows whether it is locked."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["boot"] == flock.boot())
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


EVERY_SECONDS = 5.0
"""Between two beats."""
MISSED = 12
"""How many beats somebody must watch in vain: a store may be away for some of them."""
LONG_SECONDS = 3600.0
"""A heartbeat that tells a time so long ago has ended, whatever the clocks are."""

_watched: dict[str, tuple[str, float]] = {}
"""By whose heartbeat it is: what it was, and since when (`time.monotonic`) it has been that."""


@contextlib.contextmanager
def keep_beating(beat: Callable[[], None]) -> Iterator[bool]:
    """Let a thread beat as long as the block lasts; a beat that fails is left to the next one.

    Parameters
    ----------
    beat : callable
        Leaves the sign of life.

    Yields
    ------
    bool
        False if the system lets this user have no more threads.
    """
    over = threading.Event()

    def beat_until_over() -> None:
        while not over.wait(EVERY_SECONDS):
            with contextlib.suppress(Exception):
                beat()

    thread = threading.Thread(target=beat_until_over, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        yield False
        return
    try:
        yield True
    finally:
        over.set()
        thread.join(EVERY_SECONDS)  # a server that hangs keeps nobody from ending


def watch_heartbeat(whose: str, mark: str) -> float:
    """Watch a heartbeat; give the seconds for which it has been seen not to change.

    Parameters
    ----------
    whose : str
        Names the process.
    mark : str
        What its heartbeat is now.
    """
    now = time.monotonic()
    last, since = _watched.get(whose, ("", now))
    _watched[whose] = (mark, since if last == mark else now)
    return now - _watched[whose][1]
