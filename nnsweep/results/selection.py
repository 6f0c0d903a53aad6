"""The selection: by which measure the best epoch of a run, and the best of several runs, is chosen.

Runs say themselves by what their epochs were selected (``trainer.select``), and unless somebody asks for another
measure, they are ranked, compared and drawn by the same one.
"""

import math
from collections import Counter

import pandas as pd

from nnsweep.results.frame import METRICS, plain, take_numbers
from nnsweep.results.metrics import find_sign, find_validation_metric, is_result, metric_text, take_possible
from nnsweep.results.wording import join_words

SELECT = "trainer.select"
"""The setting that names the measure, and the part that it is taken on."""
USUAL = ("test_accuracy", "test_rmse")
"""The metrics of runs that name none: of classes and labels, and of numbers."""
NO_VALIDATION = "no validation set: the epoch was selected on the test set, so these"
SEALED = "the test part is sealed, and nothing is known of it"


def find_metric(runs: pd.DataFrame) -> str:
    """Find the metric that the best runs are best by: the test result in the measure that selected the epochs.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.

    Returns
    -------
    str
        ``test_log_loss`` for runs with ``trainer.select=val_log_loss``; for runs that name no measure, that of `USUAL`
        which they have. Of several the one of most runs; ``test_accuracy`` where no run tells.
    """
    counts = Counter(metric for metric in list_metrics(runs) if metric)
    return min(counts, key=lambda metric: (-counts[metric], metric != USUAL[0], metric), default=USUAL[0])


def choose_metric(runs: pd.DataFrame, metric: str | None) -> str:
    """Choose the metric that is meant by what was asked for.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str or None
        A metric, or the name of a measure, which means its value on the test part; None for that of `find_metric`.
        Where the test part of some runs is sealed, both mean the value on the validation part.

    Examples
    --------
    >>> runs = pd.DataFrame({"test_log_loss": [0.1], "test_accuracy": [0.9]})
    >>> choose_metric(runs, "log_loss"), choose_metric(runs, "final_train_cost"), choose_metric(runs, None)
    ('test_log_loss', 'final_train_cost', 'test_accuracy')
    """
    is_sealed = any(find_sealed(runs))
    if metric is None:
        metric = find_metric(runs)
        return (find_validation_metric(metric) if is_sealed else None) or metric
    meant = f"best_val_{metric}" if is_sealed else f"test_{metric}"
    is_meant = meant in runs.columns or is_result(meant)
    return meant if is_meant and metric not in runs.columns and metric not in METRICS else metric


def list_metrics(runs: pd.DataFrame) -> list[str | None]:
    """List for each run the test metric in the measure that it was selected by; None where it does not tell."""
    named = plain(runs[SELECT]) if SELECT in runs.columns else [None] * len(runs)
    columns = [(metric, name) for metric in USUAL for name in (metric, metric.replace("test_", "best_val_", 1))]
    usual = [(metric, take_numbers(runs, name)) for metric, name in columns if name in runs.columns]
    return [
        f"test_{str(name).removeprefix('val_').removeprefix('test_')}"
        if name is not None
        else next((metric for metric, values in usual if not math.isnan(values[row])), None)
        for row, name in enumerate(named)
    ]


def rank_runs(runs: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """Put the best run first and what did not finish last.

    Finished runs come by the metric's value on the validation part, such as `best_val_accuracy`; after them those that
    have only the metric itself, `test_accuracy`, by that. Equal ones come by name, then by job. NaN, infinity and what
    the metric cannot be never rank.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        The metric of the test part; by default that of `find_metric`.

    Returns
    -------
    pandas.DataFrame
        The same rows in a new order, numbered from 0.
    """
    ranks = _rank(runs, metric or find_metric(runs))
    keys = list(zip(ranks, _take_texts(runs, "name"), take_numbers(runs, "job", default=0.0), strict=True))
    order = sorted(range(len(runs)), key=keys.__getitem__)
    return runs.iloc[order].reset_index(drop=True)


def selection(runs: pd.DataFrame, metric: str | None = None) -> str:
    """Say in a sentence how the epoch was selected that the finished runs' test results belong to.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs, with all its columns.
    metric : str, optional
        The metric of the test part; by default that of `find_metric`.

    Returns
    -------
    str
        One line; empty if no run has such a result.
    """
    metric = metric or find_metric(runs)
    tiers = [tier for tier, _ in _rank(runs, metric)]
    validated, unvalidated = tiers.count(0), tiers.count(1)
    on_validation = f"{metric}: {metric_text(metric)} at the epoch of {describe_selection(runs)}"
    on_test = f"{NO_VALIDATION} {'accuracies' if metric.endswith('_accuracy') else 'values'} are optimistic"
    if validated and not any(value is not None for value in _take_possible(runs, metric)):
        validation = f"best_val_{metric.removeprefix('test_')}"
        return f"{validation}: the {metric_text(validation)}; {SEALED}" if any(find_sealed(runs)) else ""
    if validated and unvalidated:
        return f"{on_validation}; {unvalidated} of {validated + unvalidated} runs have {on_test}"
    if validated:
        return on_validation
    return on_test if unvalidated else ""


def find_sealed(runs: pd.DataFrame) -> list[bool]:
    """Tell for each run whether its test part was sealed when it was trained; it may have been unsealed since."""
    name = "trainer.sealed_test"
    return [value is True for value in plain(runs[name])] if name in runs.columns else [False] * len(runs)


def describe_selection(runs: pd.DataFrame) -> str:
    """Name what selected the epochs, as it ends a sentence: ``best validation accuracy``.

    Examples
    --------
    >>> describe_selection(pd.DataFrame({"trainer.select": ["val_log_loss", "val_log_loss", "val_accuracy"]}))
    'best validation log loss or validation accuracy (1 of 3 runs)'
    """
    counts = Counter(metric for metric in list_metrics(runs) if metric)
    first, *others = sorted(counts, key=lambda metric: (-counts[metric], metric)) or [USUAL[0]]
    told = [f"{_on_validation(one)} ({counts[one]:,} of {counts.total():,} runs)" for one in others]
    return " or ".join([f"best {_on_validation(first)}", *([join_words(told)] if told else [])])


def _on_validation(metric: str) -> str:
    return metric_text(metric.replace("test_", "val_", 1))


def note_selection(runs: pd.DataFrame, metric: str) -> str:
    """Say as a picture's note how the epoch was selected that its test results belong to.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs, with all its columns.
    metric : str
        What the picture shows.

    Returns
    -------
    str
        A sentence; empty for what is not measured at that epoch, and if no run has such a result.
    """
    note = selection(runs, metric).removeprefix(f"{metric}: ") if find_validation_metric(metric) else ""
    return f"{note[0].upper()}{note[1:]}." if note else ""


def _rank(runs: pd.DataFrame, metric: str) -> list[tuple[int, float]]:
    """Give the tier of each run and what ranks it there, so that the best comes first.

    Tier 0: selected on validation, 1: selected on the test set, 2: finished without a result, 3: not finished.
    """
    validation = find_validation_metric(metric) or metric
    columns = _take_texts(runs, "state"), _take_possible(runs, validation), _take_possible(runs, metric)
    sign = find_sign(metric)
    return [
        (3, 0.0)
        if state != "finished"
        else (0, -sign * val)
        if val is not None
        else (2, 0.0)
        if test is None
        else (1, -sign * test)
        for state, val, test in zip(*columns, strict=True)
    ]


def _take_possible(runs: pd.DataFrame, metric: str) -> list[float | None]:
    return take_possible(metric, take_numbers(runs, metric))


def _take_texts(runs: pd.DataFrame, name: str) -> list[str]:
    return [str(value) for value in plain(runs[name])] if name in runs.columns else [""] * len(runs)
