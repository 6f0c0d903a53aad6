"""What is wrong with a configuration, one line for each problem.

A line names the key, its value, the rule, and where a name is wrong the nearest valid one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nnsweep.jobs.settings import SETTINGS, WORD
from nnsweep.text import IMPORT, NEVER_IMPORTED, is_broken, shorten, suggest_nearest, suggest_null

_KINDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "tuple_type": "must be a list, such as [20,20]",
    "model_type": "must be settings, such as {name: value}",
    "dict_type": "must be settings, such as {name: value}",
    "missing": "is missing",
}


def list_problems(error: ValidationError, values: Mapping[str, Any]) -> list[str]:
    """Say what is wrong.

    Parameters
    ----------
    error : ValidationError
        What checking a job raised.
    values : mapping
        The configuration that was checked.

    Returns
    -------
    list of str
        One line a problem, in the order of the configuration.
    """
    lines = [f"{key}={_shown(value)}: {NEVER_IMPORTED}" for key, value in _named(values) if _last(key) == IMPORT]
    for detail in error.errors():
        if detail["type"] == "json_invalid":
            return _halves(values)
        if detail["type"] != "extra_forbidden" or detail["loc"][-1] != IMPORT:
            lines.append(_line(detail, values))
    return lines


def _named(values: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Give everything in a configuration by its dotted key, however deep."""
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    for name, value in pairs:
        inner = f"{key}.{name}" if key else str(name)
        yield inner, value
        yield from _named(value, inner)


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _halves(values: Any) -> list[str]:
    """Name the texts that no file can hold: a surrogate is half a character, as undecodable bytes become."""
    found = [(key, value if isinstance(value, str) else "") for key, value in _named(values)]
    return [
        f"{key}={_shown(value)}: holds half a character (a surrogate), which no file can hold"
        for key, value in found
        if is_broken(_last(key) + value)
    ]


def _line(detail: ErrorDetails, values: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    path = _path(detail["loc"], values)
    key = ".".join(map(str, path))
    value = f"{key}={_shown(detail['input'])}"
    if kind == "value_error":
        said = str(context["error"])
        return f"{key}: {said}" if key else said
    if kind == "extra_forbidden":
        *parent, name = path
        known = [str(sibling) for sibling in _at(values, parent) if str(sibling) not in (str(name), "name")]
        return f"{value}: there is no such key" + (f"; {suggest_nearest(str(name), known)}" if known else "")
    if kind == "union_tag_invalid":
        tag, known = str(context["tag"]), [name.strip(" '") for name in str(context["expected_tags"]).split(",")]
        return f"{key}.name={tag}: there is no such name; {suggest_nearest(tag, known)}"
    if kind == "one_of":
        return f"{value}: there is no such name; {suggest_nearest(str(detail['input']), context['known'])}"
    if kind == "union_tag_not_found":
        return f"{key}.name: {_KINDS['missing']}"
    if kind == "missing":
        return f"{key}: {_KINDS[kind]}"
    rule = context["expected"] if kind == "literal_error" else ""
    told = f"must be {rule}" if rule else _KINDS.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
    return f"{value}: {told}{_way_out(key, detail['input'])}"


def _way_out(key: str, given: Any) -> str:
    """Say how a grid, or nothing at all, is written by somebody who has written something else for it."""
    from nnsweep.jobs.kinds import find_kind

    key = key if find_kind(key) else f"sweep.{key}"  # the settings of a sweep are checked alone
    known = find_kind(key)
    if known is None:
        return ""
    if isinstance(given, list) and not known.depth:
        return f"; a grid is written {key}={','.join(map(str, given)) or 'a,b'}"
    if known.is_nullable and (hint := suggest_null(key, given)):
        return f"; {hint}"
    if known.is_text and isinstance(given, bool | int | float):
        return "; in a file, put it in quotes"
    return ""


def _path(location: Sequence[int | str], values: Any) -> list[int | str]:
    """Drop from a location what pydantic puts in where a choice begins, or there may be a word or settings."""
    path: list[int | str] = []
    entered = False  # a choice, whose name comes next
    for name in location:
        if name in (WORD, SETTINGS) or (entered and name == values["name"]):
            entered = False
            continue
        path.append(name)
        values = _inside(values, name)
        entered = isinstance(values, Mapping) and "name" in values
    return path


def _at(values: Any, path: Sequence[int | str]) -> Mapping[str, Any]:
    for name in path:
        values = _inside(values, name)
    return values if isinstance(values, Mapping) else {}


def _inside(values: Any, name: int | str) -> Any:
    if isinstance(values, Mapping):
        return values.get(name)
    return values[name] if isinstance(values, list) and isinstance(name, int) and name < len(values) else None


def _shown(value: Any) -> str:
    return shorten("null" if value is None else str(value))
