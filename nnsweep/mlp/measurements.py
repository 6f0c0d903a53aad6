"""Measurements: the accuracy of networks after an epoch, and the choice of the epoch that counts.

Accuracy is the share of samples whose class has the largest logit. The validation and the test part go through the
networks together, in one pass. The cost is measured from the same logits, on the part that decides which epoch is best.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nnsweep.mlp.arrays import BoolArray, Examples, FloatArray, IntArray
from nnsweep.mlp.batches import SharedInputs, cut_tiles
from nnsweep.mlp.losses import sample_costs
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
        self._tiles: list[tuple[SharedInputs, IntArray]] = []
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
            weights = class_weights[np.concatenate([y for _, y in self._tiles])[: self._n_selecting]]
            weights = weights if weights.any() else None  # where none weighs anything, all samples count alike
            measured[f"{self._selecting}_weighted_accuracy"] = _mean(right[:, : self._n_selecting], weights)
        measured[f"{self._selecting}_cost"] = _mean(costs, weights)
        return Measurement(**measured)

    def _pass(self, stack: Stack) -> tuple[BoolArray, FloatArray]:
        """Say which samples are right, (K, n_samples), and what those cost that the best epoch is chosen by."""
        starts = np.cumsum([0, *(X.n_samples for X, _ in self._tiles)])
        right: list[BoolArray] = []
        costs: list[FloatArray] = []

        def measure(thread: int, number: int) -> tuple[BoolArray, FloatArray]:
            X, y = self._tiles[number]
            logits = self._logits(stack, X, thread)
            n_costs = max(0, min(X.n_samples, self._n_selecting - int(starts[number])))
            is_right: BoolArray = logits.argmax(axis=2) == y
            return is_right, sample_costs(logits[:, :n_costs], y[:n_costs])

        def take(thread: int, number: int, measured: tuple[BoolArray, FloatArray]) -> None:
            right.append(measured[0])
            costs.append(measured[1])

        n_products = stack.products_a_sample * int(starts[1])
        self._threads.in_order(len(self._tiles), measure, take, n_products=n_products)
        return np.concatenate(right, axis=1), np.concatenate(costs, axis=1)

    @np.errstate(over="ignore", invalid="ignore")
    def _logits(self, stack: Stack, X: SharedInputs, thread: int) -> FloatArray:
        key = thread, X.n_samples
        if key not in self._buffers:
            self._buffers[key] = make_buffers(
                stack.network, stack.layers, X.n_samples, by_unit=stack.full_batch, back=False
            )
        return forward(stack.network, stack.layers, X, into=self._buffers[key]).a[-1]


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
COSTS = ("val_cost", "test_cost")
"""What decides between equal accuracies: the first of these that is measured."""


class Score(NamedTuple):
    """What networks or epochs are judged by.

    Attributes
    ----------
    accuracy : ndarray, or float of a single one
        ``-inf`` where the cost is not a number.
    cost : ndarray of the same shape, or float
        ``inf`` where it is not a number.
    """

    accuracy: Any
    cost: Any


def score(measured: Mapping[str, Any]) -> Score | None:
    """Find what decides among what was measured.

    Parameters
    ----------
    measured : mapping of str to ndarray or None
        An epoch of several networks or a history of one, with any of `ACCURACIES` and `COSTS`. Costs may be missing,
        as in histories of earlier versions: all are taken as equal then.

    Returns
    -------
    Score or None
        None where no accuracy was measured.
    """
    accuracy, cost = (
        next((measured[name] for name in names if measured.get(name) is not None), None)
        for names in (ACCURACIES, COSTS)
    )
    if accuracy is None:
        return None
    cost = np.zeros(np.shape(accuracy)) if cost is None else cost
    lost = np.isnan(cost)
    return Score(np.where(lost, -np.inf, accuracy), np.where(lost, np.inf, cost))


def is_better(one: Score, best: Score) -> BoolArray:
    """Tell whether an epoch is to be preferred to the best of those before it, elementwise."""
    better: BoolArray = (one.accuracy > best.accuracy) | ((one.accuracy == best.accuracy) & (one.cost <= best.cost))
    return better


def select_epoch(history: Mapping[str, FloatArray]) -> int:
    """Choose the best epoch of a recorded training that did not diverge.

    Parameters
    ----------
    history : mapping of str to ndarray of shape (n_epochs + 1,)
        Its curves, as `nnsweep.mlp.history.Trained.history` gives them; NaN where nothing was measured.

    Returns
    -------
    int
        The epoch; the last one where no accuracy was measured at all.

    Examples
    --------
    >>> curves = {"epoch": np.arange(4), "val_accuracy": np.array([0.5, 0.9, 0.9, 0.8])}
    >>> select_epoch(curves | {"val_cost": np.array([0.7, 0.3, 0.2, 0.1])})
    2
    >>> select_epoch(curves | {"val_cost": np.array([0.7, 0.2, 0.3, 0.1])})
    1
    """
    epochs = np.asarray(history["epoch"])
    if (scores := score(history)) is None:
        return int(epochs[-1])
    measured = np.flatnonzero(~np.isnan(next(history[name] for name in ACCURACIES if name in history)))
    order = np.lexsort((epochs[measured], -scores.cost[measured], scores.accuracy[measured]))
    return int(epochs[measured][order[-1]])


class Patience:
    """When each network's validation accuracy last rose, or its cost fell at that same accuracy.

    Parameters
    ----------
    n_members : int
        How many networks there are.
    patience : int or None
        Epochs that a network may go without a rise; None for any number.
    min_delta : float
        By how much the accuracy must rise to count. At an accuracy that is equal to that of the last rise, any lower
        cost counts.
    """

    def __init__(self, n_members: int, patience: int | None, min_delta: float) -> None:
        self._best = Score(np.full(n_members, -np.inf), np.full(n_members, np.inf))
        self._best_epoch = np.zeros(n_members, dtype=np.int64)
        self._patience, self._min_delta = patience, min_delta

    def resume(self, number: int, accuracy: float, cost: float, epoch: int) -> None:
        """Go on from what `best` gave of a network."""
        self._best.accuracy[number], self._best.cost[number], self._best_epoch[number] = accuracy, cost, epoch

    def best(self, number: int) -> tuple[float, float, int]:
        """Return accuracy, cost and epoch of what counted last as a rise of a network."""
        return float(self._best.accuracy[number]), float(self._best.cost[number]), int(self._best_epoch[number])

    def is_exhausted(self, members: IntArray, epoch: int, measured: Mapping[str, Any]) -> BoolArray:
        """Tell which of the `members` have waited long enough; the answer comes when accuracy is measured."""
        if self._patience is None or (scores := score(measured)) is None:
            return np.zeros(len(members), dtype=bool)
        accuracy, cost = self._best.accuracy[members], self._best.cost[members]
        rises = scores.accuracy > accuracy + self._min_delta
        rises |= (scores.accuracy == accuracy) & (scores.cost < cost)
        self._best.accuracy[members[rises]] = scores.accuracy[rises]
        self._best.cost[members[rises]] = scores.cost[rises]
        self._best_epoch[members[rises]] = epoch
        return np.asarray(epoch - self._best_epoch[members] >= self._patience)
