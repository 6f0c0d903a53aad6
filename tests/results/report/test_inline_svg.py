"""A picture within a page: what its letters say is what was drawn."""

import re

import numpy as np
import pytest

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
    (line, *_) = re.findall(r'<path d="M[^"]*" clip-path', drawn)
    assert not re.search(r"\.\d\d", line)


def test_a_line_goes_through_the_points_that_were_drawn():
    figure = blank(3.0, 1.0)
    axes = figure.add_axes((0, 0, 1, 1))
    points = [(0.1, 0.2), (0.5, 0.2), (0.7, 0.9)]
    axes.plot(*zip(*points, strict=True))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    drawn = inline_svg(figure, "line", "A line.")
    (line, *_) = re.findall(r'<path d="(M[^"z]*l[^"z]*)" clip-path', drawn)
    numbers = [float(number) for number in re.findall(r"-?\d*\.?\d+", line)]
    steps = np.array(numbers).reshape(-1, 2).cumsum(axis=0)
    assert steps == pytest.approx(np.array([(216 * x, 72 * (1 - y)) for x, y in points]), abs=0.1)
