"""The store: where runs are kept, and the experiment that a sweep belongs to.

A store is made ready once, before any job runs. Whether it is a file, a server or a database is decided by its URI.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nnsweep.errors import ConfigError, StoreError
from nnsweep.files import check_place, expand_home, is_nameable, nearest_folder
from nnsweep.masking import masked
from nnsweep.tracking import places, sqlite
from nnsweep.tracking.backend import Experiment, backend, reconnect
from nnsweep.tracking.client import explained
from nnsweep.tracking.readonly import is_read_only
from nnsweep.tracking.server import asked, is_server

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
    named = "tracking.uri" if uri or "MLFLOW_TRACKING_URI" not in os.environ else "MLFLOW_TRACKING_URI"
    given = uri or os.environ.get("MLFLOW_TRACKING_URI") or ""
    check_place(masked(given), named)
    chosen = expand_home(given.strip() or f"{sqlite.SCHEME}mlflow.db")
    if database := sqlite.file_of(chosen):
        return sqlite.uri_of(folder / database)
    if re.match(r"(https?|postgresql|mysql|mssql)(\+\w+)?://\S+$", chosen):
        return chosen
    raise ConfigError(
        f"{named}={masked(''.join(chosen.split()))}: must be sqlite:///FILE, http(s)://HOST or a database URI "
        "(MLflow no longer writes to plain folders); leave it out for sqlite:///mlflow.db"
    )


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
    if database := sqlite.file_of(uri):
        sqlite.make_ready(database)
    location = _artifact_location(uri, artifact_root)
    store = _store(uri, experiment, lambda: _experiment_id(uri, experiment, location))
    follow(store, artifact_root)
    return store


def follow(store: Store, artifact_root: str | None = None) -> None:
    """Let a store whose folder was moved or copied keep new artifacts beside itself; see `nnsweep.tracking.places`.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    database = sqlite.file_of(store.uri)
    if database and not is_read_only(database):
        with explained(store.uri):
            location = backend(store.uri).get_experiment(store.experiment_id).artifact_location
            places.follow(database, location, _artifact_location(store.uri, artifact_root) or location)


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
    reconnect()
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
    database = sqlite.file_of(uri)
    if database and not os.path.lexists(database):
        return None
    if database:
        sqlite.require_mlflows(database)
    found = asked(uri, lambda: backend(uri).get_experiment_by_name(experiment))
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
        _check_artifacts(expand_home(artifact_root))
    if database := sqlite.file_of(uri):
        sqlite.check(database)


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
        If it is not, or is damaged.
    """
    if is_server(uri):
        asked(uri, lambda: None)
    elif database := sqlite.file_of(uri):
        if not os.path.lexists(database):
            raise StoreError(f"there is no store {database} yet. Run a sweep first, or name one with --uri")
        sqlite.require_mlflows(database)


def _artifact_location(uri: str, artifact_root: str | None) -> str | None:
    if is_server(uri):
        return artifact_root
    if artifact_root:
        artifact_root = expand_home(artifact_root)
        return artifact_root if "://" in artifact_root else str(Path(artifact_root).absolute())
    database = sqlite.file_of(uri)
    return str((database.parent if database else Path.cwd()) / places.FOLDER)


def _store(uri: str, experiment: str, experiment_id: Callable[[], str]) -> Store:
    found = asked(uri, experiment_id)
    if not found:  # some other service that speaks JSON
        raise StoreError(f"{masked(uri)} is not an MLflow tracking server. Check tracking.uri or MLFLOW_TRACKING_URI")
    return Store(uri, experiment, found)


def _existing_id(uri: str, name: str) -> str:
    found = backend(uri).get_experiment_by_name(name)
    if found is None:
        names = ", ".join(sorted(known.name for known in backend(uri).search_experiments()))
        raise ConfigError(f"there is no experiment '{name}' in {masked(uri)}; it has: {names}")
    return _active_id(found)


def _experiment_id(uri: str, name: str, artifact_location: str | None) -> str:
    found = backend(uri).get_experiment_by_name(name)
    return _active_id(found) if found else backend(uri).create_experiment(name, artifact_location)


def _active_id(found: Experiment) -> str:
    if found.lifecycle_stage == "deleted":
        raise ConfigError(
            f"tracking.experiment={found.name}: this experiment is deleted. Choose another name, or run: "
            f"mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return str(found.experiment_id)
