"""Missing values: counted in every column, and refused unless somebody has decided what to do about them.

To leave rows out, or to fill in a mean, changes the question that is asked; so neither is done unasked.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, TypedDict, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.reading.cells import MISSING, CellFormat, find_missing
from nnsweep.data.reading.column import TableColumn
from nnsweep.data.reading.problems import column_kind, list_first, show_name, show_value
from nnsweep.data.reading.raw import Raw
from nnsweep.errors import DataError
from nnsweep.text import quote_argument


class Ways(TypedDict, total=False):
    """What is done about missing values of each kind."""

    number: Literal["drop", "mean", "median", "most_frequent"]
    category: Literal["drop", "most_frequent", "own"]
    label: Literal["drop"]


Missing: TypeAlias = Literal["drop", "mean", "median", "most_frequent", "own"] | Ways

OWN = "(missing)"
"""The category that missing ones are of with ``own``."""

_WAYS: Mapping[str, tuple[str, ...]] = {kind: get_args(ways) for kind, ways in get_type_hints(Ways).items()}
_MOST_COLUMNS = 8
_MOST_MARKS = 5


class Policy(NamedTuple):
    """What is done about missing values, by kind; None where they are refused.

    Attributes
    ----------
    number : {"drop", "mean", "median", "most_frequent"} or None
        Of numbers, and of dates.
    category : {"drop", "most_frequent", "own"} or None
        Of categories.
    label : {"drop"} or None
        Of labels and groups.
    text : {"drop", "empty"} or None
        Of texts; an empty one has no words.
    """

    number: str | None = None
    category: str | None = None
    label: str | None = None
    text: str | None = None

    @classmethod
    def of(cls, missing: Missing | Sequence[tuple[str, str]] | None) -> "Policy":
        """Make a policy of a setting.

        Parameters
        ----------
        missing : str, mapping of str to str, or None
            One way for all kinds that have it, or a way for each kind; None to refuse missing values.

        Examples
        --------
        >>> Policy.of("mean").category is None, Policy.of({"category": "own"}).category
        (True, 'own')
        """
        if missing is None:
            return cls()
        if isinstance(missing, str):
            ways: dict[str, str] = {kind: missing for kind, known in _WAYS.items() if missing in known}
            return cls(**ways, text="drop" if missing == "drop" else "empty")
        ways = {str(kind): str(way) for kind, way in dict(missing).items()}
        return cls(**ways, text="empty")

    def way(self, kind: str) -> str | None:
        """Give what is done about the missing values of a column."""
        ways: dict[str, str | None] = self._asdict()
        return ways["number" if kind == "date" else kind]

    def setting(self, **ways: str) -> str:
        """Write the setting with more ways in it, for a shell."""
        known = {kind: way for kind, way in self._asdict().items() if way is not None and kind != "text"} | ways
        if set(known.values()) == {"drop"}:
            return "data.missing=drop"
        return quote_argument(f"data.missing={{{', '.join(f'{kind}: {way}' for kind, way in known.items())}}}")


def select_rows(
    raw: Raw,
    columns: Sequence[TableColumn],
    special: Mapping[str, NDArray[Any]],
    policy: Policy,
    cell_format: CellFormat | None = None,
) -> NDArray[np.intp]:
    """Give the rows that stay.

    Parameters
    ----------
    raw : Raw
        The table, for places.
    columns : sequence of Column
        The features.
    special : mapping of str to ndarray of shape (n_rows,)
        Texts of label and group, None where missing, by column: they cannot be filled in.
    policy : Policy
        What to do about missing values.
    cell_format : CellFormat, optional
        What stands for them.

    Returns
    -------
    ndarray of shape (n_kept,)
        Row numbers, all of them unless `policy` leaves some out.

    Raises
    ------
    DataError
        If there are missing values that the policy does not cover; all such columns together. If no row is left.
    """
    cell_format = cell_format or CellFormat()
    dropped: dict[str, NDArray[np.bool_]] = {}
    problems: dict[str, str] = {}
    for name, texts in special.items():
        is_missing = find_missing(texts)
        if policy.label == "drop":
            dropped[name] = is_missing
        elif is_missing.any():
            problems[name] = _problem(raw, name, is_missing, _ways_out_of_label(policy), cell_format)
    for column in columns:
        is_missing, way = column.is_missing, policy.way(column.kind)
        if way == "drop":
            dropped[column.name] = is_missing
        elif way is None and is_missing.any():
            problems[column.name] = _problem(raw, column.name, is_missing, _ways_out(column, policy), cell_format)
    if problems:
        lines, others = [*problems.values()][:_MOST_COLUMNS], [*problems][_MOST_COLUMNS:]
        more = [
            f"{show_name(raw.source)}: values are missing in {len(others):,} more columns: "
            f"{list_first(others, len(others))}"
        ]
        raise DataError(*lines, *(more if others else []))
    return _complete(raw, dropped)


def _complete(raw: Raw, is_missing: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.intp]:
    is_incomplete = np.zeros(len(raw.frame), dtype=bool)
    for one in is_missing.values():
        is_incomplete |= one
    rows = np.flatnonzero(~is_incomplete)
    if not len(rows):
        most = max(is_missing, key=lambda name: int(is_missing[name].sum()))
        raise DataError(
            f"{show_name(raw.source)}: data.missing=drop leaves no row: each of the {len(raw.frame):,} lacks a value, "
            f"column {show_name(most)} in {int(is_missing[most].sum()):,}; ignore such columns, as with "
            f"{column_kind(most, 'ignore')}"
        )
    return rows


def _problem(
    raw: Raw, name: str, is_missing: NDArray[np.bool_], ways_out: Sequence[str], cell_format: CellFormat | None
) -> str:
    """Tell of a column's missing values; of those that are written out, as they may be values."""
    texts = raw.frame[name][is_missing].map(lambda cell: "" if cell is None or cell != cell else str(cell).strip())
    written = texts[texts != ""]
    marks = [text for text in dict.fromkeys(written.tolist()) if text in MISSING][:_MOST_MARKS]
    row = int(written.index[0] if len(written) else texts.index[0])
    text, n_missing = (str(written.iloc[0]) if len(written) else ""), int(is_missing.sum())
    ways = [*ways_out]
    if marks:
        values = (
            f"{show_value(text)} is a value" if marks == [text] else f"{', '.join(map(show_value, marks))} are values"
        )
        ways.append(f"{(cell_format or CellFormat()).keep(*marks)} if {values}")
    place = raw.place(row, name)
    return f"{place}: {show_value(text)} is a missing value, one of {n_missing:,} in the column; {'; or '.join(ways)}"


def _ways_out_of_label(policy: Policy) -> list[str]:
    return [f"a label or group cannot be filled in: {policy.setting(label='drop')} leaves its rows out"]


def _ways_out(column: TableColumn, policy: Policy) -> list[str]:
    name, gaps = column.name, [*column.written.get("missing", ())]
    ways = [f"{column_kind(name, 'category')} if {show_value(gaps[0])} is a value"] if gaps else []
    if policy == Policy():
        ways_of_kind = "mean, median or most_frequent" if column.kind in ("number", "date") else "most_frequent or own"
        return [f"choose data.missing=drop, {ways_of_kind}", *ways, f"ignore it: {column_kind(name, 'ignore')}"]
    if column.kind == "category":
        why = (
            f"categories have no {policy.number}" if policy.number in ("mean", "median") else _says_nothing("category")
        )
        return [f"{why}: {policy.setting(category='most_frequent')} (or own, drop)"]
    why = "numbers are no categories" if policy.category == "own" else _says_nothing("number")
    return [f"{why}: {policy.setting(number='median')} (or mean, most_frequent, drop)", *ways]


def _says_nothing(kind: str) -> str:
    return f"data.missing says nothing of kind {kind}"
