"""A query: which runs and which columns of a frame somebody wants, in which order.

It is what ``nnsweep export`` was asked for, in the words of its command line.
"""

import math
from collections.abc import Sequence

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.messages import unknown
from nnsweep.results.frame import plain, rows
from nnsweep.rule import IncomparableError, Mixed, rule


def narrowed(
    runs: pd.DataFrame, *, filter: str = "", columns: Sequence[str] = (), sort: Sequence[str] = ()
) -> pd.DataFrame:
    """Choose the runs that a rule holds for, order them, and keep some of the columns.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    filter : str
        A rule over the columns, such as ``depth > 3 and state == 'finished'``; empty keeps all runs.
    columns : sequence of str
        The columns to keep, in this order; empty keeps all.
    sort : sequence of str
        The columns to sort by, the most important first; ``-test_accuracy`` sorts from high to low. Missing and
        infinite values come last either way. Empty keeps the order.

    Returns
    -------
    pandas.DataFrame
        The chosen part, numbered from 0.

    Raises
    ------
    ConfigError
        If the rule is none, or a column is unknown.
    """
    keys = [(key.removeprefix("-"), key.startswith("-")) for key in sort]
    _check_columns(runs, [*columns, *(name for name, _ in keys)])
    chosen = _filtered(runs, filter) if filter.strip() else runs
    for name, descending in reversed(keys):
        chosen = _sorted(chosen, name, descending=descending)
    wanted = list(dict.fromkeys(columns)) or list(runs.columns)
    return chosen[wanted].reset_index(drop=True)


def _check_columns(runs: pd.DataFrame, names: Sequence[str]) -> None:
    problems = [unknown(name, runs.columns) for name in dict.fromkeys(names) if name not in runs.columns]
    if problems:
        raise ConfigError(*problems)


def _filtered(runs: pd.DataFrame, text: str) -> pd.DataFrame:
    holds = rule(text)
    holds(dict.fromkeys(runs.columns))  # tells unknown names even if there is no run
    held, incomparable = [], []
    for row in rows(runs):
        try:
            held.append(holds(row))
        except IncomparableError as error:  # the column may hold text in this run and numbers in others
            incomparable.append(error)
            held.append(holds(Mixed(row)))
    if incomparable and (len(incomparable) == len(runs) or not any(held)):
        raise incomparable[0]
    return runs[pd.Series(held, index=runs.index, dtype=bool)]


def _sorted(runs: pd.DataFrame, name: str, *, descending: bool) -> pd.DataFrame:
    keys = [_sort_key(value) for value in plain(runs[name])]
    present = [row for row, key in enumerate(keys) if key is not None]
    absent = [row for row, key in enumerate(keys) if key is None]
    present.sort(key=lambda row: keys[row] or (0, 0.0, ""), reverse=descending)
    return runs.iloc[present + absent]


def _sort_key(value: object) -> tuple[int, float, str] | None:
    """Numbers by size, before text by alphabet; nothing for what has no place in an order."""
    if isinstance(value, int | float):
        return (0, value, "") if isinstance(value, int) or math.isfinite(value) else None
    return None if value is None else (1, 0.0, str(value))
