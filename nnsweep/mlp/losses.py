"""The loss: softmax cross-entropy, its derivative, and class weights.

A class weight says how much the samples of a class count. Only the ratios of the weights matter, since the cost is the
weighted mean of the samples' cross-entropies.
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


def class_weights(class_weight: ClassWeight, y: IntArray, n_classes: int) -> FloatArray | None:
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
    counts = np.bincount(y, minlength=n_classes)
    if class_weight == "balanced":
        return np.divide(len(y), n_classes * counts, out=np.zeros(n_classes), where=counts > 0)
    if len(class_weight) != n_classes:
        raise ValueError(
            f"`class_weight` must have one weight for each of {n_classes} classes, got {len(class_weight)}"
        )
    weights = np.array(class_weight, dtype=np.float64)
    if not weights[counts > 0].any():
        raise ValueError(f"`class_weight` must be above 0 for a class that training samples are of, got {class_weight}")
    return weights


def softmax(logits: FloatArray) -> FloatArray:
    """Class probabilities, ``exp(z) / sum(exp(z))`` over the last axis.

    Parameters
    ----------
    logits : ndarray of shape (..., n_classes)
        One logit a class.

    Returns
    -------
    ndarray of shape (..., n_classes)
        Probabilities that sum to 1.

    Examples
    --------
    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


@np.errstate(over="ignore", invalid="ignore")
def sample_costs(logits: FloatArray, y: IntArray) -> FloatArray:
    """Cross-entropy of each sample alone, without its derivative: ``logsumexp(z) - z[y]``.

    Parameters
    ----------
    logits : ndarray of shape (K, n_samples, n_classes)
        The outputs of K networks; quickest if they lie class by class in memory.
    y : ndarray of shape (n_samples,)
        Class numbers.

    Returns
    -------
    ndarray of shape (K, n_samples)
        NaN where a logit is not finite.

    Examples
    --------
    >>> sample_costs(np.array([[[1000.0, 1000.0]]]), np.array([1])).round(4)
    array([[0.6931]])
    """
    by_class = logits.swapaxes(1, 2)
    shifted = by_class - np.maximum.reduce(by_class, axis=1, keepdims=True)
    at_label = np.take_along_axis(shifted, y[np.newaxis, np.newaxis], axis=1)[:, 0]
    costs: FloatArray = np.log(np.add.reduce(np.exp(shifted, out=shifted), axis=1))
    return np.subtract(costs, at_label, out=costs)


def cross_entropy(
    logits: FloatArray, y: IntArray, *, out: FloatArray | None = None, places: IntArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Cross-entropy of each sample, and its derivative by the logits.

    The cost of a sample is ``-log(softmax(z)[y])``; the derivative of that is ``softmax(z)``, less 1 at
    the sample's class. What overflows is not finite, and NumPy is asked to say nothing of it by the caller.

    Parameters
    ----------
    logits : ndarray of shape (K, n_samples, n_classes)
        The outputs of K networks.
    y : ndarray of shape (n_samples,) or (K, n_samples)
        Class numbers, shared by all networks or each one's own.
    out : ndarray or None
        Where to write the derivative; None for a new array. It must lie class by class in memory.
    places : ndarray or None
        What `first_places` gives for `out`, if it is known.

    Returns
    -------
    costs : ndarray of shape (K, n_samples)
        Not finite where the logits are not.
    delta : ndarray of shape (K, n_samples, n_classes)
        The derivatives.
    """
    n_networks, n_samples, n_classes = logits.shape
    delta = np.empty((n_networks, n_classes, n_samples), logits.dtype).swapaxes(1, 2) if out is None else out
    by_class = delta.swapaxes(1, 2)
    np.subtract(logits, np.maximum.reduce(logits, axis=2, keepdims=True), out=delta)
    numbers = by_class.reshape(-1)
    labels = y * n_samples + (first_places(delta) if places is None else places)
    at_label = numbers[labels]
    np.exp(delta, out=delta)
    totals = np.add.reduce(by_class, axis=1)
    by_class /= totals[:, np.newaxis]
    numbers[labels] -= 1
    costs: FloatArray = np.log(totals, out=totals)
    costs -= at_label
    return costs, delta


def first_places(delta: FloatArray) -> IntArray:
    """Say where the number of class 0 of each sample lies in an array that lies class by class: (K, n_samples)."""
    n_networks, n_samples, n_classes = delta.shape
    places: IntArray = np.arange(n_networks)[:, np.newaxis] * (n_classes * n_samples) + np.arange(n_samples)
    return places
