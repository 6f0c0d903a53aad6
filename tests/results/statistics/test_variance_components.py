"""Shares of the variance against statsmodels, and errors for other seeds and examples against brute force."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nnsweep.results.statistics.variance_components import (
    bound_error,
    compute_mean_squares,
    decompose_variance,
    estimate_errors,
)
from nnsweep.results.wording import TIMES


def frame(values, *, is_nested=False, **columns):
    """Give runs with a value for each configuration, split and seed; nested seeds are others in every split."""
    rows = [
        {"arch": f"a{arch}", "data.split_seed": split, "seed": seed + 100 * split * is_nested, "test_accuracy": value}
        for (arch, split, seed), value in np.ndenumerate(values)
    ]
    return pd.DataFrame(rows).assign(state="finished", **{"data.split": "given"}, **columns)


# The numbers of statsmodels 0.15 are printed by experiments/statistics/variance_components.py.


def test_mean_squares_are_statsmodels():
    values = [[0.91, 0.94, 0.90, 0.95], [0.93, 0.95, 0.89, 0.97], [0.88, 0.93, 0.90, 0.92]]
    expected = [0.0007750000000000022, 0.0018083333333333209, 0.00020833333333333346]
    assert compute_mean_squares(values) == pytest.approx(expected, rel=1e-10)


def test_nested_components_are_those_of_a_mixed_model():
    values = [[0.91, 0.92, 0.90, 0.94], [0.95, 0.97, 0.94, 0.96], [0.88, 0.86, 0.90, 0.87], [0.93, 0.92, 0.95, 0.93]]
    found = decompose_variance(frame(np.array([values]), is_nested=True))
    assert found["source"].tolist() == ["split", "seed within a split"]
    assert found["variance"].tolist() == pytest.approx([0.0010072916666630134, 0.00022708333333352568], rel=1e-8)


def test_crossed_components_come_back():
    generator = np.random.default_rng(3)
    parts = [generator.normal(size=size) for size in ((40, 20, 1), (40, 1, 20), (40, 20, 20))]
    found = decompose_variance(frame(0.5 + 0.02 * (3 * parts[0] + parts[1] + parts[2])))
    assert found["source"].tolist() == ["split", "seed", f"split {TIMES} seed"]
    assert found["std"].tolist() == pytest.approx([0.06, 0.02, 0.02], rel=0.1)
    assert found["share"].sum() == pytest.approx(1)
    assert found.attrs["n_configurations"] == 40


def test_unequal_numbers_of_seeds_do_not_bias_the_components():
    generator = np.random.default_rng(4)
    values = 0.5 + 0.02 * (generator.normal(size=(400, 6, 1)) + generator.normal(size=(400, 6, 4)))
    runs = frame(values)
    found = decompose_variance(runs[runs["seed"] <= runs["data.split_seed"]])
    assert found["source"].tolist() == ["split", "seed within a split"]
    assert found["std"].tolist() == pytest.approx([0.02, 0.02], rel=0.08)


def test_one_kind_of_repeat_has_no_components():
    values = np.random.default_rng(5).random((2, 1, 5))
    assert len(decompose_variance(frame(values))) == 0
    zipped = frame(np.random.default_rng(5).random((2, 5, 1)), is_nested=True)
    assert len(decompose_variance(zipped)) == 0


def draw_right(generator, n, m, *, seed=0.5, example=2.0, ease=2.5):
    hard, skill = example * generator.normal(size=m), seed * generator.normal(size=(n, 1))
    return generator.random((n, m)) < 1 / (1 + np.exp(-(ease + hard + skill)))


def test_one_network_has_the_binomial_error():
    right = np.arange(50) < 45
    found = estimate_errors(right)
    assert math.isnan(found.for_seeds)
    assert found.for_both == pytest.approx(math.sqrt(0.9 * 0.1 / 49))


def test_other_seeds_alone_have_the_error_of_their_mean():
    right = draw_right(np.random.default_rng(6), 5, 200)
    found = estimate_errors(right)
    assert found.for_seeds == pytest.approx(stats.sem(right.mean(axis=1)))
    assert found.seeds_freedom == pytest.approx(4)
    assert bound_error(found.estimate, found.for_seeds, found.seeds_freedom, 0.95) == pytest.approx(
        stats.ttest_1samp(right.mean(axis=1), 0).confidence_interval(), abs=1e-12
    )


def test_the_mean_squares_are_those_of_a_two_way_bootstrap():
    generator, (n, m) = np.random.default_rng(7), (6, 80)
    right = draw_right(generator, n, m, seed=1.0)
    squares = compute_mean_squares(right)
    # resampling rows and columns of a table with these mean squares gives a mean with exactly this variance
    expected = (
        (n - 1) * squares.rows / n**2 / m
        + (m - 1) * squares.columns / m**2 / n
        + (n - 1) * (m - 1) * squares.rest / (n * m) ** 2
    )
    means = [right[np.ix_(generator.integers(n, size=n), generator.integers(m, size=m))].mean() for _ in range(20_000)]
    assert np.var(means) == pytest.approx(expected, rel=4 * math.sqrt(2 / 20_000))
    found = estimate_errors(right)
    assert found.for_both**2 == pytest.approx((squares.rows + squares.columns - squares.rest) / (n * m))


def test_intervals_for_new_seeds_and_examples_cover():
    generator, ends = np.random.default_rng(8), []
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    truth = float(weights @ (1 / (1 + np.exp(-(2.5 + math.hypot(0.5, 2.0) * nodes)))) / weights.sum())
    for _ in range(1500):
        found = estimate_errors(draw_right(generator, 5, 100))
        ends.append(bound_error(found.estimate, found.for_both, found.both_freedom, 0.95, (0, 1)))
    coverage = np.mean([low <= truth <= high for low, high in ends])
    assert coverage > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 1500)


def test_differences_of_equal_networks_are_covered():
    generator, held = np.random.default_rng(9), []
    for _ in range(1500):
        hard = 2 * generator.normal(size=100)
        some, others = (
            generator.random((4, 100)) < 1 / (1 + np.exp(-(2.5 + hard + generator.normal(size=(4, 1)))))
            for _ in range(2)
        )
        found = estimate_errors(some, others)
        low, high = bound_error(found.estimate, found.for_both, found.both_freedom, 0.95)
        held.append(low <= 0 <= high)
    assert np.mean(held) > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 1500)


def test_examples_that_all_get_right_leave_no_error():
    assert estimate_errors(np.ones((3, 20))).for_both == 0
    assert [*itertools.chain(bound_error(1.0, 0.0, math.inf, 0.95, (0, 1)))] == [1.0, 1.0]
