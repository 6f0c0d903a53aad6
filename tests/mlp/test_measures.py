"""Which measure a metric is of, in which direction it goes, and what a training measures."""

import numpy as np
import pytest

from nnsweep.mlp.curves import choose_stored, is_curve
from nnsweep.mlp.measures import (
    COST,
    DEFAULT_MEASURES,
    MEASURES,
    SELECTABLE,
    SELECTED,
    choose_measures,
    find_measure,
    is_greater_better,
    list_measures,
)
from nnsweep.mlp.predictions import Predictions


@pytest.mark.parametrize("name", [*MEASURES, "cost"])
@pytest.mark.parametrize(
    "start", ["val_", "test_", "best_val_", "final_test_", "max_test_", "min_test_", "val_weighted_", "test_weighted_"]
)
def test_every_metric_of_a_measure_is_known(name, start):
    measure = find_measure(start + name)
    assert measure.name == name
    assert is_greater_better(start + name) is measure.greater_is_better


@pytest.mark.parametrize(
    "metric", ["duration_seconds", "n_parameters", "accuracy", "val_", "test_unknown", "best_epoch", "n_test_samples"]
)
def test_what_is_no_measures_value_is_taken_as_better_the_higher(metric):
    assert find_measure(metric) is None
    assert is_greater_better(metric)
    assert not is_curve(metric)


def test_losses_errors_and_costs_are_better_the_lower():
    lower = {"log_loss", "brier", "ece", "hamming_loss", "rmse", "mse", "mae", "median_absolute_error", "max_error"}
    lower |= {"mape", "pinball"}
    assert {name for name, measure in MEASURES.items() if not measure.greater_is_better} == lower
    assert not COST.greater_is_better


def test_measures_have_bounds_that_their_best_value_is_at():
    for measure in MEASURES.values():
        assert measure.bounds[1 if measure.greater_is_better else 0] == (1 if measure.greater_is_better else 0)


def test_the_defaults_fit_their_tasks():
    for task, names in DEFAULT_MEASURES.items():
        assert {*names, SELECTED[task]} <= {*list_measures(task)}
    assert {f"val_{name}" for name in (*MEASURES, "cost")} == {*SELECTABLE}


@pytest.mark.parametrize(
    ("asked", "selected", "measured"),
    [
        (None, "accuracy", ("accuracy",)),
        ((), "accuracy", ("accuracy",)),
        (("log_loss",), "accuracy", ("log_loss", "accuracy")),
        (None, "log_loss", ("accuracy", "log_loss")),
        (("roc_auc", "accuracy"), "cost", ("roc_auc", "accuracy")),
    ],
)
def test_the_usual_and_the_selected_measure_always_come_along(asked, selected, measured):
    assert choose_measures("classification", asked, selected) == measured


@pytest.mark.parametrize(
    ("task", "name", "said"),
    [
        ("classification", "rmse", "rmse is no measure of classification; choose from accuracy, balanced_accuracy"),
        ("regression", "accuracy", "accuracy is no measure of regression; choose from r2"),
        ("multilabel", "brier", "brier is no measure of multilabel"),
        ("regression", "f2", "'f2' is no measure; choose from"),
    ],
)
def test_a_measure_of_another_task_is_refused(task, name, said):
    with pytest.raises(ValueError, match=said):
        choose_measures(task, [name], SELECTED[task])


def test_the_cost_is_the_mean_of_costs_as_samples_count():
    seen = Predictions("regression", np.zeros((1, 2, 1)), np.zeros((2, 1)), np.array([1.0, 3.0]))
    with pytest.raises(ValueError, match="`costs`"):
        COST.evaluate(seen)
    seen.costs = np.array([[4.0, 8.0]])
    assert COST.evaluate(seen).tolist() == [7.0]


def test_a_store_gets_the_curves_of_the_selected_measure_alone():
    names = ["learning_rate", "train_cost", "val_accuracy", "val_log_loss", "test_log_loss", "val_cost", "test_cost"]
    names += ["val_weighted_log_loss"]
    assert choose_stored(names, "val_log_loss") == [name for name in names if name != "val_accuracy"]
    assert choose_stored(["epoch", "val_cost", "val_rmse", "val_r2"], None) == ["val_cost", "val_rmse"]
