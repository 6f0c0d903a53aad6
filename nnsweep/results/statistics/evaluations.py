"""Evaluations of the best configuration: what its networks do on the test part, summed over its runs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnsweep.results.frame import plain
from nnsweep.results.grouping import group_runs
from nnsweep.results.inputs import check_inputs
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.best_set import choose_first
from nnsweep.results.statistics.summary import sort_best_first
from nnsweep.tracking.record import Evaluation


class PooledEvaluation(NamedTuple):
    """The evaluations of one configuration's runs.

    Attributes
    ----------
    label : str
        The configuration.
    repeat : str
        What one of its runs is called, such as ``seed``.
    members : tuple of Evaluation
        One a run, all of the same task and of the same classes, labels or targets.
    """

    label: str
    repeat: str
    members: tuple[Evaluation, ...]

    @property
    def task(self) -> str:
        """What was learned: ``classification``, ``multilabel`` or ``regression``."""
        return self.members[0].task

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, labels or targets."""
        return self.members[0].names

    @property
    def confusion(self) -> NDArray[np.integer]:
        """The sum of the confusion matrices: rows are the true classes, columns what they were taken for."""
        total: NDArray[np.integer] = np.sum([one.confusion for one in self.members], axis=0)
        return total

    @property
    def reliability(self) -> NDArray[np.floating]:
        """The sum of the bins of confidence, before and after the temperature is scaled: (2, n_bins, 3)."""
        total: NDArray[np.floating] = np.sum([one.reliability for one in self.members], axis=0)
        return total

    @property
    def temperatures(self) -> list[float]:
        """The temperature of each run; empty unless some were calibrated."""
        found = [one.temperature for one in self.members]
        return found if any(temperature != 1 for temperature in found) else []

    @property
    def targets(self) -> NDArray[np.floating]:
        """The true targets of all runs' test examples, one run after the other: (n, n_targets)."""
        return np.concatenate([one.targets for one in self.members])

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Which quantiles were predicted, in the order of the outputs; empty if the targets themselves were."""
        return self.members[0].quantiles

    @property
    def coverage(self) -> NDArray[np.floating]:
        """The share of each target's values between the lowest and the highest predicted quantile: (n_targets,)."""
        by_quantile = np.concatenate([one.errors for one in self.members])
        by_quantile = by_quantile.reshape(len(by_quantile), len(self.names), len(self.quantiles))
        low, high = (by_quantile[..., choose(self.quantiles)] for choose in (np.argmin, np.argmax))
        shares: NDArray[np.floating] = ((low <= 0) & (high >= 0)).mean(axis=0)
        return shares

    @property
    def errors(self) -> NDArray[np.floating]:
        """What was predicted less the target, in the same order; of quantiles the one that is nearest to the median."""
        quantiles = self.quantiles or (0.5,)
        middle = int(np.argmin(np.abs(np.array(quantiles) - 0.5)))
        return np.concatenate([one.errors[:, middle :: len(quantiles)] for one in self.members])


def pool_best(
    runs: pd.DataFrame,
    evaluations: Mapping[str, Evaluation],
    metric: str | None = None,
    *,
    by: Sequence[str] | None = None,
    label: str | None = None,
) -> PooledEvaluation | None:
    """Gather the evaluations of the best configuration.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    evaluations : mapping
        ``{run_id: Evaluation}``, as `nnsweep.load_evaluations` gives them.
    metric : str, optional
        What it is best by.
    by : sequence of str, optional
        The columns that make a configuration.
    label : str, optional
        The configuration to gather instead of the best.

    Returns
    -------
    PooledEvaluation or None
        None where none of its runs that count has an evaluation. Runs on other classes than the first are left out.
    """
    check_inputs(runs=runs, evaluations=evaluations, metric=metric)
    metric = choose_metric(runs, metric)
    groups = sort_best_first(group_runs(runs, metric, by=by), metric)
    if not groups:
        return None
    best = next((group for group in groups if group.label == label), None) or choose_first(groups)
    ids = [str(plain(runs["run_id"])[row]) for row in best.counted.values()]
    found = [evaluations[run_id] for run_id in ids if run_id in evaluations]
    kinds = [(one.task, one.names, one.quantiles) for one in found]
    alike = tuple(one for one, kind in zip(found, kinds, strict=True) if kind == kinds[0])
    return PooledEvaluation(best.label, best.repeats.noun, alike) if alike else None


class ConfusedPair(NamedTuple):
    """Two classes, one of which was taken for the other.

    Attributes
    ----------
    true, predicted : str
        The names of the class, and of the one that it was taken for.
    n : int
        How often that happened.
    n_true : int
        How many examples the true class has, counted once a run.
    """

    true: str
    predicted: str
    n: int
    n_true: int


def find_confused_pairs(confusion: NDArray[np.integer], names: Sequence[str], most: int = 3) -> list[ConfusedPair]:
    """Find which classes were taken for which most often.

    Parameters
    ----------
    confusion : ndarray of shape (n_classes, n_classes)
        Counts of true classes, by row, and what they were taken for, by column.
    names : sequence of str
        The names of the classes.
    most : int
        How many pairs at most.

    Returns
    -------
    list of ConfusedPair
        The most frequent first; of equally frequent ones that which is the larger share of its class.

    Examples
    --------
    >>> find_confused_pairs(np.array([[8, 2], [1, 9]]), ["cat", "dog"], most=1)
    [ConfusedPair(true='cat', predicted='dog', n=2, n_true=10)]
    """
    sizes = confusion.sum(axis=1)
    pairs = [
        ConfusedPair(names[row], names[column], int(confusion[row, column]), int(sizes[row]))
        for row, column in np.argwhere(confusion)
        if row != column
    ]
    return sorted(pairs, key=lambda pair: (-pair.n, pair.n_true))[:most]
