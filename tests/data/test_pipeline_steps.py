"""Numbers scaled by quartiles, with outliers that stay within 3, and gaps filled as rows weigh."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.impute import SimpleImputer

from nnsweep.data.load import load
from nnsweep.data.pipeline_steps import RobustSmoothClip, WeightedImputer
from nnsweep.data.preparation import Preparation, fit_preparation
from nnsweep.data.table_settings import choose_scaling


def published(train, X):
    """Scale as RealMLP's paper describes it, a column at a time."""
    columns = []
    for learned, column in zip(train.T, X.T, strict=True):
        distance = np.percentile(learned, 75) - np.percentile(learned, 25)
        if distance == 0:
            distance = 0.5 * (learned.max() - learned.min())
        factor = 0.0 if distance == 0 else 1 / distance
        z = factor * (column - np.median(learned))
        columns.append(z / np.sqrt(1 + (z / 3) ** 2))
    return np.column_stack(columns)


NUMBERS = hnp.arrays(np.float64, (7, 2), elements=st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6, width=32))


@given(NUMBERS, NUMBERS)
def test_it_is_the_published_formula(train, others):
    train[:, 0] = np.round(train[:, 0] / 1e6)  # many equal values, of which the quartiles may be the same
    np.testing.assert_allclose(
        RobustSmoothClip().fit(train).transform(others), published(train, others), rtol=1e-9, atol=1e-12
    )


def test_a_constant_is_zero_whatever_comes_later():
    scaler = RobustSmoothClip().fit(np.full((5, 1), 2.5))
    assert scaler.transform([[2.5], [-1e9], [1e9]]).tolist() == [[0], [0], [0]]


def test_equal_quartiles_are_replaced_by_the_range():
    train = np.array([[0.0], [0.0], [0.0], [0.0], [0.0], [8.0]])
    np.testing.assert_allclose(RobustSmoothClip().fit(train).transform([[4.0]]), 1 / np.sqrt(1 + 1 / 9))


def test_outliers_stay_within_three_in_every_part():
    data = load("wine", val_fraction=0.2, scaling="robust_smooth_clip")
    assert all(np.abs(part.X).max() < 3 for part in data.parts.values())
    assert np.abs(np.median(data.train.X, axis=0)).max() < 1e-12
    assert (
        load("wine", val_fraction=0.2, standardize=False).digest
        == load("wine", val_fraction=0.2, scaling="none").digest
    )


def test_a_model_of_another_time_says_what_it_does_not_know():
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0]})
    _, preparation = fit_preparation(frame, {"age": "number"}, scaling="robust_smooth_clip")
    assert (preparation.values["version"], preparation.values["clip"]) == (2, 3.0)
    assert fit_preparation(frame, {"age": "number"})[1].values["version"] == 1
    with pytest.raises(ValueError, match="has version 3, and 1 to 2 are known here"):
        Preparation({**preparation.values, "version": 3}, preparation.arrays).transform(frame)


@pytest.mark.parametrize(
    ("scaling", "standardize", "chosen"),
    [(None, True, "standard"), (None, False, "none"), ("none", True, "none"), ("standard", False, "standard")],
)
def test_the_younger_setting_wins(scaling, standardize, chosen):
    assert choose_scaling(scaling, standardize=standardize) == chosen


COUNTS = hnp.arrays(np.int64, 7, elements=st.integers(1, 4))
CELLS = {
    "number": hnp.arrays(np.float64, (7, 2), elements=st.integers(-3, 3).map(float) | st.just(np.nan)),
    "category": hnp.arrays(object, (7, 2), elements=st.sampled_from(["red", "blue", "grey", None])),
}


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [("number", "mean"), ("number", "median"), ("number", "most_frequent"), ("category", "most_frequent")],
)
@given(st.data())
def test_gaps_are_filled_as_if_rows_were_repeated(kind, strategy, data):
    X, counts = data.draw(CELLS[kind]), data.draw(COUNTS)
    X[0] = [1.0, 2.0] if kind == "number" else ["red", "blue"]
    missing = np.nan if kind == "number" else None
    weighted = WeightedImputer(strategy=strategy, missing_values=missing).fit(X, sample_weight=counts * 0.5)
    repeated = SimpleImputer(strategy=strategy, missing_values=missing).fit(np.repeat(X, counts, axis=0))
    if kind == "number":
        np.testing.assert_allclose(weighted.statistics_, repeated.statistics_, rtol=1e-14, atol=1e-14)
    else:
        assert weighted.statistics_.tolist() == repeated.statistics_.tolist()


def test_without_weights_gaps_are_filled_as_by_scikit_learn():
    X = np.array([[1.0, np.nan], [2.0, 3.0], [np.nan, 5.0]])
    for strategy in ("mean", "median", "most_frequent"):
        ours, theirs = (kind(strategy=strategy).fit_transform(X) for kind in (WeightedImputer, SimpleImputer))
        assert ours.tobytes() == theirs.tobytes()
