"""The condition of a store: what is in it, whether this MLflow can read it, and which runs nobody will end."""

from dataclasses import dataclass
from pathlib import Path

from nnsweep.tracking import sqlite
from nnsweep.tracking.backend import backend
from nnsweep.tracking.client import explained, opened
from nnsweep.tracking.earlier import running
from nnsweep.tracking.server import asked, is_server
from nnsweep.tracking.store import Store, require_store


@dataclass(frozen=True)
class Condition:
    """What a store looks like.

    Attributes
    ----------
    n_experiments : int
        How many it has.
    n_bytes : int or None
        How large its file is; None if it is none.
    schema : str
        The version of its tables, which is the one that this MLflow wants; empty if it is not told.
    running : list of str
        The names of the runs that have not ended.
    forsaken : list of str
        Of these, those whose processes are gone.
    """

    n_experiments: int
    n_bytes: int | None
    schema: str
    running: list[str]
    forsaken: list[str]


def condition(uri: str) -> Condition:
    """Look at a store.

    Parameters
    ----------
    uri : str
        From `nnsweep.tracking.store.resolved_uri`.

    Raises
    ------
    StoreError
        If it is not there, cannot be used, or is of another version of MLflow.
    """
    require_store(uri)
    found = asked(uri, lambda: backend(uri).search_experiments())
    runs = [run for one in found for run in running(Store(uri, one.name, str(one.experiment_id)))]
    database = sqlite.file_of(uri)
    return Condition(
        n_experiments=len(found),
        n_bytes=_n_bytes(database) if database else None,
        schema="" if is_server(uri) else _schema(uri),
        running=[run.record.name for run in runs],
        forsaken=[run.record.name for run in runs if run.owner_is_gone],
    )


def _n_bytes(database: Path) -> int:
    """Add up the file and its log."""
    files = (database, database.with_name(f"{database.name}-wal"))
    return sum(file.stat().st_size for file in files if file.is_file())


def _schema(uri: str) -> str:
    import sqlalchemy as sql

    with explained(uri):
        engine = sql.create_engine(opened(uri), poolclass=sql.NullPool)
        with engine.connect() as connection:
            return str(connection.execute(sql.text("SELECT version_num FROM alembic_version")).scalar())
