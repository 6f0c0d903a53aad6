"""The command line: its overrides and options, and texts that are taken as they were typed.

Text as it was typed: what a setting takes as text is no number, and no truth value, because it looks like one.

Hydra reads ``tracking.experiment=2024`` as a number, and cannot read some signs without quotes. Here such text is put
in quotes before Hydra reads it; where a person has to write them, those are shown that a shell leaves in place.
"""

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper

from nnsweep.errors import ConfigError
from nnsweep.files import expand_home
from nnsweep.text import has_credentials, printable, quote_argument, shorten, suggest_null

_TOKEN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,()\[\]{}'"]+""")
_READ_BY_HYDRA = re.compile(r"[+-]?(?:[\d_.]+(?:e[+-]?\d*)?|inf|nan)|true|false|null", re.IGNORECASE)
_FUNCTIONS = re.compile(r"\s*(?:choice|sort|shuffle|tag|glob|str)\(")
_DATA_PATHS = ("data.path", "data.test_path", "data.home")
_PATHS = (*_DATA_PATHS, "tracking.uri", "tracking.artifact_root", "hydra.sweep.dir", "hydra.run.dir")


def quote_text(line: str) -> str:
    """Put in quotes what an override gives as text and Hydra would read as something else.

    Examples
    --------
    >>> quote_text("tracking.experiment=2024"), quote_text("data.target=1e3,b"), quote_text("data.path=~/cats.csv")
    ("tracking.experiment='2024'", "data.target='1e3',b", "data.path='~/cats.csv'")
    >>> quote_text("data.target=null"), quote_text("seed=3")
    ('data.target=null', 'seed=3')
    """
    written, _, value = line.partition("=")
    key = written.lstrip("+")
    is_path = key in _PATHS and "~" in value
    if not is_path and not any(_READ_BY_HYDRA.fullmatch(token.strip()) for token in _TOKEN.findall(value)):
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
        is_read = _READ_BY_HYDRA.fullmatch(token) or (is_path and "~" in token and token[0] not in "'\"")
        return QuotedString(token, Quote.single).with_quotes() if is_read else match[0]

    return f"{written}={_TOKEN.sub(quote, value)}"


def _takes_text(key: str) -> bool:
    from nnsweep.jobs.kinds import find_kind

    known = find_kind(key)
    return known is not None and known.is_text and not key.startswith("sweep.")  # grids and rules are languages


def _takes_null(key: str) -> bool:
    from nnsweep.jobs.kinds import find_kind

    known = find_kind(key)
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
        return quote_argument(f"{key}={value}")
    ways = [f"{key}={QuotedString(value, quote).with_quotes()}" for quote in (Quote.double, Quote.single)]
    return min(map(quote_argument, ways), key=len)


def _is_read(line: str, value: str) -> bool:
    try:
        return OverridesParser.create().parse_override(line).value() == value
    except HydraException:
        return False


def explain_unreadable(line: str) -> str:
    """Say in one line what is wrong with an override that Hydra cannot read, and what can be written instead."""
    from nnsweep.jobs.kinds import find_kind

    written, equals, value = line.partition("=")
    key = written.lstrip("+~")
    if not equals or not re.fullmatch(r"[+~]*[\w./@:$\[\]-]+", written):
        return "cannot be read; settings are written key=value"
    known = find_kind(key)
    if known and known.is_nullable and (hint := suggest_null(written, value)):
        return f"cannot be read; {hint}"
    if known and not known.is_text:
        return f"cannot be read as a value; several are written {key}=a,b or, of numbers, {key}='range(0,5)'"
    return f"cannot be read; text with such signs needs quotes, in a shell {quote_for_shell(written, value)}"


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """A command line of a sweep.

    Attributes
    ----------
    own : str
        The user's folder of configurations; empty if none is given.
    options : list of str
        Hydra's options, such as ``--cfg job``.
    overrides : list of str
        What is set and swept over. A store's address with a password is not in it: it is in the environment.
    """

    own: str
    options: list[str]
    overrides: list[str]

    @property
    def is_sweep(self) -> bool:
        """Whether a sweep is asked for, and nothing else of Hydra."""
        return not {*self.options} - {"-m", "--multirun"} and not any(
            override.startswith("hydra.mode=") for override in self.overrides
        )


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Check and prepare a command line, whose options may stand anywhere.

    Parameters
    ----------
    arguments : sequence of str
        What the user has written after the program's name.

    Returns
    -------
    CommandLine
        What Hydra shall read.

    Raises
    ------
    ConfigError
        If an option is wrong, or the folder is not there.
    """
    own, rest = _own_configurations(_without_passwords(arguments))
    overrides = _overrides(rest)
    if holding := [key for override in overrides if "\0" in (key := override.partition("=")[0])]:
        raise ConfigError(*(f"{shorten(printable(key))}: holds a NUL, which no key can have" for key in holding))
    options = _without(rest, overrides)
    lines = _quoted_rules([quote_text(line) for argument in overrides for line in _added(argument)])
    return CommandLine(own=own, options=options, overrides=lines)


def _added(argument: str) -> list[str]:
    """Let the kind of a column be given whatever its name is: the last ``=`` ends it."""
    from nnsweep.jobs.overrides import COLUMNS, is_column_key, make_column_key

    key, equals, value = argument.rpartition("=")
    plain = key.lstrip("+")
    if equals and plain.startswith(COLUMNS):
        name = plain.removeprefix(COLUMNS).strip()
        return [
            argument if is_column_key(name) and key.startswith("++") else f"{make_column_key(name)}={value.strip()}"
        ]
    if argument.lstrip("+").startswith(f"{COLUMNS[:-1]}={{"):
        kinds = _by_name(argument.partition("=")[2])
        return [argument] if kinds is None else [f"{make_column_key(name)}={kind}" for name, kind in kinds.items()]
    return [argument]


def _by_name(text: str) -> dict[str, str] | None:
    """Read a mapping of columns whose names are quoted, as Hydra's grammar cannot; None if Hydra can, or nobody."""
    if not re.search(r"""['"]|[^\x00-\x7f]""", text):
        return None
    try:
        kinds = yaml.load(text, Loader=yaml.BaseLoader)  # texts and nothing else
    except yaml.YAMLError:
        return None
    is_by_name = isinstance(kinds, dict) and all(isinstance(part, str) for pair in kinds.items() for part in pair)
    return kinds if is_by_name else None


def _without_passwords(arguments: Sequence[str]) -> list[str]:
    """Take a store's address with a password out of the command line, which Hydra writes down, to the environment."""
    from nnsweep.tracking.store import resolve_uri

    kept = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key.lstrip("+") == "tracking.uri" and has_credentials(value):
            os.environ["MLFLOW_TRACKING_URI"] = resolve_uri(value.strip("'\""), Path.cwd())
        else:
            kept.append(argument)
    return kept


def _quoted_rules(arguments: Sequence[str]) -> list[str]:
    """Spare the user the second pair of quotes that Hydra's grammar wants around a rule."""
    if not any(argument.startswith("sweep.exclude=") for argument in arguments):
        return [*arguments]
    from nnsweep.jobs.grid import quote_rule

    return [quote_rule(argument) if argument.startswith("sweep.exclude=") else argument for argument in arguments]


def _own_configurations(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Part the command line into the user's folder of configurations, if one is given, and the rest."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd")
    given, rest = parser.parse_known_args(arguments)
    if given.config_dir is None:
        return "", rest
    folder = expand_home(given.config_dir)
    if not folder or not os.path.isdir(folder):
        raise ConfigError(
            f"--config-dir {given.config_dir}: there is no such folder; name one with your configurations"
        )
    return str(Path(folder).absolute()), rest


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong in our way."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; nnsweep --help shows what there is")


def _overrides(arguments: Sequence[str]) -> list[str]:
    """Let Hydra's options be read before it does, which would print its usage; give what is no option."""
    known = get_args_parser()
    parser = _Parser(add_help=False, allow_abbrev=False, parents=[known], conflict_handler="resolve")
    parser.add_argument("--version", action="store_true")
    overrides: list[str] = parser.parse_intermixed_args(arguments).overrides
    return overrides


def _without(arguments: Sequence[str], overrides: Sequence[str]) -> list[str]:
    left = [*overrides]
    options = []
    for argument in arguments:
        if argument in left:
            left.remove(argument)
        else:
            options.append(argument)
    return options


def list_plugins() -> list[str]:
    """Name the classes of all sweepers and launchers that Hydra finds."""
    found = Plugins.instance()
    return sorted(plugin.__name__ for kind in (Sweeper, Launcher) for plugin in found.discover(kind))
