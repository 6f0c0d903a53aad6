"""What ``nnsweep export`` was asked for, and nothing else."""

import math

import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.frame import frame, narrow_runs
from nnsweep.tracking.record import RunRecord


def test_nothing_asked_gives_everything(runs):
    assert narrow_runs(runs).equals(runs)


def test_a_filter_keeps_the_runs_it_holds_for(runs):
    assert list(narrow_runs(runs, filter="test_accuracy > 0.97")["seed"]) == [0]


def test_a_missing_metric_matches_no_comparison(runs):
    assert "diverged" not in set(narrow_runs(runs, filter="test_accuracy < 1")["state"])


def test_columns_come_in_the_order_asked_for_and_once(runs):
    assert list(narrow_runs(runs, columns=["seed", "name", "seed"]).columns) == ["seed", "name"]


def test_filter_and_sort_may_use_columns_that_are_not_kept(runs):
    chosen = narrow_runs(runs, filter="seed >= 0", columns=["name"], sort=["-seed"])
    assert list(chosen["name"]) == [f"20-20-tanh-inv-s{seed}" for seed in (2, 1, 0)]


@pytest.mark.parametrize("key", ["test_accuracy", "-test_accuracy"])
def test_missing_and_infinite_values_sort_last(key):
    metrics = [{"test_accuracy": math.inf}, {}, {"test_accuracy": 0.5}, {"test_accuracy": math.nan}]
    runs = frame([RunRecord(run_id=str(i), name=str(i), state="finished", metrics=m) for i, m in enumerate(metrics)])
    assert list(narrow_runs(runs, sort=[key])["name"]) == ["2", "0", "1", "3"]


def test_several_keys_sort_the_most_important_first(runs):
    assert list(narrow_runs(runs, sort=["-state", "-seed"])["seed"]) == [1, 0, 2]


@pytest.mark.parametrize(
    "asked", [{"columns": ["test_acuracy"]}, {"sort": ["-test_acuracy"]}, {"filter": "test_acuracy > 1"}]
)
def test_an_unknown_column_is_told_with_the_nearest_one(runs, asked):
    with pytest.raises(ConfigError, match="'test_acuracy'; did you mean 'test_accuracy'"):
        narrow_runs(runs, **asked)


def test_an_unknown_name_is_told_even_without_runs():
    with pytest.raises(ConfigError, match="unknown name 'nme'"):
        narrow_runs(frame([]), filter="nme == 'a'")


def test_filtering_no_runs_keeps_all_their_columns():
    nothing = frame([])
    assert list(narrow_runs(nothing, filter="name == 'x'").columns) == list(nothing.columns)
