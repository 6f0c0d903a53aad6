"""Faults: what shall happen to a process at its n-th touch of the disk.

Every state-changing call whose path lies in the study's folder is a boundary: a file opened for writing, renamed,
linked or removed, a folder made or removed, an fsync, and every SQL statement that changes something. (A SELECT is
none: the disk is as it will be at the next boundary.) They are seen through Python's audit events and SQLite's trace,
so that the product needs no hook.
"""

import contextlib
import errno
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SAID_BY_SQLITE = {
    "ENOSPC": "database or disk is full",
    "EIO": "disk I/O error",
    "EROFS": "attempt to write a readonly database",
    "EMFILE": "unable to open database file",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"}
_READING = ("SELECT", "PRAGMA", "ROLLBACK", "EXPLAIN", "SAVEPOINT", "RELEASE", "--")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens, when, and to whom.

    Attributes
    ----------
    at : int
        The number of the boundary, from 1; 0 for never.
    role : str
        Whose boundaries count: the ``program``'s, any ``worker``'s, or those of the worker that was started as the n-th
        (``worker1``, ...). Each process counts its own.
    act : {"kill", "raise"}
        SIGKILL, or an exception with `error`.
    error : str
        Name of an errno.
    forever : bool
        Whether all later boundaries fail too, and those of every process with the role.
    """

    at: int = 0
    role: str = "program"
    act: str = "kill"
    error: str = "ENOSPC"
    forever: bool = False


class Injector:
    """Counts the boundaries of this process, notes each in a log, and does at one of them what is wanted."""

    def __init__(self, fault: Fault, folder: str, log: str) -> None:
        self.fault, self.folder, self.token = fault, os.path.abspath(folder), f"{log}.fired"
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.role, self.count, self.at_work = "program", 0, threading.local()
        self.last_statement, self.n_workers = "", 0

    def arm(self) -> None:
        """Begin to count."""
        sys.addaudithook(self._heard)
        os.fsync = self._counted_fsync(os.fsync)  # it has no audit event
        sqlite3.connect = sqlite3.dbapi2.connect = self._watched(sqlite3.connect)

    def serve(self) -> None:
        """Be the server of workers, and number them."""
        self.role = "server"
        os.register_at_fork(before=self._number_next, after_in_child=self._become_worker)

    def _number_next(self) -> None:
        self.n_workers += self.role == "server"

    def _become_worker(self) -> None:
        self.role, self.count = f"worker{self.n_workers}", 0

    def cross(self, label: str) -> None:
        """Cross a boundary."""
        if self.role == "server" or getattr(self.at_work, "busy", False):
            return
        self.at_work.busy = True
        try:
            self.count += 1
            os.write(self.log, f"{os.getpid()}\t{self.role}\t{self.count}\t{label}\n".encode())
            if self.fault.role in (self.role, self.role.rstrip("0123456789")) and self._is_due():
                self._act()
        finally:
            self.at_work.busy = False

    def _is_due(self) -> bool:
        if not self.fault.at or self.count < self.fault.at:
            return False
        return self.fault.forever or (self.count == self.fault.at and self._is_first())

    def _is_first(self) -> bool:
        try:
            os.close(os.open(self.token, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True

    def _act(self) -> None:
        if self.fault.act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, self.fault.error)
        raise OSError(number, os.strerror(number))

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & _WRITING and self._is_ours(path):
                self.cross(f"open {self._shown(path)}")
        elif event in _CHANGES:
            paths = _paths(arguments)
            if any(map(self._is_ours, paths)):
                self.cross(f"{event} {' '.join(map(self._shown, paths))}")
        elif event == "sqlite3.connect" and self.folder in os.fsdecode(arguments[0]):
            self.cross("sqlite3.connect")

    def _watched(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        """Watch what connections do: a trace sees every statement, but cannot raise."""

        def connected(database: Any, *values: Any, **options: Any) -> Any:
            if self.folder not in os.fsdecode(database):
                return connect(database, *values, **options)
            if self.fault.act == "raise":
                return self._told_apart(connect, database, *values, **options)
            connection = connect(database, *values, **options)
            connection.set_trace_callback(self.crossed_by)
            return connection

        return connected

    def _told_apart(self, connect: Callable[..., Any], *values: Any, **options: Any) -> Any:
        try:
            return connect(*values, **{"factory": _failing(self), **options})
        except OSError as error:
            raise sqlite3.OperationalError("unable to open database file") from error

    def crossed_by(self, statement: str) -> None:
        """Cross a boundary, if a statement is one; a row after a row of one table, before COMMIT, is no new one."""
        shown = " ".join(statement.partition("VALUES")[0].split())[:60]
        if changes(statement) and shown != self.last_statement:
            self.last_statement = shown
            self.cross(f"sql {shown}")

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.path.abspath(os.fsdecode(path)).startswith(
            self.folder + os.sep
        )

    def _shown(self, path: Any) -> str:
        return os.path.relpath(os.fsdecode(path), self.folder)

    def _counted_fsync(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        def counted(descriptor: int) -> None:
            path = ""
            with contextlib.suppress(OSError):
                path = os.readlink(f"/proc/self/fd/{descriptor}")
            if self._is_ours(path):
                self.cross(f"fsync {self._shown(path)}")
            fsync(descriptor)

        return counted


def _paths(arguments: tuple[Any, ...]) -> list[str]:
    """Give the paths among an event's arguments; one is relative to an open folder if its descriptor comes last."""
    base = ""
    if isinstance(arguments[-1], int) and arguments[-1] >= 0:
        base = os.readlink(f"/proc/self/fd/{arguments[-1]}")
    return [os.path.join(base, os.fsdecode(path)) for path in arguments if isinstance(path, str | bytes | os.PathLike)]


def changes(statement: str) -> bool:
    """Tell whether a statement can change the disk."""
    return not statement.lstrip().upper().startswith(_READING)


def _failing(injector: Injector) -> type[sqlite3.Connection]:
    """Give connections that raise what SQLite says where its own write fails."""

    def cross(statement: str) -> None:
        try:
            injector.crossed_by(statement)
        except OSError as error:
            raise sqlite3.OperationalError(SAID_BY_SQLITE[injector.fault.error]) from error

    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, *values: Any) -> Any:
            cross(statement)
            return super().execute(statement, *values)

        def executemany(self, statement: str, *values: Any) -> Any:
            cross(statement)
            return super().executemany(statement, *values)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def commit(self) -> None:
            cross("COMMIT")
            super().commit()

    return Connection
