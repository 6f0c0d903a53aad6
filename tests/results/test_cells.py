"""Runs that belong together, and what tells them apart."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.errors import ConfigError
from nnsweep.results.cells import configuration, finished, groups, spread, telling
from nnsweep.results.frame import frame
from nnsweep.tracking.record import RunRecord

numbers = st.lists(st.floats(0, 1), min_size=2, max_size=20)


def runs(*settings, **metrics):
    return frame(
        [
            RunRecord(run_id=str(job), name=str(job), state="finished", settings=dict(each), metrics=metrics, job=job)
            for job, each in enumerate(settings)
        ]
    )


def test_rows_with_equal_values_are_a_group_and_a_missing_value_is_a_value():
    table = runs({"arch": "a", "gamma": 0.5}, {"arch": "b"}, {"arch": "a", "gamma": 0.5}, {"arch": "b"})
    assert groups(table, ["arch", "gamma"]) == {("a", 0.5): [0, 2], ("b", None): [1, 3]}
    assert groups(table, []) == {(): [0, 1, 2, 3]}


def test_an_unknown_column_is_told_with_the_nearest_one():
    with pytest.raises(ConfigError, match="'arhc'; did you mean 'arch'"):
        groups(runs({"arch": "a"}), ["arhc"])


def test_what_follows_from_other_settings_tells_nothing():
    table = runs(
        {"arch": "deep", "hidden_layer_sizes": "64-64", "rate": 1, "seed": 0, "data.split_seed": 0},
        {"arch": "deep", "hidden_layer_sizes": "64-64", "rate": 2, "seed": 1, "data.split_seed": 1},
        {"arch": "wide", "hidden_layer_sizes": "256", "rate": 2, "seed": 0, "data.split_seed": 0},
    )
    assert configuration(table) == ["arch", "rate"]
    assert telling(table, ["hidden_layer_sizes", "arch"]) == ["hidden_layer_sizes"]
    assert telling(table, ["rate"], known=["seed", "arch"]) == []


@given(numbers, st.randoms())
def test_a_spread_is_exact_and_does_not_depend_on_the_order(values, random):
    shuffled = [*values, None, math.nan, math.inf]
    random.shuffle(shuffled)
    assert spread(shuffled) == spread(values)
    mean = sum(values) / len(values)
    assert spread(values).mean == pytest.approx(mean)
    assert spread(values).std ** 2 * (len(values) - 1) == pytest.approx(sum((x - mean) ** 2 for x in values), abs=1e-12)


def test_one_value_has_no_deviation_and_none_no_mean():
    assert math.isnan(spread([0.5]).std)
    assert math.isnan(spread([None]).mean)


def test_only_finished_runs_have_results():
    table = runs({"seed": 0}, {"seed": 1}, test_accuracy=0.5).assign(state=["finished", "diverged"])
    assert finished(table, "test_accuracy") == [0.5, None]
    assert finished(table, "best_val_accuracy") == [None, None]
