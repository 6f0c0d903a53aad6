"""The confusion matrix of the best configuration: which classes its networks take for which, summed over its runs.

Of several labels, each has a row of its own.
What is right stands on grey, and only mistakes have colours, since those are what a reader looks for. Of many classes,
those with the most mistakes are shown.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from nnsweep.results.plots.drawing import SCALE
from nnsweep.results.plots.figure import (
    LINE,
    NARROW,
    POINTS,
    blank,
    fit_text,
    measure_inches,
    nothing,
    page,
    wrap_text,
)
from nnsweep.results.plots.style import COLOUR_MAP, LIGHTEST, Shade, letters_on
from nnsweep.results.statistics.evaluations import PooledEvaluation, pool_best
from nnsweep.results.wording import count, percent
from nnsweep.tracking.record import Evaluation

MOST = 40
"""Classes that a picture has room for."""
WIDE_CELL, EASY_CELL = 1.0, 0.5
"""Inches of a cell at most where names are long, and of one that has room for a share under its count."""
HIGH_CELL = 0.62
"""Inches of a cell at most from top to bottom, and from side to side where names are short."""
RIGHT = 0.15
"""Inches at the right of the cells."""
LONGEST_NAME = 0.25
"""The share of a page's width that the name of a class may take."""
GROUND: Shade = (0.91, 0.91, 0.91)
"""Of what is right: in no picture does it mean a number."""
_SHADES = LinearSegmentedColormap.from_list("mistakes", mpl.colormaps[COLOUR_MAP](np.linspace(LIGHTEST, 0, 64)))


class _Matrix(NamedTuple):
    """What is drawn: counts with the names of rows and columns, and what share of a row each of them is."""

    counts: NDArray[np.integer]
    rows: Sequence[str]
    columns: Sequence[str]
    is_right: NDArray[np.bool_]
    names: tuple[str, str]
    shares: NDArray[np.floating]
    notes: Sequence[str]

    @property
    def worst(self) -> float:
        """The largest share of a mistake."""
        return float(self.shares[~self.is_right].max(initial=0.0))


class _Layout(NamedTuple):
    """Where the cells of a matrix are, in inches: their size, the room beside and below them, and what is in them."""

    cell: tuple[float, float]
    left: float
    below: float
    is_turned: bool
    content: str


def plot_confusion(
    runs: pd.DataFrame, evaluations: Mapping[str, Evaluation], *, metric: str | None = None, title: str = ""
) -> Figure:
    """Draw the confusion matrix of the best configuration at its runs' best epochs, summed over the runs.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    evaluations : mapping
        ``{run_id: Evaluation}``, as `nnsweep.load_evaluations` gives them.
    metric : str, optional
        What the configuration is best by.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each true class and a column for what it was taken for; or for each label how often it was found,
        missed, a false alarm and rightly left out. A cell holds a count, and the share of its row
        where there is room; the colour of a mistake is that share.
    """
    pooled = pool_best(runs, evaluations, metric)
    if pooled is None:
        return nothing("no run has an evaluation", title)
    if pooled.task == "regression":
        return nothing("numbers are not taken for each other", title)
    matrix = _list_labels(pooled) if pooled.task == "multilabel" else _choose_classes(pooled)
    layout = _lay_out(matrix, title)
    has_bar = "count" not in layout.content and matrix.worst > 0
    across, down = layout.cell[0] * len(matrix.columns), layout.cell[1] * len(matrix.rows)
    width = max(layout.left + across + RIGHT, min(NARROW, page().width))
    notes = wrap_text([" ".join([*matrix.notes, _describe_content(matrix, layout)])], width - 0.3)
    top, bar = 0.1 + 0.25 * bool(title), 0.55 * has_bar
    height = top + down + layout.below + bar + LINE * len(notes) + 0.16
    figure = blank(width, height, title)
    box = (layout.left / width, 1 - (top + down) / height, across / width, down / height)
    _fill(figure.add_axes(box), matrix, layout)
    if has_bar:
        colours = ScalarMappable(Normalize(0, 100 * matrix.worst), _SHADES)
        place = (layout.left / width, (LINE * len(notes) + 0.45) / height, across / width, 0.12 / height)
        scale = figure.colorbar(colours, cax=figure.add_axes(place, label=SCALE), orientation="horizontal")
        scale.ax.tick_params(labelsize=POINTS)
        scale.set_label("% of the true class", fontsize=POINTS)
    figure.text(0.15 / width, 0.08 / height, "\n".join(notes), fontsize=POINTS, va="bottom", parse_math=False)
    return figure


def _choose_classes(pooled: PooledEvaluation) -> _Matrix:
    """Choose what is shown of the summed matrices: of many classes, those with most mistakes, in their order."""
    counts, names = pooled.confusion, pooled.names
    n, n_right = int(counts.sum()), int(counts.trace())
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    shown = np.sort(np.argsort(-mistakes, kind="stable")[:MOST])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    notes = [
        f"{pooled.label}: {count(n, 'test example')} of {count(len(pooled.members), pooled.repeat)}, "
        f"{percent(n_right / n) if n else 'none'} right.",
        "A row is a true class, a column what it was taken for; shares are of the row.",
    ]
    if len(shown) < len(names):
        notes.append(f"Shown are the {len(shown)} of {len(names)} classes with the most mistakes.")
    chosen = [names[place] for place in shown]
    cells = np.ix_(shown, shown)
    is_right = np.eye(len(shown), dtype=bool)
    return _Matrix(counts[cells], chosen, chosen, is_right, ("taken for", "true class"), shares[cells], notes)


def _list_labels(pooled: PooledEvaluation) -> _Matrix:
    """Lay out what became of several labels: of many, those that are most often wrong, in their order."""
    cells = pooled.confusion
    mistakes = cells[:, 1, 0] + cells[:, 0, 1]
    shown = np.sort(np.argsort(-mistakes, kind="stable")[:MOST])
    sizes = np.maximum(cells.sum(axis=2, keepdims=True), 1)
    places = ((1, 1), (1, 0), (0, 1), (0, 0))
    counts, shares = (
        np.stack([array[shown, row, column] for row, column in places], axis=1) for array in (cells, cells / sizes)
    )
    notes = [
        f"{pooled.label}: {count(len(pooled.members), pooled.repeat)}. The share of what was found or missed is of the "
        "examples with the label, the other one of those without."
    ]
    if len(shown) < len(pooled.names):
        notes.append(f"Shown are the {len(shown)} of {len(pooled.names)} labels with the most mistakes.")
    columns = ["found", "missed", "false alarm", "rightly not"]
    is_right = np.tile([True, False, False, True], (len(shown), 1))
    return _Matrix(counts, [pooled.names[place] for place in shown], columns, is_right, ("", "label"), shares, notes)


def _lay_out(matrix: _Matrix, title: str) -> _Layout:
    """Find cells as large as the page allows, and what there is room for in them."""
    longest = max(map(measure_inches, matrix.rows), default=0.0)
    left = 0.44 + min(longest, LONGEST_NAME * page().width)
    widest = max(map(measure_inches, matrix.columns), default=0.0) + 0.06
    easy = min(WIDE_CELL, max(HIGH_CELL, widest))
    width = min(easy, (page().width - left - RIGHT) / len(matrix.columns))
    is_turned = widest > width
    below = 0.32 + (min(longest, LONGEST_NAME * page().width) if is_turned else LINE)
    room = page().height - 0.25 * bool(title) - below - (0.26 + 4 * LINE)
    height = min(width, HIGH_CELL, room / len(matrix.rows))
    numbers = max(measure_inches(f"{n:,}") for n in (*matrix.counts[~matrix.is_right], 0))
    content = ""
    if numbers + 0.04 <= width and height >= LINE:
        content = "count share" if min(width, height + 0.2) >= EASY_CELL else "count"
    return _Layout((width, height), left, below, is_turned, content)


def _fill(axes: Axes, matrix: _Matrix, layout: _Layout) -> None:
    axes.set_xlim(-0.5, len(matrix.columns) - 0.5)
    axes.set_ylim(len(matrix.rows) - 0.5, -0.5)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=POINTS)
    across, down = layout.cell
    beside, lying = layout.left - 0.42, max(across - 0.04, 0.3)
    widest = max(min(measure_inches(name), lying) for name in matrix.columns) + 0.04
    below, crowding = (layout.below - 0.3, LINE / across) if layout.is_turned else (lying, widest / across)
    _label(axes.xaxis, matrix.columns, crowding, below, matrix.names[0])
    _label(axes.yaxis, matrix.rows, LINE / down, beside, matrix.names[1])
    axes.tick_params(axis="x", rotation=90 if layout.is_turned else 0)
    worst = matrix.worst or 1.0
    for (row, column), n in np.ndenumerate(matrix.counts):
        share, is_right = float(matrix.shares[row, column]), bool(matrix.is_right[row, column])
        red, green, blue, _ = _SHADES(share / worst)
        shade = GROUND if is_right else (red, green, blue) if n else (1.0, 1.0, 1.0)
        edge = {"edgecolor": "white" if n or is_right else "#E5E5E5", "linewidth": 0.8}
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=shade, **edge))  # type: ignore[arg-type]
        text = f"{n:,}\n{percent(share)}" if "share" in layout.content else f"{n:,}" * bool(layout.content)
        if n and measure_inches(text.partition("\n")[0]) <= across - 0.02:
            place = {"ha": "center", "va": "center", "fontsize": POINTS, "linespacing": 1.0}
            axes.text(column, row, text, color=letters_on(shade), **place)  # type: ignore[arg-type]


def _label(axis: Axis, names: Sequence[str], crowding: float, room: float, name: str) -> None:
    """Name rows or columns, or every second, third, ... of them, so that their names do not touch."""
    every = max(1, math.ceil(crowding))
    texts = [fit_text(text, room) for text in names[::every]]
    axis.set_ticks(range(0, len(names), every), texts, parse_math=False, fontsize=POINTS)
    axis.labelpad = 2
    axis.set_label_text(name, fontsize=POINTS)


def _describe_content(matrix: _Matrix, layout: _Layout) -> str:
    """Say what numbers and colours are."""
    if not matrix.worst:
        return "There is no mistake."
    numbers = {"count share": "In a cell: the count, and its share.", "count": "In a cell: the count."}
    colours = "The darker a mistake, the larger its share"
    darkest = (
        f"{colours}, {percent(matrix.worst)} at most." if layout.content else f"{colours}; there is no room for counts."
    )
    return " ".join([*([numbers[layout.content]] if layout.content else []), darkest])
