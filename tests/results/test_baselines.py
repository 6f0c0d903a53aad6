"""What is said of a study's baseline."""

import math

import pandas as pd
import pytest

from nnsweep.results.baselines import describe_baseline
from nnsweep.results.factors import drop_constant
from nnsweep.results.frame import list_settings
from nnsweep.results.grouping import group_runs
from nnsweep.results.statistics.summary import describe_failures
from nnsweep.results.tables.terminal import list_columns


@pytest.mark.parametrize(
    ("columns", "metric", "said"),
    [
        ({"chance_accuracy": [0.1042, 0.1042]}, "test_accuracy", "always the commonest class: 0.104"),
        ({"chance_accuracy": [0.1, 0.25, math.nan]}, "max_test_accuracy", "always the commonest class: 0.100 to 0.250"),
        ({"chance_log_loss": [2.3026]}, "test_log_loss", "always the classes' shares: 2.303"),
        ({"chance_mae": [63.91]}, "test_mae", "always the median: 63.9"),
        ({"chance_rmse": [77.5, 77.5], "data": ["a", "a"]}, "test_rmse", "always the mean: 77.5"),
        (
            {"chance_rmse": [77.5, 5.0], "data": ["diabetes", "friedman"]},
            "test_rmse",
            "always the mean: 77.5 (diabetes), 5.000 (friedman)",
        ),
        (
            {"chance_accuracy": [0.1, 0.2, 0.3, 0.4], "data": [*"abcd"]},
            "test_accuracy",
            "always the commonest class: 0.100 to 0.400",
        ),
        ({"chance_accuracy": [0.1]}, "test_rmse", ""),
        ({"chance_accuracy": [0.1]}, "duration_seconds", ""),
        ({"chance_accuracy": [0.1]}, "best_val_accuracy", ""),
        ({"chance_accuracy": [0.1], "trainer.sealed_test": [True]}, "test_accuracy", ""),
        (
            {"chance_accuracy": [0.1], "trainer.sealed_test": [True]},
            "best_val_accuracy",
            "always the commonest class: 0.100",
        ),
    ],
)
def test_a_baseline_is_said_with_what_is_predicted(columns, metric, said):
    assert describe_baseline(pd.DataFrame(columns), metric) == said


def test_a_failed_run_counts_as_the_baseline_of_any_measure():
    runs = pd.DataFrame(
        {
            "arch": [*"aabb"],
            "seed": [0, 1, 0, 1],
            "state": ["finished", "diverged", "finished", "finished"],
            "reason": ["", "", "", ""],
            "test_rmse": [50.0, math.nan, 60.0, 62.0],
            "chance_rmse": [77.0] * 4,
        }
    )
    a, b = group_runs(runs, "test_rmse", by=["arch"])
    assert (a.mean, b.mean) == (63.5, 61.0)
    said = "1 run of 1 configuration ended without a test_rmse and counts as guessing (chance_rmse)"
    assert describe_failures([a, b], "test_rmse") == [said]


def test_a_baseline_is_neither_a_setting_nor_a_shown_column():
    runs = pd.DataFrame({"name": ["a", "b"], "test_rmse": [50.0, 60.0], "chance_rmse": [77.0] * 2, "seed": [0, 1]})
    assert list_settings(runs) == ["seed"]
    assert "chance_rmse" not in list_columns(runs, "test_rmse")
    assert "chance_rmse" not in drop_constant(runs)
