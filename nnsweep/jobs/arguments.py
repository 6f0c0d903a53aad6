"""The command line of a sweep: the user's folder of configurations, Hydra's options, and overrides.

Options may stand anywhere. Passwords are taken out before Hydra writes anything down, and texts are put in the quotes
that Hydra's grammar needs, so that nobody has to quote twice.
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
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper

from nnsweep.errors import ConfigError
from nnsweep.files import expand_home
from nnsweep.jobs.overrides import COLUMNS, is_column_key, make_column_key, quote_text
from nnsweep.text import has_credentials, printable, shorten


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
