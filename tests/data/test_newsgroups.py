import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import fetch_20newsgroups
from sklearn.feature_extraction.text import TfidfVectorizer

from nnsweep.data.newsgroups import CATEGORIES, NOTEBOOK_CATEGORIES, newsgroups
from nnsweep.errors import DataError


@pytest.fixture(scope="session")
def notebook(corpus_home):
    """The notebook's first cell: features and labels of the training and the test part."""
    train, test = (
        fetch_20newsgroups(data_home=corpus_home, subset=subset, categories=list(NOTEBOOK_CATEGORIES))
        for subset in ("train", "test")
    )
    X = TfidfVectorizer(max_features=100).fit_transform(train.data + test.data)
    return X[: len(train.data)], train.target, X[len(train.data) :], test.target


@pytest.fixture(scope="session")
def as_notebook(corpus_home):
    return newsgroups(home=corpus_home, max_features=100, vectorizer_fit="train_and_test", val_fraction=0)


def test_the_notebooks_arrays_to_the_last_bit(as_notebook, notebook):
    X_train, y_train, X_test, y_test = notebook
    assert as_notebook.val is None
    assert (X_train.shape, X_test.shape) == ((2034, 100), (1353, 100))
    for part, X, y in [(as_notebook.train, X_train, y_train), (as_notebook.test, X_test, y_test)]:
        assert np.array_equal(part.X.toarray(), X.toarray())
        assert np.array_equal(part.y, y)


def test_features_stay_sparse(as_notebook):
    for part in as_notebook.parts.values():
        assert isinstance(part.X, csr_array)
        assert part.X.has_sorted_indices
        assert part.X.indices.dtype == np.int32
        assert part.X.nnz < 0.5 * np.prod(part.X.shape)
        assert not part.X.data.flags.writeable


def test_a_fit_on_the_training_posts_alone_is_another_data_set(as_notebook, corpus_home):
    alone = newsgroups(home=corpus_home, max_features=100, vectorizer_fit="train", val_fraction=0)
    assert np.array_equal(alone.train.y, as_notebook.train.y)
    assert alone.digest != as_notebook.digest


def test_the_corpus_has_the_categories_we_name(corpus_home):
    bunch = fetch_20newsgroups(data_home=corpus_home, subset="test")
    assert tuple(bunch.target_names) == CATEGORIES


SMALL = {"categories": ("sci.space", "alt.atheism"), "max_features": None, "remove": ("headers",)}


def test_words_of_validation_and_test_posts_are_not_learned(small_home):
    data = newsgroups(home=small_home, val_fraction=0.2, **SMALL)
    assert data.n_features == 2 * 3 + data.train.n_samples
    words_per_post = {name: set(np.diff(part.X.indptr).tolist()) for name, part in data.parts.items()}
    assert words_per_post == {"train": {4}, "val": {3}, "test": {3}}


@pytest.mark.parametrize(("vectorizer_fit", "n_posts"), [("train", 20), ("train_and_test", 28)])
def test_the_fit_decides_the_vocabulary(small_home, vectorizer_fit, n_posts):
    data = newsgroups(home=small_home, val_fraction=0, vectorizer_fit=vectorizer_fit, **SMALL)
    assert data.n_features == 2 * 3 + n_posts


def test_no_more_words_than_asked_for(small_home):
    assert newsgroups(home=small_home, **(SMALL | {"max_features": 5})).n_features == 5


@pytest.mark.parametrize("vectorizer_fit", ["train", "train_and_test"])
def test_labels_follow_the_posts_through_the_split(small_home, vectorizer_fit):
    data = newsgroups(home=small_home, val_fraction=0.3, split_seed=3, vectorizer_fit=vectorizer_fit, **SMALL)
    assert data.class_names == ("alt.atheism", "sci.space")
    assert [part.n_samples for part in data.parts.values()] == [14, 6, 8]
    for part in data.parts.values():
        likeness = (part.X @ part.X.T).toarray()
        assert np.array_equal(likeness > 0, part.y[:, np.newaxis] == part.y)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"categories": ("sci.spaec", "sci.med")}, r"data\.categories='sci\.spaec'.*'sci\.space'\? Known: alt"),
        ({"categories": ("sci.space",)}, "two or more different"),
        ({"categories": ("sci.space", "sci.space")}, "two or more different"),
        ({"categories": ()}, "two or more different"),
        ({"remove": ("header",)}, r"data\.remove='header'.*'headers'\? Known: headers, footers, quotes"),
        ({"vectorizer_fit": "test"}, r"data\.vectorizer_fit='test'"),
    ],
)
def test_nonexistent_names_are_refused_before_anything_is_read(settings, problem, tmp_path):
    with pytest.raises(DataError, match=problem):
        newsgroups(home=str(tmp_path), **settings)
    assert not any(tmp_path.iterdir())
