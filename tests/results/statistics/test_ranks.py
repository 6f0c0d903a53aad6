"""Ranks over blocks agree with published examples and with the libraries that have them."""

import math
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnsweep.results.statistics.data_sets import compare_data_sets
from nnsweep.results.statistics.ranks import (
    compute_critical_difference,
    compute_profiles,
    count_blocks_needed,
    find_groups,
    rank_scores,
    run_friedman_test,
    run_wilcoxon_test,
)
from nnsweep.results.statistics.tests import correct_by_holm

DEMSAR = np.array(
    [
        *([0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967]),
        *([0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931]),
        *([0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875]),
        *([1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669]),
        *([0.972, 0.981, 0.975, 0.973], [0.957, 0.978, 0.946, 0.970]),
    ]
)
"""Areas under the curve of four decision trees on 14 data sets (Demšar, JMLR 7, 2006, table 6)."""


SCORES = np.array(
    [
        *([0.797665, 0.793077, 0.792716, 0.784941, 0.794897], [0.854583, 0.858256, 0.858707, 0.843844, 0.803336]),
        *([0.693958, 0.684176, 0.678302, 0.665425, 0.658096], [0.564992, 0.569961, 0.569256, 0.561901, 0.575558]),
        *([0.769555, 0.771691, 0.765284, 0.738472, 0.760817], [0.655482, 0.593707, 0.635248, 0.631031, 0.628376]),
        *([0.818862, 0.798791, 0.803281, 0.797872, 0.801938], [0.712031, 0.72535, 0.702958, 0.649635, 0.693973]),
        *([0.738949, 0.72207, 0.700626, 0.703974, 0.708288], [0.887961, 0.916851, 0.868917, 0.914824, 0.91165]),
        *([0.84967, 0.818831, 0.838015, 0.8118, 0.810876], [0.895445, 0.84999, 0.82849, 0.860503, 0.879469]),
        *([0.766894, 0.757238, 0.763134, 0.741705, 0.760105], [0.923613, 0.887618, 0.890745, 0.863817, 0.867006]),
    ]
)
"""Scores on 14 data sets, of ``experiments/statistics/data_sets.py``, which asks the libraries."""


def test_numbers_are_those_of_autorank():
    assert run_friedman_test(SCORES).p == pytest.approx(0.000699583335, abs=1e-12)  # autorank 1.3.0
    ranks = rank_scores(SCORES).mean(axis=0)
    assert (14 * ranks).round(9).tolist() == [24, 37, 42, 59, 48]


def test_numbers_are_those_of_scikit_posthocs():
    pairs = list(combinations(range(5), 2))
    p = correct_by_holm([run_wilcoxon_test(SCORES[:, one], SCORES[:, other])[1] for one, other in pairs])
    # posthoc_wilcoxon(p_adjust="holm") and posthoc_nemenyi_friedman of scikit-posthocs 0.17.1
    expected = [0.470947265625, 0.012207031250, 0.020874023438, 0.068359375, 0.887329101562, 0.246948242188]
    assert p == pytest.approx([*expected, 0.887329101562, 0.520019531250, 0.887329101562, 0.520019531250], abs=1e-11)
    assert compute_critical_difference(5, 14, 1 - 0.0002778096269652197) == pytest.approx((59 - 24) / 14, abs=1e-8)


def test_pairs_are_those_of_the_published_matrix():
    runs = pd.DataFrame(
        [
            {"arch": "abcde"[place], "data": f"d{row:02}", "seed": 0, "test_accuracy": score}
            for (row, place), score in np.ndenumerate(SCORES)
        ]
    )
    pairs = compare_data_sets(runs).pairs.set_index(["label", "other"])
    # MCM.compare of multi-comp-matrix 0.0.4: mean difference, wins, losses, p before its correction
    expected = {
        ("a", "b"): (0.013003785714285732, 9, 5, 0.0784912109375),
        ("a", "d"): (0.02570828571428585, 13, 1, 0.0023193359375),
        ("b", "c"): (0.0037091428571428553, 8, 6, 0.463134765625),
        ("c", "e"): (0.0029495714285714403, 9, 5, 0.42626953125),
    }
    for pair, numbers in expected.items():
        assert tuple(pairs.loc[pair, ["difference", "n_better", "n_worse", "p"]]) == pytest.approx(numbers, abs=1e-12)


def test_mean_ranks_of_a_published_example():
    assert rank_scores(DEMSAR).mean(axis=0).round(3).tolist() == [3.143, 2.0, 2.893, 1.964]


def test_friedman_agrees_with_the_published_formula_but_for_ties():
    found, n, k = run_friedman_test(DEMSAR), 14, 4
    # without a correction for ties χ² is 9.28 there and F is 3.69; three pairs and a row of four are equal
    ties = (3 * (2**3 - 2) + 4**3 - 4) / (n * (k**3 - k))
    uncorrected = found.chi_squared * (1 - ties)
    assert round(uncorrected, 2) == 9.28
    assert round((n - 1) * uncorrected / (n * (k - 1) - uncorrected), 2) == 3.69
    assert found.f == (n - 1) * found.chi_squared / (n * (k - 1) - found.chi_squared)
    assert found.p_f == pytest.approx(stats.f.sf(found.f, 3, 39), rel=1e-12)


def test_the_critical_difference_is_the_published_one():
    assert compute_critical_difference(4, 14) == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 14)), abs=1e-3)
    assert compute_critical_difference(10, 30, 0.9) == pytest.approx(2.920 * math.sqrt(10 * 11 / (6 * 30)), abs=1e-3)


def test_friedman_of_what_never_or_always_differs():
    assert run_friedman_test(np.ones((5, 3)))[:2] == (0.0, 1.0)
    assert run_friedman_test(np.tile([3.0, 2.0, 1.0], (5, 1)))[2:] == (math.inf, 0.0)
    few = run_friedman_test(np.tile([3.0, 2.0, 1.0], (4, 1)))
    assert (few.chi_squared, math.isnan(few.p_f)) == (8.0, True)
    assert all(map(math.isnan, run_friedman_test(np.ones((5, 2)))))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
@settings(deadline=None)
def test_wilcoxon_is_exact_with_equal_and_zero_differences(differences):
    first = 0.5 + np.array(differences) / 360
    ranks = stats.rankdata([abs(one) for one in differences if one])
    signs = np.sign([one for one in differences if one])
    observed = min(ranks[signs > 0].sum(), ranks[signs < 0].sum()) if len(ranks) else 0.0
    sums = [ranks[np.array(choice, dtype=bool)].sum() for choice in product([0, 1], repeat=len(ranks))]
    expected = min(1.0, 2 * np.mean([one <= observed for one in sums])) if len(ranks) else 1.0
    statistic, p = run_wilcoxon_test(first, np.full(len(first), 0.5))
    assert (statistic, p) == (observed, pytest.approx(expected, rel=1e-12))


@pytest.mark.parametrize("n", [6, 20, 45])
def test_wilcoxon_is_scipys_exact_test_without_equal_differences(n):
    first, second = np.random.default_rng(n).normal([[0.2], [0.0]], size=(2, n))
    found = stats.wilcoxon(first, second, method="exact")
    assert run_wilcoxon_test(first, second) == pytest.approx((found.statistic, found.pvalue), rel=1e-9)


def test_blocks_needed_is_where_the_smallest_p_can_be_told():
    for m in (1, 3, 36, 300):
        n = count_blocks_needed(m)
        smallest = [run_wilcoxon_test(np.arange(1.0, 1 + size), np.zeros(size))[1] for size in (n - 1, n)]
        assert m * smallest[0] >= 0.05 > m * smallest[1]


def test_wrong_rejections_stay_below_the_level_with_ties():
    # eight data sets, accuracies in steps of 1/30: what is exact may be careful and never too bold
    draw = np.random.default_rng(0).binomial(30, 0.9, size=(2, 2000, 8)) / 30
    rate = np.mean([run_wilcoxon_test(*pair)[1] < 0.05 for pair in zip(*draw, strict=True)])
    assert rate <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)
    assert rate > 0.01


@pytest.mark.slow
def test_any_wrong_rejection_of_all_pairs_stays_below_the_level():
    # fifteen data sets of different spread, five equal competitors: Holm's correction holds for all ten pairs at once
    generator, told = np.random.default_rng(1), 0
    for _ in range(400):
        scores = generator.normal(size=(15, 5)) * 10 ** generator.uniform(-2.5, -1.5, (15, 1))
        p = [run_wilcoxon_test(scores[:, one], scores[:, other])[1] for one, other in combinations(range(5), 2)]
        told += bool((correct_by_holm(p) < 0.05).any())
    assert 0 < told / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_groups_are_the_largest_of_neighbours():
    told = np.zeros((5, 5), dtype=bool)
    for one, other in ((0, 2), (0, 3), (0, 4), (1, 4)):
        told[one, other] = told[other, one] = True
    assert find_groups(told) == [(0, 1), (1, 3), (2, 4)]
    assert find_groups(~np.eye(3, dtype=bool)) == []


def test_profiles_rise_to_one_and_begin_with_the_share_of_bests():
    gaps = (scores := np.random.default_rng(1).integers(0, 9, size=(7, 4)) / 9).max(axis=1, keepdims=True) - scores
    distances, shares = compute_profiles(gaps)
    assert distances[0] == 0
    assert shares[:, 0].tolist() == (gaps == 0).mean(axis=0).tolist()
    assert (np.diff(shares) >= 0).all()
    assert (shares[:, -1] == 1).all()
