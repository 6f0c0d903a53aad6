"""A picture within a page: what its letters say is what was drawn."""

import re

from nnsweep.results.plots.figure import blank
from nnsweep.results.report.inline_svg import inline_svg


def test_numbers_keep_all_their_digits_in_a_page():
    figure = blank(3.0, 1.0)
    axes = figure.subplots()
    axes.plot([0.123456, 1], [0, 1])
    axes.text(0.5, 0.5, "0.956 of 0.9725")
    drawn = inline_svg(figure, "dots", "Two points at 0.1234.")
    assert "0.956 of 0.9725" in drawn
    assert "Two points at 0.1234." in drawn
    (line, *_) = re.findall(r'<path d="M [^"]*" clip-path', drawn)
    assert not re.search(r"\.\d{3}", line)
