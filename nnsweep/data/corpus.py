"""The 20-newsgroups corpus on this machine: where scikit-learn keeps it, read or fetched into place.

The cache is one file in a folder. If it is not there, one download is tried, which ends within seconds when
nobody answers; the file then appears whole or not at all, whoever else is looking for it.
"""

import contextlib
import io
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from nnsweep.data.reading.problems import named
from nnsweep.errors import DataError
from nnsweep.files import expand_home, place_of
from nnsweep.mlp.arrays import IntArray
from nnsweep.scratch import scratch_folder

CACHE_FILE = "20news-bydate_py3.pkz"


class Texts(NamedTuple):
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


def corpus(home: str | None, **settings: Any) -> tuple[Texts, Texts]:
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
    folder = corpus_file(home).parent
    return _read(folder, "train", settings), _read(folder, "test", settings)


def corpus_file(home: str | None) -> Path:
    """Give the file that the corpus is in; it is fetched if it is not there.

    Parameters
    ----------
    home : str or None
        As for `corpus`.

    Raises
    ------
    DataError
        If it is neither there nor to be had.
    """
    folder = Path(expand_home(home or place_of("SCIKIT_LEARN_DATA") or "~/scikit_learn_data"))
    if not os.path.exists(folder / CACHE_FILE):
        _download(folder)
    return folder / CACHE_FILE


def _read(folder: Path, subset: str, settings: dict[str, Any]) -> Texts:
    from sklearn.datasets import fetch_20newsgroups

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # scikit-learn prints what is wrong with a cache
            bunch = fetch_20newsgroups(data_home=str(folder), subset=subset, download_if_missing=False, **settings)
        return Texts(bunch.data, bunch.target, tuple(bunch.target_names))
    except Exception as error:  # a pickle that is not the corpus fails in any way it likes
        raise DataError(
            f"{named(str(folder / CACHE_FILE))} is damaged or not readable. "
            "Remove it to have it downloaded again, or name a folder with a sound copy with data.home"
        ) from error


def _download(folder: Path) -> None:
    from sklearn.datasets import fetch_20newsgroups

    try:
        with scratch_folder() as workshop, impatient():
            fetch_20newsgroups(data_home=str(workshop), n_retries=1, delay=0.1)
            _put(workshop / CACHE_FILE, folder)
    except (OSError, HTTPException) as error:
        raise DataError(
            f"the 20-newsgroups corpus is missing: there is no {CACHE_FILE} in {named(str(folder))}, "
            f"and fetching it failed ({error}). Copy that file, scikit-learn's cache, from a machine that has it "
            "into a folder and name the folder with data.home or SCIKIT_LEARN_DATA"
        ) from error


def _put(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as shelf:
        shutil.copyfile(file, Path(shelf) / file.name)
        os.replace(Path(shelf) / file.name, folder / file.name)


ANSWER_SECONDS = 3.0


@contextlib.contextmanager
def impatient() -> Iterator[None]:
    """Within it, a socket that hears nothing for a while gives up, and scikit-learn retries in silence."""
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(ANSWER_SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        socket.setdefaulttimeout(patience)
