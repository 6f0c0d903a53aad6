"""The loss: softmax cross-entropy and its derivative.

What a sample costs is a loss; the mean over the samples, each as it counts, is the cost that training lowers.
"""

import numpy as np

from nnsweep.mlp.arrays import FloatArray, IntArray


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
