"""How pictures look: one colour, stroke and marker for each configuration, colours for levels and for numbers.

The best eight configurations of a sweep have a style of their own, the same one in every picture; all others are grey
and thin. The eight colours can be told apart by readers with deuteranopia; in print without colours, lightness tells
most of them apart, and stroke and marker all. Levels of a setting have shades of one map, so that nobody takes them for
configurations.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_hex, to_rgb
from matplotlib.patches import Rectangle

from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.drawing import Drawing

STROKES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "<", "X")
GREY = "#A0A0A0"
LETTERS = ("#fefefe", "#010101")
"""Letters on the shade of a number; a dark page turns pure black and white about, but not these."""
LIGHTEST = 0.85
"""How far up the map of colours levels reach: beyond, lines are faint on white."""


class Style(NamedTuple):
    """How the line and the points of one configuration, or of one level of a setting, look.

    Attributes
    ----------
    colour : str
        Such as ``#154FC6``.
    stroke : str
        Of its line, in matplotlib's words: ``-``, ``--``, ``-.`` or ``:``.
    marker : str
        Of its points, in matplotlib's words.
    """

    colour: str
    stroke: str
    marker: str

    @property
    def line(self) -> dict[str, object]:
        """What `matplotlib.lines.Line2D` takes for its curve."""
        width, rank = (0.6, 1) if self == OTHERS else (1.5, 2)
        return {"color": self.colour, "linestyle": self.stroke, "linewidth": width, "zorder": rank}

    @property
    def point(self) -> dict[str, object]:
        """What `matplotlib.lines.Line2D` takes for its point."""
        size, rank = (3.5, 2) if self == OTHERS else (6.5, 3)
        return {
            **{"color": self.colour, "marker": self.marker, "markersize": size, "linestyle": "none", "zorder": rank},
            **{"markeredgecolor": "white", "markeredgewidth": 0.4},
        }


OTHERS = Style(GREY, "-", "o")
"""The style of every configuration but the best eight."""
STYLES = tuple(
    Style(colour, STROKES[place % len(STROKES)], marker)
    for place, (colour, marker) in enumerate(zip(COLOURS, MARKERS, strict=True))
)
NAMED = len(STYLES)
"""How many configurations a picture names; further ones are grey."""


def style_configurations(labels: Sequence[str]) -> dict[str, Style]:
    """Give each configuration its style.

    Parameters
    ----------
    labels : sequence of str
        All configurations of a sweep, the best first, in the order of `estimate_configurations`: then a configuration
        looks the same in every picture.

    Returns
    -------
    dict
        ``{label: style}``, `OTHERS` beyond the best eight.

    Examples
    --------
    >>> styles = style_configurations([f"network {place}" for place in range(9)])
    >>> styles["network 0"], styles["network 8"] == OTHERS
    (Style(colour='#154FC6', stroke='-', marker='o'), True)
    """
    return {label: STYLES[place] if place < NAMED else OTHERS for place, label in enumerate(labels)}


def style_levels(levels: Sequence[object]) -> list[Style]:
    """Give each level of a setting its style: shades of one map from dark to light, in the order of the levels.

    Beyond four, neighbours differ in their stroke, too.

    Examples
    --------
    >>> [style.colour for style in style_levels([1, 2, 4])]
    ['#440154', '#277e8e', '#9bd93c']
    """
    shades = np.linspace(0, LIGHTEST, len(levels)) if len(levels) != 1 else [LIGHTEST / 2]
    n_strokes = 1 if len(levels) <= 4 else len(STROKES)
    return [
        Style(to_hex(mpl.colormaps[COLOUR_MAP](shade)), STROKES[place % n_strokes], MARKERS[place % len(MARKERS)])
        for place, shade in enumerate(shades)
    ]


def tag(artist: Artist, place: int) -> None:
    """Mark what shows one configuration, so that a page can find it.

    Parameters
    ----------
    artist : matplotlib.artist.Artist
        A line, a band, a point, a cell, letters: anything that is already in a figure made by `blank`.
    place : int
        The configuration's place among all, 0 being the best. The artist's id in an SVG file is
        ``configuration-PLACE-COUNTER``.
    """
    figure = artist.get_figure()
    assert isinstance(figure, Drawing), "an artist is tagged once it is in a figure that `blank` has made"
    artist.set_gid(f"configuration-{place}-{figure.count_tag()}")


COLOUR_MAP = "viridis"
Shade: TypeAlias = tuple[float, float, float]


class ColourScale(NamedTuple):
    """A scale of colours from dark to light.

    Attributes
    ----------
    low, high : float
        The numbers at its ends.
    is_reversed : bool
        Whether the low end is the light one.
    """

    low: float
    high: float
    is_reversed: bool = False

    @property
    def colours(self) -> Colormap:
        """The colours from the low to the high end."""
        return mpl.colormaps[f"{COLOUR_MAP}_r" if self.is_reversed else COLOUR_MAP]

    def share(self, value: float) -> float:
        """Say where a number lies, from 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def shade(self, value: float) -> Shade:
        """Give the colour of a number."""
        red, green, blue, _ = self.colours(self.share(value))
        return red, green, blue

    def mappable(self) -> ScalarMappable:
        """Give it as matplotlib's bars of colours want it."""
        return ScalarMappable(Normalize(self.low, self.high), self.colours)


def colour_scale(values: Sequence[float], *, is_smaller_better: bool = False) -> ColourScale:
    """Make the scale from the worst to the best of some finite numbers; a single one stands in its middle."""
    low, high = min(values), max(values)
    margin = 0.0 if high - low > 1e-9 * max(abs(low), abs(high)) else 0.01 * max(1.0, abs(low))
    return ColourScale(low - margin, high + margin, is_reversed=is_smaller_better)


def draw_frame(axes: Axes, place: tuple[int, int], *, is_dashed: bool = False) -> None:
    """Frame a cell of size 1 around a place, column and row: a black line on a white one stands out on every colour."""
    black = {"edgecolor": "black", "linewidth": 1.8, "linestyle": (0, (3, 2)) if is_dashed else "-"}
    for look in ({"edgecolor": "white", "linewidth": 3.6}, black):
        axes.add_patch(Rectangle((place[0] - 0.47, place[1] - 0.47), 0.94, 0.94, fill=False, zorder=4, **look))  # type: ignore[arg-type]


def letters_on(ground: Shade) -> str:
    """Choose light or dark letters, whichever stand out more: their `contrast` is never below 4.5."""
    return max(LETTERS, key=lambda letters: contrast(letters, ground))


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
