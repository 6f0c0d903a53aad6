"""Colours that readers with deuteranopia and printers without colours tell apart, and marks that a page finds."""

import re
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from nnsweep.results.plots.drawing import write_figure
from nnsweep.results.plots.figure import blank
from nnsweep.results.plots.style import (
    LIGHTEST,
    NAMED,
    OTHERS,
    STYLES,
    contrast,
    style_configurations,
    style_levels,
    tag,
)

DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
"""What deuteranopes see of linear RGB; Machado, Oliveira and Fernandes, IEEE Transactions 15(6), 2009, severity 1."""
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""From linear sRGB to CIE XYZ with the white of D65, IEC 61966-2-1."""


def linear(colour):
    parts = np.array(to_rgb(colour))
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(light):
    x, y, z = np.cbrt(XYZ @ light / XYZ.sum(axis=1) + 1e-9)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def seen(colour):
    """Give CIELAB of a colour as most people and as deuteranopes see it."""
    light = linear(colour)
    return lab(light), lab(np.clip(DEUTERANOPIA @ light, 0, 1))


@pytest.mark.parametrize("eyes", [0, 1], ids=["normal", "deuteranopia"])
def test_any_two_of_the_eight_colours_can_be_told_apart(eyes):
    colours = [seen(style.colour)[eyes] for style in STYLES]
    assert len(STYLES) == NAMED == 8
    assert min(np.linalg.norm(one - other) for one, other in combinations(colours, 2)) > 30


def test_in_grey_lightness_or_stroke_and_marker_tell_them_apart():
    for one, other in combinations(STYLES, 2):
        is_lighter = abs(seen(one.colour)[0][0] - seen(other.colour)[0][0]) > 15
        assert is_lighter or (one.stroke != other.stroke and one.marker != other.marker)


def test_no_colour_is_faint_on_white():
    assert min(contrast(style.colour, "white") for style in (*STYLES, OTHERS)) > 2.2


def test_the_best_eight_have_styles_and_all_others_are_grey():
    labels = [f"network {place}" for place in range(20)]
    styles = style_configurations(labels)
    assert [styles[label] for label in labels] == [*STYLES, *[OTHERS] * 12]
    assert style_configurations(labels[:3]) == {label: styles[label] for label in labels[:3]}


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_levels_grow_lighter_in_their_order_and_stay_legible(n):
    styles = style_levels([*range(n)])
    lightness = [seen(style.colour)[0][0] for style in styles]
    assert lightness == sorted(lightness)
    assert len({style.colour for style in styles}) == n
    assert contrast(styles[-1].colour, "white") > 1.5
    assert not {style.colour for style in styles} & {style.colour for style in STYLES}
    assert LIGHTEST < 1


def test_a_tag_is_an_id_of_its_own_in_every_file(tmp_path):
    figure = blank(3, 2)
    axes = figure.subplots()
    for place in (1, 0, 1):
        (line,) = axes.plot([0, 1], [0, place])
        tag(line, place)
    tag(axes.fill_between([0, 1], 0, 1), 2)
    tag(axes.text(0, 0, "best"), 0)
    with (tmp_path / "a.svg").open("wb") as file:
        write_figure(figure, file, "svg")
    ids = re.findall(r'id="(configuration-[^"]*)"', (tmp_path / "a.svg").read_text())
    assert sorted(ids) == [f"configuration-{name}" for name in ("0-2", "0-5", "1-1", "1-3", "2-4")]


def test_what_is_in_no_figure_is_not_tagged():
    with pytest.raises(AssertionError, match="once it is in a figure"):
        tag(Line2D([], []), 0)
