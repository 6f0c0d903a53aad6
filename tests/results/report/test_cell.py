"""A report that ends a notebook's cell: an overview, folded sections, and nobody's text anything but text."""

from dataclasses import replace

from nnsweep.results.report.cell import make_cell
from nnsweep.results.report.content import SectionContent
from nnsweep.results.report.markdown import MOST_ROWS, markdown
from nnsweep.results.report.report import findings

from .conftest import spread
from .test_html import Page, hostile

ACCURACIES = {"20-20": spread(0.964), "20": spread(0.963, size=0.02, turn=2), "8": spread(0.8, turn=1)}


def test_the_answer_and_its_picture_come_before_the_sections(study_of):
    found = findings(study_of(ACCURACIES))
    cell = make_cell(found)
    first, *sections = cell.split("<details>")
    assert found.overview.answer in "".join(Page(first).texts)
    assert 'src="data:image/svg+xml;base64,' in first
    shown = [section.heading for section in found.further_sections if not section.is_empty(())]
    assert [section.split("</summary>")[0].removeprefix("<summary>") for section in sections] == shown


def test_the_choice_is_bold(study_of):
    cell = make_cell(findings(study_of(ACCURACIES)))
    (row,) = [line for line in cell.splitlines() if line.startswith("<tr") and ">0.964 (0.960 to 0.968)<" in line]
    assert row.count("font-weight: bold") == row.count("<td") + 1


def test_a_long_table_is_cut(study_of):
    many = {str(width): [0.5 + width / 1000] for width in range(MOST_ROWS + 7)}
    assert "7 further rows not shown." in make_cell(findings(study_of(many)))


def test_hostile_text_stays_text():
    page = Page(make_cell(hostile()))
    assert {tag for tag, _ in page.tags} <= {
        "div", "h3", "p", "strong", "img", "ul", "li", "details", "summary", "table", "thead", "tbody", "tr", "th",
        "td", "pre",
    }  # fmt: skip
    assert {name for _, attributes in page.tags for name in attributes} <= {"style", "class", "alt", "src"}


def test_a_report_says_itself_in_two_lines(study_of):
    found = findings(study_of(ACCURACIES))
    first, second = repr(found).splitlines()
    assert first == f"<Findings, {len(found.sections)} sections: {found.title}>"
    assert second == found.overview.answer
    assert "\n" not in repr(replace(found, overview=None))


def test_a_notebook_asks_for_html_and_markdown(study_of):
    found = findings(study_of(ACCURACIES))
    assert found._repr_html_() == make_cell(found)
    assert found._repr_markdown_() == markdown(found)


def test_a_section_and_a_table_say_themselves_shortly(study_of):
    section = findings(study_of(ACCURACIES)).section("configurations")
    assert repr(section).splitlines()[0] == f"<Section configurations: {section.heading}>"
    assert "<table" in section._repr_html_()
    assert repr(section.tables[0]).startswith("<Table configurations, 3 rows: ")
    words = SectionContent(name="words", heading="Words", sentences=("One.", "Two."), commands=("nnsweep ui",))
    assert repr(words) == "<Section words: Words>\nOne.\nTwo."
    assert '<p>One. Two.</p>\n<pre style="font-family: monospace">nnsweep ui</pre>' in words._repr_html_()
