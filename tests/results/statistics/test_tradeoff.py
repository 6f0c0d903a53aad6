"""What configurations cost and how soon they get somewhere; the front and the rule of one standard error."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.results.frame import frame
from nnsweep.results.statistics.tradeoff import (
    choose_smallest,
    count_epochs_to_target,
    find_first_epoch,
    mark_pareto_front,
    prices,
)
from nnsweep.tracking.record import RunRecord


def record(job, arch="wide", state="finished", **metrics):
    settings = {"arch": arch, "seed": job}
    return RunRecord(run_id=f"id{job}", name=str(job), state=state, settings=settings, metrics=metrics, job=job)


def history(*accuracies, metric="val_accuracy"):
    return pd.DataFrame({"epoch": range(len(accuracies)), "train_cost": 1.0, metric: accuracies})


@pytest.fixture
def runs():
    sizes = {"wide": {"n_parameters": 100.0, "epoch_flops": 5000.0}, "deep": {"n_parameters": 300.0}}
    return frame(
        [
            record(0, **sizes["wide"], test_accuracy=0.8, duration_seconds=1.0, epochs_trained=4.0),
            record(1, **sizes["wide"], test_accuracy=0.9, duration_seconds=3.0, epochs_trained=2.0),
            record(2, state="diverged", **sizes["wide"], duration_seconds=100.0, epochs_trained=1.0),
            record(3, "deep", state="failed", **sizes["deep"]),
        ]
    )


def test_configuration_has_its_sizes_and_means_of_finished_runs(runs):
    table = prices(runs)
    assert list(table.columns) == [
        *("arch", "label", "n", "n_parameters", "epoch_flops", "epochs", "seconds", "mean", "std"),
    ]
    wide, deep = table.to_dict("records")
    assert wide == {
        "arch": "wide",
        "label": "arch=wide",
        "n": 2,
        "n_parameters": 100,
        "epoch_flops": 5000,
        "epochs": 3.0,
        "seconds": 2.0,
        "mean": pytest.approx(0.85),
        "std": pytest.approx(math.sqrt(0.005)),
    }
    assert (deep["n"], deep["n_parameters"], pd.isna(deep["epoch_flops"])) == (0, 300, True)
    assert math.isnan(deep["mean"])


def test_a_target_adds_the_epochs_and_the_operations_to_it(runs):
    histories = {"id0": history(0.1, 0.5, 0.7), "id1": history(0.1, 0.7, 0.6), "id2": history(0.1, 0.9, math.nan)}
    (wide, deep) = prices(runs, histories, target=0.7).to_dict("records")
    assert (wide["epochs_to_target"], wide["n_reached"], wide["flops_to_target"]) == (2.0, 2, 10_000.0)
    assert (math.isnan(deep["epochs_to_target"]), deep["n_reached"]) == (True, 0)


def test_runs_without_sizes_are_priced_by_what_is_known():
    (row,) = prices(frame([record(0, test_accuracy=0.5)]), {"id0": history(0.1, 0.9)}, target=0.5).to_dict("records")
    assert (pd.isna(row["n_parameters"]), pd.isna(row["epoch_flops"])) == (True, True)
    assert (row["epochs_to_target"], math.isnan(row["flops_to_target"])) == (1.0, True)


def test_configurations_may_be_named(runs):
    assert list(prices(runs, by=[])["label"]) == ["all runs"]
    assert len(prices(runs, by=["arch"])) == 2


def test_no_runs_have_no_price():
    assert list(prices(frame([])).columns)[:3] == ["label", "n", "n_parameters"]


def test_the_first_epoch_counts_and_validation_comes_before_test():
    assert find_first_epoch(history(0.1, math.nan, 0.7, 0.5, 0.9), 0.7) == 2
    assert find_first_epoch(history(0.1, 0.9, metric="test_accuracy"), 0.7) == 1
    assert find_first_epoch(history(0.1, 0.2).assign(test_accuracy=0.9), 0.7) is None
    assert find_first_epoch(pd.DataFrame({"epoch": []}), 0.0) is None


@given(st.lists(st.integers(1, 9), max_size=6), st.integers(0, 6))
def test_the_median_counts_those_that_never_get_there(epochs, n_never):
    curves = [history(*[0.0] * epoch, 1.0) for epoch in epochs] + [history(0.0, 0.1)] * n_never
    median = count_epochs_to_target(curves, 0.5)
    if len(epochs) <= n_never:
        assert median is None
    else:
        ordered = [*sorted(epochs), *[math.inf] * n_never]
        middle = (len(ordered) - 1) / 2
        assert median == (ordered[math.floor(middle)] + ordered[math.ceil(middle)]) / 2


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
    assert mark_pareto_front(table, "cost", "mean").tolist() == expected


@given(tables, st.randoms())
def test_the_front_does_not_depend_on_the_order_of_the_rows(table, random):
    table = table.astype(float)
    order = list(table.index)
    random.shuffle(order)
    shuffled = mark_pareto_front(table.loc[order], "cost", "mean")
    assert shuffled.loc[table.index].equals(mark_pareto_front(table, "cost", "mean"))


def test_equal_rows_share_the_front_and_missing_values_never():
    table = pd.DataFrame(
        {"n_parameters": pd.array([10, 10, 20, None, 5], dtype="Int64"), "mean": [0.9, 0.9, 0.9, 1.0, math.nan]},
        index=list("abcde"),
    )
    assert mark_pareto_front(table, "n_parameters", "mean").to_dict() == {
        "a": True,
        "b": True,
        "c": False,
        "d": False,
        "e": False,
    }


def table(*rows):
    found = pd.DataFrame(rows, columns=["n_parameters", "mean", "std", "n"], index=list("abcdef")[: len(rows)])
    return found.assign(standard_error=found["std"] / found["n"] ** 0.5)


def test_the_smallest_within_one_standard_error_of_the_best():
    found = choose_smallest(
        table((100, 0.899, 0.1, 4), (1000, 0.915, 0.0, 4), (2000, 0.92, 0.02, 4), (5000, 0.91, 0.0, 4))
    )
    assert (found.best, found.smallest) == ("c", "b")
    assert found.threshold == pytest.approx(0.92 - 0.02 / math.sqrt(4))
    assert found.words == (
        "the smallest with a mean of at least 0.9100, the best's 0.9200 less one standard error (0.0100), "
        "has 1000 for 2000 of n_parameters"
    )


def test_ties_go_to_the_better_and_to_the_smaller_one():
    assert choose_smallest(table((10, 0.89, 0, 4), (10, 0.895, 0, 4), (20, 0.9, 0.1, 4))).smallest == "b"
    assert choose_smallest(table((20, 0.9, 0.0, 4), (10, 0.9, 0.0, 4))).best == "b"


def test_one_run_has_no_standard_error():
    found = choose_smallest(table((10, 0.5, math.nan, 1), (20, 0.9, math.nan, 1)))
    assert (found.best, found.smallest) == ("b", None)
    assert "more seeds" in found.words


def test_without_a_result_there_is_nothing_to_choose():
    assert choose_smallest(table((10, math.nan, math.nan, 0))).best is None
    assert choose_smallest(table()).best is None


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1), st.floats(0, 1), st.integers(2, 9)), min_size=1, max_size=6)
)
def test_the_chosen_one_is_no_larger_and_above_the_threshold(rows):
    choices = table(*rows)
    found = choose_smallest(choices)
    assert choices.loc[found.smallest, "n_parameters"] <= choices.loc[found.best, "n_parameters"]
    assert choices.loc[found.smallest, "mean"] >= found.threshold
    assert choices.loc[found.best, "mean"] == choices["mean"].max()
