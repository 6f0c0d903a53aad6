"""A data set: its parts in one common form, the hashes that identify them, and how many rows leak from part to part.

Features are float32 or float64, C-contiguous or CSR with sorted 32-bit indices; labels are int64 class numbers. None
of the arrays can be written to, so that a job cannot spoil the data of the next.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnsweep.data.preparation import Preparation
from nnsweep.data.split import PART_NAMES, Rows
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples, Features, IntArray, Task
from nnsweep.mlp.batches import feature_scale
from nnsweep.mlp.choices import Choices

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


def count_leaks(frame: "pd.DataFrame", y: IntArray, parts: Mapping[str, Rows]) -> dict[str, Leak]:
    """Count the rows of each part that are, the same in every feature, in the training part, too.

    A network that has learned them by heart is measured too well. Rows are compared by hashes of 64 bits, so that a
    million rows take a second; two different rows are taken for equal once in 10^7 such tables.

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
    >>> count_leaks(table, np.array([0, 1, 0, 0, 1]), {"train": np.array([0, 1]), "test": np.array([2, 3, 4])})
    {'test': Leak(n_same=1, n_contrary=1, n_rows=3)}
    """
    from pandas.util import hash_pandas_object

    rows = hash_pandas_object(frame, index=False).to_numpy()
    # an odd factor: no class is lost when the product wraps around
    labelled = rows + (y.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    train = parts["train"]
    leaks = {}
    for name, its in parts.items():
        if name != "train":
            same = np.isin(labelled[its], labelled[train])
            contrary = np.isin(rows[its], rows[train]) & ~same
            leaks[name] = Leak(int(same.sum()), int(contrary.sum()), len(its))
    return leaks


def describe_leaks(leaks: Mapping[str, Leak]) -> str:
    """Say in a line what leaks; nothing if nothing does.

    Examples
    --------
    >>> describe_leaks({"test": Leak(n_same=2, n_contrary=1, n_rows=30)})
    'in the training part too: 3 of 30 test rows (1 with another label); accuracies may be too good'
    """
    counts = [
        f"{leak.n_leaked:,} of {leak.n_rows:,} {PART_NAMES[part]} rows"
        + (f" ({leak.n_contrary:,} with another label)" if leak.n_contrary else "")
        for part, leak in leaks.items()
        if leak.n_leaked
    ]
    return f"in the training part too: {', '.join(counts)}; accuracies may be too good" if counts else ""


def make_part(part: str, examples: Examples, *, n_classes: int) -> Examples:
    """Bring examples into the common form; arrays that have it already are shared, not copied.

    Parameters
    ----------
    part : str
        What to call them in a message: ``train``, ``val`` or ``test``.
    examples : Examples
        Features of shape (n_samples, n_features), labels of shape (n_samples,).
    n_classes : int
        Labels must be smaller than this.

    Returns
    -------
    settled : Examples
        Read-only arrays of the same shapes.

    Raises
    ------
    DataError
        If the shapes do not fit, a feature is not finite or a label is no class number.
    """
    X, y = _features(examples.X), np.asarray(examples.y)
    for problem in _problems(X, y, n_classes):
        raise DataError(f"the {part} part cannot be used: {problem}")
    return Examples(X, _read_only(y, np.int64))


def _problems(X: Features, y: NDArray[Any], n_classes: int) -> list[str]:
    stored = X if isinstance(X, np.ndarray) else X.data
    rules = {
        f"features of shape {X.shape} do not fit labels of shape {y.shape}": X.ndim != 2 or y.shape != X.shape[:1],
        "it has no features": X.ndim == 2 and X.shape[1] == 0,
        "a feature is infinite or not a number": not np.isfinite(stored).all(),
        f"labels must be integers, got {y.dtype}": y.dtype.kind not in "iu",
    }
    broken = [problem for problem, is_broken in rules.items() if is_broken]
    if not broken and y.size and not 0 <= y.min() <= y.max() < n_classes:
        broken.append(f"labels from {y.min()} to {y.max()}, expected 0 to {n_classes - 1}")
    return broken


def _features(X: Features) -> Features:
    dtype = np.float32 if X.dtype == np.float32 else np.float64
    if not hasattr(X, "tocsr"):
        return _read_only(np.asarray(X), dtype)
    from scipy.sparse import csr_array  # not above: dense features need none of it

    rows = csr_array(X)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    arrays = (_read_only(rows.data, dtype), _read_only(rows.indices, np.int32), _read_only(rows.indptr, np.int32))
    return csr_array(arrays, shape=rows.shape)


def _read_only(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    # A view, so that the flag is not set on an array that somebody else owns.
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.setflags(write=False)
    return view


def hash_parts(parts: Mapping[str, Examples]) -> str:
    """Hash examples: SHA-256, in hexadecimal, of every part's name, shapes, types and values.

    Parameters
    ----------
    parts : mapping of str to Examples
        Contiguous features (n_samples, n_features), dense or CSR, and labels (n_samples,), by part. Bytes are hashed in
        little-endian order, so that the hash is the same on every machine.
    """
    sha = hashlib.sha256()
    for part, (X, y, weight) in parts.items():
        arrays: dict[str, NDArray[Any]]
        if isinstance(X, np.ndarray):
            arrays = {"X": X, "y": y}
        else:
            arrays = {"X.shape": np.array(X.shape, dtype=np.int64), "X.data": X.data, "X.indices": X.indices}
            arrays |= {"X.indptr": X.indptr, "y": y}
        if weight is not None:
            arrays["weight"] = weight
        for field, array in arrays.items():
            little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
            sha.update(f"{part}.{field} {array.shape} {little_endian.dtype.str}\n".encode())
            sha.update(little_endian.data)
    return sha.hexdigest()


EXAMPLE_ROWS = 3
"""Rows that show what a model takes."""


class Example(NamedTuple):
    """A few rows of the test part as they were before they were prepared, in JSON's values.

    Attributes
    ----------
    columns : list of str
        Their names.
    rows : list of list
        The cells of each row: numbers, texts, truth values, and None for what is missing.
    """

    columns: list[str]
    rows: list[list[Any]]

    @classmethod
    def of_frame(cls, frame: "pd.DataFrame") -> Self:
        """Take them from the first rows of a frame."""

        def make_plain(cell: Any) -> Any:
            plain = cell.item() if isinstance(cell, np.generic) else cell
            return None if isinstance(plain, float) and math.isnan(plain) else plain

        cells = frame.iloc[:EXAMPLE_ROWS].astype(object).to_numpy().tolist()
        return cls([*map(str, frame.columns)], [[make_plain(cell) for cell in row] for row in cells])

    def frame(self) -> "pd.DataFrame":
        """Give them as a frame."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=self.columns)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples in up to three parts; every array is in the common form and read-only.

    Attributes
    ----------
    name : str
        The data set's name, such as ``digits``.
    train : Examples
        Training part: features (n_samples, n_features), labels (n_samples,).
    val : Examples or None
        Validation part, or ``None`` if there is none.
    test : Examples
        Test part.
    class_names : tuple of str
        The name of each class number.
    source : str
        Where the examples come from.
    preparation : Preparation or None
        What made features of the columns; ``None`` if that is not known.
    example : Example or None
        A few rows of the test part as they were before.
    notes : tuple of str
        Lines for whoever uses the data set: what was inferred, left out and divided.
    leaks : mapping of str to Leak
        By part, how many of its rows are in the training part too; empty where nobody has counted.
    folder : Path or None
        Where the arrays lie if they are mapped from files.
    """

    name: str
    train: Examples
    val: Examples | None
    test: Examples
    class_names: tuple[str, ...]
    source: str
    preparation: Preparation | None = None
    example: Example | None = None
    notes: tuple[str, ...] = ()
    leaks: Mapping[str, Leak] = with_default(default_factory=dict)
    folder: Path | None = None

    def __post_init__(self) -> None:
        for part, examples in self.parts.items():
            object.__setattr__(self, part, make_part(part, examples, n_classes=self.n_classes))
        if len(widths := {examples.X.shape[1] for examples in self.parts.values()}) > 1:
            raise DataError(f"the parts of {self.name} differ in their numbers of features: {sorted(widths)}")

    @property
    def parts(self) -> dict[str, Examples]:
        """The parts that exist, by name, in the order ``train``, ``val``, ``test``."""
        present = {"train": self.train, "val": self.val, "test": self.test}
        return {part: examples for part, examples in present.items() if examples is not None}

    @property
    def n_features(self) -> int:
        """How many features a sample has."""
        return int(self.train.X.shape[1])

    @property
    def task(self) -> Task:
        """What is learned."""
        return "classification"

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def n_outputs(self) -> int:
        """How many classes, labels or targets there are."""
        return self.n_classes

    @cached_property
    def feature_scale(self) -> float:
        """Of the training part; see `nnsweep.mlp.batches.feature_scale`."""
        return feature_scale(self.train.X)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of every part's shapes, types and values as they were loaded."""
        return hash_parts(self.parts)

    @cached_property
    def test_digest(self) -> str:
        """The same of the test part alone: equal where the same examples are looked at in the same order."""
        return hash_parts({"test": self.test})


DATA_SETS: Choices[Callable[..., Dataset]] = Choices("data")
"""What loads a data set, by its name; `nnsweep.data.load` sees that all are registered."""
