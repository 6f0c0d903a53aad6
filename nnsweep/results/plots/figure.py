"""What every picture is made of: a page that it is drawn for, panels, a legend, and text that fits.

Sizes are those on paper, in points and inches: letters are as large in a narrow picture as in a wide one. Texts that
users named are shown as they are and never read as formulas.
"""

import difflib
import math
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis, YAxis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from nnsweep.errors import ConfigError
from nnsweep.results.plots.drawing import DEFAULT_FONT, Drawing
from nnsweep.text import printable

POINTS = 8.0
"""The size of the smallest letters."""
LINE = 0.145
"""Inches from line to line at that size."""


class Page(NamedTuple):
    """What pictures are drawn for.

    Attributes
    ----------
    width : float
        How wide a picture is at most, in inches; 7.2 is the text of a page, 3.35 a column of 8.5 cm.
    font : str
        The family of the letters; matplotlib's own if empty.
    height : float
        How high a picture is at most, in inches, before it shows fewer numbers and rows.
    has_notes : bool
        Whether sentences below a picture explain it, rather than its caption in an article.
    """

    width: float = 7.2
    font: str = ""
    height: float = 9.7
    has_notes: bool = True


WIDTHS = (2.5, 30.0)
"""The least and the largest width of a page, in inches."""
CM = 2.54
"""Centimetres in an inch."""
_page: ContextVar[Page] = ContextVar("page")


def page() -> Page:
    """Give the page that pictures are drawn for at present."""
    return _page.get(Page())


@contextmanager
def lay_out_for(
    *, width: float = Page().width, font: str = "", height: float = Page().height, has_notes: bool = True
) -> Iterator[None]:
    """Draw pictures for another page.

    Parameters
    ----------
    width : float
        In inches.
    font : str
        The name of a family that matplotlib finds on this machine, or ``serif``, ``sans-serif``, ….
    height : float
        In inches.
    has_notes : bool
        Whether sentences stand below a picture.

    Raises
    ------
    ConfigError
        If the width is out of range or no such font is found.
    """
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        rule = f"a picture is {WIDTHS[0]:g} to {WIDTHS[1]:g} in ({WIDTHS[0] * CM:.3g} to {WIDTHS[1] * CM:.3g} cm) wide"
        raise ConfigError(f"width: {width:.3g} in ({width * CM:.3g} cm) is out of range; {rule}")
    try:
        findfont(FontProperties(family=font or DEFAULT_FONT), fallback_to_default=False)
    except ValueError as error:
        names = sorted({*fontManager.get_font_names()})
        nearest = [*difflib.get_close_matches(font, names, n=1), DEFAULT_FONT][0]
        raise ConfigError(
            f"font: {printable(font)} is not installed; leave it out or name one that matplotlib finds, "
            f"such as {nearest} ({', '.join(names[:20])}{', …' * (len(names) > 20)})"
        ) from error
    token = _page.set(Page(width, font, height, has_notes))
    try:
        with mpl.rc_context({"font.family": [font, DEFAULT_FONT]} if font else {}):
            yield
    finally:
        _page.reset(token)


def measure_inches(text: str, points: float = POINTS) -> float:
    """Measure how wide a text is on paper."""
    return _measure(text, points, tuple(mpl.rcParams["font.family"]))


@lru_cache(maxsize=4096)
def _measure(text: str, points: float, families: tuple[str, ...]) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        font = FontProperties(family=families, size=points)
        width = text_to_path.get_text_width_height_descent(text, font, False)[0]
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
    """Break sentences into lines no wider than so many inches; none on a page without notes."""
    if not page().has_notes:
        return []
    average = measure_inches("The quick brown fox jumps over the lazy dog, 0.1234567890") / 57
    lines = [line for note in notes if note for line in textwrap.wrap(printable(note), max(20, int(room / average)))]
    return [fit_text(line, room) for line in lines]


def _cut_middle(text: str, n_letters: int) -> str:
    return f"{text[: (n_letters + 1) // 2]}…{text[len(text) - n_letters // 2 :]}" if n_letters else "…"


NARROW = 4.4
"""Inches: the width of a picture of one panel, on a page that has room for it."""
LOW = 5.0
"""Inches: a page that is lower has one row of panels."""
LEAST_HEIGHT = 1.8
"""Inches that a figure has above its legend at least."""
NARROWEST_PANEL = 1.9
"""Inches that a panel needs there."""
LEAST_PANEL, LEAST_SMALL_PANEL = 2.2, 1.6
"""Inches that a panel, and a small one, need beside another."""
TITLE_POINTS = 10.0
UNDER = 0.45
"""Inches under a panel for its numbers and the axis' name."""
ABOVE = 0.28
"""Inches above a panel for its name."""
RIGHT = 0.18
"""Inches at the right of a panel, into which its last number may reach."""
ENTRY = 0.18
"""Inches from an entry of a legend to the next."""
OTHER_FONT = 0.02
"""Inches that a line may need besides in another font than the default one."""
HANDLE = 0.65
"""Inches that an entry of a legend needs beside its text."""
LONGEST_LABEL = 44
WIDEST_TICK = 0.45
"""Inches that a number under an axis needs."""


def blank(width: float, height: float, title: str = "") -> Drawing:
    """Make a figure without panels.

    Parameters
    ----------
    width, height : float
        Its size on paper, in inches.
    title : str
        A line above all.
    """
    figure = Drawing(figsize=(width, height))
    if title:
        below_edge = figure.transFigure + ScaledTranslation(0, -0.08, figure.dpi_scale_trans)
        text = fit_text(title, width - 0.3, TITLE_POINTS)
        figure.suptitle(text, y=1, va="top", transform=below_edge, parse_math=False, fontsize=TITLE_POINTS)
    return figure


def nothing(reason: str, title: str = "") -> Figure:
    """Make a figure that says why there is nothing to see."""
    width = min(NARROW, page().width)
    figure = blank(width, 1.2, title)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, fit_text(reason, width - 0.3), ha="center", va="center", fontsize=POINTS, parse_math=False)
    return figure


def panelled(names: Sequence[str], title: str = "", *, are_small: bool = False) -> tuple[Figure, dict[str, Axes]]:
    """Make a figure with a panel over epochs for each name: three side by side, four in two rows, as the page allows.

    Parameters
    ----------
    names : sequence of str
        What the panels are known by; without any, the figure says that there is nothing. A low page, such as a slide,
        has one row, of the measure and the training cost before all else.
    title : str
        A line above the panels.
    are_small : bool
        Whether the panels are small, four in a row.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.
    panels : dict
        ``{name: its axes}``.
    """
    if not names:
        return nothing("no epoch was recorded", title), {}
    wanted, least = (4, LEAST_SMALL_PANEL) if are_small else (len(names) if len(names) <= 3 else 2, LEAST_PANEL)
    columns = max(1, min(wanted, int(page().width // least)))
    if page().height < LOW:  # one row, of what tells most
        columns = max(1, min(len(names), int(page().width // NARROWEST_PANEL)))
        best = sorted(names, key=_place_panel)[:columns]
        names = [name for name in names if name in best]
    rows = math.ceil(len(names) / columns)
    width = page().width if columns > 1 else min(NARROW, page().width)
    height = 1.6 if are_small else 2.5 if columns > 1 or rows == 1 else 1.9
    figure = blank(width, 0.25 * bool(title) + height * rows, title)
    panels = {name: figure.add_subplot(rows, columns, place) for place, name in enumerate(names, 1)}
    for axes in panels.values():
        prepare(axes, "epoch")
    return figure, panels


def _place_panel(name: str) -> int:
    """Say how early a panel has its place in a row that has no room for all."""
    if name.endswith("_cost"):
        return 2 if name == "train_cost" else 3
    return 0 if name.startswith("test_") else 1 if name.startswith("val_") else 3


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
    has_room = isinstance(axis, YAxis) or math.log10(high / low) * 3 * WIDEST_TICK < page().width - 1
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low <= 1000 and has_room else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _write_tick(value)))
    axis.set_minor_locator(NullLocator())


def _write_tick(value: float) -> str:
    """Write a number beside an axis, thousands and millions by their letters."""
    if 1e6 <= value < 1e9:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if 1e4 <= value < 1e6 else f"{value:g}"


def add_legend(
    figure: Figure, labels: Sequence[str], strokes: Sequence[Mapping[str, object]], *, notes: Sequence[str] = ()
) -> None:
    """Put a legend under the panels, in as many columns as there is room for, and notes above its entries.

    It is called last: the panels get their places then.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; it grows by the legend's height, but not beyond the page's.
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
    room = width / 2 if page().height < LOW else width  # a low page has two columns at least
    texts = [fit_text(text, room - HANDLE - 0.2) for text in texts]
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
    rows, more = math.ceil(len(texts) / columns), OTHER_FONT * bool(page().font)
    height = 0.1 + (LINE + more) * len(lines) + (ENTRY + more) * rows
    figure.set_figheight(min(figure.get_figheight() + height, max(page().height, height + LEAST_HEIGHT)))
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
