"""Samples as scikit-learn's users have them, in the trainer's form: labels become class numbers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.utils.multiclass import unique_labels

from nnsweep.data.dataset import make_part
from nnsweep.data.split import Labels, draw_part, take_rows
from nnsweep.errors import DataError
from nnsweep.estimator.options import Validation
from nnsweep.mlp.arrays import Examples, Features, IntArray


def features(X: Any) -> Features:
    """Take any CSR kind of SciPy as an array of it; dense features stay as they are."""
    found: Features = csr_array(X) if hasattr(X, "tocsr") else X
    return found


def examples(X: Any, y: ArrayLike, classes: NDArray[Any], *, part: str = "train") -> Examples:
    """Bring samples into the common form of all parts of a data set.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Checked features.
    y : ndarray of shape (n_samples,)
        Labels.
    classes : ndarray of shape (n_classes,)
        All labels that there are, sorted.
    part : str
        What to call them in a message.

    Raises
    ------
    ValueError
        If a label is none of the classes, or the samples cannot be used.
    """
    if unseen := sorted(set(unique_labels(y).tolist()) - set(classes.tolist())):
        raise ValueError(f"label {unseen[0]!r} is none of the classes {classes.tolist()}")
    try:
        return make_part(part, Examples(features(X), np.searchsorted(classes, y)), n_classes=len(classes))
    except DataError as error:
        raise ValueError(str(error)) from error


def divided(whole: Examples, validation: Validation, classes: NDArray[Any]) -> tuple[Examples, Examples | None]:
    """Set a validation part aside, with every class in proportion, as the command line does.

    Where a class has too few samples for that, they are drawn whatever their class is, as scikit-learn's
    `MLPClassifier` does, but one of each class stays in the training part. As there, one of only two classes must not
    be a single sample.

    Raises
    ------
    ValueError
        If there are too few samples for either.
    """
    fraction, seed = validation.validation_fraction, validation.split_seed
    try:
        rest, part = draw_part(Labels(whole.y, classes.tolist(), unit="sample"), fraction, seed, "validation_fraction")
    except DataError as error:
        drawn = _drawn(whole.y, fraction, seed)
        if drawn is None:
            raise ValueError(str(error)) from error
        rest, part = np.setdiff1d(np.arange(whole.n_samples), drawn), drawn
    return take_rows(whole, rest), None if part is None else take_rows(whole, part)


def _drawn(y: IntArray, fraction: float, seed: int) -> NDArray[np.intp] | None:
    """Draw rows of any class but one of each; None if there are too few."""
    rows = np.random.default_rng(seed).permutation(len(y))
    spare = np.delete(rows, np.unique(y[rows], return_index=True)[1])
    n_drawn, sizes = int(np.ceil(fraction * len(y))), np.unique(y, return_counts=True)[1]
    # of large classes a part that is smaller than their number says that the fraction is a slip
    is_small = n_drawn < len(sizes) and sizes.min() > 2
    is_lonely = len(sizes) == 2 and sizes.min() == 1
    return None if is_small or is_lonely or not 2 <= n_drawn <= len(spare) else spare[:n_drawn]
