"""What networks say of every place where there are two features, or one: small multiples by two settings.

A panel is the mean over the runs of one configuration. With two features its colour is the class, and fades to white
where the probabilities of the classes are the same: a white line is a decision boundary. With one feature it is the
curve of the predictions. The training examples lie over it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nnsweep.results.frame import plain
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import metric_text
from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.figure import LINE, NARROW, POINTS, blank, fit_text, measure_inches, nothing, page, wrap_text
from nnsweep.results.plots.map_cells import complete_map_axes, find_setting, gather_cells
from nnsweep.results.plots.style import GREY, MARKERS, NAMED, style_levels
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.summary import EstimatedConfiguration, estimate_configurations
from nnsweep.results.wording import count, join_words, short_name, value_text

SMALLEST, LARGEST = 0.8, 1.9
"""Inches of a panel at least and at most."""
GAP, HEADING = 0.1, 0.19
"""Inches between panels, and above each for its result."""
MOST_ALONE = 6
"""Panels where there are no two settings to make rows and columns of: the best configurations."""
ALL_POINTS, LEAST_POINTS = 900, 40
"""Training examples in all panels, and in one at least."""
PALE, DARK = 0.5, 0.9
"""How much of a class's colour is left where its network is sure, and how light its examples are beside it."""
ENTRY, LONGEST_NAME = 0.18, 1.2
"""Inches of a line of the classes' names, and of a name at most."""
FAILED = "✗"


class Landscape(NamedTuple):
    """The features of a data set that has one or two, and what the network of a run says of each place.

    Attributes
    ----------
    columns : tuple of str
        The names of the features.
    names : tuple of str
        The names of the classes; empty for a number.
    grid : tuple of ndarray
        The values of each feature that the networks were asked about: (n_x,), and (n_y,) of a second one.
    points : ndarray of shape (n_train, n_columns)
        The training examples.
    y : ndarray of shape (n_train,)
        Their class numbers or targets.
    predict : callable
        Gives of a run's id the probabilities of the classes, (n_y, n_x, n_classes), or the predictions, (n_x,); None
        for a run whose network is gone.
    """

    columns: tuple[str, ...]
    names: tuple[str, ...]
    grid: tuple[NDArray[np.floating], ...]
    points: NDArray[np.floating]
    y: NDArray[Any]
    predict: Callable[[str], NDArray[np.floating] | None]


class _Table(NamedTuple):
    """Which configuration is in which panel, by row and column, and what is written beside and below them."""

    cells: Mapping[tuple[int, int], EstimatedConfiguration]
    rows: Sequence[str]
    columns: Sequence[str]
    best: EstimatedConfiguration | None
    notes: Sequence[str]


def plot_boundaries(
    runs: pd.DataFrame,
    landscape: Landscape,
    *,
    metric: str | None = None,
    x: str | None = None,
    y: str | None = None,
    title: str = "",
) -> Figure:
    """Draw what the networks say of every place, a panel for each pair of values of two settings.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    landscape : Landscape
        What their networks say.
    metric : str, optional
        What stands above each panel, and what the best choice of further settings is best by.
    x, y : str, optional
        The settings whose values make the columns and the rows; chosen as for `nnsweep.plot_grid` if not given.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        The best panel has a thick frame. Where the values of a setting are more than the page has room for, some are
        left out, which a note says.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    table = _arrange(runs, metric, x, y)
    if not any(cell.finished for cell in table.cells.values()):
        return nothing("no run has a result", title)
    left = 0.12 + max(map(measure_inches, table.rows)) + 0.06 * any(table.rows)
    across = min(LARGEST, (page().width - left - 0.1) / len(table.columns) - GAP)
    width = max(left + len(table.columns) * (across + GAP) + 0.1, min(NARROW, page().width))
    notes = wrap_text([" ".join([*_describe(landscape), f"Above: {metric_text(metric)}.", *table.notes])], width - 0.3)
    legend = _count_legend_rows(landscape.names, width) * ENTRY
    top, foot = 0.1 + 0.25 * bool(title), LINE * len(notes) + legend + 0.2 + (LINE + 0.08) * any(table.columns)
    room = (page().height - top - foot) / len(table.rows) - HEADING - GAP
    down = max(min(across, room), SMALLEST / 2)
    height = top + len(table.rows) * (down + HEADING + GAP) + foot
    figure = blank(width, height, title)
    n_points = max(LEAST_POINTS, ALL_POINTS // len(table.cells))
    for (row, column), cell in table.cells.items():
        lower = top + (row + 1) * (down + HEADING + GAP) - GAP
        place = (left + column * (across + GAP)) / width, 1 - lower / height, across / width, down / height
        axes = figure.add_axes(place)
        _draw_panel(axes, runs, landscape, cell, n_points=n_points)
        axes.set_title(f"{cell.mean:.3g}" if cell.finished else FAILED, fontsize=POINTS, pad=2)
        axes.spines[:].set_linewidth(2.0 if cell is table.best else 0.6)
        if column == 0:
            label = {"rotation": 0, "ha": "right", "va": "center", "fontsize": POINTS, "labelpad": 4}
            axes.set_ylabel(table.rows[row], parse_math=False, **label)  # type: ignore[arg-type]
        if row == len(table.rows) - 1:
            axes.set_xlabel(fit_text(table.columns[column], across), fontsize=POINTS, labelpad=3, parse_math=False)
    figure.text(0.15 / width, 0.08 / height, "\n".join(notes), fontsize=POINTS, va="bottom", parse_math=False)
    if legend:
        _add_classes(figure, landscape.names, bottom=(LINE * len(notes) + 0.1) / height)
    return figure


def _arrange(runs: pd.DataFrame, metric: str, x: str | None, y: str | None) -> _Table:
    """Choose which configurations have a panel: the values of two settings, or the best configurations."""
    across = None if x is None else find_setting(runs, x, "x")
    down = None if y is None else find_setting(runs, y, "y")
    axes = complete_map_axes(runs, across, down) if len(runs) else None
    if axes is None or not any(runs[name].nunique() > 1 for name in axes):
        return _list_best(runs, metric)
    chart = gather_cells(runs, x=axes[0], y=axes[1], panels=[], metric=metric)
    (found,) = chart.panels.values()
    n_columns = max(1, int((page().width - 0.9) // (SMALLEST + GAP)))
    n_rows = max(1, int((page().height - 1.1) // (SMALLEST + HEADING + GAP)))
    columns, rows = _thin(chart.columns, n_columns), _thin(chart.rows, n_rows)
    cells = {
        (row, column): found[repr(down_value), repr(across_value)]
        for row, down_value in enumerate(rows)
        for column, across_value in enumerate(columns)
        if (repr(down_value), repr(across_value)) in found
    }
    names = [short_name(name, axes).replace("_", " ") for name in axes]
    n_hidden = len(chart.columns) - len(columns), len(chart.rows) - len(rows)
    notes = [f"Not shown: {count(n, 'more value')} of {name}." for n, name in zip(n_hidden, names, strict=True) if n]
    if chart.hidden:
        others = join_words([short_name(name, chart.hidden) for name in chart.hidden])
        notes.append(f"Each panel shows the best choice of {others}.")
    return _Table(
        cells,
        [fit_text(f"{names[1]} {value_text(value)}", 1.0) for value in rows],
        [f"{names[0]} {value_text(value)}" for value in columns],
        chart.best,
        notes,
    )


def _list_best(runs: pd.DataFrame, metric: str) -> _Table:
    """Put the best configurations into a row."""
    groups = [group for group in estimate_configurations(runs, metric) if group.finished] if len(runs) else []
    most = max(1, min(MOST_ALONE, int((page().width - 0.2) // (SMALLEST + GAP))))
    shown = groups[:most]
    notes = (
        [f"Not shown: {count(len(groups) - most, 'more configuration')} with worse results."] if groups[most:] else []
    )
    labels = [group.label for group in shown] if len(groups) > 1 else [""]
    return _Table(
        {(0, place): group for place, group in enumerate(shown)}, [""], labels, shown[0] if groups[1:] else None, notes
    )


def _thin(values: Sequence[object], most: int) -> list[object]:
    """Leave out values until no more than so many are left, evenly and never the first or the last."""
    if len(values) <= most:
        return [*values]
    return [values[place] for place in np.unique(np.linspace(0, len(values) - 1, most).round().astype(int))]


def _draw_panel(
    axes: Axes, runs: pd.DataFrame, landscape: Landscape, cell: EstimatedConfiguration, *, n_points: int
) -> None:
    """Draw the mean of a configuration's networks, and some training examples."""
    axes.set_xticks([])
    axes.set_yticks([])
    ids = plain(runs["run_id"]) if "run_id" in runs.columns else []
    said = [landscape.predict(str(ids[row])) for row in cell.counted.values()]
    known = [one for one in said if one is not None]
    shown = np.unique(np.linspace(0, len(landscape.y) - 1, n_points).round().astype(int))
    points, y = landscape.points[shown], landscape.y[shown]
    if len(landscape.grid) == 1:
        axes.plot(points[:, 0], y, color=GREY, marker="o", markersize=2, linestyle="none", markeredgewidth=0)
        for curve in known:
            axes.plot(landscape.grid[0], curve, color=COLOURS[0], linewidth=0.5, alpha=0.5)
        if known:
            axes.plot(landscape.grid[0], np.mean(known, axis=0), color=COLOURS[0], linewidth=1.5)
        margin = 0.05 * float(np.ptp(landscape.y)) or 1.0
        axes.set_ylim(float(landscape.y.min()) - margin, float(landscape.y.max()) + margin)
        return
    across, down = landscape.grid
    extent = across[0], across[-1], down[0], down[-1]
    colours = _choose_colours(len(landscape.names))
    if known:
        image = _mix(np.mean(known, axis=0), colours)
        axes.imshow(image, extent=extent, origin="lower", aspect="auto", interpolation="none")
    for number, colour in enumerate(colours):
        its = points[y == number]
        # no colour of the palette, which a dark page would change: the image below stays as it is
        red, green, blue = to_rgb(colour)
        dark = to_hex((DARK * red, DARK * green, DARK * blue))
        look = {"color": dark, "marker": MARKERS[number % len(MARKERS)], "markersize": 2.8, "linestyle": "none"}
        axes.plot(its[:, 0], its[:, 1], markeredgecolor="white", markeredgewidth=0.3, **look)  # type: ignore[arg-type]
    axes.set_xlim(*extent[:2])
    axes.set_ylim(*extent[2:])


def _choose_colours(n: int) -> list[str]:
    """Choose a colour for each class: those of configurations, or shades of one map if there are more classes."""
    return [*COLOURS[:n]] if n <= NAMED else [level.colour for level in style_levels(range(n))]


def _mix(probabilities: NDArray[np.floating], colours: Sequence[str]) -> NDArray[np.floating]:
    """Give each place the colour of its most probable class, the paler the less it is ahead of an even guess."""
    n_classes = probabilities.shape[-1]
    sure = (probabilities.max(axis=-1, keepdims=True) - 1 / n_classes) / (1 - 1 / n_classes)
    full = np.array([to_rgb(colour) for colour in colours])[probabilities.argmax(axis=-1)]
    mixed: NDArray[np.floating] = 1 - PALE * np.nan_to_num(sure) * (1 - full)
    return mixed.clip(0, 1)


def _describe(landscape: Landscape) -> list[str]:
    """Say what panels, colours, lines and marks are."""
    if len(landscape.grid) == 1:
        return [
            f"Predictions over {landscape.columns[0]}: the mean over the runs, and each run thin.",
            "Grey: training examples.",
        ]
    named = zip(landscape.columns, landscape.grid, strict=True)
    spans = [f"{name} from {values[0]:.3g} to {values[-1]:.3g}" for name, values in named]
    return [
        f"Colour: the most probable class, mean over the runs; white: undecided. Across: {spans[0]}; up: {spans[1]}.",
        "Marks: training examples.",
    ]


def _count_legend_rows(names: Sequence[str], width: float) -> int:
    return math.ceil(len(names) / _count_legend_columns(names, width)) if 0 < len(names) <= NAMED else 0


def _count_legend_columns(names: Sequence[str], width: float) -> int:
    widest = max(min(measure_inches(name), LONGEST_NAME) for name in names) + 0.45
    return max(1, min(len(names), int((width - 0.3) // widest)))


def _add_classes(figure: Figure, names: Sequence[str], *, bottom: float) -> None:
    """Name the classes beside their marks."""
    marks = [
        Line2D([], [], color=colour, marker=MARKERS[place % len(MARKERS)], markersize=5, linestyle="none")
        for place, colour in enumerate(_choose_colours(len(names)))
    ]
    legend = figure.legend(
        marks,
        ["."] * len(names),
        loc="lower center",
        bbox_to_anchor=(0.5, bottom),
        ncols=_count_legend_columns(names, figure.get_figwidth()),
        frameon=False,
        fontsize=POINTS,
        handlelength=1,
        borderpad=0,
        borderaxespad=0,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(fit_text(name, LONGEST_NAME))
