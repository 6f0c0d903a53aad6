"""Few rows of a large table of cases: every pair of values is tried each time, all of the table with `-m soak`."""

from collections.abc import Iterable, Sequence
from itertools import combinations, product
from typing import Any

import pytest


def pairwise(*axes: Iterable[Any]) -> list[Any]:
    """Give the product of axes as parameters; those that add no new pair of values are for `soak` alone.

    Rows are chosen greedily, each the first of those that add most pairs, so that the choice is always the same. A
    value of an axis may be a tuple of several parameters.
    """
    levels = [list(axis) for axis in axes]
    table = list(product(*(range(len(values)) for values in levels)))
    chosen = _cover(table)
    return [
        pytest.param(*_flat([values[n] for values, n in zip(levels, row, strict=True)]), marks=_marks(row in chosen))
        for row in table
    ]


def _cover(table: Sequence[tuple[int, ...]]) -> set[tuple[int, ...]]:
    left = {row: _pairs(row) for row in table}
    missing = set().union(*left.values())
    chosen = set()
    while missing:
        best = max(left, key=lambda row: len(left[row] & missing))
        chosen.add(best)
        missing -= left.pop(best)
    return chosen


def _pairs(row: tuple[int, ...]) -> frozenset[tuple[tuple[int, int], ...]]:
    return frozenset(combinations(enumerate(row), 2))


def _flat(values: Iterable[Any]) -> list[Any]:
    return [part for value in values for part in (value if isinstance(value, tuple) else (value,))]


def _marks(is_chosen: bool) -> Any:
    return () if is_chosen else pytest.mark.soak
