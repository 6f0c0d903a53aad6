"""What the best configuration of a regression predicts, against what is true, a panel for each target."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.figure import (
    LEAST_PANEL,
    NARROW,
    POINTS,
    add_legend,
    blank,
    fit_text,
    nothing,
    page,
    prepare,
)
from nnsweep.results.plots.style import GREY
from nnsweep.results.statistics.evaluations import pool_best
from nnsweep.results.wording import count
from nnsweep.tracking.record import Evaluation

MOST_POINTS = 2000
"""Points of a panel; of more, as many are drawn at equal steps."""
MOST_TARGETS = 6
BAND = 0.9
"""The share of the errors that the band holds."""
POINT = {"color": COLOURS[0], "marker": "o", "markersize": 3, "linestyle": "none", "alpha": 0.5, "markeredgewidth": 0}
DIAGONAL = {"color": "#444444", "linewidth": 1.0}
SHADE = {"color": GREY, "linewidth": 6, "alpha": 0.4}


def plot_predictions(
    runs: pd.DataFrame, evaluations: Mapping[str, Evaluation], *, metric: str | None = None, title: str = ""
) -> Figure:
    """Draw the predictions of the best configuration on the test part against the true targets, with its runs in one.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    evaluations : mapping
        ``{run_id: Evaluation}``, as `nnsweep.load_evaluations` gives them.
    metric : str, optional
        What the configuration is best by; what the runs were trained for if not given.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each target, with a band around the diagonal that holds nine of ten errors. Where quantiles were
        predicted, the one that is nearest to the median is drawn.
    """
    pooled = pool_best(runs, evaluations, metric)
    if pooled is None or pooled.task != "regression":
        return nothing("no run has an evaluation of numbers", title)
    names = pooled.names[:MOST_TARGETS]
    columns = max(1, min(len(names), 3, int(page().width // LEAST_PANEL)))
    rows = math.ceil(len(names) / columns)
    figure = blank(page().width if columns > 1 else min(NARROW, page().width), 0.25 * bool(title) + 2.8 * rows, title)
    targets, errors = pooled.targets, pooled.errors
    for place, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, place + 1)
        prepare(axes, "true", "predicted")
        if len(pooled.names) > 1:
            axes.set_title(fit_text(name, page().width / columns - 0.7), fontsize=POINTS, parse_math=False, pad=3)
        _draw(axes, targets[:, place], errors[:, place])
    n = len(targets)
    notes = [
        f"{pooled.label}: {count(n, 'test example')} of {count(len(pooled.members), pooled.repeat)}"
        + (f", of which {MOST_POINTS:,} are drawn." if n > MOST_POINTS else "."),
        f"Not shown: {count(len(pooled.names) - MOST_TARGETS, 'more target')}."
        if len(pooled.names) > MOST_TARGETS
        else "",
    ]
    labels = ["a prediction", "as it should be", f"holds {100 * BAND:.0f} % of the errors"]
    add_legend(figure, labels, [POINT, DIAGONAL, SHADE], notes=notes)
    return figure


def _draw(axes: Axes, targets: NDArray[np.floating], errors: NDArray[np.floating]) -> None:
    """Draw the predictions of one target, the diagonal, and the band of errors around it."""
    known = np.isfinite(errors)
    targets, errors = targets[known], errors[known]
    if not len(targets):
        return
    ends = np.array([targets.min(), targets.max()])
    low, high = np.quantile(errors, [(1 - BAND) / 2, (1 + BAND) / 2])
    axes.fill_between(ends, ends + low, ends + high, color=SHADE["color"], alpha=SHADE["alpha"], linewidth=0)
    axes.plot(ends, ends, **DIAGONAL)  # type: ignore[arg-type]
    drawn = np.unique(np.linspace(0, len(targets) - 1, MOST_POINTS).astype(int))
    axes.plot(targets[drawn], (targets + errors)[drawn], **POINT)  # type: ignore[arg-type]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
