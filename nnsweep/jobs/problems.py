"""Problems: whatever a user can get wrong, in one line each, and the exit code that goes with it.

A line names the key, its value, the rule, and where a name is wrong the nearest valid one. Hydra, OmegaConf, click and
pydantic raise errors of their own for such things; they are put into the same words as ours.
"""

import errno
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

from nnsweep.errors import ExitCode, UserError
from nnsweep.jobs.guesses import explain_table, find_keys
from nnsweep.jobs.overrides import explain_unreadable
from nnsweep.text import (
    IMPORT,
    NEVER_IMPORTED,
    is_broken,
    mask_secrets,
    printable,
    shorten,
    suggest_nearest,
    suggest_null,
)

if TYPE_CHECKING:  # the command line reports errors with this module, and must not wait for pydantic
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MAX_LENGTH = 200  # characters of what a library says
_LIBRARIES = {Path(package.__path__[0]) for package in (hydra, omegaconf)}
_UNREADABLE = (ValueError, TypeError, AssertionError, AttributeError, LookupError, RecursionError, OSError)
"""What these libraries raise at a command line that they cannot read, and have no error of their own for."""
_EXAMPLES = {"data.path": "cats.csv", "data.dataset": "credit-g"}
_RULES = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "model_type": "must be settings, such as {name: value}",
    "dict_type": "must be settings, such as {name: value}",
}
"""By pydantic's type of an error."""


def report_error(error: Exception) -> int:
    """Print an error to standard error: a line for each problem of the user's, a traceback for a bug of nnsweep's.

    Returns
    -------
    int
        The exit code.
    """
    problems = explain_error(error)
    if problems is None:
        print(mask_secrets("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        return ExitCode.BUG
    for problem in problems:
        print(f"nnsweep: error: {mask_secrets(printable(problem))}", file=sys.stderr)
    return error.exit_code if isinstance(error, UserError) else ExitCode.USAGE


def explain_error(error: Exception) -> tuple[str, ...] | None:
    """Say in lines what the user can correct; None if the error is a fault of nnsweep's.

    Parameters
    ----------
    error : Exception
        Raised by nnsweep, Hydra, OmegaConf or click, or an error that these let through.
    """
    import click

    if isinstance(error, UserError):
        return error.problems
    if isinstance(error, click.ClickException):
        return (" ".join(error.format_message().split()),)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return (explain_hydra_error(error),)
    if line := _explain_foreign_error(error):
        return (line,)
    if isinstance(error, UserWarning) and "hydra.searchpath" in str(error):
        return (f"hydra.searchpath: {str(error).partition(', ')[2]}",)
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    if isinstance(error, _UNREADABLE) and _LIBRARIES & {*Path(raised_in).parents}:
        message = f"{type(error).__name__}: {error}".removeprefix("ValueError: ").removesuffix(": ")
        arguments = mask_secrets(" ".join(map(shorten, sys.argv[1:])))  # it does not say which one it means
        return (f"{message[:_MAX_LENGTH]} (in: {arguments}); settings are written key=value",)
    return None


def explain_hydra_error(error: BaseException) -> str:
    """Say in one line what is wrong and, for an unknown name, which one was probably meant.

    Parameters
    ----------
    error : Exception
        Raised by Hydra or OmegaConf.
    """
    if isinstance(error, MissingConfigException) and error.options is not None and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        if group == "data" and (table := explain_table(name)):
            return f"data={name}: {table}"
        return f"{group}={name}: there is no such choice; {suggest_nearest(name, sorted(error.options))}"
    if isinstance(error, OverrideParseException):
        return f"{printable(error.override)}: {printable(explain_unreadable(error.override))}"
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _explain_unknown_key(cause)
    if isinstance(error, MissingMandatoryValue):
        key = str(error.full_key)
        return f"{key}: must be given, as in {key}={_EXAMPLES.get(key, '...')}"
    if isinstance(error, InterpolationResolutionError | ConfigAttributeError | ConfigKeyError):
        return f"{error.full_key}: {_first_line(error)}"
    if several := re.match(r"In 'hydra/(launcher|sweeper)/(\w+)': .*\n.* is not a subclass of", str(error)):
        return f"hydra/{several[1]}: a sweep has one {several[1]}; choose one, as in hydra/{several[1]}={several[2]}"
    if isinstance(error, InstantiationException):
        return " ".join(str(error).split())
    if str(error):
        message = _first_line(error)
    else:  # a file could not be composed, which Hydra itself does not name
        file = _find_local(error, "full_path") or getattr(_find_local(error, "default"), "config_path", None)
        message = f"{_shorten_path(Path(file))}: cannot be composed" if file else type(error).__name__
    is_explained = isinstance(cause, OmegaConfBaseException | HydraException)
    return f"{message} ({_first_line(cause)})" if is_explained and cause else message


def _explain_foreign_error(error: BaseException) -> str | None:
    """Say in one line what is wrong if Hydra lets an error of a library through; None for any other error.

    Which file or plugin it is about is only found in the local variables of Hydra's functions, in the traceback.
    """
    plugin = re.match(r"(?:Unknown plugin class :|Invalid plugin) '(.*?)'", str(error))
    if isinstance(error, RuntimeError) and plugin:
        if launcher := re.match(r"hydra_plugins\.hydra_(\w+)_launcher\.", plugin[1]):
            name = launcher[1]
            return f"hydra/launcher: Hydra's {name} launcher is not installed; pip install 'nnsweep[{name}]'"
        rule = "is no plugin of Hydra's; a launcher or sweeper is chosen by name, as in hydra/launcher=joblib"
        return f"{plugin[1]}: {rule}"
    file = _find_local(error, "full_path")
    if file is not None and isinstance(error, YAMLError | OSError | UnicodeError | RecursionError | ValueError):
        mark = getattr(error, "problem_mark", None)
        message = getattr(error, "problem", None) or _first_line(error)
        if isinstance(error, RecursionError):
            message = "it is nested too deeply, or within itself"
        line = f":{mark.line + 1}" if mark else ""
        return f"{_shorten_path(Path(file))}{line}: cannot be read as a configuration in YAML ({message})"
    name = _find_local(error, "config_path")
    if name is not None and isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"{shorten(printable(str(name)))}: no file can have a name of {len(str(name)):,} characters"
    circle = _find_local(error, "default") or _find_local(error, "parent")
    if isinstance(error, RecursionError) and circle is not None:
        return f"{getattr(circle, 'path', circle)}: its defaults lead back to itself"
    return None


def _find_local(error: BaseException, name: str) -> Any:
    """Get a local variable of Hydra's innermost function in a traceback that has it, or None."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if "hydra" in frame.f_code.co_filename]
    return next((frame.f_locals[name] for frame in reversed(frames) if frame.f_locals.get(name) is not None), None)


def _shorten_path(file: Path) -> Path:
    """Shorten a path in the working folder to the relative one."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


ONE_FORM = ("hidden_layer_sizes", "depth", "width")
"""Settings of an architecture that it has in one form or the other."""


def _explain_unknown_key(error: OmegaConfBaseException) -> str:
    key = re.sub(r"\[(\d+)\]", r".\1", str(error.full_key))  # as overrides write the place in a list
    name = key.rpartition(".")[2]
    if name == IMPORT:
        return f"{key}: {NEVER_IMPORTED}"
    from nnsweep.jobs.groups import find_kind

    if key.startswith(("arch.", "trainer.")) and name not in ONE_FORM and find_kind(key):
        return f"{key}: the file of this choice, which may be older, does not have this key; write +{key}"
    if "." not in key and (keys := find_keys(key)):
        return f"{key}: there is no such key; did you mean {' or '.join(keys)}?"
    siblings = map(str, error.parent_node) if isinstance(error.parent_node, Mapping) else ()
    return f"{key}: {_explain_no_key(name, [one for one in siblings if one not in ('hydra', 'name', name)])}"


def _explain_no_key(name: str, siblings: Sequence[str]) -> str:
    return "there is no such key" + (f"; {suggest_nearest(name, siblings)}" if siblings else "")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(re.sub(r"\s+", " ", lines[0])) if lines else type(error).__name__


def list_problems(error: "ValidationError", values: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with a configuration.

    Parameters
    ----------
    error : ValidationError
        What checking it raised.
    values : mapping
        The configuration.

    Returns
    -------
    list of str
        One line a problem, in the order of the configuration.
    """
    entries = [(key, key.rpartition(".")[2], value) for key, value in _walk(values)]
    lines = [f"{key}={_show_value(value)}: {NEVER_IMPORTED}" for key, name, value in entries if name == IMPORT]
    for detail in error.errors():
        if detail["type"] == "json_invalid":  # a surrogate is half a character, as undecodable bytes become
            return [
                f"{key}={_show_value(value)}: holds half a character (a surrogate), which no file can hold"
                for key, name, value in entries
                if is_broken(name) or (isinstance(value, str) and is_broken(value))
            ]
        if detail["type"] != "extra_forbidden" or detail["loc"][-1] != IMPORT:
            lines.append(_explain_detail(detail, values))
    return lines


def _walk(values: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a configuration with its dotted key, at any depth."""
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    for name, value in pairs:
        inner = f"{key}.{name}" if key else str(name)
        yield inner, value
        yield from _walk(value, inner)


def _explain_detail(detail: "ErrorDetails", values: Mapping[str, Any]) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    path, group = _find_place(detail["loc"], values)
    key = ".".join(map(str, path))
    match kind:
        case "value_error":
            message = str(context["error"])
            return f"{key}: {message}" if key else message
        case "extra_forbidden":
            name = str(path[-1])
            siblings = [sibling for sibling in group if sibling not in (name, "name")]
            return f"{key}={_show_value(value)}: {_explain_no_key(name, siblings)}"
        case "union_tag_invalid":
            tag, names = str(context["tag"]), [name.strip(" '") for name in str(context["expected_tags"]).split(",")]
            return f"{key}.name={tag}: there is no such name; {suggest_nearest(tag, names)}"
        case "one_of":
            return f"{key}={_show_value(value)}: there is no such name; {suggest_nearest(str(value), context['known'])}"
        case "union_tag_not_found":
            return f"{key}.name: is missing"
        case "missing":
            return f"{key}: is missing"
        case "tuple_type":
            example = f"[{value}]" if isinstance(value, str | int | float) else "[20,20]"
            rule = f"must be a list, such as {example}"
        case "literal_error":
            rule = f"must be {context['expected']}"
        case _:
            rule = _RULES.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
    return f"{key}={_show_value(value)}: {rule}{_suggest_spelling(key, value)}"


def _suggest_spelling(key: str, value: Any) -> str:
    """Suggest how a grid, null or quoted text is written, if the value looks as if that was meant."""
    from nnsweep.jobs.groups import find_kind

    key = key if find_kind(key) else f"sweep.{key}"  # a sweep's settings are checked without their prefix
    kind = find_kind(key)
    if kind is None:
        return ""
    if isinstance(value, list) and not kind.depth:
        return f"; a grid is written {key}={','.join(map(str, value)) or 'a,b'}"
    if kind.is_nullable and (hint := suggest_null(key, value)):
        return f"; {hint}"
    if kind.is_text and isinstance(value, bool | int | float):
        return "; in a file, put it in quotes"
    return ""


def _find_place(location: Sequence[int | str], values: Any) -> tuple[list[int | str], list[str]]:
    """Translate pydantic's location into the path of the key, and list the keys of the group that it is in.

    Where a setting may be either a word or settings, a location has an additional name, which is left out.
    """
    from nnsweep.jobs.schema import SETTINGS, WORD

    path: list[int | str] = []
    group: Any = {}
    for name in location:
        if name in (WORD, SETTINGS):
            continue
        path.append(name)
        group = values
        if isinstance(values, Mapping):
            values = values.get(name)
        else:
            is_item = isinstance(values, list) and isinstance(name, int) and name < len(values)
            values = values[name] if is_item else None
    return path, [str(key) for key in group] if isinstance(group, Mapping) else []


def _show_value(value: Any) -> str:
    return shorten("null" if value is None else str(value))
