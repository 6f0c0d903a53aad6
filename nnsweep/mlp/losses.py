"""A loss: what a network's outputs for a sample cost, and the derivative of that by the outputs.

The mean of the losses over the samples, each as it counts, is the cost that training lowers. Every task has losses of
its own; the functions registered here make them. The outputs are logits for classes and labels, and standardized
targets for numbers.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import numpy as np

from nnsweep.mlp.arrays import FloatArray, IntArray, Targets, Task
from nnsweep.mlp.choices import Choices, Fraction, Positive, Range

Slopes: TypeAlias = Callable[..., tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What training lowers.

    Attributes
    ----------
    name : str
        As the configuration has it.
    task : {"classification", "multilabel", "regression"}
        What networks learn by it.
    costs_and_slopes : callable
        ``(outputs, y, *, out=None, places=None)`` gives the loss of each sample, (K, n_samples), and its derivative by
        each output, (K, n_samples, n_outputs), written to `out` if that is given. `y` is shared by the K networks, as
        `nnsweep.mlp.arrays.Examples` has it, or has a leading axis of K. `places` is what `first_places` gives for
        `out`, if it is known. What overflows is not finite, and the caller asks NumPy to say nothing of it.
    costs : callable
        ``(outputs, y)`` gives the loss of each sample alone, (K, n_samples), for shared targets.
    quantiles : tuple of float
        Which quantiles of each target the outputs are; empty where each target has one output.
    """

    name: str
    task: Task
    costs_and_slopes: Slopes
    costs: Callable[[FloatArray, Targets], FloatArray]
    quantiles: tuple[float, ...] = ()

    def count_outputs(self, n_outputs: int) -> int:
        """Count the outputs of a network for so many classes, labels or targets."""
        return n_outputs * max(1, len(self.quantiles))


LOSSES: Choices[Callable[..., Loss | None]] = Choices("loss")
"""What makes a loss from its settings; None stands for the usual one of a task."""
DEFAULT_LOSSES: dict[Task, str] = {
    "classification": "cross_entropy",
    "multilabel": "binary_cross_entropy",
    "regression": "squared_error",
}
"""The usual loss of each task."""


def make_loss(loss: Loss | None, task: Task) -> Loss:
    """Give a loss that fits a task: the usual one for None.

    Raises
    ------
    ValueError
        If the loss is for another task.

    Examples
    --------
    >>> make_loss(None, "regression").name
    'squared_error'
    """
    found = loss or LOSSES[DEFAULT_LOSSES[task]]()
    assert found is not None
    if found.task != task:
        fitting = ", ".join(name for name, maker in LOSSES.items() if (one := maker()) and one.task == task)
        raise ValueError(f"loss={found.name} is for {found.task}, and this is {task}: use auto, {fitting}")
    return found


@LOSSES.register
def auto() -> None:
    """Take the usual loss of the task: cross-entropy for classes and labels, the squared error for numbers."""


@LOSSES.register
def cross_entropy(*, label_smoothing: Fraction = 0.0) -> Loss:
    """Softmax cross-entropy of one class a sample: ``logsumexp(z) - sum(t * z)``.

    The targets t are 1 at the sample's class and 0 elsewhere; smoothing by s makes them ``(1 - s) * t + s / n_classes``
    (Szegedy et al., Rethinking the Inception architecture for computer vision, 2016).
    """
    return Loss(
        name="cross_entropy",
        task="classification",
        costs_and_slopes=functools.partial(compute_cross_entropy, label_smoothing=label_smoothing),
        costs=functools.partial(sample_costs, label_smoothing=label_smoothing),
    )


@LOSSES.register
def binary_cross_entropy(*, label_smoothing: Fraction = 0.0) -> Loss:
    """Sigmoid cross-entropy of several labels: the sum over the labels of ``log(1 + exp(z)) - t * z``.

    Smoothing by s moves each target t to ``(1 - s) * t + s / 2``. The sum, and not the mean, over the labels is
    scikit-learn's gradient in ``MLPClassifier``.
    """

    def find(outputs: FloatArray, y: Targets) -> tuple[FloatArray, FloatArray]:
        t = np.asarray(y, outputs.dtype)
        if label_smoothing:
            t = t * (1 - label_smoothing) + label_smoothing / 2
        decay = np.exp(-np.abs(outputs))
        sigmoid = np.where(outputs >= 0, 1, decay) / (1 + decay)
        return np.maximum(outputs, 0) + np.log1p(decay) - t * outputs, sigmoid - t

    return _make_elementwise("binary_cross_entropy", "multilabel", find)


@LOSSES.register
def squared_error() -> Loss:
    """Half the squared residual, ``(z - t)**2 / 2``, summed over the targets: scikit-learn's ``MLPRegressor``."""

    def find(outputs: FloatArray, y: Targets) -> tuple[FloatArray, FloatArray]:
        residuals = outputs - y
        return residuals * residuals / 2, residuals

    return _make_elementwise("squared_error", "regression", find)


@LOSSES.register
def absolute_error() -> Loss:
    """Absolute residual, ``abs(z - t)``, summed over the targets; its slope at 0 is 0."""

    def find(outputs: FloatArray, y: Targets) -> tuple[FloatArray, FloatArray]:
        residuals = outputs - y
        return np.abs(residuals), np.sign(residuals)

    return _make_elementwise("absolute_error", "regression", find)


@LOSSES.register
def huber(*, delta: Positive = 1.0) -> Loss:
    """Huber's loss: ``r**2 / 2`` up to a residual r of `delta`, ``delta * (abs(r) - delta / 2)`` beyond.

    The unit of `delta` is the standard deviation of a target. Source: Huber, Robust estimation of a location parameter,
    1964.
    """

    def find(outputs: FloatArray, y: Targets) -> tuple[FloatArray, FloatArray]:
        residuals = outputs - y
        slopes = np.clip(residuals, -delta, delta)
        return slopes * (residuals - slopes / 2), slopes

    return _make_elementwise("huber", "regression", find)


Quantile = Annotated[float, Range(gt=0, lt=1)]


@LOSSES.register
def quantile(*, quantiles: tuple[Quantile, ...] = (0.1, 0.5, 0.9)) -> Loss:
    """Pinball loss of several quantiles q of each target, summed: ``max(q * (t - z), (q - 1) * (t - z))``.

    The outputs are the quantiles of the first target, of the second, and so on; the slope at ``z == t`` is 0. Source:
    Koenker and Bassett, Regression quantiles, 1978.
    """
    if not quantiles or list(quantiles) != sorted(set(quantiles)):
        raise ValueError(f"quantiles=[{','.join(map(str, quantiles))}]: must be different and rise")
    levels = np.array(quantiles)

    def find(outputs: FloatArray, y: Targets) -> tuple[FloatArray, FloatArray]:
        q = np.tile(levels, y.shape[-1]).astype(outputs.dtype)
        residuals = outputs - np.repeat(y, len(levels), axis=-1)
        slopes = np.where(residuals > 0, 1 - q, -q) * (residuals != 0)
        return residuals * slopes, slopes

    return _make_elementwise("quantile", "regression", find, quantiles=tuple(quantiles))


def _make_elementwise(
    name: str,
    task: Task,
    find: Callable[[FloatArray, Targets], tuple[FloatArray, FloatArray]],
    quantiles: tuple[float, ...] = (),
) -> Loss:
    """Make a loss that is a sum over the outputs of what each costs by itself, as `find` says with its slope."""

    def costs_and_slopes(
        outputs: FloatArray, y: Targets, *, out: FloatArray | None = None, places: IntArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        costs, slopes = find(outputs, y)
        if out is not None:
            np.copyto(out, slopes)
        return costs.sum(axis=2), slopes if out is None else out

    @np.errstate(over="ignore", invalid="ignore")
    def costs(outputs: FloatArray, y: Targets) -> FloatArray:
        total: FloatArray = find(outputs, y)[0].sum(axis=2)
        return total

    return Loss(name=name, task=task, costs_and_slopes=costs_and_slopes, costs=costs, quantiles=quantiles)


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
def sample_costs(logits: FloatArray, y: IntArray, *, label_smoothing: float = 0.0) -> FloatArray:
    """Cross-entropy of each sample alone, without its derivative: ``logsumexp(z) - z[y]`` where nothing is smoothed.

    Parameters
    ----------
    logits : ndarray of shape (K, n_samples, n_classes)
        The outputs of K networks; quickest if they lie class by class in memory.
    y : ndarray of shape (n_samples,)
        Class numbers.
    label_smoothing : float
        See `cross_entropy`.

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
    at_label = shifted[:, y, np.arange(len(y))]
    if label_smoothing:
        at_label = at_label * (1 - label_smoothing) + label_smoothing * shifted.mean(axis=1)
    costs: FloatArray = np.log(np.add.reduce(np.exp(shifted, out=shifted), axis=1))
    return np.subtract(costs, at_label, out=costs)


def compute_cross_entropy(
    logits: FloatArray,
    y: IntArray,
    *,
    out: FloatArray | None = None,
    places: IntArray | None = None,
    label_smoothing: float = 0.0,
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
    label_smoothing : float
        See `cross_entropy`.

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
    if label_smoothing:
        at_label = at_label * (1 - label_smoothing) + label_smoothing * by_class.mean(axis=1)
    np.exp(delta, out=delta)
    totals = np.add.reduce(by_class, axis=1)
    by_class /= totals[:, np.newaxis]
    numbers[labels] -= 1 - label_smoothing
    if label_smoothing:
        by_class -= label_smoothing / n_classes
    costs: FloatArray = np.log(totals, out=totals)
    costs -= at_label
    return costs, delta


def first_places(delta: FloatArray) -> IntArray:
    """Say where the number of class 0 of each sample lies in an array that lies class by class: (K, n_samples)."""
    n_networks, n_samples, n_classes = delta.shape
    places: IntArray = np.arange(n_networks)[:, np.newaxis] * (n_classes * n_samples) + np.arange(n_samples)
    return places
