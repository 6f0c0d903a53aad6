"""The door to mlflow: the client is made here, late, because importing mlflow takes seconds.

mlflow's own defaults that do not suit a sweep (telemetry, unpickling, minutes of retries) are changed
here, each only where the user has not decided otherwise in the environment.
"""

import contextlib
import functools
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nnsweep.errors import StoreError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "GIT_PYTHON_REFRESH": "quiet",
}
_SECRET = "pass|pwd|secret|token|key|credential"
_SAID = 300


@functools.cache
def client(uri: str) -> "MlflowClient":
    """Open the store at `uri`; the same client is returned for the same URI.

    Parameters
    ----------
    uri : str
        A tracking URI as `nnsweep.tracking.store.resolved_uri` gives it.

    Returns
    -------
    mlflow.tracking.MlflowClient
        Nothing has been asked of the store yet.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    _listen()
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@functools.cache
def _listen() -> None:
    from sqlalchemy import Engine, event

    event.listen(Engine, "connect", _wait_less)


def _wait_less(connection: Any, _: Any) -> None:
    """Let SQLite not wait for the disk at every commit.

    With its log (WAL), a power failure can then cost the last rows, never the store; job folders have them.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=NORMAL")


def preload() -> None:
    """Import now what the first use of a store would import, and wait for."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow.store.tracking.sqlalchemy_store
    import mlflow.tracking  # noqa: F401


def masked(text: str) -> str:
    """Hide the credentials of every URI in a text: who stands before its host, and secrets in its query.

    Examples
    --------
    >>> masked("cannot reach postgresql://me:secret@host/db?sslpassword=secret")
    'cannot reach postgresql://***@host/db?sslpassword=***'
    """
    text = re.sub(r"://[^\s/:@]*(:\S*)?@", "://***@", text)  # a password may itself have / : and @ in it
    return re.sub(rf"([?&][^\s=&]*(?:{_SECRET})[^\s=&]*=)[^\s&]+", r"\1***", text, flags=re.IGNORECASE)


def without_credentials(address: str) -> str:
    """Return the address of a server without user and password.

    Examples
    --------
    >>> without_credentials("https://me:secret@host:8080/mlflow")
    'https://host:8080/mlflow'
    """
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextlib.contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn what mlflow and the database raise into one line for the user.

    Raises
    ------
    StoreError
        Naming the store and the start of the first line of what it said.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError, ValueError) as error:  # ValueError: an answer that is not JSON
        lines = str(error).strip().splitlines() or [type(error).__name__]
        said = masked(lines[0])[:_SAID]
        if "out-of-date database schema" in str(error):
            raise StoreError(
                f"the store {masked(uri)} was made by an older MLflow. "
                f"Copy it, then run: mlflow db upgrade {masked(uri)}"
            ) from error
        raise StoreError(
            f"the store {masked(uri)} cannot be used ({said}). Check tracking.uri or MLFLOW_TRACKING_URI"
        ) from error
