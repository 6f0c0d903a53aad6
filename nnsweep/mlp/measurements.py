"""Measurements: the accuracy of networks after an epoch, and the cost on the part that decides.

Accuracy is the share of samples whose class has the largest logit. The validation and the test part go through the
networks together, in one pass. The cost is measured from the same logits, on the part that decides which epoch is best.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnsweep.mlp.arrays import BoolArray, Examples, FloatArray
from nnsweep.mlp.batches import Batch, Inputs, cut_tiles
from nnsweep.mlp.network import Buffers, forward, make_buffers
from nnsweep.mlp.stack import Stack
from nnsweep.mlp.threads import Threads


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurement:
    """What a stack of K networks gets right, and how sure it is of that.

    Attributes
    ----------
    val_accuracy : ndarray of shape (K,) or None
        Share of the validation part; None without one.
    test_accuracy : ndarray of shape (K,) or None
        Share of the test part: the mean of `test_right`; None without one.
    test_right : ndarray of bool, shape (K, n_test), or None
        Which examples of the test part each network gets right; None without one.
    val_cost : ndarray of shape (K,) or None
        Mean cross-entropy of the validation part, without weight decay, with class weights w
        ``sum(w[y_i] * cost_i) / sum(w[y_i])``; None without one. NaN where a logit is not finite.
    test_cost : ndarray of shape (K,) or None
        The same of the test part, where it takes the place of a validation part; None where there is one.
    val_weighted_accuracy : ndarray of shape (K,) or None
        With class weights w, ``sum(w[y_i] * right_i) / sum(w[y_i])`` of the validation part, so that the choice of
        the best epoch wants what the training wants; None without class weights that differ.
    test_weighted_accuracy : ndarray of shape (K,) or None
        The same of the test part, where it takes the place of a validation part.
    """

    val_accuracy: FloatArray | None = None
    test_accuracy: FloatArray | None = None
    test_right: BoolArray | None = None
    val_cost: FloatArray | None = None
    test_cost: FloatArray | None = None
    val_weighted_accuracy: FloatArray | None = None
    test_weighted_accuracy: FloatArray | None = None


NOT_MEASURED = Measurement()


class Accuracy:
    """Measures stacks on the same examples, as often as wanted.

    Parameters
    ----------
    val, test : Examples
        The parts; either may be absent.
    threads : Threads or None
        Who shares their tiles; None for this thread alone.
    """

    def __init__(self, val: Examples | None, test: Examples | None, threads: Threads | None = None) -> None:
        self._threads = threads or Threads()
        self._n_val = 0 if val is None else val.n_samples
        self._has_test = test is not None
        self._selecting = "val" if val is not None else "test"
        self._n_selecting = self._n_val or (0 if test is None else test.n_samples)
        self._examples = _join(val, test)
        self._tiles: list[Batch] = []
        self._buffers: dict[tuple[int, int], Buffers] = {}
        self._n_networks = 0

    def __call__(self, stack: Stack) -> Measurement:
        """Measure the networks of a stack.

        Parameters
        ----------
        stack : Stack
            Of K networks.

        Returns
        -------
        Measurement
            Of equal logits the first wins.
        """
        if self._examples is None:
            return NOT_MEASURED
        if len(stack.learners) != self._n_networks:
            self._n_networks = len(stack.learners)
            self._tiles = cut_tiles(self._examples, bytes_a_sample=stack.bytes_a_sample)
            self._buffers.clear()
        right, costs = self._pass(stack)
        on_val, on_test = right[:, : self._n_val], right[:, self._n_val :]
        measured: dict[str, Any] = {}
        if self._n_val:
            measured["val_accuracy"] = on_val.mean(axis=1)
        if self._has_test:
            measured |= {"test_accuracy": on_test.mean(axis=1), "test_right": on_test}
        class_weights = stack.class_weights
        weights: FloatArray | None = None
        if class_weights is not None and (class_weights != class_weights[0]).any():
            weights = class_weights[np.concatenate([tile.y for tile in self._tiles])[: self._n_selecting]]
            weights = weights if weights.any() else None  # where none weighs anything, all samples count alike
            measured[f"{self._selecting}_weighted_accuracy"] = _mean(right[:, : self._n_selecting], weights)
        measured[f"{self._selecting}_cost"] = _mean(costs, weights)
        return Measurement(**measured)

    def _pass(self, stack: Stack) -> tuple[BoolArray, FloatArray]:
        """Say which samples are right, (K, n_samples), and what those cost that the best epoch is chosen by."""
        starts = np.cumsum([0, *(tile.X.n_samples for tile in self._tiles)])
        right: list[BoolArray] = []
        costs: list[FloatArray] = []

        def measure(thread: int, number: int) -> tuple[BoolArray, FloatArray]:
            X, y, _ = self._tiles[number]
            logits = self._logits(stack, X, thread)
            n_costs = max(0, min(X.n_samples, self._n_selecting - int(starts[number])))
            is_right: BoolArray = logits.argmax(axis=2) == y
            return is_right, stack.loss.costs(logits[:, :n_costs], y[:n_costs])

        def take(thread: int, number: int, measured: tuple[BoolArray, FloatArray]) -> None:
            right.append(measured[0])
            costs.append(measured[1])

        n_products = stack.products_a_sample * int(starts[1])
        self._threads.in_order(len(self._tiles), measure, take, n_products=n_products)
        return np.concatenate(right, axis=1), np.concatenate(costs, axis=1)

    @np.errstate(over="ignore", invalid="ignore")
    def _logits(self, stack: Stack, X: Inputs, thread: int) -> FloatArray:
        key, layers = (thread, X.n_samples), stack.measured_layers
        if key not in self._buffers:
            self._buffers[key] = make_buffers(stack.network, layers, X.n_samples, by_unit=stack.full_batch, back=False)
        return forward(stack.network, layers, X, into=self._buffers[key]).a[-1]


@np.errstate(over="ignore", invalid="ignore")
def _mean(values: FloatArray | BoolArray, weights: FloatArray | None) -> FloatArray:
    """Average over the samples: (K, n_samples) to (K,), in float64 whatever the precision of the values."""
    values = values.astype(np.float64)
    return np.asarray(values.mean(axis=1) if weights is None else (values * weights).sum(axis=1) / weights.sum())


def _join(one: Examples | None, other: Examples | None) -> Examples | None:
    if one is None or other is None:
        return other if one is None else one
    y = np.concatenate([one.y, other.y])
    if not (isinstance(one.X, np.ndarray) or isinstance(other.X, np.ndarray)):
        from scipy.sparse import csr_array, vstack

        return Examples(csr_array(vstack([one.X, other.X])), y)
    return Examples(np.concatenate([np.asarray(one.X), np.asarray(other.X)]), y)


ACCURACIES = ("val_weighted_accuracy", "val_accuracy", "test_weighted_accuracy", "test_accuracy")
"""What epochs are chosen by: the first of these that is measured."""
