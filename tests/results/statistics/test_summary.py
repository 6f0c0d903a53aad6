"""Each configuration with its seeds' mean, and an interval only where there can be one."""

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnsweep.errors import ConfigError
from nnsweep.results.grouping import group_runs
from nnsweep.results.statistics.summary import configurations, find_configuration, mark_successes, sort_best_first

patiently = settings(deadline=None, max_examples=50)

accuracies = st.lists(st.floats(0, 1), min_size=2, max_size=12)


def table(values, state="finished", **columns):
    rows = [
        {"arch": arch, "seed": seed, "state": state, "test_accuracy": value}
        for arch, results in values.items()
        for seed, value in enumerate(results)
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_the_best_comes_first_with_its_numbers():
    found = configurations(table({"wide": [0.5, 0.6], "deep": [0.7, 0.9, 0.8]}))
    assert list(found.columns) == [
        *("label", "arch", "n", "n_units", "mean", "std", "low", "high", "standard_error"),
        *("low_simultaneous", "high_simultaneous", "iqm", "n_finished", "n_failed", "n_succeeded"),
        *("success_low", "success_high", "mean_succeeded", "low_succeeded", "high_succeeded", "note"),
    ]
    assert list(found["label"]) == ["deep", "wide"]
    assert found.attrs["settings"] == ["arch"]
    best = found.iloc[0]
    assert (best["n"], best["n_failed"]) == (3, 0)
    assert best["mean"] == pytest.approx(0.8, abs=1e-15)
    assert best["std"] == pytest.approx(0.1, abs=1e-15)
    # with 2 degrees of freedom the quantile of Student's t has the closed form (2q - 1) / √(2q(1 - q))
    half = 0.95 / math.sqrt(2 * 0.975 * 0.025) * 0.1 / math.sqrt(3)
    assert best["high"] == pytest.approx(1 / (1 + 0.2 / 0.8 * math.exp(-half / (0.8 * 0.2))), abs=1e-12)


def test_a_cost_has_students_interval_of_its_logarithm():
    runs = table({"wide": [2.0, 3.0, 7.0], "deep": [9.0, 8.0, 8.5]}).rename(
        columns={"test_accuracy": "final_train_cost"}
    )
    row = configurations(runs, "final_train_cost").iloc[0]
    half = stats.ttest_1samp([2.0, 3.0, 7.0], 0).confidence_interval().high - 4.0
    assert (row["low"], row["high"]) == pytest.approx((4 * math.exp(-half / 4), 4 * math.exp(half / 4)))


def test_what_came_to_nothing_is_told_apart_from_what_succeeded():
    runs = table({"wide": [0.95, 0.97, 0.10, 0.96]}, chance_accuracy=0.1, n_test_samples=100)
    runs.loc[3, "state"] = "diverged"
    row = configurations(runs).iloc[0]
    assert (row["n"], row["n_finished"], row["n_succeeded"]) == (4, 3, 2)
    assert (row["success_low"], row["success_high"]) == pytest.approx(stats.binomtest(2, 4).proportion_ci()[:])
    assert row["mean"] == pytest.approx((0.95 + 0.97 + 0.1 + 0.1) / 4)
    assert row["mean_succeeded"] == pytest.approx(0.96)
    assert row["low_succeeded"] < 0.95 < 0.97 < row["high_succeeded"]
    assert row["iqm"] == pytest.approx((0.1 + 0.95) / 2)


def test_a_curve_says_what_an_accuracy_cannot():
    runs = table({"wide": [0.95, 0.97, 0.96]}, final_test_accuracy=0.9)
    assert mark_successes(runs) == [True, True, True]
    labels = pd.DataFrame({"outcome": ["plateaued", "collapsed", "at chance"]})
    assert mark_successes(runs, labels) == [True, True, False]  # what collapsed has its best epoch
    assert mark_successes(runs, labels, "final_test_accuracy") == [True, False, False]
    assert configurations(runs, outcomes=labels)["n_succeeded"].tolist() == [2]


def test_without_a_chance_accuracy_what_finished_succeeded():
    assert configurations(table({"wide": [0.5, 0.1, None]}))["n_succeeded"].tolist() == [2]


def test_one_seed_has_no_interval_and_says_so():
    row = configurations(table({"wide": [0.5]})).iloc[0]
    assert row["mean"] == 0.5
    assert row[["std", "low", "high"]].isna().all()
    assert row["note"] == "one seed: no interval"


def test_seeds_that_all_gave_the_same_are_told():
    row = configurations(table({"wide": [0.1 + 0.2, 0.3]})).iloc[0]
    assert (row["std"], row["note"]) == (0, "all seeds gave the same: an interval without width")
    assert row["low"] == row["high"] == row["mean"]


def test_a_configuration_without_any_result_comes_last():
    runs = table({"wide": [0.5, 0.4], "deep": [0.9, 0.9]})
    runs.loc[runs["arch"] == "deep", "state"] = "diverged"
    found = configurations(runs)
    assert list(found["label"]) == ["wide", "deep"]
    assert (found["n"].tolist(), found["n_failed"].tolist()) == ([2, 0], [0, 2])
    assert found["note"].tolist() == ["", "no seed finished"]
    assert math.isnan(found["mean"][1])


def test_less_of_a_cost_is_better():
    runs = table({"wide": [0.5], "deep": [0.9]}).rename(columns={"test_accuracy": "final_train_cost"})
    assert list(configurations(runs, "final_train_cost")["label"]) == ["wide", "deep"]


def test_sizes_are_told_also_where_a_failed_run_has_none():
    runs = table({"wide": [0.5, 0.6]}, depth=[None, 3], n_parameters=[None, 99])
    runs.loc[0, "state"] = "failed"
    row = configurations(runs).iloc[0]
    assert (row["depth"], row["n_parameters"], row["n_failed"]) == (3, 99, 1)


def test_no_run_gives_no_configuration():
    assert len(configurations(table({"wide": [0.5]}).iloc[:0])) == 0


@pytest.mark.slow
@patiently
@given(st.lists(accuracies, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(groups, random):
    runs = table({f"a{i}": values for i, values in enumerate(groups)})
    order = list(range(len(runs)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(configurations(runs), configurations(runs.iloc[order]))


def test_a_configuration_is_found_by_label_and_by_settings():
    runs = table({"wide": [0.5], "deep": [0.9]}, depth=[1, 3], width=[20.0, 64.0])
    found = sort_best_first(group_runs(runs, "test_accuracy"), "test_accuracy")
    assert find_configuration(runs, found, "wide").label == "wide"
    assert find_configuration(runs, found, {"depth": 3, "width": "64"}).label == "deep"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("wid", "there is no configuration 'wid'; did you mean 'wide'"),
        ({"dept": 1}, "did you mean 'depth'"),
        ({"depth": 5}, r"no configuration has \{'depth': 5\}; known: deep, wide"),
        ({"width": 20}, "is several configurations: deep, wide; say which"),
    ],
)
def test_a_configuration_that_is_none_or_several_is_refused(wanted, message):
    runs = table({"wide": [0.5], "deep": [0.9]}, depth=[1, 3], width=20)
    found = sort_best_first(group_runs(runs, "test_accuracy"), "test_accuracy")
    with pytest.raises(ConfigError, match=message):
        find_configuration(runs, found, wanted)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.1, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(ConfigError, match="not between 0 and 1"):
        configurations(table({"wide": [0.5]}), confidence=confidence)
