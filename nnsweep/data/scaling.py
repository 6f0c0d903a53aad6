"""Scaling of numbers by quartiles with a smooth clip, as scikit-learn's pipelines take it.

Outliers neither set the scale nor leave the range of -3 to 3. Source: Holzmüller, Grinsztajn and Steinwart, Better by
default: strong pre-tuned MLPs and boosted trees on tabular data, NeurIPS 2024, section 3 (RealMLP).
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from nnsweep.data.prepared import scaled

CLIP = 3.0
"""What scaled numbers tend to."""


class RobustSmoothClip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Scale by median and quartiles, ``z = (x - median) / (q75 - q25)``, then clip: ``z / sqrt(1 + (z / 3)**2)``.

    Where both quartiles are the same, half the distance from minimum to maximum takes the place of theirs; a feature
    that never changes becomes 0.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        The medians, under the name that `StandardScaler` has for what is subtracted.
    scale_ : ndarray of shape (n_features,)
        What is divided by; infinity for a feature that never changes.

    Examples
    --------
    >>> RobustSmoothClip().fit_transform(np.array([[0.0], [1.0], [2.0], [3.0], [1000.0]])).round(3).T
    array([[-0.949, -0.493,  0.   ,  0.493,  3.   ]])
    """

    clip = CLIP

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn medians and quartiles of the columns of `X`, (n_samples, n_features)."""
        numbers = np.asarray(X, dtype=np.float64)
        low, self.mean_, high = np.quantile(numbers, [0.25, 0.5, 0.75], axis=0)
        scale = high - low
        scale = np.where(scale == 0, (numbers.max(axis=0) - numbers.min(axis=0)) / 2, scale)
        self.scale_ = np.where(scale == 0, np.inf, scale)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Scale and clip `X`, (n_samples, n_features)."""
        return scaled(np.asarray(X, dtype=np.float64), {"mean": self.mean_, "scale": self.scale_}, clip=self.clip)
