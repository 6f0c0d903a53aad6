"""20 newsgroups: posts as TF-IDF vectors, in scikit-learn's division by date.

The test part is the official one; the validation part is split off the training posts as text, before any
word is counted. With ``vectorizer_fit="train_and_test"`` the vocabulary and the weights come from all posts,
as in the notebook.
"""

from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, Literal

from scipy.sparse import csr_array

from nnsweep.data.corpus import Texts, corpus
from nnsweep.data.dataset import EXAMPLE_ROWS, Dataset
from nnsweep.data.names import known
from nnsweep.data.preparation import Preparation, of_texts
from nnsweep.data.splits import Rows, Seed, split_rows
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.ranges import Count, Fraction, ranged

if TYPE_CHECKING:
    import pandas as pd

NOTEBOOK_CATEGORIES = ("alt.atheism", "talk.religion.misc", "comp.graphics", "sci.space")
CATEGORIES = (
    "alt.atheism",
    "comp.graphics",
    "comp.os.ms-windows.misc",
    "comp.sys.ibm.pc.hardware",
    "comp.sys.mac.hardware",
    "comp.windows.x",
    "misc.forsale",
    "rec.autos",
    "rec.motorcycles",
    "rec.sport.baseball",
    "rec.sport.hockey",
    "sci.crypt",
    "sci.electronics",
    "sci.med",
    "sci.space",
    "soc.religion.christian",
    "talk.politics.guns",
    "talk.politics.mideast",
    "talk.politics.misc",
    "talk.religion.misc",
)
REMOVABLE = ("headers", "footers", "quotes")
TEXT = "text"
"""The name of the column that posts are in."""
VECTORIZER_FITS = ("train", "train_and_test")


@ranged
def newsgroups(
    *,
    home: str | None = None,
    categories: tuple[str, ...] | None = NOTEBOOK_CATEGORIES,
    max_features: Count | None = 100,
    remove: tuple[str, ...] = (),
    vectorizer_fit: Literal["train", "train_and_test"] = "train",
    val_fraction: Fraction = 0.2,
    split_seed: Seed = 0,
) -> Dataset:
    """Load posts of some newsgroups, to be told apart by their words.

    Parameters
    ----------
    home : str or None
        Folder of scikit-learn's cache; ``None`` for ``SCIKIT_LEARN_DATA`` or scikit-learn's own folder.
        It says where to look and does not change the data.
    categories : tuple of str or None
        The newsgroups, at least two; ``None`` for all twenty.
    max_features : int or None
        Keep this many words, the most frequent; ``None`` for all.
    remove : tuple of str
        What to cut from each post: any of ``headers``, ``footers``, ``quotes``.
    vectorizer_fit : {"train", "train_and_test"}
        Which posts vocabulary and inverse document frequencies are taken from. ``train`` leaves out the
        validation part; ``train_and_test`` is every post there is, the validation part too.
    val_fraction : float
        Part of the training posts that becomes the validation part; 0 for none.
    split_seed : int
        Which of the possible splits.

    Returns
    -------
    Dataset
        CSR features (n_samples, n_words); classes in alphabetical order of their names.

    Raises
    ------
    DataError
        If a name does not exist, the corpus cannot be had, or a class would be missing from a part.
    """
    known("data.vectorizer_fit", vectorizer_fit, VECTORIZER_FITS)
    chosen = _categories(categories)
    cut = tuple(known("data.remove", name, REMOVABLE) for name in remove)
    train, test = corpus(home, categories=chosen, remove=cut)
    texts = _divided(train, test, val_fraction=val_fraction, split_seed=split_seed)
    features, preparation = _vectorized(
        [part.data for part in texts.values()], max_features=max_features, together=vectorizer_fit == "train_and_test"
    )
    parts = {name: Examples(X, part.target) for (name, part), X in zip(texts.items(), features, strict=True)}
    source = "sklearn.datasets.fetch_20newsgroups"
    return Dataset(
        "newsgroups",
        parts["train"],
        parts.get("val"),
        parts["test"],
        train.target_names,
        source,
        preparation,
        _frame(test.data[:EXAMPLE_ROWS]),
    )


def _divided(train: Texts, test: Texts, *, val_fraction: float, split_seed: int) -> dict[str, Texts]:
    rest, part = split_rows(train.target, fraction=val_fraction, seed=split_seed, key="data.val_fraction")
    val = {} if part is None else {"val": _take(train, part)}
    return {"train": _take(train, rest), **val, "test": test}


def _take(texts: Texts, rows: Rows) -> Texts:
    return Texts([texts.data[row] for row in rows], texts.target[rows], texts.target_names)


def _vectorized(
    parts: list[list[str]], *, max_features: int | None, together: bool
) -> tuple[list[csr_array], Preparation]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(max_features=max_features)
    if not together:
        first, *others = parts
        X = csr_array(vectorizer.fit_transform(first))
        return [X, *(csr_array(vectorizer.transform(part)) for part in others)], of_texts(TEXT, vectorizer)
    # One call for all posts, as in the notebook: `fit` and then `transform` rounds a few weights differently.
    X = csr_array(vectorizer.fit_transform(list(chain.from_iterable(parts))))
    ends = list(accumulate(len(part) for part in parts))
    preparation = of_texts(TEXT, vectorizer, fitted_with_all=True)
    return [X[start:end] for start, end in pairwise([0, *ends])], preparation


def _frame(posts: list[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({TEXT: pd.Series(posts, dtype=object)})


def _categories(categories: tuple[str, ...] | None) -> list[str]:
    chosen = CATEGORIES if categories is None else categories
    for name in chosen:
        known("data.categories", name, CATEGORIES)
    if len(set(chosen)) != len(chosen) or len(chosen) < 2:
        raise DataError(f"data.categories={list(chosen)} must be two or more different newsgroups, or null for all")
    return list(chosen)
