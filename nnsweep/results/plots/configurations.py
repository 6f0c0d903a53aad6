"""The configurations of a picture, with the half width of the interval of each mean, and what tells them apart.

Which runs belong together and which count is decided in `nnsweep.results.grouping`.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import pandas as pd

from nnsweep.results.frame import coded, plain
from nnsweep.results.grouping import (
    ARCHITECTURE,
    Configuration,
    count_combinations,
    group_runs,
    is_function_of,
    varying_settings,
)
from nnsweep.results.statistics.summary import correct_confidence, sort_best_first, summarize

SIZES = ("depth", "width")
ACCURACY = "test_accuracy"


@dataclass(frozen=True, kw_only=True)
class EstimatedConfiguration(Configuration):
    """A configuration and how sure its mean is.

    Attributes
    ----------
    half_width : float
        Half of the simultaneous 95 % interval of the mean, which holds for all configurations at once; NaN for fewer
        than two repeats.
    """

    half_width: float

    @property
    def has_no_interval(self) -> bool:
        """Whether it has a result, but only one."""
        return len(self.finished) > 0 and math.isnan(self.half_width)


def estimate_configurations(
    runs: pd.DataFrame, metric: str = ACCURACY, *, by: Sequence[str] | None = None
) -> list[EstimatedConfiguration]:
    """Group the runs of a frame and estimate the mean of each configuration.

    The intervals hold at once by Bonferroni's inequality (`nnsweep.results.statistics.summary.correct_confidence`).

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs; it need not have the metric.
    metric : str
        What came out.
    by : sequence of str or None
        The settings that make a configuration; all that vary if not given.

    Returns
    -------
    list of EstimatedConfiguration
        The best first, those without any result last.

    Raises
    ------
    ConfigError
        If two runs are the same repeat of one configuration.
    """
    if metric not in runs.columns:
        runs = runs.assign(**{metric: math.nan})
    found = sort_best_first(group_runs(runs, metric, by=by), metric)
    low, high = bounds(metric)
    widest = high - low  # beyond that an interval says no more
    return [
        EstimatedConfiguration(
            **{field.name: getattr(one, field.name) for field in fields(one)},
            half_width=min((summary.high - summary.low) / 2, widest),
        )
        for one, summary in zip(found, summarize(found, correct_confidence(found, 0.95)), strict=True)
    ]


def choose_axes(runs: pd.DataFrame, *, first: Sequence[str] = ()) -> list[str]:
    """Choose the settings that a picture's axes and panels are made of: those that vary and do not repeat others.

    A number inside a choice (``schedule.gamma``) repeats the choice if each choice has one value of it; a name, and
    what describes the layers, repeats what came before if that tells it.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    first : sequence of str
        Columns that come before the others, and are in the result if they vary.

    Returns
    -------
    list of str
        Columns of the frame; none if all runs are of one configuration.
    """
    varying = varying_settings(runs)
    layers = [name for name in ARCHITECTURE[::-1] if name in varying]
    names = dict.fromkeys([*first, *layers, *varying])
    codes = {name: coded(runs, name) for name in runs.columns if name in {*names, *_parents(names)}}
    told: list[str] = []
    for name in names:
        others = _tellers(runs, name, told)
        if count_combinations([name], codes) > 1 and (name in first or not is_function_of(name, others, codes)):
            told.append(name)
    return told


def bounds(metric: str) -> tuple[float, float]:
    """Say between what a metric lies, though Student's interval may reach further: 0 and 1 for an accuracy."""
    return (0.0, 1.0) if metric.endswith("_accuracy") else (-math.inf, math.inf)


def ordered(levels: Sequence[object]) -> list[object]:
    """Put the different values of a setting in order: numbers by size, then texts with their numbers by size."""
    return sorted({repr(level): level for level in levels}.values(), key=sort_key)


def sort_key(level: object) -> tuple[int, float, list[tuple[int, int, str]]]:
    """Say where a value stands in the order of values: numbers, texts, nothing."""
    if is_number(level):
        return 0, float(level), []  # type: ignore[arg-type]
    return (2, 0.0, []) if level is None else (1, 0.0, [*_parts(str(level))])


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number, and not just true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _parents(names: Sequence[str] | dict[str, None]) -> list[str]:
    return [name.partition(".")[0] for name in names]


def _tellers(runs: pd.DataFrame, name: str, told: Sequence[str]) -> list[str]:
    """Name what may tell a setting already: all before it for a name, its own choice for a number."""
    if name in ARCHITECTURE or not any(map(is_number, plain(runs[name]))):
        return list(told)
    parent, dot, _ = name.partition(".")
    return [parent] if dot and parent in runs.columns else []


def _parts(text: str) -> Iterator[tuple[int, int, str]]:
    """Part a text so that ``8-8`` comes before ``16-16``."""
    for digits, other in re.findall(r"(\d+)|(\D+)", text):
        yield (0, int(digits[:15]), "") if digits else (1, 0, other)
