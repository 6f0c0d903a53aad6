"""Repeats: the runs of one configuration, which differ in seed, fold, split or sample and are averaged.

None of these is a setting. Which of them vary, and whether they change the test set, decides what a mean is a mean of
and how sure it is: networks on five folds of one table have overlapping training parts, so they are not independent.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import pandas as pd

from nnsweep.results.frame import coded, plain, varies
from nnsweep.results.wording import count

SEED, FOLD, SPLIT, SAMPLE = "seed", "data.fold", "data.split_seed", "data.sample_seed"
KINDS = {SAMPLE: "sample", SPLIT: "split", FOLD: "fold", SEED: "seed"}
"""What makes runs repeats of each other, and what one of it is called; the outer ones first."""
TEST_PART = ("data.split", "data.test_path", "data.split_by")
"""Settings that name the test rows, which then no split changes."""
USUAL_TEST_FRACTION = 0.2


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
        `nnsweep.results.statistics.summary.estimate_mean`); 0 where units are independent.
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
        told = [text for size, text in counts if size > 1] or [counts[0][1]]
        if set(sizes) == {len(keys)}:
            return f"{told[0]}, each with a {' and '.join(KINDS[name] for name in self.axes[1:])} of its own"
        product = 1
        for size in sizes:
            product *= size
        return f"{' with '.join(told)} each" if product == len(keys) and len(told) > 1 else f"{len(keys):,} repeats"


def repeats_of(runs: pd.DataFrame) -> Repeats:
    """Find out how the runs of a frame repeat each other.

    Seeds are averaged within a fold or split. Folds and splits of one table overlap in their training parts, by which
    their variance is corrected; splits that leave the test part as it is do not need that. Samples are drawn anew, so
    they are independent, and all repeats within one are averaged.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs. Where it lacks the settings of the division (``data.n_folds``, ``data.test_fraction``), as a
        table read from a file may, the folds seen and the usual test fraction stand for them.
    """
    varying = tuple(name for name in KINDS if name in runs.columns and varies(runs, name))
    axes = varying or ((SEED,) if SEED in runs.columns else ())
    if SAMPLE in varying:
        return Repeats(axes, (SAMPLE,), 0.0)
    divisions = tuple(name for name in (SPLIT, FOLD) if name in varying)
    return Repeats(axes, divisions or axes, _overlap(runs, divisions))


def _overlap(runs: pd.DataFrame, divisions: Sequence[str]) -> float:
    """Give n_test / n_train: ``1 / (n_folds - 1)`` for folds, ``f / (1 - f)`` for a test fraction f."""
    if FOLD in divisions:
        known = _numbers(runs, "data.n_folds") or [len(set(coded(runs, FOLD)))]
        return 1 / (min(known) - 1)
    if not divisions or _has_test_part(runs):
        return 0.0
    fraction = max(_numbers(runs, "data.test_fraction"), default=USUAL_TEST_FRACTION)
    return fraction / (1 - fraction)


def _has_test_part(runs: pd.DataFrame) -> bool:
    """Tell whether the data have a test part of their own, so that a split divides training and validation only."""
    named = [value for name in TEST_PART if name in runs.columns for value in plain(runs[name])]
    if named and None not in named:
        return True
    return "data.val_fraction" in runs.columns and not _numbers(runs, "data.test_fraction")


def _numbers(runs: pd.DataFrame, name: str) -> list[float]:
    values = plain(runs[name]) if name in runs.columns else []
    return [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
