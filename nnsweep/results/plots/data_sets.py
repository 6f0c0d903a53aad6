"""Pictures of several data sets: mean ranks with what cannot be told apart, each pair, and how far from the best."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import metric_text, smaller_is_better, write_rough
from nnsweep.results.plots.figure import (
    POINTS,
    RIGHT,
    add_legend,
    blank,
    fit_text,
    measure_inches,
    nothing,
    page,
    prepare,
)
from nnsweep.results.plots.style import (
    NAMED,
    STYLES,
    ColourScale,
    colour_scale,
    draw_frame,
    letters_on,
    style_configurations,
)
from nnsweep.results.statistics.data_sets import DataSetComparison
from nnsweep.results.wording import probability, signed

if TYPE_CHECKING:
    import pandas as pd

NOTHING_TO_COMPARE = "no two configurations have a result on all data sets"
MOST_RANKS, MOST_CELLS = 30, 10
"""How many configurations the diagram of ranks and the matrix of pairs have room for."""
ROW = 0.19
"""Inches from one name beside the diagram to the next."""
BAR = 0.12
"""Inches from one bar to the next."""
CELL = 0.6, 0.55
"""Inches across and down that a cell of the matrix needs."""
DARK = "#444444"
HEADING = 0.5
"""The height of the matrix's heading, in rows."""


def plot_critical_difference(comparison: DataSetComparison, *, title: str = "") -> Figure:
    """Draw the mean ranks on a line, with a bar below each group of which no two can be told apart.

    Parameters
    ----------
    comparison : DataSetComparison
        From `nnsweep.compare_data_sets`.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        The best rank at the left. The bars are of Wilcoxon's test with Holm's correction; the ruler above is Nemenyi's
        critical difference. Beyond thirty configurations, or as many as the page has room for, the best are shown.
    """
    check_inputs(comparison=comparison)
    room = page().height - 1.75 - 0.25 * bool(title)
    ranking = comparison.ranking.iloc[: min(MOST_RANKS, 2 * max(1, int(room / ROW)))]
    k, n = len(ranking), len(comparison.data_sets)
    if not k:
        return nothing(NOTHING_TO_COMPARE, title)
    labels, ranks = [str(label) for label in ranking["label"]], ranking["mean_rank"].tolist()
    groups = [[labels.index(name) for name in group if name in labels] for group in comparison.groups]
    groups = [group for group in groups if len(group) > 1]
    room = min(0.3 * page().width, max(measure_inches(f"{label} (10.0)") for label in labels) + 0.2)
    first = math.floor(min(ranks))
    last = max(first + 1, math.ceil(max(ranks)))
    inch = (last - first) / (page().width - 0.3 - 2 * room)  # of the line; the names stand at its sides
    bars = BAR * (len(groups) + 1)
    height = bars + ROW * ((k + 1) // 2) + 0.1
    figure = blank(page().width, 0.75 + height + 0.25 * bool(title), title)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(first - room * inch, last + room * inch)
    axes.set_ylim(-height, 0.5)
    _draw_line(axes, first, last, comparison.critical_difference, inch)
    for level, group in enumerate(groups):
        ends = [ranks[group[0]] - 0.04 * inch, ranks[group[-1]] + 0.04 * inch]
        axes.plot(ends, [-BAR * (level + 1)] * 2, color=DARK, linewidth=4, solid_capstyle="butt", zorder=2)
    styles = style_configurations(labels)
    for place, (label, rank) in enumerate(zip(labels, ranks, strict=True)):
        is_left = place < (k + 1) // 2
        y = -bars - ROW * ((place if is_left else k - 1 - place) + 0.5)
        edge, side = (first, -1) if is_left else (last, 1)
        axes.plot([rank, rank, edge + 0.08 * side * inch], [0, y, y], color=styles[label].colour, linewidth=0.8)
        axes.plot([rank], [0], **styles[label].point)  # type: ignore[arg-type]
        text = fit_text(label, room - 0.12 - measure_inches(" (10.0)"))
        text = f"{text} ({rank:.1f})" if is_left else f"({rank:.1f}) {text}"
        where = {"ha": "right" if is_left else "left", "va": "center", "fontsize": POINTS, "parse_math": False}
        axes.text(edge + 0.13 * side * inch, y, text, **where)  # type: ignore[arg-type]
    hidden = len(comparison.ranking) - k
    bar = f"A bar joins configurations no two of which differ significantly over {n} data sets (Wilcoxon, Holm)."
    notes = [
        f"Mean ranks by {metric_text(comparison.metric)}, the best at the left. "
        + (bar if groups else "All of them differ significantly from each other."),
        f"CD = {comparison.critical_difference:.2f}: the critical difference of two mean ranks by Nemenyi's test."
        + " It is longer than the line." * (comparison.critical_difference > last - first)
        + f" The best {k} of {len(comparison.ranking)}." * bool(hidden),
    ]
    add_legend(figure, [], [], notes=notes)
    return figure


def _draw_line(axes: Axes, first: int, last: int, critical_difference: float, inch: float) -> None:
    """Draw the line of ranks, and above it a ruler of the critical difference or of as much as the line is long.

    An inch on paper is so many ranks.
    """
    axes.plot([first, last], [0, 0], color="black", linewidth=1)
    for tick in range(first, last + 1, max(1, math.ceil(0.25 * inch), round((last - first) / 10))):
        axes.plot([tick, tick], [0, 0.06], color="black", linewidth=1)
        axes.text(tick, 0.09, str(tick), ha="center", va="bottom", fontsize=POINTS)
    is_whole = first + critical_difference <= last
    end = first + critical_difference if is_whole else last
    axes.plot([first, end], [0.36, 0.36], color="black", linewidth=1.5)
    for x in (first, *([end] if is_whole else [])):
        axes.plot([x, x], [0.32, 0.40], color="black", linewidth=1.5)
    axes.text(end, 0.36, " CD" if is_whole else "→ CD", ha="left", va="center", fontsize=POINTS)


def plot_comparison_matrix(comparison: DataSetComparison, *, title: str = "") -> Figure:
    """Draw every pair of configurations: mean difference, data sets won, tied and lost, and p.

    This is the multi-comparison matrix of Ismail-Fawaz et al. (An approach to multiple comparison benchmark
    evaluations that is stable under manipulation of the comparate set, 2023): unlike mean ranks, a cell does not change
    when another configuration is added; its corrected p does.

    Parameters
    ----------
    comparison : DataSetComparison
        From `nnsweep.compare_data_sets`.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        The row minus the column; the best mean rank first. What can be told apart has a frame. Beyond ten
        configurations, or as many as the page has room for, the best are shown.
    """
    check_inputs(comparison=comparison)
    if not comparison.labels:
        return nothing(NOTHING_TO_COMPARE, title)
    names = [fit_text(label, 0.21 * page().width) for label in comparison.labels]
    room = page().width - RIGHT - 0.2 - max(map(measure_inches, names))
    n_rows = (page().height - 1.3 - 0.25 * bool(title)) / CELL[1] - HEADING
    labels = comparison.labels[: max(2, min(MOST_CELLS, int(room / CELL[0]), int(n_rows)))]
    k, pairs, names = len(labels), comparison.pairs, names[: len(labels)]
    cell = min(1.0, room / k)
    figure = blank(page().width, 0.25 * bool(title) + CELL[1] * (k + HEADING) + 0.55, title)
    axes = figure.subplots()
    shown = pairs[pairs["label"].isin(labels) & pairs["other"].isin(labels)]
    largest = float(shown["difference"].abs().max())
    colours = colour_scale([-largest, largest])
    for _, pair in shown.iterrows():
        one, other = labels.index(str(pair["label"])), labels.index(str(pair["other"]))
        _draw_cell(axes, (other, one), pair, colours, room=cell - 0.06, metric=comparison.metric)
        turned = pair.rename({"n_better": "n_worse", "n_worse": "n_better"})
        turned["difference"] = -turned["difference"]
        _draw_cell(axes, (one, other), turned, colours, room=cell - 0.06, metric=comparison.metric)
    for column, label in enumerate(labels):
        where = {"ha": "center", "va": "center", "fontsize": POINTS, "parse_math": False}
        axes.text(column, -0.5 - HEADING / 2, fit_text(label, cell - 0.06), **where)  # type: ignore[arg-type]
    axes.set_yticks(range(k), names, fontsize=POINTS, parse_math=False)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_xlim(-0.5, room / cell - 0.5)
    axes.set_ylim(k - 0.5, -0.5 - HEADING)
    axes.spines[:].set_visible(False)
    hidden = len(comparison.labels) - k
    framed = "Framed: significant." if shown["distinguishable"].any() else "No difference is significant."
    notes = [
        f"In a cell: mean difference in {metric_text(comparison.metric)}, row minus column; data sets on which the row "
        f"is better/equal/worse; p of Wilcoxon's test, adjusted (Holm). {framed}"
        + f" The best {k} of {len(comparison.labels)}."
        * bool(hidden)
    ]
    add_legend(figure, [], [], notes=notes)
    return figure


def _draw_cell(
    axes: Axes, place: tuple[int, int], pair: "pd.Series[Any]", colours: ColourScale, *, room: float, metric: str
) -> None:
    """Draw a cell, column and row, of the matrix: its colour is the lighter, the better its row is."""
    difference, (column, row) = float(pair["difference"]), place
    shade = colours.shade(-difference if smaller_is_better(metric) else difference)
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=shade, edgecolor="white"))
    if pair["distinguishable"]:
        draw_frame(axes, (column, row))
    lines = [
        signed(write_rough(metric, difference)),
        "/".join(str(int(pair[name])) for name in ("n_better", "n_equal", "n_worse")),
        f"p {probability(float(pair['p_holm']))}".replace(" < ", "<"),
    ]
    look = {"ha": "center", "va": "center", "fontsize": POINTS, "color": letters_on(shade), "linespacing": 1.0}
    axes.text(column, row, "\n".join(fit_text(line, room) for line in lines), **look)  # type: ignore[arg-type]


def plot_performance_profile(comparison: DataSetComparison, *, title: str = "") -> Figure:
    """Draw on what share of the data sets each configuration is within some distance of the best.

    Parameters
    ----------
    comparison : DataSetComparison
        From `nnsweep.compare_data_sets`.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        A line of steps for each, the best mean rank first in the legend; those beyond the first ten are grey. At the
        left edge is the share of data sets on which it is the best, and the higher a line, the better.
    """
    check_inputs(comparison=comparison)
    if not comparison.labels:
        return nothing(NOTHING_TO_COMPARE, title)
    profiles = comparison.profiles
    figure = blank(page().width, 0.25 * bool(title) + 2.9, title)
    axes = figure.subplots()
    n = len(comparison.data_sets)
    metric = metric_text(comparison.metric)
    distance = f"{metric} over the lowest, minus 1" if comparison.has_ratios else f"distance from the best {metric}"
    prepare(axes, fit_text(distance, page().width - 0.8), "share of data sets")
    end = float(profiles.index.max()) * 1.04 or 1.0
    x = np.append(profiles.index.to_numpy(dtype=float), end)
    for rank, label in reversed([*enumerate(comparison.labels)]):
        y = np.append(profiles[label].to_numpy(dtype=float), 1.0)
        look = STYLES[rank].line if rank < NAMED else {"color": "#BBBBBB", "linewidth": 0.8, "zorder": 1}
        axes.step(x, y, where="post", **look)  # type: ignore[arg-type]
    axes.set_xlim(-0.01 * end, end)
    axes.set_ylim(-0.02, 1.03)
    named = comparison.labels[:NAMED]
    others = len(comparison.labels) - len(named)
    notes = [
        f"Over {n} data sets; the higher a line, the better." + f" Grey: {others} more." * bool(others),
    ]
    add_legend(figure, named, [STYLES[rank].line for rank in range(len(named))], notes=notes)
    return figure
