"""The labels of a table: classes of any type as the names they will have, and what no classifier can be trained on."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsweep.data.reading.header import NUMBER
from nnsweep.data.reading.problems import list_first, show_name, show_value
from nnsweep.errors import DataError

MOST_CLASSES = 10_000
_FEW_ROWS = 20


def name_classes(texts: NDArray[Any]) -> NDArray[Any]:
    """Give labels the names of their classes.

    Parameters
    ----------
    texts : ndarray of shape (n_rows,)
        Labels as they are written, None where missing.

    Returns
    -------
    ndarray of shape (n_rows,)
        If all are whole numbers, their fractions of zero are left out: 1, 1.0 and +1 are one class. Numbers
        such as 007 are codes and stay as they are.

    Examples
    --------
    >>> name_classes(np.array(["0.0", "1.0", "1"], dtype=object)).tolist()
    ['0', '1', '1']
    >>> name_classes(np.array(["0.0", "many"], dtype=object)).tolist()
    ['0.0', 'many']
    """
    levels = [level for level in dict.fromkeys(texts.tolist()) if level is not None]
    is_code = any(re.match(r"[+-]?0[0-9]", level) for level in levels)
    if is_code or not all(re.fullmatch(NUMBER, level) for level in levels):
        return texts
    names = {level: _number_name(level) for level in levels} | {None: None}
    return np.array([names[text] for text in texts.tolist()], dtype=object)


def _number_name(level: str) -> str:
    whole = re.fullmatch(r"\+?(-?[0-9]+)(?:\.0*)?", level)
    if whole:
        return "0" if whole[1] == "-0" else whole[1]
    value = float(level)
    if not math.isfinite(value):
        return level
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def check_classes(labels: NDArray[Any], *, source: str, target: str, lost: Sequence[str] = ()) -> list[str]:
    """Check that there is something to tell apart, and say what there is.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        Names of classes.
    source, target : str
        What table and column to call them by.
    lost : sequence of str
        Lines about labels that were taken for missing ones, to be told if too few classes are left.

    Returns
    -------
    list of str
        Lines to tell: how many classes, of what sizes; which have one row alone.

    Raises
    ------
    DataError
        If there is one class only, or nearly as many classes as rows.
    """
    sizes = Counter(labels.tolist())
    place = f"{show_name(source)}: label {show_name(target)}"
    if len(sizes) == 1:
        raise DataError(
            f"{place}: all {len(labels):,} rows are {show_value(labels[0])}; there must be two classes or more",
            *(f"{place}: {line.removeprefix('WARNING: ')}" for line in lost),
        )
    if len(sizes) > MOST_CLASSES or (len(labels) > _FEW_ROWS and 2 * len(sizes) > len(labels)):
        raise DataError(
            f"{place}: {len(sizes):,} different values in {len(labels):,} rows are no classes (at "
            f"most {MOST_CLASSES:,}, and two rows of each on average); choose another data.target, or group the values"
        )
    largest = [f"{name} {size:,}" for name, size in sizes.most_common()]
    lonely = [name for name, size in sizes.items() if size == 1]
    told = [
        f"label {show_name(target)}: {len(sizes):,} classes in {len(labels):,} rows "
        f"({list_first(largest, len(largest))})"
    ]
    if lonely:
        told.append(
            f"WARNING: {len(lonely):,} classes have one row alone, which cannot be in training and test part both: "
            f"{list_first(lonely, len(lonely))}"
        )
    return told
