"""What a pipeline has learned comes out in plain form, and does the same to the last bit."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, issparse
from sklearn.datasets import fetch_20newsgroups, load_digits

from nnsweep.data.downloads import NOTEBOOK_CATEGORIES, newsgroups
from nnsweep.data.load import DATA_SETS, OWN, load
from nnsweep.data.preparation import PreparedColumn, fit_preparation, make_transformer
from nnsweep.data.prepared import features
from nnsweep.data.split import Labels, draw_part
from nnsweep.errors import DataError

NUMBER = st.floats(-1e6, 1e6)
CATEGORY = st.sampled_from(["red", "green", "blue", "ß", "10", "a\0", "a"])
TEXT = st.lists(st.sampled_from(["orbit", "rocket", "Moon", "doubt", "the", "ein", "größe"]), min_size=1).map(" ".join)
CELLS = {"number": NUMBER, "category": CATEGORY, "text": TEXT}
SCALINGS = ("standard", "robust_smooth_clip", "none")
GAP = {"number": float("nan"), "category": None}


def frame_of(rows, kinds):
    frame = pd.DataFrame(rows, columns=[*kinds], dtype=object)
    return frame.astype({name: float for name, kind in kinds.items() if kind == "number"})


@st.composite
def tables(draw):
    """Draw the kinds of columns, a training part, other rows, and what becomes of gaps."""
    kinds = dict(enumerate(draw(st.lists(st.sampled_from([*CELLS]), min_size=1, max_size=5))))
    kinds = {f"column {place}": kind for place, kind in kinds.items()}
    missing = draw(st.sampled_from([None, "mean", "most_frequent"]))

    def row(gaps):
        cells = [
            CELLS[kind] | st.just(GAP[kind]) if gaps and missing and kind in GAP else CELLS[kind]
            for kind in kinds.values()
        ]
        return st.tuples(*cells)

    train = [draw(row(gaps=False)), *draw(st.lists(row(gaps=True), min_size=1, max_size=8))]
    others = draw(st.lists(row(gaps=True), min_size=1, max_size=5))
    return kinds, frame_of(train, kinds), frame_of(others, kinds), missing


def bits(X):
    X = X.toarray() if issparse(X) else np.asarray(X)
    return X.shape, X.dtype, (X + 0.0).tobytes()  # a zero that is not stored has lost its sign


@pytest.mark.slow
@given(tables(), st.sampled_from(SCALINGS), st.booleans())
@settings(max_examples=60, deadline=None)
def test_other_rows_are_transformed_as_by_the_pipeline(drawn, scaling, sublinear):
    kinds, train, others, missing = drawn
    text = {"sublinear_tf": sublinear, "ngram_range": (1, 2), "token_pattern": r"\w+"}
    X, preparation = fit_preparation(train, kinds, missing=missing, scaling=scaling, text=text)
    pipeline = make_transformer(kinds, missing=missing, scaling=scaling, text=text, is_sparse=issparse(X))
    assert bits(pipeline.fit_transform(train)) == bits(X)
    assert bits(pipeline.transform(others)) == bits(preparation.transform(others))
    assert isinstance(preparation.transform(others), csr_array) == issparse(X) == ("text" in kinds.values())


@given(tables())
@settings(max_examples=20, deadline=None)
def test_it_survives_json_and_holds_no_objects(drawn):
    kinds, train, others, missing = drawn
    _, preparation = fit_preparation(train, kinds, missing=missing, text={"token_pattern": r"\w+"})
    assert all(array.dtype.kind in "fi" and not array.flags.writeable for array in preparation.arrays.values())
    values = json.loads(json.dumps(preparation.values))
    assert values == preparation.values
    assert bits(features(others, values, preparation.arrays)) == bits(preparation.transform(others))
    assert preparation.columns == tuple(PreparedColumn(name, kind) for name, kind in kinds.items())


@given(tables(), st.randoms())
@settings(max_examples=20, deadline=None)
def test_columns_are_found_by_name_whatever_their_order(drawn, random):
    kinds, train, others, missing = drawn
    _, preparation = fit_preparation(train, kinds, missing=missing, text={"token_pattern": r"\w+"})
    order = [*kinds, "another"]
    random.shuffle(order)
    assert bits(preparation.transform(others.assign(another=7)[order])) == bits(preparation.transform(others))


def test_numbers_come_first_then_categories_then_words():
    kinds = {"post": "text", "colour": "category", "age": "number"}
    train = frame_of([("moon orbit", "red", 1.0), ("moon", "blue", 3.0)], kinds)
    X, _ = fit_preparation(train, kinds)
    idf = np.log(3 / 2) + 1
    words = np.array([1, idf]) / np.hypot(1, idf)
    np.testing.assert_allclose(X.toarray(), [[-1, 0, 1, *words], [1, 1, 0, 1, 0]])


def test_a_gap_is_filled_with_what_the_training_part_has():
    kinds = {"age": "number", "colour": "category"}
    train = frame_of([(1.0, "red"), (1.0, "red"), (4.0, "blue"), (float("nan"), None)], kinds)
    gap = frame_of([(float("nan"), None)], kinds)
    for missing, age in (("mean", 2.0), ("most_frequent", 1.0)):
        _, preparation = fit_preparation(train, kinds, missing=missing, scaling="none")
        assert preparation.transform(gap).tolist() == [[age, 0, 1]]


@pytest.mark.slow
def test_many_texts_stay_sparse_at_a_hundred_thousand_words():
    kinds = {"post": "text", "age": "number"}
    generator = np.random.default_rng(0)
    posts = [" ".join(f"w{word}" for word in generator.integers(0, 130_000, 200)) for _ in range(2000)]
    frame = pd.DataFrame({"post": pd.Series(posts, dtype=object), "age": generator.normal(size=2000)})
    X, preparation = fit_preparation(frame, kinds, text={"max_features": 100_000})
    assert X.shape == (2000, 100_001)
    assert isinstance(X, csr_array)
    again = preparation.transform(frame)
    assert again.shape == X.shape
    assert again.nnz == X.nnz < 201 * 2000


def test_a_category_of_very_many_values_stays_sparse():
    kinds = {"zip": "category", "age": "number"}
    frame = frame_of([(str(number), float(number)) for number in range(1000)], kinds)
    X, preparation = fit_preparation(frame, kinds)
    assert isinstance(X, csr_array)
    assert bits(preparation.transform(frame)) == bits(X)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ({"token_pattern": "x"}, r"no word is left of the texts in post: data\.token_pattern and data\.stop_words"),
        ({"min_df": 3}, r"no word is left of the texts in post: data\.max_df and data\.min_df"),
        ({"max_df": 0.4}, r"no word is left of the texts in post: "),
    ],
)
def test_texts_without_words_are_refused(text, problem):
    kinds = {"post": "text"}
    with pytest.raises(DataError, match=problem):
        fit_preparation(frame_of([("moon",), ("moon",)], kinds), kinds, text=text)


def test_a_column_without_any_value_is_refused():
    kinds = {"age": "number", "colour": "category"}
    with pytest.raises(DataError, match=r"column 'age' has no value in the training part.*data\.columns\.age=ignore"):
        fit_preparation(frame_of([(float("nan"), "red")], kinds), kinds, missing="mean")


def test_words_are_weighed_by_the_settings_alone():
    kinds = {"post": "text"}
    _, preparation = fit_preparation(frame_of([("moon orbit",)], kinds), kinds, text={"use_idf": False, "norm": None})
    assert preparation.transform(pd.DataFrame({"post": ["moon moon"]})).toarray().tolist() == [[2, 0]]


TABLES = sorted(set(DATA_SETS) - {"newsgroups", *OWN})


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_preparation_reproduces_the_test_part_of_a_built_in_set(name, scaling):
    data = load(name, val_fraction=0.2, scaling=scaling)
    examples = data.preparation.transform(data.example.frame())
    assert examples.tobytes() == data.test.X[: len(data.example.rows)].tobytes()
    assert [column.kind for column in data.preparation.columns] == ["number"] * data.n_features


@pytest.mark.parametrize("standardize", [False, True])
def test_digits_are_prepared_from_grey_values(standardize):
    raw = load_digits(as_frame=True)
    data = load("digits", val_fraction=0.2, test_fraction=0.2, split_seed=0, standardize=standardize)
    _, test = draw_part(Labels(raw.target.to_numpy(), range(10)), 0.2, 0, "")
    assert data.preparation.transform(raw.data.iloc[test]).tobytes() == data.test.X.tobytes()
    assert [column.name for column in data.preparation.columns] == [*raw.data.columns]
    assert standardize or set(data.preparation.arrays["scale"]) == {16.0}


@pytest.mark.slow
@pytest.mark.parametrize(("vectorizer_fit", "max_features"), [("train", None), ("train_and_test", 100)])
def test_newsgroups_are_prepared_from_posts(corpus_home, vectorizer_fit, max_features):
    posts = fetch_20newsgroups(data_home=corpus_home, subset="test", categories=list(NOTEBOOK_CATEGORIES)).data
    data = newsgroups(home=corpus_home, vectorizer_fit=vectorizer_fit, max_features=max_features)
    X = data.preparation.transform(pd.DataFrame({"text": posts}))
    assert data.example.frame()["text"].tolist() == posts[:3]
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(X, name), getattr(data.test.X, name))


def test_a_built_in_set_knows_what_it_was_prepared_from():
    data = load("iris", val_fraction=0)
    assert data.example.columns[0] == "sepal length (cm)"
