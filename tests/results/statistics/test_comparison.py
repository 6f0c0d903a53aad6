"""Who can be told from the best, and from a baseline; and what it would take."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnsweep.errors import ConfigError
from nnsweep.results.statistics.best_set import judge
from nnsweep.results.statistics.comparison import COLUMNS, compare, indistinguishable

patiently = settings(deadline=None, max_examples=30)

groups = st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=6), min_size=2, max_size=4)


def table(values, first_seed=0, name="arch"):
    rows = [
        {name: arch, "seed": first_seed + seed, "state": "finished", "test_accuracy": value}
        for arch, results in values.items()
        for seed, value in enumerate(results)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def three():
    best = np.array([0.90, 0.93, 0.88, 0.91, 0.95, 0.87, 0.92, 0.90])
    near = best - [0.004, -0.003, 0.002, 0.005, -0.004, 0.003, -0.001, 0.001]
    far = best - [0.02, 0.03, 0.025, 0.01, 0.03, 0.02, 0.015, 0.02]
    return table({"best": best, "near": near, "far": far})


def test_every_configuration_is_compared_with_both_references(three):
    found = compare(three, baseline="far")
    assert list(found.columns) == list(COLUMNS)
    assert found[["label", "reference", "reference_label"]].values.tolist() == [
        ["near", "best", "best"],
        ["far", "best", "best"],
        ["best", "baseline", "far"],
        ["near", "baseline", "far"],
    ]


def test_values_are_scipys_and_corrected_for_all_pairs(three):
    found = compare(three).set_index("label")
    by_arch = {arch: part["test_accuracy"].to_numpy() for arch, part in three.groupby("arch")}
    p = {arch: stats.ttest_rel(by_arch[arch], by_arch["best"]).pvalue for arch in ("near", "far")}
    assert found["p"]["near"] == pytest.approx(p["near"], abs=1e-10)
    assert found["p"]["far"] == pytest.approx(p["far"], rel=1e-10)
    assert found["p_holm"]["far"] == pytest.approx(3 * p["far"], rel=1e-10)
    assert found["p_holm"]["near"] == pytest.approx(min(1, 2 * p["near"]), abs=1e-10)
    assert found["distinguishable"].to_dict() == {"near": False, "far": True}
    assert "all 3 pairs" in compare(three).attrs["notes"][0]


def test_named_baseline_is_corrected_only_for_its_comparisons(three):
    found = compare(three, baseline={"arch": "best"})
    best, named = (found[found["reference"] == name].set_index("label") for name in ("best", "baseline"))
    assert named["p"].equals(best["p"])
    assert named["p_holm"]["far"] == pytest.approx(2 / 3 * best["p_holm"]["far"], rel=1e-12)


def test_the_set_that_cannot_be_told_from_the_best(three):
    assert indistinguishable(three) == ["best", "near"]


def test_seeds_to_add_are_none_where_told_and_would_tell(three):
    found = compare(three).set_index("label")
    assert found["more_seeds"]["far"] == 0
    more = int(found["more_seeds"]["near"])
    assert more > 0
    effect = found["effect_size"]["near"]
    quantile = stats.t.isf(0.05 / 3 / 2, 8 + more - 1)
    assert stats.nct.cdf(-quantile, 8 + more - 1, effect * math.sqrt(8 + more)) >= 0.8
    assert stats.nct.cdf(-quantile, 8 + more - 2, effect * math.sqrt(8 + more - 1)) < 0.8


def test_equal_configurations_are_never_told_apart():
    row = compare(table({"a": [0.9, 0.8], "b": [0.9, 0.8]})).iloc[0]
    assert (row["p"], row["p_holm"], row["more_seeds"], row["win_rate"]) == (1, 1, math.inf, 0.5)
    assert not row["distinguishable"]


def test_two_seeds_with_one_constant_difference_prove_nothing():
    row = compare(table({"a": [0.9, 0.8], "b": [0.8, 0.7]}, name="activation")).iloc[0]
    assert (row["test"], row["p"], row["distinguishable"]) == ("sign flip", 0.5, False)
    assert row["more_seeds"] == 4  # with 6 seeds 2 / 2^6 is less than 5 %


def test_one_seed_gives_no_test_and_everything_stays_possible():
    runs = table({"a": [0.9], "b": [0.5], "c": [0.1]})
    found = compare(runs)
    assert found[["p", "p_holm", "low", "high", "more_seeds"]].isna().all(axis=None)
    assert set(found["note"]) == {"fewer than two seeds: no test"}
    assert indistinguishable(runs) == ["a", "b", "c"]


def test_seeds_that_are_not_shared_are_compared_as_groups():
    runs = pd.concat([table({"a": [0.9, 0.8, 0.85]}), table({"b": [0.5, 0.6, 0.7]}, first_seed=10)])
    row = compare(runs).iloc[0]
    assert (row["test"], row["n_pairs"]) == ("Welch", 0)
    expected = stats.ttest_ind([0.5, 0.6, 0.7], [0.9, 0.8, 0.85], equal_var=False)
    assert row["p"] == pytest.approx(expected.pvalue, abs=1e-10)


def test_only_shared_seeds_are_paired_and_failures_are_told():
    runs = table({"a": [0.9, 0.8, 0.85], "b": [0.5, 0.6, 0.7]}, name="activation")
    runs.loc[0, "state"] = "diverged"
    found = compare(runs, failures="ignore")
    assert found["n_pairs"].tolist() == [2]
    assert found["difference"][0] == pytest.approx((0.6 + 0.7 - 0.8 - 0.85) / 2, abs=1e-15)
    assert "1 run of 1 configuration ended without a test_accuracy" in found.attrs["notes"][-1]


def test_what_lost_a_seed_is_not_best_where_guessing_is_unknown():
    runs = table({"a": [0.9, 0.8, 0.85], "b": [0.5, 0.6, 0.7]})
    runs.loc[0, "state"] = "diverged"
    found = compare(runs)
    assert found.loc[0, ["label", "reference_label", "n_finished", "n_ended"]].tolist() == ["a", "b", 2, 3]
    assert found.attrs["notes"][-1] == "configurations with a failed run that has no value are ranked last"


def test_failed_seeds_count_as_guessing():
    """Seven of ten seeds of the highest survivors diverged: the best is another."""
    runs = table({"a": [0.95, 0.94, 0.96] + [0.95] * 7, "b": [0.97, 0.98, 0.96] + [math.nan] * 7, "c": [math.nan] * 10})
    runs = runs.assign(chance_accuracy=0.1)
    runs.loc[runs["test_accuracy"].isna(), "state"] = "diverged"
    found = compare(runs).set_index("label")
    assert set(found["reference_label"]) == {"a"}
    assert found["difference"]["b"] == pytest.approx((0.97 + 0.98 + 0.96 + 0.7) / 10 - 0.95, abs=1e-12)
    assert found[["n_finished", "n_ended"]].values.tolist() == [[3, 10], [0, 10]]
    close = runs.assign(test_accuracy=runs["test_accuracy"].replace(0.98, 0.93))
    assert indistinguishable(close[close["seed"] < 2]) == ["b", "a"]  # c never finished, so it is not the best
    assert set(compare(runs, failures="ignore")["reference_label"]) == {"b"}


def test_of_a_cost_the_lowest_is_the_best():
    runs = table({"a": [0.9, 0.8], "b": [0.5, 0.7]}).rename(columns={"test_accuracy": "final_train_cost"})
    row = compare(runs, "final_train_cost").iloc[0]
    assert (row["label"], row["reference_label"], row["win_rate"]) == ("a", "b", 0)


def test_nothing_to_compare_is_an_empty_table_or_said():
    assert len(compare(table({"a": [0.9, 0.8]}))) == 0
    assert len(compare(table({"a": [0.9]}).iloc[:0])) == 0
    assert indistinguishable(table({"a": [0.9, 0.8]})) == ["all runs"]
    with pytest.raises(ConfigError, match="no run finished with a finite test_accuracy"):
        compare(table({"a": [0.9], "b": [0.9]}).assign(state="failed"))


@pytest.mark.slow
@patiently
@given(groups)
def test_comparing_is_antisymmetric(values):
    runs = table({f"a{i}": results for i, results in enumerate(values)})
    there = compare(runs, baseline="a0").set_index("reference").query("reference == 'baseline'").set_index("label")
    back = compare(runs, baseline="a1").query("reference == 'baseline'").set_index("label")
    assert there["difference"]["a1"] == -back["difference"]["a0"]
    assert there["low"]["a1"] == pytest.approx(-back["high"]["a0"], abs=1e-14, nan_ok=True)
    assert there["p"]["a1"] == pytest.approx(back["p"]["a0"], abs=1e-15, nan_ok=True)
    assert there["win_rate"]["a1"] == pytest.approx(1 - back["win_rate"]["a0"], abs=1e-15)


@patiently
@given(groups, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(values, random):
    runs = table({f"a{i}": results for i, results in enumerate(values)})
    order = list(range(len(runs)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(compare(runs), compare(runs.iloc[order]))


@patiently
@given(groups)
def test_only_undecided_comparisons_need_more_seeds(values):
    found = compare(table({f"a{i}": results for i, results in enumerate(values)})).query("test != 'none'")
    assert ((found["more_seeds"] == 0) == found["distinguishable"]).all()


@pytest.mark.slow
def test_what_is_told_from_a_baseline_has_an_interval_without_0():
    generator = np.random.default_rng(0)
    for _ in range(50):
        levels = generator.normal(0.8, 0.03, size=(6, 1))
        results = (levels + generator.normal(0, 0.02, size=(6, 5))).clip(0, 1)
        found = compare(table({f"a{i}": row for i, row in enumerate(results)}), baseline="a0").query(
            "reference == 'baseline'"
        )
        holds_zero = (found["low"] < 0) & (found["high"] > 0)
        assert (holds_zero == ~found["distinguishable"]).all()


def test_intervals_against_the_best_agree_with_decisions(three):
    found, judged = compare(three).set_index("label"), judge(three).set_index("label")
    for label in ("near", "far"):
        assert found.loc[label, ["low", "high"]].equals(judged.loc[label, ["low", "high"]])
        assert found["distinguishable"][label] == (judged["verdict"][label] == "clearly worse")


def test_networks_of_different_shapes_are_not_paired(three):
    apart = table({"a": [0.9, 0.8, 0.85, 0.82], "b": [0.5, 0.7, 0.6, 0.75]})
    assert compare(apart)["test"].tolist() == ["Welch"]
    assert compare(apart.rename(columns={"arch": "activation"}))["test"].tolist() == ["paired t"]
    assert compare(three)["test"].tolist() == ["paired t"] * 2  # all rise and fall together


def test_two_shared_seeds_of_ten_are_not_paired():
    values = np.random.default_rng(0).normal(0.9, 0.01, size=(2, 10))
    runs = pd.concat([table({"a": values[0]}, 0, "rate"), table({"b": values[1] - 0.02}, 8, "rate")])
    row = compare(runs).iloc[0]
    assert (row["test"], row["n_pairs"], row["note"]) == ("Welch", 2, "only 2 shared seeds: not paired")
    assert row["distinguishable"]
