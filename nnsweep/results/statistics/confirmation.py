"""A confirmation: what new seeds say of the configurations that a study chose, beside what the study said.

The best of many is best partly by luck, so its result is too good on average. By how much is the difference between it
and the mean of runs that had no part in the choice; their interval is the interval of the difference, too, because what
the study said is a number that is known.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nnsweep.results.frame import rows
from nnsweep.results.grouping import Configuration, with_failures
from nnsweep.results.metrics import choose_digits, find_sign, is_bounded, metric_text
from nnsweep.results.statistics.best_set import NEVER_FINISHED, WORSE, judge
from nnsweep.results.statistics.summary import configurations
from nnsweep.results.wording import (
    counted_repeats,
    join_words,
    percent,
    signed,
    with_interval,
    write_interval,
)
from nnsweep.text import printable

CANDIDATE = "candidate"
"""The column that names what a confirming run confirms, by its label in the study."""
COLUMNS = (
    *("label", "study", "n_study", "mean", "low", "high", "n"),
    *("optimism", "optimism_low", "optimism_high", "may_be_best", "n_finished", "n_failed"),
)


def compare_confirmation(
    candidates: Sequence[Configuration],
    runs: pd.DataFrame,
    metric: str = "test_accuracy",
    *,
    confidence: float = 0.95,
    failures: str | None = None,
) -> pd.DataFrame:
    """Compare what confirming runs say with what the study said.

    Parameters
    ----------
    candidates : sequence of Configuration
        With the results of the study.
    runs : pandas.DataFrame
        The confirming runs, with a column `CANDIDATE`.
    metric : str
        What the best is best by.
    confidence : float
        Of the intervals, which hold for all candidates at once.
    failures : {"chance", "ignore"}, optional
        What failed runs count as: what guessing achieves, or nothing; by default what the frame says, or else chance.

    Returns
    -------
    pandas.DataFrame
        See `nnsweep.confirm`.
    """
    by_label = {one.label: one for one in candidates}
    runs = with_failures(runs, failures)
    table = configurations(runs, metric, by=[CANDIDATE], confidence=confidence)
    table = table.assign(label=table[CANDIDATE], n=table["n_units"])
    table["low"], table["high"] = table["low_simultaneous"], table["high_simultaneous"]
    table["study"] = [by_label[label].mean for label in table["label"]]
    table["n_study"] = [len(by_label[label].units) for label in table["label"]]
    sign = find_sign(metric)
    table["optimism"] = sign * (table["study"] - table["mean"])
    ends = [sign * (table["study"] - table[end]) for end in ("high", "low")]
    table["optimism_low"], table["optimism_high"] = ends[::sign]
    judged = judge(runs, metric, by=[CANDIDATE], confidence=confidence)
    worse = judged["label"][judged["verdict"].isin([WORSE, NEVER_FINISHED])].str.removeprefix(f"{CANDIDATE}=")
    table["may_be_best"] = [printable(label) not in set(worse) for label in table["label"]]
    return table[[*COLUMNS]]


def tabulate_confirmation(table: pd.DataFrame, metric: str = "test_accuracy") -> list[str]:
    """Write a confirmation as lines of a table, for a terminal: a line for each candidate.

    Parameters
    ----------
    table : pandas.DataFrame
        From `compare_confirmation`.
    metric : str
        What the best is best by.
    """
    write = _choose_digits(table, metric)
    cells = [("", "study", "confirmation", "optimism", "may be best")]
    for row in rows(table):
        n = counted_repeats({**row, "n_ended": int(str(row["n_finished"])) + int(str(row["n_failed"]))})
        cells.append(
            (
                str(row["label"]),
                f"{write(row['study'])} ({row['n_study']})",
                f"{with_interval(write, row['mean'], row['low'], row['high'])} ({n})",
                signed(write(row["optimism"])),
                "yes" if row["may_be_best"] else "no",
            )
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def describe_confirmation(
    chosen: Configuration, table: pd.DataFrame, seeds: str, metric: str = "test_accuracy", *, confidence: float = 0.95
) -> list[str]:
    """Say in sentences what a confirmation has found.

    Parameters
    ----------
    chosen : Configuration
        What the study chose.
    table : pandas.DataFrame
        From `compare_confirmation`.
    seeds : str
        On which seeds, such as ``10 new seeds``.
    metric : str
        What the best is best by.
    confidence : float
        Of the intervals.
    """
    row = table[table["label"] == chosen.label].iloc[0]
    if not row["n_finished"]:
        return [f"On {seeds}, no run of {chosen.label} finished: nothing is confirmed."]
    write = _choose_digits(table, metric)
    mean, *ends = (float(row[name]) for name in ("mean", "low", "high"))
    interval = f" ({percent(confidence)} interval {write_interval(write, mean, *ends)})" if ends[1] > ends[0] else ""
    reached = f"{chosen.label} has a {metric_text(metric)} of {write(mean)}{interval}"
    return [
        f"On {seeds}, {reached}; the study reported {write(row['study'])}.",
        _describe_optimism(row, write),
        *_describe_rivals(row, table, write),
    ]


def _describe_optimism(row: "pd.Series[Any]", write: Callable[[object], str]) -> str:
    if math.isnan(row["low"]) or row["low"] == row["high"]:
        if math.isclose(row["study"], row["mean"], rel_tol=1e-12):
            return "That is exactly what the study reported."
        return f"The study's value was {_describe_excess(row['optimism'], write)}."
    if row["optimism_low"] <= 0 <= row["optimism_high"]:
        ends = [signed(write(row[f"optimism_{end}"])) for end in ("low", "high")]
        return f"The study's value lies within that interval: its optimism is between {ends[0]} and {ends[1]}."
    ends = [write(abs(row[f"optimism_{end}"])) for end in ("low", "high")]
    nearest, farthest = ends if row["optimism"] > 0 else ends[::-1]
    luck = "that much was luck" if row["optimism"] > 0 else "it was unlucky"
    return f"The study's value was {_describe_excess(row['optimism'], write)} ({nearest} to {farthest}): {luck}."


def _describe_excess(optimism: float, write: Callable[[object], str]) -> str:
    return f"{write(abs(optimism))} too {'optimistic' if optimism > 0 else 'pessimistic'}"


def _describe_rivals(row: "pd.Series[Any]", table: pd.DataFrame, write: Callable[[object], str]) -> list[str]:
    """Say whether what the study chose is the best of the candidates here, too."""
    others = table[table["label"] != row["label"]]
    if not len(others):
        return []
    rivals, n = others["label"][others["may_be_best"]].tolist(), len(others)
    if table["label"].iloc[0] == row["label"]:
        if rivals:
            others_may = "the other one" if n == 1 else f"{len(rivals):,} of {n:,} others"
            return [f"It is the best here, too, but {others_may} may be as good: {join_words(rivals)}."]
        are = "the other one is" if n == 1 else f"all {n:,} others are"
        return [f"It is the best here, too, and {are} clearly worse."]
    first = table.iloc[0]
    if row["may_be_best"]:
        return [f"{first['label']} does better here ({write(first['mean'])}), but the difference is not significant."]
    return [f"{first['label']} does clearly better here ({write(first['mean'])}): the study's choice is not confirmed."]


def _choose_digits(table: pd.DataFrame, metric: str) -> Callable[[object], str]:
    halves = (table["high"] - table["low"]) / 2
    nearest = np.minimum(table["high"] - table["mean"], table["mean"] - table["low"])
    return choose_digits(metric, (halves if is_bounded(metric) else nearest).tolist())
