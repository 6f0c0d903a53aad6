import numpy as np
import pytest

from nnsweep.data.sources import breast_cancer, digits, iris, wine


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


@pytest.mark.parametrize("factory", [iris, wine, breast_cancer])
def test_measurements_are_standardized_unless_told_otherwise(factory):
    np.testing.assert_allclose(factory().train.X.std(axis=0), 1)
    assert factory(standardize=False).train.X.max() > 2


def test_digits_are_grey_values_in_sixteenths():
    X = digits().train.X
    assert (X.min(), X.max()) == (0, 1)
    assert np.array_equal(X * 16, np.rint(X * 16))


def test_digits_are_what_they_were():
    assert digits(val_fraction=0.2).digest == "90d5173ac1339073861e6dc68a05db98e87681feea30aadf905bade3b0eff030"


def test_a_setting_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`test_fraction` must be > 0 and < 1, got 0"):
        digits(test_fraction=0)
    with pytest.raises(ValueError, match="`split_seed` must be >= 0"):
        iris(split_seed=-1)
