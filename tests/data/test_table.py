import numpy as np
import pytest

from nnsweep.data.table import split_table
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples

GENERATOR = np.random.default_rng(0)
TABLE = Examples(np.column_stack([np.arange(200.0), GENERATOR.normal(5, 3, 200), np.ones(200)]), np.arange(200) % 4)


def division(**settings):
    defaults = {"val_fraction": 0.25, "test_fraction": 0.2, "split_seed": 0, "standardize": False}
    return split_table(
        "table",
        TABLE,
        columns=["row", "noise", "one"],
        class_names=tuple("abcd"),
        source="a test",
        **(defaults | settings),
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
