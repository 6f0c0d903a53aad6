"""One row a run, columns in a decided order, numbers unharmed."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.errors import ConfigError
from nnsweep.results.factors import drop_constant
from nnsweep.results.frame import frame, list_settings, long_form, narrow_runs, plain, rows
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


@pytest.mark.slow
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


def test_every_measured_value_has_a_row(history, records):
    table = long_form({"id0": history}, records)
    assert list(table.columns) == ["run_id", "name", "epoch", "metric", "value"]
    assert table["metric"].value_counts().to_dict() == {"learning_rate": 11, "train_cost": 11, "test_accuracy": 3}
    assert set(table["name"]) == {"20-20-tanh-inv-s0"}


def test_values_are_exact(history, records):
    table = long_form({"id0": history}, records)
    costs = table[table["metric"] == "train_cost"]
    assert list(costs["value"]) == list(history["train_cost"])
    assert list(costs["epoch"]) == list(history["epoch"])


def test_runs_come_in_the_order_of_the_records(history, records):
    table = long_form({"id0": history, "id2": history, "other": history}, records[::-1])
    assert list(table["run_id"].unique()) == ["id2", "id0"]


def test_no_history_gives_an_empty_table_with_its_columns(records):
    assert list(long_form({}, records).columns) == list(
        long_form({"id0": pd.DataFrame({"epoch": []})}, records).columns
    )
