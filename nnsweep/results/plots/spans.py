"""Spans: which part of an axis a panel shows, so that neither an outlier nor the first epochs squeeze what matters.

There are two rules. `cover` begins with what is ranked highest and takes in what is near: it is for curves and for the
front of costs. `choose_range` looks at how numbers are spread: it is for axes and colours that half of the numbers, at
least, must be told apart by. What lies outside is never left out silently: whoever chooses a range says in words, or by
an arrow at the edge, what is beyond it.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nnsweep.results.metrics import bound_metric, is_cost, smaller_is_better
from nnsweep.results.plots.bands import RATE, Band
from nnsweep.results.plots.figure import mark_decades
from nnsweep.results.wording import count

GROWTH = 3.0
"""How many times longer than before an outlier may make a range."""
LEAST_SHOWN = 3
"""How many ranges are shown however far apart they are."""
PADDING = 0.06
"""The part of a range that is left free at either end."""
COST_RATIO, RATE_RATIO = 10, 50
"""Costs, and learning rates, are on a logarithmic scale if the curves span more than this ratio."""
LEAST_RATIO = 3
"""A panel of less than this ratio needs no logarithmic axis."""
SETTLED = 0.25
"""The part of the epochs after which a curve has settled."""
FEWEST_EPOCHS = 8
"""The fewest epochs of a curve that can have settled."""
SMALL = 0.4
"""A panel leaves the first epochs out if what follows needs less than this part of its height."""
BAND_REACH = 0.5
"""How far bands may widen a range, as a part of it."""
EXPLODED = 10.0
"""How many times the highest first cost of any curve a panel shows at most."""
COLOUR_REACH = 3.0
"""How many times as far from the best as the middle one is, colours go."""
AXIS_REACH = 4.0
"""The same for an axis, which has room for more."""
SLACK = 1.5
"""Nothing is left out where that would not shorten the range by this factor."""


class Span(NamedTuple):
    """A stretch of an axis: from where to where it goes."""

    low: float
    high: float

    @property
    def length(self) -> float:
        """How long it is."""
        return self.high - self.low

    def side(self, value: float) -> int:
        """Say at which end a number lies beyond it: -1 at the low one, 1 at the high one, 0 at none."""
        return (value > self.high) - (value < self.low)

    def reach_towards(self, other: "Span", most: float) -> "Span":
        """Let it reach as far as another one, but by no more than a part of its length at either end."""
        room = most * self.length
        return Span(max(min(self.low, other.low), self.low - room), min(max(self.high, other.high), self.high + room))

    def holds(self, other: "Span") -> bool:
        """Tell whether all of another one lies in it."""
        return self.low <= other.low and other.high <= self.high


def unite(ranges: Sequence[Span]) -> Span:
    """Give the least range that holds all of some."""
    return Span(min(one.low for one in ranges), max(one.high for one in ranges))


def cover(ranges: Sequence[Span]) -> Span:
    """Choose the range that shows half of some ranges, three at least, and of the others those that are not far away.

    Parameters
    ----------
    ranges : sequence of Span
        The most important first.

    Returns
    -------
    Span
        Each of the others is in it if it makes it no longer than `GROWTH` times.

    Examples
    --------
    >>> cover([Span(0.97, 0.98), Span(0.96, 0.97), Span(0.95, 0.96), Span(0.1, 0.2)])
    Span(low=0.95, high=0.98)
    """
    n_first = max(LEAST_SHOWN, (len(ranges) + 1) // 2)
    whole = unite(ranges[:n_first])
    for one in ranges[n_first:]:
        longer = unite([whole, one])
        if whole.length == 0 or longer.length <= GROWTH * whole.length:
            whole = longer
    return whole


def pad(shown: Span) -> Span:
    """Leave some room at either end, and begin and end at numbers of few digits.

    Examples
    --------
    >>> pad(Span(0.9312, 0.9684))
    Span(low=0.925, high=0.975)
    """
    length = shown.length or 0.02 * max(abs(shown.high), 1e-9)
    power = 10.0 ** math.floor(math.log10(length))
    step = power if length >= 5 * power else power / 2
    ends = shown.low - PADDING * length, shown.high + PADDING * length
    digits = max(0, 2 - math.floor(math.log10(step)))
    return Span(round(math.floor(ends[0] / step) * step, digits), round(math.ceil(ends[1] / step) * step, digits))


def choose_range(
    values: Sequence[float], *, reach: float = COLOUR_REACH, least: float = 0.0, is_smaller_better: bool = False
) -> Span:
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
    Span
        From the lowest to the highest number that is worth it.

    Examples
    --------
    >>> choose_range([0.97, 0.96, 0.95, 0.10]), choose_range([0.7, 0.8, 0.9])
    (Span(low=0.92, high=0.97), Span(low=0.7, high=0.9))
    >>> choose_range([1.0, 1.2, 1.1, 40.0], is_smaller_better=True)
    Span(low=1.0, high=1.5)
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
        return Span(low, high)
    return Span(low, end) if is_smaller_better else Span(end, high)


class View(NamedTuple):
    """What a panel of curves shows of its axis, and on which scale."""

    shown: Span
    is_logarithmic: bool


def choose_view(metric: str, leading: Sequence[Band], everything: Sequence[Band]) -> View | None:
    """Choose what a panel shows: the leading curves, without their first epochs where these would squeeze the rest.

    Parameters
    ----------
    metric : str
        What the curves are of.
    leading : sequence of Band
        The curves that matter, the best first.
    everything : sequence of Band
        All that are drawn.

    Returns
    -------
    View or None
        None without any value. Costs and learning rates that are positive and span enough are on a logarithmic scale;
        a cost that explodes leaves the panel.
    """
    leading, everything = ([one for one in bands if len(one.mean)] for bands in (leading, everything))
    if not leading:
        return None
    is_logarithmic = _spans_much(metric, everything)
    first = max(float(one.mean[0]) for one in everything)
    ceiling = EXPLODED * first if is_cost(metric) and first > 0 else math.inf

    def measure(values: NDArray[np.float64]) -> Span:
        values = values.clip(max=ceiling)
        values = np.log10(values[values > 0]) if is_logarithmic else values
        return Span(float(values.min()), float(values.max())) if len(values) else Span(0.0, 0.0)

    parts = [_find_settled(one) for one in leading]
    settled = [measure(one.mean[part]) for one, part in zip(leading, parts, strict=True)]
    shown = cover(settled)
    kept = [place for place, span in enumerate(settled) if metric == RATE or shown.holds(span)]
    whole = unite([measure(leading[place].mean) for place in kept])
    has_few = min(len(leading[place].mean) for place in kept) < FEWEST_EPOCHS
    if metric == RATE or has_few or shown.length > SMALL * whole.length:
        parts, shown = [np.full(len(one.mean), True) for one in leading], whole
    bands = unite([measure(end[parts[place]]) for place in kept for end in (leading[place].low, leading[place].high)])
    shown = shown.reach_towards(bands, BAND_REACH)
    if metric == RATE and not is_logarithmic:
        shown = unite([shown, Span(0.0, 0.0)])  # else a constant rate is the whole of its axis
    if is_logarithmic:
        room = 0.05 * shown.length or 0.1
        shown = Span(10 ** (shown.low - room), min(10 ** (shown.high + room), ceiling))
        return View(shown, shown.high / shown.low > LEAST_RATIO)
    shown = pad(shown)
    least, most = bound_metric(metric)
    if smaller_is_better(metric):
        return View(Span(max(shown.low, least - 0.02 * (shown.high - least)), shown.high), is_logarithmic=False)
    return View(Span(shown.low, min(shown.high, most + 0.02 * (most - shown.low))), is_logarithmic=False)


def _find_settled(one: Band) -> NDArray[np.bool_]:
    """Mark the epochs of a curve from which on it has settled."""
    settled: NDArray[np.bool_] = one.epochs >= one.epochs[0] + SETTLED * (one.epochs[-1] - one.epochs[0])
    return settled


def _spans_much(metric: str, bands: Sequence[Band]) -> bool:
    """Tell whether curves need a logarithmic scale and can have one."""
    values = np.concatenate([one.mean for one in bands])
    positive = values[values > 0]
    if not (is_cost(metric) or metric == RATE) or not len(positive) or (values < 0).any():
        return False
    return bool(positive.max() / (RATE_RATIO if metric == RATE else COST_RATIO) > positive.min())


def apply_view(axes: Axes, view: View | None) -> None:
    """Let a panel over epochs show a view, and mark whole epochs."""
    axes.autoscale_view()
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    if view is None:
        return
    if view.is_logarithmic:
        axes.set_yscale("log", nonpositive="mask")
    axes.set_ylim(view.shown)
    if view.is_logarithmic:
        mark_decades(axes.yaxis)


def describe_outside(
    name: str, view: View | None, bands: Sequence[Band], noun: str, *, is_smaller_better: bool = False
) -> str:
    """Say in a phrase what of some curves lies outside a view; nothing if all is in it.

    Parameters
    ----------
    name : str
        What the panel is of, such as ``test accuracy``.
    view : View or None
        What it shows.
    bands : sequence of Band
        All curves in it.
    noun : str
        What one of them is of.
    is_smaller_better : bool
        Whether less of it is better, so that what is far off lies above.
    """
    if view is None:
        return ""
    bands = [one for one in bands if len(one.mean)]
    outside = [(one.mean < view.shown.low) | (one.mean > view.shown.high) for one in bands]
    is_apart = [bool(places.all()) for places in outside]
    parts, of_all = [], f" of {count(len(bands), noun)}"
    if any(places[0] and not apart for places, apart in zip(outside, is_apart, strict=True)):
        parts.append("the first epochs")
    if n_apart := sum(is_apart):
        parts.append(f"{n_apart:,}{of_all} throughout")
    if n_leaving := sum(bool((places[1:] & ~places[:-1]).any()) for places in outside):
        parts.append(f"{n_leaving:,}{'' if n_apart else of_all} at times")
    edge = f"above {view.shown.high:.2g}" if is_smaller_better else f"below {view.shown.low:.4g}"
    return f"{name} {edge} ({', '.join(parts)})" if parts else ""


def is_band_cut(one: Band, view: View | None) -> bool:
    """Tell whether a view cuts the band of a curve that has settled within it."""
    if view is None or not len(one.mean):
        return False
    low, high = view.shown
    is_seen = _find_settled(one) & (one.mean >= low) & (one.mean <= high)
    return bool((is_seen & ((one.low < low) | (one.high > high))).any())


def join_outside(phrases: Sequence[str], n_bands_cut: int = 0) -> str:
    """Make sentences of what `describe_outside` says of several panels, and of bands; nothing if all is in them.

    Examples
    --------
    >>> join_outside(["", "accuracy below 0.9 (the first epochs)"], 2)
    'Outside the panels: accuracy below 0.9 (the first epochs). The bands of 2 lines go on beyond a panel.'
    """
    said = "; ".join(filter(None, phrases))
    bands = "The band of 1 line goes" if n_bands_cut == 1 else f"The bands of {n_bands_cut} lines go"
    return " ".join([f"Outside the panels: {said}."] * bool(said) + [f"{bands} on beyond a panel."] * bool(n_bands_cut))
