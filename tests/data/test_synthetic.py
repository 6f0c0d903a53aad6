import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnsweep.data.sources import blobs, moons, spirals
from nnsweep.errors import DataError

FACTORIES = [moons, spirals, blobs]


def whole(data):
    X = np.vstack([part.X for part in data.parts.values()])
    return X, np.concatenate([part.y for part in data.parts.values()])


@pytest.mark.parametrize("factory", FACTORIES)
def test_sizes_name_and_balance(factory):
    data = factory(n_samples=300)
    X, y = whole(data)
    assert data.name == factory.__name__
    assert X.shape == (300, 2)
    assert set(np.bincount(y)) == {300 // data.n_classes}


@pytest.mark.parametrize("factory", FACTORIES)
def test_the_samples_follow_their_own_seed(factory):
    first, again, other = (factory(n_samples=60, sample_seed=seed) for seed in (1, 1, 2))
    assert first.digest == again.digest
    assert first.digest != other.digest


@pytest.mark.parametrize("factory", FACTORIES)
def test_another_split_has_the_same_samples(factory):
    one, other = (factory(n_samples=60, split_seed=seed, standardize=False) for seed in (1, 2))
    assert one.digest != other.digest
    assert np.array_equal(np.sort(whole(one)[0], axis=0), np.sort(whole(other)[0], axis=0))


@given(st.integers(2, 6), st.floats(0.1, 3), st.integers(0, 1000))
def test_without_noise_a_spiral_sample_lies_on_its_arm(n_classes, turns, seed):
    settings = {"n_samples": 120, "n_classes": n_classes, "turns": turns, "sample_seed": seed}
    X, y = whole(spirals(noise=0, **settings))
    radius = np.hypot(*X.T)
    assert radius.max() <= 1
    angle = 2 * np.pi * (turns * radius + y / n_classes)
    np.testing.assert_allclose(X, radius[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)]), atol=1e-9)


def test_blobs_have_as_many_features_and_classes_as_asked_for():
    data = blobs(n_samples=200, n_features=7, n_classes=5)
    assert (data.n_features, data.n_classes) == (7, 5)


def test_noise_spreads_the_moons():
    smooth, rough = (moons(noise=noise).train.X.std() for noise in (0, 1))
    assert rough > smooth


@pytest.mark.parametrize("factory", FACTORIES)
def test_too_few_samples_for_a_split_are_refused(factory):
    with pytest.raises(DataError, match=r"data\.test_fraction"):
        factory(n_samples=4)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="`n_classes` must be >= 2"):
        blobs(n_classes=1)
