"""Markdown that a README can hold."""

from dataclasses import replace

import pandas as pd
from markdown_it import MarkdownIt

from nnsweep.results.report.content import SectionContent
from nnsweep.results.report.markdown import MOST_ROWS, markdown
from nnsweep.results.report.report import Findings, findings
from nnsweep.results.report.study import Origin

from .conftest import CORRECT, spread
from .test_html import hostile


def parsed(text: str):
    return MarkdownIt("commonmark").enable("table").parse(text)


def test_the_choice_is_bold_and_verdicts_are_words(study_of):
    close = spread(0.963, size=0.02, turn=2)
    text = markdown(findings(study_of({"20-20": spread(0.964), "20": close, "8": spread(0.8, turn=1)})))
    assert "| **20-20** | **0.964 (0.960 to 0.968)** | **10** | **1,930** |" in text
    assert "| 20 | 0.963 (0.939 to 0.978) | 10 | 1,510 | unsettled |" in text
    assert "| 8 | 0.800 (0.796 to 0.804) | 10 | 730 | clearly worse |" in text


def test_rows_that_cannot_be_told_from_the_best_are_marked(study_of):
    text = markdown(findings(study_of({"20-20": [0.95], "20": [0.94], "8": [0.5]}, correct=CORRECT)))
    assert "| 20 † | " in text
    assert "| 8 | " in text


def test_a_long_table_is_cut_and_says_so(study_of):
    many = {str(width): [0.5 + width / 1000] for width in range(MOST_ROWS + 7)}
    text = markdown(findings(study_of(many)))
    assert "7 further rows not shown." in text
    assert "| 0 |" not in text


def test_hostile_text_stays_text():
    tokens = parsed(markdown(hostile()))
    inline = {child.type for token in tokens if token.type == "inline" for child in token.children or []}
    assert inline <= {"text", "text_special", "softbreak", "strong_open", "strong_close"}
    assert "html_block" not in {token.type for token in tokens}
    (fence,) = [token for token in tokens if token.type == "fence"]
    assert "<script>" in fence.content


def test_pictures_are_linked_if_they_are_there():
    text = markdown(hostile(), {"one": "report-one.svg"})
    images = [child for token in parsed(text) if token.type == "inline" for child in token.children or []]
    assert [image.attrs["src"] for image in images if image.type == "image"] == ["report-one.svg"]


def test_picture_section_is_omitted_if_none_can_be_shown(study_of):
    found = findings(study_of({"20-20": spread(0.964), "8": spread(0.8, turn=1)}))
    section = SectionContent(name="pictures", heading="Further pictures", pictures=(found.overview.picture,))
    found = replace(found, sections=(*found.sections, section))
    assert "## Further pictures" not in markdown(found)
    assert "## Further pictures" in markdown(found, {"seeds": "seeds.svg"})


def test_the_overview_comes_first(study_of):
    found = findings(study_of({"20-20": spread(0.964), "8": spread(0.8, turn=1)}, origin=Origin(experiment="sizes")))
    lines = list(filter(None, markdown(found, {"seeds": "seeds.svg"}).splitlines()))
    assert lines[0] == "# Which layer sizes work best on digits?"
    assert lines[1].startswith("**Use 20-20 (2 layers of 20 units): test accuracy 0.964")
    assert lines[2].endswith("(seeds.svg)")
    assert lines[3] == "- 20 runs: 2 configurations \N{MULTIPLICATION SIGN} 10 seeds"
    assert lines[4] == "- 1 of 2 may be the best (1 as good); 1 clearly worse"
    assert lines[8] == "nnsweep confirm sizes"


def test_a_fence_is_longer_than_any_in_the_commands():
    section = SectionContent(name="origin", heading="Again", commands=("nnsweep report '```'", "````"))
    (fence,) = [token for token in parsed(markdown(Findings(title="x", sections=(section,)))) if token.type == "fence"]
    assert fence.content == "nnsweep report '```'\n````\n"


def test_tables_keep_their_numbers_of_columns(study_of):
    text = markdown(findings(study_of({"20-20": spread(0.964), "8": spread(0.8, turn=1)})))
    widths = pd.Series([line.count("|") for line in text.splitlines() if line.startswith("|")])
    assert widths.min() == 3
