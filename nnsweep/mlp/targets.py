"""Targets of regression: numbers that networks learn in a scale of their own.

A network is trained on targets of mean 0 and standard deviation 1, so that learning rates mean the same whatever the
unit is. What it predicts is turned back into the targets' unit before anybody sees it.
"""

from dataclasses import dataclass

import numpy as np

from nnsweep.mlp.arrays import Examples, FloatArray, Targets


@dataclass(frozen=True, eq=False)
class TargetScaling:
    """How targets are standardized: ``(y - mean) / scale``.

    Attributes
    ----------
    mean, scale : ndarray of float64, shape (n_targets,)
        Of the training part; a target that never changes has the scale 1.
    """

    mean: FloatArray
    scale: FloatArray

    def standardize(self, y: Targets) -> FloatArray:
        """Standardize targets: (..., n_targets)."""
        standardized: FloatArray = (y - self.mean) / self.scale
        return standardized

    def restore(self, outputs: FloatArray) -> FloatArray:
        """Turn outputs, (..., n_targets) or the quantiles of one target after the other, into the targets' units.

        Examples
        --------
        >>> TargetScaling(np.array([10.0]), np.array([2.0])).restore(np.array([[-1.0, 0.0, 1.0]])).tolist()
        [[8.0, 10.0, 12.0]]
        """
        n_quantiles = outputs.shape[-1] // len(self.mean)
        restored: FloatArray = outputs * np.repeat(self.scale, n_quantiles) + np.repeat(self.mean, n_quantiles)
        return restored


def fit_target_scaling(train: Examples) -> TargetScaling:
    """Measure mean and standard deviation of each target of the training part, each sample as it counts.

    Parameters
    ----------
    train : Examples
        With targets of shape (n_samples, n_targets).

    Examples
    --------
    >>> fit_target_scaling(Examples(np.zeros((2, 1)), np.array([[1.0, 5.0], [3.0, 5.0]]))).scale.tolist()
    [1.0, 1.0]
    """
    mean = np.average(train.y, axis=0, weights=train.weight)
    scale = np.sqrt(np.average((train.y - mean) ** 2, axis=0, weights=train.weight))
    # of a constant, rounding leaves a scale that is no more than noise
    is_constant = scale <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    return TargetScaling(mean, np.where(is_constant, 1.0, scale))
