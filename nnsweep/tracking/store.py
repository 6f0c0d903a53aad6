"""The store: where runs are kept, and the experiment that a sweep belongs to.

A store is made ready once, before any job runs. A new SQLite file is built beside its place under
another name and then linked into place, so that a killed process leaves no half-made store and two
processes that start together cannot spoil each other's.
"""

import os
import re
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnsweep.errors import ConfigError, StoreError
from nnsweep.files import is_nameable
from nnsweep.masking import masked
from nnsweep.tracking.client import client, explained
from nnsweep.tracking.server import asked, is_server

if TYPE_CHECKING:
    from mlflow.entities import Experiment

_SQLITE = "sqlite:///"
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
_SMALLEST = 512  # bytes: SQLite's smallest page


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
    named = "tracking.uri" if uri or "MLFLOW_TRACKING_URI" not in os.environ else "MLFLOW_TRACKING_URI"
    if chosen.startswith(_SQLITE):
        return _SQLITE + _sqlite_file(folder / chosen.removeprefix(_SQLITE))
    if re.match(r"(https?|postgresql|mysql|mssql)(\+\w+)?://\S+$", chosen):
        return chosen
    raise ConfigError(
        f"{named}={masked(''.join(chosen.split()))}: must be sqlite:///FILE, http(s)://HOST or a database URI "
        "(MLflow no longer writes to plain folders); leave it out for sqlite:///mlflow.db"
    )


def _sqlite_file(path: Path) -> str:
    if not is_nameable(path):
        raise ConfigError(f"tracking.uri=sqlite:///{path}: no file can have this name; choose another")
    if re.search(r"\?|%[0-9A-Fa-f]{2}", str(path)):
        raise ConfigError(
            f"tracking.uri=sqlite:///{path}: the path holds `?` or `%` with two digits, which a URI reads otherwise"
        )
    return str(path)


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
    location = _artifact_location(uri, artifact_root)
    return _store(uri, experiment, lambda: _experiment_id(uri, experiment, location))


def existing(uri: str, experiment: str) -> Store:
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
    return _store(uri, experiment, lambda: _existing_id(uri, experiment))


def if_there(uri: str, experiment: str) -> Store | None:
    """Find an experiment in a store; None if there is no such store or experiment, yet.

    Raises
    ------
    StoreError
        If the store is there and cannot be used.
    ConfigError
        If the experiment has been deleted.
    """
    database = sqlite_path(uri)
    if database and not os.path.lexists(database):
        return None
    if database:
        _require_mlflows(database)
    found = asked(uri, lambda: client(uri).get_experiment_by_name(experiment))
    return None if found is None else _store(uri, experiment, lambda: _active_id(found))


def check(uri: str, artifact_root: str | None = None) -> None:
    """Check what can be checked of a store without MLflow: at once, and without changing anything.

    Raises
    ------
    ConfigError
        If artifacts cannot be kept where they shall be.
    StoreError
        If it is an SQLite store that is damaged, or cannot be written or made.
    """
    if artifact_root:
        _check_artifacts(artifact_root)
    database = sqlite_path(uri)
    if not database:
        return
    if os.path.lexists(database):
        _require_writable(database)
        _require_mlflows(database)
    elif not os.access(_nearest_folder(database.parent), os.W_OK | os.X_OK):
        raise _cannot_be_made(database, "no folder above it can be written to")


def _check_artifacts(root: str) -> None:
    scheme, separator, _ = root.partition("://")
    if separator and scheme != "file":
        if scheme not in _ARTIFACT_SCHEMES:
            raise ConfigError(
                f"tracking.artifact_root={root}: must be a folder, or one of {', '.join(_ARTIFACT_SCHEMES)}"
            )
        return
    folder = Path(root.removeprefix("file://"))
    nearest = _nearest_folder(folder.absolute()) if is_nameable(folder) else folder
    if not is_nameable(folder) or not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(f"tracking.artifact_root={root}: cannot be written to; choose another folder")


def _nearest_folder(folder: Path) -> Path:
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _cannot_be_made(database: Path, cause: str) -> StoreError:
    return StoreError(
        f"the store {database} cannot be made ({cause}). "
        "Choose a folder you may write to: tracking.uri=sqlite:///FOLDER/mlflow.db"
    )


def require_store(uri: str) -> None:
    """Check that a store is there, without making one.

    Raises
    ------
    StoreError
        If it is not, or is damaged.
    """
    if is_server(uri):
        asked(uri, lambda: None)
    elif database := sqlite_path(uri):
        if not os.path.lexists(database):
            raise StoreError(f"there is no store {database} yet. Run a sweep first, or name one with --uri")
        _require_mlflows(database)


def optimize(store: Store) -> None:
    """Let SQLite gather the statistics that make the UI's charts several times faster."""
    if database := sqlite_path(store.uri):
        with closing(sqlite3.connect(database, timeout=20)) as connection:
            connection.execute("ANALYZE")


def _ready_sqlite(database: Path) -> None:
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(database):
            _build_sqlite(database)
    except OSError as error:
        raise _cannot_be_made(database, error.strerror or str(error)) from error
    _require_writable(database)
    _require_mlflows(database)


def _require_writable(database: Path) -> None:
    if database.is_file() and not all(os.access(path, os.W_OK) for path in (database, database.parent)):
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
        except OSError:
            os.replace(whole, database)  # a file system without hard links


def _require_sound(database: Path) -> None:
    try:
        said = _soundness(database)
    except sqlite3.OperationalError as error:  # what is around it, and not the file, is wrong
        raise _closed_to_us(database, error) from error
    except (OSError, sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the last from damaged names in its message
        raise StoreError(_damaged(database, str(error))) from error
    if said != "ok":
        raise StoreError(_damaged(database, said))


def _require_mlflows(database: Path) -> None:
    """Refuse a database of somebody else's, in which MLflow would make its tables on being asked."""
    _require_sound(database)
    try:
        with closing(_looked_into(database)) as connection:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchone()
    except sqlite3.OperationalError as error:
        raise _closed_to_us(database, error) from error
    if not found:
        raise StoreError(f"{database} is not an MLflow store. Name another one")


def _closed_to_us(database: Path, error: Exception) -> StoreError:
    return StoreError(f"the store {database} cannot be opened ({error}): its disk is full, read-only or broken")


def _looked_into(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=20)


def _soundness(database: Path) -> str:
    if not database.is_file():
        return "it is not a file"
    # not opened here: closing a file gives up all locks that this process has on it, and with them SQLite's on a store
    # in use, whose log another process may then delete
    if database.stat().st_size < _SMALLEST:  # SQLite takes an empty file for a database without tables
        return "it is not an SQLite database"
    with closing(_looked_into(database)) as connection:
        return " ".join(str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]).split())


def _damaged(database: Path, said: str) -> str:
    return (
        f"the store {database} cannot be read ({said}); nothing was changed. "
        "Restore a backup, or start a new one: tracking.uri=sqlite:///other.db"
    )


def _artifact_location(uri: str, artifact_root: str | None) -> str | None:
    if is_server(uri):
        return artifact_root
    if artifact_root:
        return artifact_root if "://" in artifact_root else str(Path(artifact_root).absolute())
    database = sqlite_path(uri)
    return str((database.parent if database else Path.cwd()) / "mlartifacts")


def _store(uri: str, experiment: str, experiment_id: Callable[[], str]) -> Store:
    found = asked(uri, experiment_id)
    if not found:  # some other service that speaks JSON
        raise StoreError(f"{masked(uri)} is not an MLflow tracking server. Check tracking.uri or MLFLOW_TRACKING_URI")
    return Store(uri, experiment, found)


def _existing_id(uri: str, name: str) -> str:
    found = client(uri).get_experiment_by_name(name)
    if found is None:
        names = ", ".join(sorted(known.name for known in client(uri).search_experiments()))
        raise ConfigError(f"there is no experiment '{name}' in {masked(uri)}; it has: {names}")
    return str(found.experiment_id)


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
    return _active_id(found)


def _active_id(found: "Experiment") -> str:
    if found.lifecycle_stage == "deleted":
        raise ConfigError(
            f"tracking.experiment={found.name}: this experiment is deleted. Choose another name, or run: "
            f"mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return str(found.experiment_id)
