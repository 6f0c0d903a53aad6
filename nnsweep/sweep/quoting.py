"""Text as it was typed: what a setting takes as text is no number, and no truth value, because it looks like one.

Hydra reads ``tracking.experiment=2024`` as a number, and cannot read some signs without quotes. Here such text is put
in quotes before Hydra reads it; where a person has to write them, those are shown that a shell leaves in place.
"""

import re

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from nnsweep.files import expand_home
from nnsweep.messages import quote_argument as quoted
from nnsweep.messages import suggest_null

_TOKEN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,()\[\]{}'"]+""")
_READ = re.compile(r"[+-]?(?:[\d_.]+(?:e[+-]?\d*)?|inf|nan)|true|false|null", re.IGNORECASE)
_FUNCTIONS = re.compile(r"\s*(?:choice|sort|shuffle|tag|glob|str)\(")
_DATA_PATHS = ("data.path", "data.test_path", "data.home")
_PATHS = (*_DATA_PATHS, "tracking.uri", "tracking.artifact_root", "hydra.sweep.dir", "hydra.run.dir")


def as_typed(line: str) -> str:
    """Put in quotes what an override gives as text and Hydra would read as something else.

    Examples
    --------
    >>> as_typed("tracking.experiment=2024"), as_typed("data.target=1e3,b"), as_typed("data.path=~/cats.csv")
    ("tracking.experiment='2024'", "data.target='1e3',b", "data.path='~/cats.csv'")
    >>> as_typed("data.target=null"), as_typed("seed=3")
    ('data.target=null', 'seed=3')
    """
    written, _, value = line.partition("=")
    key = written.lstrip("+")
    is_path = key in _PATHS and "~" in value
    if not is_path and not any(_READ.fullmatch(token.strip()) for token in _TOKEN.findall(value)):
        return line
    if not is_path and (not _takes_text(key) or ("(" in value and not _FUNCTIONS.match(value))):
        return line
    keeps_null = _takes_null(key) and not value.lstrip().startswith("[")

    def quote(match: re.Match[str]) -> str:
        token = match[0].strip()
        if token == "null" and keeps_null:
            return match[0]
        if key.startswith("hydra.") and token.startswith("~"):  # Hydra itself makes these folders
            token = expand_home(token)
            return QuotedString(token, Quote.single).with_quotes()
        is_read = _READ.fullmatch(token) or (is_path and "~" in token and token[0] not in "'\"")
        return QuotedString(token, Quote.single).with_quotes() if is_read else match[0]

    return f"{written}={_TOKEN.sub(quote, value)}"


def _takes_text(key: str) -> bool:
    from nnsweep.sweep.kinds import kind

    known = kind(key)
    return known is not None and known.is_text and not key.startswith("sweep.")  # grids and rules are languages


def _takes_null(key: str) -> bool:
    from nnsweep.sweep.kinds import kind

    known = kind(key)
    return known is not None and known.is_nullable


def quote_for_shell(key: str, value: str) -> str:
    r"""Write an override as a shell takes it, so that its value is one text.

    Examples
    --------
    >>> print(quote_for_shell("tracking.experiment", "a=b"), quote_for_shell("tracking.experiment", "a"))
    'tracking.experiment="a=b"' tracking.experiment=a
    >>> print(quote_for_shell("data.path", "a\nb.csv"))
    $'data.path="a\012b.csv"'
    """
    if _is_read(f"{key}={value}", value):
        return quoted(f"{key}={value}")
    ways = [f"{key}={QuotedString(value, quote).with_quotes()}" for quote in (Quote.double, Quote.single)]
    return min(map(quoted, ways), key=len)


def _is_read(line: str, value: str) -> bool:
    try:
        return OverridesParser.create().parse_override(line).value() == value
    except HydraException:
        return False


def explain_unreadable(line: str) -> str:
    """Say in one line what is wrong with an override that Hydra cannot read, and what can be written instead."""
    from nnsweep.sweep.kinds import kind

    written, equals, value = line.partition("=")
    key = written.lstrip("+~")
    if not equals or not re.fullmatch(r"[+~]*[\w./@:$\[\]-]+", written):
        return "cannot be read; settings are written key=value"
    known = kind(key)
    if known and known.is_nullable and (hint := suggest_null(written, value)):
        return f"cannot be read; {hint}"
    if known and not known.is_text:
        return f"cannot be read as a value; several are written {key}=a,b or, of numbers, {key}='range(0,5)'"
    return f"cannot be read; text with such signs needs quotes, in a shell {quote_for_shell(written, value)}"
