"""Marginal means: for each setting the mean of each of its values over the other settings, with its interval."""

import math

import pandas as pd
from matplotlib.figure import Figure

from nnsweep.results.frame import plain, take_numbers
from nnsweep.results.inputs import check_inputs
from nnsweep.results.plots.figure import LINE, POINTS, add_legend, blank, fit_text, nothing, page, prepare
from nnsweep.results.statistics.marginal_means import MarginalMeans
from nnsweep.results.statistics.summary import ACCURACY
from nnsweep.results.wording import count, metric_text, short_name, value_text

MOST = 12
"""How many values of a setting are shown; of one with more, those in the middle are left out."""
ROW = 0.2
"""Inches from row to row."""
OTHER_HEIGHT = 1.4
"""Inches that axis, legend and note need."""
DARK = "#444444"
"""Of what is no configuration."""
MEAN = {"color": DARK, "marker": "D", "markersize": 4.5, "linestyle": "-", "linewidth": 1.5}


def plot_marginal_means(levels: MarginalMeans | pd.DataFrame, *, metric: str = ACCURACY, title: str = "") -> Figure:
    """Draw what each value of a setting comes to on average over the other settings.

    Parameters
    ----------
    levels : MarginalMeans or pandas.DataFrame
        What `nnsweep.marginal_means` returns, or its ``levels``.
    metric : str
        What was averaged.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each setting's name, and one under it for each of its values.
    """
    levels = levels.levels if isinstance(levels, MarginalMeans) else levels
    check_inputs(levels=levels, metric=metric)
    names = [*dict.fromkeys(map(str, levels["factor"]))]
    if not names:
        return nothing("no setting could be averaged over the others", title)
    parts = [levels[levels["factor"] == name] for name in names]
    room = page().height - 0.25 * bool(title) - OTHER_HEIGHT
    fits = [n for n in range(MOST, 2, -2) if LINE * sum(1 + min(n, len(part)) for part in parts) <= room]
    most = max(fits, default=2)
    shown = [part if len(part) <= most else part.iloc[[*range(most // 2), *range(-most // 2, 0)]] for part in parts]
    labels: list[str] = []
    n_rows = len(names) + sum(map(len, shown))
    height = min(ROW * n_rows, max(LINE * n_rows, room))
    figure = blank(page().width, 0.75 + 0.25 * bool(title) + height, title)
    axes = figure.subplots()
    prepare(axes, metric_text(metric))
    for name, part in zip(names, shown, strict=True):
        labels.append(fit_text(short_name(name, names), page().width * 0.38))
        numbers = (take_numbers(part, end) for end in ("mean", "low", "high"))
        for row, (mean, low, high) in enumerate(zip(*numbers, strict=True), start=len(labels)):
            if not math.isnan(low):
                axes.plot([low, high], [row, row], color=MEAN["color"], linewidth=1.5)
            axes.plot([mean], [row], **(MEAN | {"linestyle": "none"}))  # type: ignore[arg-type]
        labels += [fit_text(value_text(value), page().width * 0.38) for value in plain(part["level"])]
    axes.set_yticks(range(len(labels)), labels, fontsize=POINTS, parse_math=False)
    headings = [sum(len(part) + 1 for part in shown[:place]) for place in range(len(shown))]
    for row in headings:
        axes.axhspan(row - 0.5, row + 0.5, color="#EEEEEE", linewidth=0, zorder=0)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    n_hidden = sum(map(len, parts)) - sum(map(len, shown))
    are = "is" if n_hidden == 1 else "are"
    hidden = f" {count(n_hidden, 'value')} in the middle {are} not shown." if n_hidden else ""
    note = f"The intervals hold at once for all values of a setting.{hidden}"
    add_legend(figure, ["mean over other settings, with its interval"], [MEAN], notes=[note])
    return figure
