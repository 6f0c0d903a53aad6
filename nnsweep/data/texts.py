"""Texts as data: folders with a subfolder for each class, and the weights of the words of texts (TF-IDF).

A word counts as often as it is in a text, and the more the fewer texts have it: ``tf (1 + log((1 + n) / (1 + df)))``,
each text's weights scaled to length 1 (Salton and Buckley, Information Processing & Management 24, 1988). The settings
are those of scikit-learn.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from nnsweep.data.preparation import Preparation, prepare_words, without_words
from nnsweep.data.problems import combine_problems, list_first, show_name
from nnsweep.errors import DataError
from nnsweep.files import expand_home
from nnsweep.mlp.choices import Count, NonNegative, Positive

if TYPE_CHECKING:
    from scipy.sparse import csr_array


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
    notes : list of str
        What was left out.
    """

    texts: list[FolderText]
    digest: str
    notes: list[str]


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
    classes, others = _list_classes(folder, path)
    texts: list[FolderText] = []
    unread: list[str] = []
    empty: list[str] = []
    for name in classes:
        try:
            inner = sorted(file for file in os.listdir(folder / name) if not file.startswith("."))
        except OSError as error:
            where = show_name(str(folder / name))
            raise DataError(f"{where}: the folder cannot be read ({error.strerror})") from error
        files = [file for file in inner if (folder / name / file).is_file()]
        others += [f"{name}/{file}" for file in inner if file not in set(files)]
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
            "a class, and the files right in it are its texts"
        )
    notes = [f"left out: {list_first(others, len(others))}, which is no file of a class"] if others else []
    sha = hashlib.sha256()
    for text in texts:
        for part in (os.fsencode(text.class_name), os.fsencode(text.file), text.content):
            sha.update(len(part).to_bytes(8, "little"))
            sha.update(part)
    return FolderOfTexts(texts, sha.hexdigest(), notes)


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


def _list_classes(folder: Path, path: str) -> tuple[list[str], list[str]]:
    """List the classes, and what else is there."""
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{show_name(path)}: the folder cannot be read ({cause}); name a folder with data.path"
        ) from error
    classes = [name for name in names if (folder / name).is_dir()]
    if len(classes) < 2:
        there = f"only {show_name(classes[0])}" if classes else "none"
        raise DataError(
            f"{show_name(path)}: data=text wants a folder with one subfolder for each class, two or more, and there is "
            f"{there}; or name a table's column of texts with data.text and data.target"
        )
    return classes, [name for name in names if name not in set(classes)]


@dataclass(frozen=True, kw_only=True)
class Weighing:
    r"""How texts become weights.

    Attributes
    ----------
    max_features : int or None
        Keep this many words, the most frequent; ``None`` for all.
    min_df : float
        Leave out words that fewer texts have: a number of texts, or below 1 a share of them.
    max_df : float
        Leave out words that more texts have: a share of the texts, or above 1 a number of them.
    ngram_range : tuple of two int
        How many words in a row count as one: the fewest and the most.
    analyzer : {"word", "char", "char_wb"}
        Whether words are counted, or characters (within words alone: ``char_wb``).
    lowercase : bool
        Whether ``Moon`` is ``moon``.
    strip_accents : {"ascii", "unicode"} or None
        Whether accents are left out, and of which characters.
    stop_words : tuple of str or None
        Words that never count; ``english`` alone stands for scikit-learn's list.
    token_pattern : str
        What a word is, as a regular expression.
    sublinear_tf : bool
        Whether a word that is there tf times counts ``1 + log(tf)`` instead of tf.
    """

    max_features: Count | None = 10_000
    min_df: NonNegative = 1
    max_df: Positive = 1
    ngram_range: tuple[Count, ...] = (1, 1)
    analyzer: Literal["word", "char", "char_wb"] = "word"
    lowercase: bool = True
    strip_accents: Literal["ascii", "unicode"] | None = None
    stop_words: tuple[str, ...] | None = None
    token_pattern: str = r"(?u)\b\w\w+\b"
    sublinear_tf: bool = False

    def settings(self) -> dict[str, Any]:
        """Give them as `sklearn.feature_extraction.text.TfidfVectorizer` takes them.

        Raises
        ------
        DataError
            Naming the one that cannot be.
        """
        if len(self.ngram_range) != 2 or self.ngram_range[0] > self.ngram_range[1]:
            raise DataError(
                f"data.ngram_range={list(self.ngram_range)}: must be the fewest and the most words in a row, as [1,2]"
            )
        pattern, words = self.token_pattern, self.stop_words
        try:
            n_groups = re.compile(pattern).groups
        except re.error as error:
            raise DataError(f"data.token_pattern={pattern}: is no regular expression ({error})") from error
        if n_groups > 1:
            raise DataError(f"data.token_pattern={pattern}: must have one group at most; write (?:...) for the others")
        return {
            "max_features": self.max_features,
            "min_df": _count_or_share("data.min_df", self.min_df, share=self.min_df < 1),
            "max_df": _count_or_share("data.max_df", self.max_df, share=self.max_df <= 1),
            "ngram_range": self.ngram_range,
            "analyzer": self.analyzer,
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            "stop_words": "english" if words == ("english",) else None if words is None else [*words],
            "token_pattern": self.token_pattern,
            "sublinear_tf": self.sublinear_tf,
        }


def weigh_words(
    parts: Mapping[str, list[str]], name: str, settings: dict[str, Any], *, together: bool
) -> "tuple[dict[str, csr_array], Preparation]":
    """Weigh the words of texts.

    Parameters
    ----------
    parts : mapping of str to list of str
        The texts of each part; ``train`` is one of them.
    name : str
        What to call the column that they are in.
    settings : dict
        Of `sklearn.feature_extraction.text.TfidfVectorizer`.
    together : bool
        Whether words and their weights come from all parts, and not from ``train`` alone.

    Returns
    -------
    parts : dict of str to csr_array
        Features of each part, (n_texts, n_words).
    preparation : Preparation
        It does the same to other texts.

    Raises
    ------
    DataError
        If no word is left.
    """
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(**settings)
    try:
        if not together:
            X = csr_array(vectorizer.fit_transform(parts["train"]))
            others = {part: csr_array(vectorizer.transform(its)) for part, its in parts.items() if part != "train"}
            return {"train": X, **others}, prepare_words(name, vectorizer)
        # One call for all texts, as in the notebook: `fit` and then `transform` rounds a few weights differently.
        X = csr_array(vectorizer.fit_transform(list(chain.from_iterable(parts.values()))))
    except ValueError as error:
        raise DataError(without_words(error, [name])) from error
    ends = accumulate(map(len, parts.values()), initial=0)
    preparation = prepare_words(name, vectorizer, fitted_with_all=True)
    return {part: X[start:end] for part, (start, end) in zip(parts, pairwise(ends), strict=True)}, preparation


def _count_or_share(key: str, value: float, *, share: bool) -> int | float:
    if share:
        return float(value)
    if not float(value).is_integer():
        raise DataError(f"{key}={value:g}: must be a share of the texts, up to 1, or a whole number of texts")
    return round(value)
