"""The command line of a sweep: the user's folder of configurations, Hydra's options, and overrides.

Options may stand anywhere. Passwords are taken out before Hydra writes anything down, and text is put in the quotes
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

_RULE = "sweep.exclude="


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
        What is set and swept over; without a store's address that holds a password, which goes to the environment.
    """

    own: str
    options: list[str]
    overrides: list[str]

    @property
    def is_sweep(self) -> bool:
        """Whether this starts a sweep, rather than anything else that Hydra can do."""
        return not {*self.options} - {"-m", "--multirun"} and not any(
            override.startswith("hydra.mode=") for override in self.overrides
        )


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Check and prepare a command line, whose options may stand anywhere.

    Parameters
    ----------
    arguments : sequence of str
        What the user typed after the program's name.

    Returns
    -------
    CommandLine
        What is passed on to Hydra.

    Raises
    ------
    ConfigError
        If an option is wrong, or the folder does not exist.
    """
    own, rest = _split_config_dir(_move_passwords(arguments))
    options, overrides = _split_options(rest)
    if keys := [key for override in overrides if "\0" in (key := override.partition("=")[0])]:
        raise ConfigError(*(f"{shorten(printable(key))}: holds a NUL, which no key can have" for key in keys))
    lines = [quote_text(line) for override in overrides for line in _write_columns(override)]
    if any(line.startswith(_RULE) for line in lines):  # a rule needs a second pair of quotes in Hydra's grammar
        from nnsweep.jobs.grid import quote_rule

        lines = [quote_rule(line) if line.startswith(_RULE) else line for line in lines]
    return CommandLine(own=own, options=options, overrides=lines)


def _write_columns(argument: str) -> list[str]:
    """Write the kinds of columns with keys that Hydra can read, whatever the columns are called."""
    key, equals, kind = argument.rpartition("=")  # a column's name may hold an equals sign: the last one ends it
    plain = key.lstrip("+")
    if equals and plain.startswith(COLUMNS):
        name = plain.removeprefix(COLUMNS).strip()
        is_written = is_column_key(name) and key.startswith("++")
        return [argument if is_written else f"{make_column_key(name)}={kind.strip()}"]
    mapping = argument.partition("=")[2]
    # Hydra's grammar has no quotes around the names in a mapping, and no letters but ASCII
    if argument.lstrip("+").startswith(f"{COLUMNS[:-1]}={{") and re.search(r"""['"]|[^\x00-\x7f]""", mapping):
        try:
            kinds = yaml.load(mapping, Loader=yaml.BaseLoader)  # texts and nothing else
        except yaml.YAMLError:
            return [argument]
        if isinstance(kinds, dict) and all(isinstance(part, str) for pair in kinds.items() for part in pair):
            return [f"{make_column_key(name)}={kind}" for name, kind in kinds.items()]
    return [argument]


def _move_passwords(arguments: Sequence[str]) -> list[str]:
    """Move a store's address with a password from the command line, which Hydra writes down, to the environment."""
    from nnsweep.tracking.store import resolve_uri

    others = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key.lstrip("+") == "tracking.uri" and has_credentials(value):
            os.environ["MLFLOW_TRACKING_URI"] = resolve_uri(value.strip("'\""), Path.cwd())
        else:
            others.append(argument)
    return others


def _split_config_dir(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Split the command line into the user's folder of configurations, empty for none, and the rest."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd")
    options, rest = parser.parse_known_args(arguments)
    if options.config_dir is None:
        return "", rest
    folder = expand_home(options.config_dir)
    if not folder or not os.path.isdir(folder):
        raise ConfigError(
            f"--config-dir {options.config_dir}: there is no such folder; name one with your configurations"
        )
    return str(Path(folder).absolute()), rest


class _Parser(argparse.ArgumentParser):
    """A parser that raises our error where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        dashed = re.search(r"(?<!\S)--?(\w[\w.]*=\S+)", message)
        way_out = f"write {dashed[1]}" if dashed else "nnsweep --help shows what there is"
        raise ConfigError(f"{message}; {way_out}")


def _split_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split arguments into Hydra's options, checked before Hydra itself would print its usage, and overrides."""
    hydras = get_args_parser()
    parser = _Parser(add_help=False, allow_abbrev=False, parents=[hydras], conflict_handler="resolve")
    parser.add_argument("--version", action="store_true")
    overrides: list[str] = parser.parse_intermixed_args(arguments).overrides
    left = [*overrides]
    options = []
    for argument in arguments:
        if argument in left:
            left.remove(argument)
        else:
            options.append(argument)
    return options, overrides


def list_plugins() -> list[str]:
    """Name the classes of all sweepers and launchers that Hydra finds."""
    plugins = Plugins.instance()
    return sorted(plugin.__name__ for kind in (Sweeper, Launcher) for plugin in plugins.discover(kind))
