"""One file that needs nothing else, and in which nobody's text is anything but text."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.figure import blank
from nnsweep.results.plots.style import contrast, tag
from nnsweep.results.report.content import Column, Picture, SectionContent, Table
from nnsweep.results.report.html import html
from nnsweep.results.report.inline_svg import GROUND, LEAST_CONTRAST, inline_svg, turn_dark
from nnsweep.results.report.report import Findings, findings
from nnsweep.results.report.study import Study

from ..conftest import PAYLOADS
from ..plots.test_style import seen

LOADING = {"src", "href", "xlink:href", "action", "data", "poster", "srcset", "background"}


class Page(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.tags if attributes.get(name)]


def picture(name: str) -> Picture:
    figure = blank(3, 2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], label="<b>line</b>")
    axes.set_title("<script>alert(1)</script>", parse_math=False)
    return Picture(name, 'What is "to be seen" <here>.', lambda: figure)


def hostile() -> Findings:
    """Give findings in which every text is hostile."""
    texts = [text for text in PAYLOADS if text and text.isprintable()]
    frame = pd.DataFrame({"label": texts, "mean": [0.5] * len(texts)})
    columns = (
        Column("<i>heading</i>", "label"),
        Column("mean", "mean"),
    )
    table = Table(name="hostile", caption=texts[0], frame=frame, columns=columns, best=frozenset({0}))
    section = SectionContent(
        name="answer",
        heading="<h1>",
        sentences=tuple(texts),
        points=tuple(texts),
        tables=(table,),
        commands=tuple(texts),
        pictures=(picture("one"), picture("two")),
    )
    return Findings(title="<script>alert(1)</script>", sections=(section,))


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html(hostile()))


def test_nothing_is_loaded_from_elsewhere(page):
    targets = [text for name in LOADING for text in page.attributes(name)]
    assert targets
    assert all(target.startswith(("#", "data:image/png;base64,")) for target in targets)
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "embed", "base", "form", "img"}


def test_the_policy_allows_no_script_but_the_page_s_own():
    text = html(hostile())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")


def test_hostile_text_stays_text(page):
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not {"b", "i"} & {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>" in page.texts


def test_ids_are_unique_and_every_reference_has_its_target(page):
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    references = [text[1:] for name in ("href", "xlink:href") for text in page.attributes(name) if text[0] == "#"]
    references += [text for name in ("aria-labelledby",) for text in page.attributes(name)]
    references += re.findall(r"url\(#([^)]*)\)", html(hostile()))
    assert {"answer", "one-title", "answer-heading"} <= set(references) <= set(ids)


def test_a_picture_says_what_is_to_be_seen():
    drawn = inline_svg(picture("one").figure, "one", picture("one").caption)
    assert drawn.startswith('<svg role="img" aria-labelledby="one-title"')
    assert '<title id="one-title">What is &quot;to be seen&quot; &lt;here&gt;.</title>' in drawn
    assert "<?xml" not in drawn
    assert "<metadata" not in drawn


def test_equal_findings_give_equal_pages():
    assert html(hostile()) == html(hostile())


def test_numbers_are_sorted_by_all_their_digits(study_of):
    text = html(findings(study_of({"8": [1 / 3, 1 / 3], "20": [0.9, 0.9]})))
    assert 'data-value="0.3333333333333333">0.3333<' in text


def test_headings_descend_one_by_one(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels == [1, 2]


def test_letters_and_numbers_in_a_picture_stay_as_they_are():
    figure = blank(3, 2)
    text = '0.00012345 style="fill: #ff0000" id="a" url(#b) x="0.00012345"'
    figure.subplots().set_title(text, parse_math=False)
    assert text in Page(inline_svg(figure, "one", "A title.")).texts


def test_a_picture_is_light_or_dark_as_its_page_is():
    text = html(hostile())
    assert "stroke: #000000" not in text
    assert re.search(r":root \{ --x000000: #000000;.* --xffffff: #ffffff; \}\n@media screen", text)
    assert re.search(r"dark\) \{ :root \{ --x000000: #e8e8ea;.* --xffffff: #18181a;", text)


def test_colours_stand_out_on_a_dark_page_and_stay_apart():
    dark = [turn_dark(colour.lower()) for colour in COLOURS]
    assert min(contrast(colour, GROUND) for colour in dark) >= LEAST_CONTRAST
    for eyes in (0, 1):  # with and without deuteranopia
        colours = [seen(colour)[eyes] for colour in dark]
        assert min(np.linalg.norm(one - other) for one, other in combinations(colours, 2)) > 30


def test_what_shows_a_configuration_has_its_place():
    figure = blank(3, 2)
    (line,) = figure.subplots().plot([0, 1])
    tag(line, 3)
    assert '<g class="mark" data-configuration="3">' in inline_svg(figure, "one", "A line.")
    frame = pd.DataFrame({"label": ["b", "c", "a"]})
    table = Table(name="table", caption="", frame=frame, columns=(Column("configuration", "label"),))
    section = SectionContent(name="section", heading="Heading", tables=(table,))
    text = html(Findings(title="x", sections=(section,), labels=("a", "b")))
    assert re.findall(r"<tr([^>]*)><th scope=\"row\">(.)", text) == [
        (' data-configuration="1"', "b"),
        ("", "c"),
        (' data-configuration="0"', "a"),
    ]


def test_the_data_of_the_study_cannot_end_their_element(study_of):
    runs = study_of({"20": [0.9], "8": [0.8]}).runs.assign(activation=["</script><b>", "relu"])
    page = Page(html(findings(Study(runs=runs, by=["activation"]))))
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert "b" not in {tag for tag, _ in page.tags}
