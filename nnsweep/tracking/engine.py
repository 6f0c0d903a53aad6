"""The engines by which databases are opened, and what is known of their tables.

A database is read and written as rows only through drivers that were tried, and only if its tables are of a version
that was.
"""

import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnsweep.tracking.client import readable_uri, settle_environment, watch_connections

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.exc import DBAPIError

REVISIONS = {"3.11": "c3d6457b6d8a", "3.17": "dc11669786a5"}
"""The version of a database's tables by that of the MLflow that makes them, for those that were tried."""
_LOCKED_SECONDS = 20
"""How long a locked file is waited for."""
_LOST = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""When PostgreSQL's client takes a connection for lost of which it hears nothing, in seconds."""
_DEADLOCKS = {"40P01", "40001"}
_ARGUMENTS: dict[tuple[str, str], dict[str, Any]] = {
    ("sqlite", "pysqlite"): {"connect_args": {"timeout": _LOCKED_SECONDS}},
    ("postgresql", "psycopg2"): {"pool_pre_ping": True, "connect_args": _LOST},
    ("postgresql", "psycopg"): {"pool_pre_ping": True, "connect_args": _LOST},
    # MariaDB would else show a transaction only what was there when it began to read
    ("mysql", "pymysql"): {"pool_pre_ping": True, "isolation_level": "READ COMMITTED"},
}
"""How databases are opened, by name and driver; a server may restart, and its connections then be dead."""


def make_engine(uri: str) -> "Engine":
    """Open the database at `uri`; nothing has been asked of it yet."""
    import sqlalchemy as sql

    settle_environment()
    watch_connections()
    url = sql.make_url(readable_uri(uri))
    return sql.create_engine(url, **_ARGUMENTS[url.get_backend_name(), url.get_driver_name()])


def has_known_tables(uri: str) -> bool:
    """Tell whether a store is a database whose tables are those that the installed MLflow makes, and were tried.

    Raises
    ------
    sqlite3.Error
        If it is a file that cannot be read.
    sqlalchemy.exc.SQLAlchemyError
        If it does not answer, or refuses.
    """
    known = REVISIONS.get(".".join(version("mlflow").split(".")[:2]))
    if known is None or uri.startswith(("http:", "https:")):
        return False
    scheme, _, path = readable_uri(uri).partition(":///")
    return known == (_revision_of_file(Path(path)) if scheme == "sqlite" else _revision(uri))


def _revision_of_file(database: Path) -> str | None:
    address = f"{database.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_LOCKED_SECONDS)) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else None


def _revision(uri: str) -> str | None:
    """Read which version a database's tables are of; None if it has none, or cannot be opened here."""
    import sqlalchemy as sql
    from sqlalchemy.exc import ArgumentError, ProgrammingError

    try:
        url = sql.make_url(uri)
        if (url.get_backend_name(), url.get_driver_name()) not in _ARGUMENTS:
            return None
        asked = make_engine(uri)
    except (ImportError, ArgumentError):  # there is no such driver, which is told by MLflow's client
        return None
    try:
        with asked.connect() as connection:
            is_mysql = connection.dialect.name == "mysql" and not getattr(connection.dialect, "is_mariadb", False)
            if is_mysql:  # which was not tried
                return None
            return connection.execute(sql.text("SELECT version_num FROM alembic_version")).scalar()
    except ProgrammingError:  # a new database
        return None
    finally:
        asked.dispose()


def is_deadlock(error: "DBAPIError") -> bool:
    """Tell whether a database has ended a transaction because it and another one waited for each other."""
    told = {getattr(error.orig, name, None) for name in ("pgcode", "sqlstate")}
    return not told.isdisjoint(_DEADLOCKS) or (error.orig is not None and error.orig.args[:1] == (1213,))
