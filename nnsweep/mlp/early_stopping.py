"""Early stopping: which epoch of a training is the best, and when a network has waited long enough for a better one.

An epoch is better if its value of the selected measure is better, or its cost lower at the same value. Where nothing is
held out for validation, the test part decides.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from nnsweep.mlp.arrays import BoolArray, FloatArray, IntArray, Task
from nnsweep.mlp.measures import SELECTED, find_measure

COSTS = ("val_cost", "test_cost")
"""What decides between equal values: the first of these that is measured."""


class Score(NamedTuple):
    """What networks or epochs are judged by.

    Attributes
    ----------
    value : ndarray, or float of a single one
        The selected measure, with its sign turned where lower is better; ``-inf`` where it or the cost is no number.
    cost : ndarray of the same shape, or float
        ``inf`` where it is no number.
    """

    value: Any
    cost: Any


class Selection(NamedTuple):
    """The measure that epochs are chosen by.

    Attributes
    ----------
    measure : str
        Its name.
    greater_is_better : bool
        Whether a higher value of it is better.
    """

    measure: str = "accuracy"
    greater_is_better: bool = True

    @classmethod
    def of(cls, select: str | None, task: Task) -> "Selection":
        """Read a setting such as ``val_log_loss``; None for what is usual for a task.

        Raises
        ------
        ValueError
            If it is not a measure of the validation part.
        """
        select = select or f"val_{SELECTED[task]}"
        measure = find_measure(select)
        if measure is None or select != f"val_{measure.name}":
            raise ValueError(f"`select` must be val_ and a measure, as in val_{SELECTED[task]}, got {select!r}")
        return cls(measure.name, measure.greater_is_better)

    @classmethod
    def of_record(cls, select: str | None, curves: Iterable[str]) -> "Selection":
        """Read the setting of a recorded training, whose task shows in its curves."""
        known = {*curves}
        tasks = (task for task, name in SELECTED.items() if known & {f"val_{name}", f"test_{name}"})
        return cls.of(select, next(tasks, "classification"))

    @property
    def curves(self) -> tuple[str, ...]:
        """What decides: the first of these that is measured."""
        return tuple(f"{part}_{kind}{self.measure}" for part in ("val", "test") for kind in ("weighted_", ""))

    def find_values(self, measured: Mapping[str, Any]) -> Any:
        """Find the values that decide among what was measured, as they are; None where there are none."""
        return next((measured[name] for name in self.curves if measured.get(name) is not None), None)

    def orient(self, values: Any) -> Any:
        """Turn the sign of values where lower ones are better."""
        return values if self.greater_is_better else -values

    def score(self, measured: Mapping[str, Any]) -> Score | None:
        """Judge what was measured.

        Parameters
        ----------
        measured : mapping of str to ndarray or None
            The curves of an epoch, for several networks, or of one network's history. Costs may be missing, as in
            histories of earlier versions: all are taken as equal then.

        Returns
        -------
        Score or None
            None where the selected measure was not measured.
        """
        values = self.find_values(measured)
        if values is None:
            return None
        cost = np.zeros(np.shape(values)) if (costs := _find_costs(measured)) is None else costs
        lost = np.isnan(cost)
        value = np.where(lost | np.isnan(values), -np.inf, self.orient(values))
        return Score(value, np.where(lost, np.inf, cost))


DEFAULT_SELECTION = Selection()
"""Accuracy, which every classification is chosen by that does not say otherwise."""


def is_better(one: Score, best: Score) -> BoolArray:
    """Tell whether an epoch is to be preferred to the best of those before it, elementwise."""
    better: BoolArray = (one.value > best.value) | ((one.value == best.value) & (one.cost <= best.cost))
    return better


def select_epoch(history: Mapping[str, FloatArray], selection: Selection = DEFAULT_SELECTION) -> int:
    """Choose the best epoch of a recorded training that did not diverge.

    Parameters
    ----------
    history : mapping of str to ndarray of shape (n_epochs + 1,)
        Its curves, as `nnsweep.mlp.history.Trained.history` gives them; NaN where nothing was measured.
    selection : Selection
        What epochs are chosen by.

    Returns
    -------
    int
        The epoch; the last one where nothing was measured at all.

    Examples
    --------
    >>> curves = {"epoch": np.arange(4), "val_accuracy": np.array([0.5, 0.9, 0.9, 0.8])}
    >>> select_epoch(curves | {"val_cost": np.array([0.7, 0.3, 0.2, 0.1])})
    2
    >>> select_epoch(curves | {"val_cost": np.array([0.7, 0.2, 0.3, 0.1])})
    1
    """
    epochs = np.asarray(history["epoch"])
    if (scores := selection.score(history)) is None:
        return int(epochs[-1])
    is_measured = ~np.isnan(selection.find_values(history))
    if (costs := _find_costs(history)) is not None:  # it has one even where the measure is not defined on its part
        is_measured |= ~np.isnan(costs)
    measured = np.flatnonzero(is_measured)
    order = np.lexsort((epochs[measured], -scores.cost[measured], scores.value[measured]))
    return int(epochs[measured][order[-1]]) if len(order) else int(epochs[-1])


def _find_costs(measured: Mapping[str, Any]) -> Any:
    return next((measured[name] for name in COSTS if measured.get(name) is not None), None)


class Patience:
    """When each network's value of the selected measure last became better, or its cost lower at that same value.

    Parameters
    ----------
    n_members : int
        How many networks there are.
    patience : int or None
        Epochs that a network may go without a rise; None for any number.
    min_delta : float
        By how much the value must become better to count. At a value that is equal to that of the last rise, any lower
        cost counts.
    selection : Selection
        The measure.
    """

    def __init__(
        self, n_members: int, patience: int | None, min_delta: float, selection: Selection = DEFAULT_SELECTION
    ) -> None:
        self._best = Score(np.full(n_members, -np.inf), np.full(n_members, np.inf))
        self._best_epoch = np.zeros(n_members, dtype=np.int64)
        self._patience, self._min_delta, self._selection = patience, min_delta, selection

    def resume(self, number: int, value: float, cost: float, epoch: int) -> None:
        """Go on from what `best` gave of a network."""
        self._best.value[number], self._best.cost[number], self._best_epoch[number] = value, cost, epoch

    def best(self, number: int) -> tuple[float, float, int]:
        """Return value (of `Score`), cost and epoch of what counted last as a rise of a network."""
        return float(self._best.value[number]), float(self._best.cost[number]), int(self._best_epoch[number])

    def is_exhausted(self, members: IntArray, epoch: int, measured: Mapping[str, Any]) -> BoolArray:
        """Tell which of the `members` have waited long enough; the answer comes when something is measured."""
        if self._patience is None or (scores := self._selection.score(measured)) is None:
            return np.zeros(len(members), dtype=bool)
        value, cost = self._best.value[members], self._best.cost[members]
        rises = scores.value > value + self._min_delta
        rises |= (scores.value == value) & (scores.cost < cost)
        self._best.value[members[rises]] = scores.value[rises]
        self._best.cost[members[rises]] = scores.cost[rises]
        self._best_epoch[members[rises]] = epoch
        return np.asarray(epoch - self._best_epoch[members] >= self._patience)
