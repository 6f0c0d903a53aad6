"""Slides are 16:9, and their letters can be read on a wall."""

import re

import pytest

from nnsweep.results.plots.pictures import pictures, save_all
from nnsweep.results.plots.slides import lay_out_slides

WHERE_16_POINTS_ARE_8 = 13.33 / 2
"""Inches: how wide a page may be whose letters of 8 points are what 16 points are on 13.33 inches."""


@pytest.fixture
def slides(sweep):
    with lay_out_slides():
        return pictures(*sweep, title="a study")


def test_a_file_has_a_page_of_16_to_9_for_each_picture(slides, tmp_path):
    paths = save_all(slides, tmp_path, ["pdf"], as_slides=True)
    assert paths == [tmp_path / "slides.pdf"]
    content = paths[0].read_bytes()
    boxes = re.findall(rb"/MediaBox \[ *0 0 ([0-9.]+) ([0-9.]+) *\]", content)
    assert len(boxes) == len(slides)
    assert {round(float(width) / float(height), 3) for width, height in boxes} == {1.778}
    assert b"/Type3" not in content


def test_letters_are_as_large_as_a_wall_needs(slides, readable):
    assert len(slides) > 10
    for figure in slides.values():
        readable(figure)
        assert figure.get_figwidth() <= WHERE_16_POINTS_ARE_8
        assert figure.get_figheight() <= WHERE_16_POINTS_ARE_8 * 9 / 16


def test_long_names_leave_room_for_the_panels(odd, readable):
    with lay_out_slides():
        drawn = pictures(*odd, title="a $title_ " * 20, only=["mean_curves", "cost", "parallel"])
    assert len(drawn) == 3
    for figure in drawn.values():
        readable(figure)
        assert figure.get_figheight() <= WHERE_16_POINTS_ARE_8 * 9 / 16


def test_curves_have_one_row_with_the_accuracies(slides):
    titles = [axes.get_title() for axes in slides["mean_curves"].axes]
    assert titles == ["training cost", "validation accuracy", "test accuracy"]


def test_png_files_have_the_pixels_of_a_screen(slides, tmp_path):
    paths = save_all({"seeds": slides["seeds"]}, tmp_path, ["png"], as_slides=True)
    header = paths[0].read_bytes()[16:24]
    assert (int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")) == (1920, 1080)


def test_equal_slides_have_equal_bytes(slides, tmp_path):
    first, second = (save_all(slides, tmp_path / name, ["pdf"], as_slides=True)[0] for name in "ab")
    assert first.read_bytes() == second.read_bytes()
