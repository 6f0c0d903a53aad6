"""The trend of a curve is told from its noise."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter, medfilt

from nnsweep.results.trend import (
    LEAST_POINTS,
    bound_noise,
    count_neighbours,
    estimate_correlation,
    estimate_noise,
    find_peak,
    find_selecting_curve,
    fit_rise,
    mark_last,
    smooth,
)

values = st.lists(st.floats(0, 1), min_size=1, max_size=60).map(np.array)


def test_the_curve_is_that_of_validation_where_it_was_measured():
    history = pd.DataFrame(
        {
            "epoch": range(4),
            "train_cost": [4.0, 3.0, 2.0, 1.0],
            "val_accuracy": [0.1, math.nan, 0.3, math.nan],
            "test_accuracy": [0.5, 0.5, 0.5, 0.5],
        }
    )
    curve = find_selecting_curve(history)
    assert curve.metric == "val_accuracy"
    assert [list(part) for part in curve[1:]] == [[0, 2], [0.1, 0.3], [4, 2]]


def test_without_validation_it_is_that_of_the_test_part():
    history = pd.DataFrame({"epoch": [0, 1], "val_accuracy": [math.nan] * 2, "test_accuracy": [0.5, 0.6]})
    assert find_selecting_curve(history).metric == "test_accuracy"


def test_without_accuracy_there_is_no_curve():
    assert find_selecting_curve(pd.DataFrame({"epoch": [0, 1]})).metric == ""
    assert len(find_selecting_curve(pd.DataFrame({"epoch": []})).values) == 0


@given(values.filter(lambda points: len(points) >= 3))
def test_the_running_median_of_three_is_scipys_but_for_the_ends(points):
    ours = smooth(points, share=0.0)
    assert np.array_equal(ours[1:-1], medfilt(points, 3)[1:-1])
    assert (ours[0], ours[-1]) == (points[0], points[-1])


@given(values)
def test_the_running_median_stays_between_its_neighbours(points):
    half = count_neighbours(len(points))
    for place, median in enumerate(smooth(points)):
        around = points[max(0, place - half) : place + half + 1]
        assert around.min() <= median <= around.max()
    assert len(smooth(points)) == len(points)


@given(values)
def test_the_peak_is_the_highest_value_near_the_highest_median(points):
    place, height = find_peak(points)
    assert height == smooth(points).max() <= points[place]


@given(st.integers(3, 40), st.floats(-1, 1), st.floats(-1, 1))
def test_a_straight_line_has_no_noise(n_points, start, slope):
    assert estimate_noise(start + slope * np.arange(n_points)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("trend", [0.0, 0.02])
def test_the_noise_is_that_of_the_curve_whatever_its_trend(trend):
    random = np.random.default_rng(0)
    curve = trend * np.arange(20_000) + random.normal(scale=0.3, size=20_000)
    assert estimate_noise(curve) == pytest.approx(0.3, rel=0.05)


def share_beyond(n_points, deviations=2.0):
    random = np.random.default_rng(0)
    curves = random.normal(size=(4000, n_points))
    return np.mean([random.normal() > bound_noise(curve, deviations) for curve in curves])


@pytest.mark.parametrize("n_points", [40, 400])
def test_what_is_beyond_noise_is_as_rare_as_it_says(n_points):
    assert share_beyond(n_points) == pytest.approx(stats.norm.sf(2.0), abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize("n_points", [3, 5, 10])
def test_in_few_points_it_is_no_more_frequent(n_points):
    assert 0 < share_beyond(n_points) < stats.norm.sf(2.0)


@given(st.integers(1, 200), st.integers(1, 5))
def test_the_end_is_a_fifth_of_the_epochs_or_the_least_points(n_points, every):
    epochs = np.arange(n_points) * float(every)
    last = mark_last(epochs)
    assert last.sum() == max(min(LEAST_POINTS, n_points), (epochs >= 0.8 * epochs[-1]).sum())
    assert last[-1]
    assert (np.diff(last.astype(int)) >= 0).all()


def test_equal_values_do_not_rise():
    assert fit_rise(np.arange(5.0), np.full(5, 0.3)) == (0.0, 0.3, 1.0)


def wandering(n_curves, n_points, correlation):
    """Give curves without a trend in which neighbouring values are correlated (first-order autoregression)."""
    noise = np.random.default_rng(0).normal(size=(n_points, n_curves))
    noise[1:] *= math.sqrt(1 - correlation**2)
    return lfilter([1], [1, -correlation], noise, axis=0).T


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_a_line_through_correlated_noise_is_as_rare_as_it_says(correlation):
    epochs = np.arange(12.0)
    p = [fit_rise(epochs, values, correlation).p for values in wandering(1000, 12, correlation)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 1000))
    if correlation:
        assert np.mean([fit_rise(epochs, values).p < 0.05 for values in wandering(1000, 12, correlation)]) > 0.1


@pytest.mark.parametrize("correlation", [0.3, 0.6])
def test_the_correlation_is_that_of_the_noise_whatever_its_trend(correlation):
    curves = 0.02 * np.arange(400.0) + wandering(100, 400, correlation)
    assert np.mean([estimate_correlation(curve) for curve in curves]) == pytest.approx(correlation, abs=0.03)


def test_without_noise_there_is_no_correlation():
    assert estimate_correlation(0.1 + 0.02 * np.arange(30.0)) == 0
    assert estimate_correlation(np.full(30, 0.7)) == 0
    assert estimate_correlation(np.array([0.1, 0.5, 0.2])) == 0
