"""What Hydra and OmegaConf say when a configuration cannot be composed, in one line each."""

import errno
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.errors import HydraException, InstantiationException, MissingConfigException, OverrideParseException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)
from yaml import YAMLError

from nnsweep.messages import IMPORT, NEVER_IMPORTED, nearest, shortened, visible
from nnsweep.sweep.quoting import explain_unreadable

_EXAMPLES = {"data.path": "cats.csv", "data.dataset": "credit-g"}


def told(error: BaseException) -> str:
    """Say in one line what is wrong and, for a name, which one was probably meant.

    Parameters
    ----------
    error : Exception
        Raised by Hydra or OmegaConf.
    """
    if isinstance(error, MissingConfigException) and error.options is not None and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name}: there is no such choice; {nearest(name, sorted(error.options))}"
    if isinstance(error, OverrideParseException):
        return f"{visible(error.override)}: {visible(explain_unreadable(error.override))}"
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


def foreign(error: BaseException) -> str | None:
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
        return f"{shortened(visible(str(named)))}: no file can have a name of {len(str(named)):,} characters"
    circle = _local(error, "default") or _local(error, "parent")
    if isinstance(error, RecursionError) and circle is not None:
        return f"{getattr(circle, 'path', circle)}: its defaults lead back to itself"
    return None


absent_plugin = foreign  # as `nnsweep.app` calls it


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
    return f"{key}: there is no such key" + (f"; {nearest(name, known)}" if known else "")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return visible(re.sub(r"\s+", " ", lines[0])) if lines else type(error).__name__
