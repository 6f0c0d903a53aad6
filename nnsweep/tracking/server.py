"""Asking a tracking server, which may be gone, slow or something else entirely, and never for long."""

import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from http.client import HTTPException
from threading import Thread
from typing import TypeVar

from nnsweep.errors import StoreError
from nnsweep.tracking.client import client, explained, masked, without_credentials

ANSWER_SECONDS = 9.0
"""How long a server may take before the first job; mlflow's own retries would take minutes."""

T = TypeVar("T")


def is_server(uri: str) -> bool:
    """Tell whether a store is reached over HTTP."""
    return uri.startswith(("http://", "https://"))


def asked(uri: str, ask: Callable[[], T]) -> T:
    """Ask a server.

    Parameters
    ----------
    uri : str
        The server.
    ask : callable
        What is done with it; it goes on in the background if it takes too long.

    Raises
    ------
    StoreError
        If the server is not there, refuses, or has not answered after `ANSWER_SECONDS`.
    """
    with explained(uri):
        client(uri)  # imports mlflow, which is not the server's time

    answer: Future[T] = Future()
    Thread(target=_answer, args=(uri, ask, answer), daemon=True).start()
    try:
        return answer.result(ANSWER_SECONDS)
    except TimeoutError as error:
        raise _silent(uri, f"nothing came within {ANSWER_SECONDS:g} seconds") from error


def _answer(uri: str, ask: Callable[[], T], answer: Future[T]) -> None:
    try:
        _require(uri)
        with explained(uri):
            answer.set_result(ask())
    except BaseException as error:
        answer.set_exception(error)


def _require(uri: str) -> None:
    try:
        with urllib.request.urlopen(f"{without_credentials(uri).rstrip('/')}/health", timeout=5) as health:
            health.read(64)
    except urllib.error.HTTPError:
        return  # somebody answers; what mlflow makes of it is told when it is asked
    except (OSError, ValueError, HTTPException) as error:
        raise _silent(uri, str(error).strip()) from error


def _silent(uri: str, said: str) -> StoreError:
    return StoreError(
        f"the tracking server {masked(uri)} does not answer ({said}). Start it, or choose another tracking.uri"
    )
