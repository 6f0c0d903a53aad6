import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from nnsweep.data.splits import split, split_rows
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples

KEY = "data.val_fraction"


@given(st.lists(st.integers(10, 40), min_size=2, max_size=4), st.floats(0.2, 0.8), st.integers(0, 2**32 - 1))
def test_every_row_is_in_one_part_and_every_class_in_proportion(counts, fraction, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    rest, part = split_rows(y, fraction=fraction, seed=seed, key=KEY)
    assert sorted([*rest, *part]) == list(range(len(y)))
    assert len(part) == np.ceil(fraction * len(y))
    shares = np.bincount(y[part], minlength=len(counts))
    assert np.abs(shares - fraction * np.array(counts)).max() <= 2


def test_the_seed_decides_and_nothing_else():
    y = np.arange(100) % 3
    first, again, other = (split_rows(y, fraction=0.3, seed=seed, key=KEY)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_split_is_what_it_was():
    rest, part = split_rows(np.arange(12) % 2, fraction=0.25, seed=0, key=KEY)
    assert part.tolist() == [11, 0, 10]
    assert len(rest) == 9


def test_no_fraction_no_part_and_the_order_is_kept():
    examples = Examples(np.arange(6.0).reshape(3, 2), np.array([0, 1, 1]))
    rest, part = split(examples, fraction=0, seed=0, key=KEY)
    assert part is None
    assert np.array_equal(rest.X, examples.X)
    assert np.array_equal(rest.y, examples.y)


def test_rows_and_labels_stay_together_and_sparse_stays_sparse():
    y = np.arange(20) % 2
    X = csr_array(np.column_stack([np.arange(1, 21), y + 1]))
    for examples in split(Examples(X, y), fraction=0.4, seed=0, key=KEY):
        assert isinstance(examples.X, csr_array)
        assert np.array_equal(examples.X.toarray()[:, 1], examples.y + 1)


@pytest.mark.parametrize(
    ("y", "fraction", "problem"),
    [
        ([0, 0, 0, 1], 0.5, "class 1 has one sample"),
        ([0, 1] * 10, 0.01, "leaves a part of 1, fewer than the 2 classes; bring .* or set it to 0"),
        ([0, 1] * 10, 0.99, "leaves a part of 0, fewer than the 2 classes"),
        ([0] * 96 + [1] * 4, 0.1, "leaves a part without class 1"),
    ],
)
def test_a_part_without_a_class_is_refused(y, fraction, problem):
    with pytest.raises(DataError, match=rf"data\.val_fraction={fraction}.*{problem}"):
        split_rows(np.array(y), fraction=fraction, seed=0, key=KEY)


@pytest.mark.parametrize("y", [[0, 0, 0, 1], [0] * 9 + [1] * 3])
def test_a_class_is_named_by_its_label(y):
    with pytest.raises(DataError, match="class 'virginica'"):
        split_rows(np.array(y), fraction=0.1 if len(y) > 4 else 0.5, seed=0, key=KEY, names=("setosa", "virginica"))


def test_a_test_part_cannot_be_set_to_zero():
    with pytest.raises(DataError, match=r"data\.test_fraction=0\.01.*more samples$"):
        split_rows(np.arange(20) % 2, fraction=0.01, seed=0, key="data.test_fraction")
