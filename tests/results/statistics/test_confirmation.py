"""A confirmation beside its study: values worked out by hand, and the sentences for each way it can end."""

import pandas as pd
import pytest

from nnsweep.results.grouping import group_runs
from nnsweep.results.statistics.confirmation import (
    CANDIDATE,
    compare_confirmation,
    describe_confirmation,
    tabulate_confirmation,
)
from nnsweep.results.statistics.intervals import estimate_mean
from nnsweep.results.statistics.summary import sort_best_first

STUDY = {"a": [0.95, 0.97, 0.96], "b": [0.94, 0.95, 0.96], "c": [0.5, 0.52, 0.51]}
CLEAR = {"a": [0.93, 0.931, 0.932, 0.93], "b": [0.90, 0.901, 0.899, 0.90]}


def runs_of(results: dict[str, list[float | None]], column: str, metric: str = "test_accuracy") -> pd.DataFrame:
    rows = [
        {column: name, "seed": seed, metric: value, "state": "diverged" if value is None else "finished"}
        for name, values in results.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(chance_accuracy=0.3)


def confirmed(results, study=STUDY, metric="test_accuracy"):
    """Give the table of a confirmation, and what is said of it."""
    ranked = sort_best_first(group_runs(runs_of(study, "arch", metric), metric, by=["arch"]), metric)
    candidates = [one for one in ranked if one.label in results]
    table = compare_confirmation(candidates, runs_of(results, CANDIDATE, metric), metric)
    return table, " ".join(describe_confirmation(candidates[0], table, "4 new seeds", metric))


def test_optimism_is_what_the_study_said_too_much():
    table, _ = confirmed(CLEAR)
    row = table.set_index("label").loc["a"]
    mean, _, low, high = estimate_mean(CLEAR["a"], 1 - 0.05 / 2, bounds=(0, 1))
    assert (row["study"], row["n_study"], row["n"]) == (pytest.approx(0.96), 3, 4)
    expected = [mean, low, high, 0.96 - mean, 0.96 - high, 0.96 - low]
    columns = ["mean", "low", "high", "optimism", "optimism_low", "optimism_high"]
    assert row[columns].tolist() == pytest.approx(expected)


def test_of_a_cost_less_is_too_good():
    study = {"a": [0.20, 0.21, 0.22], "b": [0.30, 0.31, 0.32]}
    table, said = confirmed({"a": [0.25, 0.251, 0.249], "b": [0.5, 0.51, 0.52]}, study, "val_cost")
    row = table.set_index("label").loc["a"]
    assert row["optimism"] == pytest.approx(0.04)
    assert row["optimism_low"] < row["optimism"] < row["optimism_high"]
    assert "0.040 too optimistic" in said


@pytest.mark.parametrize(
    ("results", "parts"),
    [
        (CLEAR, ["a has a test accuracy of 0.931 (95 % interval 0.929 to 0.933); the study reported 0.960."]),
        (CLEAR, ["The study's value was 0.029 too optimistic (0.0"]),
        (CLEAR, ["that much was luck", "It is the best here, too, and the other one is clearly worse."]),
        ({"a": [0.95, 0.97], "b": [0.96, 0.94]}, ["lies within", "but the other one may be as good: b."]),
        ({"a": [0.90, 0.901, 0.899], "b": [0.93, 0.932, 0.931]}, ["b does clearly better here (0.931): the"]),
        ({"a": [0.90, 0.95], "b": [0.93, 0.95]}, ["b does better here (0.940), but the"]),
        ({"a": [0.99, 0.991, 0.992]}, ["0.031 too pessimistic", "it was unlucky."]),
        ({"a": [0.96, 0.96]}, ["test accuracy of 0.9600; the study reported 0.9600. That is exactly"]),
        ({"a": [0.95, 0.95]}, ["The study's value was 0.0100 too optimistic."]),
        ({"a": [None, None], "b": [0.9, 0.91]}, ["no run of a finished: nothing is confirmed."]),
    ],
)  # fmt: skip
def test_what_is_said_is_what_was_found(results, parts):
    _, said = confirmed(results)
    assert [part for part in parts if part not in said] == []


def test_a_failed_run_counts_as_guessing_and_is_told():
    table, _ = confirmed({"a": [0.96, None, 0.95], "b": [0.94, 0.94, 0.95]})
    row = table.set_index("label").loc["a"]
    assert row["mean"] == pytest.approx((0.96 + 0.3 + 0.95) / 3)
    assert row[["n_finished", "n_failed"]].tolist() == [2, 1]
    assert "(2 of 3)" in "".join(tabulate_confirmation(table))


def test_the_table_has_a_line_for_each_candidate():
    table, _ = confirmed(CLEAR)
    heading, *lines = tabulate_confirmation(table)
    assert heading.split() == ["study", "confirmation", "optimism", "may", "be", "best"]
    assert [line.split()[0] for line in lines] == ["a", "b"]
    assert "0.960 (3)" in lines[0]
    assert lines[0].endswith("yes")
    assert lines[1].endswith("no")
