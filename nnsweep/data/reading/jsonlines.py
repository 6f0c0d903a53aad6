"""JSON lines, one object a line, and JSON arrays of objects: an object's members are the cells of a row.

Cells are kept as they are written, numbers too; null, and a member that is not there, are missing values.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

from nnsweep.data.problems import combine_problems, show_name, show_value
from nnsweep.data.reading.cells import Cells, check_width
from nnsweep.data.reading.table_file import decode
from nnsweep.errors import DataError
from nnsweep.text import is_broken

_SPACE = re.compile(r"[ \t\r\n]*")
_MOST_EMPTY = 10**7
"""Cells that may be empty anyhow."""

_Row: TypeAlias = dict[str, str] | str
"""The cells of an object by column, or what is wrong with it."""


def read_json(content: bytes, source: str) -> Cells:
    """Read a table from JSON lines, or from one array.

    Returns
    -------
    Cells
        Texts; the columns in the order in which they first appear.

    Raises
    ------
    DataError
        If a line is no JSON object, has nested values or a name twice; all such lines together.
    """
    import pandas as pd

    text = decode(content, source)
    lines, rows, problems = [], [], []
    is_array = text.lstrip()[:1] == "["
    for line, row in _iterate_array(text) if is_array else _iterate_lines(text):
        if isinstance(row, str):
            problems.append(f"{show_name(source)}, line {line}: {row}")
        else:
            lines.append(line)
            rows.append(row)
    if problems:
        raise combine_problems(problems)
    if not rows:
        empty = "an array of nothing" if is_array else "nothing but empty lines"
        raise DataError(f"{show_name(source)} holds {empty}; write one JSON object a line")
    names = list(dict.fromkeys(name for row in rows for name in row))
    check_width(len(names), show_name(source))
    if len(names) * len(rows) > _MOST_EMPTY + 20 * sum(map(len, rows)):
        raise DataError(
            f"{show_name(source)}: {len(names):,} columns in {len(rows):,} lines, and nearly all cells missing; "
            "give every line the same columns"
        )
    frame = pd.DataFrame(rows, columns=names, dtype=object).fillna("")
    return Cells(frame, typed=False, lines=lambda: lines, nulls=frozenset(names))


def _iterate_lines(text: str) -> Iterator[tuple[int, _Row]]:
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if content := line.strip():
            yield number, _read_object(content, 0, alone=True)[0]


def _iterate_array(text: str) -> Iterator[tuple[int, _Row]]:
    """Give the elements of an array, each with the line at which it begins; what cannot be read is the last."""
    place = _skip_space(text, text.index("[") + 1)
    line, counted = 1, 0
    while text[place : place + 1] != "]":
        line, counted = line + text.count("\n", counted, place), place
        row, end = _read_object(text, place, alone=False)
        yield line, row
        if isinstance(row, str):
            return
        place = _skip_space(text, end)
        if text[place : place + 1] not in (",", "]") or not text[place:]:
            line += text.count("\n", counted, place)
            yield line, f"a comma or ] must follow an object, not {show_value(text[place : place + 80])}; mend it"
            return
        if text[place] == ",":
            place = _skip_space(text, place + 1)
    if rest := text[place + 1 :].strip():
        line += text.count("\n", counted, text.index(rest[0], place + 1))
        yield line, f"{show_value(rest[:80])} follows the array; leave it out"


def _skip_space(text: str, place: int) -> int:
    return _SPACE.match(text, place).end()  # type: ignore[union-attr]


def _read_object(text: str, place: int, *, alone: bool) -> tuple[_Row, int]:
    """Read the object at a place, which may be alone in the text, and give the place behind it."""
    try:
        members, end = _DECODER.raw_decode(text, place)
        if alone and (rest := _skip_space(text, end)) < len(text):
            raise json.JSONDecodeError("Extra data", text, rest)
    except json.JSONDecodeError as error:
        at, it = ("", "the line") if alone else (f" of line {error.lineno}", "it")
        cut = show_value(text[error.pos : error.pos + 80])
        return f"no JSON at character {error.colno}{at} ({error.msg}): {cut}; mend {it}", place
    except RecursionError:
        return "values are nested too deeply; give each of their parts a column", place
    except _TwiceError as error:
        return f"{show_value(error)} is there twice; a row has one value a column", place
    return _check_object(members, text[place:end]), end


def _check_object(members: Any, line: str) -> _Row:
    """Take an object as a row, or say why it is none."""
    if not isinstance(members, dict):
        return f'{show_value(line)} is no object; write {{"column": value, ...}}'
    for name, value in members.items():
        if isinstance(value, dict | list):
            return f"column {show_name(name)} is a nested value; give each of its parts a column"
    row = {name.strip(): "" if value is None else str(value) for name, value in members.items()}
    if "\\ud" in line.lower() and any(is_broken(text) for pair in row.items() for text in pair):
        return "half a character (a lone surrogate such as \\ud800) is no text; write the whole one"
    return row


class _TwiceError(Exception):
    """A name stands twice in an object."""


def _make_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _TwiceError(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return members


_DECODER = json.JSONDecoder(
    object_pairs_hook=_make_members, parse_int=str, parse_float=str, parse_constant=str, strict=True
)
