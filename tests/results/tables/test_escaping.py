"""Hostile text stays text."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from nnsweep.results.tables.formats import Csv, Html, Latex, Markdown
from nnsweep.text import printable

anything = st.text(st.characters(), max_size=30)


@given(anything)
def test_spreadsheet_sees_no_formula_and_text_is_recoverable(text):
    _, cell = next(csv.reader(io.StringIO(f"first,{Csv.escape(text)}", newline="")))
    assert cell.strip()[:1] not in tuple("=+-@＝＋－＠")  # noqa: RUF001
    assert cell.removeprefix("'") == text.encode(errors="backslashreplace").decode()


@pytest.mark.parametrize("text", ["20-20", "tanh", "a=b", "", " padded", "x\ty"])
def test_harmless_text_gets_no_apostrophe(text):
    assert Csv.escape(text).strip('"') == text


@given(anything)
def test_visible_text_is_one_printable_line(text):
    shown = printable(text)
    assert shown.isprintable()
    assert Text(shown).plain == shown
    shown.encode()


@given(anything)
def test_html_has_no_tag_and_no_quote(text):
    assert not set(Html.escape(text)) & set("<>\"'\n")


@given(anything)
def test_latex_has_no_bare_special(text):
    escaped = Latex.escape(text)
    for command in ("backslash", "asciitilde", "asciicircum", "less", "greater", "bar"):
        escaped = escaped.replace(f"\\text{command}{{}}", "")
    escaped = escaped.replace(r"\symbol{34}", "")
    for special in "{}$&#_%":
        escaped = escaped.replace("\\" + special, "")
    for protected in "-`'[]*":
        escaped = escaped.replace(f"{{{protected}}}", "")
    assert not set(escaped) & set('\\{}$&#^_%~<>[]*`"')


def test_markdown_keeps_ordinary_names_readable():
    assert Markdown.escape("schedule.decay_rate 20-20-tanh") == "schedule.decay_rate 20-20-tanh"
    assert Markdown.escape("no validation set: the epoch") == "no validation set: the epoch"
    assert Markdown.escape("http://a :b:") == r"http\://a \:b\:"
