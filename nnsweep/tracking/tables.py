"""MLflow's tables, and how rows are put into them.

Databases differ in how an `INSERT` says what becomes of a row that is there already, and in how it takes many rows at
once; both differences are settled here. The statements are compiled once, and go to the driver as they are.
"""

import functools
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sql

from nnsweep.tracking.client import readable_uri, settle_environment, watch_connections

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.exc import DBAPIError


_TYPES = {
    "experiment_id": sql.Integer,
    "status": sql.String,
    "value": sql.String,
    "is_nan": sql.Boolean,
    **dict.fromkeys(("start_time", "end_time", "creation_time", "last_update_time"), sql.BigInteger),
    **dict.fromkeys(("timestamp", "step"), sql.BigInteger),
}
"""What columns hold by their name; text, if it is not here."""


def _table(name: str, *columns: str, **types: Any) -> sql.TableClause:
    known = {**_TYPES, **types}
    return sql.table(name, *(sql.column(column, known.get(column, sql.String)) for column in columns))


EXPERIMENTS = _table(
    "experiments",
    "experiment_id",
    "name",
    "artifact_location",
    "lifecycle_stage",
    "creation_time",
    "last_update_time",
)
EXPERIMENT_TAGS = _table("experiment_tags", "key", "value", "experiment_id")
RUNS = _table(
    "runs",
    "run_uuid",
    "name",
    "source_type",
    "source_name",
    "entry_point_name",
    "user_id",
    "status",
    "start_time",
    "end_time",
    "source_version",
    "lifecycle_stage",
    "artifact_uri",
    "experiment_id",
)
PARAMS = _table("params", "key", "value", "run_uuid")
TAGS = _table("tags", "key", "value", "run_uuid")
METRICS = _table("metrics", "key", "value", "timestamp", "run_uuid", "step", "is_nan", value=sql.Double)
LATEST_METRICS = _table("latest_metrics", "key", "value", "timestamp", "step", "is_nan", "run_uuid", value=sql.Double)
DATASETS = _table(
    "datasets", "dataset_uuid", "experiment_id", "name", "digest", "dataset_source_type", "dataset_source"
)
INPUTS = _table("inputs", "input_uuid", "source_type", "source_id", "destination_type", "destination_id", "step")
MODELS = _table(
    "logged_models",
    "model_id",
    "experiment_id",
    "name",
    "artifact_location",
    "creation_timestamp_ms",
    "last_updated_timestamp_ms",
    "status",
    "lifecycle_stage",
    "model_type",
    "source_run_id",
    creation_timestamp_ms=sql.BigInteger,
    last_updated_timestamp_ms=sql.BigInteger,
    status=sql.Integer,
)
MODEL_TAGS = _table("logged_model_tags", "model_id", "experiment_id", "tag_key", "tag_value")


@dataclass(frozen=True, eq=False)
class Insertion:
    """How rows are put into a table, and what becomes of one that is there already.

    Attributes
    ----------
    table : TableClause
        The table.
    columns : tuple of str
        What a row gives, in this order.
    keys : tuple of str
        What no two rows of the table have in common.
    changed : tuple of str
        What a row that is there takes from the new one; nothing, if there is none.
    later : tuple of str
        A row is changed only if these are greater in the new one, the first of them first.
    kept : tuple of str
        Of those that are changed, the ones that stay where the new row has none.
    """

    table: sql.TableClause
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    changed: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def _insertion(table: sql.TableClause, keys: str, changed: str = "", **more: Any) -> Insertion:
    columns = tuple(column.name for column in table.c)
    return Insertion(table, columns, tuple(keys.split()), tuple(changed.split()), **more)


NEW_EXPERIMENTS = Insertion(EXPERIMENTS, tuple(column.name for column in EXPERIMENTS.c)[1:], ("name",))
SET_EXPERIMENT_TAGS = _insertion(EXPERIMENT_TAGS, "key experiment_id", "value")
RECORDED_RUNS = _insertion(RUNS, "run_uuid", "status end_time", kept=("end_time",))
NEW_PARAMS = _insertion(PARAMS, "key run_uuid")
SET_TAGS = _insertion(TAGS, "key run_uuid", "value")
NEW_METRICS = _insertion(METRICS, "key timestamp step run_uuid value is_nan")
LATER_METRICS = _insertion(
    LATEST_METRICS, "key run_uuid", "is_nan value timestamp step", later=("step", "timestamp", "value")
)
NEW_DATASETS = _insertion(DATASETS, "experiment_id name digest")
NEW_INPUTS = _insertion(INPUTS, "source_type source_id destination_type destination_id")
NEW_MODELS = _insertion(MODELS, "model_id")
NEW_MODEL_TAGS = _insertion(MODEL_TAGS, "model_id tag_key")


def insert_rows(connection: sql.Connection, insertion: Insertion, rows: Sequence[tuple[Any, ...]]) -> None:
    """Put rows into a table, with one statement for all of them.

    Parameters
    ----------
    connection : Connection
        In whose transaction.
    insertion : Insertion
        How.
    rows : sequence of tuple
        Each of the columns of `insertion`; no two of them with the same keys.
    """
    if not rows:
        return
    text, takes = _compiled(insertion, connection.dialect)
    if connection.dialect.name != "sqlite":  # where several write at a time, each must lock rows in the same order
        places = [insertion.columns.index(key) for key in insertion.keys]
        rows = sorted(rows, key=lambda row: [row[place] for place in places])
    names = insertion.columns
    if takes == "columns":
        columns = zip(names, zip(*rows, strict=True), strict=True)
        connection.exec_driver_sql(text, {name: [*values] for name, values in columns})
    elif takes == "names":
        connection.exec_driver_sql(text, [dict(zip(names, row, strict=True)) for row in rows])
    else:
        connection.exec_driver_sql(text, [*rows])


@functools.cache
def _compiled(insertion: Insertion, dialect: sql.Dialect) -> tuple[str, Literal["rows", "names", "columns"]]:
    """Write the statement in a database's own words, and tell how its driver takes the values.

    PostgreSQL's drivers would send one statement for each row; its own way of taking many is an array for each column.
    """
    statement = _STATEMENTS[dialect.name](insertion)
    compiled = statement.compile(dialect=dialect, column_keys=[*insertion.columns])
    return str(compiled), "columns" if dialect.name == "postgresql" else "rows" if dialect.positional else "names"


def _for_sqlite(insertion: Insertion) -> sql.Insert:
    from sqlalchemy.dialects import sqlite  # each dialect takes a while to import, and one is needed

    return _on_conflict(sqlite.insert(insertion.table), insertion)


def _for_postgresql(insertion: Insertion) -> sql.Insert:
    from sqlalchemy.dialects import postgresql

    columns = [insertion.table.c[name] for name in insertion.columns]
    arrays = (sql.cast(sql.bindparam(column.name), postgresql.ARRAY(column.type)) for column in columns)
    given = sql.select(*map(sql.func.unnest, arrays))
    return _on_conflict(postgresql.insert(insertion.table).from_select([*insertion.columns], given), insertion)


def _on_conflict(statement: Any, insertion: Insertion) -> sql.Insert:
    if not insertion.changed:
        ignoring: sql.Insert = statement.on_conflict_do_nothing()
        return ignoring
    later = None
    if insertion.later:
        new, old = (
            sql.tuple_(*(columns[name] for name in insertion.later))
            for columns in (statement.excluded, insertion.table.c)
        )
        later = new > old
    changed: sql.Insert = statement.on_conflict_do_update(
        index_elements=[*insertion.keys], set_=dict(_changes(insertion, statement.excluded)), where=later
    )
    return changed


def _for_mysql(insertion: Insertion) -> sql.Insert:
    """Say it in MySQL's words, which know no condition, and see each column that was changed before.

    So the columns that decide come last, the first of them last of all: see `LATER_METRICS`. `INSERT IGNORE` would
    swallow other errors, too.
    """
    from sqlalchemy.dialects import mysql

    statement, table = mysql.insert(insertion.table), insertion.table
    if not insertion.changed:
        first = insertion.keys[0]
        return statement.on_duplicate_key_update([(first, table.c[first])])
    changes = _changes(insertion, statement.inserted)
    if insertion.later:
        new, old = (
            sql.tuple_(*(columns[name] for name in insertion.later)) for columns in (statement.inserted, table.c)
        )
        changes = [(name, sql.func.if_(new > old, value, table.c[name])) for name, value in changes]
    return statement.on_duplicate_key_update(changes)


def _changes(insertion: Insertion, new: Any) -> list[tuple[str, Any]]:
    return [
        (name, sql.func.coalesce(new[name], insertion.table.c[name]) if name in insertion.kept else new[name])
        for name in insertion.changed
    ]


_STATEMENTS = {
    "sqlite": _for_sqlite,
    "postgresql": _for_postgresql,
    "mysql": _for_mysql,
    "mariadb": _for_mysql,
}
"""By the name of the dialect, for the databases that can be read and written as rows."""

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
