"""20 newsgroups: posts as TF-IDF vectors, in scikit-learn's division by date.

The test part is the official one; the validation part is split off the training posts as text, before any
word is counted. With ``vectorizer_fit="train_and_test"`` the vocabulary and the weights come from all posts,
as in the notebook.
"""

from typing import Literal

from nnsweep.data.cache import content_digest, keep_in_cache
from nnsweep.data.dataset import EXAMPLE_ROWS, Dataset, Example
from nnsweep.data.names import require_known
from nnsweep.data.split import Labels, Rows, Seed, draw_part
from nnsweep.data.texts import CorpusTexts, find_corpus_file, load_corpus
from nnsweep.data.tfidf import weigh_words
from nnsweep.errors import DataError
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.ranges import Count, Fraction, ranged

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
    max_features: Count | None = 10_000,
    remove: tuple[str, ...] = (),
    vectorizer_fit: Literal["train", "train_and_test"] = "train",
    val_fraction: Fraction = 0.1,
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
    require_known("data.vectorizer_fit", vectorizer_fit, VECTORIZER_FITS)
    chosen = _categories(categories)
    cut = tuple(require_known("data.remove", name, REMOVABLE) for name in remove)
    made_of = {
        "factory": "newsgroups",
        "categories": chosen,
        "max_features": max_features,
        "remove": cut,
        "vectorizer_fit": vectorizer_fit,
        "val_fraction": val_fraction,
        "split_seed": split_seed,
    }

    def made() -> Dataset:
        parts = load_corpus(home, categories=chosen, remove=cut)
        texts = _divided(*parts, val_fraction=val_fraction, split_seed=split_seed)
        return _weighed(texts, max_features=max_features, together=vectorizer_fit == "train_and_test")

    try:
        content = content_digest(find_corpus_file(home))
    except OSError:  # what cannot be read is refused as it is read
        return made()
    return keep_in_cache({**made_of, "content": content}, made)


def _weighed(texts: dict[str, CorpusTexts], *, max_features: int | None, together: bool) -> Dataset:
    posts = {name: part.data for name, part in texts.items()}
    features, preparation = weigh_words(posts, TEXT, {"max_features": max_features}, together=together)
    parts = {name: Examples(features[name], part.target) for name, part in texts.items()}
    return Dataset(
        "newsgroups",
        parts["train"],
        parts.get("val"),
        parts["test"],
        texts["train"].target_names,
        "sklearn.datasets.fetch_20newsgroups",
        preparation,
        Example([TEXT], [[post] for post in texts["test"].data[:EXAMPLE_ROWS]]),
    )


def _divided(train: CorpusTexts, test: CorpusTexts, *, val_fraction: float, split_seed: int) -> dict[str, CorpusTexts]:
    labels = Labels(train.target, train.target_names, unit="sample")
    rest, part = draw_part(labels, val_fraction, split_seed, "data.val_fraction")
    val = {} if part is None else {"val": _take(train, part)}
    return {"train": _take(train, rest), **val, "test": test}


def _take(texts: CorpusTexts, rows: Rows) -> CorpusTexts:
    return CorpusTexts([texts.data[row] for row in rows], texts.target[rows], texts.target_names)


def _categories(categories: tuple[str, ...] | None) -> list[str]:
    chosen = CATEGORIES if categories is None else categories
    for name in chosen:
        require_known("data.categories", name, CATEGORIES)
    if len(set(chosen)) != len(chosen) or len(chosen) < 2:
        raise DataError(f"data.categories={list(chosen)} must be two or more different newsgroups, or null for all")
    return list(chosen)
