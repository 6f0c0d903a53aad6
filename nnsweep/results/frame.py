"""The frame: a pandas table with one row a run, which every table, picture and statistic starts from.

Columns come in a fixed order, so that the table of a sweep looks the same however its records were found, and
``attrs["settings"]`` names those that were asked for, as against what came out. Which runs count, which of them is
the best and which a user filters out is decided here, too.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.errors import ConfigError
from nnsweep.filters import IncomparableError, MixedColumn, make_filter
from nnsweep.text import explain_unknown
from nnsweep.tracking.record import CHOICES, RunRecord

FIRST = ("name", "state", "reason")
SIZES = ("n_parameters", "depth", "width")
KNOWN_BEFORE = ("epoch_flops", "n_val_samples", "n_test_samples", "chance_accuracy", "feature_scale")
METRICS = (
    *SIZES,
    "best_val_accuracy",
    "best_epoch",
    "test_accuracy",
    "final_test_accuracy",
    "max_test_accuracy",
    "final_train_cost",
    "duration_seconds",
    "epochs_trained",
    *KNOWN_BEFORE,
)
LAST = ("run_id", "sweep", "job")
COUNTS = (*SIZES, "best_epoch", "epoch_flops", "n_val_samples", "n_test_samples")


def frame(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Lay records side by side, one row a run, in the order given.

    Numbers stay numbers: whole ones are integers also where some runs have none, and nothing is rounded. Where a
    setting and a metric have one name (``depth``), the column holds the metric.

    Parameters
    ----------
    records : sequence of RunRecord
        The runs.

    Returns
    -------
    pandas.DataFrame
        Name, state and reason; the choices and then the other settings; the metrics; params and tags that others have
        added, which ``attrs["others"]`` names; run id, sweep and job.
    """
    identity = {*FIRST, *LAST}
    added = {name for record in records for name in record.others} - identity
    metrics = _ordered({name for record in records for name in record.metrics} - identity, METRICS)
    settings = {name for record in records for name in record.settings} - identity
    shown = _ordered(settings - set(metrics), (*CHOICES, "seed"))
    columns = {name: _column([getattr(record, name) for record in records]) for name in FIRST}
    columns |= {name: _column([record.settings.get(name) for record in records]) for name in shown}
    columns |= {name: _metric(name, records) for name in metrics}
    others = sorted(added - columns.keys())
    columns |= {name: _column([record.others.get(name) for record in records]) for name in others}
    columns |= {name: _column([getattr(record, name) for record in records]) for name in LAST}
    table = pd.DataFrame(columns)
    table.attrs["settings"], table.attrs["others"] = shown, others
    return table


def ranking_frame(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Lay only that of records side by side which ranks them: the whole frame of 10,000 runs takes a second."""
    accuracies = ("best_val_accuracy", "test_accuracy")
    short = [{name: record.metrics[name] for name in accuracies if name in record.metrics} for record in records]
    return frame(
        [replace(record, settings={}, metrics=ones, others={}) for record, ones in zip(records, short, strict=True)]
    )


def list_settings(runs: pd.DataFrame) -> list[str]:
    """Name the columns that hold settings; for a table read from a file, all that are nothing else."""
    others = {*FIRST, *METRICS, *LAST}
    known = runs.attrs.get("settings", [name for name in runs.columns if name not in others])
    return [name for name in runs.columns if name in set(known)]


def drop_constant(runs: pd.DataFrame) -> pd.DataFrame:
    """Leave out the settings, and what was known of network and data before training, that are the same in all runs.

    Params and tags that others have added are left out, too: they are there for those who name them.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.

    Returns
    -------
    pandas.DataFrame
        The same rows with fewer columns. A missing value counts as a value.
    """
    candidates = [*list_settings(runs), *(name for name in (*SIZES, *KNOWN_BEFORE) if name in runs.columns)]
    same = [name for name in candidates if not varies(runs, name)]
    added = [name for name in runs.attrs.get("others", []) if name in runs.columns]
    return runs.drop(columns=[*same, *added])


def varies(runs: pd.DataFrame, name: str) -> bool:
    """Tell whether a column has several values; a missing one is a value."""
    return len({*coded(runs, name)}) > 1


def distinct_settings(runs: pd.DataFrame) -> list[str]:
    """Name the settings; of those that tell the same runs apart, the first alone."""
    first: dict[tuple[int, ...], str] = {}
    for name in list_settings(runs):
        numbers, _ = pd.factorize(pd.Series(coded(runs, name), dtype="object"))
        first.setdefault(tuple(numbers.tolist()), name)
    return [*first.values()]


def plain(column: "pd.Series[Any]") -> list[object]:
    """Give the column's values as ordinary Python values, ``None`` for every missing one and for NaN."""
    return [None if absent else value for value, absent in zip(column.tolist(), column.isna(), strict=True)]


def coded(runs: pd.DataFrame, name: str) -> list[Hashable]:
    """Give a column's values as keys: 1 and 1.0 are one, 1 and true are two, missing is a value."""
    return [
        value if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)
        for value in plain(runs[name])
    ]


def rows(runs: pd.DataFrame) -> Iterable[Mapping[str, object]]:
    """Give the rows one after the other, each a dictionary of ordinary Python values."""
    names = list(runs.columns)
    for values in zip(*(plain(runs[name]) for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


def _ordered(names: set[str], known: Sequence[str]) -> list[str]:
    return [name for name in known if name in names] + sorted(names - set(known))


def _metric(name: str, records: Sequence[RunRecord]) -> "pd.Series[Any]":
    values = [record.metrics[name] if name in record.metrics else record.settings.get(name) for record in records]
    if name in COUNTS and all(value is None or _is_whole(value) for value in values):
        return _column([None if value is None else int(value) for value in values])
    return _column(values)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _column(values: Sequence[Any]) -> "pd.Series[Any]":
    column: pd.Series[Any] = pd.Series(list(values), dtype=_dtype(values))
    return column


def _dtype(values: Sequence[object]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    complete = None not in values
    if kinds == {bool}:
        return "bool" if complete else "boolean"
    if kinds == {int} and all(abs(value) < 2**63 for value in values if isinstance(value, int)):
        return "int64" if complete else "Int64"
    if kinds <= {int, float} and float in kinds:
        return "float64"
    return "object"


def long_form(histories: Mapping[str, pd.DataFrame], records: Sequence[RunRecord]) -> pd.DataFrame:
    """Put the histories of the given runs into one table with a value a row.

    Parameters
    ----------
    histories : mapping
        ``{run_id: history}``. Histories of other runs than those in `records` are left out.
    records : sequence of RunRecord
        The runs, in the order in which the table has them; those without a history are left out.

    Returns
    -------
    pandas.DataFrame
        Columns ``run_id, name, epoch, metric, value``: one run after the other, in it one metric after the other,
        by epoch. NaN, which means *not evaluated*, has no row.
    """
    curves = [
        (record.run_id, record.name, metric, *_evaluated(histories[record.run_id], metric))
        for record in records
        if record.run_id in histories
        for metric in histories[record.run_id].columns
        if metric != "epoch"
    ]
    lengths = [len(epochs) for *_, epochs, _ in curves]
    columns = {
        "run_id": _repeated([run_id for run_id, *_ in curves], lengths),
        "name": _repeated([name for _, name, *_ in curves], lengths),
        "epoch": np.concatenate([np.empty(0, dtype=np.int64), *(epochs for *_, epochs, _ in curves)]),
        "metric": _repeated([metric for _, _, metric, *_ in curves], lengths),
        "value": np.concatenate([np.empty(0), *(values for *_, values in curves)]),
    }
    return pd.DataFrame(columns)


def _evaluated(history: pd.DataFrame, metric: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    values = history[metric].to_numpy(dtype=np.float64, na_value=np.nan)
    there = ~np.isnan(values)
    return history["epoch"].to_numpy(dtype=np.int64)[there], values[there]


def _repeated(texts: Sequence[str], lengths: Sequence[int]) -> "pd.Series[Any]":
    column: pd.Series[Any] = pd.Series(np.repeat(np.array(texts, dtype=object), lengths), dtype="object")
    return column


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
