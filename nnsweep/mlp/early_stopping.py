"""Early stopping: which epoch of a training is the best, and when a network has waited long enough for a better one.

An epoch is better if its validation accuracy is higher, or its cost lower at the same accuracy. Where nothing is held
out for validation, the test part decides.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nnsweep.mlp.arrays import BoolArray, FloatArray, IntArray
from nnsweep.mlp.measurements import ACCURACIES

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
