"""The lettering of pictures: how wide a text is, and how it is made to fit.

Texts that users named are shown as they are and never read as formulas; sizes are those on paper, in points and
inches.
"""

import textwrap
import warnings
from collections.abc import Sequence
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from nnsweep.messages import visible

POINTS = 8.0
"""The size of the smallest letters."""
LINE = 0.145
"""Inches from line to line at that size."""


@lru_cache(maxsize=4096)
def inches(text: str, points: float = POINTS) -> float:
    """Measure how wide a text is on paper."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        width = text_to_path.get_text_width_height_descent(text, FontProperties(size=points), False)[0]
    return float(width) / 72


def fitted(text: str, room: float, points: float = POINTS) -> str:
    """Shorten a text in its middle until it is no wider than the room for it, in inches.

    Examples
    --------
    >>> fitted("short", 1.0), fitted(20 * "long", 1.0)
    ('short', 'longlon…onglong')
    """
    text = visible(text)[:500]
    if inches(text, points) <= room:
        return text
    fewest, most = 0, len(text)
    while fewest < most:
        middle = (fewest + most + 1) // 2
        fewest, most = (middle, most) if inches(_halved(text, middle), points) <= room else (fewest, middle - 1)
    return _halved(text, fewest)


def wrapped(notes: Sequence[str], room: float) -> list[str]:
    """Break sentences into lines no wider than so many inches."""
    average = inches("The quick brown fox jumps over the lazy dog, 0.1234567890") / 57
    lines = [line for note in notes if note for line in textwrap.wrap(visible(note), max(20, int(room / average)))]
    return [fitted(line, room) for line in lines]


def _halved(text: str, kept: int) -> str:
    return f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}" if kept else "…"
