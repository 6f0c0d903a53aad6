"""What the name of a metric says: direction, bounds, words and digits, of every measure that is registered."""

import math

import pytest

from nnsweep.mlp.measures import MEASURES
from nnsweep.results.metrics import (
    MEASURE_TEXTS,
    bound_metric,
    choose_digits,
    find_sibling,
    find_validation_metric,
    is_accuracy,
    is_bounded,
    metric_text,
    smaller_is_better,
    split_metric,
    take_possible,
    write_rough,
)


def test_less_is_better_of_what_is_paid():
    names = ["final_train_cost", "duration_seconds", "test_accuracy", "best_epoch", "my_loss", "test_calibrated_ece"]
    assert [name for name in names if smaller_is_better(name)] == [
        "final_train_cost",
        "duration_seconds",
        "my_loss",
        "test_calibrated_ece",
    ]


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_a_measure_says_its_direction_and_bounds_of_every_metric(measure):
    for metric in (f"test_{measure.name}", f"best_val_{measure.name}", f"min_test_{measure.name}"):
        assert smaller_is_better(metric) is not measure.greater_is_better
        assert bound_metric(metric) == measure.bounds


def test_no_measure_is_renamed_that_there_is_not():
    assert {*MEASURE_TEXTS} - {"weighted_accuracy"} <= {*MEASURES}


def test_a_metric_reads_as_a_person_would_say_it():
    assert metric_text("max_test_accuracy") == "maximum test accuracy over epochs"
    assert metric_text("final_test_f1_macro") == "final test macro F1"
    assert metric_text("val_r2") == "validation R²"
    assert metric_text("my_own_number") == "my own number"


def test_a_name_without_a_part_is_of_no_measure():
    assert split_metric("duration_seconds") is None
    assert find_validation_metric("val_accuracy") is None
    assert find_validation_metric("final_test_accuracy") is None


def test_what_a_measure_cannot_be_is_left_out():
    assert take_possible("test_accuracy", [0.5, 1.1, -0.1, math.nan]) == [0.5, None, None, None]
    assert take_possible("test_matthews_corrcoef", [-0.5, -1.1]) == [-0.5, None]
    assert take_possible("test_r2", [-40.0, math.inf]) == [-40.0, None]


def test_only_the_share_of_right_examples_is_an_accuracy():
    assert is_accuracy("max_test_accuracy")
    assert not is_accuracy("test_top_2_accuracy")
    assert is_bounded("test_brier")
    assert not is_bounded("test_rmse")


def test_digits_follow_the_intervals():
    write = choose_digits("test_rmse", [0.8, 1.2, 3.0])
    assert [write(58.4321), write(0.5)] == ["58.4", "0.5"]
    assert choose_digits("test_rmse", [120.0])(51234.5) == "5.123e+04"
    assert choose_digits("test_rmse", [])(51234.5) == "5.123e+04"
    assert choose_digits("test_log_loss", [0.00031])(0.12345678) == "0.12346"
    assert choose_digits("test_ece", [0.04])(0.1) == "0.100"
    assert write_rough("test_rmse", 51234.5) == "51,234"


def test_metrics_of_a_measure_stand_beside_those_of_accuracy():
    assert find_sibling("test_log_loss") == "test_accuracy"
    assert find_sibling("final_train_cost") == "final_train_accuracy"
    assert find_sibling("test_of_my_own") is None
