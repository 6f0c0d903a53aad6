"""A figure: panels over epochs side by side, a legend under them, and a file whose bytes are always the same.

Lines differ in colour and in stroke, so they can be told apart in print and by colour-blind readers. Nothing here
knows what is drawn, and matplotlib's global figures (pyplot) are not used.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnsweep.errors import ConfigError
from nnsweep.files import whole_file
from nnsweep.messages import visible
from nnsweep.palette import COLOURS

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


def panelled(names: Sequence[str], title: str = "") -> tuple[Figure, dict[str, Axes]]:
    """Make a figure with a panel for each name.

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
    count = max(1, len(names))
    figure = Figure(figsize=(1.0 + 3.4 * count, 3.6), layout="constrained")
    if title:
        figure.suptitle(_label(title, 30 * count), parse_math=False)
    grid = figure.subplots(1, count, squeeze=False)[0]
    for axes in grid:
        _prepare(axes)
    if not names:
        grid[0].set_axis_off()
        grid[0].text(0.5, 0.5, "no epoch was recorded", ha="center", va="center")
    return figure, dict(zip(names, grid, strict=False))


def add_legend(figure: Figure, labels: Sequence[str], strokes: Sequence[Mapping[str, object]]) -> None:
    """Put a legend under the panels, in as many columns as there is room for.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; it grows by the legend's height.
    labels : sequence of str
        The names. They are shown as they are, not as formulas; long ones are shortened.
    strokes : sequence of mapping
        How the line of each looks.
    """
    if not labels:
        return
    texts = [_label(label, LONGEST_LABEL) for label in labels]
    lines = [Line2D([], [], **dict(look)) for look in strokes]  # type: ignore[arg-type]
    entry = 0.8 + 0.09 * max(map(len, texts))  # inches
    columns = max(1, min(len(texts), int(figure.get_figwidth() // entry)))
    legend = figure.legend(
        lines, ["."] * len(texts), loc="outside lower center", ncols=columns, frameon=False, handlelength=3
    )
    for text, label in zip(legend.get_texts(), texts, strict=True):
        text.set_parse_math(False)
        text.set_text(label)
    figure.set_figheight(figure.get_figheight() + 0.22 * math.ceil(len(texts) / columns))


def save(figure: Figure, path: str | Path) -> None:
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
        raise ConfigError(f"a picture is {', '.join(METADATA)}, not {visible(suffix) or 'without suffix'}")
    with whole_file(path) as file, mpl.rc_context({"svg.hashsalt": "nnsweep"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks
        figure.savefig(file, format=suffix[1:], dpi=150, metadata=METADATA[suffix])


def _label(text: str, longest: int) -> str:
    """Shorten a long name in its middle: both ends of a run's name tell runs apart."""
    text = visible(text)
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


def _prepare(axes: Axes) -> None:
    axes.set_xlabel("epoch")
    axes.grid(visible=True, color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
