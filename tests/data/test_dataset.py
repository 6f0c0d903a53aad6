import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array

from nnsweep.data.dataset import Dataset, make_part
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples

X = np.asfortranarray([[1, 2, 3], [4, 5, 6]])
Y = np.array([0, 1], dtype=np.int8)


def stored(examples):
    X, y, _ = examples
    return [X.data, X.indices, X.indptr, y] if isinstance(X, csr_array) else [X, y]


@pytest.mark.parametrize("features", [X, csr_array(X)])
def test_the_common_form(features):
    part = make_part("train", Examples(features, Y), n_outputs=2)
    assert part.X.dtype == np.float64
    assert part.y.dtype == np.int64
    assert all(array.flags.c_contiguous for array in stored(part))
    for array in stored(part):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_sparse_rows_are_sorted_and_narrowed_in_a_copy():
    indices = np.array([2, 0, 1, 1], dtype=np.int64)
    rows = csr_array((np.array([1.0, 2, 3, 4]), indices, np.array([0, 2, 4], dtype=np.int64)), shape=(2, 3))
    part = make_part("train", Examples(rows, Y), n_outputs=2)
    assert part.X.indices.tolist() == [0, 2, 1]
    assert part.X.indices.dtype == part.X.indptr.dtype == np.int32
    assert part.X.toarray().tolist() == [[2, 0, 1], [0, 7, 0]]
    assert indices.tolist() == [2, 0, 1, 1]
    assert rows.data.flags.writeable


def test_arrays_in_common_form_are_shared_and_stay_writable():
    features = np.ones((2, 3))
    part = make_part("train", Examples(features, Y), n_outputs=2)
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
        make_part("val", Examples(features, np.array(labels)), n_outputs=2)


def test_targets_have_the_common_form_of_their_task():
    labels = make_part("train", Examples(X, np.array([[0, 1], [1, 1]], dtype=np.int8)), n_outputs=2, task="multilabel")
    numbers = make_part("train", Examples(X, np.array([[1], [5]])), n_outputs=1, task="regression")
    assert (labels.y.dtype, labels.y.shape) == (np.int64, (2, 2))
    assert (numbers.y.dtype, numbers.y.shape) == (np.float64, (2, 1))
    assert labels.weight is None
    weighted = make_part("train", Examples(X, Y, np.array([1, 3])), n_outputs=2)
    assert (weighted.weight.dtype, weighted.weight.tolist()) == (np.float64, [1, 3])
    for array in (labels.y, numbers.y, weighted.weight):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize(
    ("task", "targets", "weight", "problem"),
    [
        ("multilabel", [0, 1], None, r"do not fit labels of shape \(2,\)"),
        ("multilabel", [[0, 1], [2, 0]], None, "labels from 0 to 2, expected 0 to 1"),
        ("multilabel", [[0.0, 1.0], [1.0, 0.0]], None, "labels must be integers, got float64"),
        ("regression", [1.0, 2.0], None, r"do not fit targets of shape \(2,\)"),
        ("regression", [[1.0, np.nan], [2.0, 3.0]], None, "a target is infinite or not a number"),
        ("regression", [["a", "b"], ["c", "d"]], None, "targets must be numbers"),
        ("classification", [0, 1], [1.0, -1.0], "a weight is negative"),
        ("classification", [0, 1], [1.0, np.inf], "a weight is negative, infinite"),
        ("classification", [0, 1], [0.0, 0.0], "all its weights are 0"),
        ("classification", [0, 1], [1.0], r"weights of shape \(1,\) and type float64 are not one number for each of 2"),
    ],
)
def test_targets_and_weights_that_cannot_be_used_are_refused(task, targets, weight, problem):
    examples = Examples(X, np.array(targets), None if weight is None else np.array(weight))
    with pytest.raises(DataError, match=f"the test part .*{problem}"):
        make_part("test", examples, n_outputs=2, task=task)


PARTS = ("train", "val", "test")
CLASS_NAMES = ("no", "yes", "perhaps")
FINITE = st.floats(-1e6, 1e6)


def dataset(train, val, test):
    return Dataset("drawn", train, val, test, CLASS_NAMES, "a test")


@st.composite
def examples(draw, n_features):
    n_samples = draw(st.integers(1, 5))
    X = draw(hnp.arrays(np.float64, (n_samples, n_features), elements=FINITE))
    y = draw(hnp.arrays(np.int64, n_samples, elements=st.integers(0, 2)))
    return Examples(csr_array(X) if draw(st.booleans()) else X, y)


@st.composite
def datasets(draw):
    n_features = draw(st.integers(1, 4))
    return dataset(*(draw(examples(n_features)) for _ in PARTS))


def with_part(data, part, X, y):
    return replace(data, **{part: Examples(X, y)})


@given(datasets(), st.sampled_from(PARTS), st.data())
def test_one_feature_changes_the_digest(data, part, draw):
    X, y, _ = data.parts[part]
    changed = X.toarray() if isinstance(X, csr_array) else X.copy()
    row, column = (draw.draw(st.integers(0, size - 1)) for size in changed.shape)
    changed[row, column] += 1
    changed = csr_array(changed) if isinstance(X, csr_array) else changed
    assert with_part(data, part, changed, y).digest != data.digest


@given(datasets(), st.sampled_from(PARTS), st.data())
def test_one_label_changes_the_digest(data, part, draw):
    X, y, _ = data.parts[part]
    changed = y.copy()
    row = draw.draw(st.integers(0, len(y) - 1))
    changed[row] = (changed[row] + 1) % 3
    assert with_part(data, part, X, changed).digest != data.digest


@given(datasets(), st.sampled_from(PARTS))
def test_one_sample_less_changes_the_digest(data, part):
    X, y, _ = data.parts[part]
    assert with_part(data, part, X[1:], y[1:]).digest != data.digest


@given(datasets())
def test_digest_ignores_memory_order_label_width_and_byte_order(data):
    def relaid(part):
        X = part.X if isinstance(part.X, csr_array) else np.asfortranarray(part.X).astype(">f8")
        return Examples(X, part.y.astype(np.int16))

    assert replace(data, **{name: relaid(part) for name, part in data.parts.items()}).digest == data.digest


def test_digest_ignores_the_storage_order_of_a_sparse_row():
    def part(data, indices):
        return Examples(csr_array((data, indices, [0, 2]), shape=(1, 3)), np.array([0]))

    one, other = part([1.0, 2.0], [0, 2]), part([2.0, 1.0], [2, 0])
    assert dataset(one, None, one).digest == dataset(other, None, other).digest


def test_shape_and_part_and_storage_belong_to_the_digest():
    wide = Examples(np.arange(4.0).reshape(2, 2), np.array([0, 1]))
    tall = Examples(np.arange(4.0).reshape(4, 1), np.array([0, 1, 0, 1]))
    other = Examples(wide.X + 1, wide.y)
    empty = Examples(wide.X[:0], wide.y[:0])
    variants = [
        dataset(wide, None, wide),
        dataset(tall, None, tall),
        dataset(wide, None, other),
        dataset(other, None, wide),
        dataset(wide, wide, wide),
        dataset(wide, empty, wide),
        dataset(Examples(csr_array(wide.X), wide.y), None, wide),
    ]
    assert len({variant.digest for variant in variants}) == len(variants)


def test_the_digest_is_what_it_was():
    part = Examples(np.arange(6.0).reshape(2, 3) / 4, np.array([2, 0]))
    sparse = Examples(csr_array(part.X), part.y)
    digest = dataset(part, sparse, part).digest
    assert digest == "a658905be21954fe4151d26005c1c0325aaf0470c3b0d50dfd37486f6dfc8ca3"


def test_weights_and_the_task_belong_to_the_digest():
    def digest(y, weight=None, **about):
        part = Examples(np.eye(2), np.array(y), None if weight is None else np.array(weight))
        return Dataset("drawn", part, None, part, **({"class_names": (), "source": "a test"} | about)).digest

    classes = {"class_names": ("no", "yes")}
    digests = [
        digest([0, 1], **classes),
        digest([0, 1], [1.0, 1.0], **classes),
        digest([0, 1], [1.0, 2.0], **classes),
        digest([[0], [1]], task="multilabel", label_names=("yes",)),
        digest([[0], [1]], task="regression", target_names=("yes",)),
    ]
    assert len(set(digests)) == len(digests)
    assert digest([[0], [1]], [1, 1], task="regression", target_names=("yes",)) not in digests


@given(datasets())
def test_the_test_digest_knows_the_test_part_alone_and_its_order(data):
    X, y, _ = data.test
    other_split = replace(data, train=Examples(data.train.X[1:], data.train.y[1:]), val=None)
    assert other_split.test_digest == data.test_digest != data.digest
    assert with_part(data, "test", X[1:], y[1:]).test_digest != data.test_digest


def test_order_of_test_examples_changes_the_test_digest():
    part = Examples(np.arange(6.0).reshape(2, 3), np.array([2, 0]))
    data = dataset(part, None, part)
    assert replace(data, test=Examples(part.X[::-1], part.y[::-1])).test_digest != data.test_digest


def test_a_replaced_part_is_not_taken_for_the_original():
    part = Examples(np.ones((2, 2)), np.array([0, 1]))
    data = dataset(part, None, part)
    assert replace(data, test=Examples(part.X + 1, part.y)).digest != data.digest


@given(datasets())
def test_it_travels_to_another_process(data):
    other = pickle.loads(pickle.dumps(data))
    assert other.digest == data.digest


def test_sizes():
    part = Examples(np.ones((2, 4)), np.array([0, 1]))
    data = dataset(part, None, part)
    assert (data.n_features, data.n_classes, list(data.parts)) == (4, 3, ["train", "test"])


def test_parts_of_different_width_are_refused():
    wide, narrow = (Examples(np.ones((2, width)), np.array([0, 1])) for width in (3, 2))
    with pytest.raises(DataError, match=r"differ in their numbers of features: \[2, 3\]"):
        dataset(wide, None, narrow)
