"""A trade-off: which configurations are worth their cost, and which is the smallest that is as good as the best."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd


def pareto_front(table: pd.DataFrame, cost: str, metric: str) -> "pd.Series[bool]":
    """Mark the rows that no other row dominates: none is at least as cheap and as good, and one of both more so.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a configuration.
    cost : str
        A column of which less is better.
    metric : str
        A column of which more is better.

    Returns
    -------
    pandas.Series of bool
        With the table's index. Equal rows are on the front together or not at all; what is not finite never is.
    """
    costs, values = (table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (cost, metric))
    known = np.isfinite(costs) & np.isfinite(values)
    on_front = np.zeros(len(table), dtype=bool)
    cheaper_best, places = -math.inf, np.flatnonzero(known)[np.lexsort((-values[known], costs[known]))]
    for price in np.unique(costs[known]):
        same = places[costs[places] == price]
        best = values[same[0]]
        on_front[same[values[same] == best]] = best > cheaper_best
        cheaper_best = max(cheaper_best, best)
    return pd.Series(on_front, index=table.index, dtype=bool)


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


def smallest_within_one_standard_error(
    table: pd.DataFrame,
    *,
    size: str = "n_parameters",
    mean: str = "mean",
    std: str = "std",
    n: str = "n",
    error: str = "",
) -> SmallEnough:
    """Choose the smallest network whose mean is within one standard error of the best.

    The rule is ``mean >= best_mean - best_std / sqrt(best_n)`` (Breiman, Friedman, Olshen and Stone, *Classification
    and Regression Trees*, 1984, section 3.4.3; Hastie, Tibshirani and Friedman, *The Elements of Statistical
    Learning*, 2nd ed., 2009, section 7.10). It is a rule of thumb for choosing, not a test that they are equal.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a configuration.
    size, mean, std, n : str
        Its columns: what is to be small, and mean, standard deviation and number of the repetitions of the metric.
    error : str
        A column with the standard error of the mean, instead of ``std / √n``.

    Returns
    -------
    SmallEnough
        Of equal sizes the one with the higher mean. With one repetition of the best there is no standard error, and
        nothing is chosen.
    """
    columns = {name: table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (size, mean, std, n)}
    known = np.flatnonzero(np.isfinite(columns[mean]) & np.isfinite(columns[size]))
    if not len(known):
        return SmallEnough(None, None, math.nan, "no configuration has a result")
    best = known[np.lexsort((columns[size][known], -columns[mean][known]))[0]]
    if error:
        one_error = float(table[error].iloc[best])
    else:
        one_error = columns[std][best] / math.sqrt(columns[n][best]) if columns[n][best] > 1 else math.nan
    if not math.isfinite(one_error):
        return SmallEnough(
            table.index[best], None, math.nan, "one run has no standard error: repeat it with more seeds"
        )
    threshold = float(columns[mean][best] - one_error)
    enough = known[columns[mean][known] >= threshold]
    smallest = enough[np.lexsort((-columns[mean][enough], columns[size][enough]))[0]]
    told = f"the smallest with a mean of at least {threshold:.4f}, the best's {columns[mean][best]:.4f} less one"
    words = (
        f"{told} standard error ({one_error:.4f}), has "
        f"{columns[size][smallest]:g} for {columns[size][best]:g} of {size}"
    )
    return SmallEnough(table.index[best], table.index[smallest], threshold, words)
