"""A value a row, and only values that were measured."""

import pandas as pd

from nnsweep.results.frame import long_form


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
