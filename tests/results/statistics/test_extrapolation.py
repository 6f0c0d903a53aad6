"""A prediction of where a curve ends is right for the laws it is made of, and as far off as it says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.errors import ConfigError
from nnsweep.results.frame import frame
from nnsweep.results.statistics.extrapolation import (
    DECAYS,
    ERRORS,
    LEVELS,
    POWERS,
    extrapolate,
    fit_law,
    predict_ends,
)
from nnsweep.tracking.record import RunRecord

EPOCHS = np.arange(61.0)
STUDY = Path(__file__).with_name("long_curves.npz")


def history(accuracy, **others):
    columns = {"epoch": np.arange(len(accuracy)), "learning_rate": 0.1, "train_cost": 1.0, "val_accuracy": accuracy}
    return pd.DataFrame(columns | others)


def predict(curve, state="finished", **options):
    runs = frame([RunRecord(run_id="id", name="job", state=state, metrics={"chance_accuracy": 0.1})])
    return predict_ends(runs, {"id": curve}, **options).iloc[0]


@pytest.mark.parametrize("power", [0.1, 0.5, 1.7])
def test_a_power_law_is_continued_exactly(power):
    epochs = np.arange(20.0, 41.0)
    found = fit_law(lambda t, c: t**-c, POWERS, epochs, 0.9 - 0.5 * epochs**-power, 80.0)
    assert found == pytest.approx(0.9 - 0.5 * 80**-power, abs=1e-7)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_an_exponential_is_continued_exactly(rate):
    epochs = np.arange(20.0, 41.0)
    found = fit_law(lambda t, c: np.exp(-c * t / 40), DECAYS, epochs, 0.9 - 0.5 * np.exp(-rate * epochs), 80.0)
    assert found == pytest.approx(0.9 - 0.5 * np.exp(-rate * 80), abs=1e-7)


def test_the_prediction_is_the_mean_of_level_and_laws():
    curve = 0.9 - 0.5 * EPOCHS.clip(1) ** -0.5
    found = extrapolate(EPOCHS, curve, 120.0)
    late = EPOCHS >= 30
    exponential = fit_law(lambda t, c: np.exp(-c * t / 60), DECAYS, EPOCHS[late], curve[late], 120.0)
    now = curve[-6:].mean()
    assert found.now == pytest.approx(now)
    assert found.value == pytest.approx((now + 0.9 - 0.5 * 120**-0.5 + exponential) / 3, abs=1e-7)


@pytest.mark.parametrize("curve", [np.full(61, 0.7), 0.9 - 0.001 * EPOCHS])
def test_what_does_not_rise_stays(curve):
    found = extrapolate(EPOCHS, curve, 120.0)
    assert found.value == pytest.approx(found.now, abs=0.02)
    assert found.bound(0.9)[0] < found.value < found.bound(0.9)[1]


@given(st.lists(st.floats(0, 1), min_size=11, max_size=60), st.floats(0.1, 0.98))
def test_a_prediction_is_an_accuracy_within_its_interval(accuracies, confidence):
    found = extrapolate(np.arange(float(len(accuracies))), np.array(accuracies), 2.0 * len(accuracies))
    low, high = found.bound(confidence)
    assert 0 <= low <= found.value <= high <= 1
    assert found.bound(confidence / 2)[0] >= low


def test_the_frame_has_what_is_predicted_of_each_run():
    curve = 0.9 - 0.6 * np.exp(-EPOCHS / 30)
    row = predict(history(curve))
    expected = extrapolate(EPOCHS, curve, 120.0)
    assert (row["name"], row["run_id"], row["epoch"], row["note"]) == ("job", "id", 120, "")
    assert (row["now"], row["value"], row["low"], row["high"]) == (*expected[:2], *expected.bound(0.9))
    wider = predict(history(curve), confidence=0.98)
    assert wider["low"] <= row["low"] < row["high"] <= wider["high"]


@pytest.mark.parametrize(
    ("curve", "state", "note"),
    [
        (history([0.5]), "finished", "unclear"),
        (history([0.5, 0.6]), "finished", "unclear"),
        (history([0.5, 0.6, 0.7]), "finished", "unclear"),
        (history(np.linspace(0.5, 0.9, 8)), "finished", "only 8 measurements"),
        (history(np.full(61, 0.1)), "finished", "at chance"),
        (history(np.where(EPOCHS < 40, 0.9, 0.5)), "finished", "collapsed"),
        (history(np.full(61, np.nan)), "finished", "unclear"),
        (history(np.full(61, 0.9), train_cost=np.inf), "diverged", "diverged"),
        (history(np.full(61, 0.9)), "interrupted", "interrupted"),
        (pd.DataFrame({"epoch": [], "train_cost": []}), "finished", "unclear"),
    ],
)
def test_where_nothing_can_be_predicted_the_note_says_why(curve, state, note):
    row = predict(curve, state)
    assert row["note"] == note
    assert row[["epoch", "now", "value", "low", "high"]].isna().all()


def test_a_schedule_that_has_come_down_is_not_gone_on_with():
    curve = 0.3 + 0.01 * EPOCHS
    cosine = history(curve, learning_rate=0.05 * (1 + np.cos(np.pi * EPOCHS / 61)))
    assert predict(cosine)["note"] == (
        "its learning rate had fallen to 0.00066 of its maximum: more epochs need another schedule"
    )
    assert predict(history(curve, learning_rate=0.1 / (1 + 0.05 * EPOCHS)))["note"] == ""


def test_a_confidence_beyond_what_was_measured_is_refused():
    with pytest.raises(ConfigError, match=r"confidence=0\.99: must be > 0 and <= 0\.98"):
        predict(history(EPOCHS / 100), confidence=0.99)


def test_errors_are_quantiles():
    assert len(ERRORS) == len(LEVELS)
    assert (np.diff(ERRORS) > 0).all()
    assert ERRORS[0] < 0 < ERRORS[-1]


def test_half_of_a_real_curve_tells_its_end_as_promised():
    # 90 curves of 160 epochs at a constant rate (experiments/statistics/extrapolation.md): examples right, of how many
    with np.load(STUDY) as arrays:
        curves = arrays["right"] / arrays["n_samples"][:, None]
    epochs = np.arange(161.0)
    found = [extrapolate(epochs[:81], curve[:81], 160.0) for curve in curves]
    ends = curves[:, -8:].mean(axis=1)
    bounds = np.array([one.bound(0.9) for one in found])
    coverage = np.mean((bounds[:, 0] <= ends) & (ends <= bounds[:, 1]))
    assert coverage >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / len(curves))
    errors, without = (np.abs(np.array([one[field] for one in found]) - ends).mean() for field in (1, 0))
    assert errors < 0.75 * without
