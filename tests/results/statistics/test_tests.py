"""Differences and corrected p values: SciPy's values, and what must hold for any results."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import stats

from nnsweep.results.statistics.tests import (
    compare_means,
    correct_by_holm,
    paired_t_test,
    welch_t_test,
)

patiently = settings(deadline=None, max_examples=100)

values = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=15)


def by_seed(results, first_seed=0):
    return {first_seed + seed: value for seed, value in enumerate(results)}


@patiently
@given(values, st.floats(0.5, 0.999))
def test_paired_values_are_scipys(pairs, confidence):
    first, second = np.array(pairs).T
    assume(np.std(first - second) > 1e-6)
    found, expected = paired_t_test(first, second, confidence=confidence), stats.ttest_rel(first, second)
    interval = expected.confidence_interval(confidence)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-10)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-10, rel=1e-10)


@patiently
@given(values, values)
def test_values_of_two_groups_are_scipys(some, others):
    first, second = np.array(some)[:, 0], np.array(others)[:, 0]
    assume(min(np.std(first), np.std(second)) > 1e-6)
    found, expected = welch_t_test(first, second), stats.ttest_ind(first, second, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-10)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-10, rel=1e-10)


@patiently
@given(values)
def test_turned_round_it_is_the_same_with_the_other_sign(pairs):
    first, second = (by_seed(column) for column in zip(*pairs, strict=True))
    one, other = compare_means(first, second), compare_means(second, first)
    assert (one.test, one.n_pairs, one.p) == (other.test, other.n_pairs, other.p)
    assert one.difference == -other.difference
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-15, nan_ok=True)


@patiently
@given(values)
@example([(0.0, 0.0), (0.0, 2e-96)])  # a spread whose fourth power is rounded to 0
def test_no_number_is_nonsense(pairs):
    first, second = (by_seed(column) for column in zip(*pairs, strict=True))
    for found in (compare_means(first, second), compare_means(first, by_seed(second.values(), first_seed=100))):
        assert 0 <= found.p <= 1
        assert math.isfinite(found.difference)
        assert math.isnan(found.low) == (found.test in ("sign flip", "permutation"))


def test_equal_results_have_p_1_and_an_interval_without_width():
    found = compare_means(by_seed([0.9, 0.8, 0.7]), by_seed([0.9, 0.8, 0.7]))
    assert found[:8] == ("paired t", 3, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    assert found.note == "equal in every seed"


@pytest.mark.parametrize("n", [2, 3, 10])
def test_one_constant_difference_has_the_p_of_all_sign_flips(n):
    """0.9 - 0.8 and 0.8 - 0.7 differ by rounding, which must not pass for a spread that gives p = 1e-30."""
    first, second = [0.9, 0.8, 0.7, 0.6, 0.5] * 2, [0.8, 0.7, 0.6, 0.5, 0.4] * 2
    found = paired_t_test(first[:n], second[:n])
    flips = stats.permutation_test(
        (np.full(n, 0.1),), np.sum, permutation_type="samples", vectorized=False, n_resamples=np.inf
    )
    assert (found.test, found.p) == ("sign flip", pytest.approx(flips.pvalue))
    assert found.p == 2 / 2**n
    assert math.isnan(found.low)


@pytest.mark.parametrize(("n", "n_second"), [(2, 2), (2, 3), (4, 3)])
def test_two_constant_groups_have_the_p_of_all_divisions(n, n_second):
    def apart(first, second):
        return abs(np.mean(first) - np.mean(second))

    found = welch_t_test([0.9] * n, [0.5] * n_second)
    expected = stats.permutation_test(
        ([0.9] * n, [0.5] * n_second), apart, n_resamples=np.inf, alternative="greater", vectorized=False
    )
    assert (found.test, found.p) == ("permutation", pytest.approx(expected.pvalue, abs=1e-12))
    assert welch_t_test([0.9] * n, [0.9] * n_second).p == 1


def test_a_mean_that_is_nothing_but_rounding_is_zero():
    assert paired_t_test([0.1 + 0.2, 0.5], [0.3, 0.5]).difference == 0
    assert paired_t_test([0.3, 0.1], [0.1, 0.3]).difference == 0


def test_seeds_decide_the_test():
    four = by_seed([0.9, 0.8, 0.85, 0.7])
    assert compare_means(four, by_seed([0.5, 0.6], first_seed=2)).n_pairs == 2
    apart = compare_means(four, by_seed([0.5, 0.6], first_seed=10))
    assert (apart.test, apart.n_pairs, apart.note) == ("Welch", 0, "no shared seeds: not paired")
    almost = compare_means(four, by_seed([0.5, 0.6], first_seed=3))
    assert (almost.test, almost.n_pairs, almost.note) == ("Welch", 1, "only one shared seed: not paired")


def test_with_too_few_seeds_only_the_difference_is_told():
    found = compare_means({0: 0.9}, {0: 0.7, 1: 0.1})
    assert (found.test, found.n_pairs, found.note) == ("none", 1, "fewer than two seeds: no test")
    assert found.difference == pytest.approx(0.2, abs=1e-15)
    assert math.isnan(found.p)
    assert compare_means({0: 0.9}, {1: 0.7, 2: 0.5}).difference == pytest.approx(0.3, abs=1e-15)
    assert compare_means({}, {0: 0.5}).note == "no seed finished"


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_it_is_rs_p_adjust():
    assert correct_by_holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09], abs=1e-15)


@given(p_values)
def test_larger_family_corrects_more_but_at_most_as_bonferroni(raw):
    wider = correct_by_holm(raw, len(raw) + 3)
    assert (wider >= correct_by_holm(raw)).all()
    bonferroni = np.minimum(1, np.array(raw) * (len(raw) + 3))
    assert wider.min() == bonferroni.min()
    assert (wider <= bonferroni).all()


@given(p_values, st.integers(1, 20))
def test_subset_of_a_family_is_corrected_at_least_as_much(raw, n):
    picked = raw[:n]
    assert (correct_by_holm(picked, len(raw)) >= correct_by_holm(raw)[:n] - 1e-15).all()


def test_comparisons_that_were_not_made_do_not_count():
    assert correct_by_holm([0.01, math.nan, 0.02]).tolist() == pytest.approx([0.02, math.nan, 0.02], nan_ok=True)
    assert np.isnan(correct_by_holm([math.nan])).all()
