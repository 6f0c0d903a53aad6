"""Locks on open files and folders (flock), which the kernel drops with their holder.

Whoever looks from another machine, or from another start of it, cannot see them: `boot` and `pid_namespace`
name the kernel and the part of it in which a process lives. On systems without such locks nothing is locked.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias


@functools.cache
def boot() -> str:
    """Name this start of the machine; empty where the system has no name for it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@functools.cache
def pid_namespace() -> str:
    """Name the PID namespace of this process; empty where there are none, or they cannot be seen."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


State: TypeAlias = Literal["held", "free", "absent", "unknown"]
"""Whether somebody holds the lock of a file: ``unknown`` where there are no locks, or the file may not be opened."""
_READING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class LockedPath(NamedTuple):
    """A new file or folder, which is open.

    Attributes
    ----------
    path : Path
        Where it is.
    descriptor : int or None
        By which it is open; its lock lasts until this is closed. None for a folder where folders cannot be opened.
    is_locked : bool
        Whether this process holds its lock; otherwise there are no locks.
    """

    path: Path
    descriptor: int | None
    is_locked: bool


def take_lock(descriptor: int) -> bool:
    """Lock an open file, unless somebody else has; tell whether that was done.

    Raises
    ------
    OSError
        If there are no locks.
    """
    return _try_lock(descriptor, shared=False)


def make_locked(make: Callable[[], tuple[Path, int | None]]) -> LockedPath:
    """Make something that is locked from its first moment on, as far as others can tell.

    Parameters
    ----------
    make : callable
        Makes a file or folder of a new name, and opens it. It is called again if somebody took what it had made for
        something left behind before it was locked.
    """
    while True:
        path, descriptor = make()
        if descriptor is None:
            return LockedPath(path, None, is_locked=False)
        try:
            if take_lock(descriptor) and os.path.samestat(os.lstat(path), os.fstat(descriptor)):
                return LockedPath(path, descriptor, is_locked=True)
        except FileNotFoundError:
            pass
        except OSError:
            return LockedPath(path, descriptor, is_locked=False)
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()


@contextlib.contextmanager
def look_at(path: Path) -> Iterator[State]:
    """Look whether somebody holds the lock of a file or folder; if nobody does, nobody can take it during the block.

    Any number of processes may look at the same time.
    """
    try:
        descriptor = os.open(path, _READING)
    except FileNotFoundError:
        yield "absent"
        return
    except OSError:
        yield "unknown"
        return
    try:
        state: State = "free" if _try_lock(descriptor, shared=True) else "held"
    except OSError:
        state = "unknown"
    try:
        yield state
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, *, shared: bool) -> bool:
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise OSError("there are no locks") from error
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
