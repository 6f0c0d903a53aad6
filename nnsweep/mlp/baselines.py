"""Baselines: what a prediction achieves that is the same for every sample, chosen by the training part alone.

A network that does no better has learned nothing of the features. The constant is the one that suits the measure: class
shares, of which the commonest class is predicted, or the mean, the median or the quantiles of the targets.
"""

from collections.abc import Sequence

import numpy as np

from nnsweep.mlp.arrays import Examples, FloatArray, Task
from nnsweep.mlp.measures import MEASURES, OF_MEDIANS
from nnsweep.mlp.predictions import Predictions

_LEAST = 1e-300  # the share of a class that does not occur, so that its logit is finite


def measure_baselines(
    train: Examples,
    measured: Examples,
    *,
    task: Task,
    n_outputs: int,
    measures: Sequence[str],
    quantiles: Sequence[float] = (),
) -> dict[str, float]:
    """Measure what constant predictions achieve.

    Parameters
    ----------
    train : Examples
        What the constants are chosen by; samples count by their weights.
    measured : Examples
        What they are measured on.
    task : {"classification", "multilabel", "regression"}
        What is to be learned.
    n_outputs : int
        The number of classes, labels or targets.
    measures : sequence of str
        Measures of the task, of `nnsweep.mlp.measures.MEASURES`.
    quantiles : sequence of float
        Which quantiles a network predicts; empty if it predicts the targets themselves.

    Returns
    -------
    dict
        The value of each measure by its name; those that are not defined are left out.

    Examples
    --------
    >>> train, test = Examples(np.zeros((4, 1)), np.array([0, 0, 0, 1])), Examples(np.zeros((2, 1)), np.array([0, 1]))
    >>> found = measure_baselines(train, test, task="classification", n_outputs=2, measures=["accuracy", "log_loss"])
    >>> {name: round(value, 4) for name, value in found.items()}  # log_loss: -(log(3 / 4) + log(1 / 4)) / 2
    {'accuracy': 0.5, 'log_loss': 0.837}
    """
    found = {}
    for name in measures:
        own = tuple(quantiles) if name == "pinball" else ()
        outputs = _choose_constant(train, task, n_outputs, name, own)
        same = np.broadcast_to(outputs, (1, measured.n_samples, len(outputs)))
        predictions = Predictions(task, same, measured.y, measured.weight, quantiles=own)
        found[name] = float(MEASURES[name].evaluate(predictions)[0])
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _choose_constant(
    train: Examples, task: Task, n_outputs: int, measure: str, quantiles: Sequence[float]
) -> FloatArray:
    """Choose the outputs for every sample, as a network would give them: logits, or numbers in the targets' units."""
    if task == "classification":
        shares = np.bincount(train.y, train.weight, minlength=n_outputs).astype(np.float64)
        return np.asarray(np.log(np.maximum(shares / shares.sum(), _LEAST)))
    if task == "multilabel":
        share = np.average(train.y, axis=0, weights=train.weight)
        return np.asarray(np.log(np.maximum(share, _LEAST)) - np.log(np.maximum(1 - share, _LEAST)))
    if measure not in OF_MEDIANS:
        return np.asarray(np.average(train.y, axis=0, weights=train.weight))
    levels = np.array(quantiles or (0.5,))
    if train.weight is None:
        return np.asarray(np.quantile(train.y, levels, axis=0).T.ravel())
    weighted = np.quantile(train.y, levels, axis=0, weights=train.weight, method="inverted_cdf")
    return np.asarray(weighted.T.ravel())
