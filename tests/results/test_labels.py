"""Labels say what a person who looks at the curve would say."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from nnsweep.results.frame import frame
from nnsweep.results.labels import (
    AT_CHANCE,
    COLLAPSED,
    DIVERGED,
    LABELS,
    LEAST_CHANGE,
    OVERFITTING,
    PLATEAUED,
    SIGNIFICANCE,
    STILL_IMPROVING,
    UNCLEAR,
    bound_guessing,
    label,
    label_improvement,
    outcomes,
)
from nnsweep.results.trend import find_selecting_curve
from nnsweep.tracking.record import RunRecord

EPOCHS = np.arange(61.0)
SATURATING = 0.9 - 0.8 * np.exp(-EPOCHS / 5)
FALLING_COST = 2.3 * np.exp(-EPOCHS / 20)
accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


def history(accuracy, cost=None, metric="val_accuracy", **others):
    cost = np.linspace(2.3, 0.1, len(accuracy)) if cost is None else cost
    return pd.DataFrame({"epoch": np.arange(len(accuracy)), "train_cost": cost, metric: accuracy, **others})


def shaky(accuracy, scale=0.004, seed=0):
    return np.clip(accuracy + np.random.default_rng(seed).normal(scale=scale, size=len(accuracy)), 0, 1)


GOLDEN = {  # name: (accuracy, cost, label, epoch)
    "saturates": (SATURATING, FALLING_COST, PLATEAUED, 22),
    "saturates, shaky": (shaky(SATURATING), FALLING_COST, PLATEAUED, 22),
    "rises steadily": (0.1 + 0.01 * EPOCHS, FALLING_COST, STILL_IMPROVING, None),
    "rises steadily, shaky": (shaky(0.1 + 0.01 * EPOCHS, 0.01), FALLING_COST, STILL_IMPROVING, None),
    "rises after long": (0.3 + 0.03 * np.maximum(0, EPOCHS - 45), FALLING_COST, STILL_IMPROVING, None),
    "falls from its best": (SATURATING - 0.004 * np.maximum(0, EPOCHS - 25), FALLING_COST, OVERFITTING, 25),
    "falls with its cost going up": (
        SATURATING - 0.01 * np.maximum(0, EPOCHS - 25), 0.1 + np.abs(EPOCHS - 25) / 10, COLLAPSED, 25,
    ),
    "good for one epoch only": (np.where(EPOCHS == 1, 0.47, 0.1), FALLING_COST, COLLAPSED, 1),
    "never leaves chance": (np.full(61, 0.1), FALLING_COST, AT_CHANCE, None),
    "guesses now this class, now that": (np.where(EPOCHS % 2, 0.1, 0.13), FALLING_COST, AT_CHANCE, None),
    "right from the start": (np.full(61, 0.95), FALLING_COST, PLATEAUED, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_a_curve_has_the_label_that_a_person_gives_it(name):
    accuracy, cost, expected, epoch = GOLDEN[name]
    assert label(history(accuracy, cost), chance=0.1, n_samples=1000)[:2] == (expected, epoch)


@pytest.mark.parametrize("seed", range(10))
def test_noise_hides_neither_overfitting_nor_its_first_epoch(seed):
    falling = shaky(SATURATING - 0.004 * np.maximum(0, EPOCHS - 25), seed=seed)
    found = label(history(falling, FALLING_COST), chance=0.1, n_samples=1000)
    assert found.name == OVERFITTING
    assert abs(found.epoch - 25) <= 5


def test_the_words_tell_the_numbers():
    falling = history(SATURATING - 0.004 * np.maximum(0, EPOCHS - 25), FALLING_COST)
    assert label(falling, chance=0.1).words == (
        "overfitting since epoch 25: validation accuracy fell from 0.892 to 0.784 "
        "while training cost kept falling from 0.659 to 0.155"
    )
    assert label(history(np.full(9, 0.1)), chance=0.1, n_samples=360).words == (
        "stuck at chance: its best validation accuracy, 0.100, is no better than guessing (up to 0.153)"
    )
    improving = label(history(0.1 + 0.01 * EPOCHS, metric="test_accuracy"), chance=0.1)
    assert improving.words == "still improving: test accuracy rose by 0.120 over the last 12 epochs"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_non_finite_cost_means_divergence_from_its_first_epoch(bad):
    cost = np.array([2.3, 2.0, bad, bad])
    assert label(history(np.full(4, 0.9), cost))[:2] == (DIVERGED, 2)
    assert label(history(np.full(4, 0.9), cost), "diverged")[:2] == (DIVERGED, 2)


def test_non_finite_weights_mean_divergence_at_the_last_epoch():
    assert label(history(np.full(4, 0.9)), "diverged")[:2] == (DIVERGED, 3)
    assert label(pd.DataFrame({"epoch": []}), "diverged")[:2] == (DIVERGED, None)


@pytest.mark.parametrize("state", ["failed", "interrupted", "lost", "running"])
def test_what_did_not_come_to_its_end_has_its_state_for_a_label(state):
    assert label(history(SATURATING), state) == (state, None, f"{state}: it did not finish")
    assert label(pd.DataFrame({"epoch": []}), state).name == state


def test_few_measurements_are_unclear():
    assert label(history(np.array([0.1, 0.5, 0.9])), chance=0.1).name == UNCLEAR
    assert label(pd.DataFrame({"epoch": [0, 1], "train_cost": [2.3, 2.0]})).name == UNCLEAR
    assert label(pd.DataFrame({"epoch": []})).name == UNCLEAR


def test_chance_is_the_untrained_networks_where_it_is_not_known():
    assert label(history(np.full(61, 0.12))).name == AT_CHANCE
    assert label(history(np.where(EPOCHS, 0.9, 0.12))).name == PLATEAUED
    later = history(np.full(61, 0.12)).assign(epoch=EPOCHS + 5)
    assert label(later).name == PLATEAUED


def test_a_learning_rate_that_has_run_out_is_told():
    rate = {"learning_rate": 0.5 * (1 + np.cos(np.pi * EPOCHS / 60))}
    late = np.where(EPOCHS < 50, 0.1 + 0.01 * EPOCHS, 0.6)
    assert label(history(late, **rate), chance=0.1).words.endswith(
        "; its learning rate has fallen to almost nothing: try a longer schedule"
    )
    assert "run out" not in label(history(SATURATING, **rate), chance=0.1).words
    assert "run out" not in label(history(late, learning_rate=0.1), chance=0.1).words


@given(st.integers(1, 5000), st.floats(0.01, 0.99))
def test_guessing_is_rarely_above_its_limit(n_samples, chance):
    limit = bound_guessing(find_selecting_curve(history([0.5])), chance=chance, n_samples=n_samples)
    right = round(limit * n_samples)
    assert stats.binom.sf(right, n_samples, chance) <= 0.001 + 1e-12
    assert right == 0 or stats.binom.sf(right - 1, n_samples, chance) > 0.001 - 1e-12


@given(accuracies, st.sampled_from([None, 0.1, 0.5]), st.sampled_from([None, 10, 1000]), st.data())
def test_every_curve_has_a_label_and_an_epoch_of_its_own(accuracy, chance, n_samples, data):
    cost = data.draw(st.lists(st.floats(0, 10), min_size=len(accuracy), max_size=len(accuracy)))
    outcome = label(history(accuracy, cost), chance=chance, n_samples=n_samples)
    assert outcome.name in LABELS
    assert outcome.epoch is None or 0 <= outcome.epoch < len(accuracy)
    assert outcome.words.startswith(outcome.name) or outcome.name in (AT_CHANCE, UNCLEAR)


@given(accuracies, st.lists(st.integers(0, 40), max_size=5))
def test_epochs_that_were_not_measured_change_nothing(accuracy, gaps):
    full = history(accuracy)
    wide = full.assign(epoch=full["epoch"] * 2)
    holes = pd.DataFrame({"epoch": [2 * gap + 1 for gap in gaps if gap < len(accuracy) - 1], "train_cost": 1.0})
    holed = pd.concat([wide, holes.drop_duplicates()]).sort_values("epoch", ignore_index=True)
    assert label(holed, chance=0.1) == label(wide, chance=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("n_epochs", [10, 20, 60, 200])
def test_noise_alone_is_seldom_anything_but_a_plateau(n_epochs):
    random = np.random.default_rng(0)
    names = [label(history(0.7 + random.normal(scale=0.03, size=n_epochs)), chance=0.1).name for _ in range(200)]
    assert names.count(PLATEAUED) >= 0.97 * 200


@pytest.mark.parametrize("correlation", [0.6, 0.9])
def test_a_curve_that_wanders_is_seldom_still_improving(correlation):
    noise = np.random.default_rng(0).normal(scale=0.01, size=(61, 300))
    noise[1:] *= math.sqrt(1 - correlation**2)
    curves = 0.7 + lfilter([1], [1, -correlation], noise, axis=0).T
    rising = [label_improvement(find_selecting_curve(history(curve)), least=LEAST_CHANGE) for curve in curves]
    share = np.mean([one is not None for one in rising])
    assert share <= SIGNIFICANCE + 3 * math.sqrt(SIGNIFICANCE * (1 - SIGNIFICANCE) / 300)


@given(st.floats(0.2, 0.6), st.floats(LEAST_CHANGE, 0.3))
def test_a_rise_that_is_large_enough_is_seen(start, gain):
    steady = start + gain * np.maximum(0, EPOCHS - 48) / 11
    assert label(history(steady), chance=0.1).name == STILL_IMPROVING


def record(job, state="finished", **metrics):
    return RunRecord(run_id=f"id{job}", name=f"job {job}", state=state, metrics=metrics, job=job)


def test_runs_are_labelled_with_what_their_records_know():
    runs = frame(
        [
            record(0, chance_accuracy=0.5, n_val_samples=20.0, n_test_samples=20_000.0),
            record(1, chance_accuracy=0.5, n_val_samples=20_000.0, n_test_samples=20.0),
            record(2, "failed"),
            record(3),
        ]
    )
    curves = {"id0": history(np.full(61, 0.6)), "id1": history(np.full(61, 0.6)), "id3": history(SATURATING)}
    table = outcomes(runs.iloc[::-1], curves)
    assert list(table.columns) == ["name", "run_id", "outcome", "outcome_epoch", "words"]
    assert list(table.index) == [3, 2, 1, 0]
    assert list(table["outcome"]) == [PLATEAUED, "failed", PLATEAUED, AT_CHANCE]
    assert table["outcome_epoch"].isna().tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    ("curve", "state"),
    [(history(np.full(61, 0.1)), "finished"), (history(np.full(61, 0.1), np.full(61, np.inf)), "diverged")],
)
def test_large_features_are_named_as_the_likely_cause(curve, state):
    told = "; features have means or spreads up to 12.1, which is the likely cause: standardize them"
    plain, large = label(curve, state, chance=0.1), label(curve, state, chance=0.1, scale=12.125)
    assert large.words.startswith(plain.words + told)
    runs = frame([record(0, state, chance_accuracy=0.1, feature_scale=12.125)])
    assert outcomes(runs, {"id0": curve})["words"].tolist() == [large.words]
    assert "features" not in label(history(SATURATING), chance=0.1, scale=12.125).words


def test_no_runs_have_no_labels():
    assert len(outcomes(frame([]), {})) == 0
