"""The curves of a training: which numbers each epoch of a network has.

`Row` is the one list of them. The history, a run's record, its files and tables, and what `nnsweep reproduce` compares
all follow it; only the pictures choose among them.
"""

import math
from typing import NamedTuple


class Row(NamedTuple):
    """One epoch of one network; NaN where something was not measured.

    Attributes
    ----------
    epoch : int
        Epochs of training so far; 0 is the untrained network.
    learning_rate : float
        Rate of the last descent; the base rate at epoch 0.
    train_cost : float
        See `nnsweep.mlp.stack.Stack.train_costs`.
    val_accuracy, test_accuracy, val_cost, test_cost, val_weighted_accuracy, test_weighted_accuracy : float
        See `nnsweep.mlp.measurements.Measurement`.
    """

    epoch: int
    learning_rate: float
    train_cost: float
    val_accuracy: float = math.nan
    test_accuracy: float = math.nan
    val_cost: float = math.nan
    test_cost: float = math.nan
    val_weighted_accuracy: float = math.nan
    test_weighted_accuracy: float = math.nan


CURVES = Row._fields[1:]
"""The values that a run has for every epoch."""
MEASURED = tuple(Row._field_defaults)
"""Those that not every epoch has."""
