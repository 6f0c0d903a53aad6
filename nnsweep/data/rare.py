"""Rare classes: those with fewer rows than a division needs, left out or taken together if somebody says so."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nnsweep.data.division import Dividing
from nnsweep.data.reading.table_columns import Understood
from nnsweep.data.reading.table_problems import listing
from nnsweep.errors import DataError

OTHER = "other"
"""The class of all rare ones together."""


def without_rare(rows: Understood, how: Dividing) -> Understood:
    """Leave out the rows of rare classes, or give them one class together, as `Dividing.rare` has it.

    Parameters
    ----------
    rows : Understood
        A table.
    how : Dividing
        How it will be divided.

    Returns
    -------
    Understood
        With a line that tells what was done.

    Raises
    ------
    DataError
        If the rare classes together are still rare.
    """
    if how.rare not in ("drop", OTHER):
        return rows
    n_fewest = fewest_rows(rows, how)
    sizes = _sizes(rows)
    rare = sorted((name for name, size in sizes.items() if size < n_fewest), key=lambda name: (sizes[name], name))
    if not rare:
        return rows
    is_rare = np.isin(rows.labels, rare)
    counts = listing((f"{name} {sizes[name]:,}" for name in rare), len(rare))
    where = " in the training part" if rows.part is not None else ""
    told = f"rare classes, with fewer than {n_fewest} rows{where}: {counts}; "
    if how.rare == "drop":
        return _kept(rows, ~is_rare, told + f"their {int(is_rare.sum()):,} rows are left out")
    labels = rows.labels.copy()
    labels[is_rare] = OTHER
    merged = replace(rows, labels=labels, told=[*rows.told, told + f"they are one class, {OTHER!r}"])
    if (size := _sizes(merged)[OTHER]) < n_fewest:
        raise DataError(
            f"data.rare=other: the rare classes ({counts}) have {size} rows together{where}, this needs {n_fewest}; "
            "data.rare=drop leaves them out"
        )
    return merged


def fewest_rows(rows: Understood, how: Dividing) -> int:
    """Count the rows that a class needs in order to be in every part, those of the training part where it is given.

    Two are needed of what is divided, and one for each fold.
    """
    n_left = 2 if how.val_fraction else 1
    if rows.part is not None:
        return 1 if (rows.part == "val").any() else n_left
    share = how.test_fraction if how.fold is None else 1 / how.n_folds
    n_rows = 2 if how.fold is None else how.n_folds
    while n_rows - math.ceil(n_rows * share) < n_left:
        n_rows += 1
    return n_rows


def _sizes(rows: Understood) -> Mapping[str, int]:
    counted = rows.labels if rows.part is None else rows.labels[rows.part == "train"]
    return {**dict.fromkeys(rows.labels.tolist(), 0), **Counter(counted.tolist())}


def _kept(rows: Understood, keep: np.ndarray, told: str) -> Understood:
    return replace(
        rows,
        frame=rows.frame[keep].reset_index(drop=True),
        labels=rows.labels[keep],
        groups=None if rows.groups is None else rows.groups[keep],
        part=None if rows.part is None else rows.part[keep],
        rows=rows.rows[keep],
        told=[*rows.told, told],
    )
