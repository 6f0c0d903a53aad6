"""The best epoch of a training, and when patience ends."""

import math

import numpy as np
import pytest

from nnsweep.mlp.early_stopping import Patience, select_epoch

NAN = math.nan


def curves(**columns):
    length = len(next(iter(columns.values())))
    return {"epoch": np.arange(float(length))} | {name: np.array(column) for name, column in columns.items()}


@pytest.mark.parametrize(
    ("history", "best"),
    [
        (curves(val_accuracy=[0.1, 0.9, 0.8], val_cost=[3, 2, 1]), 1),
        (curves(val_accuracy=[0.9, 0.9, 0.9], val_cost=[3, 1, 2]), 1),
        (curves(val_accuracy=[0.9, 0.9, 0.9], val_cost=[2, 1, 1]), 2),
        (curves(val_accuracy=[0.9, NAN, 0.9, NAN], val_cost=[1, NAN, 2, NAN]), 0),
        (curves(val_accuracy=[0.5, 0.9], val_cost=[1, NAN]), 0),
        (curves(val_accuracy=[0.5, 0.9], test_accuracy=[0.9, 0.5], val_cost=[1, 1]), 1),
        (curves(test_accuracy=[0.9, 0.9, 0.1], test_cost=[2, 1, 1]), 1),
        (curves(val_accuracy=[0.9, 0.8], val_weighted_accuracy=[0.4, 0.5], val_cost=[1, 2]), 1),
        (curves(test_accuracy=[0.9, 0.8], test_weighted_accuracy=[0.4, 0.5], test_cost=[1, 2]), 1),
        (curves(val_accuracy=[0.9, 0.9, 0.1]), 1),
        (curves(train_cost=[3, 2, 1]), 2),
    ],
)
def test_the_best_epoch_of_a_history(history, best):
    assert select_epoch(history) == best


@pytest.mark.parametrize(
    ("accuracies", "costs", "min_delta", "ends"),
    [
        ([0.5, 0.5, 0.5, 0.5], [4, 3, 2, 1], 0.0, None),
        ([0.5, 0.5, 0.5, 0.5], [1, 1, 1, 1], 0.0, 2),
        ([0.5, 0.5, 0.5, 0.5], [1, 2, 1, 0], 0.0, 2),
        ([0.5, 0.4, 0.4, 0.4], [4, 3, 2, 1], 0.0, 2),
        ([0.5, 0.6, 0.7, 0.8], [1, 2, 3, 4], 0.0, None),
        ([0.5, 0.6, 0.7, 0.8], [1, 2, 3, 4], 0.15, None),
        ([0.5, 0.6, 0.6, 0.6], [4, 3, 2, 1], 0.15, 2),
        ([0.5, 0.5, 0.9, 0.5], [1, 1, NAN, 1], 0.0, 2),
    ],
)
def test_patience_ends_after_two_epochs_without_a_rise(accuracies, costs, min_delta, ends):
    patience = Patience(1, 2, min_delta)
    found = [
        bool(
            patience.is_exhausted(
                np.array([0]), epoch, {"val_accuracy": np.array([one]), "val_cost": np.array([cost])}
            )[0]
        )
        for epoch, (one, cost) in enumerate(zip(accuracies, costs, strict=True))
    ]
    assert (found.index(True) if any(found) else None) == ends
