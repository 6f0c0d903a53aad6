"""Scratch folders: temporary folders that a later start removes if the process that made them was killed.

Whoever makes one holds a lock on a file in it as long as it lives; the system gives the lock up with the process. A
process number would say nothing: containers that share a folder of temporary files count processes each for itself.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nnsweep import flock

PREFIX = "nnsweep-"
LOCK = "lock"
LONGEST = 60
"""Characters of a folder's path in which the sockets of workers have room: a socket's whole path has about 100."""


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Have a new folder while the block lasts; those of processes that are gone are removed first."""
    folder, lock = _make_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _release(lock)


def keep_scratch_folder() -> Path:
    """Make a folder that lasts as long as this process."""
    from multiprocessing.util import Finalize

    folder, lock = _make_folder()

    def remove(owner: int) -> None:
        if os.getpid() == owner:  # a process that was forked meanwhile does not own it
            shutil.rmtree(folder, ignore_errors=True)
            _release(lock)

    Finalize(None, remove, args=(os.getpid(),), exitpriority=-101)  # after multiprocessing's own folders
    return folder


def keep_workers_files() -> None:
    """Let multiprocessing keep its sockets in a scratch folder of this process, unless it has a folder already."""
    from multiprocessing import process, util

    if process.current_process()._config.get("tempdir") or len(tempfile.gettempdir()) > LONGEST - 20:  # type: ignore[attr-defined]
        return
    before = tempfile.tempdir
    tempfile.tempdir = str(keep_scratch_folder())
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before


def remove_abandoned() -> None:
    """Remove the folders whose owners are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / LOCK, os.O_RDWR)  # one without a lock is somebody else's
            try:
                if flock.take_lock(lock):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _make_folder() -> tuple[Path, int | None]:
    """Make a folder and lock it; one that was taken for abandoned before it was locked is gone, and made anew."""
    remove_abandoned()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if flock.take_lock(lock) and os.path.samestat(os.stat(folder / LOCK), os.fstat(lock)):
                return folder, lock
        except FileNotFoundError:
            pass
        except OSError:  # there are no locks here: without its file nobody takes the folder for abandoned
            os.close(lock)
            (folder / LOCK).unlink(missing_ok=True)
            return folder, None
        os.close(lock)


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
