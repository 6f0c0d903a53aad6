"""Factors: the settings whose effects can be told apart in a frame of runs.

Many columns say the same in other words: an architecture's name, its layers, its depth; a schedule and its numbers.
Each group of them is one factor, and which column stands for it is decided here.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.errors import ConfigError
from nnsweep.results.frame import coded
from nnsweep.results.grouping import (
    ARCHITECTURE,
    Codes,
    check_columns,
    count_combinations,
    is_function_of,
    varying_settings,
)
from nnsweep.text import printable

EXTENT = ("depth", "width")


class Factors(NamedTuple):
    """The names of the factors, and a sentence on each column that was left out."""

    names: list[str]
    notes: list[str]


def choose_factors(runs: pd.DataFrame, metric: str, wanted: Sequence[str] | None = None) -> Factors:
    """Choose the factors of a frame of runs.

    Where depth and width vary independently of each other and tell the layers' sizes, they take the place of the
    architecture. A column that is a function of another one is left out; of two that say the same, the later one.

    Parameters
    ----------
    runs : pandas.DataFrame
        The runs that count.
    metric : str
        A column that is no setting.
    wanted : sequence of str, optional
        The columns to choose from; by default the settings that vary, without the seed, and depth and width.

    Returns
    -------
    Factors
        In the order wanted or else architecture, depth, width, and the columns' order.

    Raises
    ------
    ConfigError
        If a column is unknown, or named twice.
    """
    names = _candidates(runs, metric) if wanted is None else list(wanted)
    check_columns(runs, names)
    if len(set(names)) < len(names):
        raise ConfigError(f"factors={names} names a column twice; name each once")
    codes = {name: coded(runs, name) for name in names}
    constant = [name for name in names if count_combinations([name], codes) < 2]
    varying = [name for name in names if name not in constant]
    extent = _crossed_extent(varying, codes)
    notes = [f"{name} has one value only: left out" for name in constant if wanted is not None]
    notes += [f"{name} follows from depth and width: left out" for name in varying if extent and name in ARCHITECTURE]
    varying = [name for name in varying if not (extent and name in ARCHITECTURE)]
    kept, dropped = _without_functions(varying, codes)
    return Factors(kept, notes + dropped)


def _candidates(runs: pd.DataFrame, metric: str) -> list[str]:
    names = varying_settings(runs, metric)
    extent = [name for name in EXTENT if name in runs.columns and name != metric]
    first = [name for name in ("arch", *extent, "hidden_layer_sizes") if name in (*names, *extent)]
    return [*first, *(name for name in names if name not in first)]


def _crossed_extent(names: Sequence[str], codes: Codes) -> bool:
    """Tell whether depth and width are factors of their own and say all that the architecture's columns do.

    They are if the effects of both can be estimated: if the indicators of their values are linearly independent.
    """
    architecture = [name for name in ARCHITECTURE if name in names]
    if not set(EXTENT) <= set(names) or not all(is_function_of(name, EXTENT, codes) for name in architecture):
        return False
    columns = np.hstack([code_dummies(codes[name]) for name in EXTENT])
    intercept = np.ones((len(columns), 1))
    return bool(np.linalg.matrix_rank(np.hstack([intercept, columns])) == columns.shape[1] + 1)


def code_dummies(codes: Sequence[object]) -> NDArray[np.float64]:
    """Give a column of 0 and 1 for each value but the first: dummy coding, shape (n_runs, n_values - 1)."""
    numbers, values = pd.factorize(np.array(list(map(repr, codes)), dtype=object))
    columns: NDArray[np.float64] = (numbers[:, None] == np.arange(1, len(values))).astype(np.float64)
    return columns


def _without_functions(names: Sequence[str], codes: Codes) -> tuple[list[str], list[str]]:
    kept, dropped = list(names), {}
    for name in reversed(names):
        source = next((other for other in kept if other != name and is_function_of(name, [other], codes)), None)
        if source is not None:
            kept.remove(name)
            dropped[name] = source
    return kept, _told(names, dropped, codes)


def _told(names: Sequence[str], dropped: Mapping[str, str], codes: Codes) -> list[str]:
    """Say in a sentence for each kept column which others it speaks for."""
    reasons: dict[str, list[str]] = {}
    for name in names:
        if name in dropped:
            source = dropped[name]
            same = "the same as" if is_function_of(source, [name], codes) else "what follows from"
            reasons.setdefault(f"left out, saying {same} {printable(source)}: ", []).append(printable(name))
    return [reason + ", ".join(columns) for reason, columns in reasons.items()]
