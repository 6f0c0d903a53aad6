"""What the best network of a training gives on examples: its outputs, and what they come to on the test part.

An evaluation is made once, when a training has ended. It says which classes are taken for which, and how far the
confidence of the network can be trusted; of numbers, how far each prediction is off.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnsweep.mlp.arrays import Features, FloatArray, IntArray, Task
from nnsweep.mlp.batches import Shared, prepare_inputs
from nnsweep.mlp.classification_measures import count_by_confidence
from nnsweep.mlp.losses import Loss, softmax
from nnsweep.mlp.network import Layers, Network, forward, make_buffers
from nnsweep.mlp.targets import fit_target_scaling
from nnsweep.mlp.train import Splits, leave_out_weightless

OUTPUT_BYTES = 2**24
"""What the values of all layers may take at once when outputs are computed."""
TEMPERATURES = 0.01, 100.0
"""The lowest and the highest temperature that is fitted."""
_STEPS = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """What a run's network does on the test part at its best epoch; what its task does not have is empty.

    Attributes
    ----------
    task : {"classification", "multilabel", "regression"}
        What was learned.
    epoch : int
        The best epoch.
    test_digest : str
        SHA-256 of the test set: runs with the same digest have the same examples in the same order.
    names : tuple of str
        Of the classes, labels or targets.
    confusion : ndarray of int, shape (n_classes, n_classes) or (n_labels, 2, 2)
        How many examples of each class, by row, were taken for each class, by column. With several labels, how many
        examples without and with each label, by row, were predicted not to have it and to have it.
    reliability : ndarray of shape (2, N_BINS, 3)
        Of each bin of confidence, how many examples it has, the sum of their confidences, and how many are right;
        first as the network is, then at its `temperature`. For classes alone; see `bin_confidences`.
    temperature : float
        What the logits are divided by; 1 for a network that was not calibrated.
    targets : ndarray of shape (n_test, n_targets)
        The targets of regression, in their units.
    errors : ndarray of shape (n_test, n_targets) or (n_test, n_targets * n_quantiles)
        What was predicted less the target, in the targets' units; of quantiles target by target.
    quantiles : tuple of float
        Which quantiles were predicted; empty if the targets themselves were.
    """

    task: Task
    epoch: int
    test_digest: str
    names: tuple[str, ...]
    confusion: IntArray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    reliability: FloatArray = field(default_factory=lambda: np.zeros((2, 0, 3)))
    temperature: float = 1.0
    targets: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    errors: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    quantiles: tuple[float, ...] = ()


def evaluate(
    network: Network, layers: Layers, splits: Splits, loss: Loss, *, temperature: float = 1.0, **facts: Any
) -> Evaluation:
    """Evaluate a trained network on the test part, each sample alike, whatever it weighs.

    Parameters
    ----------
    network, layers : Network, list of Layer
        The network, with K = 1.
    splits : Splits
        What it was trained on, with a test part.
    loss : Loss
        What it was trained by.
    temperature : float
        What its logits are divided by, for classes.
    **facts
        ``epoch``, ``test_digest`` and ``names`` of the `Evaluation`.
    """
    test = splits.test
    if test is None:
        raise ValueError("a network is evaluated on a test part, got None")
    outputs = compute_outputs(network, layers, test.X)
    if splits.task == "regression":
        scaling = fit_target_scaling(leave_out_weightless(splits.train))
        errors = scaling.restore(outputs) - np.repeat(test.y, loss.count_outputs(1), axis=1)
        found = {"targets": np.array(test.y), "errors": errors, "quantiles": loss.quantiles}
    elif splits.task == "multilabel":
        cells = 2 * test.y + (outputs > 0)  # which of the four cells of its label each one is in
        counts = np.stack([np.count_nonzero(cells == cell, axis=0) for cell in range(4)], axis=1)
        found = {"confusion": counts.reshape(-1, 2, 2)}
    else:
        confusion, reliability = evaluate_classes(outputs, test.y, temperature)
        found = {"confusion": confusion, "reliability": reliability, "temperature": temperature}
    return Evaluation(task=splits.task, **found, **facts)


def evaluate_classes(outputs: FloatArray, y: IntArray, temperature: float = 1.0) -> tuple[IntArray, FloatArray]:
    """Count what classes are taken for, and bin the confidences before and after the temperature is scaled.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_classes)
        Logits.
    y : ndarray of shape (n_samples,)
        Class numbers.
    temperature : float
        What the logits are divided by.

    Returns
    -------
    confusion : ndarray of int64, shape (n_classes, n_classes)
        See `Evaluation`; of equal logits the first wins.
    reliability : ndarray of shape (2, N_BINS, 3)
        See `Evaluation`.
    """
    n_classes = outputs.shape[1]
    predicted = outputs.argmax(axis=1)
    confusion = np.bincount(y * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    before = bin_confidences(outputs, y)
    after = before if temperature == 1 else bin_confidences(outputs / temperature, y)
    return confusion, np.stack([before, after])


def bin_confidences(outputs: FloatArray, y: IntArray) -> FloatArray:
    """Sort samples into bins of equal width by their confidence, the probability of the class that is predicted.

    A confidence on the edge of two bins belongs to the lower one.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_classes)
        Logits; a sample without a probability, whose logits are not finite, is in no bin.
    y : ndarray of shape (n_samples,)
        Class numbers.

    Returns
    -------
    ndarray of float64, shape (N_BINS, 3)
        Of each bin its number of samples, the sum of their confidences, and how many are right.

    Examples
    --------
    >>> bins = bin_confidences(np.log([[0.9, 0.1], [0.95, 0.05], [0.22, 0.78]]), np.array([0, 1, 1]))
    >>> bins[[11, 13, 14]].round(2).tolist()
    [[1.0, 0.78, 1.0], [1.0, 0.9, 1.0], [1.0, 0.95, 0.0]]
    """
    confidences = softmax(outputs).max(axis=1)
    known, is_right = np.isfinite(confidences), outputs.argmax(axis=1) == y
    bins: FloatArray = count_by_confidence(confidences[np.newaxis, known], is_right[np.newaxis, known])[0]
    return bins


def calibration_error(bins: FloatArray) -> float:
    """Give the expected calibration error, the mean distance from a sample's confidence to the accuracy in its bin.

    ``sum(n_b * |accuracy_b - confidence_b|) / n`` over the bins.

    Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, 2017, equation 3.

    Parameters
    ----------
    bins : ndarray of shape (n_bins, 3)
        Of `bin_confidences`.

    Returns
    -------
    float
        From 0 to 1; NaN without samples.

    Examples
    --------
    >>> calibration_error(np.array([[10.0, 7.0, 6.0], [10.0, 9.5, 9.0]]))
    0.075
    """
    n_samples, confidence, n_right = bins.T
    total = n_samples.sum()
    return float(np.abs(n_right - confidence).sum() / total) if total else float("nan")


def measure_calibration(evaluation: Evaluation) -> dict[str, float]:
    """Give the calibration errors of a network for classes as metrics: as it is, and at its temperature."""
    before, after = map(calibration_error, evaluation.reliability)
    return {"test_ece": before, "test_calibrated_ece": after}


def fit_temperature(outputs: FloatArray, y: IntArray, weight: FloatArray | None = None) -> float:
    """Find the temperature at which the logits have the smallest log loss.

    The log loss is convex in ``1 / temperature``. Its slope there is the mean of ``sum(p * z) - z[y]``, with the
    probabilities ``p = softmax(z / temperature)``; its root is found by Newton's method within bounds that close in.

    Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, 2017, section 4.2.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_classes)
        Logits of samples that the network was not trained on.
    y : ndarray of shape (n_samples,)
        Class numbers.
    weight : ndarray of shape (n_samples,) or None
        How much each sample counts.

    Returns
    -------
    float
        Within `TEMPERATURES`: above 1 for an overconfident network. 1 where every sample is right, since the log loss
        then has no minimum, and where there is no sample or a logit is not finite.

    Examples
    --------
    >>> outputs = np.array([[4.0, 0.0]] * 4)
    >>> round(fit_temperature(outputs, np.array([0, 0, 0, 1])), 4)  # 4 / log(3)
    3.641
    """
    weights = np.ones(len(y)) if weight is None else weight
    outputs, y, weights = outputs[weights > 0], y[weights > 0], weights[weights > 0]
    true = outputs[np.arange(len(y)), y]
    if not len(y) or not np.isfinite(outputs).all() or (true == outputs.max(axis=1)).all():
        return 1.0
    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    inverse = 1.0
    for _ in range(_STEPS):
        probabilities = softmax(outputs * inverse)
        mean = (probabilities * outputs).sum(axis=1)
        slope = np.average(mean - true, weights=weights)
        curvature = np.average((probabilities * (outputs - mean[:, None]) ** 2).sum(axis=1), weights=weights)
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        following = inverse - slope / curvature if curvature > 0 else np.inf
        if not low < following < high:
            following = (low + high) / 2
        if abs(following - inverse) <= 1e-12 * inverse:
            break
        inverse = following
    return float(1 / inverse)


def compute_outputs(network: Network, layers: Layers, X: Features) -> FloatArray:
    """Pass features through a trained network, a few rows at a time.

    Parameters
    ----------
    network, layers : Network, list of Layer
        The network, with K = 1.
    X : ndarray or csr_array of shape (n_samples, n_features)
        Features.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_outputs)
        In float64 whatever the precision of the training: a sample's outputs then do not depend on its neighbours, but
        for the last bits of that.
    """
    doubled = [layer.map(lambda array: array.astype(np.float64)) for layer in layers]
    widths = sum(layer.W.shape[2] for layer in layers) + (X.shape[1] if isinstance(X, np.ndarray) else 0)
    step = max(1, OUTPUT_BYTES // (8 * widths))
    blocks = [X[start : start + step].astype(np.float64, copy=False) for start in range(0, X.shape[0], step)]
    outputs = []
    with np.errstate(over="ignore", invalid="ignore"):
        for block in blocks:
            buffers = make_buffers(network, doubled, block.shape[0], back=False)
            # a copy of the transposed features would only serve the way back
            inputs = Shared(block, block.T) if isinstance(block, np.ndarray) else prepare_inputs(block)
            outputs.append(forward(network, doubled, inputs, into=buffers).a[-1][0])
    return np.concatenate(outputs)
