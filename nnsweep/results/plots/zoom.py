"""Zoom: which part of some results an axis or a scale of colours is spent on.

A few networks that learned nothing would take most of it, and what is to be told apart would share the rest.
"""

import math
from collections.abc import Sequence

import numpy as np

COLOUR_REACH = 3.0
"""How many times as far from the best as the middle one is, colours go."""
AXIS_REACH = 4.0
"""The same for an axis, which has room for more."""
SLACK = 1.5
"""Nothing is left out where that would not shorten the range by this factor."""


def choose_range(
    values: Sequence[float], *, reach: float = COLOUR_REACH, least: float = 0.0, is_smaller_better: bool = False
) -> tuple[float, float]:
    """Choose the part of some finite numbers that is worth an axis: from the best to somewhat beyond the middle one.

    It ends ``reach * (best - median)`` from the best, at a number with few digits. Where half of the numbers are equal
    to the best, the lower quartile takes the median's place. Numbers without stragglers are all within it.

    Parameters
    ----------
    values : sequence of float
        The numbers, one at least.
    reach : float
        How many times as far from the best as the middle one is.
    least : float
        How long the range is at least, if the numbers reach so far: what chance alone makes should not fill it.
    is_smaller_better : bool
        Whether the best is the smallest.

    Returns
    -------
    low, high : float
        The range.

    Examples
    --------
    >>> choose_range([0.97, 0.96, 0.95, 0.10]), choose_range([0.7, 0.8, 0.9])
    ((0.92, 0.97), (0.7, 0.9))
    >>> choose_range([1.0, 1.2, 1.1, 40.0], is_smaller_better=True)
    (1.0, 1.5)
    """
    low, high = min(values), max(values)
    sign = -1.0 if is_smaller_better else 1.0
    best, worst = (low, high) if is_smaller_better else (high, low)
    distances = [abs(best - float(np.quantile(values, 0.5 - sign * shift))) for shift in (0.0, 0.25)]
    distance = next((one for one in distances if one > 0), 0.0)
    step = 10 ** math.floor(math.log10(distance)) if distance > 0 else 1.0
    end = best - sign * max(reach * distance, least)
    end = step * (math.ceil(end / step - 1e-9) if is_smaller_better else math.floor(end / step + 1e-9))
    end = float(f"{end:.12g}")
    if not distance or abs(best - worst) < SLACK * abs(best - end):
        return low, high
    return (low, end) if is_smaller_better else (end, high)
