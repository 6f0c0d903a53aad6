"""Texts on disk: the 20-newsgroups corpus as scikit-learn keeps it, and folders with a subfolder for each class."""

import contextlib
import hashlib
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

from nnsweep.data.reading.problems import combine_problems, list_first, show_name
from nnsweep.errors import DataError
from nnsweep.files import expand_home, place_of
from nnsweep.mlp.arrays import IntArray
from nnsweep.scratch import scratch_folder

CACHE_FILE = "20news-bydate_py3.pkz"


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
    folder = find_corpus_file(home).parent
    return _read(folder, "train", settings), _read(folder, "test", settings)


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
    folder = Path(expand_home(home or place_of("SCIKIT_LEARN_DATA") or "~/scikit_learn_data"))
    if not os.path.exists(folder / CACHE_FILE):
        _download(folder)
    return folder / CACHE_FILE


def _read(folder: Path, subset: str, settings: dict[str, Any]) -> CorpusTexts:
    from sklearn.datasets import fetch_20newsgroups

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # scikit-learn prints what is wrong with a cache
            bunch = fetch_20newsgroups(data_home=str(folder), subset=subset, download_if_missing=False, **settings)
        return CorpusTexts(bunch.data, bunch.target, tuple(bunch.target_names))
    except Exception as error:  # a pickle that is not the corpus fails in any way it likes
        raise DataError(
            f"{show_name(str(folder / CACHE_FILE))} is damaged or not readable. "
            "Remove it to have it downloaded again, or name a folder with a sound copy with data.home"
        ) from error


def _download(folder: Path) -> None:
    from sklearn.datasets import fetch_20newsgroups

    try:
        with scratch_folder() as workshop, limit_waiting():
            fetch_20newsgroups(data_home=str(workshop), n_retries=1, delay=0.1)
            _put(workshop / CACHE_FILE, folder)
    except (OSError, HTTPException) as error:
        raise DataError(
            f"the 20-newsgroups corpus is missing: there is no {CACHE_FILE} in {show_name(str(folder))}, "
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


class FolderText(NamedTuple):
    """One text.

    Attributes
    ----------
    class_name : str
        The subfolder's name.
    file : str
        The file's name within it.
    content : bytes
        What is in it.
    """

    class_name: str
    file: str
    content: bytes


class FolderOfTexts(NamedTuple):
    """The texts of a folder.

    Attributes
    ----------
    texts : list of FolderText
        By class and name of the file.
    digest : str
        SHA-256, in hexadecimal, of all names and contents.
    told : list of str
        What was left out.
    """

    texts: list[FolderText]
    digest: str
    told: list[str]


def read_folder(path: str) -> FolderOfTexts:
    """Read all texts of a folder.

    Parameters
    ----------
    path : str
        The folder; ``~`` is the home folder.

    Returns
    -------
    FolderOfTexts
        At least one of each of at least two classes.

    Raises
    ------
    DataError
        If there are no such subfolders, or a file cannot be read.
    """
    folder = Path(expand_home(path))
    classes, others = _subfolders(folder, path)
    texts: list[FolderText] = []
    unread: list[str] = []
    empty: list[str] = []
    for name in classes:
        files, inner = _files(folder / name)
        others += [f"{name}/{one}" for one in inner]
        empty += [] if files else [name]
        for file in files:
            try:
                texts.append(FolderText(name, file, (folder / name / file).read_bytes()))
            except OSError as error:
                unread.append(f"{show_name(str(folder / name / file))}: cannot be read ({error.strerror})")
    if unread:
        raise combine_problems(unread)
    if empty:
        raise DataError(
            f"{show_name(path)}: there is no text in {list_first(empty, len(empty))}; each subfolder of data.path is "
            "a class, "
            "and the files right in it are its texts"
        )
    told = [f"left out: {list_first(others, len(others))}, which is no file of a class"] if others else []
    return FolderOfTexts(texts, _digest(texts), told)


def decode_folder(texts: FolderOfTexts, path: str) -> list[str]:
    """Decode the texts as UTF-8.

    Raises
    ------
    DataError
        With the file and the byte of what is none; of up to twenty files.
    """
    read: list[str] = []
    wrong: list[str] = []
    for text in texts.texts:
        try:
            read.append(text.content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            file = os.path.join(path, text.class_name, text.file)
            at, byte = error.start, text.content[error.start]
            line = text.content.count(b"\n", 0, at) + 1
            wrong.append(
                f"{show_name(file)}, byte {at + 1} (line {line}): 0x{byte:02x} is no UTF-8; save the file as UTF-8"
            )
    if wrong:
        raise combine_problems(wrong)
    return read


def _subfolders(folder: Path, path: str) -> tuple[list[str], list[str]]:
    """List the classes, and what else is there."""
    try:
        there = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{show_name(path)}: the folder cannot be read ({said}); name a folder with data.path"
        ) from error
    classes = [name for name in there if (folder / name).is_dir()]
    if len(classes) < 2:
        found = f"only {show_name(classes[0])}" if classes else "none"
        raise DataError(
            f"{show_name(path)}: data=text wants a folder with one subfolder for each class, two or more, and there is "
            f"{found}; or name a table's column of texts with data.text and data.target"
        )
    return classes, [name for name in there if name not in set(classes)]


def _files(folder: Path) -> tuple[list[str], list[str]]:
    try:
        there = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{show_name(str(folder))}: the folder cannot be read ({error.strerror})") from error
    files = [name for name in there if (folder / name).is_file()]
    return files, [name for name in there if name not in set(files)]


def _digest(texts: list[FolderText]) -> str:
    sha = hashlib.sha256()
    for text in texts:
        for part in (os.fsencode(text.class_name), os.fsencode(text.file), text.content):
            sha.update(len(part).to_bytes(8, "little"))
            sha.update(part)
    return sha.hexdigest()
