"""The frame: a pandas table with one row a run, which every table, picture and statistic starts from.

Columns come in a fixed order, so that the table of a sweep looks the same however its records were found, and
``attrs["settings"]`` names those that were asked for, as against what came out. Which runs count and
which a user filters out is decided here, too.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.filters import IncomparableError, MixedColumn, make_filter
from nnsweep.results.metrics import find_sibling, is_result, take_possible
from nnsweep.text import explain_unknown, printable
from nnsweep.tracking.record import CHOICES, RunRecord

FIRST = ("name", "state", "reason")
SIZES = ("n_parameters", "depth", "width")
SAMPLES = ("n_train_samples", "n_val_samples", "n_test_samples")
KNOWN_BEFORE = ("epoch_flops", *SAMPLES, "chance_accuracy", "feature_scale")
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
COUNTS = (*SIZES, "best_epoch", "epoch_flops", *SAMPLES)


def frame(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Make the frame of some records, one row a run, in their order.

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
    sources = ("metrics", "settings", "others")
    names = {one: set[str]().union(*(getattr(record, one) for record in records)) - identity for one in sources}
    metrics = sorted(names["metrics"], key=_place_metric)
    settings = _order(names["settings"] - set(metrics), (*CHOICES, "seed"))
    columns: dict[str, list[Any]] = {name: [getattr(record, name) for record in records] for name in FIRST}
    columns |= {name: [record.settings.get(name) for record in records] for name in settings}
    for name in metrics:
        values = [record.metrics.get(name, record.settings.get(name)) for record in records]
        if name in COUNTS and all(value is None or _is_whole(value) for value in values):
            values = [None if value is None else int(value) for value in values]
        columns[name] = values
    others = sorted(names["others"] - columns.keys())
    columns |= {name: [record.others.get(name) for record in records] for name in others}
    columns |= {name: [getattr(record, name) for record in records] for name in LAST}
    table = pd.DataFrame({name: pd.Series(values, dtype=_choose_dtype(values)) for name, values in columns.items()})
    table.attrs["settings"], table.attrs["others"] = settings, others
    return table


def list_settings(runs: pd.DataFrame) -> list[str]:
    """Name the columns that hold settings; for a table read from a file, all that are nothing else."""
    others = {*FIRST, *METRICS, *LAST}
    known = [name for name in runs.columns if name not in others and not is_result(str(name))]
    settings = runs.attrs.get("settings", known)
    return [name for name in runs.columns if name in set(settings)]


def varies(runs: pd.DataFrame, name: str) -> bool:
    """Tell whether a column has several values; a missing one is a value."""
    values = plain(runs[name])
    is_one_kind = {*map(type, values)} in ({str}, {int}, {float}, {bool})
    return len({*(values if is_one_kind else coded(runs, name))}) > 1


def plain(column: "pd.Series[Any]") -> list[object]:
    """Give the column's values as ordinary Python values, ``None`` for every missing one and for NaN."""
    return [None if absent else value for value, absent in zip(column.tolist(), column.isna(), strict=True)]


def coded(runs: pd.DataFrame, name: str) -> list[Hashable]:
    """Give a column's values as keys: 1 and 1.0 are one, 1 and true are two, missing is a value."""
    return [
        value if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)
        for value in plain(runs[name])
    ]


def take_numbers(table: pd.DataFrame, name: str, default: float = math.nan) -> list[float]:
    """Give a column's numbers, and the default for what is none or where there is no such column."""
    values = plain(table[name]) if name in table.columns else [None] * len(table)
    return [float(value) if isinstance(value, int | float) else default for value in values]


def check_columns(runs: pd.DataFrame, /, **named: Iterable[str]) -> None:
    """Refuse the names that no column has.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    **named
        Names of columns, by the argument that they were given for.

    Raises
    ------
    ConfigError
        With a line for each of them.
    """
    columns = list(map(str, runs.columns))
    unknown = [(key, name) for key, names in named.items() for name in dict.fromkeys(names) if name not in columns]
    if unknown:
        raise ConfigError(*(f"{key}: {explain_unknown(name, columns)}" for key, name in unknown))


def check_metric(runs: pd.DataFrame, metric: str) -> None:
    """Refuse a metric that is neither known nor a column with numbers.

    Raises
    ------
    ConfigError
        With the metrics that there are.
    """
    if metric in METRICS or is_result(metric):
        return
    others = {*FIRST, *LAST, *runs.attrs.get("settings", ())}
    metrics = [name for name in map(str, runs.columns) if name not in others]
    if metric not in runs.columns:
        raise ConfigError(f"metric: {explain_unknown(metric, metrics)}")
    values = plain(runs[metric])
    if any(isinstance(value, str) for value in values):
        raise ConfigError(f"metric: {printable(metric)!r} has no numbers; choose one of {', '.join(metrics)}")


def rows(runs: pd.DataFrame) -> Iterable[Mapping[str, object]]:
    """Give the rows one after the other, each a dictionary of ordinary Python values."""
    names = list(runs.columns)
    for values in zip(*(plain(runs[name]) for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


def _order(names: set[str], first: Sequence[str]) -> list[str]:
    return [name for name in first if name in names] + sorted(names - set(first))


def _place_metric(name: str) -> tuple[int, bool, str]:
    """Order metrics as `METRICS` does, those of each measure beside those of accuracy, and all others behind them."""
    known = name if name in METRICS else find_sibling(name)
    return METRICS.index(known) if known in METRICS else len(METRICS), name != known, name


def _is_whole(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _choose_dtype(values: Sequence[object]) -> Any:
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
    """Put the histories of some runs into one table with a value a row.

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
    run_ids, names, metrics = [], [], []
    epochs, values = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for record in records:
        if record.run_id not in histories:
            continue
        history = histories[record.run_id]
        for metric in history.columns.drop("epoch"):
            curve = history[metric].to_numpy(dtype=np.float64, na_value=np.nan)
            measured = ~np.isnan(curve)
            n_points = int(measured.sum())
            run_ids += [record.run_id] * n_points
            names += [record.name] * n_points
            metrics += [metric] * n_points
            epochs.append(history["epoch"].to_numpy(dtype=np.int64)[measured])
            values.append(curve[measured])
    texts = {"run_id": run_ids, "name": names, "metric": metrics}
    table = pd.DataFrame({name: pd.Series(column, dtype="object") for name, column in texts.items()})
    table.insert(2, "epoch", np.concatenate(epochs))
    return table.assign(value=np.concatenate(values))


def take_metric(runs: pd.DataFrame, metric: str) -> list[float | None]:
    """Give the metric of each run that counts: finished, with a finite value that the metric can be.

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
    values = take_possible(metric, take_numbers(runs, metric))
    states = plain(runs["state"]) if "state" in runs.columns else ["finished"] * len(runs)
    return [value if state == "finished" else None for value, state in zip(values, states, strict=True)]


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
    check_columns(runs, columns=columns, sort=[name for name, _ in keys])
    chosen = _filter(runs, filter) if filter.strip() else runs
    for name, descending in reversed(keys):
        chosen = _sort(chosen, name, descending=descending)
    return chosen[list(dict.fromkeys(columns)) or list(runs.columns)].reset_index(drop=True)


def _filter(runs: pd.DataFrame, text: str) -> pd.DataFrame:
    holds = make_filter(text)
    holds(dict.fromkeys(runs.columns))  # refuses unknown names even where there is no run
    matches: list[bool] = []
    incomparable = []
    for row in rows(runs):
        try:
            matches.append(holds(row))
        except IncomparableError as error:  # the column may hold text in this run and numbers in others
            incomparable.append(error)
            matches.append(holds(MixedColumn(row)))
    if incomparable and (len(incomparable) == len(runs) or not any(matches)):
        raise incomparable[0]
    return runs[pd.Series(matches, index=runs.index, dtype=bool)]


def _sort(runs: pd.DataFrame, name: str, *, descending: bool) -> pd.DataFrame:
    """Sort by a column: numbers by size, before text by alphabet; what has no place in an order comes last."""
    places: dict[int, tuple[int, float, str]] = {}
    for row, value in enumerate(plain(runs[name])):
        if not isinstance(value, int | float | None):
            places[row] = 1, 0.0, str(value)
        elif value is not None and (isinstance(value, int) or math.isfinite(value)):
            places[row] = 0, value, ""
    absent = [row for row in range(len(runs)) if row not in places]
    return runs.iloc[[*sorted(places, key=places.__getitem__, reverse=descending), *absent]]
