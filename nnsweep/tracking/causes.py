"""Causes: why a store does not do what it is asked, in its own words, and what is to be done about it."""

import os
import re
from http import HTTPStatus
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from nnsweep.masking import masked

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
_SAID = {  # by what is said, the first that fits
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


def in_words(said: str) -> str:
    """Say in words what a server has answered; other words are left as they are.

    Examples
    --------
    >>> in_words("API request to endpoint /x failed with error code 401 != 200. Response body: 'Who are you?'")
    'it answers 401 Unauthorized: Who are you?'
    """
    found = _STATUS.search(said)
    if found is None:
        return said
    status, body = _status(found), " ".join((found["body"] or "").split())
    phrase = HTTPStatus(status).phrase if status in [*HTTPStatus] else ""
    return f"it answers {status} {phrase}".strip() + (f": {body}" if body and not body.startswith("<") else "")


def way_out(uri: str, said: str) -> str:
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
    if way := proxy(uri):
        return f"{way}, or choose another tracking.uri"
    fitting = (way for pattern, way in _SAID.items() if re.search(pattern, said, re.IGNORECASE))
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
        return f"{proxy(uri) or 'A proxy on the way wants a password'}. {CHECK}"
    if status == HTTPStatus.NOT_FOUND:
        return f"There is no MLflow server under this path. {CHECK}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        way = proxy(uri) or "The server has an error of its own: see its log"
        return f"{way}, or choose another tracking.uri"
    return CHECK


def proxy(uri: str) -> str:
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
    return f"It is asked through the proxy {masked(used)} ({named}); if it needs none, set no_proxy={host}"
