"""A split: which rows of a data set are for training, which for validation and which for the test.

The parts are drawn by class with a seed of their own, or whatever the targets are where there are no classes; or one of
several folds is the test part, or the table itself assigns each row to a part. Rows of one group stay together. A split
depends on the labels, never on the features nor on a training seed, so all jobs of a sweep see the same parts.
scikit-learn is imported where it is used: reading the configuration must not cost the seconds of its import.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction as Ratio
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples, IntArray
from nnsweep.mlp.choices import Fraction, Index, Range
from nnsweep.text import printable, shorten

OpenFraction = Annotated[float, Range(gt=0, lt=1)]
Seed = Annotated[int, Range(ge=0, lt=2**32)]
FoldCount = Annotated[int, Range(ge=2, le=1000)]
Rows: TypeAlias = NDArray[np.intp]
PART_NAMES = {"train": "training", "val": "validation", "test": "test"}
"""The parts, and what to call them in a sentence."""
_MOST_PIECES = 20
"""Groups are dealt into at most so many pieces, of which some become a part: fractions are kept to a twentieth."""


@dataclass(frozen=True, kw_only=True)
class PartSettings:
    """How large the parts of a data set are.

    Attributes
    ----------
    test_fraction : float
        Part of all rows that becomes the test part.
    val_fraction : float
        Part of the other rows that becomes the validation part; 0 for none.
    split_seed : int
        Which of the possible splits, the same for every training seed.
    """

    test_fraction: OpenFraction = 0.2
    val_fraction: Fraction = 0.2
    split_seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class SplitSettings(PartSettings):
    """How a table is split; `test_fraction` counts if the test part is neither a fold nor written in the table.

    Attributes
    ----------
    fold : int or None
        The test part is this one of `n_folds` parts, from 0; None for `test_fraction`.
    n_folds : int
        How many folds there are.
    rare : {"refuse", "drop", "other"} or None
        What becomes of classes that have too few rows for that; None to refuse them, too.
    """

    fold: Index | None = None
    n_folds: FoldCount = 5
    rare: Literal["refuse", "drop", "other"] | None = None

    def count_fewest(self, part: NDArray[Any] | None = None) -> int:
        """Count the rows that a class must have in order to be in every part.

        Parameters
        ----------
        part : ndarray of shape (n_rows,) or None
            The part of every row, where the table says it itself; the rows of the training part are counted then.
        """
        n_left = 2 if self.val_fraction else 1  # one to learn from, and one to validate with
        if part is not None:
            return 1 if (part == "val").any() else n_left
        share = self.test_fraction if self.fold is None else 1 / self.n_folds
        n_rows = 2 if self.fold is None else self.n_folds
        while n_rows - math.ceil(n_rows * share) < n_left:
            n_rows += 1
        return n_rows


class Labels(NamedTuple):
    """What is split.

    Attributes
    ----------
    y : ndarray of shape (n_rows,)
        Class numbers; 0 where there are no classes.
    class_names : sequence
        The classes; empty where there are none.
    groups : ndarray of shape (n_rows,) or None
        Rows with the same value stay together.
    unit : {"row", "sample"}
        What messages call them: rows of somebody's own table, in which classes may be rare, or samples, of which every
        drawn part must have all classes.
    """

    y: IntArray
    class_names: Sequence[Any]
    groups: NDArray[Any] | None = None
    unit: Literal["row", "sample"] = "row"

    @classmethod
    def of_rows(
        cls, n_rows: int, groups: NDArray[Any] | None = None, *, unit: Literal["row", "sample"] = "row"
    ) -> "Labels":
        """Make those of rows without classes, which are drawn whatever their targets are."""
        return cls(np.zeros(n_rows, dtype=np.int64), (), groups, unit)

    @property
    def has_classes(self) -> bool:
        """Whether there are classes to draw by."""
        return len(self.class_names) > 0

    def take(self, rows: Rows) -> "Labels":
        """Give the labels of some rows."""
        return self._replace(y=self.y[rows], groups=None if self.groups is None else self.groups[rows])

    def count_classes(self, rows: Rows | slice = slice(None)) -> IntArray:
        """Count the rows of each class, (n_classes,), all rows or some."""
        return np.bincount(self.y[rows], minlength=len(self.class_names))

    def quote(self, number: int) -> str:
        """Write the name of a class for a message, as Python would: a number has no quotes."""
        name = self.class_names[number]
        return _quoted(name) if isinstance(name, str) else str(name)


class Split(NamedTuple):
    """The rows of each part, (n_rows,) in all, every row in one; `val` is None if there is no such part."""

    train: Rows
    val: Rows | None
    test: Rows

    @property
    def parts(self) -> dict[str, Rows]:
        """The parts that exist."""
        return {name: rows for name, rows in self._asdict().items() if rows is not None}


def split_rows(
    labels: Labels, settings: SplitSettings, *, part: NDArray[Any] | None = None, part_key: str = "data.split"
) -> Split:
    """Split the rows of a data set.

    Parameters
    ----------
    labels : Labels
        Class, and group, of every row.
    settings : SplitSettings
        What is asked for; a fold must be below `n_folds`.
    part : ndarray of shape (n_rows,) or None
        ``train``, ``val`` or ``test`` for every row, where the table says so itself. If it names no row for validation,
        `val_fraction` of the training rows are taken.
    part_key : str
        The setting by which it does.

    Returns
    -------
    Split
        Without groups, every class is in every drawn part in proportion; with groups, as nearly as groups allow. Rows
        without classes are drawn as scikit-learn's `train_test_split` and `KFold` draw them.

    Raises
    ------
    DataError
        If a part or a class would be missing where it is needed.
    """
    if part is not None:
        split = _read_parts(part, labels, settings, part_key)
    elif settings.fold is not None:
        if settings.fold >= settings.n_folds:
            raise DataError(
                f"data.fold={settings.fold}: must be below data.n_folds={settings.n_folds}; folds count from 0"
            )
        _require_members(labels, settings.n_folds, f"data.n_folds={settings.n_folds}")
        folds = _deal(labels, settings.n_folds, settings.split_seed)
        split = Split(np.flatnonzero(folds != settings.fold), None, np.flatnonzero(folds == settings.fold))
    else:
        rest, test = draw_part(labels, settings.test_fraction, settings.split_seed, "data.test_fraction")
        assert test is not None, "test_fraction is positive"
        split = Split(rest, None, test)
    _require_learnable(split, labels)
    if split.val is None and settings.val_fraction:
        rest = split.train
        train, val = draw_part(labels.take(rest), settings.val_fraction, settings.split_seed, "data.val_fraction")
        split = split._replace(train=rest[train], val=rest[val])
        _require_learnable(split, labels)
    return split


def draw_part(labels: Labels, fraction: Fraction, seed: Seed, key: str) -> tuple[Rows, Rows | None]:
    """Draw a part by class; with groups, of pieces that whole groups are dealt into by class.

    Parameters
    ----------
    labels : Labels
        What is split.
    fraction : float
        Size of the part as a fraction of all rows; 0 for no part.
    seed : int
        Which of the possible parts.
    key : str
        The setting that asks for the fraction, for messages.

    Returns
    -------
    rest, part : ndarray of shape (n_rest,), ndarray of shape (n_part,) or None
        Every row is in exactly one of them; without a part, the rest is all rows in their order.

    Raises
    ------
    DataError
        If there are too few rows, groups or rows of a class; for samples, if a class would be missing from either.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(labels.y))
    if fraction == 0:
        return rows, None
    _require_members(labels, 2, f"{key}={fraction}")
    ways_out = f"bring {key} nearer to 0.5, "
    ways_out += (
        f"take more {labels.unit}s or set it to 0" if key.endswith("val_fraction") else f"or take more {labels.unit}s"
    )
    n_part, n_classes = math.ceil(fraction * len(rows)), np.count_nonzero(labels.count_classes())
    if (smaller := min(n_part, len(rows) - n_part)) < n_classes:  # groups are counted when they have been dealt
        fewer = f", fewer than the {n_classes:,} classes" if labels.has_classes else ""
        raise DataError(
            f"{key}={fraction} of {len(rows):,} {labels.unit}s leaves a part of {smaller}{fewer}; {ways_out}"
        )
    if labels.groups is None:
        stratify = labels.y if labels.has_classes else None
        rest, part = train_test_split(rows, test_size=fraction, random_state=seed, stratify=stratify)
    else:
        most = min(_MOST_PIECES, len(set(labels.groups.tolist())), int(labels.count_classes().max()))
        near = Ratio(fraction).limit_denominator(most)
        n_pieces = near.denominator if 0 < near < 1 else most
        is_part = _deal(labels, n_pieces, seed) < min(max(near.numerator, 1), n_pieces - 1)
        rest, part = np.flatnonzero(~is_part), np.flatnonzero(is_part)
    if labels.unit == "sample":
        lost = (labels.count_classes(rest) == 0) ^ (labels.count_classes(part) == 0)
        if lost.any():
            name = labels.quote(int(lost.argmax()))
            raise DataError(f"{key}={fraction} leaves a part without class {name}; {ways_out}")
    return rest, part


def take_rows(examples: Examples, rows: Rows) -> Examples:
    """Take those rows of the examples, in that order."""
    return Examples(examples.X[rows], examples.y[rows], None if examples.weight is None else examples.weight[rows])


def split_by_order(ranks: IntArray, settings: SplitSettings) -> NDArray[Any]:
    """Split rows by their order: the last are tested, those before them are for validation.

    Parameters
    ----------
    ranks : ndarray of shape (n_rows,)
        Where each row stands; rows with the same rank stay together.
    settings : SplitSettings
        Its `test_fraction` and `val_fraction`, which are met as nearly as equal ranks allow.

    Returns
    -------
    ndarray of shape (n_rows,)
        ``train``, ``val`` or ``test``.

    Raises
    ------
    DataError
        If too few ranks differ, or folds are asked for.

    Examples
    --------
    >>> split_by_order(np.array([3, 1, 1, 2, 5, 4]), SplitSettings(test_fraction=0.3, val_fraction=0.2)).tolist()
    ['val', 'train', 'train', 'train', 'test', 'test']
    """
    _refuse_fold(settings, "data.split_by")
    ordered = np.sort(ranks)
    part = np.full(len(ranks), "train", dtype=object)
    first = len(ranks)
    for name, fraction in (("test", settings.test_fraction), ("val", settings.val_fraction)):
        if not fraction:
            continue
        starts = 1 + np.flatnonzero(np.diff(ordered[:first]))
        if not len(starts):
            raise DataError(
                f"data.split_by: too few values differ to make a {PART_NAMES[name]} part; choose another column, or "
                f"{'data.val_fraction=0' if name == 'val' else 'leave data.split_by out'}"
            )
        before, first = first, int(starts[np.abs(starts - first * (1 - fraction)).argmin()])
        part[(ranks >= ordered[first]) & (ranks <= ordered[before - 1])] = name
    return part


def describe_split(split: Split, labels: Labels, settings: SplitSettings) -> Iterator[str]:
    """Say in lines how large the parts are and how the classes are distributed over them.

    Parameters
    ----------
    split : Split
        The rows of each part.
    labels : Labels
        What was split.
    settings : SplitSettings
        What was asked for.
    """
    sizes = [f"{PART_NAMES[name]} {len(rows):,}" for name, rows in split.parts.items()]
    what = "parts" if settings.fold is None else f"fold {settings.fold} of {settings.n_folds}"
    yield f"{what}: {', '.join(sizes)} rows{_describe_groups(split, labels)}"
    for name, rows in split.parts.items():
        absent = np.flatnonzero(labels.count_classes(rows) == 0)
        if len(absent):
            more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
            classes = ", ".join(map(labels.quote, absent[:5]))
            yield f"WARNING: {what}: the {PART_NAMES[name]} part has no row of class {classes}{more}"


def _describe_groups(split: Split, labels: Labels) -> str:
    """Say how many groups were kept together, and how uneven that leaves the classes."""
    if labels.groups is None:
        return ""
    kept = f"; {len(set(labels.groups.tolist())):,} groups kept together"
    if not labels.has_classes:
        return kept
    whole = labels.count_classes() / len(labels.y)
    shares = {name: labels.count_classes(rows) / len(rows) for name, rows in split.parts.items()}
    name = max(shares, key=lambda one: float(np.abs(shares[one] - whole).max()))
    number = int(np.argmax(np.abs(shares[name] - whole)))
    return (
        f"{kept}, which leaves class {labels.quote(number)} with {shares[name][number]:.1%} of the {PART_NAMES[name]} "
        f"part, {whole[number]:.1%} of all"
    )


def _read_parts(part: NDArray[Any], labels: Labels, settings: SplitSettings, key: str) -> Split:
    """Take the parts that the table names."""
    import pandas as pd

    _refuse_fold(settings, key)
    train, val, test = (np.flatnonzero(part == name) for name in PART_NAMES)
    for name, rows in (("train", train), ("test", test)):
        if not len(rows):
            raise DataError(f"{key}: no row is of the {name} part; there must be rows for train and test")
    if labels.groups is not None:
        n_parts = pd.Series(part).groupby(labels.groups).nunique()
        if torn := n_parts[n_parts > 1].index.tolist():
            raise DataError(
                f"{key}: {len(torn)} groups of data.group are in more than one part, the first is {_quoted(torn[0])}; "
                f"mend the column, or leave data.group or {key} out"
            )
    return Split(train, val if len(val) else None, test)


def _refuse_fold(settings: SplitSettings, key: str) -> None:
    if settings.fold is not None:
        raise DataError(f"data.fold={settings.fold}: {key} names the test rows already; leave one of them out")


def _deal(labels: Labels, n_folds: int, seed: int) -> Rows:
    """Deal all rows into folds by class, whole groups where there are any; give the number of each row's, (n_rows,)."""
    from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

    folds = np.empty(len(labels.y), dtype=np.intp)
    ungrouped = StratifiedKFold if labels.has_classes else KFold
    kind = ungrouped if labels.groups is None else StratifiedGroupKFold
    splitter = kind(n_splits=n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer groups than folds: `describe_split` says what came of it
        for number, (_, part) in enumerate(splitter.split(labels.y, labels.y, labels.groups)):
            folds[part] = number
    return folds


def _require_members(labels: Labels, n_members: int, setting: str) -> None:
    """Refuse classes with fewer rows, and tables with fewer groups, than a split needs."""
    counts = labels.count_classes()
    few = [number for number in np.argsort(counts, kind="stable").tolist() if 0 < counts[number] < n_members]
    if few:
        there = f"one {labels.unit}" if counts[few[0]] == 1 else f"{counts[few[0]]} {labels.unit}s"
        more = f" (others have too few, {len(few)} classes in all)" if len(few) > 1 else ""
        way_out = "take more samples" if labels.unit == "sample" else "add rows, or choose data.rare=drop or other"
        if labels.unit == "row" and all(map(_is_number, labels.class_names)):
            way_out += ", or data.task=regression if they are quantities"
        if not labels.has_classes:
            raise DataError(f"{setting}: the table has {there}, this needs {n_members}; take more {labels.unit}s")
        raise DataError(f"{setting}: class {labels.quote(few[0])} has {there}, this needs {n_members}{more}; {way_out}")
    n_groups = n_members if labels.groups is None else len(set(labels.groups.tolist()))
    if n_groups < n_members:
        there = "one group" if n_groups == 1 else f"{n_groups} groups"
        raise DataError(f"{setting}: data.group names {there}, this needs {n_members}; choose another column")


def _require_learnable(split: Split, labels: Labels) -> None:
    """Refuse a split in which a part is empty, or a class cannot be learned."""
    for name, rows in split.parts.items():
        if not len(rows):
            raise DataError(
                f"no row is left for the {name} part: there are too few groups; choose another data.split_seed"
            )
    unlearned = np.flatnonzero((labels.count_classes(split.train) == 0) & (labels.count_classes() > 0))
    if len(unlearned):
        more = f", nor are {len(unlearned) - 1} more" if len(unlearned) > 1 else ""
        why = "its rows are of few groups; " if labels.groups is not None else ""
        raise DataError(
            f"class {labels.quote(unlearned[0])} is not in the training part{more}: it cannot be learned; {why}choose "
            "another data.split_seed, other parts, or data.rare=drop"
        )


def _is_number(name: object) -> bool:
    try:
        return math.isfinite(float(str(name)))
    except ValueError:
        return False


def _quoted(name: object) -> str:
    return f"'{printable(shorten(str(name)))}'"
