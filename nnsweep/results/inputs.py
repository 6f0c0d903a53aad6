"""Inputs: what the public functions are given from Python, checked before they begin.

An argument of a kind that cannot be meant is refused in one line, which says what is wanted and what returns it. One
name means the same in all functions, so an argument's name tells what it must be.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.frame import FIRST, LAST, METRICS
from nnsweep.results.wording import join_words
from nnsweep.text import printable, shorten

RUNS = "a frame of runs, as nnsweep.sweep(...) and nnsweep.load_results(EXPERIMENT) return it"
WANTED: Mapping[str, str] = {
    "runs": RUNS,
    "histories": "the curves by run id, as nnsweep.load_histories(runs) returns them",
    "correct": "what runs got right by run id, as nnsweep.load_correct(runs) returns it",
    "evaluations": "the evaluations by run id, as nnsweep.load_evaluations(runs) returns them",
    "comparison": "what nnsweep.compare_data_sets(runs) returns",
    "effects": "what nnsweep.effects(runs) returns",
    "levels": "what nnsweep.marginal_means(runs) returns, or its levels",
    "experiment": "the name of an experiment, such as 'depth_width'",
    "metric": "the name of a column of results, such as 'test_accuracy', or of a measure, such as 'log_loss'",
    "uri": "the address of a store, such as 'sqlite:///mlflow.db'",
}
"""What an argument must be, by its name."""
COLUMNS: Mapping[str, frozenset[str]] = {
    "runs": frozenset({*FIRST, *LAST, *METRICS}),
    "effects": frozenset({"term"}),
    "levels": frozenset({"factor"}),
}
"""Columns of which a frame that is meant has one at least."""


def check_inputs(needed: Iterable[str] = (), **given: object) -> None:
    """Refuse arguments that cannot be meant.

    Parameters
    ----------
    needed : iterable of str
        The columns that the runs must have.
    **given
        The arguments, by their names in `WANTED`.

    Raises
    ------
    TypeError
        If one is of another kind.
    ConfigError
        If a frame is of another kind, or lacks a column.

    Examples
    --------
    >>> check_inputs(experiment=None)
    Traceback (most recent call last):
    ...
    TypeError: experiment must be the name of an experiment, such as 'depth_width', not None
    """
    for name, value in given.items():
        if not _KINDS[name](value):
            raise TypeError(f"{name} must be {WANTED[name]}, not {_describe(value)}{_hint(name, value)}")
    frames = {name: value for name, value in given.items() if name in COLUMNS and isinstance(value, pd.DataFrame)}
    for name, frame in frames.items():
        columns = [*map(str, frame.columns)]
        if columns and not {*columns} & {*COLUMNS[name], given.get("metric")}:
            some = join_words([*map(printable, columns)], 5)
            raise ConfigError(f"{name} must be {WANTED[name]}, not a frame of {some}")
        missing = [column for column in needed if column not in columns]
        if missing:
            raise ConfigError(f"{name} has no column {join_words(missing)}; pass all columns, as they were returned")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_frame(value: object) -> bool:
    return isinstance(value, pd.DataFrame)


def _is_comparison(value: object) -> bool:
    from nnsweep.results.statistics.data_sets import DataSetComparison

    return isinstance(value, DataSetComparison)


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "runs": _is_frame,
    "histories": lambda value: isinstance(value, Mapping) and all(map(_is_frame, value.values())),
    "correct": lambda value: isinstance(value, Mapping),
    "evaluations": lambda value: isinstance(value, Mapping),
    "comparison": _is_comparison,
    "effects": _is_frame,
    "levels": _is_frame,
    "experiment": _is_text,
    "metric": lambda value: value is None or _is_text(value),
    "uri": lambda value: value is None or _is_text(value),
}


def _describe(value: object) -> str:
    """Name the kind of a value, and a short one itself."""
    if value is None:
        return "None"
    if isinstance(value, str | int | float):
        return f"{'the text' if isinstance(value, str) else 'the number'} {shorten(printable(repr(value)))}"
    if isinstance(value, os.PathLike):
        return f"the path {shorten(printable(os.fspath(value)))}"
    article = "an" if type(value).__name__[0] in "AEIOU" else "a"
    return f"{article} {type(value).__name__}"


def _hint(name: str, value: object) -> str:
    """Say how to come from what was given to what is wanted, where that can be told."""
    if name == "runs" and isinstance(value, str):
        return f"; load them: nnsweep.load_results({shorten(printable(repr(value)))})"
    if name == "runs" and isinstance(value, PurePath):
        return "; read the table first, such as with pandas.read_csv"
    if name == "experiment" and isinstance(value, pd.DataFrame) and "experiment" in value.attrs:
        return f"; these runs are of {printable(repr(value.attrs['experiment']))}"
    return ""
