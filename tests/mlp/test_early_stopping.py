"""The best epoch of a training, and when patience ends."""

import math

import numpy as np
import pytest

from nnsweep.mlp.early_stopping import Patience, Selection, select_epoch

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


LOSS = Selection.of("val_log_loss", "classification")


@pytest.mark.parametrize(
    ("history", "best"),
    [
        (curves(val_log_loss=[3, 1, 2], val_accuracy=[0.1, 0.2, 0.9], val_cost=[1, 1, 1]), 1),
        (curves(val_log_loss=[1, 1, 2], val_cost=[5, 4, 1]), 1),
        (curves(val_log_loss=[3, 1, 2], val_weighted_log_loss=[1, 3, 2], val_cost=[1, 1, 1]), 0),
        (curves(test_log_loss=[3, 2, 1], test_cost=[1, 1, NAN]), 1),
        (curves(val_log_loss=[NAN, NAN, 2, NAN], val_cost=[1, NAN, 2, NAN]), 2),
        (curves(val_log_loss=[NAN, NAN, NAN], val_cost=[3, 1, 2]), 1),  # the measure is not defined on this part
        (curves(val_log_loss=[NAN, NAN, NAN], val_cost=[NAN, NAN, NAN]), 2),
        (curves(val_accuracy=[0.1, 0.9, 0.8]), 2),
    ],
)
def test_of_a_measure_that_shall_be_low_the_lowest_is_best(history, best):
    assert select_epoch(history, LOSS) == best


def test_the_cost_can_choose_the_epoch_by_itself():
    history = curves(val_accuracy=[0.9, 0.1, 0.5], val_cost=[3, 1, 2])
    assert select_epoch(history, Selection.of("val_cost", "classification")) == 1


@pytest.mark.parametrize("select", ["log_loss", "test_log_loss", "best_val_rmse", "val_weighted_accuracy", "val_f2"])
def test_only_a_measure_of_the_validation_part_selects(select):
    with pytest.raises(ValueError, match="`select` must be val_ and a measure"):
        Selection.of(select, "classification")


def test_the_default_depends_on_the_task():
    tasks = ("classification", "multilabel", "regression")
    assert [Selection.of(None, task).measure for task in tasks] == ["accuracy", "accuracy", "rmse"]
    assert Selection.of_record(None, ["val_rmse", "val_r2"]) == Selection("rmse", greater_is_better=False)
    assert Selection.of_record(None, ["test_accuracy"]) == Selection()
    assert Selection.of_record("val_r2", ["val_rmse", "val_r2"]) == Selection("r2")


@pytest.mark.parametrize(
    ("losses", "min_delta", "ends"),
    [
        ([4, 3, 2, 1], 0.0, None),
        ([1, 2, 3, 4], 0.0, 2),
        ([4, 3.9, 3.8, 3.7], 0.5, 2),
        ([4, NAN, NAN, 1], 0.0, 2),
    ],
)
def test_patience_waits_for_a_lower_value_where_lower_is_better(losses, min_delta, ends):
    patience = Patience(1, 2, min_delta, LOSS)
    found = [
        bool(patience.is_exhausted(np.array([0]), epoch, {"val_log_loss": np.array([loss], float)})[0])
        for epoch, loss in enumerate(losses)
    ]
    assert (found.index(True) if any(found) else None) == ends
