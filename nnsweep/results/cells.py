"""Cells: runs of a frame that have the same values of some settings, such as those that differ in seed alone."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.messages import unknown
from nnsweep.results.frame import plain, settings

Values: TypeAlias = tuple[object, ...]


def is_seed(name: str) -> bool:
    """Tell whether the values of a setting are repetitions of the same thing.

    Examples
    --------
    >>> is_seed("seed"), is_seed("data.split_seed"), is_seed("optimizer.learning_rate")
    (True, True, False)
    """
    return name.rpartition(".")[2] in ("seed", "split_seed", "sample_seed")


def groups(runs: pd.DataFrame, names: Sequence[str]) -> dict[Values, list[int]]:
    """Give the positions of the rows that have the same values, by these, in the order of their first appearance.

    Raises
    ------
    ConfigError
        If there is no such column.
    """
    problems = [unknown(name, runs.columns) for name in names if name not in runs.columns]
    if problems:
        raise ConfigError(*problems)
    columns = [plain(runs[name]) for name in names]
    found: dict[Values, list[int]] = {}
    for row in range(len(runs)):
        found.setdefault(tuple(column[row] for column in columns), []).append(row)
    return found


def telling(runs: pd.DataFrame, names: Iterable[str], known: Sequence[str] = ()) -> list[str]:
    """Choose among columns those that tell rows apart which the `known` and the earlier ones do not."""
    told: list[str] = []
    for name in names:
        if len(groups(runs, [*known, *told, name])) > len(groups(runs, [*known, *told])):
            told.append(name)
    return told


def configuration(runs: pd.DataFrame) -> list[str]:
    """Name the settings that tell configurations apart: those that vary, without seeds and what follows from others."""
    return telling(runs, [name for name in settings(runs) if not is_seed(name)])


def named(names: Sequence[str], values: Values, nothing: str = "all runs") -> str:
    """Name a group; one without names is `nothing`.

    Examples
    --------
    >>> named(("arch", "optimizer.learning_rate"), ("deep", 0.1)), named((), ())
    ('arch=deep, optimizer.learning_rate=0.1', 'all runs')
    """
    told = (
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in _pairs(names, values)
    )
    return ", ".join(told) or nothing


class Spread(NamedTuple):
    """Some repetitions of a number.

    Attributes
    ----------
    n : int
        How many there are.
    mean : float
        Their mean; NaN if there are none.
    std : float
        Their standard deviation (of the sample, with n - 1); NaN if there are fewer than two.
    """

    n: int
    mean: float
    std: float


def spread(values: Iterable[object]) -> Spread:
    """Sum up repetitions; what is missing or not finite does not count.

    Examples
    --------
    >>> spread([0.5, 1.0, None])
    Spread(n=2, mean=0.75, std=0.3535533905932738)
    """
    numbers = [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]
    if not numbers:
        return Spread(0, math.nan, math.nan)
    mean = math.fsum(numbers) / len(numbers)  # whatever the order of the runs
    squares = math.fsum((number - mean) ** 2 for number in numbers)
    return Spread(len(numbers), mean, math.sqrt(squares / (len(numbers) - 1)) if len(numbers) > 1 else math.nan)


def finished(runs: pd.DataFrame, metric: str) -> list[object]:
    """Give a metric of every run, None for one that has none or did not finish."""
    if metric not in runs.columns:
        return [None] * len(runs)
    states = plain(runs["state"]) if "state" in runs.columns else ["finished"] * len(runs)
    return [value if state == "finished" else None for value, state in zip(plain(runs[metric]), states, strict=True)]


def _pairs(names: Sequence[str], values: Values) -> Iterable[tuple[str, object]]:
    return ((name, value) for name, value in zip(names, values, strict=True) if value is not None)
