"""Softmax cross-entropy, from logits.

The probabilities are never formed before the logarithm is taken: the cost is ``logsumexp(z) - z[y]``, with
the largest logit subtracted first, so that neither a large logit overflows nor a small probability
becomes ``log(0)``.
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


def cross_entropy(logits: FloatArray, y: IntArray, out: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Cross-entropy of each sample, and its derivative by the logits.

    The cost of a sample is ``-log(softmax(z)[y])``; the derivative of that is ``softmax(z)``, less 1 at
    the sample's class.

    Parameters
    ----------
    logits : ndarray of shape (K, n_samples, n_classes)
        The outputs of K networks.
    y : ndarray of shape (n_samples,) or (K, n_samples)
        Class numbers, shared by all networks or each one's own.
    out : ndarray or None
        Where to write the derivative; None for a new array.

    Returns
    -------
    costs : ndarray of shape (K, n_samples)
        Not finite where the logits are not.
    delta : ndarray of shape (K, n_samples, n_classes)
        The derivatives.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        delta = np.subtract(
            logits, logits.max(axis=-1, keepdims=True), out=np.empty_like(logits) if out is None else out
        )
        numbers, labels = _at_labels(delta, y)
        at_label = numbers[labels]
        np.exp(delta, out=delta)
        totals = delta.sum(axis=-1)
        costs: FloatArray = np.log(totals) - at_label
        delta /= totals[..., np.newaxis]
    numbers[labels] -= 1
    return costs, delta


def _at_labels(array: FloatArray, y: IntArray) -> tuple[FloatArray, IntArray]:
    """View (K, n_samples, n_classes) as one row of numbers, with the places of the labels: (K, n_samples)."""
    n_networks, n_samples, n_classes = array.shape
    network, sample = np.arange(n_networks)[:, np.newaxis], np.arange(n_samples)
    if array.flags.c_contiguous:
        return array.reshape(-1), (network * n_samples + sample) * n_classes + y
    by_class = array.swapaxes(1, 2)
    return by_class.reshape(-1), (network * n_classes + y) * n_samples + sample
