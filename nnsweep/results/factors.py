"""Factors and repeats: what varies between the runs of a frame.

Every table, picture and statistic asks here. Many settings tell the same runs apart: an architecture's name, its
layers, its depth; a schedule and its numbers. Who needs one for each thing that varies chooses among them by whether
one is a function of others. Seeds, folds, splits and samples vary, too, but make repeats, which are averaged: networks
on five folds of one table have overlapping training parts, so their results are not independent.
"""

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.errors import ConfigError
from nnsweep.results.frame import KNOWN_BEFORE, SIZES, check_columns, coded, list_settings, plain, take_numbers, varies
from nnsweep.results.metrics import CHANCE
from nnsweep.results.wording import count
from nnsweep.text import printable

SEED, FOLD, SPLIT, SAMPLE = "seed", "data.fold", "data.split_seed", "data.sample_seed"
KINDS = {SAMPLE: "sample", SPLIT: "split", FOLD: "fold", SEED: "seed"}
"""What makes runs repeats of each other, and what one of it is called; the outer ones first."""
DATA = "data"
ARCHITECTURE = ("arch", "hidden_layer_sizes")
EXTENT = ("depth", "width")
TEST_PART = ("data.split", "data.test_path", "data.split_by")
"""Settings that name the test rows, which then no split changes."""
USUAL_TEST_FRACTION = 0.2

Codes = Mapping[str, Sequence[Hashable]]


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
    baselines = [name for name in runs.columns if str(name).startswith(CHANCE)]
    candidates = [*list_settings(runs), *(name for name in (*SIZES, *KNOWN_BEFORE) if name in runs.columns), *baselines]
    same = [name for name in candidates if not varies(runs, name)]
    added = [name for name in runs.attrs.get("others", []) if name in runs.columns]
    return runs.drop(columns=[*same, *added])


def distinct_settings(runs: pd.DataFrame) -> list[str]:
    """Name the settings; of those that tell the same runs apart, the first alone."""
    first: dict[tuple[int, ...], str] = {}
    for name in list_settings(runs):
        numbers, _ = pd.factorize(pd.Series(coded(runs, name), dtype="object"))
        first.setdefault(tuple(numbers.tolist()), name)
    return [*first.values()]


def varying_settings(runs: pd.DataFrame, metric: str = "") -> list[str]:
    """Name the settings that make the configurations: those with several values, without what makes repeats.

    Where no column tells the layers, depth and width do.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str
        A column that is no setting, which a table read from a file may not show.

    Returns
    -------
    list of str
        Columns, in their order.
    """
    names = [name for name in list_settings(runs) if name not in KINDS and name != metric]
    if not set(ARCHITECTURE) & set(runs.columns):
        names += [name for name in ("depth", "width") if name in runs.columns and name not in (*names, metric)]
    return [name for name in names if varies(runs, name)]


def check_settings(names: Iterable[str]) -> None:
    """Refuse to take for a setting what makes repeats.

    Raises
    ------
    ConfigError
        With a line for each of them.
    """
    problems = [
        f"{name}: runs that differ in their {KINDS[name]} are repeats and are averaged, so it makes no configuration; "
        "leave it out"
        for name in names
        if name in KINDS
    ]
    if problems:
        raise ConfigError(*problems)


def is_function_of(name: str, others: Sequence[str], codes: Codes) -> bool:
    """Tell whether a column is a function of others: where they are equal, it is."""
    return count_combinations(others, codes) == count_combinations([*others, name], codes)


def count_combinations(names: Sequence[str], codes: Codes) -> int:
    """Count the different combinations of values that columns have."""
    return len(set(zip(*(codes[name] for name in names), strict=True))) if names else 1


def choose_distinguishing(codes: Codes, known: Sequence[str] = ()) -> list[str]:
    """Choose columns that tell all combinations apart, each adding to the `known` ones and to those before it.

    The layers' sizes take the place of the architecture's name where they tell more.
    """
    arch, sizes = ARCHITECTURE
    are_sizes_finer = (
        {arch, sizes} <= set(codes)
        and is_function_of(arch, [sizes], codes)
        and not is_function_of(sizes, [arch], codes)
    )
    chosen: list[str] = []
    for name in codes:
        is_replaced = name in known or (name == arch and are_sizes_finer)
        if not is_replaced and not is_function_of(name, [*known, *chosen], codes):
            chosen.append(name)
    return chosen


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
    layers = [name for name in reversed(ARCHITECTURE) if name in varying]
    names = dict.fromkeys([*first, *layers, *varying])
    parents = {name.partition(".")[0] for name in names}
    codes = {name: coded(runs, name) for name in runs.columns if name in names or name in parents}
    axes: list[str] = []
    for name in names:
        others, parent = axes, name.partition(".")[0]
        if name not in ARCHITECTURE and any(map(is_number, plain(runs[name]))):
            others = [parent] if parent != name and parent in codes else []
        if count_combinations([name], codes) > 1 and (name in first or not is_function_of(name, others, codes)):
            axes.append(name)
    return axes


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number, and not just true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def sort_levels(levels: Sequence[object]) -> list[object]:
    """Put the different values of a setting in order: numbers by size, then texts with their numbers by size."""
    return sorted({repr(level): level for level in levels}.values(), key=place_level)


def place_level(level: object) -> tuple[int, float, list[tuple[int, int, str]]]:
    """Say where a value stands in the order of values: numbers, texts (``8-8`` before ``16-16``), nothing."""
    if is_number(level):
        return 0, float(level), []  # type: ignore[arg-type]
    if level is None:
        return 2, 0.0, []
    parts = re.findall(r"(\d+)|(\D+)", str(level))
    return 1, 0.0, [(0, int(digits[:15]), "") if digits else (1, 0, other) for digits, other in parts]


class Factors(NamedTuple):
    """The names of the factors, and a sentence on each column that was left out."""

    names: list[str]
    notes: list[str]


def choose_factors(runs: pd.DataFrame, metric: str, columns: Sequence[str] | None = None) -> Factors:
    """Choose the factors of a frame of runs: settings whose effects can be told apart.

    Where depth and width vary independently of each other and tell the layers' sizes, they take the place of the
    architecture. A column that is a function of another one is left out; of two that say the same, the later one.

    Parameters
    ----------
    runs : pandas.DataFrame
        The runs that count.
    metric : str
        A column that is no setting.
    columns : sequence of str, optional
        What to choose from; by default the settings that vary, without the seed, and depth and width.

    Returns
    -------
    Factors
        In the order of `columns`, or else architecture, depth, width, and the frame's order.

    Raises
    ------
    ConfigError
        If a column is unknown, or named twice.
    """
    if columns is None:
        settings = varying_settings(runs, metric)
        extent = [name for name in EXTENT if name in runs.columns and name != metric]
        first = [name for name in ("arch", *extent, "hidden_layer_sizes") if name in (*settings, *extent)]
        names = [*first, *(name for name in settings if name not in first)]
    else:
        names = list(columns)
    check_columns(runs, factors=names)
    if len(set(names)) < len(names):
        raise ConfigError(f"factors={names} names a column twice; name each once")
    codes = {name: coded(runs, name) for name in names}
    varying = [name for name in names if count_combinations([name], codes) > 1]
    replaced = [name for name in varying if name in ARCHITECTURE] if _is_extent_enough(varying, codes) else []
    notes = [f"left out as constant: {name}" for name in names if name not in varying and columns is not None]
    notes += [f"left out as determined by depth and width: {name}" for name in replaced]
    factors = _drop_functions([name for name in varying if name not in replaced], codes)
    return factors._replace(notes=notes + factors.notes)


def _is_extent_enough(names: Sequence[str], codes: Codes) -> bool:
    """Tell whether depth and width are factors of their own and say all that the architecture's columns do.

    They are if the effects of both can be estimated: if the indicators of their values are linearly independent.
    """
    architecture = [name for name in ARCHITECTURE if name in names]
    if not set(EXTENT) <= set(names) or not all(is_function_of(name, EXTENT, codes) for name in architecture):
        return False
    columns = np.hstack([code_dummies(codes[name]) for name in EXTENT])
    intercept = np.ones((len(columns), 1))
    return bool(np.linalg.matrix_rank(np.hstack([intercept, columns])) == columns.shape[1] + 1)


def _drop_functions(names: Sequence[str], codes: Codes) -> Factors:
    """Leave out what is a function of another column, with a sentence for each column that speaks for others."""
    remaining, sources = list(names), {}
    for name in reversed(names):
        source = next((other for other in remaining if other != name and is_function_of(name, [other], codes)), None)
        if source is not None:
            remaining.remove(name)
            sources[name] = source
    reasons: dict[str, list[str]] = {}
    for name in filter(sources.__contains__, names):
        is_same = is_function_of(sources[name], [name], codes)
        why = f"{'equivalent to' if is_same else 'determined by'} {printable(sources[name])}"
        reasons.setdefault(why, []).append(printable(name))
    return Factors(remaining, [f"left out as {why}: {', '.join(columns)}" for why, columns in reasons.items()])


def code_dummies(codes: Sequence[object]) -> NDArray[np.float64]:
    """Give a column of 0 and 1 for each value but the first: dummy coding, shape (n_runs, n_values - 1)."""
    numbers, values = pd.factorize(np.array(list(map(repr, codes)), dtype=object))
    columns: NDArray[np.float64] = (numbers[:, None] == np.arange(1, len(values))).astype(np.float64)
    return columns


class Repeats(NamedTuple):
    """How the runs of a frame repeat each other.

    Attributes
    ----------
    axes : tuple of str
        The columns by which repeats are told apart and paired: those of `KINDS` that vary; the seed if none does.
    units : tuple of str
        The axes that an independent result is named by. Runs that share them are averaged first: seeds within a fold
        or split, folds and splits within a sample.
    overlap : float
        Test examples for each training example where units share training examples (see
        `nnsweep.results.statistics.intervals.estimate_mean`); 0 where units are independent.
    """

    axes: tuple[str, ...]
    units: tuple[str, ...]
    overlap: float

    @property
    def kind(self) -> str:
        """What one unit is called: a seed, a fold, a split, a sample, or a repeat where several kinds name it."""
        return KINDS[self.units[0]] if len(self.units) == 1 else "repeat" if self.units else "run"

    @property
    def noun(self) -> str:
        """What one repeat is called: a repeat where several kinds name it."""
        return KINDS[self.axes[0]] if len(self.axes) == 1 else "repeat" if self.axes else "run"

    @property
    def changes_test_set(self) -> bool:
        """Whether units have test examples of their own."""
        return self.overlap > 0 or self.units == (SAMPLE,)

    def keys(self, runs: pd.DataFrame) -> list[Hashable]:
        """Give each run the value of its axis, a tuple of several, or its row where there is no axis."""
        codes = [coded(runs, name) for name in self.axes]
        if not codes:
            return [("row", row) for row in range(len(runs))]
        return codes[0] if len(codes) == 1 else list(zip(*codes, strict=True))

    def unit(self, key: Hashable) -> Hashable:
        """Give the unit that a repeat belongs to."""
        if self.units == self.axes or not isinstance(key, tuple):
            return key
        named = dict(zip(self.axes, key, strict=True))
        return named[self.units[0]] if len(self.units) == 1 else tuple(named[name] for name in self.units)

    def describe(self, keys: Sequence[Hashable]) -> str:
        """Say how many repeats there are, by kind if they are crossed or go in step.

        Examples
        --------
        >>> Repeats((FOLD, SEED), (FOLD,), 0.25).describe([(fold, seed) for fold in range(5) for seed in range(3)])
        '5 folds with 3 seeds each'
        """
        if len(self.axes) < 2:
            return count(len(keys), self.noun)
        sizes = [len({key[place] for key in keys if isinstance(key, tuple)}) for place in range(len(self.axes))]
        counts = [(size, count(size, KINDS[name])) for name, size in zip(self.axes, sizes, strict=True)]
        several = [text for size, text in counts if size > 1] or [counts[0][1]]
        if set(sizes) == {len(keys)}:
            return f"{several[0]}, each with a {' and '.join(KINDS[name] for name in self.axes[1:])} of its own"
        is_crossed = math.prod(sizes) == len(keys) and len(several) > 1
        return f"{' with '.join(several)} each" if is_crossed else f"{len(keys):,} repeats"


def find_repeats(runs: pd.DataFrame) -> Repeats:
    """Find out how the runs of a frame repeat each other.

    Seeds are averaged within a fold or split. Folds and splits of one table overlap in their training parts, by which
    their variance is corrected; splits that leave the test part as it is do not need that. Samples are drawn anew, so
    they are independent, and all repeats within one are averaged. What differs between data sets alone, such as the
    sample's seed that only drawn ones have, makes no repeats.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs. Where it lacks the settings of the division (``data.n_folds``, ``data.test_fraction``), as a
        table read from a file may, the folds seen and the usual test fraction stand for them.
    """
    data = coded(runs, DATA) if DATA in runs.columns else [None] * len(runs)
    present = {name: coded(runs, name) for name in KINDS if name in runs.columns}
    varying = tuple(name for name, code in present.items() if len({*zip(data, code, strict=True)}) > len({*data}))
    axes = varying or ((SEED,) if SEED in runs.columns else ())
    if SAMPLE in varying:
        return Repeats(axes, (SAMPLE,), 0.0)
    divisions = tuple(name for name in (SPLIT, FOLD) if name in varying)
    return Repeats(axes, divisions or axes, _compute_overlap(runs, divisions))


def _compute_overlap(runs: pd.DataFrame, divisions: Sequence[str]) -> float:
    """Give n_test / n_train: ``1 / (n_folds - 1)`` for folds, ``f / (1 - f)`` for a test fraction f."""
    n_folds, fractions = (
        [number for number in take_numbers(runs, name) if not math.isnan(number)]
        for name in ("data.n_folds", "data.test_fraction")
    )
    if FOLD in divisions:
        return 1 / (min(n_folds or [len(set(coded(runs, FOLD)))]) - 1)
    test_parts = [value for name in TEST_PART if name in runs.columns for value in plain(runs[name])]
    has_test_part = None not in test_parts if test_parts else "data.val_fraction" in runs.columns and not fractions
    if not divisions or has_test_part:  # a split then divides training and validation only
        return 0.0
    fraction = max(fractions, default=USUAL_TEST_FRACTION)
    return fraction / (1 - fraction)
