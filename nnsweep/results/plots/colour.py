"""Colours that stand for numbers: a scale that is read in grey and by colour-blind people too, and letters on it."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb

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
