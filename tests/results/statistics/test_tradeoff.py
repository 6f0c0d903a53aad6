"""The front against its definition, and the rule of one standard error on paper."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.results.statistics.tradeoff import pareto_front, smallest_within_one_standard_error

number = st.sampled_from([0.0, 1.0, 2.0, 3.0, math.nan, math.inf, -math.inf]) | st.floats(0, 1)
tables = st.lists(st.tuples(number, number), max_size=12).map(lambda rows: pd.DataFrame(rows, columns=["cost", "mean"]))


def dominated(row, others):
    return any(
        other.cost <= row.cost and other.mean >= row.mean and (other.cost < row.cost or other.mean > row.mean)
        for other in others
    )


@given(tables)
def test_on_the_front_is_what_no_finite_row_dominates(table):
    table = table.astype(float)
    rows = list(table.itertuples())
    finite = [row for row in rows if math.isfinite(row.cost) and math.isfinite(row.mean)]
    expected = [row in finite and not dominated(row, finite) for row in rows]
    assert pareto_front(table, "cost", "mean").tolist() == expected


@given(tables, st.randoms())
def test_the_front_does_not_depend_on_the_order_of_the_rows(table, random):
    table = table.astype(float)
    order = list(table.index)
    random.shuffle(order)
    shuffled = pareto_front(table.loc[order], "cost", "mean")
    assert shuffled.loc[table.index].equals(pareto_front(table, "cost", "mean"))


def test_equal_rows_are_on_the_front_together_and_missing_values_never():
    table = pd.DataFrame(
        {"n_parameters": pd.array([10, 10, 20, None, 5], dtype="Int64"), "mean": [0.9, 0.9, 0.9, 1.0, math.nan]},
        index=list("abcde"),
    )
    assert pareto_front(table, "n_parameters", "mean").to_dict() == {
        "a": True,
        "b": True,
        "c": False,
        "d": False,
        "e": False,
    }


def table(*rows):
    return pd.DataFrame(rows, columns=["n_parameters", "mean", "std", "n"], index=list("abcdef")[: len(rows)])


def test_the_smallest_within_one_standard_error_of_the_best():
    found = smallest_within_one_standard_error(
        table((100, 0.899, 0.1, 4), (1000, 0.915, 0.0, 4), (2000, 0.92, 0.02, 4), (5000, 0.91, 0.0, 4))
    )
    assert (found.best, found.smallest) == ("c", "b")
    assert found.threshold == pytest.approx(0.92 - 0.02 / math.sqrt(4))
    assert found.words == (
        "the smallest with a mean of at least 0.9100, the best's 0.9200 less one standard error (0.0100), "
        "has 1000 for 2000 of n_parameters"
    )


def test_of_equal_sizes_the_better_one_and_of_equal_means_the_smaller_one():
    assert (
        smallest_within_one_standard_error(table((10, 0.89, 0, 4), (10, 0.895, 0, 4), (20, 0.9, 0.1, 4))).smallest
        == "b"
    )
    assert smallest_within_one_standard_error(table((20, 0.9, 0.0, 4), (10, 0.9, 0.0, 4))).best == "b"


def test_one_run_has_no_standard_error():
    found = smallest_within_one_standard_error(table((10, 0.5, math.nan, 1), (20, 0.9, math.nan, 1)))
    assert (found.best, found.smallest) == ("b", None)
    assert "more seeds" in found.words


def test_without_a_result_there_is_nothing_to_choose():
    assert smallest_within_one_standard_error(table((10, math.nan, math.nan, 0))).best is None
    assert smallest_within_one_standard_error(table()).best is None


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1), st.floats(0, 1), st.integers(2, 9)), min_size=1, max_size=6)
)
def test_the_chosen_one_is_never_larger_than_the_best_nor_below_the_threshold(rows):
    choices = table(*rows)
    found = smallest_within_one_standard_error(choices)
    assert choices.loc[found.smallest, "n_parameters"] <= choices.loc[found.best, "n_parameters"]
    assert choices.loc[found.smallest, "mean"] >= found.threshold
    assert choices.loc[found.best, "mean"] == choices["mean"].max()
