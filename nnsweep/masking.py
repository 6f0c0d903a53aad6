"""Secrets kept out of what is printed and stored: passwords in addresses, values of telling names, known kinds of keys.

Whatever leaves the program as text from elsewhere (a URI, an override, an exception of somebody's) passes through here.
"""

import functools
import logging
import os
import re
from urllib.parse import urlsplit

HIDDEN = "***"
_TELLING_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "credential")
_KINDS_OF_KEYS = ("api", "access", "private", "account", "auth", "encryption", "signing")
_WORDS = rf"{'|'.join(_TELLING_WORDS)}|(?:{'|'.join(_KINDS_OF_KEYS)})[_-]?key"
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s'",;}\]]+?(?=:?(?:[\s'",;}\]]|$)))"""
_IN_A_QUERY = r"(?<=[?&])[^\s=&]+=\*\*\*&"  # hidden already, and what follows is another value
_TELLING = re.compile(
    rf"(?<![\w.=/-])(?!{_IN_A_QUERY})([\w.-]*(?:{_WORDS})[\w.-]*['\"]?\s*[=:]\s*){_VALUE}", re.IGNORECASE
)
_VIEW = "viewStateShareKey="  # names a page of MLflow's UI
_QUERY = re.compile(
    rf"([?&](?!{_VIEW})[^\s=&]*(?:pass|pwd|secret|token|key|credential|sig)[^\s=&]*=)[^\s&'\"]+?(?=:?(?:[\s&'\"]|$))",
    re.IGNORECASE,
)
_USER = re.compile(r"://[^\s/:@]*(:\S*)?@")  # a password may itself have / : and @ in it
_SHAPES = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[opsur]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"
    r"|\bsk-[\w-]{20,}|\bxox[abprs]-[\w-]{10,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
)
_BEGINNINGS = ("AKIA", "ASIA", *(f"gh{kind}_" for kind in "opsur"), "github_pat_", "glpat-", "sk-", "xox", "eyJ")
_NO_SECRETS = ("PWD", "OLDPWD")
_KINDS, _COLUMNS, _LONGEST_NAME = ("ignore", "number", "category", "text", "date"), "data.columns.", 1000
_SHORTEST = 6  # a shorter value of the environment may be part of any word


def masked(text: str) -> str:
    """Hide what is secret in a text.

    That is: who stands before the host of a URI, and secrets in its query; what is given to a name such as
    ``password`` or ``api_key``; keys in the shapes of well-known services; the values of environment variables with
    such names.

    Examples
    --------
    >>> masked("cannot reach postgresql://me:hush@host/db?sslpassword=hush")
    'cannot reach postgresql://***@host/db?sslpassword=***'
    >>> masked("db.password=hush: there is no such key")
    'db.password=***: there is no such key'
    """
    for value in _known():
        text = text.replace(value, HIDDEN)
    if "://" in text:
        text = _USER.sub(f"://{HIDDEN}@", text)
    if "?" in text or "&" in text:
        text = _QUERY.sub(rf"\1{HIDDEN}", text)
    if _may_tell(text):
        text = _TELLING.sub(lambda found: found[0] if _is_kind(found) else found[1] + HIDDEN, text)
    return _SHAPES.sub(HIDDEN, text) if any(begin in text for begin in _BEGINNINGS) else text


def _may_tell(text: str) -> bool:
    """Tell whether a text may hold a telling name, quickly: looking for all that could be one takes long."""
    small = text.lower()
    before_keys = small.split("key")[:-1]
    return (
        not text.isascii()
        or any(word in small for word in _TELLING_WORDS)
        or any(before.rstrip("_-").endswith(_KINDS_OF_KEYS) for before in before_keys)
    )


def _is_kind(found: re.Match[str]) -> bool:
    """Tell whether a value is the kind of a column, which may be called ``token`` or ``password``."""
    value = found[0].removeprefix(found[1])
    return value in _KINDS and _COLUMNS in found.string[max(0, found.start() - _LONGEST_NAME) : found.end(1)]


def _known() -> list[str]:
    """Give the secrets of this process's environment, the longest first."""
    names = [name for name in os.environ if is_secret_name(name) and name not in _NO_SECRETS]
    values = {value for name in names if len(value := os.environ.get(name, "")) >= _SHORTEST}
    return sorted(values, key=len, reverse=True)


@functools.lru_cache(maxsize=1000)
def is_secret_name(name: str) -> bool:
    """Tell whether a value with this name should be hidden.

    Examples
    --------
    >>> is_secret_name("AWS_SECRET_ACCESS_KEY"), is_secret_name("nnsweep.key")
    (True, False)
    """
    return re.search(_WORDS, name, re.IGNORECASE) is not None


def has_credentials(address: str) -> bool:
    """Tell whether an address holds a user, a password or a secret in its query.

    Examples
    --------
    >>> has_credentials("https://me:hush@host/mlflow"), has_credentials("sqlite:///mlflow.db")
    (True, False)
    """
    return _QUERY.search(address) is not None or _USER.search(address) is not None


def without_credentials(address: str) -> str:
    """Return the address of a server without user and password.

    Examples
    --------
    >>> without_credentials("https://me:hush@host:8080/mlflow")
    'https://host:8080/mlflow'
    """
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class Masking(logging.Formatter):
    """Formats what is logged, without its secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one message, its traceback included."""
        return masked(super().format(record))
