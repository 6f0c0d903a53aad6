"""Overrides as text: written from Python values, and put in quotes where Hydra would read something else.

A tuple or a range from Python holds several values to sweep over; so does a list, unless the setting itself takes a
list. What the user typed stays text where the setting takes text: Hydra would read ``tracking.experiment=2024`` as a
number, and cannot read some characters without quotes. Workers import this module without importing Hydra.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from os import PathLike, fspath
from typing import Any

from nnsweep.errors import ConfigError
from nnsweep.files import expand_home
from nnsweep.text import mask_secrets, printable, quote_argument, shorten, suggest_null

COLUMNS = "data.columns."
"""What comes before the name of a column in its key; the name may be any text."""
_MARK = "$$"
"""Starts a column's name that is written so that Hydra reads it as one key, with ``$20$`` for a space."""

_WORD = re.compile(r"(?!(?:true|false|null|inf|nan)$)[A-Za-z_][A-Za-z0-9_-]*", re.IGNORECASE | re.ASCII)
_TOKEN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,()\[\]{}'"]+""")
_READ_BY_HYDRA = re.compile(r"[+-]?(?:[\d_.]+(?:e[+-]?\d*)?|inf|nan)|true|false|null", re.IGNORECASE)
_FUNCTIONS = re.compile(r"\s*(?:choice|sort|shuffle|tag|glob|str)\(")
_DATA_PATHS = ("data.path", "data.test_path", "data.home")
_PATHS = (*_DATA_PATHS, "tracking.uri", "tracking.artifact_root", "hydra.sweep.dir", "hydra.run.dir")


def make_override(key: str, value: Any) -> str:
    """Write a setting as an override.

    Parameters
    ----------
    key : str
        Its key in the configuration.
    value : None, bool, int, float, str, path, list, dict, tuple or range
        Its value; lists and dictionaries may be nested. A tuple or a range holds several values to sweep over, each of
        which may be a list. NumPy's scalars count as numbers.

    Returns
    -------
    str
        ``key=value``, or ``key=value,value``. Text that looks like another kind of value is quoted; interpolations
        (``${seed}``) work as they do in a configuration.

    Raises
    ------
    ConfigError
        If there is no value, or it is of a kind that a configuration cannot hold.

    Examples
    --------
    >>> make_override("arch.hidden_layer_sizes", [20, 20]), make_override("arch", ("shallow", "wide"))
    ('arch.hidden_layer_sizes=[20,20]', 'arch=shallow,wide')
    >>> make_override("tracking.experiment", "what, and why?"), make_override("trainer.patience", None)
    ("tracking.experiment='what, and why?'", 'trainer.patience=null')
    """
    if not isinstance(value, tuple | range):
        return f"{key}={_write_value(key, value)}"
    if not value:
        raise ConfigError(f"{key}={value!r}: has no values; a tuple holds those to sweep over, a list is one value")
    return f"{key}=" + ",".join(_write_value(key, one) for one in value)


def _write_value(key: str, value: Any) -> str:
    if isinstance(value, PathLike):
        value = fspath(value)
    elif type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        from hydra.core.override_parser.types import Quote, QuotedString  # workers, which never get here, need no Hydra

        return value if _WORD.fullmatch(value) else QuotedString(value, Quote.single).with_quotes()
    if isinstance(value, list):
        return f"[{','.join(_write_value(key, one) for one in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_check_name(key, name)}:{_write_value(key, one)}' for name, one in value.items())}}}"
    why = "a tuple within a value; write a list" if isinstance(value, tuple) else f"of the type {type(value).__name__}"
    raise ConfigError(
        f"{key}={shorten(printable(repr(value)))}: {why}; a configuration holds text, numbers, lists and so on"
    )


def _check_name(key: str, name: object) -> str:
    if not _is_word(name):
        raise ConfigError(f"{key}={{{name!r}: ...}}: must have names of letters, digits, - and _")
    return str(name)


def _is_word(name: object) -> bool:
    """Tell whether a name can stand in a mapping or a key of Hydra's without quotes."""
    return isinstance(name, str) and _WORD.fullmatch(name) is not None


def make_overrides(settings: Mapping[str, Any]) -> list[str]:
    """Write settings as overrides; two underscores in a name stand for a dot.

    Examples
    --------
    >>> make_overrides({"trainer__epochs": 5, "seed": range(3), "arch": ["shallow", "wide"]})
    ['trainer.epochs=5', 'seed=0,1,2', 'arch=shallow,wide']
    >>> make_overrides({"arch__hidden_layer_sizes": [20, 20]})
    ['arch.hidden_layer_sizes=[20,20]']
    >>> make_overrides({"arch__hidden_layer_sizes": [[20], [20, 20]]})
    ['arch.hidden_layer_sizes=[20],[20,20]']

    Raises
    ------
    ConfigError
        With all values that cannot be written.
    """
    lines: list[str] = []
    wrong: list[str] = []
    for name, value in settings.items():
        key = name.replace("__", ".")
        try:
            lines += (
                [make_override(make_column_key(str(column)), kind) for column, kind in value.items()]
                if f"{key}." == COLUMNS and isinstance(value, Mapping) and not all(map(_is_word, value))
                else [make_override(key, _split_list(key, value))]
            )
        except ConfigError as error:
            wrong += error.problems
    if wrong:
        raise ConfigError(*wrong)
    return lines


def make_column_key(name: str) -> str:
    """Write the key of a column, whatever its name, so that Hydra reads it as one.

    Examples
    --------
    >>> make_column_key("age"), make_column_key("a.b (cm)")
    ('++data.columns.age', '++data.columns.$$a$2e$b$20$$28$cm$29$')
    >>> read_column_name("$$a$2e$b$20$$28$cm$29$")
    'a.b (cm)'
    """
    if not _WORD.fullmatch(name):
        name = _MARK + re.sub(r"[^A-Za-z0-9_-]", lambda char: f"${ord(char[0]):x}$", name)
    return f"++{COLUMNS}{name}"


def read_column_name(key: str) -> str:
    """Read the name of a column that `make_column_key` has written; any other text is the name itself."""
    if not is_column_key(key):
        return key
    return re.sub(r"\$([0-9a-f]+)\$", lambda code: chr(int(code[1], 16)), key.removeprefix(_MARK))


def is_column_key(text: str) -> bool:
    """Tell whether a text is a name as `make_column_key` writes it."""
    return re.fullmatch(r"\$\$(?:[A-Za-z0-9_-]|\$[0-9a-f]{1,6}\$)*", text) is not None


def _split_list(key: str, value: Any) -> Any:
    """Make a tuple, which is swept over, of a list whose items are each a value of the setting."""
    from nnsweep.jobs.groups import find_kind

    kind = find_kind(key) if isinstance(value, list) and not key.startswith("sweep.") else None
    if kind is None or kind.depth > 1:
        return value
    if kind.depth == 1 and not any(isinstance(one, list | tuple) for one in value):
        return value
    return tuple([*one] if isinstance(one, tuple) and kind.depth else one for one in value)


def check_overrides(lines: str | Sequence[str]) -> list[str]:
    """Check that overrides are text and look like overrides.

    Raises
    ------
    ConfigError
        If one is not text, is empty, or is an option of the command line.
    TypeError
        If they are no sequence.
    """
    if not isinstance(lines, Sequence | Set | Iterator):
        wanted = "pass one text or several, such as ['arch=shallow,wide', 'seed=range(0,5)']"
        way_out = ", and settings of a dict as sweep(**settings)" if isinstance(lines, Mapping) else ""
        raise TypeError(f"overrides is of the type {type(lines).__name__}; {wanted}{way_out}")
    overrides = [lines] if isinstance(lines, str) else [*lines]
    rule = "is no override; they are written key=value"
    wrong = [
        f"{shorten(str(line))}: {rule}"
        for line in overrides
        if not isinstance(line, str) or line.startswith("-") or not line
    ]
    if wrong:
        raise ConfigError(*wrong)
    return overrides


def quote_text(line: str) -> str:
    """Put quotes around text in an override that Hydra would read as something else.

    Examples
    --------
    >>> quote_text("tracking.experiment=2024"), quote_text("data.target=1e3,b"), quote_text("data.path=~/cats.csv")
    ("tracking.experiment='2024'", "data.target='1e3',b", "data.path='~/cats.csv'")
    >>> quote_text("data.target=null"), quote_text("seed=3")
    ('data.target=null', 'seed=3')
    """
    start, _, value = line.partition("=")
    key = start.lstrip("+")
    is_path = key in _PATHS and "~" in value
    if not is_path and not any(_READ_BY_HYDRA.fullmatch(token.strip()) for token in _TOKEN.findall(value)):
        return line
    from nnsweep.jobs.groups import find_kind  # it imports the models of a job: only where they are needed

    kind = find_kind(key)
    takes_text = kind is not None and kind.is_text and not key.startswith("sweep.")  # grids and rules are languages
    if not is_path and (not takes_text or ("(" in value and not _FUNCTIONS.match(value))):
        return line
    keeps_null = kind is not None and kind.is_nullable and not value.lstrip().startswith("[")
    from hydra.core.override_parser.types import Quote, QuotedString

    def quote(match: re.Match[str]) -> str:
        token = match[0].strip()
        if token == "null" and keeps_null:
            return match[0]
        if key.startswith("hydra.") and token.startswith("~"):  # Hydra itself makes these folders
            token = expand_home(token)
            return QuotedString(token, Quote.single).with_quotes()
        is_misread = _READ_BY_HYDRA.fullmatch(token) or (is_path and "~" in token and token[0] not in "'\"")
        return QuotedString(token, Quote.single).with_quotes() if is_misread else match[0]

    return f"{start}={_TOKEN.sub(quote, value)}"


def quote_for_shell(key: str, value: str) -> str:
    r"""Write an override as a shell takes it, so that its value is one text.

    Examples
    --------
    >>> print(quote_for_shell("tracking.experiment", "a=b"), quote_for_shell("tracking.experiment", "a"))
    'tracking.experiment="a=b"' tracking.experiment=a
    >>> print(quote_for_shell("data.path", "a\nb.csv"))
    $'data.path="a\012b.csv"'
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Quote, QuotedString
    from hydra.errors import HydraException

    with contextlib.suppress(HydraException):
        if OverridesParser.create().parse_override(f"{key}={value}").value() == value:
            return quote_argument(f"{key}={value}")
    ways = [f"{key}={QuotedString(value, quote).with_quotes()}" for quote in (Quote.double, Quote.single)]
    return min(map(quote_argument, ways), key=len)


def explain_unreadable(line: str) -> str:
    """Say in one line what is wrong with an override that Hydra cannot read, and what can be written instead."""
    from nnsweep.jobs.groups import find_kind
    from nnsweep.jobs.guesses import explain_word

    start, equals, value = line.partition("=")
    key = start.lstrip("+~")
    if not equals or not re.fullmatch(r"[+~]*[\w./@:$\[\]-]+", start):
        return explain_word(line) or "cannot be read; settings are written key=value"
    kind = find_kind(key)
    if kind and kind.is_nullable and (hint := suggest_null(start, value)):
        return f"cannot be read; {hint}"
    if kind and not kind.is_text:
        return f"cannot be read as a value; several are written {key}=a,b or, of numbers, {key}='range(0,5)'"
    return f"cannot be read; text with such signs needs quotes, in a shell {quote_for_shell(start, value)}"


def write_command(arguments: Sequence[str]) -> str:
    """Write the command of a sweep as it would be typed, without passwords, and without where its runs are recorded.

    Examples
    --------
    >>> write_command(["arch.depth=1,2", "seed=range(0,10)", "tracking.uri=sqlite:////tmp/store.db"])
    "nnsweep -m arch.depth=1,2 'seed=range(0,10)'"
    """
    shown = [line for line in arguments if not line.lstrip("+").startswith(("tracking.uri=", "hydra."))]
    return mask_secrets(" ".join(map(quote_argument, ["nnsweep", "-m", *shown])))
