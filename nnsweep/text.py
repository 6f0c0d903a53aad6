"""Text for people: names that were meant, text made harmless for a terminal or a shell, and secrets kept out of it.

Secrets are passwords in addresses, values of names that tell one, and known kinds of keys. What is printed or
stored goes through `mask_secrets` first, and what comes from outside through `printable`.
"""

import difflib
import functools
import logging
import os
import re
import reprlib
import shlex
import sys
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

IMPORT = "_target_"
"""The key by which a configuration would have Hydra import something."""
STANDARDIZE = "standardize them (data.standardize=true)"
"""What helps on the command line if features are large; see `explain_scale`."""
NEVER_IMPORTED = "a configuration names parts and never imports them; leave it out"
NONE = ("none", "nil", "~", "nothing", "off", "nan")
"""What people write for null."""


def suggest_null(key: str, value: object) -> str:
    """Say how a setting is given no value, if that is what somebody may have meant by a text; empty for any other.

    Examples
    --------
    >>> suggest_null("data.group", "None"), suggest_null("data.group", "owner")
    ('write data.group=null for none', '')
    """
    return f"write {key}=null for none" if isinstance(value, str) and value.strip().lower() in NONE else ""


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the one of the known names that was probably meant; None if none is near.

    Examples
    --------
    >>> find_nearest("rel", ["relu", "tanh"]), find_nearest("spline", ["relu", "tanh"])
    ('relu', None)
    """
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def suggest_nearest(name: str, known: Iterable[str]) -> str:
    """Say which of the known names is meant, and list them.

    Parameters
    ----------
    name : str
        The name that was not found.
    known : iterable of str
        The names that would have been.

    Returns
    -------
    str
        The end of a message.

    Examples
    --------
    >>> suggest_nearest("rel", ["relu", "tanh"])
    "did you mean 'relu'? Known: relu, tanh"
    >>> suggest_nearest("spline", ["relu", "tanh"])
    'known: relu, tanh'
    """
    names = list(known)
    nearest = find_nearest(name, names)
    listed = ", ".join(names)
    return f"did you mean {nearest!r}? Known: {listed}" if nearest else f"known: {listed}"


def explain_unknown(name: str, known: Iterable[str]) -> str:
    """Say that a name is not known, and `suggest_nearest`.

    Examples
    --------
    >>> explain_unknown("deph", ["depth", "width"])
    "unknown name 'deph'; did you mean 'depth'? Known: depth, width"
    """
    return f"unknown name {reprlib.repr(name)}; {suggest_nearest(name, known)}"


def shorten(text: str) -> str:
    """Keep at most 60 characters of a text.

    Examples
    --------
    >>> shorten("a text"), len(shorten(1000 * "long"))
    ('a text', 60)
    """
    return text if len(text) <= 60 else text[:57] + "..."


def is_broken(text: str) -> bool:
    r"""Tell whether a text holds a surrogate, half a character: what undecodable bytes become, and no file can hold.

    Examples
    --------
    >>> is_broken("a\udcff"), is_broken("\u00e4")
    (True, False)
    """
    return any("\ud800" <= char <= "\udfff" for char in text)


def printable(text: str) -> str:
    r"""Show what cannot be printed (control characters, line ends, direction marks) as a backslash escape.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        One printable line, which can also be encoded.

    Examples
    --------
    >>> printable("two\nlines") == r"two\nlines"
    True
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def quote_argument(argument: str) -> str:
    r"""Quote an argument for a shell, where it needs that; control characters as bash, zsh and ksh read them.

    Examples
    --------
    >>> print(quote_argument("data.path=cats.csv"), quote_argument("data.path=my cats.csv"))
    data.path=cats.csv 'data.path=my cats.csv'
    >>> print(quote_argument("data == 'digits'"))
    "data == 'digits'"
    >>> print(quote_argument("a\nb"), quote_argument("\udcff"))
    $'a\012b' $'\377'
    """
    if argument.isprintable():
        is_plain_within_double = "'" in argument and not {*'"$`\\!'} & {*argument}
        return f'"{argument}"' if is_plain_within_double else shlex.quote(argument)
    return "$'" + "".join(map(_escape, argument)) + "'"


def _escape(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if char.isprintable():
        return char
    # half a character is a byte that was no UTF-8, as Python reads arguments
    content = char.encode(errors="surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in content)  # three digits never swallow what follows them


def explain_scale(scale: float, remedy: str) -> str:
    """Say that features are too large to learn from, and what helps.

    Examples
    --------
    >>> explain_scale(1600.25, "use StandardScaler")
    'features have means or spreads up to 1.6e+03, which is the likely cause: use StandardScaler'
    """
    return f"features have means or spreads up to {scale:.3g}, which is the likely cause: {remedy}"


def warn(message: str) -> None:
    """Warn the user, on standard error, of something that is odd and stops nothing."""
    print(f"nnsweep: warning: {printable(message)}", file=sys.stderr, flush=True)


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


def mask_secrets(text: str) -> str:
    """Hide what is secret in a text.

    That is: who stands before the host of a URI, and secrets in its query; what is given to a name such as
    ``password`` or ``api_key``; keys in the shapes of well-known services; the values of environment variables with
    such names.

    Examples
    --------
    >>> mask_secrets("cannot reach postgresql://me:hush@host/db?sslpassword=hush")
    'cannot reach postgresql://***@host/db?sslpassword=***'
    >>> mask_secrets("db.password=hush: there is no such key")
    'db.password=***: there is no such key'
    """
    for value in _list_secrets():
        text = text.replace(value, HIDDEN)
    if all(map(_is_harmless, text.split("\n"))):
        return text
    if "://" in text:
        text = _USER.sub(f"://{HIDDEN}@", text)
    if "?" in text or "&" in text:
        text = _QUERY.sub(rf"\1{HIDDEN}", text)
    if _may_tell(text):
        text = _TELLING.sub(lambda found: found[0] if _is_kind(found) else found[1] + HIDDEN, text)
    return _SHAPES.sub(HIDDEN, text) if any(begin in text for begin in _BEGINNINGS) else text


@functools.lru_cache(maxsize=10_000)
def _is_harmless(line: str) -> bool:
    """Tell whether a line has nothing to hide in it, nor the name of what a later line would give.

    Long texts, such as the configurations of a sweep's jobs, have most of their lines in common.
    """
    return not (_may_tell(line) or any(kind.search(line) for kind in (_USER, _QUERY, _SHAPES)))


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


def _list_secrets() -> Sequence[str]:
    """Give the secrets of this process's environment, the longest first."""
    # `os.environ` would decode every name and value again for every text; what it wraps is compared as it is
    return _find_secrets(tuple(getattr(os.environ, "_data", os.environ).items()))


@functools.lru_cache(maxsize=1)
def _find_secrets(_: tuple[tuple[object, object], ...]) -> Sequence[str]:
    """Find the secrets of this process's environment; they stay the same as long as its variables do."""
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


def strip_credentials(address: str) -> str:
    """Return the address of a server without user and password.

    Examples
    --------
    >>> strip_credentials("https://me:hush@host:8080/mlflow")
    'https://host:8080/mlflow'
    """
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class Masking(logging.Formatter):
    """Formats what is logged, without its secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one message, its traceback included."""
        return mask_secrets(super().format(record))
