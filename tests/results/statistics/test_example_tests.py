"""Right or wrong on the same examples: exact tests against SciPy, and an interval that covers."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnsweep.results.statistics.example_tests import bootstrap_difference, mcnemar_test, sign_flip_test

patiently = settings(deadline=None, max_examples=60)

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def counted(both, first_only, second_only, neither):
    first = [1] * (both + first_only) + [0] * (second_only + neither)
    second = [1] * both + [0] * first_only + [1] * second_only + [0] * neither
    return np.array(first, bool), np.array(second, bool)


@patiently
@given(pairs)
def test_with_one_seed_sign_flips_are_mcnemars_test(both):
    first, second = np.array(both).T
    assert sign_flip_test(first, second) == pytest.approx(mcnemar_test(first, second).p, abs=1e-12)


@patiently
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
def test_sign_flips_are_all_of_them(seed, n_first, n_second):
    generator = np.random.default_rng(seed)
    first, second = generator.random((n_first, 9)) < 0.7, generator.random((n_second, 9)) < 0.5
    apart = first.mean(axis=0) - second.mean(axis=0)
    sums = [abs(np.dot(signs, apart)) for signs in itertools.product([-1, 1], repeat=9)]
    expected = np.mean(np.array(sums) >= abs(apart.sum()) - 1e-9)
    assert sign_flip_test(first, second) == pytest.approx(expected, abs=1e-12)
    assert sign_flip_test(second, first) == pytest.approx(sign_flip_test(first, second), abs=1e-15)


def test_normal_approximation_is_close_beyond_exact_counting(monkeypatch):
    generator = np.random.default_rng(0)
    first, second = generator.random((5, 400)) < 0.8, generator.random((5, 400)) < 0.77
    exact = sign_flip_test(first, second)
    monkeypatch.setattr("nnsweep.results.statistics.example_tests.MOST_ADDITIONS", 0)
    assert sign_flip_test(first, second) == pytest.approx(exact, abs=0.01)
    assert sign_flip_test(first, second) != exact


def test_one_sided_examples_give_scipys_lopsided_interval():
    first, second = counted(60, 8, 0, 32)
    found = bootstrap_difference(first, second, n_resamples=50_000)
    expected = stats.bootstrap((first.astype(float) - second,), np.mean, n_resamples=50_000, rng=0).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.high - found.difference > found.difference - found.low


@pytest.mark.parametrize("shape", [(300,), (6, 300)])
def test_the_interval_is_near_scipys(shape):
    generator = np.random.default_rng(3)
    first, second = generator.random(shape) < 0.8, generator.random(shape) < 0.72
    found = bootstrap_difference(first, second, n_resamples=20_000)
    shares = [np.atleast_2d(array).mean(axis=0) for array in (first, second)]
    expected = stats.bootstrap(
        shares, lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis), paired=True, n_resamples=20_000, rng=0
    )
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.05 * width)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.05 * width)
    assert found.difference == pytest.approx(shares[0].mean() - shares[1].mean(), abs=1e-12)


def test_the_interval_covers_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        first, second = generator.random(200) < 0.8, generator.random(200) < 0.7
        found = bootstrap_difference(first, second, n_resamples=500, random_state=generator)
        covered += found.low <= 0.1 <= found.high
    assert covered / 300 == pytest.approx(0.95, abs=4 * math.sqrt(0.05 * 0.95 / 300))


@pytest.mark.slow
def test_the_same_random_state_gives_the_same_interval():
    first, second = counted(500_000, 100_000, 50_000, 350_000)
    assert bootstrap_difference(first, second, random_state=1) == bootstrap_difference(first, second, random_state=1)
    assert bootstrap_difference(first, second, random_state=1) != bootstrap_difference(first, second, random_state=2)


@patiently
@given(pairs)
def test_the_interval_is_in_order_and_holds_the_possible(both):
    first, second = np.array(both).T
    found = bootstrap_difference(first, second, n_resamples=50)
    assert -1 <= found.low <= found.high <= 1


def test_classifiers_that_agree_leave_nothing_to_tell():
    first, _ = counted(5, 0, 0, 5)
    assert bootstrap_difference(first, first) == (0, 0, 0)
    assert sign_flip_test(first, first) == mcnemar_test(first, first).p == 1


@pytest.mark.parametrize("test", [mcnemar_test, sign_flip_test, bootstrap_difference])
def test_arrays_that_do_not_pair_are_refused(test):
    for shapes in ((3,), (4,)), ((0,), (1,)), ((2, 3), (2, 4)), ((2, 2, 3), (3,)):
        with pytest.raises(ValueError, match="shape"):
            test(*(np.zeros(shape, bool) for shape in shapes))


losses = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=10)


@patiently
@given(losses)
def test_sign_flips_of_losses_are_scipys_permutations(both):
    first, second = np.array(both, dtype=float).T
    expected = stats.permutation_test(
        (first, second), lambda x, y, axis: (x - y).sum(axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_test(first, second) == pytest.approx(expected.pvalue, abs=1e-9)


def test_drawn_signs_come_near_to_all_of_them(monkeypatch):
    apart = np.random.default_rng(3).exponential(size=12) - 0.6
    exact = sign_flip_test(apart, np.zeros(12))
    monkeypatch.setattr("nnsweep.results.statistics.example_tests.N_FLIPS", 4000)
    assert sign_flip_test(apart, np.zeros(12)) == pytest.approx(exact, abs=0.02)
    many = np.random.default_rng(3).exponential(size=300) - 1.15
    drawn = sign_flip_test(many, np.zeros(300))
    monkeypatch.setattr("nnsweep.results.statistics.example_tests.MOST_FLIPPED", 299)
    assert 0.01 < sign_flip_test(many, np.zeros(300)) == pytest.approx(drawn, abs=0.02)


@pytest.mark.slow
@patiently
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(20, 60))
def test_losses_of_0_and_1_are_rights_and_wrongs(seed, n_seeds, n_test):
    first, second = np.random.default_rng(seed).random((2, n_seeds, n_test)) < 0.6
    found = bootstrap_difference(1.0 - first, 1.0 - second, n_resamples=20_000)
    expected = bootstrap_difference(first, second, n_resamples=20_000)
    assert found.difference == pytest.approx(-expected.difference)
    step = 1 / (n_seeds * n_test)  # the resamples are others, and a quantile of them may be the next value
    assert (-found.high, -found.low) == pytest.approx((expected.low, expected.high), abs=2.01 * step)
    assert sign_flip_test(1.0 - first, 1.0 - second) == pytest.approx(sign_flip_test(first, second), abs=0.03)
