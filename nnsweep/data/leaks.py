"""Leaks: rows that are in the training part and, the same in every feature, in the part that measures it.

A network that has learned them by heart is measured too well. Rows are compared by hashes, 64 bits each, so that a
million rows take a second; two different rows are taken for equal once in 10^7 such tables.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nnsweep.data.splits import Rows
from nnsweep.mlp.arrays import IntArray

if TYPE_CHECKING:
    import pandas as pd


class Leak(NamedTuple):
    """How many rows of a part are in the training part, too.

    Attributes
    ----------
    n_same : int
        With the same label.
    n_contrary : int
        With other labels only.
    n_rows : int
        Of all rows of the part.
    """

    n_same: int
    n_contrary: int
    n_rows: int

    @property
    def n_leaked(self) -> int:
        """How many, whatever their label."""
        return self.n_same + self.n_contrary


def leaks(frame: "pd.DataFrame", y: IntArray, parts: Mapping[str, Rows]) -> dict[str, Leak]:
    """Count the rows of each part that are in the training part, too.

    Parameters
    ----------
    frame : DataFrame of n_rows rows
        Features before preparation; two gaps are the same.
    y : ndarray of shape (n_rows,)
        Class numbers.
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
    >>> leaks(table, np.array([0, 1, 0, 0, 1]), {"train": np.array([0, 1]), "test": np.array([2, 3, 4])})
    {'test': Leak(n_same=1, n_contrary=1, n_rows=3)}
    """
    from pandas.util import hash_pandas_object

    rows = hash_pandas_object(frame, index=False).to_numpy()
    labelled = rows + (y.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)  # an odd number: no class
    train = parts["train"]  # is lost when it wraps around
    found = {}
    for name, its in parts.items():
        if name != "train":
            same = np.isin(labelled[its], labelled[train])
            contrary = np.isin(rows[its], rows[train]) & ~same
            found[name] = Leak(int(same.sum()), int(contrary.sum()), len(its))
    return found


def told(found: Mapping[str, Leak]) -> str:
    """Say in a line what leaks; nothing if nothing does.

    Examples
    --------
    >>> told({"test": Leak(n_same=2, n_contrary=1, n_rows=30)})
    'in the training part too: 3 of 30 test rows (1 with another label); accuracies may be too good'
    """
    names = {"val": "validation", "test": "test"}
    said = [
        f"{leak.n_leaked:,} of {leak.n_rows:,} {names[part]} rows"
        + (f" ({leak.n_contrary:,} with another label)" if leak.n_contrary else "")
        for part, leak in found.items()
        if leak.n_leaked
    ]
    return f"in the training part too: {', '.join(said)}; accuracies may be too good" if said else ""
