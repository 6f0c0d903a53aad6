"""Leaks: rows that are in the training part and in another part, too.

A network that has learned such rows by heart is measured too well. They are counted in the rows as they were before any
preparation, and told, not removed.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nnsweep.data.split import PART_NAMES, Rows
from nnsweep.mlp.arrays import Targets, Task

if TYPE_CHECKING:
    import pandas as pd


class Leak(NamedTuple):
    """How many rows of a part are in the training part, too.

    Attributes
    ----------
    n_same : int
        With the same label or the same targets.
    n_contrary : int
        With others only.
    n_rows : int
        Of all rows of the part.
    """

    n_same: int
    n_contrary: int
    n_rows: int

    @property
    def n_leaked(self) -> int:
        """How many, whatever their labels or targets."""
        return self.n_same + self.n_contrary


def count_leaks(frame: "pd.DataFrame", y: Targets, parts: Mapping[str, Rows]) -> dict[str, Leak]:
    """Count the rows of each part that are, the same in every feature, in the training part, too.

    A network that has learned them by heart is measured too well. Rows are compared by hashes of 64 bits, so that a
    million rows take a second; two different rows are taken for equal once in 10^7 such tables.

    Parameters
    ----------
    frame : DataFrame of n_rows rows
        Features before preparation; two gaps are the same.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Class numbers, labels or targets.
    parts : mapping of str to ndarray
        Row numbers by part; ``train`` is one of them.

    Returns
    -------
    dict
        By the other parts.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"x": [1.0, 2.0, 1.0, 2.0, 3.0]})
    >>> count_leaks(table, np.array([0, 1, 0, 0, 1]), {"train": np.array([0, 1]), "test": np.array([2, 3, 4])})
    {'test': Leak(n_same=1, n_contrary=1, n_rows=3)}
    """
    import pandas as pd
    from pandas.util import hash_pandas_object

    targets = y if y.ndim == 1 else hash_pandas_object(pd.DataFrame(y), index=False).to_numpy()
    rows = hash_pandas_object(frame, index=False).to_numpy()
    # an odd factor: no class is lost when the product wraps around
    labelled = rows + (targets.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    train = parts["train"]
    leaks = {}
    for name, its in parts.items():
        if name != "train":
            same = np.isin(labelled[its], labelled[train])
            contrary = np.isin(rows[its], rows[train]) & ~same
            leaks[name] = Leak(int(same.sum()), int(contrary.sum()), len(its))
    return leaks


def describe_leaks(leaks: Mapping[str, Leak], task: Task = "classification") -> str:
    """Say in a line what leaks; nothing if nothing does.

    Parameters
    ----------
    leaks : mapping of str to Leak
        By part.
    task : Task
        What is learned, which decides on the words.

    Examples
    --------
    >>> describe_leaks({"test": Leak(n_same=2, n_contrary=1, n_rows=30)})
    'in the training part too: 3 of 30 test rows (1 with another label); accuracies may be too good'
    """
    another, measured = {
        "classification": ("another label", "accuracies"),
        "multilabel": ("other labels", "results"),
        "regression": ("other targets", "results"),
    }[task]
    counts = [
        f"{leak.n_leaked:,} of {leak.n_rows:,} {PART_NAMES[part]} rows"
        + (f" ({leak.n_contrary:,} with {another})" if leak.n_contrary else "")
        for part, leak in leaks.items()
        if leak.n_leaked
    ]
    return f"in the training part too: {', '.join(counts)}; {measured} may be too good" if counts else ""
