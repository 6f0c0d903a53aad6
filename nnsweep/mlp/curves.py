"""The curves of a training: which numbers each epoch of a network has, and which of them go to a store.

Every epoch has a learning rate and the cost of the training part. What is measured of the validation and the test part
besides depends on the training; its names are those of the curves, ``val_accuracy`` or ``test_cost``.
"""

from collections.abc import Iterable
from typing import NamedTuple

from nnsweep.mlp.measures import COST, SELECTED, find_measure


class Row(NamedTuple):
    """One epoch of one network.

    Attributes
    ----------
    epoch : int
        Epochs of training so far; 0 is the untrained network.
    learning_rate : float
        Rate of the last descent; the base rate at epoch 0.
    train_cost : float
        See `nnsweep.mlp.stack.Stack.train_costs`.
    measured : tuple of float
        What `nnsweep.mlp.measurements.Measurements` gives, in the order of its curves; NaN where nothing was measured.
    """

    epoch: int
    learning_rate: float
    train_cost: float
    measured: tuple[float, ...] = ()


TRAIN_CURVES = Row._fields[1:3]
"""The curves that every training has."""


def is_curve(metric: str) -> bool:
    """Tell whether a metric of this name has a value for every epoch; it may be a final result besides.

    Examples
    --------
    >>> [is_curve(name) for name in ("learning_rate", "val_log_loss", "best_val_log_loss", "n_parameters")]
    [True, True, False, False]
    """
    return metric in TRAIN_CURVES or (metric.startswith(("val_", "test_")) and find_measure(metric) is not None)


def choose_stored(curves: Iterable[str], select: str | None) -> list[str]:
    """Choose the curves that go to a store: rate, costs, and those of the measure that epochs are chosen by.

    Parameters
    ----------
    curves : iterable of str
        The names of all.
    select : str or None
        The setting ``trainer.select``; None for the default of any task.

    Examples
    --------
    >>> choose_stored(["train_cost", "val_accuracy", "val_f1_macro", "val_cost"], None)
    ['train_cost', 'val_accuracy', 'val_cost']
    """
    chosen = {COST.name, *([select.removeprefix("val_")] if select else SELECTED.values())}
    return [
        name
        for name in curves
        if name in TRAIN_CURVES or ((measure := find_measure(name)) is not None and measure.name in chosen)
    ]
