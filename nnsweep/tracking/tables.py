"""MLflow's tables, and how rows are put into them.

Databases differ in how an `INSERT` says what becomes of a row that is there already, and in how it takes many rows at
once; both differences are settled here. The statements are compiled once, and go to the driver as they are.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sql

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
