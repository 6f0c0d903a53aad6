"""Slides: each picture alone on a page of 16:9, with letters that can be read on a wall.

Pictures are drawn for half a slide's width, so that letters of 8 points on paper are what 16 points are on a slide of
13.33 inches.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from nnsweep.files import whole_file
from nnsweep.results.plots.drawing import METADATA, write_figure
from nnsweep.results.plots.figure import lay_out_for

SLIDE = 20 / 3, 3.75
"""Inches across and down, of which a slide of 13.33 by 7.5 has twice as many."""
MARGIN = 0.12
"""Inches that a slide keeps free at each side."""
PIXELS = 1920
"""How many pixels wide a slide is as a PNG file."""


@contextmanager
def lay_out_slides(font: str = "") -> Iterator[None]:
    """Draw pictures that fit a slide.

    Parameters
    ----------
    font : str
        The family of the letters; matplotlib's own if empty.

    Raises
    ------
    ConfigError
        If no such font is found.
    """
    with lay_out_for(width=SLIDE[0] - 2 * MARGIN, height=SLIDE[1] - 2 * MARGIN, font=font):
        yield


def frame_slide(figure: Figure) -> Bbox:
    """Give the part of the paper that is the slide, in inches of the figure: 16:9, with the picture in its middle."""
    width, height = figure.get_size_inches()
    scale = max(1.0, (width + 2 * MARGIN) / SLIDE[0], (height + 2 * MARGIN) / SLIDE[1])
    across, down = scale * SLIDE[0], scale * SLIDE[1]
    return Bbox.from_bounds((width - across) / 2, (height - down) / 2, across, down)


def save_slides(figures: Mapping[str, Figure], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write pictures as slides: a PDF file with a page for each, and a PNG or SVG file of 16:9 for each.

    Parameters
    ----------
    figures : mapping
        ``{name: figure}``, drawn within `lay_out_slides`.
    folder : Path
        Where to; it exists.
    formats : sequence of str
        ``pdf`` makes ``slides.pdf``, ``png`` and ``svg`` a file for each picture.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ConfigError
        If a file cannot be written.
    """
    paths = []
    if "pdf" in formats:
        paths.append(folder / "slides.pdf")
        fonts = mpl.rc_context({"pdf.fonttype": 42})  # they are embedded when the last page is written
        with whole_file(paths[0]) as file, fonts, PdfPages(file, metadata=METADATA["pdf"]) as pages:
            for figure in figures.values():
                figure.savefig(pages, format="pdf", bbox_inches=frame_slide(figure))
    for name, figure in figures.items():
        for suffix in [suffix for suffix in formats if suffix != "pdf"]:
            paths.append(folder / f"{name}.{suffix}")
            frame = frame_slide(figure)
            with whole_file(paths[-1]) as file:
                write_figure(figure, file, suffix, dpi=PIXELS / frame.width, frame=frame)
    return paths
