"""Equal enough: the margin, baycomp's probabilities, statsmodels' two one-sided tests, and words."""

import math

import numpy as np
import pandas as pd
import pytest

from nnsweep.errors import ConfigError
from nnsweep.results.statistics.equivalence import choose_rope, compare_equivalence

FIVE = (0.9042, 0.9091, 0.914, 0.8954, 0.8845), (0.9023, 0.905, 0.8938, 0.9053, 0.8907)
TEN = (
    (0.9037, 0.9126, 0.8974, 0.8857, 0.9052, 0.9093, 0.8949, 0.9035, 0.8974, 0.9009),
    (0.9095, 0.912, 0.9197, 0.901, 0.8934, 0.8954, 0.8992, 0.9084, 0.9114, 0.9107),
)


@pytest.mark.parametrize("rope", [0.0, -0.01, math.nan, math.inf])
def test_a_margin_is_a_positive_number(rope):
    with pytest.raises(ConfigError, match=rf"rope={rope} is not a positive number; 0\.01 is usual for an accuracy"):
        choose_rope(rope, "test_accuracy")


def test_only_an_accuracy_has_a_usual_margin():
    assert choose_rope(None, "best_val_accuracy") == 0.01
    assert choose_rope(None, "final_train_cost") is None
    assert choose_rope(0.2, "final_train_cost") == 0.2


def runs_of(first, second, **columns):
    """Give a frame of the runs with two schedules, so of networks of one shape, which are paired by seed."""
    runs = pd.DataFrame({"schedule": ["a"] * len(first) + ["b"] * len(second), "test_accuracy": [*first, *second]})
    return runs.assign(**columns)


def compare_first(first, second, *, rope=None, **columns):
    """Compare a with b."""
    (row,) = compare_equivalence(runs_of(first, second, **columns), reference="b", rope=rope).to_dict("records")
    return row


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (FIVE, [0.1827868533401057, 0.7175153226810866, 0.09969782397880765]),
        (TEN, [0.009523284427544576, 0.8065146472506788, 0.1839620683217767]),
    ],
)
def test_folds_have_the_probabilities_of_baycomp(pair, expected):
    """baycomp 1.0.3: two_on_single(b, a, rope=0.01); see experiments/statistics/instruments.py."""
    n = len(pair[0])
    row = compare_first(*pair, **{"data.fold": [*range(n)] * 2, "data.n_folds": n})
    assert [row[name] for name in ("p_better", "p_equal", "p_worse")] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("pair", "paired", "unpaired"),
    [
        (((0.8988, 0.8851, 0.9166), (0.8945, 0.9054, 0.9098)), 0.25338965632782384, 0.2730070778232283),
        (
            (
                (0.8942, 0.8769, 0.8899, 0.917, 0.913, 0.8872, 0.8938, 0.8828, 0.9025, 0.9124),
                (0.8923, 0.8972, 0.903, 0.9055, 0.9206, 0.9137, 0.8873, 0.8961, 0.9056, 0.921),
            ),
            0.24090494710484114,
            0.3171285590781875,
        ),
    ],
)
def test_seeds_have_the_two_tests_of_statsmodels(pair, paired, unpaired):
    """statsmodels 0.15: ttost_paired(a, b, -0.01, 0.01), ttost_ind(..., usevar="unequal")."""
    n = len(pair[0])
    assert compare_first(*pair, seed=[*range(n)] * 2)["p_tost"] == pytest.approx(paired, abs=1e-8)
    assert compare_first(*pair, seed=range(2 * n))["p_tost"] == pytest.approx(unpaired, abs=1e-8)
    of_two_shapes = runs_of(*pair, seed=[*range(n)] * 2, arch=["a"] * n + ["b"] * n)
    (row,) = compare_equivalence(of_two_shapes, reference={"arch": "b"}).to_dict("records")
    assert row["p_tost"] == pytest.approx(unpaired, abs=1e-8)


NOISE = np.array([-0.002, 0.001, 0.003, -0.003, 0.001])


@pytest.mark.parametrize(
    ("shift", "conclusion"),
    [
        (0.03, "better"),
        (0.0, "equal enough"),
        (-0.03, "worse"),
        (0.009, "equal or better"),
        (-0.009, "equal or worse"),
    ],
)
def test_a_conclusion_is_what_is_nearly_certain(shift, conclusion):
    row = compare_first(0.9 + shift + NOISE, 0.9 + NOISE[::-1], seed=[*range(5)] * 2)
    assert row["conclusion"] == conclusion
    assert row["p_better"] + row["p_equal"] + row["p_worse"] == pytest.approx(1)
    assert row["p_tost"] == max(row["p_better"], row["p_worse"])


def test_what_varies_a_lot_is_open():
    assert compare_first(0.9 + 20 * NOISE, 0.9 - 20 * NOISE, seed=[*range(5)] * 2)["conclusion"] == "open"


def test_of_costs_less_is_better():
    runs = runs_of(0.2 + NOISE, 0.3 + NOISE[::-1], seed=[*range(5)] * 2)
    runs = runs.rename(columns={"test_accuracy": "final_train_cost"})
    (row,) = compare_equivalence(runs, "final_train_cost", reference="b", rope=0.01).to_dict("records")
    assert row["conclusion"] == "better"
    with pytest.raises(ConfigError, match="rope: final_train_cost has no usual margin"):
        compare_equivalence(runs, "final_train_cost")


def test_the_best_is_the_reference_if_none_is_named():
    table = compare_equivalence(runs_of(0.9 + NOISE, 0.95 + NOISE, seed=[*range(5)] * 2))
    assert table[["label", "reference_label"]].to_numpy().tolist() == [["a", "b"]]
    assert table.attrs["rope"] == 0.01


@pytest.mark.parametrize(
    ("n", "apart", "p_tost", "conclusion"),
    [(3, 0.0, 1 / 8, "open"), (5, 0.0, 1 / 32, "equal enough"), (5, 0.02, 1.0, "open")],
)
def test_without_spread_signs_are_all_there_is(n, apart, p_tost, conclusion):
    row = compare_first([0.9] * n, [0.9 - apart] * n, seed=[*range(n)] * 2)
    assert math.isnan(row["p_equal"])
    assert (row["p_tost"], row["conclusion"]) == (p_tost, conclusion)


def test_one_run_is_not_tested():
    row = compare_first([0.9], [0.9, 0.91], seed=[0, 0, 1])
    assert (row["test"], row["conclusion"]) == ("none", "not tested")
    assert math.isnan(row["p_tost"])


@pytest.mark.slow
def test_rarely_is_what_differs_by_the_margin_called_equal():
    """With a true difference of exactly the margin, at most 5 % of the comparisons say that it is smaller."""
    random, n_studies, n_equal = np.random.default_rng(0), 400, 0
    for _ in range(n_studies):
        first, second = 0.9 + random.normal(0, 0.004, (2, 5))
        n_equal += compare_first(first + 0.01, second, seed=[*range(5)] * 2)["p_tost"] < 0.05
    assert 0 < n_equal / n_studies <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / n_studies)
