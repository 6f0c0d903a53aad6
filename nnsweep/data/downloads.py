"""The data sets that are downloaded once: 20 newsgroups, and any table of OpenML's.

Both are kept where scikit-learn keeps what it fetches. OpenML (https://www.openml.org) has thousands of data sets,
each with a name and a version. The posts of the newsgroups become TF-IDF vectors, in the corpus's own division by
date; the validation part is split off the training posts as text, before any word is counted.
"""

import contextlib
import hashlib
import io
import os
import re
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from nnsweep.data.cache import content_digest, keep_in_cache
from nnsweep.data.dataset import DATA_SETS, EXAMPLE_ROWS, Dataset, Example
from nnsweep.data.problems import require_known, show_name, show_value
from nnsweep.data.split import Labels, Rows, Seed, SplitSettings, draw_part
from nnsweep.data.table_settings import CellFormat, ColumnSettings
from nnsweep.data.texts import Weighing, weigh_words
from nnsweep.data.user_data import plan_table
from nnsweep.errors import DataError
from nnsweep.files import expand_home, place_of
from nnsweep.mlp.arrays import Examples, IntArray
from nnsweep.mlp.choices import Count, Fraction, extended
from nnsweep.scratch import scratch_folder

if TYPE_CHECKING:
    from nnsweep.data.reading.read import RawTable

CACHE_FILE = "20news-bydate_py3.pkz"
ANSWER_SECONDS = 3.0


@contextlib.contextmanager
def limit_waiting() -> Iterator[None]:
    """Within it, a socket that hears nothing for a while gives up, and scikit-learn retries in silence."""
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(ANSWER_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        socket.setdefaulttimeout(patience)


def _find_home(home: str | None) -> Path:
    """Give the folder that scikit-learn keeps what it fetches in."""
    return Path(expand_home(home or place_of("SCIKIT_LEARN_DATA") or "~/scikit_learn_data"))


class CorpusTexts(NamedTuple):
    """Texts and class numbers of the same posts, and the name of each class.

    Attributes
    ----------
    data : list of str
        The posts, n_samples of them.
    target : ndarray of shape (n_samples,)
        The class numbers, from 0.
    target_names : tuple of str
        The classes' names.
    """

    data: list[str]
    target: IntArray
    target_names: tuple[str, ...]

    def take(self, rows: Rows) -> "CorpusTexts":
        """Take those texts, in that order."""
        return self._replace(data=[self.data[row] for row in rows], target=self.target[rows])


def load_corpus(home: str | None, **settings: Any) -> tuple[CorpusTexts, CorpusTexts]:
    """Train and test part of the corpus, as its authors divided it by date.

    Parameters
    ----------
    home : str or None
        The cache's folder; if ``None``, the one that ``SCIKIT_LEARN_DATA`` names, else scikit-learn's own.
    **settings
        ``categories`` and ``remove``, passed on to `sklearn.datasets.fetch_20newsgroups`.

    Returns
    -------
    train, test : Texts
        In the order that scikit-learn's fixed shuffle gives them.

    Raises
    ------
    DataError
        If the corpus is neither there nor to be had, or its file is damaged.
    """
    from sklearn.datasets import fetch_20newsgroups

    file = find_corpus_file(home)
    parts = []
    for subset in ("train", "test"):
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # scikit-learn prints what is wrong with a cache
                bunch = fetch_20newsgroups(
                    data_home=str(file.parent), subset=subset, download_if_missing=False, **settings
                )
            parts.append(CorpusTexts(bunch.data, bunch.target, tuple(bunch.target_names)))
        except Exception as error:  # a pickle that is not the corpus fails in any way it likes
            raise DataError(
                f"{show_name(str(file))} is damaged or not readable. "
                "Remove it to have it downloaded again, or name a folder with a sound copy with data.home"
            ) from error
    train, test = parts
    return train, test


def find_corpus_file(home: str | None) -> Path:
    """Give the file that the corpus is in; it is fetched if it is not there.

    Parameters
    ----------
    home : str or None
        As for `load_corpus`.

    Raises
    ------
    DataError
        If it is neither there nor to be had.
    """
    file = _find_home(home) / CACHE_FILE
    if os.path.exists(file):
        return file
    from sklearn.datasets import fetch_20newsgroups

    try:
        with scratch_folder() as workshop, limit_waiting():
            fetch_20newsgroups(data_home=str(workshop), n_retries=1, delay=0.1)
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=file.parent) as shelf:  # a copy that is cut off never has the name
                shutil.copyfile(workshop / CACHE_FILE, Path(shelf) / CACHE_FILE)
                os.replace(Path(shelf) / CACHE_FILE, file)
    except (OSError, HTTPException) as error:
        raise DataError(
            f"the 20-newsgroups corpus is missing: there is no {CACHE_FILE} in {show_name(str(file.parent))}, "
            f"and fetching it failed ({error}). Copy that file, scikit-learn's cache, from a machine that has it "
            "into a folder and name the folder with data.home or SCIKIT_LEARN_DATA"
        ) from error
    return file


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
VECTORIZER_FITS = ("train", "train_and_test")


@DATA_SETS.register
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
    """Load posts of some newsgroups, to be classified by their words.

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
    chosen = [require_known("data.categories", name, CATEGORIES) for name in categories or CATEGORIES]
    if categories is not None and (len(set(categories)) != len(categories) or len(categories) < 2):
        raise DataError(f"data.categories={list(categories)} must be two or more different newsgroups, or null for all")
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

    def make() -> Dataset:
        whole, test = load_corpus(home, categories=chosen, remove=cut)
        labels = Labels(whole.target, whole.target_names, unit="sample")
        rest, part = draw_part(labels, val_fraction, split_seed, "data.val_fraction")
        texts = {"train": whole.take(rest), **({} if part is None else {"val": whole.take(part)}), "test": test}
        posts = {name: its.data for name, its in texts.items()}
        together = vectorizer_fit == "train_and_test"
        X, preparation = weigh_words(posts, "text", {"max_features": max_features}, together=together)
        parts = {name: Examples(X[name], its.target) for name, its in texts.items()}
        return Dataset(
            "newsgroups",
            parts["train"],
            parts.get("val"),
            parts["test"],
            whole.target_names,
            "sklearn.datasets.fetch_20newsgroups",
            preparation,
            Example(["text"], [[post] for post in test.data[:EXAMPLE_ROWS]]),
        )

    try:
        content = content_digest(find_corpus_file(home))
    except OSError:  # what cannot be read is refused as it is read
        return make()
    return keep_in_cache({**made_of, "content": content}, make)


_NAME = r"(?!\.)[\w.,()+-]{1,200}"  # it becomes a part of an address, and of a file's path


@DATA_SETS.register
@extended(ColumnSettings, SplitSettings, Weighing, CellFormat)
def openml(*, dataset: str, version: Count = 1, home: str | None = None, **settings: Any) -> Dataset:
    """Fetch a table of OpenML's.

    Parameters
    ----------
    dataset : str
        Its name there, such as ``credit-g``.
    version : int
        Which of the data sets of that name.
    home : str or None
        Folder of scikit-learn's cache; ``None`` for ``SCIKIT_LEARN_DATA`` or scikit-learn's own folder. It says where
        to look and does not change the data.
    **settings
        As for `nnsweep.data.user_data.table`, without a layout; the target is the one that OpenML names if no other is.

    Returns
    -------
    Dataset
        As from a table.

    Raises
    ------
    DataError
        If it is neither there nor to be had, or cannot be used.
    """
    make = plan_table(settings)
    raw = _fetch_openml(dataset, version, _find_home(home))
    made_of = {"factory": "openml", "settings": settings, "target": raw.target, "content": raw.digest}
    return keep_in_cache(made_of, partial(make, dataset, raw), name=dataset, source=raw.source)


def _fetch_openml(dataset: str, version: int, home: Path) -> "RawTable":
    """Fetch a table, or take it from scikit-learn's cache; its target is what OpenML names, one column or several."""
    from pandas.util import hash_pandas_object
    from sklearn.datasets import fetch_openml

    from nnsweep.data.reading.read import RawTable

    setting = f"data.dataset={show_value(dataset)} data.version={version}"
    if not re.fullmatch(_NAME, dataset):
        raise DataError(f"{setting}: no data set of OpenML's has such a name; look it up at https://www.openml.org")
    try:
        with _remove_empty_folders(home), limit_waiting(), contextlib.redirect_stdout(io.StringIO()):
            bunch = fetch_openml(
                dataset, version=version, data_home=str(home), as_frame=True, n_retries=1, delay=0.1, parser="auto"
            )
    except Exception as error:  # what OpenML answers, or a cache holds, may be wrong in any way
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        if not isinstance(error, (OSError, HTTPException)):
            raise DataError(f"{setting}: cannot be had from OpenML ({cause}); look up its name and version") from error
        raise DataError(
            f"{setting}: is not in {show_name(str(home / 'openml'))}, and fetching it from OpenML failed ({cause}). "
            "Try again with a network, or copy that folder, scikit-learn's cache, from a machine that has it, and name "
            "the one above it with data.home or SCIKIT_LEARN_DATA"
        ) from error
    frame = bunch.frame.rename(columns=str)
    targets = [*bunch.target_names] if bunch.target is not None else []
    target = tuple(map(str, targets)) if len(targets) > 1 else next(map(str, targets), None)
    sha = hashlib.sha256(repr([*zip(frame.columns, map(str, frame.dtypes), strict=True)]).encode())
    sha.update(hash_pandas_object(frame.astype(object), index=False).to_numpy().tobytes())
    return RawTable(frame, f"openml.org: {dataset}, version {version}", True, sha.hexdigest(), target=target)


@contextlib.contextmanager
def _remove_empty_folders(home: Path) -> Iterator[None]:
    """Leave no empty folder behind where there was none, if what is done within it fails."""
    absent = [path for path in (home / "openml", home, *home.parents) if not os.path.lexists(path)]
    try:
        yield
    except BaseException:
        made = absent[0].rglob("*") if absent else []
        for path in [*sorted(made, reverse=True), *absent]:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise
