"""An early ranking is compared with the last one."""

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nnsweep.results.frame import frame
from nnsweep.results.statistics.rankings import compare_rankings, correlate_ranks
from nnsweep.tracking.record import RunRecord


def runs_of(ends, seeds=(0, 1)):
    return frame(
        [
            RunRecord(
                run_id=f"{arch}/{seed}",
                name=f"{arch}-{seed}",
                state="finished" if end is not None else "diverged",
                settings={"arch": arch, "seed": seed},
                metrics={"chance_accuracy": 0.1} | ({} if end is None else {"test_accuracy": end}),
            )
            for arch, end in ends.items()
            for seed in seeds
        ]
    )


def history(*accuracies):
    return pd.DataFrame({"epoch": range(len(accuracies)), "train_cost": 1.0, "val_accuracy": accuracies})


def curves_of(runs, curves):
    return {run_id: curves[run_id.partition("/")[0]] for run_id in runs["run_id"]}


@pytest.fixture
def crossing():
    """Give three configurations, of which the slowest is the best after ten epochs."""
    runs = runs_of({"slow": 0.9, "fast": 0.8, "poor": 0.5})
    epochs = np.arange(11)
    curves = {
        "slow": history(*(0.09 * epochs)),
        "fast": history(*np.minimum(0.8, 0.2 * epochs)),
        "poor": history(*(0.05 * epochs)),
    }
    return runs, curves_of(runs, curves)


def test_each_share_has_its_epoch_its_best_and_what_that_lacks(crossing):
    table = compare_rankings(*crossing, shares=(0.2, 0.5, 1.0))
    assert table["epoch"].tolist() == [2, 5, 10]
    assert table["n_configurations"].tolist() == [3, 3, 3]
    assert table["best"].tolist() == ["fast", "fast", "slow"]
    assert table["is_final_best"].tolist() == [False, False, True]
    assert table["loss"].tolist() == pytest.approx([0.1, 0.1, 0.0])
    assert table["kendall"].tolist() == pytest.approx([1 / 3, 1 / 3, 1.0])
    assert table.attrs == {"epochs": 10, "best": "slow", "kendall_of_halves": 1.0}


def test_what_counts_is_the_best_epoch_so_far(crossing):
    runs, curves = crossing
    falling = {run_id: history(*([0.0, 0.95] + [0.2] * 9)) for run_id in curves if run_id.startswith("poor")}
    table = compare_rankings(runs, curves | falling, shares=(0.1,))
    assert (table["best"].item(), table.attrs["best"], table["loss"].item()) == ("poor", "poor", 0)


def test_a_run_that_has_failed_counts_as_guessing_from_then_on():
    runs = runs_of({"a": 0.9, "b": 0.8, "gone": None})
    epochs = np.arange(11)
    curves = curves_of(
        runs, {"a": history(*(0.09 * epochs)), "b": history(*(0.08 * epochs)), "gone": history(0.1, 0.6, 0.7, 0.7)}
    )
    table = compare_rankings(runs, curves, shares=(0.2, 0.5))
    assert table["best"].tolist() == ["gone", "a"]
    assert table["loss"].tolist() == pytest.approx([0.8, 0.0])


def test_early_stopping_carries_the_best_on():
    runs = runs_of({"a": 0.9, "b": 0.8, "c": 0.7})
    epochs = np.arange(11)
    curves = curves_of(runs, {"a": history(0.1, 0.9), "b": history(*(0.08 * epochs)), "c": history(*(0.07 * epochs))})
    assert compare_rankings(runs, curves)["is_final_best"].all()


def test_too_few_configurations_have_no_ranking(crossing):
    runs, curves = crossing
    assert len(compare_rankings(runs, {})) == 0
    assert len(compare_rankings(runs[runs["arch"] != "poor"], curves)) == 0


def test_the_order_of_rows_changes_nothing(crossing):
    runs, curves = crossing
    pd.testing.assert_frame_equal(compare_rankings(runs, curves), compare_rankings(runs.iloc[::-1], curves))


def test_correlations_are_scipys():
    random = np.random.default_rng(0)
    first, second = random.integers(0, 6, size=(2, 12)).astype(float)
    found = correlate_ranks(first, second)
    assert found.kendall == stats.kendalltau(first, second).statistic
    assert found.spearman == stats.spearmanr(first, second).statistic
    assert math.isnan(correlate_ranks(first, np.ones(12)).kendall)


def test_the_interval_is_that_of_resampled_configurations():
    random = np.random.default_rng(0)
    first = random.normal(size=15)
    second = first + random.normal(size=15)
    places = np.random.default_rng(1).integers(0, 15, size=(2000, 15))
    resampled = [stats.kendalltau(first[place], second[place]).statistic for place in places]
    found = correlate_ranks(first, second)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(resampled, [0.025, 0.975])), abs=0.03)


def test_equal_rankings_are_sure_and_opposite_ones_too():
    values = np.arange(6.0)
    assert correlate_ranks(values, values)[:3] == pytest.approx((1, 1, 1))
    assert correlate_ranks(values, -values)[:3] == pytest.approx((-1, -1, -1))


def test_all_orders_of_three_have_their_correlation():
    taus = {
        order: correlate_ranks(np.arange(3.0), np.array(order, dtype=float)).kendall for order in permutations(range(3))
    }
    assert sorted(round(3 * tau) for tau in taus.values()) == [-3, -1, -1, 1, 1, 3]


def test_halves_of_the_repeats_agree_as_far_as_there_is_an_order():
    random = np.random.default_rng(0)
    runs = runs_of({f"a{place:02}": 0.5 for place in range(30)}, seeds=range(8))

    def compare_with_spread(spread):
        levels = {run_id: 0.7 + spread * int(run_id[1:3]) + random.normal(scale=0.01) for run_id in runs["run_id"]}
        curves = {run_id: history(0.1, 0.5 * level, level) for run_id, level in levels.items()}
        return compare_rankings(runs, curves).attrs["kendall_of_halves"]

    assert compare_with_spread(0.009) > 0.9
    assert abs(compare_with_spread(0.0)) < 0.2


def test_one_repeat_has_no_halves(crossing):
    runs, curves = crossing
    assert math.isnan(compare_rankings(runs[runs["seed"] == 0], curves).attrs["kendall_of_halves"])
