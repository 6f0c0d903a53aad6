"""JSON lines: one object a line, its members the cells of a row.

Cells are kept as they are written, numbers too; null, and a member that is not there, are missing values.
"""

import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from nnsweep.data.reading.cells import Cells
from nnsweep.data.reading.encoded import decoded
from nnsweep.data.reading.header import check_width
from nnsweep.data.reading.table_problems import named, shown, together
from nnsweep.errors import DataError
from nnsweep.messages import is_broken

_MOST_EMPTY = 10**7
"""Cells that may be empty anyhow."""


class _Unread(NamedTuple):
    """Why a line is no row."""

    rule: str


def read(content: bytes, source: str) -> Cells:
    """Read a table from JSON lines.

    Parameters
    ----------
    content : bytes
        The file's content, unpacked.
    source : str
        The file's name, for messages.

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
    if text.lstrip()[:1] == "[":
        raise DataError(
            f"{named(source)} is one JSON array; write one object a line "
            "(pandas: to_json(orient='records', lines=True))"
        )
    lines, rows, problems = [], [], []
    for line, row in _rows(text):
        if isinstance(row, _Unread):
            problems.append(f"{named(source)}, line {line}: {row.rule}")
        else:
            lines.append(line)
            rows.append(row)
    if problems:
        raise together(problems)
    if not rows:
        raise DataError(f"{named(source)} holds nothing but empty lines; write one JSON object a line")
    names = list(dict.fromkeys(name for row in rows for name in row))
    check_width(len(names), named(source))
    if len(names) * len(rows) > _MOST_EMPTY + 20 * sum(map(len, rows)):
        raise DataError(
            f"{named(source)}: {len(names):,} columns in {len(rows):,} lines, and nearly all cells missing; "
            "give every line the same columns"
        )
    columns = {name: pd.Series([row.get(name, "") for row in rows], dtype=object) for name in names}
    return Cells(pd.DataFrame(columns, index=range(len(rows))), typed=False, lines=lambda: lines)


def _rows(text: str) -> Iterator[tuple[int, dict[str, str] | _Unread]]:
    decoder = json.JSONDecoder(
        object_pairs_hook=_members, parse_int=str, parse_float=str, parse_constant=str, strict=True
    )
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip():
            yield number, _row(line.strip(), decoder)


def _row(line: str, decoder: json.JSONDecoder) -> dict[str, str] | _Unread:
    try:
        members = decoder.decode(line)
    except json.JSONDecodeError as error:
        return _Unread(f"no JSON at character {error.colno} ({error.msg}): {shown(line[error.pos :])}; mend the line")
    except RecursionError:
        return _Unread("values are nested too deeply; give each of their parts a column")
    except _TwiceError as error:
        return _Unread(f"{shown(error)} is there twice; a row has one value a column")
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
