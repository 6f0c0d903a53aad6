"""TF-IDF: texts become weights of their words, with scikit-learn's settings as settings of a data set.

A word counts as often as it is in a text, and the more the fewer texts have it: ``tf (1 + log((1 + n) / (1 + df)))``,
each text's weights scaled to length 1 (Salton and Buckley, Information Processing & Management 24, 1988).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, Any, Literal

from nnsweep.data.preparation import Preparation, prepare_words, without_words
from nnsweep.errors import DataError
from nnsweep.mlp.ranges import Count, NonNegative, Positive

if TYPE_CHECKING:
    from scipy.sparse import csr_array


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
        _require_pattern(self.token_pattern)
        words = self.stop_words
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


def _require_pattern(pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise DataError(f"data.token_pattern={pattern}: is no regular expression ({error})") from error
    if groups > 1:
        raise DataError(f"data.token_pattern={pattern}: must have one group at most; write (?:...) for the others")
