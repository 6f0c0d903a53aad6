"""How a store is opened: by MLflow's client or SQLAlchemy's engine, and as a copy where it may only be read.

MLflow's client changes the tables of a database that an older MLflow has made, unasked. So whoever opens it has asked
`nnsweep.tracking.revisions` before.

Beside an SQLite store with a log (WAL) SQLite keeps two files, which it cannot make where the store may only be read.
Such a store is copied, with its log, and the copy is opened for reading only. To read the file itself as one that never
changes (``immutable=1``) would be wrong as soon as its owner's next sweep writes to it.
"""

import atexit
import functools
import logging
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from nnsweep.scratch import keep_scratch_folder

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from sqlalchemy import Engine
    from sqlalchemy.exc import DBAPIError

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a request sent twice can make a run twice; job folders lose nothing
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # with user and password
    "GIT_PYTHON_REFRESH": "quiet",
    "PGCONNECT_TIMEOUT": "10",
}
_engines: "WeakSet[Engine]" = WeakSet()  # which SQLAlchemy has opened in this process


def readable_uri(uri: str) -> str:
    """Give the URI by which a store can be opened: its own, or that of a copy where it may only be read."""
    scheme = "sqlite:///"
    copy = copy_if_unreadable(Path(uri.removeprefix(scheme))) if uri.startswith(scheme) else None
    return f"{scheme}{copy}" if copy else uri


@functools.cache
def open_client(uri: str) -> "MlflowClient":
    """Open the store at `uri`; the same client is returned for the same URI.

    Parameters
    ----------
    uri : str
        A tracking URI as `nnsweep.tracking.store.resolve_uri` gives it.

    Returns
    -------
    mlflow.tracking.MlflowClient
        Nothing has been asked of the store yet.
    """
    settle_environment()
    from mlflow.tracking import MlflowClient

    watch_connections()
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # they print the tracebacks of what they also raise
    return MlflowClient(tracking_uri=readable_uri(uri), registry_uri=readable_uri(uri))


@functools.cache
def watch_connections() -> None:
    """Let every connection to a database be as a sweep needs it, and be known to `close_connections`."""
    from sqlalchemy import Engine, event

    def settle_connection(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            # not waiting for the disk at every commit: with its log (WAL), a power failure can then cost the last rows,
            # never the store; job folders have them
            connection.execute("PRAGMA synchronous=NORMAL")
            # a batch of runs changes thousands of pages: they are written once, and not whenever room is needed
            connection.execute("PRAGMA cache_size=-65536")
            connection.execute("PRAGMA wal_autocheckpoint=8000")
            forbid_writing(connection)

    atexit.register(close_connections)  # SQLite puts its log into the file when the last connection is closed
    event.listen(Engine, "connect", settle_connection)
    event.listen(Engine, "engine_connect", lambda connection: _engines.add(connection.engine))


def close_connections() -> None:
    """Close the connections that lie ready: a file may have been deleted meanwhile, or replaced by another.

    SQLite would go on with the file that nobody can find any more.
    """
    for engine in [*_engines]:
        engine.dispose()


def preload_client() -> None:
    """Import now what the first use of a store would import, and wait for."""
    settle_environment()
    import mlflow.store.tracking.sqlalchemy_store
    import mlflow.tracking  # noqa: F401


def settle_environment() -> None:
    """Set what mlflow, and the clients of databases, are to do where the user has not decided otherwise."""
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


_LOCKED_SECONDS = 20
"""How long a locked file is waited for."""
_LOST = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""When PostgreSQL's client takes a connection for lost of which it hears nothing, in seconds."""
_DEADLOCKS = {"40P01", "40001"}
DATABASES: dict[tuple[str, str], dict[str, Any]] = {
    ("sqlite", "pysqlite"): {"connect_args": {"timeout": _LOCKED_SECONDS}},
    ("postgresql", "psycopg2"): {"pool_pre_ping": True, "connect_args": _LOST},
    ("postgresql", "psycopg"): {"pool_pre_ping": True, "connect_args": _LOST},
    # MariaDB would else show a transaction only what was there when it began to read
    ("mysql", "pymysql"): {"pool_pre_ping": True, "isolation_level": "READ COMMITTED"},
}
"""How those databases are opened that were tried, by name and driver; a server may restart, and connections be dead."""


def make_engine(uri: str) -> "Engine":
    """Open the database at `uri`; nothing has been asked of it yet."""
    import sqlalchemy as sql

    settle_environment()
    watch_connections()
    url = sql.make_url(readable_uri(uri))
    return sql.create_engine(url, **DATABASES.get((url.get_backend_name(), url.get_driver_name()), {}))


def is_deadlock(error: "DBAPIError") -> bool:
    """Tell whether a database has ended a transaction because it and another one waited for each other."""
    codes = {getattr(error.orig, name, None) for name in ("pgcode", "sqlstate")}
    return not codes.isdisjoint(_DEADLOCKS) or (error.orig is not None and error.orig.args[:1] == (1213,))


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
    signature, copy = _copies.get(database, ((), None))
    if copy is None or signature != _signature(database):
        signature, copy = _signature(database), _copy(database)
        _copies[database] = signature, copy
    return copy


def are_copies_outdated() -> bool:
    """Tell whether a store is another by now than when it was copied."""
    return any(signature != _signature(database) for database, (signature, _) in _copies.items())


def connect_readonly(database: Path) -> sqlite3.Connection:
    """Open a store, or its copy, to look into it."""
    return _open_file(copy_if_unreadable(database) or database)


def forbid_writing(connection: sqlite3.Connection) -> None:
    """Let nothing be written to a copy: it would be lost without a word."""
    (_, _, file), *_ = connection.execute("PRAGMA database_list").fetchall()
    if any(Path(file) == copy for _, copy in _copies.values()):
        connection.execute("PRAGMA query_only=ON")


def _open_file(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOCKED_SECONDS)


def _can_be_opened(database: Path) -> bool:
    try:
        with closing(_open_file(database)) as connection:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))
    except sqlite3.Error:  # it is damaged, as `nnsweep.tracking.sqlite` will say
        return True
    return True


def _log(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def _signature(database: Path) -> tuple[object, ...]:
    stats = [path.stat() if path.exists() else None for path in (database, _log(database))]
    return tuple(stat and (stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)


def _copy(database: Path) -> Path:
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
