"""JSON lines, one object a line, and JSON arrays of objects: an object's members are the cells of a row.

Cells are kept as they are written, numbers too; null, and a member that is not there, are missing values.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from nnsweep.data.reading.cells import Cells
from nnsweep.data.reading.encoded import decoded
from nnsweep.data.reading.header import check_width
from nnsweep.data.reading.table_problems import named, shown, together
from nnsweep.errors import DataError
from nnsweep.messages import is_broken

_SPACE = re.compile(r"[ \t\r\n]*")
_MOST_EMPTY = 10**7
"""Cells that may be empty anyhow."""


class _Unread(NamedTuple):
    """Why a line is no row."""

    rule: str


def read(content: bytes, source: str) -> Cells:
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

    text = decoded(content, source)
    lines, rows, problems = [], [], []
    is_array = text.lstrip()[:1] == "["
    for line, row in _elements(text) if is_array else _rows(text):
        if isinstance(row, _Unread):
            problems.append(f"{named(source)}, line {line}: {row.rule}")
        else:
            lines.append(line)
            rows.append(row)
    if problems:
        raise together(problems)
    if not rows:
        empty = "an array of nothing" if is_array else "nothing but empty lines"
        raise DataError(f"{named(source)} holds {empty}; write one JSON object a line")
    names = list(dict.fromkeys(name for row in rows for name in row))
    check_width(len(names), named(source))
    if len(names) * len(rows) > _MOST_EMPTY + 20 * sum(map(len, rows)):
        raise DataError(
            f"{named(source)}: {len(names):,} columns in {len(rows):,} lines, and nearly all cells missing; "
            "give every line the same columns"
        )
    columns = {name: pd.Series([row.get(name, "") for row in rows], dtype=object) for name in names}
    frame = pd.DataFrame(columns, index=range(len(rows)))
    return Cells(frame, typed=False, lines=lambda: lines, nulls=frozenset(names))


def _rows(text: str) -> Iterator[tuple[int, dict[str, str] | _Unread]]:
    decoder = _decoder()
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip():
            yield number, _row(line.strip(), decoder)


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_members, parse_int=str, parse_float=str, parse_constant=str, strict=True)


def _elements(text: str) -> Iterator[tuple[int, dict[str, str] | _Unread]]:
    """Give the elements of an array, each with the line at which it begins; what cannot be read is the last."""
    decoder = _decoder()
    place = _SPACE.match(text, text.index("[") + 1).end()  # type: ignore[union-attr]
    line, counted = 1, 0
    while text[place : place + 1] != "]":
        line, counted = line + text.count("\n", counted, place), place
        row, end = _element(text, place, decoder)
        yield line, row
        if isinstance(row, _Unread):
            return
        place = _SPACE.match(text, end).end()  # type: ignore[union-attr]
        if text[place : place + 1] not in (",", "]") or not text[place:]:
            line += text.count("\n", counted, place)
            yield line, _Unread(f"a comma or ] must follow an object, not {shown(text[place : place + 80])}; mend it")
            return
        if text[place] == ",":
            place = _SPACE.match(text, place + 1).end()  # type: ignore[union-attr]
    if rest := text[place + 1 :].strip():
        line += text.count("\n", counted, text.index(rest[0], place + 1))
        yield line, _Unread(f"{shown(rest[:80])} follows the array; leave it out")


def _element(text: str, place: int, decoder: json.JSONDecoder) -> tuple[dict[str, str] | _Unread, int]:
    try:
        members, end = decoder.raw_decode(text, place)
    except json.JSONDecodeError as error:
        said = f"no JSON at character {error.colno} of line {error.lineno} ({error.msg})"
        return _Unread(f"{said}: {shown(text[error.pos : error.pos + 80])}; mend it"), place
    except RecursionError:
        return _Unread("values are nested too deeply; give each of their parts a column"), place
    except _TwiceError as error:
        return _Unread(f"{shown(error)} is there twice; a row has one value a column"), place
    return _checked(members, text[place:end]), end


def _row(line: str, decoder: json.JSONDecoder) -> dict[str, str] | _Unread:
    try:
        members = decoder.decode(line)
    except json.JSONDecodeError as error:
        return _Unread(f"no JSON at character {error.colno} ({error.msg}): {shown(line[error.pos :])}; mend the line")
    except RecursionError:
        return _Unread("values are nested too deeply; give each of their parts a column")
    except _TwiceError as error:
        return _Unread(f"{shown(error)} is there twice; a row has one value a column")
    return _checked(members, line)


def _checked(members: Any, line: str) -> dict[str, str] | _Unread:
    """Take an object as a row, or say why it is none."""
    if not isinstance(members, dict):
        return _Unread(f'{shown(line)} is no object; write {{"column": value, ...}}')
    for name, value in members.items():
        if isinstance(value, dict | list):
            return _Unread(f"column {named(name)} is a nested value; give each of its parts a column")
    row = {name.strip(): _cell(value) for name, value in members.items()}
    if "\\ud" in line.lower() and any(is_broken(text) for pair in row.items() for text in pair):
        return _Unread("half a character (a lone surrogate such as \\ud800) is no text; write the whole one")
    return row


class _TwiceError(Exception):
    """A name stands twice in an object."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _TwiceError(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return members


def _cell(value: str | bool | None) -> str:
    return "" if value is None else str(value)
