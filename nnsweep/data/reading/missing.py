"""Missing values: counted in every column, and refused unless somebody has decided what to do about them.

To leave rows out, or to fill in a mean, changes the question that is asked; so neither is done unasked.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.reading.cell_texts import lacking
from nnsweep.data.reading.column import Column
from nnsweep.data.reading.raw import Raw
from nnsweep.data.reading.table_problems import named, shown, together
from nnsweep.errors import DataError

Missing: TypeAlias = Literal["drop", "mean", "most_frequent"]


def rows_without(
    raw: Raw, columns: Sequence[Column], special: Mapping[str, NDArray[Any]], policy: Missing | None
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
    policy : {"drop", "mean", "most_frequent"} or None
        What to do about missing values; None to refuse them.

    Returns
    -------
    ndarray of shape (n_kept,)
        Row numbers, all of them unless `policy` is ``drop``.

    Raises
    ------
    DataError
        If there are missing values that the policy does not cover; all such columns together. If no row is left.
    """
    no_value = {name: lacking(texts) for name, texts in special.items()}
    by_column = {column.name: column.is_missing for column in columns}
    if policy == "drop":
        return _complete(raw, {**by_column, **no_value})
    problems = [
        *_problems(raw, no_value, "a label or group cannot be filled in: data.missing=drop leaves its rows out")
    ]
    if policy is None:
        problems += _problems(raw, by_column, "choose data.missing=drop, mean or most_frequent, or ignore the column")
    if policy == "mean":
        categories = {column.name: column.is_missing for column in columns if column.kind == "category"}
        problems += _problems(
            raw, categories, "categories have no mean: data.missing=most_frequent, drop, or ignore it"
        )
    if problems:
        raise together(problems)
    return np.arange(len(raw.frame))


def _complete(raw: Raw, is_missing: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.intp]:
    is_incomplete = np.zeros(len(raw.frame), dtype=bool)
    for one in is_missing.values():
        is_incomplete |= one
    rows = np.flatnonzero(~is_incomplete)
    if not len(rows):
        most = max(is_missing, key=lambda name: int(is_missing[name].sum()))
        raise DataError(
            f"{named(raw.source)}: data.missing=drop leaves no row: each of the {len(raw.frame):,} lacks a value, "
            f"column {named(most)} in {int(is_missing[most].sum()):,}; ignore such columns with data.columns"
        )
    return rows


def _problems(raw: Raw, is_missing: Mapping[str, NDArray[np.bool_]], way_out: str) -> Iterable[str]:
    for name, lacks in is_missing.items():
        if n_missing := int(lacks.sum()):
            row = int(np.argmax(lacks))
            cell = raw.frame[name].iloc[row]
            value = shown("" if cell is None or cell != cell else cell)
            yield f"{raw.place(row, name)}: {value} is a missing value, one of {n_missing:,} in the column; {way_out}"
