"""The reliability diagram of the best configuration: how often its networks are right when they are so sure.

What lies below the diagonal is overconfident. Beside it stands how many test examples there are of each confidence, as
a bin of a few says little.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.figure import LEAST_PANEL, NARROW, add_legend, blank, nothing, page, prepare
from nnsweep.results.plots.style import GREY, MARKERS
from nnsweep.results.statistics.evaluations import pool_best
from nnsweep.results.wording import count, fixed
from nnsweep.tracking.record import Evaluation, calibration_error

FEW = 10
"""Examples below which a bin is drawn as a hollow mark."""
FEW_CLASSES = 3
"""With so many classes at most, no confidence is low, and the axis begins where it can be."""
DIAGONAL = {"color": GREY, "linestyle": "-", "linewidth": 1.0}
KINDS = ("as trained", "calibrated")
LOOKS = tuple(
    {
        "color": COLOURS[place],
        "linestyle": ("-", "--")[place],
        "marker": MARKERS[place],
        "markersize": 5,
        "linewidth": 1.5,
    }
    for place in range(2)
)


def plot_reliability(
    runs: pd.DataFrame, evaluations: Mapping[str, Evaluation], *, metric: str | None = None, title: str = ""
) -> Figure:
    """Draw how often the best configuration is right by how confident it is, with its runs' examples in one.

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
        A panel with the share of right examples in each bin of confidence, and one with the examples of each bin. Of
        runs with ``trainer.calibrate``, both before and after their temperature is scaled.
    """
    pooled = pool_best(runs, evaluations, metric)
    if pooled is None or pooled.task != "classification":
        return nothing("no run has an evaluation of classes", title)
    kinds = pooled.reliability[: 2 if pooled.temperatures else 1]
    columns = 2 if page().width >= 2 * LEAST_PANEL else 1
    width = page().width if columns == 2 else min(NARROW, page().width)
    figure = blank(width, 0.25 * bool(title) + 2.6 * (2 // columns), title)
    share, sizes = (figure.add_subplot(2 // columns, columns, place) for place in (1, 2))
    lowest = 1 / len(pooled.names) if len(pooled.names) <= FEW_CLASSES else 0.0
    for axes, name in ((share, "share right"), (sizes, "test examples")):
        prepare(axes, "confidence", name)
        axes.set_xlim(lowest, 1.0)
    share.plot([0, 1], [0, 1], **DIAGONAL)  # type: ignore[arg-type]
    share.set_ylim(0, 1.02)
    for bins, look in zip(kinds, LOOKS, strict=False):
        _draw_shares(share, bins, look)
        edges = np.linspace(0, 1, len(bins) + 1)
        sizes.stairs(bins[:, 0], edges, color=look["color"], linestyle=look["linestyle"], linewidth=1.5)
    sizes.set_ylim(bottom=0)
    labels = [
        f"{name}: calibration error {fixed(calibration_error(bins), 3)}"
        for name, bins in zip(KINDS, kinds, strict=False)
    ]
    n = int(kinds[0][:, 0].sum())
    notes = [
        f"{pooled.label}: {count(n, 'test example')} of {count(len(pooled.members), pooled.repeat)}, in bins by the "
        "probability of the class that was predicted. Below the diagonal, confidence is too high.",
        f"Hollow: a bin of fewer than {FEW} examples." if ((kinds[..., 0] > 0) & (kinds[..., 0] < FEW)).any() else "",
    ]
    add_legend(figure, [*labels, "as often right as confident"], [*LOOKS[: len(kinds)], DIAGONAL], notes=notes)
    return figure


def _draw_shares(axes: Axes, bins: NDArray[np.floating], look: Mapping[str, object]) -> None:
    """Draw a line through the bins that have examples, at their mean confidence."""
    n, confidence, n_right = bins[bins[:, 0] > 0].T
    axes.plot(confidence / n, n_right / n, **look)  # type: ignore[arg-type]
    few = n < FEW
    hollow = {**look, "linestyle": "none", "markerfacecolor": "white", "zorder": 3}
    axes.plot((confidence / n)[few], (n_right / n)[few], **hollow)  # type: ignore[arg-type]
