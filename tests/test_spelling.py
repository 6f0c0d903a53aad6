"""Pages, docstrings, comments of configuration files and help are spelled as a dictionary has it.

The spelling is that of Oxford: colour and centre, but normalize. The dictionary is American, so `docs/words.txt` has
the British words that are used, and the terms and names that no dictionary has.
"""

import gc
import re
import warnings

import pytest

from tests.pages import ROOT
from tests.prose import list_texts, list_words

WORDS = ROOT / "docs" / "words.txt"
AMERICAN = re.compile(
    r"\b((?:col|behavi|fav|neighb|hon|lab|tum)or(?:s|ed|ing|s?hood|able)?|centers?|centered|gray"
    r"|(?:label|model|travel|cancel)(?:ed|ing))\b"
)
"""Words of the dictionary that are spelled otherwise here."""
SLIPS = re.compile(r"\b([a-z]{2,})[ \n] *\1\b(?!-)|\b(?:allow|enable)s? to\b")
"""Doubled words, and two verbs that need somebody."""

if not WORDS.is_file():
    pytest.skip("this is not a checkout: there is nothing to read", allow_module_level=True)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return dict(list_texts())


def test_every_word_is_spelled_right(texts):
    hunspell = pytest.importorskip("spylls.hunspell", reason="the extra docs is not installed")
    own = {*WORDS.read_text(encoding="utf-8").split()}
    places: dict[str, str] = {}
    for place, text in texts.items():
        places = {word: place for word in list_words(text)} | places
    unknown = sorted(places.keys() - own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files open
        dictionary = hunspell.Dictionary.from_files("en_US")
        gc.collect()
    assert {word: places[word] for word in unknown if not dictionary.lookup(word)} == {}


def test_own_words_are_used_and_sorted(texts):
    own = WORDS.read_text(encoding="utf-8").split()
    assert own == sorted({*own})
    assert {*own} - {word for text in texts.values() for word in list_words(text)} == set()


def test_spelling_is_british_and_nothing_slips(texts):
    found = {place: [match[0] for match in AMERICAN.finditer(text)] for place, text in texts.items()}
    assert {place: words for place, words in found.items() if words} == {}
    slips = {place: [match[0] for match in SLIPS.finditer(text)] for place, text in texts.items()}
    assert {place: words for place, words in slips.items() if words} == {}
