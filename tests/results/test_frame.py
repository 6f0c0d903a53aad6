"""One row a run, columns in a decided order, numbers unharmed."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.results.factors import drop_constant
from nnsweep.results.frame import frame, list_settings, plain, rows
from nnsweep.tracking.record import RunRecord


def run(settings=None, metrics=None, **fields):
    return RunRecord(
        **{"run_id": "a", "name": "n", "state": "finished", **fields},
        settings=settings or {},
        metrics=metrics or {},
    )


def test_columns_come_in_the_decided_order():
    runs = frame(
        [
            run({"seed": 0, "zeta": 1, "schedule": "inv", "alpha": 2, "arch": "wide", "hidden_layer_sizes": "20-20"}),
            run(
                {}, {"test_accuracy": 0.9, "extra": 1.0, "another": 2.0, "n_parameters": 5.0, "best_val_accuracy": 0.8}
            ),
        ]
    )
    assert list(runs.columns) == [
        *("name", "state", "reason"),
        *("arch", "hidden_layer_sizes", "schedule", "seed", "alpha", "zeta"),
        *("n_parameters", "best_val_accuracy", "test_accuracy", "another", "extra"),
        *("run_id", "sweep", "job"),
    ]


@given(st.permutations(["arch", "seed", "b", "a", "schedule.every"]), st.permutations(["width", "x", "best_epoch"]))
def test_the_order_does_not_depend_on_the_records(setting_names, metric_names):
    runs = frame([run(dict.fromkeys(setting_names, 1), dict.fromkeys(metric_names, 1.0))])
    assert list(runs.columns)[3:-3] == ["arch", "seed", "a", "b", "schedule.every", "width", "best_epoch", "x"]


def test_no_record_gives_an_empty_frame():
    runs = frame([])
    assert list(runs.columns) == ["name", "state", "reason", "run_id", "sweep", "job"]
    assert len(drop_constant(runs)) == 0


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "int64"),
        ([1, None], "Int64"),
        ([True, False], "bool"),
        ([True, None], "boolean"),
        ([1, 0.5], "float64"),
    ],
)
def test_numbers_stay_numbers(values, dtype):
    assert str(frame([run({"x": value}) for value in values])["x"].dtype) == dtype


@given(st.lists(st.none() | st.booleans() | st.integers() | st.text(), min_size=1))
def test_values_come_back_as_they_went_in(values):
    back = plain(frame([run({"x": value}) for value in values])["x"])
    assert [(type(value), value) for value in back] == [(type(value), value) for value in values]


@given(st.lists(st.floats(allow_nan=False) | st.none(), min_size=1))
def test_floats_come_back_exactly(values):
    assert plain(frame([run({"x": value}) for value in values])["x"]) == values


def test_counts_are_whole_numbers_although_metrics_are_floats():
    runs = frame([run({}, {"best_epoch": 40.0}), run()])
    assert plain(runs["best_epoch"]) == [40, None]


@pytest.mark.parametrize("odd", [math.inf, math.nan, 0.5])
def test_counts_that_are_none_do_not_break_the_frame(odd):
    assert len(frame([run({}, {"best_epoch": odd}), run({}, {"best_epoch": 1.0})])) == 2


def test_a_metric_hides_the_setting_of_the_same_name():
    runs = frame([run({"depth": 2}, {"depth": 2.0}), run({"depth": 3})])
    assert plain(runs["depth"]) == [2, 3]
    assert list_settings(runs) == []


def test_a_setting_cannot_replace_the_name():
    assert plain(frame([run({"name": "other"}, {"state": 1.0})])["name"]) == ["n"]


def test_settings_are_known_after_sorting_and_without_a_note():
    runs = frame([run({"arch": "wide", "lambda": 1}, {"test_accuracy": 0.5})])
    assert list_settings(runs.sort_values("name")) == ["arch", "lambda"]
    assert list_settings(pd.DataFrame(dict(runs))) == ["arch", "lambda"]


def test_varying_drops_settings_with_one_value_and_nothing_else():
    runs = frame([run({"arch": "wide", "seed": seed}, {"depth": 2.0, "test_accuracy": 0.5}) for seed in (0, 1)])
    assert list(drop_constant(runs).columns) == [
        "name",
        "state",
        "reason",
        "seed",
        "test_accuracy",
        "run_id",
        "sweep",
        "job",
    ]


def test_a_missing_setting_is_a_value_of_its_own():
    assert "batch" in drop_constant(frame([run({"batch": 32}), run({"batch": None})])).columns


def test_sizes_are_shown_when_they_vary():
    assert "depth" in drop_constant(frame([run({}, {"depth": 1.0}), run({}, {"depth": 2.0})])).columns


def test_rows_hold_ordinary_values(runs):
    last = list(rows(runs))[-1]
    assert last["test_accuracy"] is None
    assert type(last["seed"]) is int
