"""Refusals: what is told of an error that ends the program, and the exit code that goes with it.

Hydra, OmegaConf and click have errors of their own for what a user gets wrong; they are told as ours are.
"""

import errno
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import omegaconf
from hydra.errors import HydraException, InstantiationException, MissingConfigException, OverrideParseException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)
from yaml import YAMLError

from nnsweep.errors import UserError
from nnsweep.jobs.arguments import explain_unreadable
from nnsweep.text import (
    IMPORT,
    NEVER_IMPORTED,
    mask_secrets,
    printable,
    shorten,
    suggest_nearest,
)

_EXAMPLES = {"data.path": "cats.csv", "data.dataset": "credit-g"}


def explain_hydra_error(error: BaseException) -> str:
    """Say in one line what is wrong and, for a name, which one was probably meant.

    Parameters
    ----------
    error : Exception
        Raised by Hydra or OmegaConf.
    """
    if isinstance(error, MissingConfigException) and error.options is not None and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name}: there is no such choice; {suggest_nearest(name, sorted(error.options))}"
    if isinstance(error, OverrideParseException):
        return f"{printable(error.override)}: {printable(explain_unreadable(error.override))}"
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(cause)
    if isinstance(error, MissingMandatoryValue):
        key = str(error.full_key)
        return f"{key}: must be given, as in {key}={_EXAMPLES.get(key, '...')}"
    if isinstance(error, InterpolationResolutionError | ConfigAttributeError | ConfigKeyError):
        return f"{error.full_key}: {_first_line(error)}"
    if several := re.match(r"In 'hydra/(launcher|sweeper)/(\w+)': .*\n.* is not a subclass of", str(error)):
        return f"hydra/{several[1]}: a sweep has one {several[1]}; choose one, as in hydra/{several[1]}={several[2]}"
    if isinstance(error, InstantiationException):
        return " ".join(str(error).split())
    said = _first_line(error) if str(error) else _source(error)
    return f"{said} ({_first_line(cause)})" if isinstance(cause, OmegaConfBaseException | HydraException) else said


def explain_foreign_error(error: BaseException) -> str | None:
    """Say in one line what is wrong if Hydra raised something that is not its own; None if it did not.

    Parameters
    ----------
    error : Exception
        With its traceback: only there is the name of a file that could not be read.
    """
    if isinstance(error, RuntimeError) and (
        plugin := re.match(r"(?:Unknown plugin class :|Invalid plugin) '(.*?)'", str(error))
    ):
        return _no_plugin(plugin[1])
    file = _local(error, "full_path")
    if file is not None and isinstance(error, YAMLError | OSError | UnicodeError | RecursionError | ValueError):
        return _unreadable(Path(file), error)
    named = _local(error, "config_path")
    if named is not None and isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"{shorten(printable(str(named)))}: no file can have a name of {len(str(named)):,} characters"
    circle = _local(error, "default") or _local(error, "parent")
    if isinstance(error, RecursionError) and circle is not None:
        return f"{getattr(circle, 'path', circle)}: its defaults lead back to itself"
    return None


def _no_plugin(name: str) -> str:
    launcher = re.match(r"hydra_plugins\.hydra_(\w+)_launcher\.", name)
    if launcher is None:
        return f"{name}: is no plugin of Hydra's; a launcher or sweeper is chosen by name, as in hydra/launcher=joblib"
    return f"hydra/launcher: Hydra's {launcher[1]} launcher is not installed; pip install 'nnsweep[{launcher[1]}]'"


def _unreadable(file: Path, error: BaseException) -> str:
    """Name the file, and the line where it is known."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or _first_line(error)
    if isinstance(error, RecursionError):
        said = "it is nested too deeply, or within itself"
    return f"{_place(file)}{f':{mark.line + 1}' if mark else ''}: cannot be read as a configuration in YAML ({said})"


def _local(error: BaseException, name: str) -> Any:
    """Give a variable of that name from where an error was raised, the innermost; None if there is none."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if "hydra" in frame.f_code.co_filename]
    return next((frame.f_locals[name] for frame in reversed(frames) if frame.f_locals.get(name) is not None), None)


def _source(error: BaseException) -> str:
    """Name the file that could not be composed, where Hydra itself does not."""
    file = _local(error, "full_path") or getattr(_local(error, "default"), "config_path", None)
    return f"{_place(Path(file))}: cannot be composed" if file else type(error).__name__


def _place(file: Path) -> Path:
    """Give a path as the user would, below the working folder."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _unknown_key(error: OmegaConfBaseException) -> str:
    key = re.sub(r"\[(\d+)\]", r".\1", str(error.full_key))  # as overrides write the place in a list
    name = key.rpartition(".")[2]
    siblings = [str(sibling) for sibling in error.parent_node] if isinstance(error.parent_node, Mapping) else []
    if name == IMPORT:
        return f"{key}: {NEVER_IMPORTED}"
    known = [sibling for sibling in siblings if sibling not in ("hydra", "name", name)]
    return f"{key}: there is no such key" + (f"; {suggest_nearest(name, known)}" if known else "")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(re.sub(r"\s+", " ", lines[0])) if lines else type(error).__name__


USAGE = 2
_LONGEST = 200  # characters of what a library says
_READERS = {Path(package.__path__[0]) for package in (hydra, omegaconf)}
_UNREADABLE = (ValueError, TypeError, AssertionError, AttributeError, LookupError, RecursionError, OSError)
"""What these raise at a command line that they cannot read, and have no word for."""


def report_error(error: Exception) -> int:
    """Tell an error on standard error: a line for each problem of the user's, a traceback for a fault of ours.

    Returns
    -------
    int
        The exit code.
    """
    found = explain_error(error)
    if found is None:
        print(mask_secrets("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        return 1
    for problem in found:
        print(f"nnsweep: error: {mask_secrets(printable(problem))}", file=sys.stderr)
    return error.exit_code if isinstance(error, UserError) else USAGE


def explain_error(error: Exception) -> tuple[str, ...] | None:
    """Say in lines what the user can mend; None if the error is nobody's but ours.

    Parameters
    ----------
    error : Exception
        Of ours, of Hydra, OmegaConf or click, or one that they let through.
    """
    import click

    if isinstance(error, UserError):
        return error.problems
    if isinstance(error, click.ClickException):
        return (" ".join(error.format_message().split()),)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return (explain_hydra_error(error),)
    if absent := explain_foreign_error(error):
        return (absent,)
    if isinstance(error, UserWarning) and "hydra.searchpath" in str(error):
        return (f"hydra.searchpath: {str(error).partition(', ')[2]}",)
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    if isinstance(error, _UNREADABLE) and _READERS & {*Path(raised_in).parents}:
        said = f"{type(error).__name__}: {error}".removeprefix("ValueError: ").removesuffix(": ")
        given = mask_secrets(" ".join(map(shorten, sys.argv[1:])))  # it does not say which argument it means
        return (f"{said[:_LONGEST]} (in: {given}); settings are written key=value",)
    return None
