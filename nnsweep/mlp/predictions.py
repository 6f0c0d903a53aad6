"""Predictions: what K networks say of the same samples, beside what is true, and the counts that measures are made of.

Everything is computed when the first measure asks for it, and once. Samples of weight 0 are left out from the start, so
that they count in no measure, not even as a class that occurs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np

from nnsweep.mlp.arrays import BoolArray, FloatArray, IntArray, Targets, Task
from nnsweep.mlp.losses import softmax

Evaluate: TypeAlias = "Callable[[Predictions], FloatArray]"


class Counts(NamedTuple):
    """How often classes or labels are predicted and true, as sums of weights.

    Attributes
    ----------
    both : ndarray of shape (K, m)
        Predicted and true: the true positives.
    predicted : ndarray of shape (K, m)
        Predicted, rightly or not.
    actual : ndarray of shape (K, m)
        True, predicted or not.
    """

    both: FloatArray
    predicted: FloatArray
    actual: FloatArray


class Ranking(NamedTuple):
    """Sums of weights of the samples down to each, from the highest score on; one ranking for each class or label.

    Samples of equal score come together: their sums change at the last of them.

    Attributes
    ----------
    positive : ndarray of shape (K, m, n_samples)
        Of the samples that are of the class.
    negative : ndarray of shape (K, m, n_samples)
        Of the others.
    """

    positive: FloatArray
    negative: FloatArray


@dataclass(eq=False)
class Predictions:
    """Outputs of K networks for the samples of one part.

    Attributes
    ----------
    task : {"classification", "multilabel", "regression"}
        What the outputs mean.
    outputs : ndarray of shape (K, n_samples, n_outputs)
        Logits of classes or labels, or numbers in the targets' own units; float32 is turned into float64.
    y : ndarray of shape (n_samples,) or (n_samples, m)
        Class numbers; 0 and 1 for each label; or targets.
    weight : ndarray of shape (n_samples,) or None
        How much each sample counts; None for all alike.
    costs : ndarray of shape (K, n_samples) or None
        What the training's loss makes of each sample.
    quantiles : tuple of float
        Which quantiles of each target the outputs are, target by target; empty if they are the targets themselves.
    """

    task: Task
    outputs: FloatArray
    y: Targets
    weight: FloatArray | None = None
    costs: FloatArray | None = None
    quantiles: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        self.outputs = self.outputs.astype(np.float64, copy=False)
        if self.weight is not None and not self.weight.all():
            counts = self.weight > 0
            self.outputs, self.y, self.weight = self.outputs[:, counts], self.y[counts], self.weight[counts]
            self.costs = None if self.costs is None else self.costs[:, counts]

    def mean(self, values: FloatArray | BoolArray) -> FloatArray:
        """Average over the samples as they count, (K, n_samples, ...) to (K, ...), in float64."""
        values = values.astype(np.float64, copy=False)
        if self.weight is None:
            return np.asarray(values.mean(axis=1))
        weight = self.weight.reshape(-1, *(1,) * (values.ndim - 2))
        return np.asarray((values * weight).sum(axis=1) / self.weight.sum())

    @cached_property
    def labels(self) -> IntArray:
        """The predicted class, (K, n_samples): of equal logits the first; or each label as 0 or 1, (K, n_samples, m).

        A label is predicted where its logit is above 0: its probability is above one half.
        """
        if self.task == "classification":
            return np.asarray(self.outputs.argmax(axis=2))
        return (self.outputs > 0).astype(np.int64)

    @cached_property
    def is_right(self) -> BoolArray:
        """Whether the class, or every one of the labels, is predicted, (K, n_samples)."""
        same = np.asarray(self.labels == self.y)
        return same if self.task == "classification" else np.asarray(same.all(axis=2))

    @cached_property
    def probabilities(self) -> FloatArray:
        """The softmax of the classes' logits, or each label's ``1 / (1 + exp(-logit))``, (K, n_samples, m)."""
        if self.task == "classification":
            return softmax(self.outputs)
        from scipy.special import expit  # its import takes as long as NumPy's, and most measures need none of it

        return np.asarray(expit(self.outputs))

    @cached_property
    def is_actual(self) -> BoolArray:
        """Whether a sample is of a class, or a label is true of it, (n_samples, m)."""
        if self.task == "classification":
            return np.asarray(self.y[:, np.newaxis] == np.arange(self.outputs.shape[2]))
        return self.y.astype(bool)

    @cached_property
    def confusion(self) -> FloatArray:
        """Weights of the samples of each class, by what was predicted, (K, n_classes, n_classes): rows are true."""
        n_networks, _, n_classes = self.outputs.shape
        cells = (np.arange(n_networks)[:, np.newaxis] * n_classes + self.y) * n_classes + self.labels
        weights = None if self.weight is None else np.broadcast_to(self.weight, cells.shape).ravel()
        sums = np.bincount(cells.ravel(), weights, minlength=n_networks * n_classes**2)
        return sums.reshape(n_networks, n_classes, n_classes).astype(np.float64)

    @cached_property
    def counts(self) -> Counts:
        """How often each class or label is predicted and true."""
        if self.task == "classification":
            by_class = self.confusion
            return Counts(np.diagonal(by_class, axis1=1, axis2=2), by_class.sum(axis=1), by_class.sum(axis=2))
        weight = np.ones((len(self.y), 1)) if self.weight is None else self.weight[:, np.newaxis]
        actual = (self.y * weight).sum(axis=0)
        predicted = self.labels * weight
        both = (predicted * self.y).sum(axis=1)
        return Counts(both, predicted.sum(axis=1), np.broadcast_to(actual, both.shape))

    @cached_property
    def ranking(self) -> Ranking:
        """Rank the samples by the probability of each class or label; with two classes, by that of the second alone."""
        columns = slice(1, 2) if self.task == "classification" and self.outputs.shape[2] == 2 else slice(None)
        # one class after the other in memory, so that each is sorted and summed up where it lies
        scores = np.negative(self.probabilities[:, :, columns].swapaxes(1, 2), order="C")
        order = np.argsort(scores, axis=2)
        scores = np.take_along_axis(scores, order, axis=2)
        is_last = np.ones(scores.shape, dtype=bool)
        np.not_equal(scores[:, :, 1:], scores[:, :, :-1], out=is_last[:, :, :-1])
        actual = self.is_actual[:, columns].T
        weight = 1 if self.weight is None else self.weight

        def add(weights: FloatArray | BoolArray) -> FloatArray:
            sums = np.take_along_axis(np.broadcast_to(weights, scores.shape), order, axis=2).cumsum(axis=2, dtype=float)
            sums *= is_last
            np.maximum.accumulate(sums, axis=2, out=sums)
            sums[np.isnan(scores[:, :, -1])] = np.nan  # they come last
            return sums

        return Ranking(add(actual * weight), add(~actual * weight))

    @cached_property
    def values(self) -> FloatArray:
        """The predicted targets, (K, n_samples, n_targets); of quantiles the one that is nearest to the median."""
        if not self.quantiles:
            return self.outputs
        middle = int(np.argmin(np.abs(np.array(self.quantiles) - 0.5)))
        return self.outputs[:, :, middle :: len(self.quantiles)]

    @cached_property
    def errors(self) -> FloatArray:
        """Predicted less true targets, (K, n_samples, n_targets)."""
        return np.asarray(self.values - self.y)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """How good predictions are, as one number for each network.

    Attributes
    ----------
    name : str
        As scikit-learn calls it.
    tasks : tuple of str
        What it can be measured of.
    greater_is_better : bool
        Whether a higher value is better.
    bounds : tuple of float
        The lowest and the highest value that there can be.
    evaluate : callable
        Takes `Predictions` and returns an array of shape (K,); NaN where the measure is not defined.
    """

    name: str
    tasks: tuple[Task, ...]
    greater_is_better: bool
    bounds: tuple[float, float]
    evaluate: Evaluate


class Measures(dict[str, Measure]):
    """Measures by name, each registered where it is written."""

    def register(
        self, *tasks: Task, greater_is_better: bool = True, bounds: tuple[float, float] = (0.0, 1.0)
    ) -> Callable[[Evaluate], Evaluate]:
        """Take a function in as the measure of its name; NumPy says nothing of what is not a number in it."""

        def add(function: Evaluate) -> Evaluate:
            evaluate = np.errstate(all="ignore")(function)
            self[function.__name__] = Measure(
                name=function.__name__,
                tasks=tasks,
                greater_is_better=greater_is_better,
                bounds=bounds,
                evaluate=evaluate,
            )
            return evaluate

        return add
