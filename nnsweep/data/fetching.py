"""Fetching: scikit-learn's downloads, which end within seconds where nobody answers."""

import contextlib
import socket
import warnings
from collections.abc import Iterator

ANSWER_SECONDS = 3.0


@contextlib.contextmanager
def impatient() -> Iterator[None]:
    """Within it, a socket that hears nothing for a while gives up, and scikit-learn retries in silence."""
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(ANSWER_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        socket.setdefaulttimeout(patience)
