"""The map of a grid: what each depth and width came to over the seeds, a panel for every other choice.

A cell is coloured by its mean and holds the numbers: mean, half of the 95 % interval, how many seeds, how many runs
failed. With many panels or cells the numbers that there is no room for are left out, from the last to the first.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nnsweep.results.factors import choose_axes, place_level, sort_levels
from nnsweep.results.frame import plain, selection
from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.figure import LINE, NARROW, POINTS, blank, fit_text, measure_inches, nothing, page, wrap_text
from nnsweep.results.plots.style import ColourScale, colour_scale, letters_on
from nnsweep.results.statistics.summary import ACCURACY, EstimatedConfiguration, estimate_configurations
from nnsweep.results.wording import metric_text, short_name, value_text

PAGE = 9.7
"""Inches: how high a picture may be before it gives up numbers, and then panels."""
BAR = 0.75
"""Inches at the right for the scale of colours."""
NAME = 0.2
"""Inches for a panel's name."""
GAP = 0.15
BELOW = 0.4
"""Inches under the lowest panels for their ticks and the axis' name."""
ALIKE = "alike"
NO_INTERVAL = "± ?"
DASH = "\N{EN DASH}"
FAILED = "✗"
CONTENTS = {
    "mean interval count": "In a cell: {} (mean over the {}s), its simultaneous 95 % interval, number of them.",
    "mean interval": "In a cell: {} (mean over the {}s) and its simultaneous 95 % interval.",
    "mean": "In a cell: {} (mean over the {}s); there is no room for intervals.",
    "": "Colour: {} (mean over the {}s); there is no room for numbers.",
}
LEAST_WIDTH = {"mean interval count": 0.6, "mean interval": 0.6, "mean": 0.42, "": 0.1}
"""Inches of a cell."""
EASY_WIDTH = 0.7
"""Inches of a cell with an interval, where there is room for it."""


Cells: TypeAlias = Mapping[tuple[str, str], EstimatedConfiguration]
Panels: TypeAlias = Mapping[str, Cells]


class _Plan(NamedTuple):
    """Where everything goes, in inches."""

    content: str
    cell: tuple[float, float]
    left: float
    n_columns: int
    n_panels: int

    def panel(self, chart: "_Map") -> tuple[float, float]:
        """Give the size of a panel with its name above."""
        return self.cell[0] * len(chart.columns), self.cell[1] * len(chart.rows) + NAME

    def size(self, chart: "_Map") -> tuple[float, float]:
        """Give the size of all panels with the lettering of their axes and the scale of colours."""
        width, height = self.panel(chart)
        rows = math.ceil(self.n_panels / self.n_columns)
        return self.left + self.n_columns * (width + GAP) + BAR, rows * (height + GAP) + BELOW


class _Map(NamedTuple):
    """What is drawn: cells by panel and place, and the names of rows, columns and panels."""

    axes: tuple[str, str]
    rows: list[object]
    columns: list[object]
    panels: Panels
    metric: str
    best: EstimatedConfiguration
    n_failed: int
    n_alike: int  # panels that follow one another and differ in the last setting alone


def plot_grid(
    runs: pd.DataFrame, *, x: str = "width", y: str = "depth", metric: str = ACCURACY, title: str = ""
) -> Figure:
    """Draw a map of the seed means over two settings.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    x, y : str
        The columns that make the map's columns and rows: numbers, lowest first from the left and from below, or names.
        Whatever else varies makes the panels.
    metric : str
        What the cells hold the mean of.
    title : str
        A line above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        The best cell has a frame. A hatched cell was not run, or has no run with a result, which its number of failed
        runs tells. Panels that a page has no room for are left out, those with the lowest best cells first; a note
        says how many.
    """
    absent = [name for name in (x, y) if name not in runs.columns]
    if absent or not len(runs):
        return nothing("no runs" if not absent else f"no column {', '.join(absent)}", title)
    chart = _gather(runs, x=x, y=y, metric=metric)
    if not chart.best.finished:
        return nothing("no run has a result", title)
    plan = _choose_plan(chart, title)
    n_hidden = len(chart.panels) - plan.n_panels
    worth = {
        name: max([cell.mean for cell in cells.values() if cell.finished], default=-math.inf)
        for name, cells in chart.panels.items()
    }
    best = sorted(worth, key=lambda name: (-worth[name], name))[: plan.n_panels]
    chart = chart._replace(panels={name: cells for name, cells in chart.panels.items() if name in best})
    width, height = plan.size(chart)
    width = max(width, min(NARROW, page().width))
    notes = wrap_text(_notes(runs, chart, plan, n_hidden), width - 0.4)
    top = 0.1 + 0.25 * bool(title)
    height += top + LINE * len(notes) + 0.15
    figure = blank(width, height, title)
    colours = colour_scale([cell.mean for cells in chart.panels.values() for cell in cells.values() if cell.finished])
    for place, (name, cells) in enumerate(chart.panels.items()):
        axes = _add_panel(figure, chart, plan, place=place, top=top)
        axes.set_title(fit_text(name, plan.panel(chart)[0] + GAP - 0.06), fontsize=POINTS, parse_math=False, pad=3)
        _fill(axes, chart, cells, colours=colours, content=plan.content)
    _add_bar(figure, colours, left=plan.size(chart)[0] - BAR, top=top, height=plan.panel(chart)[1] - NAME)
    figure.text(0.2 / width, 0.08 / height, "\n".join(notes), fontsize=POINTS, va="bottom", parse_math=False)
    return figure


def _gather(runs: pd.DataFrame, *, x: str, y: str, metric: str) -> _Map:
    others = [name for name in choose_axes(runs, first=(y, x)) if name not in (x, y)]
    groups = estimate_configurations(runs, metric, by=[*others, y, x])
    panels: dict[str, dict[tuple[str, str], EstimatedConfiguration]] = {}
    for group in sorted(groups, key=lambda group: [place_level(level) for level in group.levels]):
        name = ", ".join(
            value_text(level) if isinstance(level, str) else f"{short_name(setting, others)} {value_text(level)}"
            for setting, level in zip(others, group.levels, strict=False)
        )
        panels.setdefault(name, {})[repr(group.levels[-2]), repr(group.levels[-1])] = group
    return _Map(
        axes=(x, y),
        rows=sort_levels(plain(runs[y])),
        columns=sort_levels(plain(runs[x])),
        panels=panels,
        metric=metric,
        best=groups[0],
        n_failed=sum(group.n_failed for group in groups),
        n_alike=len({repr(group.levels[-3]) for group in groups}) if others else 1,
    )


def _choose_plan(chart: _Map, title: str) -> _Plan:
    """Find the most numbers a cell that still let all panels stand on a page; else as many panels as it holds."""
    room = PAGE - 0.25 * bool(title) - 0.25 - 5 * LINE
    plans = [_make_plan(chart, content) for content in CONTENTS]
    for plan in plans:
        width, height = plan.size(chart)
        if width <= page().width + 0.001 and height <= room:
            return plan
    last = next((plan for plan in plans[2:] if plan.size(chart)[0] <= page().width + 0.001), plans[-1])
    rows = max(1, int((room - BELOW) // (last.panel(chart)[1] + GAP)))
    return last._replace(n_panels=min(last.n_panels, rows * last.n_columns))


def _make_plan(chart: _Map, content: str) -> _Plan:
    left = 0.42 + min(1.3, max(measure_inches(value_text(level)[:24]) for level in chart.rows))
    ticks = max(measure_inches(value_text(level)[:16]) for level in chart.columns) + 0.08
    room = (page().width - BAR - GAP - left) / len(chart.columns)
    width, height = min(room, max(0.17, ticks)), min(0.17, 7.0 / len(chart.rows))
    if content:
        # failed runs have a line of their own where there is no count of seeds
        n_lines = len(content.split()) + ("count" not in content and chart.n_failed > 0)
        wanted = max(ticks, EASY_WIDTH) if "interval" in content and len(chart.panels) == 1 else ticks
        width, height = max(LEAST_WIDTH[content], min(wanted, room)), 0.07 + 0.13 * n_lines
    panel = width * len(chart.columns) + GAP
    n_columns = max(1, min(len(chart.panels), int((page().width - BAR - left + 0.001) / panel)))
    if chart.n_alike <= n_columns:
        n_columns -= n_columns % chart.n_alike
    return _Plan(content, (width, height), left, n_columns, len(chart.panels))


def _add_panel(figure: Figure, chart: _Map, plan: _Plan, *, place: int, top: float) -> Axes:
    width, height = figure.get_size_inches()
    row, column = divmod(place, plan.n_columns)
    across, down = plan.panel(chart)
    left, lower = plan.left + column * (across + GAP), top + row * (down + GAP) + down
    axes = figure.add_axes((left / width, 1 - lower / height, across / width, (down - NAME) / height))
    axes.set_xlim(-0.5, len(chart.columns) - 0.5)
    axes.set_ylim(-0.5, len(chart.rows) - 0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    if place + plan.n_columns >= plan.n_panels:
        texts = [fit_text(value_text(level), max(plan.cell[0] - 0.06, 0.4)) for level in chart.columns]
        every = math.ceil((max(map(measure_inches, texts)) + 0.05) / plan.cell[0])
        _label(axes.xaxis, texts, every, short_name(chart.axes[0], chart.axes), room=across)
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


def _fill(axes: Axes, chart: _Map, cells: Cells, *, colours: ColourScale, content: str) -> None:
    for row, y in enumerate(chart.rows):
        for column, x in enumerate(chart.columns):
            cell = cells.get((repr(y), repr(x)))
            if cell is None or not cell.finished:
                hatched = {"facecolor": "white", "edgecolor": "#BBBBBB", "linewidth": 0, "hatch": "////"}
                axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **hatched))  # type: ignore[arg-type]
            else:
                colour = {"facecolor": colours.shade(cell.mean), "edgecolor": "white", "linewidth": 0.8}
                axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **colour))  # type: ignore[arg-type]
            if cell is not None and content:
                _write(axes, (column, row), cell, colours=colours, content=content)
            if cell is chart.best:
                frame = {"fill": False, "edgecolor": COLOURS[1], "linewidth": 2, "zorder": 4}
                axes.add_patch(Rectangle((column - 0.485, row - 0.485), 0.97, 0.97, **frame))  # type: ignore[arg-type]


def _write(
    axes: Axes, place: tuple[int, int], cell: EstimatedConfiguration, *, colours: ColourScale, content: str
) -> None:
    if not cell.finished:
        plate = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        text = f"{cell.n_failed}{FAILED}" if cell.n_failed else "…"
        axes.text(*place, text, ha="center", va="center", fontsize=POINTS, zorder=3, bbox=plate)
        return
    letters = letters_on(colours.shade(cell.mean))
    lines = "\n".join(_lines(cell, content))
    axes.text(*place, lines, ha="center", va="center", fontsize=POINTS, color=letters, zorder=3, linespacing=1.0)


def _lines(cell: EstimatedConfiguration, content: str) -> list[str]:
    failed = f"{cell.n_failed}{FAILED}" if cell.n_failed else ""
    numbers = {
        "mean": _three(cell.mean),
        "interval": _write_interval(cell),
        "count": f"n={len(cell.finished)} {failed}".strip(),
    }
    lines = [numbers[word] for word in content.split()]
    return lines if "count" in content or not failed else [*lines, failed]


def _write_interval(cell: EstimatedConfiguration) -> str:
    """Write where an interval begins and ends, or half of it if its middle is the mean."""
    if math.isnan(cell.low):
        return NO_INTERVAL
    if cell.is_alike:  # an interval without width says no more than that the results are alike
        return ALIKE
    half = (cell.high - cell.low) / 2
    if not _three(half).strip("0."):  # three decimals would make it nothing
        return f"±{half:.1g}"
    if math.isclose(cell.high - cell.mean, cell.mean - cell.low, rel_tol=1e-9):
        return f"±{_three(half)}"
    ends = (_three(end) for end in (cell.low, cell.high))
    low, high = (end[0] if end in ("0.000", "1.000") else end.removeprefix("0") for end in ends)
    return f"{low}{DASH}{high}"


def _three(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"


def _notes(runs: pd.DataFrame, chart: _Map, plan: _Plan, n_hidden: int) -> list[str]:
    cells = [cell for panel in chart.panels.values() for cell in panel.values()]
    kind = chart.best.kind
    notes = [
        CONTENTS[plan.content].format(metric_text(chart.metric), kind),
        f"Framed: the best mean, {_three(chart.best.mean)}.",
    ]
    if "interval" in plan.content and any(cell.has_no_interval for cell in cells):
        notes.append(f"{NO_INTERVAL}: one {kind} has no interval.")
    if "interval" in plan.content and any(cell.is_alike for cell in cells):
        notes.append(f"{ALIKE}: the same result with every {kind}.")
    if n_failed := sum(cell.n_failed for cell in cells):
        guessing = "; they count as guessing" * any(len(cell.values) > len(cell.finished) > 0 for cell in cells)
        notes.append(f"{FAILED}: runs without a result, {n_failed} in all{guessing}.")
    n_empty = len(chart.rows) * len(chart.columns) * len(chart.panels) - len(cells)
    if n_empty or not all(cell.finished for cell in cells):
        notes.append("Hatched: no result" + (f"; {n_empty} cells were not run." if n_empty else "."))
    if n_hidden:
        notes.append(f"{n_hidden} more panels, with lower best cells, are not shown.")
    return [" ".join(notes), selection(runs) if chart.metric == ACCURACY else ""]


def _add_bar(figure: Figure, colours: ColourScale, *, left: float, top: float, height: float) -> None:
    width, total = figure.get_size_inches()
    height = max(height, 0.4)
    box = (left / width, 1 - (top + NAME + height) / total, 0.12 / width, height / total)
    bar = figure.colorbar(colours.mappable(), cax=figure.add_axes(box))
    bar.locator = MaxNLocator(max(2, int(height / 0.25)))
    bar.formatter = FuncFormatter(lambda value, _: f"{value:.4g}")
    bar.update_ticks()
    bar.ax.tick_params(labelsize=POINTS)
