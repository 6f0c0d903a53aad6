"""The spread over repeats: a dot for every run, the mean and its interval, the best settings first."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnsweep.results.frame import selection
from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.figure import POINTS, add_legend, blank, fit_text, nothing, page, prepare
from nnsweep.results.statistics.summary import ACCURACY, EstimatedConfiguration, estimate_configurations
from nnsweep.results.wording import metric_text

MOST = 30
DOT = {"color": COLOURS[5], "marker": "o", "markersize": 4, "linestyle": "none", "alpha": 0.8, "zorder": 2}
MEAN = {"color": COLOURS[0], "marker": "D", "markersize": 4.5, "linestyle": "-", "linewidth": 1.5, "zorder": 3}
FAILED = {"color": COLOURS[1], "marker": "x", "markersize": 5, "linestyle": "none", "zorder": 3}


def plot_seeds(runs: pd.DataFrame, *, metric: str = ACCURACY, most: int = MOST, title: str = "") -> Figure:
    """Draw what every repeat (seed, fold, split) came to, a row for each combination of settings.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str
        What came out.
    most : int
        How many rows there are at most; a note says how many are not shown.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        The highest mean at the top. A cross at the left edge, with their number, stands for runs without a result.
    """
    groups = estimate_configurations(runs, metric)
    if not groups:
        return nothing("no runs", title)
    best = groups[:most]
    figure = blank(page().width, 0.75 + 0.25 * bool(title) + 0.2 * len(best), title)
    axes = figure.subplots()
    prepare(axes, metric_text(metric))
    _draw(axes, best)
    labels = [fit_text(group.label, page().width * 0.42) for group in best]
    axes.set_yticks(np.arange(len(best)), labels, fontsize=POINTS, parse_math=False)
    axes.set_ylim(len(best) - 0.4, -0.6)
    strokes = {"mean and simultaneous 95 % interval": MEAN, "one run": DOT}
    if any(group.n_failed for group in best):
        strokes["runs without a result"] = FAILED
    n_hidden = len(groups) - len(best)
    notes = [
        f"The best {len(best)} of {len(groups)}; {n_hidden} are not shown." if n_hidden else "",
        f"One {best[0].kind} has no interval." if any(group.has_no_interval for group in best) else "",
        "A failed run counts as guessing in its mean."
        if any(len(group.values) > len(group.finished) > 0 for group in best)
        else "",
        selection(runs) if metric == ACCURACY else "",
    ]
    add_legend(figure, list(strokes), list(strokes.values()), notes=notes)
    return figure


def _draw(axes: Axes, groups: Sequence[EstimatedConfiguration]) -> None:
    """Draw a row for each configuration; a strip at the left edge is kept free for those with failed runs."""
    for row, group in enumerate(groups):
        axes.plot(group.finished, np.full(len(group.finished), row), **DOT)  # type: ignore[arg-type]
        if not group.finished:
            continue
        if not math.isnan(group.low):
            axes.plot([group.low, group.high], [row, row], color=MEAN["color"], linewidth=1.5, zorder=3)
        axes.plot([group.mean], [row], **(MEAN | {"linestyle": "none"}))  # type: ignore[arg-type]
    if not any(group.finished for group in groups):
        axes.set_xlim(0, 1)
    if not any(group.n_failed for group in groups):
        return
    low, high = axes.get_xlim()
    axes.set_xlim(low - 0.1 * (high - low), high)
    strip = axes.get_yaxis_transform()
    for row, group in enumerate(groups):
        if group.n_failed:
            axes.plot([0.02], [row], transform=strip, **FAILED)  # type: ignore[arg-type]
            axes.text(0.04, row, str(group.n_failed), transform=strip, va="center", fontsize=POINTS)
