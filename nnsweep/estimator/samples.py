"""Samples: scikit-learn's features, targets and weights in the trainer's form, and the parts of a fit made of them.

Labels become class numbers, and features become arrays that the trainer takes.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.utils.multiclass import unique_labels

from nnsweep.data.dataset import hash_parts, make_part
from nnsweep.data.split import Labels, draw_part, take_rows
from nnsweep.errors import DataError
from nnsweep.estimator.options import Validation
from nnsweep.mlp.arrays import Examples, Features, FloatArray, IntArray, Targets, Task
from nnsweep.mlp.train import leave_out_weightless


class TargetKind(NamedTuple):
    """What the targets of a fit are.

    Attributes
    ----------
    task : {"classification", "multilabel", "regression"}
        What is learned.
    classes : ndarray of shape (n_outputs,)
        The labels of the classes, sorted; the columns of several labels or targets, from 0.
    """

    task: Task
    classes: NDArray[Any]

    @property
    def n_outputs(self) -> int:
        """How many classes, labels or targets there are."""
        return len(self.classes)

    def encode(self, y: NDArray[Any]) -> Targets:
        """Give checked targets as the trainer has them; raises `ValueError` where there are others than these."""
        if self.task == "classification":
            if unseen := sorted(set(unique_labels(y).tolist()) - set(self.classes.tolist())):
                raise ValueError(f"label {unseen[0]!r} is none of the classes {self.classes.tolist()}")
            return np.searchsorted(self.classes, y)
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != self.n_outputs:
            name = "labels" if self.task == "multilabel" else "targets"
            raise ValueError(f"y has {columns.shape[1]} {name} a sample, expected {self.n_outputs}")
        return columns.astype(np.int64 if self.task == "multilabel" else np.float64)


def check_features(X: Any) -> Features:
    """Take any CSR kind of SciPy as an array of it; dense features stay as they are."""
    found: Features = csr_array(X) if hasattr(X, "tocsr") else X
    return found


def encode_examples(
    X: Any, y: NDArray[Any], weight: FloatArray | None, kind: TargetKind, *, part: str = "train"
) -> Examples:
    """Bring samples into the common form of all parts of a data set.

    Samples that weigh nothing are left out: nothing can depend on them then, not even which others are set aside. Where
    all weigh the same, they have no weights.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Checked features.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Labels or targets.
    weight : ndarray of shape (n_samples,) or None
        How much each sample counts.
    kind : TargetKind
        What `y` is.
    part : str
        What to call them in a message.

    Raises
    ------
    ValueError
        If a label is none of the classes, or the samples cannot be used.
    """
    examples = leave_out_weightless(Examples(check_features(X), kind.encode(y), weight))
    try:
        return make_part(part, examples, n_outputs=kind.n_outputs, task=kind.task)
    except DataError as error:
        raise ValueError(str(error)) from error


def divide_samples(whole: Examples, validation: Validation, kind: TargetKind) -> tuple[Examples, Examples | None]:
    """Set a validation part aside, of classes with every one in proportion, as the command line does.

    Where a class has too few samples for that, they are drawn whatever their class is, as scikit-learn's
    `MLPClassifier` does, but one of each class stays in the training part. As there, one of only two classes must not
    be a single sample.

    Raises
    ------
    ValueError
        If there are too few samples for either.
    """
    fraction, seed = validation.validation_fraction, validation.split_seed
    part: NDArray[np.intp] | None
    labels = Labels.of_rows(whole.n_samples, unit="sample")
    if kind.task == "classification":
        labels = Labels(whole.y, kind.classes.tolist(), unit="sample")
    try:
        rest, part = draw_part(labels, fraction, seed, "validation_fraction")
    except DataError as error:
        drawn = _draw_validation(labels.y, fraction, seed) if labels.has_classes else None
        if drawn is None:
            raise ValueError(str(error)) from error
        rest, part = np.setdiff1d(np.arange(whole.n_samples), drawn), drawn
    return take_rows(whole, rest), None if part is None else take_rows(whole, part)


def _draw_validation(y: IntArray, fraction: float, seed: int) -> NDArray[np.intp] | None:
    """Draw rows of any class but one of each; None if there are too few."""
    rows = np.random.default_rng(seed).permutation(len(y))
    spare = np.delete(rows, np.unique(y[rows], return_index=True)[1])
    n_drawn, sizes = int(np.ceil(fraction * len(y))), np.unique(y, return_counts=True)[1]
    # of large classes a part that is smaller than their number says that the fraction is a slip
    is_small = n_drawn < len(sizes) and sizes.min() > 2
    is_lonely = len(sizes) == 2 and sizes.min() == 1
    return None if is_small or is_lonely or not 2 <= n_drawn <= len(spare) else spare[:n_drawn]


class Parts(NamedTuple):
    """The examples of a fit; there is no test part, since whoever fits looks at other samples afterwards."""

    train: Examples
    val: Examples | None
    kind: TargetKind
    test: None = None

    @property
    def task(self) -> Task:
        """What is learned."""
        return self.kind.task

    @property
    def n_outputs(self) -> int:
        """How many classes, labels or targets there are."""
        return self.kind.n_outputs

    def digest(self) -> str:
        """Hash all of it."""
        present = {"train": self.train} | ({"val": self.val} if self.val else {})
        return f"{self.task} {self.n_outputs} {hash_parts(present)}"
