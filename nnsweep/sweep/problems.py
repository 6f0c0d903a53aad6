"""What is wrong with a configuration, one line for each problem.

A line names the key, its value, the rule, and where a name is wrong the nearest valid one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nnsweep.messages import nearest

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


def problems(error: ValidationError, values: Mapping[str, Any]) -> list[str]:
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
    return [_line(detail, values) for detail in error.errors()]


def _line(detail: ErrorDetails, values: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    key = _key(detail["loc"], values)
    value = f"{key}={_shown(detail['input'])}"
    if kind == "value_error":
        said = str(context["error"])
        return f"{key}: {said}" if key else said
    if kind == "extra_forbidden":
        parent, _, name = key.rpartition(".")
        known = [sibling for sibling in _at(values, parent) if sibling not in (name, "name")]
        return f"{value}: there is no such key" + (f"; {nearest(name, known)}" if known else "")
    if kind == "union_tag_invalid":
        tag, known = str(context["tag"]), [name.strip(" '") for name in str(context["expected_tags"]).split(",")]
        return f"{key}.name={tag}: there is no such name; {nearest(tag, known)}"
    if kind == "one_of":
        return f"{value}: there is no such name; {nearest(str(detail['input']), context['known'])}"
    if kind == "literal_error":
        return f"{value}: must be {context['expected']}"
    if kind == "union_tag_not_found":
        return f"{key}.name: {_KINDS['missing']}"
    if kind == "missing":
        return f"{key}: {_KINDS[kind]}"
    return f"{value}: {_KINDS.get(kind, detail['msg'][:1].lower() + detail['msg'][1:])}"


def _key(location: Sequence[int | str], values: Any) -> str:
    """Join a location to a dotted key, without the name that pydantic puts in where a choice begins."""
    names: list[str] = []
    entered = False  # a choice, whose name comes next
    for name in location:
        if entered and name == values["name"]:
            entered = False
            continue
        names.append(str(name))
        values = values[name] if isinstance(name, int) or name in values else None
        entered = isinstance(values, Mapping) and "name" in values
    return ".".join(names)


def _at(values: Any, key: str) -> Mapping[str, Any]:
    for name in key.split(".") if key else []:
        values = values[int(name)] if isinstance(values, Sequence) else values[name]
    return values if isinstance(values, Mapping) else {}


def _shown(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
