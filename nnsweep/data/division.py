"""A division: which rows of a table are for training, validation and test.

It is drawn by class and by its own seed, or one of several folds, or written in the table; rows of one group are never
divided. It depends on the labels and never on the features, nor on a training seed.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction as Ratio
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.splits import OpenFraction, Rows, Seed
from nnsweep.errors import DataError
from nnsweep.messages import shortened, visible
from nnsweep.mlp.arrays import IntArray
from nnsweep.mlp.ranges import Fraction, Index, Range

FoldCount = Annotated[int, Range(ge=2, le=1000)]

_NAMES = {"train": "training", "val": "validation", "test": "test"}
_MOST_PIECES = 20
"""Into how many pieces groups are dealt, of which some become a part: fractions are kept to a twentieth or better."""


@dataclass(frozen=True, kw_only=True)
class Dividing:
    """How a table is divided.

    Attributes
    ----------
    test_fraction : float
        Part of all rows that becomes the test part, if it is neither a fold nor written in the table.
    val_fraction : float
        Part of the other rows that becomes the validation part; 0 for none.
    split_seed : int
        Which of the possible divisions, the same for every training seed.
    fold : int or None
        The test part is this one of `n_folds` parts, from 0; None for `test_fraction`.
    n_folds : int
        How many folds there are.
    rare : {"refuse", "drop", "other"} or None
        What becomes of classes that have too few rows for that; None to refuse them, too.
    """

    test_fraction: OpenFraction = 0.2
    val_fraction: Fraction = 0.2
    split_seed: Seed = 0
    fold: Index | None = None
    n_folds: FoldCount = 5
    rare: Literal["refuse", "drop", "other"] | None = None


class Labels(NamedTuple):
    """What is divided.

    Attributes
    ----------
    y : ndarray of shape (n_rows,)
        Class numbers.
    class_names : sequence of str
        The classes.
    groups : ndarray of shape (n_rows,) or None
        Rows with the same value stay together.
    """

    y: IntArray
    class_names: Sequence[str]
    groups: NDArray[Any] | None = None

    def of(self, rows: Rows) -> "Labels":
        """Give those of some rows."""
        return Labels(self.y[rows], self.class_names, None if self.groups is None else self.groups[rows])


class Division(NamedTuple):
    """The rows of each part, (n_rows,) in all, every row in one; `val` is None if there is no such part."""

    train: Rows
    val: Rows | None
    test: Rows

    @property
    def parts(self) -> dict[str, Rows]:
        """The parts that exist."""
        return {name: rows for name, rows in self._asdict().items() if rows is not None}


def division(
    labels: Labels, how: Dividing, *, part: NDArray[Any] | None = None, part_key: str = "data.split"
) -> Division:
    """Divide a table.

    Parameters
    ----------
    labels : Labels
        Class, and group, of every row.
    how : Dividing
        The wishes; a fold must be below `n_folds`.
    part : ndarray of shape (n_rows,) or None
        ``train``, ``val`` or ``test`` for every row, where the table says so itself. If it names no row for validation,
        `val_fraction` of the training rows are taken.
    part_key : str
        The setting by which it does.

    Returns
    -------
    Division
        Without groups, every class is in every drawn part in proportion; with groups, as nearly as groups allow.

    Raises
    ------
    DataError
        If a part or a class would be missing where it is needed.
    """
    if part is not None:
        rest, val, test = _written(part, labels, how, part_key)
    else:
        rest, test = _tested(labels, how)
        val = None
    _require_learnable(Division(rest, val, test), labels)
    train = rest
    if val is None and how.val_fraction:
        train, val = _drawn(labels.of(rest), how.val_fraction, how.split_seed, "data.val_fraction")
        train, val = rest[train], rest[val]
    found = Division(train, val, test)
    _require_learnable(found, labels)
    return found


def told(found: Division, labels: Labels, how: Dividing) -> Iterator[str]:
    """Say in lines how large the parts are and how the classes are distributed over them.

    Parameters
    ----------
    found : Division
        What was decided.
    labels : Labels
        What was divided.
    how : Dividing
        What was wished.
    """
    sizes = [f"{_NAMES[name]} {len(rows):,}" for name, rows in found.parts.items()]
    what = "parts" if how.fold is None else f"fold {how.fold} of {how.n_folds}"
    yield f"{what}: {', '.join(sizes)} rows{_of_groups(found, labels)}"
    for name, rows in found.parts.items():
        absent = np.flatnonzero(_counts(labels, rows) == 0)
        if len(absent):
            classes = ", ".join(_shown(labels.class_names[number]) for number in absent[:5])
            more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
            yield f"WARNING: {what}: the {_NAMES[name]} part has no row of class {classes}{more}"


def _of_groups(found: Division, labels: Labels) -> str:
    """Say how many groups were kept together, and how uneven that leaves the classes."""
    if labels.groups is None:
        return ""
    whole = _counts(labels, np.arange(len(labels.y))) / len(labels.y)
    shares = {name: _counts(labels, rows) / len(rows) for name, rows in found.parts.items()}
    name = max(shares, key=lambda one: float(np.abs(shares[one] - whole).max()))
    number = int(np.argmax(np.abs(shares[name] - whole)))
    n_groups = len(set(labels.groups.tolist()))
    return (
        f"; {n_groups:,} groups kept together, which leaves class {_shown(labels.class_names[number])} with "
        f"{shares[name][number]:.1%} of the {_NAMES[name]} part, {whole[number]:.1%} of all"
    )


def _counts(labels: Labels, rows: Rows) -> IntArray:
    return np.bincount(labels.y[rows], minlength=len(labels.class_names))


def _written(part: NDArray[Any], labels: Labels, how: Dividing, key: str) -> tuple[Rows, Rows | None, Rows]:
    """Take the parts that the table names."""
    if how.fold is not None:
        raise DataError(f"data.fold={how.fold}: {key} names the test rows already; leave one of them out")
    rows = {name: np.flatnonzero(part == name) for name in ("train", "val", "test")}
    for name in ("train", "test"):
        if not len(rows[name]):
            raise DataError(f"{key}: no row is of the {name} part; there must be rows for train and test")
    if labels.groups is not None:
        _refuse_torn_groups(part, labels.groups, key)
    return rows["train"], rows["val"] if len(rows["val"]) else None, rows["test"]


def by_order(ranks: IntArray, how: Dividing) -> NDArray[Any]:
    """Divide rows by their order: the last are tested, those before them are for validation.

    Parameters
    ----------
    ranks : ndarray of shape (n_rows,)
        Where each row stands; rows with the same rank stay together.
    how : Dividing
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
    >>> by_order(np.array([3, 1, 1, 2, 5, 4]), Dividing(test_fraction=0.3, val_fraction=0.2)).tolist()
    ['val', 'train', 'train', 'train', 'test', 'test']
    """
    if how.fold is not None:
        raise DataError(f"data.fold={how.fold}: data.split_by names the test rows already; leave one of them out")
    ordered = np.sort(ranks)
    part = np.full(len(ranks), "train", dtype=object)
    first = len(ranks)
    for name, fraction in (("test", how.test_fraction), ("val", how.val_fraction)):
        if not fraction:
            continue
        starts = 1 + np.flatnonzero(np.diff(ordered[:first]))
        if not len(starts):
            raise DataError(
                f"data.split_by: too few values differ to make a {_NAMES[name]} part; choose another column, or "
                f"{'data.val_fraction=0' if name == 'val' else 'leave data.split_by out'}"
            )
        before, first = first, int(starts[np.abs(starts - first * (1 - fraction)).argmin()])
        part[(ranks >= ordered[first]) & (ranks <= ordered[before - 1])] = name
    return part


def _refuse_torn_groups(part: NDArray[Any], groups: NDArray[Any], key: str) -> None:
    import pandas as pd

    n_parts = pd.Series(part).groupby(groups).nunique()
    torn = n_parts[n_parts > 1].index.tolist()
    if torn:
        raise DataError(
            f"{key}: {len(torn)} groups of data.group are in more than one part, the first is {_shown(torn[0])}; "
            f"mend the column, or leave data.group or {key} out"
        )


def _tested(labels: Labels, how: Dividing) -> tuple[Rows, Rows]:
    """Draw the test part: a fraction of the rows, or one fold of several."""
    if how.fold is None:
        return _drawn(labels, how.test_fraction, how.split_seed, "data.test_fraction")
    if how.fold >= how.n_folds:
        raise DataError(f"data.fold={how.fold}: must be below data.n_folds={how.n_folds}; folds count from 0")
    _require_members(labels, how.n_folds, f"data.n_folds={how.n_folds}")
    folds = _folds(labels, how.n_folds, how.split_seed)
    return np.flatnonzero(folds != how.fold), np.flatnonzero(folds == how.fold)


def _drawn(labels: Labels, fraction: float, seed: int, key: str) -> tuple[Rows, Rows]:
    """Draw a part by class; with groups, of pieces that groups were dealt into by class."""
    from sklearn.model_selection import train_test_split

    _require_members(labels, 2, f"{key}={fraction:g}")
    _require_room(labels, fraction, key)
    if labels.groups is None:
        rest, part = train_test_split(
            np.arange(len(labels.y)), test_size=fraction, random_state=seed, stratify=labels.y
        )
        return rest, part
    most = min(_MOST_PIECES, len(set(labels.groups.tolist())), int(np.bincount(labels.y).max()))
    near = Ratio(fraction).limit_denominator(most)
    n_pieces = near.denominator if 0 < near < 1 else most
    n_taken = min(max(near.numerator, 1), n_pieces - 1)
    is_part = _folds(labels, n_pieces, seed) < n_taken
    return np.flatnonzero(~is_part), np.flatnonzero(is_part)


def _folds(labels: Labels, n_folds: int, seed: int) -> NDArray[np.intp]:
    """Deal all rows into folds by class, whole groups where there are any; give the number of each row's, (n_rows,)."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    folds = np.empty(len(labels.y), dtype=np.intp)
    kind = StratifiedKFold if labels.groups is None else StratifiedGroupKFold
    splitter = kind(n_splits=n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer groups than pieces: `told` says what came of it
        for number, (_, part) in enumerate(splitter.split(labels.y, labels.y, labels.groups)):
            folds[part] = number
    return folds


def _require_members(labels: Labels, n_members: int, asked: str) -> None:
    """Refuse classes with fewer rows, and tables with fewer groups, than a division needs."""
    counts = np.bincount(labels.y, minlength=len(labels.class_names))
    few = [number for number in np.argsort(counts, kind="stable").tolist() if counts[number] < n_members]
    if few:
        more = f" (others have too few, {len(few)} classes in all)" if len(few) > 1 else ""
        raise DataError(
            f"{asked}: class {_shown(labels.class_names[few[0]])} has {_rows(counts[few[0]])}, this needs {n_members}"
            f"{more}; add rows, or choose data.rare=drop or other"
        )
    n_groups = n_members if labels.groups is None else len(set(labels.groups.tolist()))
    if n_groups < n_members:
        there = "one group" if n_groups == 1 else f"{n_groups} groups"
        raise DataError(f"{asked}: data.group names {there}, this needs {n_members}; choose another column")


def _require_room(labels: Labels, fraction: float, key: str) -> None:
    """Refuse parts with fewer rows than classes; groups are counted only when they have been dealt."""
    n_rows, n_classes = len(labels.y), len(labels.class_names)
    n_part = int(np.ceil(fraction * n_rows))
    smaller = min(n_part, n_rows - n_part)
    if smaller < n_classes:
        ways_out = "take more rows or set it to 0" if key.endswith("val_fraction") else "or take more rows"
        raise DataError(
            f"{key}={fraction:g} of {n_rows:,} rows leaves a part of {smaller}, fewer than the {n_classes:,} classes; "
            f"bring {key} nearer to 0.5, {ways_out}"
        )


def _require_learnable(found: Division, labels: Labels) -> None:
    """Refuse a division in which a class that is asked for cannot be learned."""
    counts = {
        name: np.bincount(labels.y[rows], minlength=len(labels.class_names)) for name, rows in found.parts.items()
    }
    for name in (name for name, rows in found.parts.items() if not len(rows)):
        raise DataError(f"no row is left for the {name} part: there are too few groups; choose another data.split_seed")
    unlearned = np.flatnonzero((counts["train"] == 0) & (sum(counts.values()) > 0))
    if len(unlearned):
        more = f", nor are {len(unlearned) - 1} more" if len(unlearned) > 1 else ""
        why = "its rows are of few groups; " if labels.groups is not None else ""
        raise DataError(
            f"class {_shown(labels.class_names[unlearned[0]])} is not in the training part{more}: it cannot be "
            f"learned; {why}choose another data.split_seed, other parts, or data.rare=drop"
        )


def _rows(count: int) -> str:
    return "one row" if count == 1 else f"{count} rows"


def _shown(name: object) -> str:
    return f"'{visible(shortened(str(name)))}'"
