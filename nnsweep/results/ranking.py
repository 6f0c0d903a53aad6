"""The ranking: which run is best, and what that may be concluded from.

Runs are ordered by the accuracy their epoch was selected by: validation accuracy, or test accuracy where no
examples were kept for validation, which flatters them. Only what finished with a real accuracy ranks.
"""

import math

import pandas as pd

from nnsweep.results.frame import plain

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
