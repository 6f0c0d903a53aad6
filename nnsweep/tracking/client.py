"""MLflow's client: how it is opened and asked, and why a store does not do what it is asked.

Causes: why a store does not do what it is asked, in its own words, and what is to be done about it.
"""

import contextlib
import functools
import logging
import os
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

from nnsweep.errors import FullDiskError, StoreError
from nnsweep.text import is_broken, mask_secrets
from nnsweep.tracking.readonly import copy_if_unreadable, forbid_writing

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from sqlalchemy import Engine


CHECK = "Check tracking.uri or MLFLOW_TRACKING_URI"
_CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
_USER = " and ".join(_CREDENTIALS)
_STATUS = re.compile(
    r"failed with error code (?P<status>\d{3}) != 200\.?(?: Response body: '(?P<body>.*)')?"
    r"|too many (?P<repeated>\d{3}) error responses",
    re.DOTALL,
)
_FULL = re.compile(
    r"database or disk is full|No space left on device|Disk quota exceeded|File too large", re.IGNORECASE
)
_ANSWERED = {  # by what is said, the first that fits
    r"unable to open database file|disk I/O error": (
        "Its disk is full, read-only or broken; mend that, or choose another tracking.uri"
    ),
    r"readonly database": "It may only be read; copy its folder, and name the copy",
    r"password authentication failed|Access denied for user|no password supplied": (
        "Check user and password in tracking.uri or MLFLOW_TRACKING_URI"
    ),
    r"Name or service not known|name resolution|nodename nor servname|getaddrinfo|Failed to resolve": (
        f"No machine of this name is known here. {CHECK}, and the network"
    ),
    r"certificate verify failed|CERTIFICATE_VERIFY_FAILED": (
        "Its certificate is not trusted here: name the file of the authority in MLFLOW_TRACKING_SERVER_CERT_PATH, "
        "or choose another tracking.uri"
    ),
    r"WRONG_VERSION_NUMBER|wrong version number|record layer failure|PACKET_LENGTH_TOO_LONG": (
        "It does not speak TLS: write http:// in place of https:// in tracking.uri"
    ),
    r"BadStatusLine|Remote end closed|Connection aborted|Invalid Host header|Expecting value": (
        f"Something else than an MLflow server answers there, or one that needs https://. {CHECK}"
    ),
}


def is_full(error: BaseException | str) -> bool:
    """Tell whether a store was refused room on its disk."""
    return _FULL.search(str(error)) is not None


def explain_answer(said: str) -> str:
    """Say in words what a server has answered; other words are left as they are.

    Examples
    --------
    >>> explain_answer("API request to endpoint /x failed with error code 401 != 200. Response body: 'Who are you?'")
    'it answers 401 Unauthorized: Who are you?'
    """
    found = _STATUS.search(said)
    if found is None:
        return said
    status, body = _status(found), " ".join((found["body"] or "").split())
    phrase = HTTPStatus(status).phrase if status in [*HTTPStatus] else ""
    return f"it answers {status} {phrase}".strip() + (f": {body}" if body and not body.startswith("<") else "")


def suggest_remedy(uri: str, said: str) -> str:
    """Say what is to be done about what a store has said, or what was said in its place.

    Parameters
    ----------
    uri : str
        The store's address.
    said : str
        All of it.

    Returns
    -------
    str
        A sentence or two, without the last full stop.
    """
    if is_full(said):
        return _room(uri, said)
    if found := _STATUS.search(said):
        return _after(_status(found), uri, said)
    if way := describe_proxy(uri):
        return f"{way}, or choose another tracking.uri"
    fitting = (way for pattern, way in _ANSWERED.items() if re.search(pattern, said, re.IGNORECASE))
    return next(fitting, CHECK)


def _status(found: re.Match[str]) -> int:
    return int(found["status"] or found["repeated"])


def _room(uri: str, said: str) -> str:
    if "file too large" in said.lower():
        return "Allow larger files: ulimit -f unlimited"
    folder = os.path.dirname(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else ""
    return f"The disk of {folder or 'the store'} is full: make room there, or choose another tracking.uri"


def _after(status: int, uri: str, said: str) -> str:
    """Say what is to be done after a server's refusal."""
    if "Invalid Host header" in said:
        return "The server does not know itself by this name: start it with --allowed-hosts, or change tracking.uri"
    if status == HTTPStatus.UNAUTHORIZED:
        is_given = urlsplit(uri).username is not None or all(map(os.environ.get, _CREDENTIALS))  # one alone is not sent
        return (
            f"The user or the password is wrong: check {_USER}, or choose another tracking.uri"
            if is_given
            else f"It wants to know who asks: set {_USER}, or choose another tracking.uri"
        )
    if status == HTTPStatus.FORBIDDEN:
        return f"Its user may not do this: ask for permission, set {_USER} to another's, or choose another tracking.uri"
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return f"{describe_proxy(uri) or 'A proxy on the way wants a password'}. {CHECK}"
    if status == HTTPStatus.NOT_FOUND:
        return f"There is no MLflow server under this path. {CHECK}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        way = describe_proxy(uri) or "The server has an error of its own: see its log"
        return f"{way}, or choose another tracking.uri"
    return CHECK


def describe_proxy(uri: str) -> str:
    """Say which proxy a server is asked through, and how to do without; empty if none is.

    Parameters
    ----------
    uri : str
        The server's address.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:  # half an address
        return ""
    host = parts.hostname or ""
    used = getproxies().get(parts.scheme) if parts.scheme in ("http", "https") else None
    if not used or proxy_bypass(host):
        return ""
    variables = (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper())
    named = next((name for name in variables if os.environ.get(name)), "the system's settings")
    return f"It is asked through the proxy {mask_secrets(used)} ({named}); if it needs none, set no_proxy={host}"


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


def readable_uri(uri: str) -> str:
    """Give the URI by which a store can be opened: its own, or that of a copy where it may only be read."""
    scheme = "sqlite:///"
    copy = copy_if_unreadable(Path(uri.removeprefix(scheme))) if uri.startswith(scheme) else None
    return f"{scheme}{copy}" if copy else uri


@functools.cache
def open_client(uri: str) -> "MlflowClient":
    """Open the store at `uri`; the same client is returned for the same URI.

    Parameters
    ----------
    uri : str
        A tracking URI as `nnsweep.tracking.store.resolve_uri` gives it.

    Returns
    -------
    mlflow.tracking.MlflowClient
        Nothing has been asked of the store yet.
    """
    settle_environment()
    from mlflow.tracking import MlflowClient

    watch_connections()
    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # they print the tracebacks of what they also raise
    return MlflowClient(tracking_uri=readable_uri(uri), registry_uri=readable_uri(uri))


@functools.cache
def watch_connections() -> None:
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
        forbid_writing(connection)


def preload_client() -> None:
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
def explain_errors(uri: str) -> Iterator[None]:
    """Turn what mlflow and the database raise into one line for the user.

    Raises
    ------
    StoreError
        Naming the store and the start of the first line of what it said; at once, if it did not answer a moment ago.
    """
    until, last = _away.get(uri, (0.0, ""))
    if time.monotonic() < until:
        raise StoreError(f"the store {mask_secrets(uri)} did not answer a moment ago ({last}). {CHECK}")
    try:
        yield
        _tell(uri, "")
    except ImportError as error:
        raise StoreError(
            f"the store {mask_secrets(uri)} needs a driver that is not installed ({error.name}): pip install it"
        ) from error
    except _refusals() as error:
        said, silent = mask_secrets(explain_answer(_said(error)))[:_SAID].rstrip("."), _did_not_answer(error)
        if silent:
            _away[uri] = time.monotonic() + AWAY_SECONDS, said
        _tell(uri, said if silent else "")
        if "out-of-date database schema" in str(error):
            raise StoreError(
                f"the store {mask_secrets(uri)} was made by an older MLflow. "
                f"Copy it, then run: mlflow db upgrade {mask_secrets(uri)}"
            ) from error
        kind = FullDiskError if is_full(str(error)) else StoreError
        raise kind(
            f"the store {mask_secrets(uri)} cannot be used ({said}). {suggest_remedy(uri, str(error))}"
        ) from error


def make_equality(name: str, text: str) -> list[str]:
    """Ask, in the language of MLflow's filters, for what has a text; nothing where the language cannot say it.

    Whoever asks must compare what was found: some databases compare text without regard to case.

    Examples
    --------
    >>> make_equality("tags.a", "b c"), make_equality("tags.a", f"{chr(39)}{chr(34)}")
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
def listen(listener: Listener) -> Iterator[None]:
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
