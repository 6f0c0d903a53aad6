import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, make_friedman1

from nnsweep.data.sources import (
    ArraySettings,
    blobs,
    breast_cancer,
    diabetes,
    digits,
    friedman,
    iris,
    moons,
    spirals,
    split_table,
    wine,
)
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples


@pytest.mark.parametrize(
    ("factory", "n_samples", "n_features", "n_classes"),
    [(digits, 1797, 64, 10), (iris, 150, 4, 3), (wine, 178, 13, 3), (breast_cancer, 569, 30, 2)],
)
def test_sizes_and_name(factory, n_samples, n_features, n_classes):
    data = factory()
    assert data.name == factory.__name__
    assert sum(part.n_samples for part in data.parts.values()) == n_samples
    assert (data.n_features, data.n_classes) == (n_features, n_classes)
    assert all(len(np.unique(part.y)) == n_classes for part in data.parts.values())


@pytest.mark.parametrize("factory", [iris, wine, breast_cancer, diabetes])
def test_measurements_are_standardized_unless_told_otherwise(factory):
    np.testing.assert_allclose(factory().train.X.std(axis=0), 1)
    assert factory(standardize=False).train.X.max() > 2


def test_digits_are_grey_values_in_sixteenths():
    X = digits().train.X
    assert (X.min(), X.max()) == (0, 1)
    assert np.array_equal(X * 16, np.rint(X * 16))


def test_digits_are_what_they_were():
    assert digits(val_fraction=0.2).digest == "90d5173ac1339073861e6dc68a05db98e87681feea30aadf905bade3b0eff030"


def test_diabetes_is_the_raw_table():
    bunch = load_diabetes(scaled=False)
    data = diabetes(standardize=False, split_seed=3)
    X, y = whole(data)
    assert (data.task, data.target_names, data.class_names) == ("regression", ("progression",), ())
    assert y.shape == (442, 1)
    rows, by_hand = np.column_stack([X, y]), np.column_stack([bunch.data, bunch.target])
    assert np.array_equal(rows[np.lexsort(rows.T)], by_hand[np.lexsort(by_hand.T)])
    assert diabetes(standardize=False).digest in {
        "9189ad32fd482288451b76f030b723cf030bf3bb25d5e29a183f6b0910e41260",
        "0edb3bf0ce9a7e09e802aa48afbe7576b6568545d4d68eeff75cdc9f2e2a425e",  # scikit-learn 1.6 has other values
    }


def test_friedman_is_drawn_as_scikit_learn_draws_it():
    X, y = whole(friedman(n_samples=50, n_features=7, noise=0.5, sample_seed=4))
    expected_X, expected_y = make_friedman1(50, 7, noise=0.5, random_state=4)
    order, expected_order = np.argsort(X[:, 0]), np.argsort(expected_X[:, 0])
    assert np.array_equal(X[order], expected_X[expected_order])
    assert np.array_equal(y[order, 0], expected_y[expected_order])
    without_noise, targets = whole(friedman(noise=0))
    x0, x1, x2, x3, x4 = without_noise.T[:5]
    by_hand = 10 * np.sin(np.pi * x0 * x1) + 20 * (x2 - 0.5) ** 2 + 10 * x3 + 5 * x4
    np.testing.assert_allclose(targets[:, 0], by_hand, rtol=1e-13)


def test_a_setting_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`test_fraction` must be > 0 and < 1, got 0"):
        digits(test_fraction=0)
    with pytest.raises(ValueError, match="`split_seed` must be >= 0"):
        iris(split_seed=-1)


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
    with pytest.raises(ValueError, match="`n_features` must be >= 5"):
        friedman(n_features=4)


GENERATOR = np.random.default_rng(0)
TABLE = Examples(np.column_stack([np.arange(200.0), GENERATOR.normal(5, 3, 200), np.ones(200)]), np.arange(200) % 4)


def division(**settings):
    defaults = {"val_fraction": 0.25, "test_fraction": 0.2, "split_seed": 0, "standardize": False}
    return split_table(
        "table",
        TABLE,
        ArraySettings(**defaults | settings),
        columns=["row", "noise", "one"],
        class_names=tuple("abcd"),
        source="a test",
    )


def rows(part):
    return part.X[:, 0].astype(int).tolist()


def test_the_parts_are_disjoint_and_cover_the_table():
    data = division()
    assert [part.n_samples for part in data.parts.values()] == [120, 40, 40]
    assert sorted(row for part in data.parts.values() for row in rows(part)) == list(range(200))
    assert all(np.array_equal(TABLE.y[rows(part)], part.y) for part in data.parts.values())


def test_validation_fraction_does_not_change_the_test_part():
    assert rows(division(val_fraction=0).test) == rows(division(val_fraction=0.5).test)


def test_zero_validation_fraction_gives_no_validation_part():
    assert division(val_fraction=0).val is None
    assert division(val_fraction=0, standardize=True).val is None


def test_standardization_knows_the_training_part_alone():
    raw, data = division(), division(standardize=True)
    mean, deviation = raw.train.X.mean(axis=0), raw.train.X.std(axis=0)
    deviation[2] = 1
    for name, part in data.parts.items():
        np.testing.assert_allclose(part.X, (raw.parts[name].X - mean) / deviation, atol=1e-12)
    np.testing.assert_allclose(data.train.X.mean(axis=0), 0, atol=1e-12)
    assert abs(data.val.X.mean(axis=0)[:2]).min() > 1e-3
    assert abs(data.test.X.mean(axis=0)[:2]).min() > 1e-3


def test_the_message_names_the_fraction_that_does_not_fit():
    with pytest.raises(DataError, match=r"data\.test_fraction=0\.001"):
        division(test_fraction=0.001)
    with pytest.raises(DataError, match=r"data\.val_fraction=0\.999"):
        division(val_fraction=0.999)
