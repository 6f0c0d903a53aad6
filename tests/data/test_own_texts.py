"""Texts of somebody's own: what scikit-learn gives by hand, from a folder or from a table's column."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import fetch_20newsgroups
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split

from nnsweep.data.user_data import text
from nnsweep.errors import DataError

TWO = ("alt.atheism", "sci.space")


@pytest.fixture(scope="module")
def posts(corpus_home, tmp_path_factory):
    """Write real posts of two newsgroups as a folder; give it with texts and classes, in the order of the files."""
    bunch = fetch_20newsgroups(data_home=corpus_home, subset="train", categories=TWO, shuffle=False)
    folder = tmp_path_factory.mktemp("posts")
    order = np.argsort(bunch.target, kind="stable")
    for place, number in enumerate(order):
        (folder / TWO[bunch.target[number]]).mkdir(exist_ok=True)
        (folder / TWO[bunch.target[number]] / f"{place:05}").write_text(
            bunch.data[number], encoding="utf-8", newline=""
        )
    return folder, [bunch.data[number] for number in order], bunch.target[order]


def parts(y, **settings):
    rest, test = train_test_split(np.arange(len(y)), test_size=0.25, random_state=1, stratify=y)
    train, val = train_test_split(rest, test_size=0.1, random_state=1, stratify=y[rest])
    return {"train": train, "val": val, "test": test}


SETTINGS = {
    "max_features": 500,
    "ngram_range": (1, 2),
    "stop_words": ("english",),
    "sublinear_tf": True,
    "min_df": 2,
    "max_df": 0.5,
    "strip_accents": "unicode",
}


def test_folder_of_real_posts_matches_scikit_learn_by_hand(posts):
    folder, texts, y = posts
    data = text(path=str(folder), test_fraction=0.25, val_fraction=0.1, split_seed=1, **SETTINGS)
    by_hand = TfidfVectorizer(**(SETTINGS | {"stop_words": "english"}))
    taken = {part: [texts[row] for row in rows] for part, rows in parts(y).items()}
    X = {"train": by_hand.fit_transform(taken["train"])}
    X |= {part: by_hand.transform(taken[part]) for part in ("val", "test")}
    assert data.class_names == TWO
    for part, rows in parts(y).items():
        assert np.array_equal(data.parts[part].X.toarray(), X[part].toarray())
        assert np.array_equal(data.parts[part].y, y[rows])
    assert data.told[0] == "label: 2 classes in 1,073 texts (alt.atheism 480, sci.space 593)"
    assert data.example.frame()["text"].tolist() == taken["test"][:3]


def test_words_may_come_from_all_posts_as_in_the_notebook(posts):
    folder, texts, y = posts
    data = text(
        path=str(folder),
        test_fraction=0.25,
        val_fraction=0,
        split_seed=1,
        vectorizer_fit="train_and_test",
        max_features=100,
    )
    rows = parts(y)
    train, test = train_test_split(np.arange(len(y)), test_size=0.25, random_state=1, stratify=y)
    X = TfidfVectorizer(max_features=100).fit_transform([texts[row] for row in [*train, *test]])
    assert rows["test"].tolist() == test.tolist()
    assert np.array_equal(data.test.X.toarray(), X.toarray()[len(train) :])
    again = data.preparation.transform(pd.DataFrame({"text": [texts[row] for row in test]}))
    assert np.array_equal(again.toarray(), data.test.X.toarray())


def test_a_column_of_a_table_is_the_same_as_a_folder(posts, tmp_path):
    folder, texts, y = posts
    table = pd.DataFrame({"id": range(len(y)), "post": texts, "group": [TWO[number] for number in y]})
    table.to_parquet(tmp_path / "posts.parquet")
    settings = {"max_features": 50, "split_seed": 2}
    data = text(path=str(tmp_path / "posts.parquet"), text="post", target="group", **settings)
    assert isinstance(data.train.X, csr_array)
    assert data.digest == text(path=str(folder), **settings).digest
    assert [column.name for column in data.preparation.columns] == ["post"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"target": "x"}, r"data\.target=x: is for tables, and .* is a folder of texts; leave it out"),
        ({"text": "x"}, r"data\.text=x: is for tables"),
        ({"fold": 0, "n_folds": 3}, r"data\.n_folds=3: class 'a' has 2 rows, this needs 3"),
        (
            {"token_pattern": "[0-9]+"},
            r"no word is left of the texts in text: data\.token_pattern and data\.stop_words",
        ),
    ],
)
def test_what_a_folder_cannot_be_is_told(tmp_path, settings, problem):
    for name in ("a/1", "a/2", "b/1", "b/2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"moon orbit {name[0]}")
    with pytest.raises(DataError, match=problem):
        text(path=str(tmp_path), val_fraction=0, test_fraction=0.5, **settings)


def test_a_path_that_is_no_folder_needs_a_column(tmp_path):
    with pytest.raises(
        DataError, match=r"nowhere is no folder; name one with a subfolder for each class, or a table's"
    ):
        text(path="nowhere")


def test_missing_text_column_is_reported_with_its_own_setting(tmp_path):
    pd.DataFrame({"post": ["a b", "c d"], "y": ["k", "l"]}).to_csv(tmp_path / "posts.csv", index=False)
    with pytest.raises(DataError, match=r"posts.csv: data\.text='pots': there is no such column; did you mean 'post'"):
        text(path=str(tmp_path / "posts.csv"), text="pots", target="y")
