"""Power and the seeds that it needs: SciPy's values, simulated tests, and what must hold for any effect."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from nnsweep.errors import ConfigError
from nnsweep.results.statistics.power import bound_difference, compute_power, count_more_seeds, count_seeds_needed

patiently = settings(deadline=None, max_examples=100)
effects = st.floats(0.05, 50)


def test_power_is_that_of_the_noncentral_t():
    for effect, n, alpha in itertools.product([0.3, 1.0, 1.5], [2, 5, 15], [0.05, 0.01]):
        quantile, noncentrality = stats.t.isf(alpha / 2, n - 1), effect * math.sqrt(n)
        expected = stats.nct.sf(quantile, n - 1, noncentrality) + stats.nct.cdf(-quantile, n - 1, noncentrality)
        assert compute_power(effect, n, alpha) == pytest.approx(expected, abs=1e-10)


def test_power_is_what_simulated_tests_reach():
    samples = np.random.default_rng(0).normal(1.0, 1.0, size=(20_000, 8))
    rejected = np.mean(stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05)
    assert compute_power(1.0, 8, 0.05) == pytest.approx(rejected, abs=4 * math.sqrt(0.25 / 20_000))


@patiently
@given(effects, st.sampled_from([0.05, 0.001, 1e-6]))
def test_it_is_the_smallest_number_that_is_enough(effect, alpha):
    n = int(count_seeds_needed(effect, 1, alpha=alpha))
    assert compute_power(effect, n, alpha) >= 0.8
    assert n == 2 or compute_power(effect, n - 1, alpha) < 0.8


@patiently
@given(effects, st.floats(1.01, 3))
def test_larger_differences_need_no_more_seeds(effect, factor):
    assert count_seeds_needed(effect * factor, 1) <= count_seeds_needed(effect, 1)
    assert count_seeds_needed(effect, factor) >= count_seeds_needed(effect, 1)
    assert count_seeds_needed(-effect, 1) == count_seeds_needed(effect, 1)


@patiently
@example(1.125, 1147, 1e-9)
@given(st.floats(1e-9, 1e9), st.integers(2, 200_000), st.sampled_from([0.05, 1e-4, 1e-9]))
def test_power_is_a_probability_for_any_effect(effect, n, alpha):
    assert 0 <= compute_power(effect, n, alpha) <= 1 + 1e-12


def test_where_the_computation_changes_there_is_no_step():
    for effect in (0.5, 0.02, 0.002):
        below, above = compute_power(effect, 100_000, 1e-9), compute_power(effect, 100_001, 1e-9)
        assert below == pytest.approx(above, abs=1e-3)


def test_where_nothing_differs_no_number_of_seeds_is_enough():
    assert count_seeds_needed(0.0, 0.1) == math.inf
    assert count_seeds_needed(1e-9, 1.0) == math.inf
    assert math.isnan(count_seeds_needed(math.nan, 1.0))
    n = count_seeds_needed(0.1, 0.0)
    assert 2 ** (1 - n) <= 0.05 < 2 ** (2 - n)


@pytest.mark.parametrize("wrong", [{"power": 1}, {"power": 0.01}, {"alpha": 0}, {"alpha": 5}])
def test_impossible_wishes_are_refused(wrong):
    with pytest.raises(ConfigError, match="0 < alpha < power < 1"):
        count_seeds_needed(0.1, 0.1, **wrong)


def test_means_that_scatter_widely_are_hardly_shrunken():
    wide = [0.0, 30.0, -40.0, 10.0, 12.0]
    low, high = bound_difference(wide, 1.0, 18.0, 1.4)
    assert low == pytest.approx(18.0 - stats.norm.isf(0.05) * 1.4, abs=0.1)
    assert high == pytest.approx(18.0 + stats.norm.isf(0.05 / 4) * 1.4)


def test_means_that_scatter_as_noise_does_are_shrunken():
    narrow = [0.0, 1.0, -1.0, 0.5, 0.9]
    low, _ = bound_difference(narrow, 1.0, 0.1, 1.4)
    assert 0.1 - stats.norm.isf(0.05) * 1.4 < low < 0.0
    assert bound_difference(narrow, 0.0, 0.1, 0.0) == (0.1, 0.1)
    assert np.isnan(bound_difference(narrow, math.nan, 0.1, math.nan)).all()


@pytest.mark.parametrize("scatter", [0.0, 0.5, 1.0, 3.0])
def test_a_picked_lead_is_seldom_less_than_its_bound(scatter):
    """The best of five and its nearest rival, both picked by means with a standard error of 1."""
    rng, n_studies, held = np.random.default_rng(0), 300, 0
    for _ in range(n_studies):
        truth = scatter * rng.normal(size=5)
        means = truth + rng.normal(size=5)
        rival, best = np.argsort(means)[-2:]
        low, high = bound_difference(means, 1.0, means[best] - means[rival], math.sqrt(2))
        held += low <= truth[best] - truth[rival] <= high
    assert held / n_studies >= 0.9 - 3 * math.sqrt(0.9 * 0.1 / n_studies)


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.05, 2), st.integers(2, 20))
def test_the_range_of_seeds_has_what_its_ends_need(low, more, std, present):
    fewest, most = count_more_seeds((low, low + more), std, present)
    assert fewest == max(1, count_seeds_needed(low + more, std) - present)
    assert most == max(1, count_seeds_needed(low, std) - present)
    assert fewest <= most
    assert count_more_seeds((-low, more), std, present).most == math.inf
