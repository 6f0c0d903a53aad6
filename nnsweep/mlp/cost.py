"""Softmax cross-entropy, from logits.

The probabilities are never formed before the logarithm is taken: the cost is ``logsumexp(z) - z[y]``, with
the largest logit subtracted first, so that neither a large logit overflows nor a small probability
becomes ``log(0)``.
"""

import numpy as np

from nnsweep.mlp.arrays import FloatArray, IntArray


@np.errstate(over="ignore", invalid="ignore")
def _shifted(logits: FloatArray) -> FloatArray:
    shifted: FloatArray = logits - logits.max(axis=-1, keepdims=True)
    return shifted


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
    powers = np.exp(_shifted(logits))
    probabilities: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def cross_entropy(logits: FloatArray, y: IntArray) -> tuple[FloatArray, FloatArray]:
    """Mean cross-entropy of each network and its derivative by the logits of each sample.

    The cost of a sample is ``-log(softmax(z)[y])``; the derivative of that is ``softmax(z)``, less 1 at
    the sample's class.

    Parameters
    ----------
    logits : ndarray of shape (K, n_samples, n_classes)
        The outputs of K networks.
    y : ndarray of shape (n_samples,) or (K, n_samples)
        Class numbers, shared by all networks or each one's own.

    Returns
    -------
    cost : ndarray of shape (K,)
        Mean over the samples; not finite where the logits are not.
    delta : ndarray of shape (K, n_samples, n_classes)
        Derivative of each sample's own cost; divide by n_samples for the derivative of the mean.
    """
    shifted = _shifted(logits)
    labels = np.broadcast_to(y, logits.shape[:-1])[..., np.newaxis]
    at_label = np.take_along_axis(shifted, labels, axis=-1)
    delta = np.exp(shifted)
    totals = delta.sum(axis=-1, keepdims=True)
    cost: FloatArray = (np.log(totals) - at_label).mean(axis=(1, 2))
    delta /= totals
    np.put_along_axis(delta, labels, np.take_along_axis(delta, labels, axis=-1) - 1, axis=-1)
    return cost, delta
