"""Means of settings over the others: by hand, by statsmodels, by SciPy, and by what their intervals promise."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nnsweep.errors import ConfigError
from nnsweep.results.statistics.marginal_means import marginal_means
from nnsweep.results.statistics.tests import paired_t_test


def grid(values):
    """Give a frame of the runs of ``values[depth][width]``, one a seed."""
    rows = [
        {"d": depth, "w": width, "seed": seed, "test_accuracy": value}
        for depth, of_width in values.items()
        for width, results in of_width.items()
        for seed, value in enumerate(results)
    ]
    return pd.DataFrame(rows)


def of(table, factor):
    return table[table["factor"] == factor].reset_index(drop=True)


def test_combinations_count_the_same_with_any_number_of_runs():
    runs = grid({1: {8: [0.8, 0.8, 0.8, 0.9], 16: [0.9, 1.0]}, 2: {8: [0.6, 0.7], 16: [0.5, 0.7]}})
    levels = of(marginal_means(runs).levels, "d")
    assert levels["level"].tolist() == [1, 2]
    assert levels["mean"].tolist() == pytest.approx([(0.825 + 0.95) / 2, (0.65 + 0.6) / 2])
    # variances: 0.0025 of 4 and 0.005 of 2; (0.0025 / 4 + 0.005 / 2) / 4
    assert levels["standard_error"][0] == pytest.approx(0.000_781_25**0.5)
    assert levels[["n_cells", "n_results"]].to_numpy().tolist() == [[2, 6], [2, 4]]


def test_a_setting_of_its_own_is_welchs_test_times_the_pairs():
    runs = grid({1: {8: [0.81, 0.84, 0.8, 0.9]}, 2: {8: [0.6, 0.71, 0.65]}, 3: {8: [0.7, 0.82, 0.77]}})
    contrasts = marginal_means(runs, confidence=0.9).contrasts
    assert contrasts[["level", "reference"]].to_numpy().tolist() == [[1, 3], [1, 2], [3, 2]]
    by_depth = {depth: own.tolist() for depth, own in runs.groupby("d")["test_accuracy"]}
    for _, row in contrasts.iterrows():
        welch = stats.ttest_ind(by_depth[row["level"]], by_depth[row["reference"]], equal_var=False)
        interval = welch.confidence_interval(1 - 0.1 / 3)
        assert row["p"] == pytest.approx(min(1.0, 3 * welch.pvalue), rel=1e-10)
        assert [row["low"], row["high"]] == pytest.approx([interval.low, interval.high], rel=1e-10)
        assert row["distinguishable"] == (row["p"] < 0.1)


def test_contrasts_have_the_errors_of_statsmodels():
    """statsmodels 0.15: ols("y ~ 0 + C(d):C(w)").fit(cov_type="HC2"); see experiments/statistics/instruments.py."""
    random = np.random.default_rng(7)
    cells = pd.DataFrame(itertools.product(range(3), range(4), range(5)), columns=["depth", "width", "seed"])
    spread = 0.01 * (1 + cells["depth"])
    runs = cells.assign(test_accuracy=np.round(0.9 - 0.01 * cells["depth"] + spread * random.normal(size=60), 4))
    contrasts = of(marginal_means(runs).contrasts, "depth")
    assert contrasts[["level", "reference"]].to_numpy().tolist() == [[0, 2], [0, 1], [2, 1]]
    assert contrasts["difference"].tolist() == pytest.approx(
        [0.011979999999999963, 0.016334999999999933, 0.00435499999999997], abs=1e-10
    )
    assert contrasts["standard_error"].tolist() == pytest.approx(
        [0.006880785747282064, 0.00446831483895215, 0.007835796066769474], abs=1e-10
    )


def test_folds_are_averaged_over_the_grid_and_paired():
    random = np.random.default_rng(0)
    runs = pd.DataFrame(itertools.product([1, 2], [8, 16], range(5)), columns=["d", "w", "data.fold"])
    runs = runs.assign(test_accuracy=0.7 + 0.05 * runs["data.fold"] + random.normal(0, 0.01, 20), **{"data.n_folds": 5})
    by_fold = runs.groupby(["d", "data.fold"])["test_accuracy"].mean()
    expected = paired_t_test(by_fold[1].tolist(), by_fold[2].tolist(), overlap=1 / 4)
    (row,) = of(marginal_means(runs).contrasts, "d").to_dict("records")
    sign = 1 if row["level"] == 1 else -1
    assert row["difference"] == pytest.approx(sign * expected.difference)
    assert row["p"] == pytest.approx(expected.p)
    assert row["high"] - row["low"] == pytest.approx(expected.high - expected.low)


def test_no_level_is_averaged_over_easier_company():
    """Depth 2 was not run at width 8, where all is worse, so depth 1 is not averaged over it, either."""
    runs = grid({1: {8: [0.3, 0.4], 16: [0.9, 0.92], 32: [0.9, 0.94]}, 2: {16: [0.8, 0.82], 32: [0.8, 0.84]}})
    found = marginal_means(runs)
    assert of(found.levels, "d")["mean"].tolist() == pytest.approx([0.915, 0.815])
    assert found.notes == (
        "d: averaged without 1 combination of the other settings not run with all of its values",
        "w: averaged without 1 combination of the other settings not run with all of its values",
    )


def test_what_was_never_run_together_has_no_means():
    """Each depth has two of three widths, and no width has all depths."""
    two = [0.8, 0.82]
    found = marginal_means(grid({1: {8: two, 16: two}, 2: {16: two, 32: two}, 3: {8: two, 32: two}}))
    assert not len(found.levels)
    assert not len(found.contrasts)
    assert found.notes[0] == "d: averaged without 3 combinations of the other settings not run with all of its values"


def test_a_failed_run_counts_as_guessing():
    runs = grid({1: {8: [0.9, 0.9, 0.92]}, 2: {8: [0.9, 0.92, np.nan]}}).assign(chance_accuracy=0.1)
    runs["state"] = ["finished"] * 5 + ["diverged"]
    found = marginal_means(runs)
    assert found.levels["mean"][1] == pytest.approx((0.9 + 0.92 + 0.1) / 3)
    assert found.notes == (
        "1 run of 1 configuration ended without a test_accuracy and counts as guessing (chance_accuracy)",
    )
    assert marginal_means(runs, failures="ignore").levels["mean"][1] == pytest.approx(0.91)


def test_of_costs_the_lower_is_the_better():
    runs = grid({1: {8: [0.3, 0.4]}, 2: {8: [0.1, 0.2]}}).rename(columns={"test_accuracy": "final_train_cost"})
    (row,) = marginal_means(runs, "final_train_cost").contrasts.to_dict("records")
    assert (row["level"], row["reference"], row["difference"]) == (2, 1, pytest.approx(-0.2))


@pytest.mark.parametrize("results", [[0.9], [0.9, 0.9]])
def test_without_spread_there_is_no_interval(results):
    found = marginal_means(grid({1: {8: results}, 2: {8: [value - 0.1 for value in results]}}))
    assert found.levels[["low", "high"]].isna().all(axis=None)
    assert found.contrasts[["low", "high", "p"]].isna().all(axis=None)
    assert not found.contrasts["distinguishable"].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factors": ["depht"]}, "unknown name 'depht'"),
        ({"factors": ["seed"]}, "makes no configuration"),
        ({"confidence": 95}, r"0\.95 is usual"),
    ],
)
def test_what_cannot_be_averaged_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        marginal_means(grid({1: {8: [0.9, 0.8]}, 2: {8: [0.9, 0.8]}}), **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("largest", [1, 10])
def test_all_differences_of_a_setting_hold_at_once(largest):
    """Nothing differs, and spreads do: at most 5 % of the grids tell any two of five depths apart."""
    random, n_grids = np.random.default_rng(largest), 300
    cells = pd.DataFrame(itertools.product(range(5), range(3), range(5)), columns=["d", "w", "seed"])
    spread = np.linspace(1, largest, 5)[cells["d"]]
    n_told = sum(
        of(marginal_means(cells.assign(test_accuracy=spread * random.normal(size=75))).contrasts, "d")[
            "distinguishable"
        ].any()
        for _ in range(n_grids)
    )
    assert n_told / n_grids <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_grids)
