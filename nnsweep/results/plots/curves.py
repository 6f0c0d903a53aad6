"""Curves over epochs: those of one job, of the runs of a sweep, of its configurations, and of its learning rates.

A history is a frame with the columns ``epoch``, ``train_cost``, ``learning_rate`` and, where it was evaluated,
``val_accuracy`` and ``test_accuracy``, with the cost of that part by which the best epoch is chosen (``val_cost`` or
``test_cost``). What is not finite is not drawn.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nnsweep.results.factors import KINDS, choose_axes, place_level
from nnsweep.results.plots.figure import TITLE_POINTS, add_legend, blank, mark_decades, nothing, page, panelled, prepare
from nnsweep.results.plots.style import NAMED, STYLES
from nnsweep.results.statistics.intervals import bound_metric, widen_within
from nnsweep.results.statistics.summary import ACCURACY, estimate_configurations
from nnsweep.results.trend import SELECTING, take_column
from nnsweep.results.wording import metric_text
from nnsweep.text import printable

PANELS = ("train_cost", "val_cost", "test_cost", "val_accuracy", "test_accuracy", "learning_rate")
COSTS = tuple(name for name in PANELS if name.endswith("_cost"))
ACCURACIES = tuple(name for name in PANELS if name.endswith("_accuracy"))
PARTS = {"train": "training", "val": "validation", "test": "test"}
LOGARITHMIC = {**dict.fromkeys(COSTS, 10), "learning_rate": 50}  # drawn so if it spans more than this ratio
CROSS = {"marker": "x", "markersize": 7, "zorder": 3, "clip_on": False}
GREY = {"color": "#BBBBBB", "linewidth": 0.6, "zorder": 1}
LEAST_SEEDS = 3
"""How many seeds an interval of a curve needs; for two the band is from one to the other."""
RATE = "learning_rate"
ANY = " any"
"""A column of the same number for every run, which they are only gathered by."""
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
    styles: dict[str, Mapping[str, object]] = {name: STYLES[rank].line for rank, name in enumerate(order[:NAMED])}
    figure, panels = panelled([name for name in PANELS if is_present(name, histories.values())], title)
    for metric, axes in panels.items():
        for name in reversed(order):
            _draw_curve(axes, histories[name], metric, styles.get(name, GREY))
        scale(axes, metric, [take_points(history, metric)[1] for history in histories.values()])
    for name in histories if "train_cost" in panels else ():
        _mark_end(panels["train_cost"], histories[name], styles.get(name, GREY))
    legend = [*styles.items()]
    if len(order) > NAMED:
        legend.append((f"{len(order) - NAMED} others", GREY))
    if any(map(has_diverged, histories.values())):
        legend.append(("diverged", CROSS | {"linestyle": "none", "color": "black"}))
    add_legend(figure, [label for label, _ in legend], [look for _, look in legend])
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
    present = {name: [one for one in metrics if is_present(one, [history])] for name, metrics in together.items()}
    styles = {f"{part}_{name}": STYLES[rank].line for rank, part in enumerate(PARTS) for name in ("cost", "accuracy")}
    figure, panels = panelled([name for name, metrics in present.items() if metrics], title)
    for name, axes in panels.items():
        for metric in present[name]:
            _draw_curve(axes, history, metric, styles.get(metric, STYLES[0].line))
        scale(axes, present[name][0], [take_points(history, metric)[1] for metric in present[name]])
        if len(present[name]) > 1:
            axes.set_title(name, fontsize=TITLE_POINTS - 1, y=1)
    if "train_cost" in present["cost"]:
        _mark_end(panels["cost"], history, STYLES[0].line)
    parts = [part for part in PARTS if any(f"{part}_{name}" in present[name] for name in ("cost", "accuracy"))]
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
    if "train_cost" not in history.columns or not len(history):
        return False
    return not math.isfinite(take_column(history, "train_cost")[-1])


def take_points(history: pd.DataFrame, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the epochs at which a metric was evaluated, and its finite values there, none beyond `HIGHEST`."""
    values = take_column(history, metric)
    evaluated = np.isfinite(values)
    return take_column(history, "epoch")[evaluated], values[evaluated].clip(-HIGHEST, HIGHEST)


def is_present(metric: str, histories: Iterable[pd.DataFrame]) -> bool:
    """Tell whether any run has a value of a metric."""
    return any(len(take_points(history, metric)[0]) for history in histories)


def _draw_curve(axes: Axes, history: pd.DataFrame, metric: str, style: Mapping[str, object]) -> None:
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
    axes.set_title(metric_text(metric), fontsize=TITLE_POINTS - 1, y=1)  # else matplotlib looks for a place
    values = np.concatenate([*curves, np.empty(0)])
    positive = values[values > 0]
    may_be_logarithmic = metric in LOGARITHMIC and len(positive) > 0 and not (values < 0).any()
    if may_be_logarithmic and positive.max() / LOGARITHMIC[metric] > positive.min():
        axes.set_yscale("log", nonpositive="mask")
    axes.autoscale_view()
    top = 10 * max((float(curve[0]) for curve in curves if len(curve)), default=0.0)
    if metric in COSTS and len(positive) and 0 < top < axes.get_ylim()[1]:
        axes.set_ylim(0.7 * float(positive.min()), top)  # a cost that explodes leaves the panel: others stay readable
    if axes.get_yscale() == "log":
        mark_decades(axes.yaxis)


class Band(NamedTuple):
    """A mean over seeds by epoch; arrays of shape (n_epochs,)."""

    epochs: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def plot_learning_curves(
    runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame], *, metric: str = ACCURACY, title: str = ""
) -> Figure:
    """Draw costs and accuracies over the epochs, a line for each configuration.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    histories : mapping
        ``{run_id: history}``; runs without one are left out.
    metric : str
        What orders the configurations.
    title : str
        A line above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        The ten best have colour and band and are named in the legend, the others are grey. A band is the 95 % interval
        of the mean, point by point, for three or more seeds, and from the lowest to the highest one for two, and for
        folds and splits, which are not independent.
    """
    groups = estimate_configurations(runs, metric)
    run_ids = [str(run_id) for run_id in runs["run_id"]]
    members = [
        [histories[run_ids[row]] for row in group.counted.values() if run_ids[row] in histories] for group in groups
    ]
    pairs = [(group, own) for group, own in zip(groups, members, strict=True) if own]
    metrics = [name for name in PANELS if name != RATE and is_present(name, [one for _, own in pairs for one in own])]
    figure, panels = panelled(metrics, title)
    for name, axes in panels.items():
        bands = [band(own, name, are_independent=group.kind == "seed") for group, own in pairs]
        for rank, one in reversed([*enumerate(bands)]):
            _draw_band(axes, one, rank)
        scale(axes, name, [one.mean for one in bands])
    labels = []
    for group, _ in pairs[:NAMED]:
        failed = f" ({group.n_failed} of {group.n_failed + len(group.finished)} failed)" if group.n_failed else ""
        labels.append(f"{printable(group.label)}{failed}")
    strokes = [STYLES[rank].line for rank in range(len(labels))]
    if len(pairs) > NAMED:
        labels, strokes = [*labels, f"{len(pairs) - NAMED} others"], [*strokes, GREY]
    n_absent = sum(not group.finished for group in groups)
    notes = [_describe_bands(groups[0].kind, [own for _, own in pairs[:NAMED]], n_absent)] if metrics else []
    add_legend(figure, labels, strokes, notes=notes)
    return figure


def band(histories: Sequence[pd.DataFrame], metric: str, *, are_independent: bool = True) -> Band:
    """Average histories at the epochs at which every one of them was evaluated.

    Parameters
    ----------
    histories : sequence of pandas.DataFrame
        One for each seed.
    metric : str
        A column.
    are_independent : bool
        Whether they may have an interval.

    Returns
    -------
    Band
        Around the mean its interval (`nnsweep.results.statistics.intervals.estimate_mean`) for three seeds or more, the
        lower and the higher value for two; for one seed its curve alone.
    """
    curves = [dict(zip(*take_points(history, metric), strict=True)) for history in histories]
    common = sorted(set.intersection(*(set(curve) for curve in curves)))
    values = np.array([[curve[epoch] for epoch in common] for curve in curves]).reshape(len(curves), len(common))
    mean = values.mean(axis=0)
    low, high = values.min(axis=0), values.max(axis=0)
    if len(curves) >= LEAST_SEEDS and are_independent:
        from scipy import special  # its import takes longer than a picture that needs none of it

        half = special.stdtrit(len(curves) - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(len(curves))
        points, bounds = zip(mean.tolist(), half.tolist(), strict=True), bound_metric(metric)
        low, high = np.array([widen_within(*point, bounds) for point in points]).reshape(-1, 2).T
    return Band(np.array(common), mean, low, high)


def _draw_band(axes: Axes, one: Band, rank: int) -> None:
    look = STYLES[rank].line if rank < NAMED else GREY
    marker = "o" if len(one.epochs) == 1 else None
    axes.add_line(Line2D(one.epochs, one.mean, marker=marker, markersize=4, **look))  # type: ignore[arg-type]
    if rank < NAMED and (one.high > one.low).any():
        # a logarithm has no place for what is below
        low = np.maximum(one.low, one.mean.min() / 10) if one.mean.min() > 0 else one.low
        axes.fill_between(one.epochs, low, one.high, color=str(look["color"]), alpha=0.15, linewidth=0, zorder=1.5)


def _describe_bands(kind: str, members: Sequence[Sequence[pd.DataFrame]], n_absent: int) -> str:
    """Say what the bands of the named configurations are, given the histories of each."""
    counts = sorted(set(map(len, members)))
    several = [count for count in counts if count >= LEAST_SEEDS]
    notes = []
    if counts[-1] > 1 and kind != "seed":
        notes.append(f"Bands: from the lowest to the highest {kind}.")
    elif several:
        span = f"{several[0]}" if len(several) == 1 else f"{several[0]} to {several[-1]}"
        notes.append(f"Bands: 95 % interval of each mean over seeds by itself (n = {span}).")
    if 2 in counts and kind == "seed":
        notes.append("Where there are two seeds: from the lower to the higher one.")
    if any(len({float(history["epoch"].max()) for history in histories}) > 1 for histories in members):
        notes.append("A line ends with the run that stopped first.")
    if n_absent:
        notes.append(f"{n_absent} without any result are not drawn.")
    return " ".join(notes)


def plot_schedules(runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame], *, title: str = "") -> Figure:
    """Draw the learning rate over the epochs, once for each schedule.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    histories : mapping
        ``{run_id: history}``; runs without one are left out.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        Ten schedules are named, further ones grey. One that depends on how training goes has a line for each course
        it took.
    """
    courses = _find_courses(runs, histories)
    if not courses:
        return nothing("no learning rate was recorded", title)
    figure = blank(page().width, 3.2 + 0.25 * bool(title), title)
    axes = figure.subplots()
    prepare(axes, "epoch")
    styles = {label: STYLES[rank].line for rank, label in enumerate(list(courses)[:NAMED])}
    for label, lines in reversed(courses.items()):
        for history in lines:
            epochs, rates = take_points(history, RATE)
            look = styles.get(label, GREY) | ({"marker": "o", "markersize": 4} if len(rates) == 1 else {})
            axes.add_line(Line2D(epochs, rates, **look))  # type: ignore[arg-type]
    scale(axes, RATE, [take_points(history, RATE)[1] for lines in courses.values() for history in lines])
    strokes = {
        f"{label} ({len(courses[label])} courses)" if len(courses[label]) > 1 else label: look
        for label, look in styles.items()
    }
    if len(courses) > len(styles):
        strokes[f"{len(courses) - len(styles)} others"] = GREY
    add_legend(figure, list(strokes), list(strokes.values()))
    return figure


def choose_schedule_axes(runs: pd.DataFrame) -> list[str]:
    """Name the settings that make a schedule and that vary."""
    first = [name for name in ("schedule", "optimizer.learning_rate", RATE) if name in runs.columns]
    return [name for name in choose_axes(runs, first=first) if name in first or name.startswith("schedule.")]


def _find_courses(runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame]) -> dict[str, list[pd.DataFrame]]:
    """Give the different courses of each schedule; one that only stopped earlier is not another one."""
    ended = runs.drop(columns=[*KINDS, "state"], errors="ignore").assign(**{ANY: 1.0})
    groups = estimate_configurations(ended, ANY, by=choose_schedule_axes(runs))
    courses: dict[str, list[pd.DataFrame]] = {}
    for group in sorted(groups, key=lambda group: [place_level(level) for level in group.levels]):
        run_ids = runs["run_id"].iloc[list(group.counted.values())]
        of_group = [histories[run_id] for run_id in run_ids if run_id in histories]
        longest: dict[bytes, pd.DataFrame] = {}
        for history in sorted(of_group, key=lambda one: -len(take_points(one, RATE)[0])):
            rates = take_points(history, RATE)[1].tobytes()
            if rates and not any(other.startswith(rates) for other in longest):
                longest[rates] = history
        is_only = group.label == "all runs" and "schedule" in runs.columns
        if longest:
            courses[str(runs["schedule"].iloc[0]) if is_only else group.label] = [*longest.values()]
    return courses
