"""The map of a grid: what the values of two settings came to over the seeds, a panel for each value of the others.

A cell is coloured by its mean and holds the numbers: mean, 95 % interval, how many seeds, how many runs failed. With
many panels or cells the numbers that there is no room for are left out, from the last to the first.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nnsweep.results.baselines import describe_baseline
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import metric_text, smaller_is_better, write_rough
from nnsweep.results.plots.drawing import SCALE
from nnsweep.results.plots.figure import (
    LINE,
    LOW,
    NARROW,
    POINTS,
    blank,
    fit_text,
    measure_inches,
    nothing,
    page,
    wrap_text,
)
from nnsweep.results.plots.map_cells import Cells, MapCells, complete_map_axes, find_setting, gather_cells
from nnsweep.results.plots.spans import choose_range
from nnsweep.results.plots.style import ColourScale, colour_scale, draw_frame, letters_on, tag
from nnsweep.results.selection import choose_metric, note_selection
from nnsweep.results.statistics.summary import EstimatedConfiguration
from nnsweep.results.wording import count, join_words, short_name, value_text

BAR = 0.95
"""Inches at the right for the scale of colours."""
BAR_BELOW = 0.6
"""Inches for it below the panels, where the page is narrow."""
LEAST_BAR = 1.25
"""Inches that the name of a metric needs beside it."""
NAME = 0.2
"""Inches for a panel's name."""
GAP = 0.15
BELOW = 0.38
"""Inches under the lowest panels for their ticks and the axis' name."""
ALIKE = "alike"
NO_INTERVAL = "± ?"
DASH = "\N{EN DASH}"
FAILED = "✗"
CONTENTS = {
    "mean interval count": "In a cell: mean {} over the {kind}s, its simultaneous 95 % interval, number of {kind}s.",
    "mean interval": "In a cell: mean {} over the {kind}s and its simultaneous 95 % interval.",
    "mean": "In a cell: mean {} over the {kind}s; there is no room for intervals.",
    "": "Colour: mean {} over the {kind}s; there is no room for numbers.",
}
ONE_EACH = "In a cell: {} with one {kind}, which has no interval."
EASY_WIDTH = 0.7
"""Inches of a cell with an interval, where there is room for it."""
LEAST_WIDTH = 0.1
"""Inches of a cell without numbers."""
SHORTEST_LYING, LONGEST_TURNED = 0.45, 1.0
"""Inches that a column's name has at least if it is not turned, and at most if it is."""


class _Plan(NamedTuple):
    """Where everything goes, in inches."""

    content: str
    cell: tuple[float, float]
    left: float
    n_columns: int
    n_panels: int
    name: float
    turned: float
    """Inches that names of columns need which stand upright; 0 where they lie."""
    is_bar_below: bool

    def panel(self, chart: MapCells) -> tuple[float, float]:
        """Give the size of a panel with its name above."""
        return self.cell[0] * len(chart.columns), self.cell[1] * len(chart.rows) + self.name

    def size(self, chart: MapCells) -> tuple[float, float]:
        """Give the size of all panels with the lettering of their axes and the scale of colours."""
        width, height = self.panel(chart)
        rows = math.ceil(self.n_panels / self.n_columns)
        right, bottom = (0.0, BAR_BELOW) if self.is_bar_below else (BAR, 0.0)
        return self.left + self.n_columns * (width + GAP) + right, rows * (
            height + GAP
        ) - GAP + BELOW + self.turned + bottom


def plot_grid(
    runs: pd.DataFrame,
    *,
    x: str | None = None,
    y: str | None = None,
    panels: Sequence[str] | None = None,
    metric: str | None = None,
    title: str = "",
) -> Figure:
    """Draw a map of the seed means over two settings, in small multiples of others.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    x, y : str, optional
        The columns that make the map's columns and rows: numbers, lowest first from the left and from below, or names.
        The last part of a dotted name is enough if no other has it. If not given: width and depth if both vary, or else
        the settings with the most values.
    panels : sequence of str, optional
        The columns that make the panels, one for each combination of their values; whatever else varies if not given.
        A setting that is then in none of the three is not averaged over: a cell shows the best of its values.
    metric : str, optional
        What the cells hold the mean of.
    title : str
        A line above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        The cell with the best mean has a frame, and that of validation's choice a dashed one if it is another. A
        hatched cell was not run, or has no run with a result, which its number of failed runs tells. Where a few cells
        are far worse than the others, they share the colour at the scale's end (`choose_range`). Panels that a page has
        no room for are left out, those with the worst best cells first. Notes say what is not shown.

    Raises
    ------
    ConfigError
        If a column is unknown, is a repeat or is named twice.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    if not len(runs):
        return nothing("no runs", title)
    across = None if x is None else find_setting(runs, x, "x")
    down = None if y is None else find_setting(runs, y, "y")
    axes = complete_map_axes(runs, across, down)
    if axes is None:
        return nothing("a map needs two settings", title)
    facets = None if panels is None else [find_setting(runs, name, "panels") for name in panels]
    whole = gather_cells(runs, x=axes[0], y=axes[1], panels=facets, metric=metric)
    if not whole.best.finished:
        return nothing("no run has a result", title)
    plan = _choose_plan(runs, whole, title)
    shown = whole.best_panels[: plan.n_panels]
    chart = whole._replace(panels={name: cells for name, cells in whole.panels.items() if name in shown})
    colours = colour_scale(_choose_colours(chart), is_smaller_better=smaller_is_better(chart.metric))
    width, height = plan.size(chart)
    width = max(width, min(NARROW, page().width))
    notes = _wrap_notes(runs, chart, plan, n_all=len(whole.panels))
    top = 0.1 + 0.25 * bool(title)
    figure = blank(width, top + height + LINE * len(notes) + 0.16, title)
    for place, (name, cells) in enumerate(chart.panels.items()):
        panel = _add_panel(figure, chart, plan, place=place, top=top)
        panel.set_title(fit_text(name, plan.panel(chart)[0] + GAP - 0.06), fontsize=POINTS, parse_math=False, pad=3)
        _fill(panel, chart, cells, colours=colours, content=plan.content)
    _add_bar(figure, chart, plan, colours, top=top)
    where = 0.15 / width, 0.08 / figure.get_figheight()
    figure.text(*where, "\n".join(notes), fontsize=POINTS, va="bottom", parse_math=False)
    return figure


def _choose_plan(runs: pd.DataFrame, chart: MapCells, title: str) -> _Plan:
    """Find the most numbers a cell that still let all panels stand on a page; else as many panels as it holds."""

    def leave(plan: _Plan) -> float:
        notes = _wrap_notes(runs, chart, plan, n_all=len(chart.panels))
        return page().height - 0.25 * bool(title) - 0.26 - LINE * len(notes)

    contents = [content for content in CONTENTS if not (chart.has_no_interval and "interval" in content)]
    plans = [_make_plan(chart, content) for content in contents]
    for plan in plans:
        width, height = plan.size(chart)
        if width <= page().width + 0.001 and height <= leave(plan):
            return plan
    simple = [plan for plan in plans if "interval" not in plan.content]
    last = next((plan for plan in simple if plan.size(chart)[0] <= page().width + 0.001), plans[-1])
    room = leave(last) - LINE - BELOW - last.turned - BAR_BELOW * last.is_bar_below
    rows = max(1, int((room + GAP) // (last.panel(chart)[1] + GAP)))
    return last._replace(n_panels=min(last.n_panels, rows * last.n_columns))


def _make_plan(chart: MapCells, content: str) -> _Plan:
    is_bar_below = page().width < NARROW
    left = 0.42 + min(0.18 * page().width, max(measure_inches(value_text(level)[:24]) for level in chart.rows))
    ticks = max(measure_inches(value_text(level)[:16]) for level in chart.columns) + 0.08
    right = GAP + BAR * (not is_bar_below)
    room = (page().width - right - left) / len(chart.columns)
    width, height = min(room, max(0.17, ticks)), min(0.17, 0.72 * page().height / len(chart.rows))
    if content:
        texts = [_lines(cell, content, chart.metric) for cell in chart.cells if cell.finished]
        needed = max(measure_inches(line) for lines in texts for line in lines) + 0.08
        is_alone, is_low = len(chart.panels) == 1, page().height < LOW
        easy = room if is_low else EASY_WIDTH * ("interval" in content)
        wanted = max(ticks, easy) if is_alone else ticks
        width, height = max(needed, min(wanted, room)), 0.07 + 0.13 * max(map(len, texts))
    width = max(LEAST_WIDTH, width)
    names = [measure_inches(level) for level in chart.columns if isinstance(level, str)]
    turned = min(max(names), LONGEST_TURNED) if names and width < min(SHORTEST_LYING, ticks) else 0.0
    panel = width * len(chart.columns) + GAP
    n_columns = max(1, min(len(chart.panels), int((page().width - right + GAP - left + 0.001) / panel)))
    if chart.n_alike <= n_columns:
        n_columns -= n_columns % chart.n_alike
    name = NAME * any(chart.panels)
    return _Plan(content, (width, height), left, n_columns, len(chart.panels), name, turned, is_bar_below)


def _add_panel(figure: Figure, chart: MapCells, plan: _Plan, *, place: int, top: float) -> Axes:
    width, height = figure.get_size_inches()
    row, column = divmod(place, plan.n_columns)
    across, down = plan.panel(chart)
    left, lower = plan.left + column * (across + GAP), top + row * (down + GAP) + down
    axes = figure.add_axes((left / width, 1 - lower / height, across / width, (down - plan.name) / height))
    axes.set_xlim(-0.5, len(chart.columns) - 0.5)
    axes.set_ylim(-0.5, len(chart.rows) - 0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    if place + plan.n_columns >= plan.n_panels:
        room = LONGEST_TURNED if plan.turned else max(plan.cell[0] - 0.06, SHORTEST_LYING - 0.05)
        texts = [fit_text(value_text(level), room) for level in chart.columns]
        every = math.ceil((LINE if plan.turned else max(map(measure_inches, texts)) + 0.05) / plan.cell[0])
        _label(axes.xaxis, texts, every, short_name(chart.axes[0], chart.axes), room=across)
        axes.tick_params(axis="x", rotation=90 if plan.turned else 0)
    if column == 0:
        texts = [fit_text(value_text(level), plan.left - 0.4) for level in chart.rows]
        every = math.ceil(LINE / plan.cell[1])
        _label(axes.yaxis, texts, every, short_name(chart.axes[1], chart.axes), room=down)
    axes.tick_params(length=0, labelsize=POINTS)
    axes.spines[:].set_visible(False)
    return axes


def _label(axis: Axis, texts: Sequence[str], every: int, name: str, *, room: float) -> None:
    """Write the values below or beside a panel, as many as there is room for, and the name of their setting."""
    axis.set_ticks(range(0, len(texts), max(1, every)), texts[:: max(1, every)], parse_math=False, fontsize=POINTS)
    axis.labelpad = 2
    axis.set_label_text(fit_text(name, max(room, 0.6)), fontsize=POINTS, parse_math=False)


def _fill(axes: Axes, chart: MapCells, cells: Cells, *, colours: ColourScale, content: str) -> None:
    for row, y in enumerate(chart.rows):
        for column, x in enumerate(chart.columns):
            cell = cells.get((repr(y), repr(x)))
            look = {"facecolor": "white", "edgecolor": "#BBBBBB", "linewidth": 0, "hatch": "////"}
            if cell is not None and cell.finished:
                look = {"facecolor": colours.shade(cell.mean), "edgecolor": "white", "linewidth": 0.8}
            drawn: list[Artist] = [axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **look))]  # type: ignore[arg-type]
            if cell is None:
                continue
            if content:
                drawn.append(_write(axes, (column, row), cell, chart.metric, colours=colours, content=content))
            if cell.rows in chart.places:
                for artist in drawn:
                    tag(artist, chart.places[cell.rows])
            if cell is chart.best or cell is chart.chosen:
                draw_frame(axes, (column, row), is_dashed=cell is not chart.best)


def _write(
    axes: Axes, place: tuple[int, int], cell: EstimatedConfiguration, metric: str, *, colours: ColourScale, content: str
) -> Artist:
    look = {"ha": "center", "va": "center", "fontsize": POINTS, "zorder": 3}
    if not cell.finished:
        plate = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        return axes.text(*place, f"{cell.n_failed}{FAILED}" if cell.n_failed else "…", bbox=plate, **look)  # type: ignore[arg-type]
    letters = letters_on(colours.shade(cell.mean))
    return axes.text(*place, "\n".join(_lines(cell, content, metric)), color=letters, linespacing=1.0, **look)  # type: ignore[arg-type]


def _lines(cell: EstimatedConfiguration, content: str, metric: str) -> list[str]:
    """Write a cell's numbers; failed runs have a line of their own where there is no count of seeds."""
    failed = f"{cell.n_failed}{FAILED}" if cell.n_failed else ""
    numbers = {
        "mean": write_rough(metric, cell.mean),
        "interval": _write_interval(cell, metric),
        "count": f"n={len(cell.finished)} {failed}".strip(),
    }
    lines = [numbers[word] for word in content.split()]
    return lines if "count" in content or not failed else [*lines, failed]


def _write_interval(cell: EstimatedConfiguration, metric: str) -> str:
    """Write where an interval begins and ends, or half of it if its middle is the mean."""
    if math.isnan(cell.low):
        return NO_INTERVAL
    if cell.is_alike:  # an interval without width says no more than that the results are alike
        return ALIKE
    half = (cell.high - cell.low) / 2
    if not write_rough(metric, half).strip("0."):  # three decimals would make it nothing
        return f"±{half:.1g}"
    if math.isclose(cell.high - cell.mean, cell.mean - cell.low, rel_tol=1e-9):
        return f"±{write_rough(metric, half)}"
    ends = (write_rough(metric, end) for end in (cell.low, cell.high))
    low, high = (end[0] if end in ("0.000", "1.000") else end.removeprefix("0") for end in ends)
    return f"{low}{DASH}{high}"


def _choose_colours(chart: MapCells) -> tuple[float, float]:
    """Choose the means at the ends of the scale of colours: what chance alone makes should not fill it."""
    interval = 0.0 if math.isnan(chart.best.low) else chart.best.high - chart.best.low
    return choose_range(chart.means, least=interval, is_smaller_better=smaller_is_better(chart.metric))


def _wrap_notes(runs: pd.DataFrame, chart: MapCells, plan: _Plan, *, n_all: int) -> list[str]:
    """Write the notes in lines as wide as the picture."""
    width = max(plan.size(chart)[0], min(NARROW, page().width))
    selecting, baseline = note_selection(runs, chart.metric), describe_baseline(runs, chart.metric)
    lower_end = f"{baseline[0].upper()}{baseline[1:]}." if baseline else ""
    return wrap_text([_describe(chart, plan, n_all=n_all), lower_end, selecting], width - 0.3)


def _describe(chart: MapCells, plan: _Plan, *, n_all: int) -> str:
    """Say what cells, frames, colours and signs are, and what is not shown."""
    cells, kind = chart.cells, chart.best.kind
    low, high = _choose_colours(chart)
    content = ONE_EACH if plan.content and chart.has_no_interval else CONTENTS[plan.content]
    notes = [content.format(metric_text(chart.metric), kind=kind), *_describe_choices(chart)]
    n_below, n_above = sum(mean < low for mean in chart.means), sum(mean > high for mean in chart.means)
    if n_below or n_above:
        where, end = ("below", low) if n_below else ("above", high)
        notes.append(f"Darkest: {where} {end:.6g} ({count(n_below or n_above, 'cell')}).")
    if "interval" in plan.content and any(cell.has_no_interval for cell in cells):
        notes.append(f"{NO_INTERVAL}: one {kind} has no interval.")
    if "interval" in plan.content and any(cell.is_alike for cell in cells):
        notes.append(f"{ALIKE}: the same result with every {kind}.")
    if n_failed := sum(cell.n_failed for cell in cells):
        guessing = "; they count as guessing" * any(len(cell.values) > len(cell.finished) > 0 for cell in cells)
        notes.append(f"{FAILED}: runs without a result, {n_failed} in all{guessing}.")
    n_empty = len(chart.rows) * len(chart.columns) * len(chart.panels) - len(cells)
    if n_empty or not all(cell.finished for cell in cells):
        notes.append("Hatched: no result" + (f" ({count(n_empty, 'cell')} not run)." if n_empty else "."))
    if n_hidden := n_all - len(chart.panels):
        notes.append(f"Not shown: {count(n_hidden, 'more panel')} with worse results.")
    return " ".join(notes)


def _describe_choices(chart: MapCells) -> list[str]:
    """Say what a cell shows of several configurations, and which cells are framed."""
    notes = []
    if chart.hidden:
        names = join_words([short_name(name, chart.hidden) for name in chart.hidden])
        notes.append(f"Each cell shows the best choice of {names}.")
    is_same = chart.chosen is chart.best
    also = ", also chosen by validation" * is_same
    notes.append(f"Solid frame: the best mean, {write_rough(chart.metric, chart.best.mean)}{also}.")
    if chart.chosen is not None and not is_same and any(cell is chart.chosen for cell in chart.cells):
        notes.append(f"Dashed frame: chosen by validation, {write_rough(chart.metric, chart.chosen.mean)}.")
    return notes


def _add_bar(figure: Figure, chart: MapCells, plan: _Plan, colours: ColourScale, *, top: float) -> None:
    """Draw the scale of colours, with an arrow at an end beyond which there are cells."""
    width, total = figure.get_size_inches()
    across, down = plan.size(chart)
    if plan.is_bar_below:
        length = across - plan.left - GAP
        box = (plan.left / width, 1 - (top + down - BAR_BELOW + 0.17) / total, length / width, 0.12 / total)
    else:
        length = max(plan.panel(chart)[1] - plan.name, min(down - plan.name, LEAST_BAR))
        box = ((across - BAR) / width, 1 - (top + plan.name + length) / total, 0.12 / width, length / total)
    bar = figure.colorbar(
        colours.mappable(),
        cax=figure.add_axes(box, label=SCALE),
        orientation="horizontal" if plan.is_bar_below else "vertical",
        extend="min" if min(chart.means) < colours.low else "max" if max(chart.means) > colours.high else "neither",
        extendfrac=0.1 / length,
    )
    bar.locator = MaxNLocator(max(2, min(6, int(length / (0.5 if plan.is_bar_below else 0.25)))), steps=[1, 2, 5, 10])
    bar.formatter = FuncFormatter(lambda value, _: f"{value:.4g}")
    bar.update_ticks()
    bar.ax.tick_params(labelsize=POINTS)
    bar.set_label(fit_text(metric_text(chart.metric), length), fontsize=POINTS, parse_math=False)
