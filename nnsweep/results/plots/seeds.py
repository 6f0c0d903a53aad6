"""The spread over repeats: a dot for every run, the mean and its interval, the best settings first.

The axis goes to where the better configurations are. What lies beyond is never cut silently: the name of its
row says how many runs are there.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import metric_text, smaller_is_better
from nnsweep.results.plots.figure import POINTS, add_legend, blank, fit_text, measure_inches, nothing, page, prepare
from nnsweep.results.plots.spans import AXIS_REACH, Span, choose_range
from nnsweep.results.plots.style import GREY, OTHERS, Style, style_configurations, tag
from nnsweep.results.selection import choose_metric, note_selection
from nnsweep.results.statistics.summary import EstimatedConfiguration, estimate_configurations

MOST = 30
ROW = 0.2
"""Inches from row to row."""
DARK = "#444444"
"""Means and intervals of configurations without a colour of their own."""
DOT = {"color": GREY, "marker": "o", "markersize": 4, "linestyle": "none", "markerfacecolor": "none"}
MEAN = {"color": DARK, "marker": "D", "markersize": 6, "linestyle": "-", "linewidth": 1.5}
FAILED = "✗"
ARROWS = {-1: "◂", 1: "▸"}
"""What stands before the number of runs that are beyond the axis at the left and at the right."""
OTHER_HEIGHT = 1.8
"""Inches that axis, legend and notes may need."""


def plot_seeds(runs: pd.DataFrame, *, metric: str | None = None, most: int = MOST, title: str = "") -> Figure:
    """Draw what every repeat (seed, fold, split) came to, a row for each combination of settings.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        What came out.
    most : int
        How many rows there are at most; fewer on a page that is not so high. A note says how many are not shown.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        The best mean at the top. Beside a configuration's name stand the number of its runs that lie beyond the axis,
        with an arrow, and of those without a result, with a cross.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    groups = estimate_configurations(runs, metric)
    if not groups:
        return nothing("no runs", title)
    best = groups[: min(most, max(1, int((page().height - 0.25 * bool(title) - OTHER_HEIGHT) / ROW)))]
    shown = _choose_limits(best, metric)
    figure = blank(page().width, 0.75 + 0.25 * bool(title) + ROW * len(best), title)
    axes = figure.subplots()
    prepare(axes, metric_text(metric))
    styles = style_configurations([group.label for group in groups])
    labels = []
    for row, group in enumerate(best):
        _draw_row(axes, row, group, styles[group.label], shown)
        hidden = (_describe_beyond(group, shown), f"{group.n_failed}{FAILED}" if group.n_failed else "")
        beside = "".join(f"  {text}" for text in hidden if text)
        labels.append(fit_text(group.label, page().width * 0.42 - measure_inches(beside)) + beside)
    axes.set_yticks(np.arange(len(best)), labels, fontsize=POINTS, parse_math=False)
    for row, label in enumerate(axes.get_yticklabels()):
        tag(label, row)
    axes.set_ylim(len(best) - 0.4, -0.6)
    margin = 0.03 * shown.length or 0.01
    axes.set_xlim(shown.low - margin, shown.high + margin)
    if all(value.is_integer() for group in best for value in group.finished):
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    add_legend(
        figure,
        ["mean and simultaneous 95 % interval", "one run"],
        [MEAN, DOT],
        notes=[*_notes(groups, best, shown), note_selection(runs, metric)],
    )
    return figure


def _choose_limits(groups: Sequence[EstimatedConfiguration], metric: str) -> Span:
    """Choose where the axis begins and ends: with the better runs, and intervals that do not make it much longer."""
    values = [value for group in groups for value in group.finished]
    if not values:
        return Span(0.0, 1.0)
    low, high = shown = choose_range(values, reach=AXIS_REACH, is_smaller_better=smaller_is_better(metric))
    room = shown.length or 0.02 * abs(high)
    ends = [end for group in groups for end in (group.low, group.high) if low - room <= end <= high + room]
    return Span(
        min([low, *ends]) if low == min(values) else low,
        max([high, *ends]) if high == max(values) else high,
    )


def _describe_beyond(group: EstimatedConfiguration, shown: Span) -> str:
    """Say how many runs of a configuration lie beyond the axis, and its mean if that does."""
    sides = [shown.side(value) for value in group.finished]
    texts = [f"{arrow}{sides.count(side)}" for side, arrow in ARROWS.items() if side in sides]
    if group.finished and shown.side(group.mean):
        texts.append(f"mean {group.mean:.3g}")
    return " ".join(texts)


def _draw_row(axes: Axes, row: int, group: EstimatedConfiguration, style: Style, shown: Span) -> None:
    """Draw the runs of a configuration with their mean and its interval, with an arrow where that goes on."""
    colour = DARK if style == OTHERS else style.colour
    drawn = axes.plot(group.finished, np.full(len(group.finished), row), **(DOT | {"color": style.colour}))  # type: ignore[arg-type]
    if group.finished and not math.isnan(group.low):
        drawn += axes.plot([group.low, group.high], [row, row], color=colour, linewidth=1.5, zorder=3)
        for side in sorted({shown.side(group.low), shown.side(group.high)} - {0}):
            arrow = {"color": colour, "marker": "<" if side < 0 else ">", "markersize": 4, "clip_on": False}
            edge = axes.get_yaxis_transform()
            drawn += axes.plot([float(side > 0)], [row], transform=edge, **arrow)  # type: ignore[arg-type]
    if group.finished:
        look = MEAN | {"linestyle": "none", "color": colour, "marker": style.marker if style != OTHERS else "D"}
        drawn += axes.plot([group.mean], [row], zorder=4, markeredgecolor="white", markeredgewidth=0.6, **look)  # type: ignore[arg-type]
    for artist in drawn:
        tag(artist, row)


def _notes(groups: Sequence[EstimatedConfiguration], best: Sequence[EstimatedConfiguration], shown: Span) -> list[str]:
    n_hidden = len(groups) - len(best)
    sides = [shown.side(value) for group in best for value in group.finished]
    ends = [end for group in best for end in (group.low, group.high) if group.finished]
    failed = "a failed run counts as guessing in the mean"
    counts_guesses = any(len(group.values) > len(group.finished) > 0 for group in best)
    return [
        f"The best {len(best)} of {len(groups)}; {n_hidden} are not shown." if n_hidden else "",
        f"One {best[0].kind} has no interval." if any(group.has_no_interval for group in best) else "",
        f"{ARROWS[-1]} counts runs below {shown.low:.6g}; a mean below it is written out." if -1 in sides else "",
        f"{ARROWS[1]} counts runs above {shown.high:.6g}; a mean above it is written out." if 1 in sides else "",
        "Arrow at an edge: the interval goes on." if any(map(shown.side, ends)) else "",
        f"{FAILED} counts runs without a result{f'; {failed}' * counts_guesses}."
        if any(one.n_failed for one in best)
        else "",
    ]
