"""Steps of a preparation that scikit-learn lacks: scaling by quartiles with a smooth clip, and gaps filled by weight.

They are imported where a pipeline is made: scikit-learn takes longer to import than a small table to read.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer

from nnsweep.data.prepared import scale_numbers

CLIP = 3.0
"""What scaled numbers tend to."""


class RobustSmoothClip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Scale by median and quartiles, ``z = (x - median) / (q75 - q25)``, then clip: ``z / sqrt(1 + (z / 3)**2)``.

    Where both quartiles are the same, half the distance from minimum to maximum takes the place of theirs; a feature
    that never changes becomes 0. Outliers neither set the scale nor leave the range of -3 to 3.
    Source: Holzmüller, Grinsztajn and Steinwart, Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data, NeurIPS 2024, section 3 (RealMLP).

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
        return scale_numbers(
            np.asarray(X, dtype=np.float64), {"mean": self.mean_, "scale": self.scale_}, clip=self.clip
        )


class WeightedImputer(SimpleImputer):  # type: ignore[misc]
    """Fill gaps as `SimpleImputer` does, with the mean, the median or the most frequent value of rows as they weigh.

    Examples
    --------
    >>> X, weight = np.array([[1.0], [2.0], [4.0], [np.nan]]), np.array([1.0, 1.0, 2.0, 5.0])
    >>> imputers = [WeightedImputer(strategy=strategy) for strategy in ("mean", "median", "most_frequent")]
    >>> [imputer.fit(X, sample_weight=weight).statistics_.tolist() for imputer in imputers]
    [[2.75], [3.0], [4.0]]
    """

    def fit(self, X: Any, y: Any = None, sample_weight: NDArray[np.float64] | None = None) -> Self:
        """Learn what fills the gaps of `X`, (n_samples, n_features), of rows that weigh, (n_samples,)."""
        super().fit(X, y)
        compute = {"mean": _find_mean, "median": _find_median, "most_frequent": _find_mode}.get(self.strategy)
        if sample_weight is not None and compute is not None:
            columns = np.asarray(X).T
            known = [np.array([cell is not None and cell == cell for cell in column]) for column in columns]
            statistics = [compute(column[at], sample_weight[at]) for column, at in zip(columns, known, strict=True)]
            self.statistics_ = np.array(statistics, dtype=columns.dtype)
        return self


def _find_mean(values: NDArray[Any], weight: NDArray[np.float64]) -> Any:
    return np.average(values, weights=weight)


def _find_median(values: NDArray[Any], weight: NDArray[np.float64]) -> Any:
    """Find the value with half of the weight on each side; of two such, their mean."""
    order = np.argsort(values, kind="stable")
    reached, half = np.cumsum(weight[order]), weight.sum() / 2
    middle = [int(np.searchsorted(reached, half, side)) for side in ("left", "right")]
    return values[order[middle]].mean()


def _find_mode(values: NDArray[Any], weight: NDArray[np.float64]) -> Any:
    """Find the value of the greatest weight, of several the first in order."""
    different, which = np.unique(values, return_inverse=True)
    return different[np.bincount(which, weight).argmax()]
