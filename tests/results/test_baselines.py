"""What is said of a study's baseline."""

import math

import pandas as pd
import pytest

from nnsweep.results.baselines import describe_baseline


@pytest.mark.parametrize(
    ("columns", "metric", "said"),
    [
        ({"chance_accuracy": [0.1042, 0.1042]}, "test_accuracy", "always the commonest class: 0.104"),
        ({"chance_accuracy": [0.1, 0.25, math.nan]}, "max_test_accuracy", "always the commonest class: 0.100 to 0.250"),
        ({"chance_log_loss": [2.3026]}, "test_log_loss", "always the classes' shares: 2.3"),
        ({"chance_mae": [63.91]}, "test_mae", "always the median: 63.9"),
        ({"chance_rmse": [77.5, 77.5], "data": ["a", "a"]}, "test_rmse", "always the mean: 77.5"),
        (
            {"chance_rmse": [77.5, 5.0], "data": ["diabetes", "friedman"]},
            "test_rmse",
            "always the mean: 77.5 (diabetes), 5 (friedman)",
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
