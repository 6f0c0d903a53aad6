"""Curves over epochs: those of one job, of the runs of a sweep, and of its configurations.

A panel shows the best from where they have settled on, as `nnsweep.results.plots.spans` chooses it; notes tell of what
lies outside.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import (
    PARTS,
    measure_text,
    metric_text,
    name_measure,
    smaller_is_better,
    split_metric,
)
from nnsweep.results.plots.bands import (
    COSTS,
    RATE,
    Band,
    band,
    describe_bands,
    is_present,
    list_panels,
    take_points,
)
from nnsweep.results.plots.figure import TITLE_POINTS, add_legend, panelled
from nnsweep.results.plots.spans import View, apply_view, choose_view, describe_outside, is_band_cut, join_outside
from nnsweep.results.plots.style import OTHERS, Style, style_configurations, style_levels, tag
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.summary import estimate_configurations
from nnsweep.results.trend import find_selecting_curve, take_column
from nnsweep.text import printable

CROSS = {"marker": "x", "markersize": 7, "zorder": 3, "clip_on": False}


class CurveGroup(NamedTuple):
    """The histories that one line is the mean of, and how it looks.

    Attributes
    ----------
    histories : sequence of pandas.DataFrame
        One for each seed.
    style : Style
        Of the line; those in `OTHERS` do not choose what a panel shows.
    place : int or None
        The place of its configuration among all; None if it is none.
    are_independent : bool
        Whether they may have an interval.
    """

    histories: Sequence[pd.DataFrame]
    style: Style
    place: int | None = None
    are_independent: bool = True


def learning_curves(
    histories: Mapping[str, pd.DataFrame],
    *,
    groups: Mapping[str, Collection[str]] | None = None,
    measure: str | None = None,
    title: str = "",
) -> Figure:
    """Draw the histories of a sweep: a panel for each quantity, a line for each run.

    Parameters
    ----------
    histories : mapping
        ``{name of the run: history}``.
    groups : mapping, optional
        ``{label of a configuration: names of its runs}``, the best first; names without a history are skipped. By
        default every run is one of its own, ordered by its best value of the measure on validation or else test.
    measure : str, optional
        The measure that has panels beside the costs; accuracy if not given, or RMSE where there is none.
    title : str
        A line above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        The best eight configurations have a colour and are named in the legend; further ones are grey. A cross marks
        the last cost of a run that diverged.
    """
    if groups is None:
        groups = {name: [name] for name in sorted(histories, key=lambda name: -_score(histories[name], measure))}
    styles = style_configurations([*groups])
    drawn = [
        (label, CurveGroup([histories[name]], styles[label], place))
        for place, (label, names) in enumerate(groups.items())
        for name in sorted(histories.keys() & names, key=lambda name: (-_score(histories[name], measure), name))
    ]
    lines = [line for _, line in drawn]
    figure, panels = panelled(list_panels(histories.values(), measure), title)
    outside = draw_panels(panels, lines, "run")
    for line in lines if "train_cost" in panels else ():
        _mark_end(panels["train_cost"], line.histories[0], line.style)
    legend = {label: line.style.line for label, line in drawn if line.style != OTHERS}
    if n_others := sum(line.style == OTHERS for line in lines):
        legend[f"{n_others} others"] = OTHERS.line
    if any(map(has_diverged, histories.values())):
        legend["diverged"] = CROSS | {"linestyle": "none", "color": "black"}
    add_legend(figure, [*legend], [*legend.values()], notes=[outside])
    return figure


def job_curves(history: pd.DataFrame, title: str = "") -> Figure:
    """Draw one job's history: costs together, each measure on both parts, learning rate.

    Parameters
    ----------
    history : pandas.DataFrame
        The job's history.
    title : str
        A line above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        One line a quantity; the parts of the data have shades of their own, which are those of no configuration.
    """
    measures = [name.measure for name in map(split_metric, history.columns) if name is not None]
    kept = dict.fromkeys(one for one in measures if one != "cost" and not one.startswith("weighted_"))
    together: dict[str, tuple[str, ...]] = {"cost": COSTS} | {
        measure_text(one): (f"val_{one}", f"test_{one}") for one in kept
    }
    together["learning rate"] = (RATE,)
    present = {name: [one for one in metrics if is_present(one, [history])] for name, metrics in together.items()}
    styles = dict(zip(PARTS, style_levels([*PARTS]), strict=True))
    figure, panels = panelled([name for name, metrics in present.items() if metrics], title)
    outside = []
    for name, axes in panels.items():
        bands = [band([history], metric) for metric in present[name]]
        for one, metric in zip(bands, present[name], strict=True):
            _draw_band(axes, one, styles.get(metric.partition("_")[0], styles["train"]), None)
        view = choose_view(present[name][0], bands, bands)
        _finish_panel(axes, name if len(bands) > 1 else metric_text(present[name][0]), view)
        outside.append(_describe_outside(present[name][0], name, view, bands, "curve"))
    if "train_cost" in present["cost"]:
        _mark_end(panels["cost"], history, styles["train"])
    drawn = {metric for metrics in present.values() for metric in metrics}
    parts = [part for part in PARTS if any(metric.startswith(f"{part}_") for metric in drawn)]
    legend = {PARTS[part]: styles[part].line for part in parts}
    add_legend(figure, [*legend], [*legend.values()], notes=[join_outside(outside)])
    return figure


def _score(history: pd.DataFrame, measure: str | None) -> float:
    """Rate a run by the best value of its measure; one without any and one that diverged come after all others."""
    values = find_selecting_curve(history, measure).values
    return float(values.max()) if len(values) and not has_diverged(history) else -math.inf


def has_diverged(history: pd.DataFrame) -> bool:
    """Tell whether a run ended with a cost that is not finite."""
    if "train_cost" not in history.columns or not len(history):
        return False
    return not math.isfinite(take_column(history, "train_cost")[-1])


def plot_learning_curves(
    runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame], *, metric: str | None = None, title: str = ""
) -> Figure:
    """Draw costs and the measure over the epochs, a line for each configuration.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    histories : mapping
        ``{run_id: history}``; runs without one are left out.
    metric : str, optional
        What orders the configurations; its measure has panels beside the costs.
    title : str
        A line above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        The eight best have colour and band and are named in the legend, the others are grey. A band is the 95 %
        interval of the mean, point by point, for three or more seeds, and from the lowest to the highest one for two,
        and for folds and splits, which are not independent. Measures and costs are shown from where the best have
        settled on.
    """
    check_inputs(["run_id"], runs=runs, histories=histories, metric=metric)
    metric = choose_metric(runs, metric)
    groups = estimate_configurations(runs, metric)
    styles = style_configurations([group.label for group in groups])
    run_ids = [str(run_id) for run_id in runs["run_id"]]
    labels, lines = [], []
    for place, group in enumerate(groups):
        own = [histories[run_ids[row]] for row in group.counted.values() if run_ids[row] in histories]
        failed = f" ({group.n_failed} of {group.n_failed + len(group.finished)} failed)" if group.n_failed else ""
        if own:
            labels.append(f"{printable(group.label)}{failed}")
            lines.append(CurveGroup(own, styles[group.label], place, group.kind == "seed"))
    all_histories = [one for line in lines for one in line.histories]
    names = [name for name in list_panels(all_histories, name_measure(metric)) if name != RATE]
    figure, panels = panelled(names, title)
    notes = [draw_panels(panels, lines, "configuration")]
    if panels:
        n_absent = sum(not group.finished for group in groups)
        named = [line.histories for line in lines if line.style != OTHERS]
        notes = [describe_bands(groups[0].kind, named or [line.histories for line in lines], n_absent), *notes]
    legend = [(label, line.style.line) for label, line in zip(labels, lines, strict=True) if line.style != OTHERS]
    if n_others := len(lines) - len(legend):
        legend.append((f"{n_others} others", OTHERS.line))
    add_legend(figure, [label for label, _ in legend], [look for _, look in legend], notes=notes)
    return figure


def draw_panels(panels: Mapping[str, Axes], lines: Sequence[CurveGroup], noun: str) -> str:
    """Draw lines into a panel for each metric.

    Parameters
    ----------
    panels : mapping
        ``{metric: axes}``.
    lines : sequence of CurveGroup
        The best first; those that have a style of their own choose what the panels show.
    noun : str
        What a line is of: ``configuration``, ``run``, ….

    Returns
    -------
    str
        A sentence on what lies outside the panels.
    """
    outside, cut = [], set()
    alike: dict[str, list[str]] = {}  # panels that show the same range, so that they can be compared
    for metric in panels:
        name = split_metric(metric)
        alike.setdefault(name.measure if name and name.part != "train" else metric, []).append(metric)
    for measure, present in alike.items():
        bands = {metric: [_make_band(line, metric) for line in lines] for metric in present}
        everything = [(one, line) for metric in present for one, line in zip(bands[metric], lines, strict=True)]
        leading = [one for one, line in everything if line.style != OTHERS]
        drawn = [one for one, _ in everything]
        view = choose_view(present[0], leading or drawn, drawn)
        for metric in present:
            for one, line in reversed([*zip(bands[metric], lines, strict=True)]):
                _draw_band(panels[metric], one, line.style, line.place)
            _finish_panel(panels[metric], metric_text(metric), view)
            cut |= {place for place, one in enumerate(bands[metric]) if is_band_cut(one, view)}
        text = metric_text(present[0]) if len(present) == 1 else measure_text(measure)
        outside.append(_describe_outside(present[0], text, view, bands[present[-1]], noun))
    return join_outside(outside, len(cut))


def _describe_outside(metric: str, name: str, view: View | None, bands: Sequence[Band], noun: str) -> str:
    """Say what lies outside a panel on the side on which it lies: above of costs and learning rates."""
    is_smaller_better = metric == RATE or smaller_is_better(metric)
    return describe_outside(name, view, bands, noun, is_smaller_better=is_smaller_better)


def _make_band(line: CurveGroup, metric: str) -> Band:
    """Average the histories of a line; one that is grey has no band."""
    one = band(line.histories, metric, are_independent=line.are_independent)
    return one._replace(low=one.mean, high=one.mean) if line.style == OTHERS else one


def _draw_band(axes: Axes, one: Band, style: Style, place: int | None) -> None:
    marker = "o" if len(one.epochs) == 1 else None
    line = axes.add_line(Line2D(one.epochs, one.mean, marker=marker, markersize=4, **style.line))  # type: ignore[arg-type]
    artists = [line]
    if (one.high > one.low).any():
        look = {"color": style.colour, "alpha": 0.15, "linewidth": 0, "zorder": 1.5}
        artists.append(axes.fill_between(one.epochs, one.low, one.high, **look))  # type: ignore[arg-type]
    if place is not None:
        for artist in artists:
            tag(artist, place)


def _finish_panel(axes: Axes, name: str, view: View | None) -> None:
    axes.set_title(name, fontsize=TITLE_POINTS - 1, y=1)  # else matplotlib looks for a place
    apply_view(axes, view)


def _mark_end(axes: Axes, history: pd.DataFrame, style: Style) -> None:
    """Put a cross where a diverged run ended, at the panel's edge if its cost left the panel."""
    epochs, costs = take_points(history, "train_cost")
    if len(costs) and has_diverged(history):
        low, high = axes.get_ylim()
        end = min(max(float(costs[-1]), low), high)
        axes.add_line(Line2D(epochs[-1:], [end], **CROSS, color=style.colour))  # type: ignore[arg-type]
