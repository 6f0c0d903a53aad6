"""ARFF, the format of Weka and OpenML: declared attributes, then rows divided by commas.

SciPy's reader refuses string attributes and forgets lines, so this is a reader of its own. Nominal attributes are
categories, whatever their values look like. Sparse rows and relations are refused by name.
"""

import io
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from nnsweep.data.problems import combine_problems, show_name, show_value
from nnsweep.data.reading.cells import Cells, check_width, find_repeated_names
from nnsweep.data.reading.table_file import decode
from nnsweep.data.table_settings import Kind
from nnsweep.errors import DataError

_TOKEN = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,{}'"][^,\s{}]*"""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_TOKEN})\s*(.*)", re.IGNORECASE | re.DOTALL)
_CELL = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,'"]?[^,]*)\s*(,|$)""", re.DOTALL)
_KINDS: Mapping[str, Kind | None] = {
    **dict.fromkeys(("numeric", "real", "integer"), "number"),
    "date": "date",
    "string": None,
}


class _Attribute(NamedTuple):
    """A declared column: its name, its kind if the type decides it, and its values if they are listed."""

    name: str
    kind: Kind | None
    values: frozenset[str] | None


def read_arff(content: bytes, source: str) -> Cells:
    """Read a table from an ARFF file's content.

    Returns
    -------
    Cells
        Texts, quotes and backslashes resolved, and the kinds that are declared.

    Raises
    ------
    DataError
        If the header or rows are not sound, or are of a kind that is not read; all such lines together.
    """
    import pandas as pd

    lines = _iterate_lines(decode(content, source))
    attributes = _read_header(lines, source)
    numbers, rows, problems = [], [], []
    for number, line in lines:
        row = _read_row(line, attributes)
        if isinstance(row, str):
            problems.append(f"{show_name(source)}, line {number}: {row}")
        numbers.append(number)
        rows.append(row)
    if problems:
        raise combine_problems(problems)
    if not rows:
        raise DataError(f"{show_name(source)} has a header and no rows after @data")
    frame = pd.DataFrame(rows, columns=[attribute.name for attribute in attributes], dtype=object)
    kinds: Mapping[str, Kind] = {attribute.name: attribute.kind for attribute in attributes if attribute.kind}
    nominal = [attribute.name for attribute in attributes if attribute.values is not None]
    frame[nominal] = frame[nominal].mask(frame[nominal] == "?", None)
    return Cells(frame, typed=False, lines=lambda: numbers, kinds=kinds, nulls=frozenset(nominal))


def _iterate_lines(text: str) -> Iterator[tuple[int, str]]:
    """Give the lines that say something, with their numbers: neither empty nor comments."""
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if (content := line.strip()) and not content.startswith("%"):
            yield number, content


def _read_header(lines: Iterator[tuple[int, str]], source: str) -> list[_Attribute]:
    attributes: list[_Attribute] = []
    problems: list[str] = []
    for number, line in lines:
        keyword = line.split(None, 1)[0].lower()
        if keyword == "@data":
            break
        if keyword == "@attribute":
            attribute = _read_attribute(line)
            if isinstance(attribute, str):
                problems.append(f"{show_name(source)}, line {number}: {attribute}")
            else:
                attributes.append(attribute)
        elif keyword != "@relation":
            problems.append(
                f"{show_name(source)}, line {number}: {show_value(line)} is no ARFF header; write @attribute or @data"
            )
    else:
        problems.append(f"{show_name(source)} has no @data; the file may be cut off, or be no ARFF")
    check_width(len(attributes), show_name(source))
    problems += find_repeated_names([attribute.name for attribute in attributes], source)
    if problems:
        raise combine_problems(problems)
    if not attributes:
        raise DataError(f"{show_name(source)} declares no @attribute")
    return attributes


def _read_attribute(line: str) -> _Attribute | str:
    """Read a declaration, or say what is wrong with it."""
    match = _ATTRIBUTE.fullmatch(line)
    if not match:
        return f"{show_value(line)} declares no attribute; write @attribute NAME TYPE"
    name, kind = _unquote(match[1]), match[2].strip()
    if kind.startswith("{") and kind.endswith("}"):
        return _Attribute(name, "category", frozenset(_split_cells(kind[1:-1]) or ()))
    word = kind.split(None, 1)[0].lower() if kind else ""
    if word in _KINDS:
        return _Attribute(name, _KINDS[word], None)
    return f"attribute {show_name(name)}: the type {show_value(kind)} is not read; known: {', '.join(_KINDS)}, {{a,b}}"


def _read_row(line: str, attributes: list[_Attribute]) -> list[str] | str:
    """Read a row, or say what is wrong with it."""
    if line.startswith("{"):
        return "a sparse row ({index value, ...}); sparse ARFF is not read: save it as dense ARFF or CSV"
    cells = _split_cells(line)
    if cells is None:
        return f"a quote is not closed, or something follows one: {show_value(line)}; write a quote in a value as \\'"
    if len(cells) != len(attributes):
        return f"{len(cells)} cells, the header declares {len(attributes)}; quote values that have a comma in them"
    for cell, attribute in zip(cells, attributes, strict=True):
        if attribute.values is not None and cell not in attribute.values and cell != "?":
            return f"column {show_name(attribute.name)}: {show_value(cell)} is none of its declared values; declare it"
    return cells


def _split_cells(line: str) -> list[str] | None:
    """Divide a line at its commas; None if a quote is not closed."""
    cells, at = [], 0
    while True:
        match = _CELL.match(line, at)
        if not match or (match[1][:1] in ("'", '"') and not _is_quoted(match[1])):
            return None
        cells.append(_unquote(match[1].strip()))
        if not match[2]:
            return cells
        at = match.end()


def _is_quoted(token: str) -> bool:
    return len(token) > 1 and token[0] == token[-1] and token[0] in "'\""


def _unquote(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL) if _is_quoted(token) else token
