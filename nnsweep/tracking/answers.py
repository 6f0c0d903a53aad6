"""What a store answers: errors and silence, each with the cause in the store's words and a remedy.

A store may be gone, slow or something else entirely. Nobody waits long for its first answer, and one that has not
answered is not asked again for a while.
"""

import contextlib
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from http import HTTPStatus
from http.client import HTTPException
from threading import Thread
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from nnsweep.errors import FullDiskError, StoreError
from nnsweep.text import mask_secrets, strip_credentials
from nnsweep.tracking.connection import open_client
from nnsweep.tracking.revisions import has_known_tables

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
    "permission denied for": "Its user may only read: ask for permission, or choose another tracking.uri",
    "When an mlflow-artifacts URI was supplied": (
        "An MLflow server keeps the files of these runs: name that server in tracking.uri or MLFLOW_TRACKING_URI"
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


def explain_answer(message: str) -> str:
    """Say in words what a server has answered; other words are left as they are.

    Examples
    --------
    >>> explain_answer("API request to endpoint /x failed with error code 401 != 200. Response body: 'Who are you?'")
    'it answers 401 Unauthorized: Who are you?'
    """
    match = _STATUS.search(message)
    if match is None:
        return message
    status, body = _status(match), " ".join((match["body"] or "").split())
    phrase = HTTPStatus(status).phrase if status in [*HTTPStatus] else ""
    return f"it answers {status} {phrase}".strip() + (f": {body}" if body and not body.startswith("<") else "")


def suggest_remedy(uri: str, message: str) -> str:
    """Say what is to be done about what a store has said, or what was said in its place.

    Parameters
    ----------
    uri : str
        The store's address.
    message : str
        All of it.

    Returns
    -------
    str
        A sentence or two, without the last full stop.
    """
    if is_full(message):
        if "file too large" in message.lower():
            return "Allow larger files: ulimit -f unlimited"
        folder = os.path.dirname(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else ""
        return f"The disk of {folder or 'the store'} is full: make room there, or choose another tracking.uri"
    if match := _STATUS.search(message):
        return _suggest_by_status(_status(match), uri, message)
    if way := describe_proxy(uri):
        return f"{way}, or choose another tracking.uri"
    fitting = (way for pattern, way in _ANSWERED.items() if re.search(pattern, message, re.IGNORECASE))
    return next(fitting, CHECK)


def _status(match: re.Match[str]) -> int:
    return int(match["status"] or match["repeated"])


def _suggest_by_status(status: int, uri: str, message: str) -> str:
    """Say what is to be done after a server's refusal."""
    if "Invalid Host header" in message:
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


_LONGEST = 300
"""How many characters are shown of what a store said."""
AWAY_SECONDS = 5.0
"""How long a store that did not answer is not asked again: every call would wait for it."""

Listener: TypeAlias = Callable[[str, str], None]
"""Is told the URI of a store that was asked, and what was said in the place of an answer; nothing if it answered."""

_away: dict[str, tuple[float, str]] = {}  # until when, and what was said, by URI
_listeners: list[Listener] = []


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
        _notify(uri, "")
    except ImportError as error:
        raise StoreError(
            f"the store {mask_secrets(uri)} needs a driver that is not installed ({error.name}): pip install it"
        ) from error
    except _refusals() as error:
        message, silent = mask_secrets(explain_answer(_first_line(error)))[:_LONGEST].rstrip("."), _is_silence(error)
        if silent:
            _away[uri] = time.monotonic() + AWAY_SECONDS, message
        _notify(uri, message if silent else "")
        kind = FullDiskError if is_full(str(error)) else StoreError
        raise kind(
            f"the store {mask_secrets(uri)} cannot be used ({message}). {suggest_remedy(uri, str(error))}"
        ) from error


def _refusals() -> tuple[type[Exception], ...]:
    """Give what a store may raise; of mlflow's only where something has imported it, so that nobody waits for that."""
    from sqlalchemy.exc import SQLAlchemyError

    mlflows = sys.modules.get("mlflow.exceptions")
    own = (mlflows.MlflowException,) if mlflows else ()
    return (*own, SQLAlchemyError, OSError, ValueError)  # ValueError: an answer that is not JSON


def _notify(uri: str, message: str) -> None:
    for listener in _listeners:
        listener(uri, message)


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


def _first_line(error: Exception) -> str:
    """Give the first line of an error that tells the cause, and not when SQLAlchemy met it."""
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("(raised as a result of")]
    return next(iter(lines), type(error).__name__)


def _is_silence(error: Exception) -> bool:
    """Tell whether a store did not answer at all."""
    from sqlalchemy.exc import OperationalError

    for cause in (error, error.__cause__):
        # an error about one file, such as an artifact that is gone, tells nothing of the store
        if isinstance(cause, OperationalError) or (isinstance(cause, OSError) and cause.filename is None):
            return True
    return "API request to" in str(error)


ANSWER_SECONDS = 9.0
"""How long a server may take before the first job; mlflow's own retries would take minutes."""

T = TypeVar("T")


def is_server(uri: str) -> bool:
    """Tell whether a store is reached over HTTP."""
    return uri.startswith(("http://", "https://"))


def ask_first(uri: str, ask: Callable[[], T]) -> T:
    """Ask a store, for the first time.

    Parameters
    ----------
    uri : str
        The store; only an SQLite file may take its time.
    ask : callable
        What is done with it; it goes on in the background if it takes too long.

    Raises
    ------
    StoreError
        If it is not there, refuses, or has not answered after `ANSWER_SECONDS`.
    """
    if not uri.startswith("sqlite:") and (is_server(uri) or not ask_in_time(uri, lambda: has_known_tables(uri))):
        with explain_errors(uri):
            open_client(uri)  # imports mlflow, which is not the server's time
    return ask_in_time(uri, ask)


def ask_in_time(uri: str, ask: Callable[[], T]) -> T:
    """Ask a store what needs no client of MLflow's, or only one that is open; see `ask_first`."""
    if uri.startswith("sqlite:"):
        with explain_errors(uri):
            return ask()
    answer: Future[T] = Future()

    def fetch_answer() -> None:
        try:
            if is_server(uri):
                _require_server(uri)
            with explain_errors(uri):
                answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    Thread(target=fetch_answer, daemon=True).start()
    try:
        return answer.result(ANSWER_SECONDS)
    except TimeoutError as error:
        raise _silence(uri, f"nothing came within {ANSWER_SECONDS:g} seconds") from error


def _require_server(uri: str) -> None:
    try:
        opener = urllib.request.build_opener()  # urlopen's would know the proxies of its first call
        with opener.open(f"{strip_credentials(uri).rstrip('/')}/health", timeout=5) as health:
            health.read(64)
    except urllib.error.HTTPError:
        return  # somebody answers; what mlflow makes of it is told when it is asked
    except (OSError, ValueError, HTTPException) as error:
        if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
            return  # mlflow has settings of its own for that
        raise _silence(
            uri, f"{type(error).__name__}: {error}" if isinstance(error, HTTPException) else str(error)
        ) from error


def _silence(uri: str, message: str) -> StoreError:
    kind = "server" if is_server(uri) else "database"
    cause = suggest_remedy(uri, message)
    what_to_do = "Start it, or choose another tracking.uri" if cause == CHECK else cause
    return StoreError(
        f"the tracking {kind} {mask_secrets(uri)} does not answer ({' '.join(message.split())}). {what_to_do}"
    )
