"""Parallel coordinates: an axis for every setting, a line for every configuration through its values to its result."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnsweep.results.factors import choose_axes, is_number, sort_levels
from nnsweep.results.grouping import Configuration
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import metric_text, write_rough
from nnsweep.results.plots.figure import POINTS, add_legend, blank, fit_text, nothing, page
from nnsweep.results.plots.style import GREY, OTHERS, Style, colour_scale, style_configurations, tag
from nnsweep.results.selection import choose_metric, note_selection
from nnsweep.results.statistics.summary import estimate_configurations
from nnsweep.results.wording import short_name, value_text

MOST_AXES = 8
LEAST_ROOM = 0.6
"""Inches from one axis to the next, at least."""
MOST_NAMES = 20
SPAN = 10.0
NAMES_SPREAD = 0.7
"""Which part of the way to the next name the lines through a name are spread over, by what they came to."""
NUMBERS_SPREAD = 0.04
"""The same for numbers, as a part of the axis: these stand where they are."""
NO_RESULT = {"color": GREY, "linestyle": ":", "linewidth": 1.0}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """An axis: where values stand on it, from 0 to 1, and its ticks."""

    name: str
    ticks: dict[str, float]
    places: tuple[float, ...]


def plot_parallel(runs: pd.DataFrame, *, metric: str | None = None, title: str = "") -> Figure:
    """Draw settings as upright axes and the configurations as lines across them.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        What came out: the last axis.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        Numbers stand by their size, by their logarithm if they span more than ten times; names are evenly apart, and
        the lines through one are spread by what they came to. The best eight have their colours, all others are grey.
        Eight settings at most, fewer on a narrow page.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    settings = choose_axes(runs, first=[name for name in ("depth", "width") if name in runs.columns])
    groups = estimate_configurations(runs, metric, by=settings)
    results = [group for group in groups if group.finished]
    if not results or not settings:
        return nothing("no setting varies" if results else "no run has a result", title)
    n_axes = min(MOST_AXES, int((page().width - 0.6) / LEAST_ROOM) - 1)
    hidden = settings[n_axes:]
    scales = [_make_scale(short_name(name, settings), place, groups) for place, name in enumerate(settings[:n_axes])]
    low, high, _ = colour_scale([group.mean for group in results])
    ticks = {write_rough(metric, low + share * (high - low)): share for share in (0.0, 0.25, 0.5, 0.75, 1.0)}
    heights = tuple((group.mean - low) / (high - low) if group.finished else math.nan for group in groups)
    scales.append(Scale(name=metric_text(metric), ticks=ticks, places=heights))
    figure = blank(page().width, 3.6 + 0.25 * bool(title), title)
    axes = figure.subplots()
    for place, scale in enumerate(scales):
        _draw_axis(axes, place, scale, room=(page().width - 1.0) / len(scales))
    configurations = estimate_configurations(runs, metric)  # what these are called in other pictures
    styles = [*style_configurations([one.label for one in configurations]).items()]
    places = {row: place for place, one in enumerate(configurations) for row in one.rows}
    lines = [(group, places[group.rows[0]]) for group in groups]
    _draw_lines(axes, scales, lines, [style for _, style in styles])
    axes.set_xlim(-0.25, len(scales) - 0.55)
    axes.set_ylim(-0.06, 1.16)
    axes.set_axis_off()
    strokes = {
        styles[place][0]: styles[place][1].line
        for group, place in lines
        if group.finished and styles[place][1] != OTHERS
    }
    if len(results) > len(strokes):
        strokes[f"{len(results) - len(strokes)} others"] = OTHERS.line
    if len(results) < len(groups):
        strokes["no result"] = NO_RESULT
    n_failed = sum(group.n_failed for group in groups)
    notes = [
        f"Each line is the mean over the {groups[0].kind}s of one of {len(groups)} configurations"
        + (f"; runs without a result: {n_failed}." if n_failed else "."),
        f"Not shown: {', '.join(hidden)}." if hidden else "",
        note_selection(runs, metric),
    ]
    add_legend(figure, list(strokes), list(strokes.values()), notes=notes)
    return figure


def _make_scale(name: str, place: int, groups: Sequence[Configuration]) -> Scale:
    levels = [group.levels[place] for group in groups]
    different = sort_levels(levels)
    numbers = [float(level) for level in different if is_number(level)]  # type: ignore[arg-type]
    if len(numbers) == len(different) > 1:
        is_logarithmic = numbers[0] > 0 and numbers[-1] / numbers[0] > SPAN
        heights, room = np.log(numbers) if is_logarithmic else np.array(numbers), NUMBERS_SPREAD
        heights = (heights - heights[0]) / (heights[-1] - heights[0])
    else:
        heights, room = (np.arange(len(different)) + 0.5) / len(different), NAMES_SPREAD / len(different)
    by_level = {repr(level): float(height) for level, height in zip(different, heights, strict=True)}
    texts = {value_text(level): by_level[repr(level)] for level in different}
    ticks: dict[str, float] = {}
    for text, height in sorted(texts.items(), key=lambda item: item[1]):
        if not ticks or height - max(ticks.values()) >= 1 / MOST_NAMES:  # else it would cover the one below
            ticks[text] = height
    ranks: Counter[str] = Counter()
    counts = Counter(map(repr, levels))
    places = []
    for level in map(repr, levels):  # lines through one tick stand apart, the best uppermost: they come best first
        share = 0.5 - ranks[level] / (counts[level] - 1) if counts[level] > 1 else 0.0
        places.append(by_level[level] + share * min(room, 0.02 * counts[level]))
        ranks[level] += 1
    return Scale(name=name, ticks=ticks, places=tuple(places))


def _draw_axis(axes: Axes, place: int, scale: Scale, *, room: float) -> None:
    axes.add_line(Line2D([place, place], [0, 1], color="black", linewidth=0.8, zorder=4))
    axes.text(
        place, 1.13, fit_text(scale.name, room - 0.05), ha="center", va="center", fontsize=POINTS, parse_math=False
    )
    for text, height in scale.ticks.items():
        plate = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}
        axes.annotate(
            fit_text(text, room - 0.15),
            (place, height),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=POINTS,
            parse_math=False,
            bbox=plate,
            zorder=5,
        )


def _draw_lines(
    axes: Axes, scales: Sequence[Scale], groups: Sequence[tuple[Configuration, int]], styles: Sequence[Style]
) -> None:
    """Draw a line for each configuration, given with its place among all, the best uppermost."""
    paths = np.array([scale.places for scale in scales]).T
    across = np.arange(len(scales))
    for (group, place), path in reversed([*zip(groups, paths, strict=True)]):
        if group.finished:
            look = styles[place].line | {"alpha": 0.6 if styles[place] == OTHERS else 1.0}
            line = Line2D(across, path, **look)
        else:
            line = Line2D(across[:-1], path[:-1], zorder=1, **NO_RESULT)  # type: ignore[arg-type]
        tag(axes.add_line(line), place)
