"""What every picture is made of: panels, a legend, text that fits, colours for numbers, and a file of constant bytes.

Sizes are those on paper, in points and inches. Texts that users named are shown as they are and never read as
formulas.
"""

import math
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from nnsweep.errors import ConfigError
from nnsweep.files import whole_file
from nnsweep.results.plots import COLOURS
from nnsweep.text import printable

POINTS = 8.0
"""The size of the smallest letters."""
LINE = 0.145
"""Inches from line to line at that size."""


@lru_cache(maxsize=4096)
def measure_inches(text: str, points: float = POINTS) -> float:
    """Measure how wide a text is on paper."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        width = text_to_path.get_text_width_height_descent(text, FontProperties(size=points), False)[0]
    return float(width) / 72


def fit_text(text: str, room: float, points: float = POINTS) -> str:
    """Shorten a text in its middle until it is no wider than the room for it, in inches.

    Examples
    --------
    >>> fit_text("short", 1.0), fit_text(20 * "long", 1.0)
    ('short', 'longlon…onglong')
    """
    text = printable(text)[:500]
    if measure_inches(text, points) <= room:
        return text
    fewest, most = 0, len(text)
    while fewest < most:
        middle = (fewest + most + 1) // 2
        fewest, most = (
            (middle, most) if measure_inches(_cut_middle(text, middle), points) <= room else (fewest, middle - 1)
        )
    return _cut_middle(text, fewest)


def wrap_text(notes: Sequence[str], room: float) -> list[str]:
    """Break sentences into lines no wider than so many inches."""
    average = measure_inches("The quick brown fox jumps over the lazy dog, 0.1234567890") / 57
    lines = [line for note in notes if note for line in textwrap.wrap(printable(note), max(20, int(room / average)))]
    return [fit_text(line, room) for line in lines]


def _cut_middle(text: str, n_letters: int) -> str:
    return f"{text[: (n_letters + 1) // 2]}…{text[len(text) - n_letters // 2 :]}" if n_letters else "…"


DPI = 150
WIDTH = 7.2
"""Inches: the text of a page."""
NARROW = 4.4
TITLE_POINTS = 10.0
UNDER = 0.45
"""Inches under a panel for its numbers and the axis' name."""
ABOVE = 0.28
"""Inches above a panel for its name."""
RIGHT = 0.18
"""Inches at the right of a panel, into which its last number may reach."""
HANDLE = 0.65
"""Inches that an entry of a legend needs beside its text."""
NAMED = 10
"""How many lines a picture names; further ones are grey."""
STROKES = ("-", "--", "-.", ":")
LONGEST_LABEL = 44
METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def stroke(rank: int) -> dict[str, object]:
    """Give colour and stroke of the line of some rank, 0 being the best; the first 28 all differ."""
    pattern = STROKES[rank % len(STROKES)]
    return {"color": COLOURS[rank % len(COLOURS)], "linestyle": pattern, "linewidth": 1.5, "zorder": 2}


def blank(width: float, height: float, title: str = "") -> Figure:
    """Make a figure without panels.

    Parameters
    ----------
    width, height : float
        Its size on paper, in inches.
    title : str
        A line above all.
    """
    figure = Figure(figsize=(width, height))
    if title:
        below_edge = figure.transFigure + ScaledTranslation(0, -0.08, figure.dpi_scale_trans)
        text = fit_text(title, width - 0.3, TITLE_POINTS)
        figure.suptitle(text, y=1, va="top", transform=below_edge, parse_math=False, fontsize=TITLE_POINTS)
    return figure


def nothing(reason: str, title: str = "") -> Figure:
    """Make a figure that says why there is nothing to see."""
    figure = blank(NARROW, 1.2, title)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, fit_text(reason, NARROW - 0.3), ha="center", va="center", fontsize=POINTS, parse_math=False)
    return figure


def panelled(names: Sequence[str], title: str = "") -> tuple[Figure, dict[str, Axes]]:
    """Make a figure with a panel over epochs for each name: three side by side, four in two rows.

    Parameters
    ----------
    names : sequence of str
        What the panels are known by; without any, the figure says that there is nothing.
    title : str
        A line above the panels.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.
    panels : dict
        ``{name: its axes}``.
    """
    if not names:
        return nothing("no epoch was recorded", title), {}
    columns = len(names) if len(names) <= 3 else 2
    rows = math.ceil(len(names) / columns)
    figure = blank(WIDTH if columns > 1 else NARROW, 0.25 * bool(title) + 2.5 * rows, title)
    panels = {name: figure.add_subplot(rows, columns, place) for place, name in enumerate(names, 1)}
    for axes in panels.values():
        prepare(axes, "epoch")
    return figure, panels


def prepare(axes: Axes, xlabel: str, ylabel: str = "") -> None:
    """Give axes their lettering, a faint grid and no frame."""
    axes.set_xlabel(xlabel, fontsize=POINTS, parse_math=False)
    axes.set_ylabel(ylabel, fontsize=POINTS, parse_math=False)
    axes.tick_params(which="both", labelsize=POINTS)
    axes.grid(visible=True, color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def mark_decades(axis: Axis) -> None:
    """Mark the powers of ten of a logarithmic axis, and what is between them if it has few, by plain numbers."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1,) if high / low > 1000 else (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def add_legend(
    figure: Figure, labels: Sequence[str], strokes: Sequence[Mapping[str, object]], *, notes: Sequence[str] = ()
) -> None:
    """Put a legend under the panels, in as many columns as there is room for, and notes above its entries.

    It is called last: the panels get their places then.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; it grows by the legend's height.
    labels : sequence of str
        The names. They are shown as they are, not as formulas; long ones are shortened.
    strokes : sequence of mapping
        How the line of each looks.
    notes : sequence of str
        Sentences.
    """
    width = figure.get_figwidth()
    lines = wrap_text(notes, width - 0.3)
    if not labels and not lines:
        _place_panels(figure, 0.0)
        return
    half = (LONGEST_LABEL - 1) // 2
    texts = [
        text if len(text) <= LONGEST_LABEL else f"{text[:half]}…{text[-half:]}"  # both ends of a name tell runs apart
        for text in map(printable, labels)
    ]
    texts = [fit_text(text, width - HANDLE - 0.2) for text in texts]
    entry = HANDLE + max(map(measure_inches, texts), default=0.0)
    columns = max(1, min(len(texts), int((width - 0.2) // entry)))
    samples = [Line2D([], [], **dict(look)) for look in strokes]  # type: ignore[arg-type]
    legend = figure.legend(
        samples,
        ["."] * len(texts),
        loc="lower center",
        ncols=columns,
        frameon=False,
        handlelength=3,
        fontsize=POINTS,
        title_fontsize=POINTS,
    )
    for text, label in zip(legend.get_texts(), texts, strict=True):
        text.set_parse_math(False)
        text.set_text(label)
    legend.get_title().set_parse_math(False)
    legend.set_title("\n".join(lines))
    height = 0.1 + LINE * len(lines) + (LINE + 0.05) * math.ceil(len(texts) / columns)
    figure.set_figheight(figure.get_figheight() + height)
    _place_panels(figure, height)


def _place_panels(figure: Figure, legend: float) -> None:
    """Give the panels all the room that letters do not need, in inches: matplotlib's own layout draws them twice."""
    panels = [axes for axes in figure.axes if axes.axison]
    beside = 0.1 + max((_measure_beside(axes) for axes in panels), default=0.0)
    under = UNDER if panels else 0.0
    above = ABOVE if any(axes.get_title() for axes in panels) else 0.0
    width, height = figure.get_size_inches()
    grid = figure.axes[0].get_subplotspec().get_gridspec()  # type: ignore[union-attr]
    top = height - (0.1 + 0.25 * bool(figure.get_suptitle()) + above)
    bottom = legend + under
    across = (width - grid.ncols * (beside + RIGHT)) / grid.ncols
    down = (top - bottom - (grid.nrows - 1) * (under + above)) / grid.nrows
    figure.subplots_adjust(
        left=beside / width,
        right=1 - RIGHT / width,
        bottom=bottom / height,
        top=top / height,
        wspace=(beside + RIGHT) / across,
        hspace=(under + above) / down,
    )


def _measure_beside(axes: Axes) -> float:
    """Measure the letters at the left of a panel: its numbers or names, and what they are."""
    widest = max((measure_inches(label.get_text()) for label in axes.get_yticklabels()), default=0.0)
    return widest + 0.1 + (LINE + 0.05) * bool(axes.get_ylabel())


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a picture as PNG, SVG or PDF; equal pictures give equal bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The picture.
    path : str or Path
        Where to; the suffix says in which format.

    Raises
    ------
    ConfigError
        If the suffix is another or the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in METADATA:
        raise ConfigError(f"a picture is {', '.join(METADATA)}, not {printable(suffix) or 'without suffix'}")
    with whole_file(path) as file, mpl.rc_context({"svg.hashsalt": "nnsweep"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks
        figure.savefig(file, format=suffix[1:], dpi=DPI, metadata=METADATA[suffix])


COLOUR_MAP = "viridis"
Shade: TypeAlias = tuple[float, float, float]


class ColourScale(NamedTuple):
    """A scale of colours from dark to light.

    Attributes
    ----------
    low, high : float
        The numbers at its ends.
    """

    low: float
    high: float

    def share(self, value: float) -> float:
        """Say where a number lies, from 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def shade(self, value: float) -> Shade:
        """Give the colour of a number."""
        red, green, blue, _ = mpl.colormaps[COLOUR_MAP](self.share(value))
        return red, green, blue

    def mappable(self) -> ScalarMappable:
        """Give it as matplotlib's bars of colours want it."""
        return ScalarMappable(Normalize(self.low, self.high), mpl.colormaps[COLOUR_MAP])


def colour_scale(values: Sequence[float]) -> ColourScale:
    """Make the scale from the lowest to the highest of some finite numbers; a single one stands in its middle."""
    low, high = min(values), max(values)
    margin = 0.0 if high - low > 1e-9 * max(abs(low), abs(high)) else 0.01 * max(1.0, abs(low))
    return ColourScale(low - margin, high + margin)


def letters_on(ground: Shade) -> str:
    """Choose white or black letters, whichever stand out more: their `contrast` is never below 4.58."""
    return max(("white", "black"), key=lambda letters: contrast(letters, ground))


def contrast(first: str | Shade, second: str | Shade) -> float:
    """Give the contrast of two colours, from 1 to 21: ``(lighter + 0.05) / (darker + 0.05)`` of their luminances.

    Source: W3C, Web content accessibility guidelines 2.1, 2018.

    Examples
    --------
    >>> round(contrast("white", "black"), 6), contrast("red", "red")
    (21.0, 1.0)
    """
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str | Shade) -> float:
    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
