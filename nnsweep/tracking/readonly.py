"""Stores that may only be read, such as somebody else's, or one on a disk that is mounted read-only.

Beside a store with a log (WAL) SQLite keeps two files that it cannot make there, and so cannot open it. Then the store
is copied, with its log, and the copy is opened for reading only. To read the file itself as one that never changes
(``immutable=1``) would be wrong as soon as its owner's next sweep writes to it.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from nnsweep.scratch import keep_scratch_folder

_copies: dict[Path, tuple[tuple[object, ...], Path]] = {}  # what the files were when they were copied, and the copy


def is_read_only(database: Path) -> bool:
    """Tell whether a store may only be read."""
    return database.is_file() and not all(os.access(path, os.W_OK) for path in (database, database.parent))


def copy_if_unreadable(database: Path) -> Path | None:
    """Give a copy of a store that cannot be opened itself; None if it can be.

    Raises
    ------
    OSError
        If it cannot be copied.
    """
    if not is_read_only(database) or _can_be_opened(database):
        return None
    known, copy = _copies.get(database, ((), None))
    if known == (now := _signature(database)):
        return copy
    copy = _copied(database)
    _copies[database] = now, copy
    return copy


def are_copies_outdated() -> bool:
    """Tell whether a store is another by now than when it was copied."""
    return any(known != _signature(database) for database, (known, _) in _copies.items())


def connect_readonly(database: Path) -> sqlite3.Connection:
    """Open a store, or its copy, to look into it."""
    path = copy_if_unreadable(database) or database.absolute()
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)


def forbid_writing(connection: sqlite3.Connection) -> None:
    """Let nothing be written to a copy: it would be lost without a word."""
    (_, _, file), *_ = connection.execute("PRAGMA database_list").fetchall()
    if any(Path(file) == copy for _, copy in _copies.values()):
        connection.execute("PRAGMA query_only=ON")


def _can_be_opened(database: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=20)) as connection:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))
    except sqlite3.Error:  # it is damaged, which is told when it is looked at
        return True
    return True


def _log(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def _signature(database: Path) -> tuple[object, ...]:
    stats = [path.stat() if path.exists() else None for path in (database, _log(database))]
    return tuple(stat and (stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)


def _copied(database: Path) -> Path:
    """Copy a store and its log, until both have stayed the same meanwhile; leave the copy without a log."""
    folder = keep_scratch_folder().resolve()
    copy = folder / "mlflow.db"
    for _ in range(5):
        before = _signature(database)
        shutil.copyfile(database, copy)
        _log(copy).unlink(missing_ok=True)
        if _log(database).exists():
            shutil.copyfile(_log(database), _log(copy))
        if before == _signature(database):
            break
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return copy
