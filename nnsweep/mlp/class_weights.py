"""Class weights: how much the samples of each class count in the cost.

Only the ratios of the weights matter, since the cost is the weighted mean of the samples' losses.
"""

from typing import Literal, TypeAlias

import numpy as np

from nnsweep.mlp.arrays import FloatArray, IntArray
from nnsweep.mlp.choices import NonNegative, Range

ClassWeight: TypeAlias = Literal["balanced"] | tuple[NonNegative, ...] | None
"""``balanced``, one weight a class in the order of the classes, or None where all samples count the same."""

_ALLOWED = Range(ge=0)
RULE = "must be null, balanced, or a list of weights >= 0 in the order of the classes, not all of them 0"


def is_class_weight(value: object) -> bool:
    """Tell whether a value can say what classes weigh, whatever their number is.

    Examples
    --------
    >>> is_class_weight((1, 0.5)), is_class_weight("balanced"), is_class_weight((0, 0)), is_class_weight((1, -1))
    (True, True, False, False)
    """
    if not isinstance(value, tuple | list):
        return value is None or value == "balanced"
    numbers = all(isinstance(weight, int | float) and not isinstance(weight, bool) for weight in value)
    return numbers and all(weight in _ALLOWED for weight in value) and any(value)


def class_weights(
    class_weight: ClassWeight, y: IntArray, n_classes: int, weight: FloatArray | None = None
) -> FloatArray | None:
    """Give the weight of each class.

    ``balanced`` weighs a class by ``n_samples / (n_classes * n_samples_of_class)``, as
    `sklearn.utils.class_weight.compute_class_weight` does (after King and Zeng, "Logistic regression in rare events
    data", Political Analysis 9, 2001): every class counts the same in all. A class without a sample weighs nothing.

    Parameters
    ----------
    class_weight : "balanced", tuple of float, or None
        What is asked for.
    y : ndarray of shape (n_samples,)
        The class numbers of the training part.
    n_classes : int
        How many classes there are.
    weight : ndarray of shape (n_samples,) or None
        How much each sample counts by itself: a class has as many samples as they weigh.

    Returns
    -------
    ndarray of shape (n_classes,) or None
        None where all samples count the same.

    Raises
    ------
    ValueError
        If there is not one weight a class, or no sample of a class that weighs anything.

    Examples
    --------
    >>> class_weights("balanced", np.array([0, 0, 0, 1]), 2).tolist()
    [0.6666666666666666, 2.0]
    """
    if class_weight is None:
        return None
    counts = np.bincount(y, weight, minlength=n_classes)
    if class_weight == "balanced":
        balanced: FloatArray = np.zeros(n_classes)
        np.divide(counts.sum(), n_classes * counts, out=balanced, where=counts > 0)
        return balanced
    if len(class_weight) != n_classes:
        raise ValueError(
            f"`class_weight` must have one weight for each of {n_classes} classes, got {len(class_weight)}"
        )
    weights = np.array(class_weight, dtype=np.float64)
    if not weights[counts > 0].any():
        raise ValueError(f"`class_weight` must be above 0 for a class that training samples are of, got {class_weight}")
    return weights
