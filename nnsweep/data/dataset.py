"""A data set: its parts in one common form, and the hashes that identify them.

Features are float32 or float64, C-contiguous or CSR with sorted 32-bit indices; class numbers and labels are int64,
targets of regression float64. None of the arrays can be written to, so that a job cannot spoil the data of the next.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnsweep.data.leaks import Leak
from nnsweep.data.preparation import Preparation
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples, Features, Task
from nnsweep.mlp.batches import feature_scale
from nnsweep.mlp.choices import Choices

if TYPE_CHECKING:
    import pandas as pd


def make_part(part: str, examples: Examples, *, n_outputs: int, task: Task = "classification") -> Examples:
    """Bring examples into the common form; arrays that have it already are shared, not copied.

    Parameters
    ----------
    part : str
        What to call them in a message: ``train``, ``val`` or ``test``.
    examples : Examples
        Features of shape (n_samples, n_features), targets as `Examples` has them, perhaps weights.
    n_outputs : int
        How many classes, labels or targets there are.
    task : Task
        What is learned.

    Returns
    -------
    settled : Examples
        Read-only arrays of the same shapes.

    Raises
    ------
    DataError
        If the shapes do not fit, a feature or a target is not finite, a label is no class number, or a weight is none.
    """
    X, y = _features(examples.X), np.asarray(examples.y)
    weight = None if examples.weight is None else np.asarray(examples.weight)
    for problem in (*_find_problems(X, y, n_outputs, task), *_find_weight_problems(weight, y)):
        raise DataError(f"the {part} part cannot be used: {problem}")
    y = _read_only(y, np.float64 if task == "regression" else np.int64)
    return Examples(X, y, None if weight is None else _read_only(weight, np.float64))


def _find_problems(X: Features, y: NDArray[Any], n_outputs: int, task: Task) -> Iterator[str]:
    stored = X if isinstance(X, np.ndarray) else X.data
    is_regression, word = task == "regression", "targets" if task == "regression" else "labels"
    shape = X.shape[:1] if task == "classification" else (*X.shape[:1], n_outputs)
    n_values = 2 if task == "multilabel" else n_outputs
    if X.ndim != 2 or y.shape != shape:
        yield f"features of shape {X.shape} do not fit {word} of shape {y.shape}"
    elif X.shape[1] == 0:
        yield "it has no features"
    elif not np.isfinite(stored).all():
        yield "a feature is infinite or not a number"
    elif y.dtype.kind not in ("iuf" if is_regression else "iu"):
        yield f"{word} must be {'numbers' if is_regression else 'integers'}, got {y.dtype}"
    elif is_regression and not np.isfinite(y).all():
        yield "a target is infinite or not a number"
    elif not is_regression and y.size and not 0 <= y.min() <= y.max() < n_values:
        yield f"labels from {y.min()} to {y.max()}, expected 0 to {n_values - 1}"


def _find_weight_problems(weight: NDArray[Any] | None, y: NDArray[Any]) -> Iterator[str]:
    if weight is None:
        return
    if weight.shape != y.shape[:1] or weight.dtype.kind not in "iuf":
        yield f"weights of shape {weight.shape} and type {weight.dtype} are not one number for each of {len(y)} samples"
    elif not (np.isfinite(weight) & (weight >= 0)).all():
        yield "a weight is negative, infinite or not a number"
    elif len(weight) and not weight.any():
        yield "all its weights are 0"


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
        Contiguous features (n_samples, n_features), dense or CSR, targets, and weights where there are any, by part.
        Bytes are hashed in little-endian order, so that the hash is the same on every machine. Targets of another task
        have another type or shape, so that the hash tells the task.
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
        Training part: features (n_samples, n_features), targets and perhaps weights.
    val : Examples or None
        Validation part, or ``None`` if there is none.
    test : Examples
        Test part.
    class_names : tuple of str
        The name of each class number; none unless the task is classification.
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
    task : Task
        What is learned.
    label_names : tuple of str
        The name of each label, if the task is multilabel.
    target_names : tuple of str
        The name of each target, if the task is regression.
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
    task: Task = "classification"
    label_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part, examples in self.parts.items():
            made = make_part(part, examples, n_outputs=self.n_outputs, task=self.task)
            object.__setattr__(self, part, made)
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
    def n_classes(self) -> int:
        """How many classes there are; 0 unless the task is classification."""
        return len(self.class_names)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the classes, the labels or the targets."""
        return {
            "classification": self.class_names,
            "multilabel": self.label_names,
            "regression": self.target_names,
        }[self.task]

    @property
    def n_outputs(self) -> int:
        """How many classes, labels or targets there are."""
        return len(self.output_names)

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
