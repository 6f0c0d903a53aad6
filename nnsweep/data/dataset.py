"""A data set: named parts for training, validation and test, and the digest that identifies them.

The digest is taken of the arrays as they are loaded, in float64: a job's precision is a setting of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nnsweep.data.part import hash_parts, settled
from nnsweep.data.preparation import Preparation
from nnsweep.data.split import Leak
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.batches import feature_scale

if TYPE_CHECKING:
    import pandas as pd

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
        cells = frame.iloc[:EXAMPLE_ROWS].astype(object).to_numpy().tolist()
        return cls([*map(str, frame.columns)], [[_in_json(cell) for cell in row] for row in cells])

    def frame(self) -> "pd.DataFrame":
        """Give them as a frame."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=self.columns)


def _in_json(cell: Any) -> Any:
    plain = cell.item() if isinstance(cell, np.generic) else cell
    return None if plain is None or (isinstance(plain, float) and math.isnan(plain)) else plain


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
    told : tuple of str
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
    told: tuple[str, ...] = ()
    leaks: Mapping[str, Leak] = with_default(default_factory=dict)
    folder: Path | None = None

    def __post_init__(self) -> None:
        for part, examples in self.parts.items():
            object.__setattr__(self, part, settled(part, examples, n_classes=self.n_classes))
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
        """How many classes there are."""
        return len(self.class_names)

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
