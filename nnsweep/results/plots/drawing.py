"""Drawings: figures that Jupyter shows by themselves, and that are written with the same fonts whoever writes them.

SVG files hold text as text, PDF files embed their fonts as Type 42, and equal pictures give equal bytes.
"""

import io
import warnings
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from nnsweep.errors import ConfigError
from nnsweep.files import whole_file
from nnsweep.results.wording import count
from nnsweep.text import printable

DPI = 150
DEFAULT_FONT = "DejaVu Sans"
"""It comes with matplotlib, and has the signs that other fonts may lack."""
SUBSTITUTES = (DEFAULT_FONT, "Verdana")
"""The fonts that an SVG file asks for: letters of the second are as wide as those of the first."""
SCALE = "scale of colours"
"""The label of axes that are no panel but the scale of a map's colours."""
METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


class Drawing(Figure):
    """A figure that is written with the same fonts whoever writes it, and that Jupyter shows by itself."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._families = list(mpl.rcParams["font.family"])
        self._n_tags = 0

    def count_tag(self) -> int:
        """Give the number of the next artist that is tagged."""
        self._n_tags += 1
        return self._n_tags

    def draw(self, renderer: RendererBase) -> None:
        """Draw it with the fonts that it was laid out with."""
        with mpl.rc_context({"font.family": self._families}):
            super().draw(renderer)

    def savefig(self, fname: Any, **settings: Any) -> None:
        """Write it: text in SVG files as text, fonts in PDF files embedded as Type 42."""
        with (
            mpl.rc_context({"font.sans-serif": SUBSTITUTES, "svg.fonttype": "none", "svg.hashsalt": "nnsweep"}),
            mpl.rc_context({"pdf.fonttype": 42}),  # publishers refuse Type 3
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks
            super().savefig(fname, **settings)

    def __repr__(self) -> str:
        width, height = self.get_size_inches()
        n_panels = sum(axes.get_label() != SCALE for axes in self.axes)
        return f"<{self.get_suptitle() or 'picture'}: {width:.1f} x {height:.1f} in, {count(n_panels, 'panel')}>"

    def _repr_png_(self) -> bytes:
        return self._write("png")

    def _repr_svg_(self) -> str:
        return self._write("svg").decode()

    def _write(self, name: str) -> bytes:
        buffer = io.BytesIO()
        write_figure(self, buffer, name)
        return buffer.getvalue()


def write_figure(figure: Figure, file: IO[bytes], suffix: str, *, dpi: float = DPI, frame: Bbox | None = None) -> None:
    """Write a picture into a file that is open; equal pictures give equal bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The picture.
    file : file object
        Open for writing bytes.
    suffix : str
        ``png``, ``svg`` or ``pdf``.
    dpi : float
        Dots per inch of a PNG file.
    frame : Bbox, optional
        Which part of the paper is written, in inches; all of it if not given.
    """
    figure.savefig(file, format=suffix, dpi=dpi, metadata=METADATA[suffix], bbox_inches=frame)


def save_figure(figure: Figure, path: str | Path, *, dpi: float = DPI) -> None:
    """Write a picture as PNG, SVG or PDF; equal pictures give equal bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The picture.
    path : str or Path
        Where to; the suffix says in which format.
    dpi : float
        Dots per inch of a PNG file.

    Raises
    ------
    ConfigError
        If the suffix is another or the file cannot be written.
    """
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in METADATA:
        names = ", ".join(f".{name}" for name in METADATA)
        raise ConfigError(f"a picture is {names}, not {printable(Path(path).suffix) or 'without suffix'}")
    with whole_file(path) as file:
        write_figure(figure, file, suffix, dpi=dpi)
