from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnsweep.errors import DataError
from nnsweep.model.ensemble import combine_models, select_members

VALUES = arrays(np.float64, (7, 5, 2), elements=st.floats(-10, 10))


def closeness(values):
    """Score predictions of the target 1."""
    return -np.square(values - 1).mean(axis=(1, 2))


def mean_score(values, weights):
    return closeness(np.average(values[[*weights]], axis=0, weights=[*weights.values()])[None])[0]


@given(VALUES, st.integers(1, 6))
def test_the_ensemble_is_never_worse_than_the_best_alone(values, n_picks):
    selection = select_members(values, closeness, n_picks=n_picks)
    assert sum(selection.weights.values()) <= n_picks == len(selection.scores)
    assert mean_score(values, selection.weights) == pytest.approx(max(selection.scores), rel=1e-9)
    assert max(selection.scores) >= closeness(values).max()


@given(VALUES)
def test_each_pick_is_the_best_addition(values):
    first = int(closeness(values).argmax())
    means = (values + values[first]) / 2
    assert select_members(values, closeness, n_picks=2).scores == [
        pytest.approx(closeness(values).max()),
        pytest.approx(closeness(means).max()),
    ]


def test_many_candidates_are_looked_at_in_pieces():
    values = np.random.default_rng(0).normal(size=(50, 30, 2)) + 0.5
    selection = select_members(values, closeness, n_picks=3)
    pairs = max(closeness((values[[one]] + values[[other]]) / 2)[0]
                for one, other in combinations_with_replacement(range(50), 2))  # fmt: skip
    assert closeness(values).max() < selection.scores[1] <= pairs < selection.scores[2]


def test_a_candidate_without_a_score_is_not_picked():
    values = np.array([[[np.nan]], [[5.0]], [[3.0]]])
    assert select_members(values, closeness, n_picks=3).weights == {2: 1}


def test_networks_of_other_data_are_not_averaged(network, preparation, cats):
    one, other = network(preparation), network(preparation, seed=2)
    other.about["classes"] = ["a", "b", "c"]
    with pytest.raises(DataError, match="7-5-tanh and 7-5-tanh cannot be averaged: their data, classes or precision"):
        combine_models([one, other], [1, 1], {})
    moved = one._replace(preparation=one.preparation | {"mean": one.preparation["mean"] + 1})
    for another in (moved, network(preparation, dtype="float32")):
        with pytest.raises(DataError, match="cannot be averaged"):
            combine_models([one, another], [1, 1], {})
