"""The condition of a store: what is in it, whether this MLflow can read it, and which runs nobody will end."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nnsweep.tracking import sqlite
from nnsweep.tracking.backend import backend
from nnsweep.tracking.client import explained, opened
from nnsweep.tracking.earlier import running
from nnsweep.tracking.owner import Presence
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
    unseen : list of str
        Of these, those whose processes may live, though they give no sign of life.
    under_way : list of UnderWay
        The sweeps that have not ended and whose processes may live.
    """

    n_experiments: int
    n_bytes: int | None
    schema: str
    running: list[str]
    forsaken: list[str]
    unseen: list[str]
    under_way: list["UnderWay"]


class UnderWay(NamedTuple):
    """A sweep that is under way.

    Attributes
    ----------
    name : str
        Its id.
    holder : str
        The process.
    presence : Presence
        Whether that is there, and how that can be seen.
    """

    name: str
    holder: str
    presence: Presence


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
    seen = [(run, run.presence) for run in runs]
    database = sqlite.file_of(uri)
    return Condition(
        n_experiments=len(found),
        n_bytes=_n_bytes(database) if database else None,
        schema="" if is_server(uri) else _schema(uri),
        running=[run.record.name for run in runs],
        forsaken=[run.record.name for run, there in seen if there.state == "gone"],
        unseen=[run.record.name for run, there in seen if there.state == "unseen"],
        under_way=[
            UnderWay(run.record.sweep or run.record.name, str(run.owner or "an unknown process"), there)
            for run, there in seen
            if run.is_sweep and there.state != "gone"
        ],
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
