"""A trade-off: what configurations cost, which are worth it, and which is the smallest that is as good as the best.

A cost is a number of parameters, operations, seconds, or epochs to an accuracy. Seconds belong to the machine and to
what else it did; parameters and operations are the same everywhere.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from nnsweep.results.frame import plain, take_metric
from nnsweep.results.grouping import describe_settings, group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import split_metric
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.intervals import estimate_mean
from nnsweep.results.trend import find_selecting_curve

SIZES = ("n_parameters", "epoch_flops")
MEANS = {"epochs": "epochs_trained", "seconds": "duration_seconds"}


def mark_pareto_front(
    table: pd.DataFrame, cost: str, metric: str, *, is_smaller_better: bool = False
) -> "pd.Series[bool]":
    """Mark the rows that no other row dominates: none is at least as cheap and as good, and one of both more so.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a configuration.
    cost : str
        A column of which less is better.
    metric : str
        A column of results.
    is_smaller_better : bool
        Whether less of it is better.

    Returns
    -------
    pandas.Series of bool
        With the table's index. Equal rows are on the front together or not at all; what is not finite never is.
    """
    columns = {name: table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (cost, metric)}
    columns[metric] = -columns[metric] if is_smaller_better else columns[metric]
    finite = pd.DataFrame(columns)[np.isfinite([*columns.values()]).all(axis=0)]
    best = finite.groupby(cost)[metric].max()
    front = best[best > best.cummax().shift(fill_value=-math.inf)]
    on_front = finite.index[finite[metric] == finite[cost].map(front)]
    return pd.Series(np.isin(np.arange(len(table)), on_front), index=table.index, dtype=bool)


class SmallEnough(NamedTuple):
    """The best configuration and the smallest that is as good.

    Attributes
    ----------
    best : object
        The index of the best row; None if there is none.
    smallest : object
        The index of the smallest row within one standard error of the best; None where no error can be told.
    threshold : float
        The mean that is good enough; NaN where no error can be told.
    words : str
        The rule and what it gave, in a sentence.
    """

    best: object
    smallest: object
    threshold: float
    words: str


def choose_smallest(
    table: pd.DataFrame,
    *,
    size: str = "n_parameters",
    mean: str = "mean",
    error: str = "standard_error",
    is_smaller_better: bool = False,
) -> SmallEnough:
    """Choose the smallest network whose mean is within one standard error of the best.

    The rule is ``mean >= best_mean - best_standard_error`` where more is better (Breiman, Friedman, Olshen and Stone,
    *Classification and Regression Trees*, 1984, section 3.4.3; Hastie, Tibshirani and Friedman, *The Elements of
    Statistical Learning*, 2nd ed., 2009, section 7.10). It is a rule of thumb for choosing, not a test that they are
    equal.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a configuration.
    size, mean, error : str
        Its columns: what is to be small, and the mean of the metric with its standard error.
    is_smaller_better : bool
        Whether less of the metric is better.

    Returns
    -------
    SmallEnough
        Of equal sizes the one with the better mean. With one repetition of the best there is no standard error, and
        nothing is chosen.
    """
    columns = {name: table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (size, mean, error)}
    sign = -1 if is_smaller_better else 1
    columns[mean] = sign * columns[mean]
    finite = np.flatnonzero(np.isfinite(columns[mean]) & np.isfinite(columns[size]))
    if not len(finite):
        return SmallEnough(None, None, math.nan, "no configuration has a result")
    best = finite[np.lexsort((columns[size][finite], -columns[mean][finite]))[0]]
    one_error = float(columns[error][best])
    if not math.isfinite(one_error):
        return SmallEnough(
            table.index[best], None, math.nan, "one run has no standard error: repeat it with more seeds"
        )
    threshold = float(columns[mean][best] - one_error)
    enough = finite[columns[mean][finite] >= threshold]
    smallest = enough[np.lexsort((-columns[mean][enough], columns[size][enough]))[0]]
    least, less = ("at most", "and") if is_smaller_better else ("at least", "less")
    words = (
        f"the smallest with a mean of {least} {sign * threshold:.4f}, the best's {sign * columns[mean][best]:.4f} "
        f"{less} one standard error ({one_error:.4f}), has {columns[size][smallest]:g} for {columns[size][best]:g} of "
        f"{size}"
    )
    return SmallEnough(table.index[best], table.index[smallest], sign * threshold, words)


def prices(
    runs: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame] | None = None,
    *,
    by: Sequence[str] | None = None,
    metric: str | None = None,
    target: float | None = None,
) -> pd.DataFrame:
    """Give the cost of each configuration, and what it reached for that.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    histories : mapping, optional
        ``{run_id: history}``, for the epochs to a target.
    by : sequence of str, optional
        The columns that make a configuration; by default the settings that vary.
    metric : str, optional
        What was reached.
    target : float, optional
        A value of the metric's measure, on validation or else test.

    Returns
    -------
    pandas.DataFrame
        One row a configuration, in the order of the runs: the settings, ``label``, ``n`` (finished runs with the
        metric), ``n_parameters``, ``epoch_flops`` (missing in records of versions that did not count them), means of
        ``epochs`` and ``seconds``, and ``mean`` and ``std`` of the metric. With a target also ``epochs_to_target``,
        ``n_reached`` and ``flops_to_target``; see `count_epochs_to_target`.

    Raises
    ------
    ConfigError
        If there is no such column, or two runs that count are the same repeat of one configuration.
    """
    check_inputs(runs=runs, metric=metric, histories={} if histories is None else histories)
    metric = choose_metric(runs, metric)
    rows = []
    for one in sorted(group_runs(runs, metric, by=by), key=lambda one: one.rows):
        all_runs, counted = runs.iloc[list(one.rows)], runs.iloc[list(one.counted.values())]
        row = one.settings | {"label": describe_settings(one.settings), "n": len(counted)}
        row |= {name: _find_size(all_runs, name) for name in SIZES}
        for name, source in MEANS.items():
            row[name] = estimate_mean([value for value in take_metric(counted, source) if value is not None]).mean
        reached = estimate_mean(list(one.units.values()), overlap=one.repeats.overlap)
        row |= {"mean": reached.mean, "std": reached.std}
        rows.append(row if target is None else row | _measure_pace(all_runs, histories or {}, target, metric))
    table = pd.DataFrame(rows, columns=None if rows else [*(by or ()), "label", "n", *SIZES, *MEANS, "mean", "std"])
    return table.astype({name: "Int64" for name in SIZES if rows})


def find_first_epoch(history: pd.DataFrame, target: float, measure: str | None = None) -> int | None:
    """Find the first epoch at which a measure on validation, or else test, is at least as good as the target.

    The measure is accuracy if not given, or RMSE where there is none.
    """
    curve = find_selecting_curve(history, measure)
    reached = np.flatnonzero(curve.values >= curve.sign * target)
    return int(curve.epochs[reached[0]]) if len(reached) else None


def count_epochs_to_target(
    histories: Sequence[pd.DataFrame], target: float, measure: str | None = None
) -> float | None:
    """Give the median of `find_first_epoch` over repetitions, of which those that never reach it take for ever.

    A mean over those that do would favour what reaches it rarely. It is None if half of them or more do not.
    """
    epochs = [find_first_epoch(history, target, measure) for history in histories]
    median = float(np.median([math.inf if epoch is None else epoch for epoch in epochs])) if epochs else math.inf
    return median if math.isfinite(median) else None


def _measure_pace(
    repetitions: pd.DataFrame, histories: Mapping[str, pd.DataFrame], target: float, metric: str
) -> dict[str, object]:
    """Count a run that diverged as one that never gets there, and one that failed or was interrupted not at all."""
    name = split_metric(metric)
    measure = name.measure if name else None
    ends = zip(plain(repetitions["run_id"]), plain(repetitions["state"]), strict=True)
    curves = [
        histories[str(run_id)] if state == "finished" else pd.DataFrame({"epoch": []})
        for run_id, state in ends
        if str(run_id) in histories and state in ("finished", "diverged")
    ]
    epochs, flops = count_epochs_to_target(curves, target, measure), _find_size(repetitions, "epoch_flops")
    return {
        "epochs_to_target": math.nan if epochs is None else epochs,
        "n_reached": sum(find_first_epoch(history, target, measure) is not None for history in curves),
        "flops_to_target": math.nan if epochs is None or flops is None else epochs * flops,
    }


def _find_size(repetitions: pd.DataFrame, name: str) -> int | None:
    """Give a size that all repetitions share, if any of them has it."""
    values = plain(repetitions[name]) if name in repetitions.columns else []
    return next((int(value) for value in values if isinstance(value, int | float) and math.isfinite(value)), None)
