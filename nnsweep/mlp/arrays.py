"""The arrays that go in and out of the trainer.

`X` has shape (n_samples, n_features), dense or CSR; `y` has shape (n_samples,) and holds class numbers
from 0 to n_classes - 1. Every parameter array has a leading axis of K networks.
"""

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # its import takes as long as NumPy's, and dense features need none of it
    from scipy.sparse import csr_array

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
BoolArray: TypeAlias = NDArray[np.bool_]
Features: TypeAlias = "FloatArray | csr_array"


class Examples(NamedTuple):
    """Features and class numbers of the same samples.

    Attributes
    ----------
    X : ndarray or csr_array of shape (n_samples, n_features)
        The features.
    y : ndarray of shape (n_samples,)
        The class numbers, from 0.
    """

    X: Features
    y: IntArray

    @property
    def n_samples(self) -> int:
        """How many samples there are."""
        return int(self.y.shape[0])
