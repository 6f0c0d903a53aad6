"""Samples as scikit-learn's users have them, in the trainer's form: labels become class numbers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.utils.multiclass import unique_labels

from nnsweep.data import splits
from nnsweep.data.part import settled
from nnsweep.errors import DataError
from nnsweep.estimator.options import Validation
from nnsweep.mlp.arrays import Examples, Features


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
        return settled(part, Examples(features(X), np.searchsorted(classes, y)), n_classes=len(classes))
    except DataError as error:
        raise ValueError(str(error)) from error


def divided(whole: Examples, validation: Validation) -> tuple[Examples, Examples | None]:
    """Set a validation part aside, with every class in proportion, as the command line does.

    Raises
    ------
    ValueError
        If a class would be missing from one of the parts.
    """
    fraction, seed = validation.validation_fraction, validation.split_seed
    try:
        return splits.split(whole, fraction=fraction, seed=seed, key="validation_fraction")
    except DataError as error:
        raise ValueError(str(error)) from error
