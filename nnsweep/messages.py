"""Words for messages: which name was meant, and text of unknown origin made harmless for a terminal and a shell."""

import difflib
import reprlib
import shlex
import sys
from collections.abc import Iterable

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


def nearest(name: str, known: Iterable[str]) -> str:
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
    >>> nearest("rel", ["relu", "tanh"])
    "did you mean 'relu'? Known: relu, tanh"
    >>> nearest("spline", ["relu", "tanh"])
    'known: relu, tanh'
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = ", ".join(names)
    return f"did you mean {close[0]!r}? Known: {listed}" if close else f"known: {listed}"


def unknown(name: str, known: Iterable[str]) -> str:
    """Say that a name is not known, and `nearest`.

    Examples
    --------
    >>> unknown("deph", ["depth", "width"])
    "unknown name 'deph'; did you mean 'depth'? Known: depth, width"
    """
    return f"unknown name {reprlib.repr(name)}; {nearest(name, known)}"


def shortened(text: str) -> str:
    """Keep at most 60 characters of a text.

    Examples
    --------
    >>> shortened("a text"), len(shortened(1000 * "long"))
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


def visible(text: str) -> str:
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
    >>> visible("two\nlines") == r"two\nlines"
    True
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def quote_argument(argument: str) -> str:
    r"""Quote an argument for a shell, where it needs that; control characters as bash, zsh and ksh read them.

    Examples
    --------
    >>> print(quote_argument("data.path=cats.csv"), quote_argument("data.path=my cats.csv"))
    data.path=cats.csv 'data.path=my cats.csv'
    >>> print(quote_argument("a\nb"), quote_argument("\udcff"))
    $'a\012b' $'\377'
    """
    if argument.isprintable():
        return shlex.quote(argument)
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


def warn(told: str) -> None:
    """Tell the user, on standard error, of something that is odd and stops nothing."""
    print(f"nnsweep: warning: {visible(told)}", file=sys.stderr, flush=True)
