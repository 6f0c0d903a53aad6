"""Which runs and columns of a frame somebody asks for, which run is best, and what may be concluded from that."""

import math
from collections.abc import Sequence

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.filters import IncomparableError, MixedColumn, make_filter
from nnsweep.results.frame import plain, rows
from nnsweep.text import explain_unknown

SMALLER_IS_BETTER = ("_cost", "_loss", "_error", "_seconds")
SELECTED_ON_VALIDATION = "test_accuracy: test accuracy at the epoch of best validation accuracy"
SELECTED_ON_TEST = "no validation set: the epoch was selected on the test set, so these accuracies are optimistic"


def rank_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Put the best run first and what did not finish last.

    Finished runs come by `best_val_accuracy`; after them those that have only `test_accuracy`, by that. Equal ones
    come by name, then by job. NaN, infinity and whatever else is no accuracy never rank.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.

    Returns
    -------
    pandas.DataFrame
        The same rows in a new order, numbered from 0.
    """
    keys = list(
        zip(_tiers(runs), _selected(runs), _texts(runs, "name"), _numbers(runs, "job", default=0.0), strict=True)
    )
    order = sorted(range(len(runs)), key=keys.__getitem__)
    return runs.iloc[order].reset_index(drop=True)


def take_metric(runs: pd.DataFrame, metric: str) -> list[float | None]:
    """Give the metric of each run that counts: finished, with a finite value, for an accuracy one from 0 to 1.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs; where it has no column ``state``, all are taken as finished.
    metric : str
        A column.

    Returns
    -------
    list of float or None
        One for each row; ``None`` for a run that does not count.
    """
    values = _accuracies(runs, metric) if metric.endswith("_accuracy") else _finite(runs, metric)
    states = _texts(runs, "state") if "state" in runs.columns else ["finished"] * len(runs)
    return [value if state == "finished" else None for value, state in zip(values, states, strict=True)]


def smaller_is_better(metric: str) -> bool:
    """Tell by its name whether less of a metric is better: costs, losses, errors and seconds.

    Examples
    --------
    >>> smaller_is_better("final_train_cost"), smaller_is_better("test_accuracy")
    (True, False)
    """
    return metric.endswith(SMALLER_IS_BETTER)


def selection(runs: pd.DataFrame) -> str:
    """Say in a sentence how the epoch was selected that the finished runs' test accuracies belong to.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs, with all its columns.

    Returns
    -------
    str
        One line; empty if no run has an accuracy.
    """
    tiers = _tiers(runs)
    validated, unvalidated = tiers.count(0), tiers.count(1)
    if validated and unvalidated:
        return f"{SELECTED_ON_VALIDATION}; {unvalidated} of {validated + unvalidated} runs have {SELECTED_ON_TEST}"
    if validated:
        return SELECTED_ON_VALIDATION
    return SELECTED_ON_TEST if unvalidated else ""


def _tiers(runs: pd.DataFrame) -> list[int]:
    """0: selected on validation, 1: selected on the test set, 2: finished without accuracy, 3: not finished."""
    validation, test = _accuracies(runs, "best_val_accuracy"), _accuracies(runs, "test_accuracy")
    return [
        3 if state != "finished" else 0 if val is not None else 1 if accuracy is not None else 2
        for state, val, accuracy in zip(_texts(runs, "state"), validation, test, strict=True)
    ]


def _selected(runs: pd.DataFrame) -> list[float]:
    """Give what sorts the best run of a tier first: minus its selecting accuracy."""
    accuracies = {0: _accuracies(runs, "best_val_accuracy"), 1: _accuracies(runs, "test_accuracy")}
    return [-(accuracies[tier][row] or 0.0) if tier in accuracies else 0.0 for row, tier in enumerate(_tiers(runs))]


def _accuracies(runs: pd.DataFrame, name: str) -> list[float | None]:
    numbers = _numbers(runs, name, default=-1.0)
    return [number if 0 <= number <= 1 else None for number in numbers]


def _finite(runs: pd.DataFrame, name: str) -> list[float | None]:
    return [number if math.isfinite(number) else None for number in _numbers(runs, name, default=math.nan)]


def _numbers(runs: pd.DataFrame, name: str, *, default: float) -> list[float]:
    values = plain(runs[name]) if name in runs.columns else [None] * len(runs)
    return [float(value) if isinstance(value, int | float) else default for value in values]


def _texts(runs: pd.DataFrame, name: str) -> list[str]:
    return [str(value) for value in plain(runs[name])] if name in runs.columns else [""] * len(runs)


def narrow_runs(
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
    problems = [explain_unknown(name, runs.columns) for name in dict.fromkeys(names) if name not in runs.columns]
    if problems:
        raise ConfigError(*problems)


def _filtered(runs: pd.DataFrame, text: str) -> pd.DataFrame:
    holds = make_filter(text)
    holds(dict.fromkeys(runs.columns))  # tells unknown names even if there is no run
    held, incomparable = [], []
    for row in rows(runs):
        try:
            held.append(holds(row))
        except IncomparableError as error:  # the column may hold text in this run and numbers in others
            incomparable.append(error)
            held.append(holds(MixedColumn(row)))
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
