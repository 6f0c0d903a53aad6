"""Columns that say the same are one factor."""

import pandas as pd
import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.factors import choose_factors


def grid(*sizes, **columns):
    rows = [
        {
            "hidden_layer_sizes": "-".join(map(str, layers)),
            "depth": len(layers),
            "width": max(layers),
            "seed": seed,
            "test_accuracy": 0.5,
        }
        for layers in sizes
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_depth_and_width_are_factors_where_they_are_crossed():
    found = choose_factors(grid([8], [16], [8, 8], [16, 16]), "test_accuracy")
    assert found.names == ["depth", "width"]
    assert found.notes == ["hidden_layer_sizes follows from depth and width: left out"]


def test_depth_and_width_may_lack_combinations():
    assert choose_factors(grid([8], [16], [8, 8]), "test_accuracy").names == ["depth", "width"]


def test_layers_that_depth_and_width_do_not_tell_stay_one_factor():
    assert choose_factors(grid([8], [16], [8, 8], [16, 16], [16, 8]), "test_accuracy").names == ["hidden_layer_sizes"]


def test_named_architectures_that_are_no_grid_are_one_factor():
    arch = ["shallow"] * 2 + ["wide"] * 2 + ["deep"] * 2
    found = choose_factors(grid([32], [256], [64, 64, 64], arch=arch), "test_accuracy")
    assert found.names == ["arch"]
    assert found.notes == [
        "left out, saying what follows from arch: depth",
        "left out, saying the same as arch: width, hidden_layer_sizes",
    ]


def test_a_schedules_numbers_belong_to_it():
    runs = grid(
        [8], [8], [8], schedule=["inv"] * 2 + ["exp"] * 2 + ["step"] * 2, **{"schedule.gamma": [1, 1, 2, 2, 2, 2]}
    )
    assert choose_factors(runs, "test_accuracy").names == ["schedule"]


def test_wanted_columns_are_taken_in_their_order_and_checked():
    runs = grid([8], [16], [8, 8], [16, 16], activation="tanh")
    assert choose_factors(runs, "test_accuracy", ["width", "depth"]).names == ["width", "depth"]
    found = choose_factors(runs, "test_accuracy", ["hidden_layer_sizes", "depth", "activation"])
    assert found.names == ["hidden_layer_sizes"]
    assert "activation has one value only: left out" in found.notes
    with pytest.raises(ConfigError, match="did you mean 'depth'"):
        choose_factors(runs, "test_accuracy", ["deph"])
    with pytest.raises(ConfigError, match="names a column twice"):
        choose_factors(runs, "test_accuracy", ["depth", "depth"])
