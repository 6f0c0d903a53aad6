"""Every measure against scikit-learn's, on random and degenerate predictions of a stack."""

import warnings

import numpy as np
import pytest
import sklearn
import sklearn.metrics as oracle
from hypothesis import given as for_all
from hypothesis import strategies as st
from packaging.version import Version

from nnsweep.mlp.predictions import Predictions
from nnsweep.mlp.regression_measures import REGRESSION_MEASURES

ORACLES = {
    "r2": oracle.r2_score,
    "explained_variance": oracle.explained_variance_score,
    "rmse": oracle.root_mean_squared_error,
    "mse": oracle.mean_squared_error,
    "mae": oracle.mean_absolute_error,
    "median_absolute_error": oracle.median_absolute_error,
    "mape": oracle.mean_absolute_percentage_error,
    "pinball": oracle.mean_pinball_loss,
    # scikit-learn's takes one target and no weights
    "max_error": lambda y, f, sample_weight: np.mean([oracle.max_error(*one) for one in zip(y.T, f.T, strict=True)]),
}


@st.composite
def predictions(draw):
    """Draw numbers that sums of a few hold exactly: constant targets, errors that are equal, and none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    y = rng.integers(-20, 20, size=(n, m)) / 4
    if draw(st.booleans()):
        y[:, 0] = 0.75
    outputs = y + rng.integers(-8, 8, size=(3, n, m)) / 8
    outputs[0] = draw(st.sampled_from([outputs[0], y, np.full_like(y, 0.5)]))
    weight = rng.choice([0.25, 0.5, 1.0, 2.0, 3.0], size=n) if draw(st.booleans()) else None
    return draw(st.sampled_from([outputs, outputs.astype(np.float32)])), y, weight


AVERAGES = Version(sklearn.__version__) >= Version("1.8")  # the two in the middle, in a weighted median


@pytest.mark.parametrize("name", [name for name in ORACLES if name != "median_absolute_error" or AVERAGES])
@for_all(predictions())
def test_measures_of_numbers_are_those_of_sklearn(name, drawn):
    outputs, y, weight = drawn
    values = REGRESSION_MEASURES[name].evaluate(Predictions("regression", outputs, y, weight))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [ORACLES[name](y, one.astype(np.float64), sample_weight=weight) for one in outputs]
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


def test_every_measure_has_its_oracle():
    assert REGRESSION_MEASURES.keys() == ORACLES.keys()


@for_all(predictions(), st.data())
def test_weight_0_leaves_a_sample_out_and_2_counts_it_twice(drawn, data):
    outputs, y, _ = drawn
    weight = np.array(data.draw(st.lists(st.sampled_from([0, 1, 2]), min_size=len(y), max_size=len(y))), dtype=float)
    weight[0] = 1.0
    times = weight.astype(int)
    for name in REGRESSION_MEASURES.keys() - {"r2"}:  # two of one sample are enough for it
        weighted = REGRESSION_MEASURES[name].evaluate(Predictions("regression", outputs, y, weight))
        repeated = Predictions("regression", np.repeat(outputs, times, axis=1), np.repeat(y, times, axis=0))
        np.testing.assert_allclose(
            weighted, REGRESSION_MEASURES[name].evaluate(repeated), rtol=1e-12, atol=1e-12, err_msg=name
        )


@for_all(predictions(), st.lists(st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.75, 0.9]), min_size=1, unique=True))
def test_quantiles_have_their_own_pinball_loss(drawn, quantiles):
    middle, y, weight = drawn
    shifts = np.arange(len(quantiles)) / 4 - 0.5
    outputs = (middle[..., np.newaxis] + shifts).reshape(*middle.shape[:2], -1)
    seen = Predictions("regression", outputs, y, weight, quantiles=tuple(quantiles))
    expected = [
        np.mean(
            [
                oracle.mean_pinball_loss(y, one + shift, sample_weight=weight, alpha=q)
                for q, shift in zip(quantiles, shifts, strict=True)
            ]
        )
        for one in middle.astype(np.float64)
    ]
    np.testing.assert_allclose(REGRESSION_MEASURES["pinball"].evaluate(seen), expected, rtol=1e-12, atol=1e-12)


def test_the_quantile_nearest_to_the_median_is_the_prediction():
    outputs = np.array([[[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]]])
    seen = Predictions("regression", outputs, np.array([[2.5, 19.0]]), quantiles=(0.1, 0.4, 0.9))
    assert seen.values.tolist() == [[[2.0, 20.0]]]
    assert REGRESSION_MEASURES["mae"].evaluate(seen).tolist() == [0.75]


def test_a_prediction_that_is_no_number_makes_every_measure_nan():
    outputs = np.array([[[np.nan], [1.0], [2.0]], [[0.0], [1.0], [2.0]]])
    for weight in (None, np.array([1.0, 2.0, 4.0])):
        seen = Predictions("regression", outputs, np.array([[1.0], [2.0], [4.0]]), weight)
        for name, measure in REGRESSION_MEASURES.items():
            assert np.isnan(measure.evaluate(seen)).tolist() == [True, False], name
