"""Learning curves: pictures of what happened epoch by epoch, for one job or for a sweep.

A history is a frame with the columns ``epoch``, ``train_cost``, ``learning_rate`` and, where it was evaluated,
``val_accuracy`` and ``test_accuracy``, with the cost of that part by which the best epoch is chosen (``val_cost`` or
``test_cost``); what is not finite is not drawn.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nnsweep.results.plots.figure import NAMED, TITLE_POINTS, add_legend, panelled, stroke
from nnsweep.results.statistics.trend import SELECTING
from nnsweep.results.wording import metric_text

PANELS = ("train_cost", "val_cost", "test_cost", "val_accuracy", "test_accuracy", "learning_rate")
COSTS = tuple(name for name in PANELS if name.endswith("_cost"))
ACCURACIES = tuple(name for name in PANELS if name.endswith("_accuracy"))
PARTS = {"train": "training", "val": "validation", "test": "test"}
LOGARITHMIC = {**dict.fromkeys(COSTS, 10), "learning_rate": 50}  # drawn so if it spans more than this ratio
CROSS = {"marker": "x", "markersize": 7, "zorder": 3, "clip_on": False}
GREY = {"color": "#BBBBBB", "linewidth": 0.6, "zorder": 1}
HIGHEST = 1e30  # what a panel can still place on its axis without overflow


def learning_curves(histories: Mapping[str, pd.DataFrame], *, title: str = "") -> Figure:
    """Draw the histories of a sweep: a panel for each quantity, a line for each run.

    Parameters
    ----------
    histories : mapping
        ``{name of the run: history}``.
    title : str
        A line above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        The ten best runs, by their highest validation accuracy or else test accuracy, are named in the legend from
        the best down; further ones are grey. A cross marks the last cost of a run that diverged.
    """
    order = sorted(histories, key=lambda name: -_score(histories[name]))
    styles = {name: stroke(rank) for rank, name in enumerate(order[:NAMED])}
    figure, panels = panelled([name for name in PANELS if is_present(name, histories)], title)
    for metric, axes in panels.items():
        for name in reversed(order):
            _draw(axes, histories[name], metric, styles.get(name, GREY))
        scale(axes, metric, [take_points(history, metric)[1] for history in histories.values()])
    for name in histories if "train_cost" in panels else ():
        _mark_end(panels["train_cost"], histories[name], styles.get(name, GREY))
    add_legend(figure, *_entries(styles, list(histories.values())))
    return figure


def job_curves(history: pd.DataFrame, title: str = "") -> Figure:
    """Draw one job's history: costs together, accuracies together, learning rate.

    Parameters
    ----------
    history : pandas.DataFrame
        The job's history.
    title : str
        A line above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        One line a quantity.
    """
    together = {"cost": COSTS, "accuracy": ACCURACIES, "learning rate": ("learning_rate",)}
    drawn = {name: [one for one in metrics if is_present(one, {"": history})] for name, metrics in together.items()}
    styles = {f"{part}_{name}": stroke(rank) for rank, part in enumerate(PARTS) for name in ("cost", "accuracy")}
    figure, panels = panelled([name for name, metrics in drawn.items() if metrics], title)
    for name, axes in panels.items():
        for metric in drawn[name]:
            _draw(axes, history, metric, styles.get(metric, stroke(0)))
        scale(axes, drawn[name][0], [take_points(history, metric)[1] for metric in drawn[name]])
        if len(drawn[name]) > 1:
            axes.set_title(name, fontsize=TITLE_POINTS - 1)
    if "train_cost" in drawn["cost"]:
        _mark_end(panels["cost"], history, stroke(0))
    parts = [part for part in PARTS if any(f"{part}_{name}" in drawn[name] for name in ("cost", "accuracy"))]
    add_legend(figure, [PARTS[part] for part in parts], [styles[f"{part}_cost"] for part in parts])
    return figure


def _score(history: pd.DataFrame) -> float:
    """Rate a run by its best accuracy; one that diverged comes after all others."""
    if has_diverged(history):
        return -math.inf
    for metric in SELECTING:
        values = take_points(history, metric)[1]
        if len(values):
            return float(values.max())
    return -1.0


def has_diverged(history: pd.DataFrame) -> bool:
    """Tell whether a run ended with a cost that is not finite."""
    costs = _values(history, "train_cost")
    return len(costs) > 0 and not math.isfinite(costs[-1])


def _values(history: pd.DataFrame, metric: str) -> NDArray[np.float64]:
    if metric not in history.columns:
        return np.empty(0)
    return history[metric].to_numpy(dtype=np.float64, na_value=np.nan)


def take_points(history: pd.DataFrame, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the epochs at which a metric was evaluated, and its finite values there, none beyond `HIGHEST`."""
    values = _values(history, metric)
    evaluated = np.isfinite(values)
    if not len(values):
        return values, values
    return _values(history, "epoch")[evaluated], values[evaluated].clip(-HIGHEST, HIGHEST)


def is_present(metric: str, histories: Mapping[str, pd.DataFrame]) -> bool:
    """Tell whether any run has a value of a metric."""
    return any(len(take_points(history, metric)[0]) for history in histories.values())


def _draw(axes: Axes, history: pd.DataFrame, metric: str, style: Mapping[str, object]) -> None:
    epochs, values = take_points(history, metric)
    marker = "o" if len(values) == 1 else None
    axes.add_line(Line2D(epochs, values, marker=marker, markersize=4, **dict(style)))  # type: ignore[arg-type]


def _mark_end(axes: Axes, history: pd.DataFrame, style: Mapping[str, object]) -> None:
    """Put a cross where a diverged run ended, at the panel's edge if its cost left the panel."""
    epochs, costs = take_points(history, "train_cost")
    if len(costs) and has_diverged(history):
        top = axes.get_ylim()[1]
        line = Line2D(epochs[-1:], [min(float(costs[-1]), top)], **CROSS, color=style["color"])  # type: ignore[arg-type]
        axes.add_line(line)


def scale(axes: Axes, metric: str, curves: Sequence[NDArray[np.float64]]) -> None:
    """Name a panel, and choose the scale on which all its curves can be read."""
    axes.set_title(metric_text(metric), fontsize=TITLE_POINTS - 1)
    values = np.concatenate([*curves, np.empty(0)])
    if _wants_logarithm(metric, values):
        axes.set_yscale("log", nonpositive="mask")
    axes.autoscale_view()
    if metric in COSTS:
        _limit_cost(axes, values, [curve[0] for curve in curves if len(curve)])


def _wants_logarithm(metric: str, values: NDArray[np.float64]) -> bool:
    positive = values[values > 0]
    if not len(positive) or (values < 0).any():
        return False
    return metric in LOGARITHMIC and bool(positive.max() / LOGARITHMIC[metric] > positive.min())


def _limit_cost(axes: Axes, values: NDArray[np.float64], first: Sequence[float]) -> None:
    """Let a cost that explodes leave the panel at the top instead of flattening all others."""
    top = 10 * max(first, default=0.0)
    positive = values[values > 0]
    if 0 < top < axes.get_ylim()[1] and len(positive):
        axes.set_ylim(0.7 * float(positive.min()), top)


def _entries(
    styles: Mapping[str, Mapping[str, object]], histories: Sequence[pd.DataFrame]
) -> tuple[list[str], list[Mapping[str, object]]]:
    """Give the legend's labels and strokes: the named runs, the grey ones together, what a cross means."""
    labels, strokes = list(styles), list(styles.values())
    if len(histories) > len(styles):
        labels.append(f"{len(histories) - len(styles)} others")
        strokes.append(GREY)
    if any(map(has_diverged, histories)):
        labels.append("diverged")
        strokes.append(CROSS | {"linestyle": "none", "color": "black"})
    return labels, strokes
