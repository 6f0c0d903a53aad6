"""Intervals that hold what they promise, within what an accuracy can be."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from nnsweep.results.statistics.intervals import compute_interquartile_mean, estimate_mean, estimate_share, widen_within

patiently = settings(deadline=None, max_examples=50)
SCRIPT = Path(__file__).parents[3] / "experiments" / "statistics" / "intervals.py"
needs_script = pytest.mark.skipif(not SCRIPT.exists(), reason="the experiments are not part of the package")
accuracies = st.lists(st.floats(0, 1), min_size=2, max_size=12).filter(lambda values: np.ptp(values) > 1e-6)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("simulated_intervals", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@patiently
@given(accuracies, st.floats(0.5, 0.999))
def test_without_bounds_the_interval_is_scipys(values, confidence):
    found = estimate_mean(values, confidence)
    expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    assert found.low == pytest.approx(expected.low, abs=1e-10)
    assert found.high == pytest.approx(expected.high, abs=1e-10)


@patiently
@given(accuracies, st.floats(0.5, 0.9999), st.floats(0, 0.5))
def test_an_accuracys_interval_stays_within_0_and_1(values, confidence, overlap):
    found = estimate_mean(values, confidence, overlap=overlap, bounds=(0, 1))
    assert 0 <= found.low < found.mean < found.high <= 1
    mirrored = estimate_mean([1 - value for value in values], confidence, overlap=overlap, bounds=(0, 1))
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-9)
    per_cent = estimate_mean([100 * value for value in values], confidence, overlap=overlap, bounds=(0, 100))
    assert (per_cent.low, per_cent.high) == pytest.approx((100 * found.low, 100 * found.high), abs=1e-7)


def test_the_scale_is_that_of_logits():
    values = [0.90, 0.94, 0.98]
    found = estimate_mean(values, bounds=(0, 1))
    aside = stats.t.ppf(0.975, 2) * stats.sem(values) / (0.94 * 0.06)
    assert found.low == pytest.approx(special.expit(special.logit(0.94) - aside), abs=1e-12)
    assert found.high == pytest.approx(special.expit(special.logit(0.94) + aside), abs=1e-12)


def test_near_a_half_with_little_spread_it_is_students():
    plain, bounded = (estimate_mean([0.500, 0.501, 0.502], bounds=bounds) for bounds in ((-math.inf, math.inf), (0, 1)))
    assert bounded == pytest.approx(plain, abs=1e-7)


def test_what_is_at_an_end_but_for_rounding_stays_there():
    assert widen_within(1.0, 1e-16, (0, 1)) == (1 - 1e-16, 1.0)


RLIABLE = [
    ([0.1, 0.94, 0.96, 0.97], 0.95),
    ([0.1, 0.1, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98], 0.945),
    ([0.5, 0.6, 0.7, 0.8, 0.9], 0.7),
    ([0.1, 0.94, 0.96, 0.97, 0.95, 0.93, 0.92], 0.94),
]
"""What `rliable.metrics.aggregate_iqm` 1.2.0 gives for the accuracies of one configuration."""


@pytest.mark.parametrize(("values", "expected"), RLIABLE)
def test_the_interquartile_mean_is_rliables(values, expected):
    assert compute_interquartile_mean(values) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [1, 3, 4, 10, 11])
def test_the_interquartile_mean_is_scipys_trimmed_mean(n):
    values = np.random.default_rng(n).random(n).tolist()
    assert compute_interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-15)


@pytest.mark.parametrize(("n_succeeded", "n_ended"), [(0, 1), (3, 10), (10, 10), (1, 300)])
def test_the_interval_of_a_share_is_scipys(n_succeeded, n_ended):
    expected = stats.binomtest(n_succeeded, n_ended).proportion_ci(0.9, method="exact")
    assert estimate_share(n_succeeded, n_ended, 0.9) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert np.isnan(estimate_share(0, 0)).all()


@needs_script
def test_the_simulation_tries_the_packages_interval(script):
    values = np.random.default_rng(3).beta(19, 1, (20, 5))
    low, high = script.METHODS["logit"](values)
    expected = [estimate_mean(row.tolist(), bounds=(0, 1)) for row in values]
    assert low == pytest.approx([one.low for one in expected], abs=1e-12)
    assert high == pytest.approx([one.high for one in expected], abs=1e-12)


@needs_script
def test_simulated_intervals_cover_as_promised(script):
    found = script.simulate_intervals(4000, methods=("Student", "logit")).set_index(["noise", "n", "method"])
    logit, student = (found.xs(name, level="method") for name in ("logit", "Student"))
    assert (logit["impossible"] == 0).all()
    for noise in ("normal", "normal, wide"):
        assert (logit["coverage"][noise] > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 4000)).all()
    for noise in ("beta(19, 1)", "left tail near 1"):
        assert (logit["coverage"][noise] > student["coverage"][noise]).all()
        assert (logit["coverage"][noise] > 0.90).all()


@needs_script
def test_corrected_intervals_cover_the_best_of_many(script):
    found = script.simulate_at_once(500).set_index("noise").loc["normal"]
    assert (found["all"] > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 500)).all()
    assert (found["the best"] > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 500)).all()


@needs_script
def test_successes_and_their_mean_cover_where_runs_collapse(script):
    found = script.simulate_collapses(1500)
    three_errors = 3 * np.sqrt(0.95 * 0.05 / 1500)
    assert (found["mean of all"] < 0.9).all()  # what no interval of a mean can do
    assert (found["share of successes"] > 0.95 - three_errors).all()
    assert (found["mean of successes"] > 0.95 - three_errors).all()


@needs_script
def test_means_of_splits_cover_where_single_runs_do_not(script):
    found = script.simulate_repeats(3000)
    usual = found[found["sd seed"] < 0.5]
    assert (usual["means of splits"] > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 3000) - 0.02 * (usual["sd seed"] > 0)).all()
    assert (usual["all runs"][usual["sd split"] > 0] < 0.93).all()
