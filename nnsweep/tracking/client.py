"""The door to mlflow: the client is made here, late, because importing mlflow takes seconds.

mlflow's own defaults that do not suit a sweep (telemetry, minutes of retries) are changed here, each only where the
user has not decided otherwise in the environment; unpickling is switched off whatever it says.
"""

import contextlib
import functools
import logging
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakSet

from nnsweep.errors import FullDiskError, StoreError
from nnsweep.masking import masked
from nnsweep.messages import is_broken
from nnsweep.tracking.causes import CHECK, in_words, is_full, way_out
from nnsweep.tracking.readonly import protect, readable

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from sqlalchemy import Engine

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a request sent twice can make a run twice; job folders lose nothing
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # with user and password
    "GIT_PYTHON_REFRESH": "quiet",
    "PGCONNECT_TIMEOUT": "10",
}
_SAID = 300
AWAY_SECONDS = 5.0
"""How long a store that did not answer is not asked again: every call would wait for it."""

Listener: TypeAlias = Callable[[str, str], None]
"""Is told the URI of a store that was asked, and what was said in the place of an answer; nothing if it answered."""

_engines: "WeakSet[Engine]" = WeakSet()  # which SQLAlchemy has opened in this process
_away: dict[str, tuple[float, str]] = {}  # until when, and what was said, by URI
_listeners: list[Listener] = []


def opened(uri: str) -> str:
    """Give the URI by which a store can be opened: its own, or that of a copy where it may only be read."""
    scheme = "sqlite:///"
    copy = readable(Path(uri.removeprefix(scheme))) if uri.startswith(scheme) else None
    return f"{scheme}{copy}" if copy else uri


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
    settle_environment()
    from mlflow.tracking import MlflowClient

    listen()
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # they print the tracebacks of what they also raise
    return MlflowClient(tracking_uri=opened(uri), registry_uri=opened(uri))


@functools.cache
def listen() -> None:
    """Let every connection to a database be as a sweep needs it, and be known to `close_connections`."""
    from sqlalchemy import Engine, event

    event.listen(Engine, "connect", _wait_less)
    event.listen(Engine, "engine_connect", lambda connection: _engines.add(connection.engine))


def close_connections() -> None:
    """Close the connections that lie ready: a file may have been deleted meanwhile, or replaced by another.

    SQLite would go on with the file that nobody can find any more.
    """
    for engine in [*_engines]:
        engine.dispose()


def _wait_less(connection: Any, _: Any) -> None:
    """Let SQLite not wait for the disk at every commit.

    With its log (WAL), a power failure can then cost the last rows, never the store; job folders have them.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=NORMAL")
        protect(connection)


def preload() -> None:
    """Import now what the first use of a store would import, and wait for."""
    settle_environment()
    import mlflow.store.tracking.sqlalchemy_store
    import mlflow.tracking  # noqa: F401


def settle_environment() -> None:
    """Set what mlflow, and the clients of databases, are to do where the user has not decided otherwise."""
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn what mlflow and the database raise into one line for the user.

    Raises
    ------
    StoreError
        Naming the store and the start of the first line of what it said; at once, if it did not answer a moment ago.
    """
    until, last = _away.get(uri, (0.0, ""))
    if time.monotonic() < until:
        raise StoreError(f"the store {masked(uri)} did not answer a moment ago ({last}). {CHECK}")
    try:
        yield
        _tell(uri, "")
    except ImportError as error:
        raise StoreError(
            f"the store {masked(uri)} needs a driver that is not installed ({error.name}): pip install it"
        ) from error
    except _refusals() as error:
        said, silent = masked(in_words(_said(error)))[:_SAID].rstrip("."), _did_not_answer(error)
        if silent:
            _away[uri] = time.monotonic() + AWAY_SECONDS, said
        _tell(uri, said if silent else "")
        if "out-of-date database schema" in str(error):
            raise StoreError(
                f"the store {masked(uri)} was made by an older MLflow. "
                f"Copy it, then run: mlflow db upgrade {masked(uri)}"
            ) from error
        kind = FullDiskError if is_full(str(error)) else StoreError
        raise kind(f"the store {masked(uri)} cannot be used ({said}). {way_out(uri, str(error))}") from error


def equal(name: str, text: str) -> list[str]:
    """Ask, in the language of MLflow's filters, for what has a text; nothing where the language cannot say it.

    Whoever asks must compare what was found: some databases compare text without regard to case.

    Examples
    --------
    >>> equal("tags.a", "b c"), equal("tags.a", f"{chr(39)}{chr(34)}")
    (["tags.a = 'b c'"], [])
    """
    quote = next((quote for quote in "'\"" if quote not in text), "")
    is_sayable = bool(quote) and f"\\{quote}" not in f"{text}{quote}" and not is_broken(text)
    return [f"{name} = {quote}{text}{quote}"] if is_sayable else []


def _refusals() -> tuple[type[Exception], ...]:
    """Give what a store may raise; of mlflow's only where something has imported it, so that nobody waits for that."""
    from sqlalchemy.exc import SQLAlchemyError

    mlflows = sys.modules.get("mlflow.exceptions")
    own = (mlflows.MlflowException,) if mlflows else ()
    return (*own, SQLAlchemyError, OSError, ValueError)  # ValueError: an answer that is not JSON


def _tell(uri: str, said: str) -> None:
    for listener in _listeners:
        listener(uri, said)


@contextlib.contextmanager
def heard(listener: Listener) -> Iterator[None]:
    """Let a function hear, during the block, of every question to a store whether it was answered."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def ask_again(uri: str) -> None:
    """Let a store be asked, though it did not answer a moment ago."""
    _away.pop(uri, None)


def _said(error: Exception) -> str:
    """Give the first line of an error that tells the cause, and not when SQLAlchemy met it."""
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("(raised as a result of")]
    return next(iter(lines), type(error).__name__)


def _did_not_answer(error: Exception) -> bool:
    from sqlalchemy.exc import OperationalError

    causes = (error, error.__cause__)
    silent = any(isinstance(cause, OperationalError | OSError) and not _is_about_a_file(cause) for cause in causes)
    return silent or "API request to" in str(error)


def _is_about_a_file(error: Exception) -> bool:
    """Tell whether an error is about one file, such as an artifact that is gone, and tells nothing of the store."""
    return isinstance(error, OSError) and error.filename is not None
