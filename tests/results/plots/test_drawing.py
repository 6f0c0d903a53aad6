"""Files of pictures, and what Jupyter shows of them."""

import io
import shutil
import subprocess

import matplotlib as mpl
import pytest
from matplotlib.font_manager import fontManager

from nnsweep.results.plots.drawing import Drawing, save_figure, write_figure
from nnsweep.results.plots.figure import blank, lay_out_for


def write(figure, suffix, **settings):
    buffer = io.BytesIO()
    write_figure(figure, buffer, suffix, **settings)
    return buffer.getvalue()


@pytest.fixture
def drawing():
    figure = blank(3, 2, "accuracy ± error")
    figure.subplots().plot([0, 1], [0, 1])
    return figure


def test_text_in_svg_is_text_in_fonts_of_one_width(drawing):
    drawn = write(drawing, "svg").decode()
    assert ">accuracy ± error</text>" in drawn
    assert "font-family: 'DejaVu Sans', 'Verdana', sans-serif" in drawn or "font: 10px 'DejaVu Sans'" in drawn


def test_pdf_has_no_type_3_fonts(tmp_path, drawing):
    path = tmp_path / "a.pdf"
    save_figure(drawing, path)
    assert b"/Type3" not in path.read_bytes()
    if shutil.which("pdffonts") is None:
        pytest.skip("pdffonts is not installed")
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    assert fonts
    assert all("TrueType" in font and font.split()[-5:-3] == ["yes", "yes"] for font in fonts), fonts


def test_dots_are_as_many_as_asked_for(drawing):
    sizes = [int.from_bytes(write(drawing, "png", dpi=dpi)[16:20]) for dpi in (100, 300)]
    assert sizes == [300, 900]


def test_a_drawing_is_shown_by_jupyter_and_named_in_a_line(drawing):
    assert isinstance(drawing, Drawing)
    assert drawing._repr_png_().startswith(b"\x89PNG")
    assert "<svg" in drawing._repr_svg_()
    assert repr(drawing) == "<accuracy ± error: 3.0 x 2.0 in, 1 panel>"


@pytest.mark.skipif("STIXGeneral" not in fontManager.get_font_names(), reason="STIXGeneral is not installed")
def test_a_font_is_kept_until_the_picture_is_written():
    with lay_out_for(font="STIXGeneral"):
        figure = blank(3, 2)
        figure.subplots().set_xlabel("epoch")
    drawn = write(figure, "svg").decode()
    assert drawn.count("STIXGeneral") == drawn.count("<text")
    assert mpl.rcParams["font.family"] == ["sans-serif"]
