"""The store: where runs are kept, and the experiment that a sweep belongs to.

A store is made ready once, before any job runs. A new SQLite file is built beside its place under
another name and then linked into place, so that a killed process leaves no half-made store and two
processes that start together cannot spoil each other's.
"""

import os
import re
import sqlite3
import tempfile
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from nnsweep.errors import ConfigError, StoreError
from nnsweep.tracking.client import client, explained, masked

_SQLITE = "sqlite:///"
_HEADER = b"SQLite format 3\0"


@dataclass(frozen=True)
class Store:
    """A store that is ready, and one experiment in it.

    Attributes
    ----------
    uri : str
        Absolute tracking URI.
    experiment : str
        Name of the experiment.
    experiment_id : str
        Its id.
    """

    uri: str
    experiment: str
    experiment_id: str


def resolved_uri(uri: str | None, folder: Path) -> str:
    """Decide which store is meant.

    Parameters
    ----------
    uri : str or None
        The setting ``tracking.uri``; None for ``MLFLOW_TRACKING_URI``, or else ``sqlite:///mlflow.db``.
    folder : Path
        What a relative SQLite path is relative to.

    Returns
    -------
    str
        An absolute URI.

    Raises
    ------
    ConfigError
        If the URI is of a kind that MLflow no longer writes to, or of none it knows.

    Examples
    --------
    >>> resolved_uri("sqlite:///runs/mlflow.db", Path("/study"))
    'sqlite:////study/runs/mlflow.db'
    """
    chosen = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}mlflow.db"
    if chosen.startswith(_SQLITE):
        return _SQLITE + str(folder / chosen.removeprefix(_SQLITE))
    if re.match(r"(https?|postgresql|mysql|mssql)(\+\w+)?://\S+$", chosen):
        return chosen
    raise ConfigError(
        f"tracking.uri={masked(chosen)}: must be sqlite:///FILE, http(s)://HOST or a database URI "
        "(MLflow no longer writes to plain folders); leave it out for sqlite:///mlflow.db"
    )


def sqlite_path(uri: str) -> Path | None:
    """Return the file of an SQLite store; None for any other."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def ready(uri: str, experiment: str, artifact_root: str | None = None) -> Store:
    """Make store and experiment ready: call it once, before any worker exists.

    Parameters
    ----------
    uri : str
        From `resolved_uri`.
    experiment : str
        Made if it does not exist.
    artifact_root : str or None
        Where a new experiment keeps its artifacts; None for the folder ``mlartifacts`` beside an SQLite
        store or in the working folder, and for the server's own choice.

    Returns
    -------
    Store
        Ready to be written to by many processes.

    Raises
    ------
    StoreError
        If the store cannot be reached, read or written.
    ConfigError
        If the experiment has been deleted.
    """
    if database := sqlite_path(uri):
        _ready_sqlite(database)
    elif uri.startswith("http"):
        _require_server(uri)
    with explained(uri):
        return Store(uri, experiment, _experiment_id(uri, experiment, _artifact_location(uri, artifact_root)))


def existing(uri: str, experiment: str) -> Store:
    """Find an experiment in a store, without making anything.

    Raises
    ------
    StoreError
        If the store does not exist or cannot be used.
    ConfigError
        If it has no such experiment; the message lists those it has.
    """
    require_store(uri)
    with explained(uri):
        found = client(uri).get_experiment_by_name(experiment)
        if found is not None:
            return Store(uri, experiment, found.experiment_id)
        names = sorted(known.name for known in client(uri).search_experiments())
    raise ConfigError(f"there is no experiment '{experiment}' in {masked(uri)}; it has: {', '.join(names)}")


def require_store(uri: str) -> None:
    """Check that a store is there, without making one.

    Raises
    ------
    StoreError
        If it is not, or is damaged.
    """
    database = sqlite_path(uri)
    if database is not None and not database.exists():
        raise StoreError(f"there is no store {database} yet. Run a sweep first, or name one with --uri")
    if database is not None:
        _require_sound(database)
    elif uri.startswith("http"):
        _require_server(uri)


def optimize(store: Store) -> None:
    """Let SQLite gather the statistics that make the UI's charts several times faster."""
    if database := sqlite_path(store.uri):
        with closing(sqlite3.connect(database, timeout=20)) as connection:
            connection.execute("ANALYZE")


def _ready_sqlite(database: Path) -> None:
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        if not database.exists():
            _build_sqlite(database)
    except OSError as error:
        raise StoreError(
            f"the store {database} cannot be made ({error.strerror or error}). "
            "Choose a folder you may write to: tracking.uri=sqlite:///FOLDER/mlflow.db"
        ) from error
    _require_sound(database)
    if not os.access(database, os.W_OK) or not os.access(database.parent, os.W_OK):
        raise StoreError(f"the store {database} is read-only. Change its permissions, or choose another tracking.uri")


def _build_sqlite(database: Path) -> None:
    with tempfile.TemporaryDirectory(dir=database.parent, prefix=".nnsweep-store-") as folder:
        draft, whole = Path(folder) / "draft.db", Path(folder) / "whole.db"
        draft_uri = f"{_SQLITE}{draft}"
        with explained(draft_uri):
            client(draft_uri).search_experiments(max_results=1)  # runs all of MLflow's migrations
        # a copy, because mlflow keeps the draft open for as long as the process lives
        with closing(sqlite3.connect(draft)) as source, closing(sqlite3.connect(whole)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=WAL")  # the UI reads while a sweep writes
        try:
            os.link(whole, database)
        except FileExistsError:
            return  # another process was faster; its store is as good


def _require_sound(database: Path) -> None:
    try:
        with database.open("rb") as file:
            sound = file.read(len(_HEADER)) == _HEADER
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except (OSError, sqlite3.DatabaseError) as error:
        raise StoreError(_damaged(database, str(error))) from error
    if not sound:
        raise StoreError(_damaged(database, "it is not an SQLite database"))


def _damaged(database: Path, said: str) -> str:
    return (
        f"the store {database} cannot be read ({said}); nothing was changed. "
        "Restore a backup, or start a new one: tracking.uri=sqlite:///other.db"
    )


def _require_server(uri: str) -> None:
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=5) as answer:
            answer.read(64)
    except urllib.error.HTTPError:
        return  # somebody answers; what mlflow makes of it is told when it is asked
    except (OSError, ValueError) as error:
        raise StoreError(
            f"the tracking server {masked(uri)} does not answer ({error}). Start it, or choose another tracking.uri"
        ) from error


def _artifact_location(uri: str, artifact_root: str | None) -> str | None:
    if uri.startswith("http"):
        return artifact_root
    if artifact_root:
        return artifact_root if "://" in artifact_root else str(Path(artifact_root).absolute())
    database = sqlite_path(uri)
    return str((database.parent if database else Path.cwd()) / "mlartifacts")


def _experiment_id(uri: str, name: str, artifact_location: str | None) -> str:
    from mlflow.exceptions import MlflowException

    found = client(uri).get_experiment_by_name(name)
    if found is None:
        try:
            return client(uri).create_experiment(name, artifact_location=artifact_location)
        except MlflowException:
            found = client(uri).get_experiment_by_name(name)  # made by another process meanwhile
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise ConfigError(
            f"tracking.experiment={name}: this experiment is deleted. Choose another name, or run: "
            f"mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return str(found.experiment_id)
