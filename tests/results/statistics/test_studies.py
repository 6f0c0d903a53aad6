"""Which configurations two studies have in common, and which of these have moved."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nnsweep.errors import ConfigError
from nnsweep.results.statistics.studies import compare_two_studies

NOISE = np.random.default_rng(0).normal(0, 0.01, size=(4, 10))


def study(results, seeds=range(10), **constant):
    """Make the runs of a study: of each architecture the results of its seeds."""
    return [
        {"data": "digits", "arch": arch, "seed": seed, "state": "finished", "test_accuracy": value} | constant
        for arch, values in results.items()
        for seed, value in zip(seeds, values, strict=False)
    ]


def compare(first, other, **options):
    runs = pd.DataFrame([*first, *other])
    return compare_two_studies(runs, [place >= len(first) for place in range(len(runs))], **options)


A = study({"deep": 0.90 + NOISE[0], "wide": 0.92 + NOISE[1]})


def test_a_study_has_not_moved_from_itself():
    pair = compare(A, A)
    assert pair.table["label"].tolist() == ["deep", "wide"]
    assert pair.table[["difference", "low", "high"]].to_numpy().tolist() == [[0, 0, 0]] * 2
    assert not pair.table["moved"].any()
    assert (pair.only_first, pair.only_other, pair.settings) == ([], [], [])


def test_what_has_moved_is_found_and_nothing_else():
    B = study({"deep": 0.90 + NOISE[0] + 0.03 + 0.1 * NOISE[2], "wide": 0.92 + NOISE[1] + 0.1 * NOISE[3]})
    table = compare(A, B).table.set_index("label")
    assert table["moved"].to_dict() == {"deep": True, "wide": False}
    assert table["test"].unique().tolist() == ["paired t"]
    shift = 0.03 + 0.1 * NOISE[2]
    interval = stats.ttest_1samp(shift, 0).confidence_interval(0.975)  # for two at once
    assert table.loc["deep", ["difference", "low", "high"]].tolist() == pytest.approx([shift.mean(), *interval])
    assert table["p"]["deep"] == pytest.approx(stats.ttest_1samp(shift, 0).pvalue)
    assert table["p_holm"]["deep"] == pytest.approx(2 * table["p"]["deep"])


def test_other_seeds_are_compared_as_two_groups():
    B = study({"deep": 0.90 + NOISE[2]}, seeds=range(100, 110))
    row = compare(A, B).table.iloc[0]
    assert (row["test"], row["n_pairs"]) == ("Welch", 0)
    expected = stats.ttest_ind(0.90 + NOISE[2], 0.90 + NOISE[0], equal_var=False)
    assert row["p"] == pytest.approx(expected.pvalue)


def test_what_one_study_fixes_another_may_vary():
    B = study({"deep": NOISE[2]}, activation="tanh") + study({"deep": NOISE[3]}, activation="relu")
    pair = compare(study({"deep": NOISE[0]}, activation="relu"), B)
    assert pair.table["label"].tolist() == ["relu"]
    assert (pair.only_first, pair.only_other) == ([], ["tanh"])


def test_what_both_fix_at_other_values_is_what_differs():
    pair = compare(
        [row | {"trainer.epochs": 30, "dtype": "float32"} for row in A],
        [row | {"trainer.epochs": 60, "dtype": "float32"} for row in A],
    )
    assert len(pair.table) == 2
    assert pair.settings == [("trainer.epochs", "30", "60")]


def test_a_name_that_means_other_layers_is_no_match():
    first = [row | {"hidden_layer_sizes": {"deep": "8-8", "wide": "64"}[row["arch"]]} for row in A]
    other = [row | {"hidden_layer_sizes": {"deep": "8-8", "wide": "128"}[row["arch"]]} for row in A]
    pair = compare(first, other)
    assert pair.table["label"].tolist() == ["8-8"]
    assert (pair.only_first, pair.only_other) == (["64"], ["128"])


def test_other_data_are_never_compared():
    pair = compare(A, [row | {"data": "iris"} for row in A])
    assert len(pair.table) == 0
    assert pair.data == (["digits"], ["iris"])
    assert pair.only_first == ["digits deep", "digits wide"]
    assert ("data", "digits", "iris") in pair.settings


def test_data_that_have_changed_under_their_name_are_other_data():
    same, changed = (compare(A, A, digests=["a" * 64] * 20 + [digit * 64] * 20) for digit in "ab")
    assert (len(same.table), len(changed.table)) == (2, 0)
    assert changed.data == (["digits aaaaaaaa"], ["digits bbbbbbbb"])


def test_common_data_are_compared_where_others_are_not():
    pair = compare(A, A + [row | {"data": "iris", "data.fraction": 0.5} for row in A])
    assert pair.table["label"].tolist() == ["digits deep", "digits wide"]
    assert pair.only_other == ["iris deep", "iris wide"]


def test_single_results_are_shown_and_not_tested():
    row = compare(A, study({"deep": [0.95]})).table.iloc[0]
    assert row["difference"] == pytest.approx(0.95 - (0.90 + NOISE[0]).mean())
    assert (row["test"], row["moved"]) == ("none", False)
    assert np.isnan(row["p"])


@pytest.mark.slow
def test_no_interval_contradicts_what_is_said_to_have_moved():
    generator = np.random.default_rng(3)
    for _ in range(50):
        shifts = generator.choice([0, 0.008], size=4)
        first = study({f"a{k}": 0.9 + NOISE[k] for k in range(4)})
        other = study({f"a{k}": 0.9 + shifts[k] + generator.normal(0, 0.01, 10) for k in range(4)})
        table = compare(first, other).table
        excluded = (table["low"] > 0) | (table["high"] < 0)
        touching = (table["low"] == 0) | (table["high"] == 0)
        assert (table["moved"] == (excluded | touching)).all()


@pytest.mark.slow
def test_chance_moves_something_in_one_comparison_of_twenty():
    generator = np.random.default_rng(1)
    moved = 0
    for _ in range(200):
        first, other = (
            study({f"a{k}": generator.normal(0.9, 0.01, 5) for k in range(6)}, seeds=seeds)
            for seeds in (range(5), range(5, 10))
        )
        moved += compare(first, other).table["moved"].any()
    assert moved <= 18  # 10 are expected, and 19 or more by chance once in two hundred such tests


def test_an_unknown_metric_is_refused():
    with pytest.raises(ConfigError, match="test_acuracy"):
        compare(A, A, metric="test_acuracy")
