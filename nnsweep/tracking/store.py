"""The store of a sweep: its address and experiment, and where the files beside it are.

MLflow records absolute paths. Files of an SQLite store are looked for first under the folder that the store is in now,
then at their recorded place. So a folder can be moved, and a copy of it reads its own files.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from nnsweep.errors import ConfigError, StoreError
from nnsweep.files import check_place, expand_home, is_nameable, nearest_folder
from nnsweep.text import mask_secrets
from nnsweep.tracking import sqlite
from nnsweep.tracking.answers import ask_first, ask_in_time, explain_errors, is_server
from nnsweep.tracking.backend import Experiment, find_backend, forget_backends
from nnsweep.tracking.connection import is_read_only
from nnsweep.tracking.revisions import has_tables

FOLDER = "mlartifacts"
"""The folder beside an SQLite store that has the artifacts."""
_COLUMNS = (
    ("experiments", "artifact_location", "1"),
    ("runs", "artifact_uri", "status = 'RUNNING'"),
    ("logged_models", "artifact_location", "0"),
    ("model_versions", "source", "0"),
    ("model_versions", "storage_location", "0"),
)
"""Where MLflow's tables name places, and which of these will be written to."""


def local_folder(uri: str) -> Path | None:
    """Give the folder that an artifact URI names; None if it is not on this machine.

    Examples
    --------
    >>> str(local_folder("file:///a%20b/c")), local_folder("s3://bucket/c")
    ('/a b/c', None)
    """
    if uri.startswith("file:"):
        return Path(unquote(urlparse(uri).path))
    return Path(uri) if uri and "://" not in uri and not uri.startswith("mlflow-artifacts:") else None


def locate(store_uri: str, recorded: Path, *, shortest: int = 2) -> Path:
    """Find a recorded file or folder: beside the store, or else where it was recorded.

    Parameters
    ----------
    store_uri : str
        The store.
    recorded : Path
        As it was when it was recorded.
    shortest : int
        How many parts of the recorded path must be found again.

    Returns
    -------
    Path
        Something that is there, or `recorded`.
    """
    database = sqlite.find_database_file(store_uri)
    if database is None or not recorded.is_absolute():
        return recorded
    parts = recorded.parts[1:]
    beside = (os.path.join(database.parent, *parts[start:]) for start in range(len(parts) - shortest + 1))
    return next((Path(path) for path in beside if os.path.exists(path)), recorded)


def follow_artifacts(database: Path, location: str, new_location: str) -> None:
    """Let a moved or copied store keep what is new beside itself, and know its own files again.

    The store's rows that name places below the old folder are changed to the one beside the store, where that has the
    files. So MLflow finds them, too.

    Parameters
    ----------
    database : Path
        The store.
    location : str
        Where an experiment keeps its artifacts, as it is recorded.
    new_location : str
        Where a new experiment would keep its artifacts.
    """
    old = local_folder(location)
    new = old and _new_root(database, old, local_folder(new_location) or old)
    if old is None or new is None:
        return
    import sqlalchemy as sql

    engine = sql.create_engine(sqlite.make_sqlite_uri(database), poolclass=sql.NullPool)
    with engine.begin() as connection:
        for table, column, is_open in _COLUMNS:
            rows = connection.execute(
                sql.text(f"SELECT rowid, {column}, {is_open} FROM {table} WHERE {column} IS NOT NULL")
            )
            places = ((row, _move(text, old, new, will_be_written=bool(is_open))) for row, text, is_open in rows)
            changes = [{"row": row, "place": str(place)} for row, place in places if place]
            if changes:
                connection.execute(sql.text(f"UPDATE {table} SET {column} = :place WHERE rowid = :row"), changes)


def _new_root(database: Path, old: Path, default: Path) -> Path | None:
    """Decide where the artifacts of a store belong that has another folder than it was made in; None: where they are.

    A folder that is there, and that is not beside a store, was chosen: it stays.
    """
    new = locate(sqlite.make_sqlite_uri(database), old, shortest=1)
    if new == old and old.name == default.name:
        new = default
    if new == old or (old.exists() and new.exists() and new.samefile(old)):
        return None
    return new if not old.exists() or any(old.parent.glob("*.db")) else None


def _move(text: str, old: Path, new: Path, *, will_be_written: bool) -> Path | None:
    """Give the new place of what a row names, if it is there, or is still to be written; else None."""
    place = local_folder(text)
    if place is None or not place.is_relative_to(old):
        return None
    moved = new / place.relative_to(old)
    return moved if will_be_written or moved.exists() else None


_ARTIFACT_SCHEMES = (
    "s3",
    "gs",
    "wasbs",
    "abfss",
    "hdfs",
    "viewfs",
    "dbfs",
    "ftp",
    "sftp",
    "http",
    "https",
    "mlflow-artifacts",
    "r2",
)


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


def resolve_uri(uri: str | None, folder: Path) -> str:
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
    >>> resolve_uri("sqlite:///runs/mlflow.db", Path("/study"))
    'sqlite:////study/runs/mlflow.db'
    """
    key = "tracking.uri" if uri or "MLFLOW_TRACKING_URI" not in os.environ else "MLFLOW_TRACKING_URI"
    given = uri or os.environ.get("MLFLOW_TRACKING_URI") or ""
    check_place(mask_secrets(given), key)
    address = expand_home(given.strip() or f"{sqlite.SCHEME}mlflow.db")
    if database := sqlite.find_database_file(address):
        return sqlite.make_sqlite_uri(folder / database)
    if re.match(r"(https?|postgresql|mysql|mssql)(\+\w+)?://\S+$", address):
        return address
    raise ConfigError(
        f"{key}={mask_secrets(''.join(address.split()))}: must be sqlite:///FILE, http(s)://HOST or a database URI "
        "(MLflow no longer writes to plain folders); leave it out for sqlite:///mlflow.db"
    )


def prepare_store(uri: str, experiment: str, artifact_root: str | None = None) -> Store:
    """Make store and experiment ready: call it once, before any worker exists.

    Parameters
    ----------
    uri : str
        From `resolve_uri`.
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
    if database := sqlite.find_database_file(uri):
        sqlite.prepare_database(database)
    location = _artifact_location(uri, artifact_root)

    def find_or_create() -> str:
        backend = find_backend(uri)
        existing = backend.get_experiment_by_name(experiment)
        return _active_id(existing) if existing else backend.create_experiment(experiment, location)

    store = _ask_for_store(uri, experiment, find_or_create)
    follow_store(store, artifact_root)
    return store


def follow_store(store: Store, artifact_root: str | None = None) -> None:
    """Let a store whose folder was moved or copied keep new artifacts beside itself; see `nnsweep.tracking.store`.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    database = sqlite.find_database_file(store.uri)
    if database and not is_read_only(database):
        with explain_errors(store.uri):
            location = find_backend(store.uri).get_experiment(store.experiment_id).artifact_location
            follow_artifacts(database, location, _artifact_location(store.uri, artifact_root) or location)


def find_store(uri: str, experiment: str) -> Store:
    """Find an experiment in a store, without making anything.

    Raises
    ------
    StoreError
        If the store does not exist or cannot be used.
    ConfigError
        If it has no such experiment; the message lists those it has.
    """
    if not is_server(uri):
        require_store(uri)
    forget_backends()

    def find_id() -> str:
        backend = find_backend(uri)
        existing = backend.get_experiment_by_name(experiment)
        if existing is None:
            names = ", ".join(sorted(one.name for one in backend.search_experiments()))
            raise ConfigError(f"there is no experiment '{experiment}' in {mask_secrets(uri)}; it has: {names}")
        return _active_id(existing)

    return _ask_for_store(uri, experiment, find_id)


def find_store_if_any(uri: str, experiment: str) -> Store | None:
    """Find an experiment in a store; None if there is no such store or experiment, yet.

    Raises
    ------
    StoreError
        If the store is there and cannot be used.
    ConfigError
        If the experiment has been deleted.
    """
    if not is_made(uri):
        return None
    found = ask_first(uri, lambda: find_backend(uri).get_experiment_by_name(experiment))
    return None if found is None else _ask_for_store(uri, experiment, lambda: _active_id(found))


def find_deleted_experiment(uri: str, experiment: str) -> str:
    """Give the id of an experiment that has been deleted in MLflow; empty if it has not.

    Raises
    ------
    StoreError
        If the store is there and cannot be used.
    """
    if not is_made(uri):
        return ""
    found = ask_first(uri, lambda: find_backend(uri).get_experiment_by_name(experiment))
    return found.experiment_id if found and found.lifecycle_stage == "deleted" else ""


def check_store(uri: str, artifact_root: str | None = None) -> None:
    """Check what can be checked of a store without MLflow: at once, and without changing anything.

    Raises
    ------
    ConfigError
        If artifacts cannot be kept where they shall be.
    StoreError
        If it is an SQLite store that is damaged, or cannot be written or made.
    """
    if artifact_root:
        _check_artifacts(expand_home(artifact_root))
    if database := sqlite.find_database_file(uri):
        sqlite.check_database(database)


def _check_artifacts(root: str) -> None:
    check_place(root, "tracking.artifact_root")
    scheme, separator, _ = root.partition("://")
    if separator and scheme != "file":
        if scheme not in _ARTIFACT_SCHEMES:
            raise ConfigError(
                f"tracking.artifact_root={root}: must be a folder, or one of {', '.join(_ARTIFACT_SCHEMES)}"
            )
        return
    folder = Path(root.removeprefix("file://"))
    nearest = nearest_folder(folder.absolute()) if is_nameable(folder) else folder
    if not is_nameable(folder) or not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(f"tracking.artifact_root={root}: cannot be written to; choose another folder")


def require_store(uri: str) -> None:
    """Check that a store is there, without making one.

    Raises
    ------
    StoreError
        If it is not, is damaged, or is of another MLflow than the installed one.
    """
    if is_server(uri):
        ask_first(uri, lambda: None)
    elif not is_made(uri):
        place = sqlite.find_database_file(uri) or mask_secrets(uri)
        raise StoreError(f"there is no store {place} yet. Run a sweep first, or name one with --uri")


def is_made(uri: str) -> bool:
    """Tell whether a store has been made: there is its file, or its database has MLflow's tables.

    Raises
    ------
    StoreError
        If something else is there, what is there is damaged, or it is of another MLflow than the installed one.
    """
    if is_server(uri):
        return True
    if database := sqlite.find_database_file(uri):
        if not os.path.lexists(database):
            return False
        sqlite.require_mlflow_database(database)
    return ask_in_time(uri, lambda: has_tables(uri))


def _artifact_location(uri: str, artifact_root: str | None) -> str | None:
    if is_server(uri):
        return artifact_root
    if artifact_root:
        artifact_root = expand_home(artifact_root)
        return artifact_root if "://" in artifact_root else str(Path(artifact_root).absolute())
    database = sqlite.find_database_file(uri)
    return str((database.parent if database else Path.cwd()) / FOLDER)


def _ask_for_store(uri: str, experiment: str, find_id: Callable[[], str]) -> Store:
    experiment_id = ask_first(uri, find_id)
    if not experiment_id:  # some other service that speaks JSON
        raise StoreError(
            f"{mask_secrets(uri)} is not an MLflow tracking server. Check tracking.uri or MLFLOW_TRACKING_URI"
        )
    return Store(uri, experiment, experiment_id)


def _active_id(experiment: Experiment) -> str:
    if experiment.lifecycle_stage == "deleted":
        raise ConfigError(
            f"tracking.experiment={experiment.name}: this experiment is deleted. Choose another name, or run: "
            f"mlflow experiments restore --experiment-id {experiment.experiment_id}"
        )
    return str(experiment.experiment_id)
