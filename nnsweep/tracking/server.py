"""Asking a store for the first time: it may be gone, slow or something else entirely, and is never waited for long."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from http.client import HTTPException
from threading import Thread
from typing import TypeVar

from nnsweep.errors import StoreError
from nnsweep.text import mask_secrets, strip_credentials
from nnsweep.tracking.client import CHECK, explain_errors, open_client, suggest_remedy
from nnsweep.tracking.engine import has_known_tables

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
    if uri.startswith("sqlite:"):
        with explain_errors(uri):
            return ask()
    if is_server(uri) or not _in_time(uri, lambda: has_known_tables(uri)):
        with explain_errors(uri):
            open_client(uri)  # imports mlflow, which is not the server's time
    return _in_time(uri, ask)


def _in_time(uri: str, ask: Callable[[], T]) -> T:
    answer: Future[T] = Future()
    Thread(target=_answer, args=(uri, ask, answer), daemon=True).start()
    try:
        return answer.result(ANSWER_SECONDS)
    except TimeoutError as error:
        raise _silent(uri, f"nothing came within {ANSWER_SECONDS:g} seconds") from error


def _answer(uri: str, ask: Callable[[], T], answer: Future[T]) -> None:
    try:
        if is_server(uri):
            _require(uri)
        with explain_errors(uri):
            answer.set_result(ask())
    except BaseException as error:
        answer.set_exception(error)


def _require(uri: str) -> None:
    try:
        opener = urllib.request.build_opener()  # urlopen's would know the proxies of its first call
        with opener.open(f"{strip_credentials(uri).rstrip('/')}/health", timeout=5) as health:
            health.read(64)
    except urllib.error.HTTPError:
        return  # somebody answers; what mlflow makes of it is told when it is asked
    except (OSError, ValueError, HTTPException) as error:
        if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
            return  # mlflow has settings of its own for that
        raise _silent(
            uri, f"{type(error).__name__}: {error}" if isinstance(error, HTTPException) else str(error)
        ) from error


def _silent(uri: str, said: str) -> StoreError:
    kind = "server" if is_server(uri) else "database"
    cause = suggest_remedy(uri, said)
    what_to_do = "Start it, or choose another tracking.uri" if cause == CHECK else cause
    return StoreError(
        f"the tracking {kind} {mask_secrets(uri)} does not answer ({' '.join(said.split())}). {what_to_do}"
    )
