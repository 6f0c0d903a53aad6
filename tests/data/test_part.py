import numpy as np
import pytest
from scipy.sparse import csr_array

from nnsweep.data.dataset import make_part
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples

X = np.asfortranarray([[1, 2, 3], [4, 5, 6]])
Y = np.array([0, 1], dtype=np.int8)


def stored(examples):
    X, y = examples
    return [X.data, X.indices, X.indptr, y] if isinstance(X, csr_array) else [X, y]


@pytest.mark.parametrize("features", [X, csr_array(X)])
def test_the_common_form(features):
    part = make_part("train", Examples(features, Y), n_classes=2)
    assert part.X.dtype == np.float64
    assert part.y.dtype == np.int64
    assert all(array.flags.c_contiguous for array in stored(part))
    for array in stored(part):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_sparse_rows_are_sorted_and_narrowed_in_a_copy():
    indices = np.array([2, 0, 1, 1], dtype=np.int64)
    rows = csr_array((np.array([1.0, 2, 3, 4]), indices, np.array([0, 2, 4], dtype=np.int64)), shape=(2, 3))
    part = make_part("train", Examples(rows, Y), n_classes=2)
    assert part.X.indices.tolist() == [0, 2, 1]
    assert part.X.indices.dtype == part.X.indptr.dtype == np.int32
    assert part.X.toarray().tolist() == [[2, 0, 1], [0, 7, 0]]
    assert indices.tolist() == [2, 0, 1, 1]
    assert rows.data.flags.writeable


def test_arrays_in_common_form_are_shared_and_stay_writable():
    features = np.ones((2, 3))
    part = make_part("train", Examples(features, Y), n_classes=2)
    assert np.shares_memory(part.X, features)
    assert features.flags.writeable


@pytest.mark.parametrize(
    ("features", "labels", "problem"),
    [
        (X, [0, 1, 1], "do not fit"),
        (X[0], [0, 1], "do not fit"),
        (X[:, :0], [0, 1], "no features"),
        (X * [1, np.nan, 1], [0, 1], "not a number"),
        (csr_array(X * [1, np.inf, 1]), [0, 1], "infinite"),
        (X, [0.0, 1.0], "integers, got float64"),
        (X, [0, 2], "from 0 to 2, expected 0 to 1"),
        (X, [-1, 1], "from -1 to 1"),
    ],
)
def test_what_cannot_be_used_is_refused(features, labels, problem):
    with pytest.raises(DataError, match=f"the val part .*{problem}"):
        make_part("val", Examples(features, np.array(labels)), n_classes=2)
