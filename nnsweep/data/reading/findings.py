"""What was made of a table, in lines for whoever reads them: kinds, what was left out, what is suspicious."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.reading.advice import column_kind
from nnsweep.data.reading.cell_format import CellFormat
from nnsweep.data.reading.cell_texts import lacking
from nnsweep.data.reading.column import Column
from nnsweep.data.reading.dates import origin
from nnsweep.data.reading.missing import Policy
from nnsweep.data.reading.roles import KINDS, Roles
from nnsweep.data.reading.table_problems import MOST_LISTED, listing, named, shown

if TYPE_CHECKING:
    import pandas as pd

_LOOKED_AT = 1000


def of_columns(columns: Sequence[Column], roles: Roles, unused: Mapping[str, str]) -> Iterator[str]:
    """Tell the features by their kinds, and what is none for which reason."""
    for kind in KINDS:
        if kind == "date":
            names = [*dict.fromkeys(column.written["of"] for column in columns if "of" in column.written)]
        else:
            names = [column.name for column in columns if column.kind == kind and "of" not in column.written]
        if names:
            yield f"{len(names):,} {kind} column{'s' if len(names) > 1 else ''}: {listing(names, len(names))}"
    for name, why in list(unused.items())[:MOST_LISTED]:
        yield f"left out: {named(name)} is {why}"
    if len(unused) > MOST_LISTED:
        yield f"left out: {len(unused) - MOST_LISTED:,} more columns for such reasons"
    if roles.ignored:
        yield f"ignored: {listing(roles.ignored, len(roles.ignored))}"


def of_missing(n_missing: Mapping[str, int], policy: Policy, n_dropped: int) -> Iterator[str]:
    """Tell how many values are missing in which column, and what becomes of them."""
    if n_missing:
        counts = [f"{name} {count:,}" for name, count in n_missing.items()]
        dropped = f"; {n_dropped:,} rows are left out" if "drop" in policy else ""
        ways = dict.fromkeys(way for way in policy[:2] if way not in (None, "drop"))
        end = dropped + (f"; filled in: {', '.join(map(str, ways))}" if ways else "")
        yield f"missing values: {listing(counts, len(counts))}{end}"


def of_gaps(columns: Iterable[Column]) -> Iterator[str]:
    """Tell the texts among numbers that were taken for missing values."""
    for column in columns:
        if gaps := column.written.get("missing"):
            words = ", ".join(map(shown, gaps))
            keeps = column_kind(column.name, "category")
            yield f"taken for missing values among numbers: {words} in {named(column.name)}; {keeps} keeps them"


def of_lost_labels(cells: "pd.Series[Any]", labels: NDArray[Any], cell_format: CellFormat) -> Iterator[str]:
    """Warn if labels (n_rows,) that may be a class were taken for missing ones, and their rows left out."""
    lost = Counter(str(cell).strip() for cell in cells[lacking(labels)] if isinstance(cell, str) and cell.strip())
    if lost:
        counts = ", ".join(f"{shown(text)} in {count:,} rows" for text, count in lost.most_common(MOST_LISTED))
        yield f"WARNING: taken for missing labels: {counts}; if that is a class: {cell_format.keep(*lost)}"


def of_spellings(cells: "pd.Series[Any]", labels: NDArray[Any]) -> Iterator[str]:
    """Warn if labels that are written differently (n_rows,) are one class."""
    n_spellings, n_classes = len({str(cell) for cell in cells.unique()}), len(set(labels.tolist()))
    if n_spellings > n_classes:
        yield (
            f"WARNING: {n_spellings:,} spellings of the label are {n_classes:,} classes: "
            "spaces around them and fractions of zero do not count"
        )


def of_copies(columns: Iterable[Column], labels: NDArray[Any], target: str) -> Iterator[str]:
    """Warn of features that are the label (n_rows,) under another name."""
    for column in columns:
        if _tells_the_label(column.values, labels):
            yield (
                f"WARNING: {named(column.name)} alone tells the label {named(target)} in every row: it may be the "
                f"label under another name; {column_kind(origin(column.written, column.name), 'ignore')} leaves it out"
            )


def _tells_the_label(values: NDArray[Any], labels: NDArray[Any]) -> bool:
    """Tell whether values and labels correspond one to one."""
    import pandas as pd

    def corresponds(n_rows: int) -> bool:
        return np.array_equal(pd.factorize(values[:n_rows])[0], pd.factorize(labels[:n_rows])[0])

    return corresponds(_LOOKED_AT) and corresponds(len(labels))
