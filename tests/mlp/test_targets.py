import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler

from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.targets import fit_target_scaling

numbers = arrays(float, st.tuples(st.integers(1, 9), st.integers(1, 3)), elements=st.integers(-50, 50).map(float))


def of(y, weight=None):
    return fit_target_scaling(Examples(np.zeros((len(y), 1)), y, weight))


@for_all(numbers, st.data())
def test_targets_are_scaled_as_scikit_learn_does(y, data):
    weight = data.draw(arrays(float, len(y), elements=st.integers(1, 4).map(float)))
    ours, theirs = of(y, weight), StandardScaler().fit(y, sample_weight=weight)
    np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.scale, theirs.scale_, rtol=1e-12)
    twice = np.repeat(np.arange(len(y)), weight.astype(int))
    np.testing.assert_allclose(of(y[twice]).scale, ours.scale, rtol=1e-12)


@for_all(numbers)
def test_restored_targets_are_the_targets(y):
    scaling = of(y)
    np.testing.assert_allclose(scaling.restore(scaling.standardize(y)), y, rtol=1e-12, atol=1e-12)


def test_a_constant_target_keeps_its_unit():
    scaling = of(np.full((7, 1), 0.1))
    assert scaling.scale.tolist() == [1.0]
    np.testing.assert_allclose(scaling.standardize(np.array([[0.1], [1.1]]))[:, 0], [0, 1], atol=1e-15)


def test_quantiles_follow_one_another_target_by_target():
    restored = of(np.array([[0.0, 100.0], [2.0, 300.0]])).restore(np.array([[-1.0, 1.0, -1.0, 1.0]]))
    assert restored.tolist() == [[0.0, 2.0, 100.0, 300.0]]


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_a_change_of_unit_changes_no_standardized_target(unit):
    y = np.array([[1.0], [2.0], [4.0]])
    np.testing.assert_allclose(of(unit * y).standardize(unit * y), of(y).standardize(y), rtol=1e-12)
