"""Results against cost: every configuration, and the front of those that nothing cheaper equals."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWNBASE, CARETUPBASE
from numpy.typing import NDArray

from nnsweep.results.frame import take_numbers
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import bound_metric, metric_text, smaller_is_better, write_rough
from nnsweep.results.plots.figure import (
    POINTS,
    add_legend,
    blank,
    fit_text,
    mark_decades,
    measure_inches,
    nothing,
    page,
    prepare,
)
from nnsweep.results.plots.spans import BAND_REACH, Span, cover, pad, unite
from nnsweep.results.plots.style import NAMED, OTHERS, Style, style_configurations, tag
from nnsweep.results.selection import choose_metric, note_selection
from nnsweep.results.statistics.summary import EstimatedConfiguration, estimate_configurations
from nnsweep.results.statistics.tradeoff import mark_pareto_front
from nnsweep.results.wording import count

PARAMETERS = "n_parameters"
SPAN = 10.0
"""Costs that differ by more than this ratio stand on a logarithmic axis."""
INTERVALS = 60
"""The most configurations that all have their intervals drawn; of more, those on the front alone."""
FAR = 0.22
"""Inches from its point beyond which a name has a line to it."""
FRONT_COLOUR = "#444444"
RING = {"color": FRONT_COLOUR, "marker": "o", "markersize": 9.5, "fillstyle": "none", "markeredgewidth": 0.9}
STEP = {"color": FRONT_COLOUR, "linestyle": "-", "linewidth": 0.9, "zorder": 1.6}
EDGE = {"linestyle": "none", "markersize": 5, "clip_on": False, "zorder": 4}
"""An arrow at the edge of the panel for what lies beyond it."""
PLATE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.3}


class Priced(NamedTuple):
    """A configuration, what it costs and its place among all configurations."""

    group: EstimatedConfiguration
    cost: float
    place: int = 0


def plot_cost(runs: pd.DataFrame, *, cost: str = PARAMETERS, metric: str | None = None, title: str = "") -> Figure:
    """Draw the seed means over what they cost.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    cost : str
        The column of costs, of which the mean over the seeds counts: ``n_parameters``, ``duration_seconds``, ….
    metric : str, optional
        What came out, the higher the better.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        A line of steps joins the front: the configurations than which no other one is better at the same cost or
        less. They have rings, and their names where there is room. The panel shows the best and the front near them;
        an arrow at its edge stands for a configuration beyond it, or for an interval that goes on.
    """
    check_inputs(runs=runs, metric=metric)
    metric = choose_metric(runs, metric)
    priced = []
    costs_of = take_numbers(runs, cost)
    groups = estimate_configurations(runs, metric)
    for place, group in enumerate(groups):
        of_group = [costs_of[row] for row in group.counted.values()]
        if of_group and math.isfinite(mean := sum(of_group) / len(of_group)):
            priced.append(Priced(group, mean, place))
    if not priced:
        return nothing(f"no result with a cost ({metric_text(cost)})", title)
    front = order_front(priced, is_smaller_better=smaller_is_better(metric))
    styles = style_configurations([group.label for group in groups])
    figure = blank(page().width, 3.9 + 0.25 * bool(title), title)
    axes = figure.subplots()
    prepare(axes, metric_text(cost), metric_text(metric))
    shown = _choose_span(priced, front, metric)
    _draw(axes, priced, front, styles, shown)
    legend: dict[str, Mapping[str, object]] = {
        f"{one.group.label}: {write_rough(metric, one.group.mean)}": styles[one.group.label].point
        for one in priced[:NAMED]
    }
    legend["on the front"] = RING | STEP
    if any(styles[one.group.label] == OTHERS for one in priced):
        legend["others"] = OTHERS.point
    add_legend(figure, [*legend], [*legend.values()], notes=_describe(runs, priced, front, metric, shown))
    _name_front(axes, front, priced, shown)
    return figure


def order_front(priced: Sequence[Priced], *, is_smaller_better: bool = False) -> list[Priced]:
    """Give the configurations that none of the same cost or less equals, from the cheapest up; of equal ones the first.

    Examples
    --------
    >>> order_front([])
    []
    """
    table = pd.DataFrame([(one.cost, one.group.mean) for one in priced], columns=["cost", "mean"], dtype=float)
    front = {(one.cost, one.group.mean): one for one in reversed(priced)}
    is_on_front = mark_pareto_front(table, "cost", "mean", is_smaller_better=is_smaller_better)
    points = table[is_on_front].drop_duplicates().sort_values("cost")
    return [front[cost, mean] for cost, mean in points.itertuples(index=False)]


def _choose_span(priced: Sequence[Priced], front: Sequence[Priced], metric: str) -> Span:
    """Choose what the panel shows of the results: the best and the front near them, and some of their intervals."""
    leading = [*priced[:NAMED], *reversed([one for one in front if one not in priced[:NAMED]])]
    means = [Span(one.group.mean, one.group.mean) for one in leading]
    shown = cover(means)
    ends = [
        Span(one.group.low, one.group.high)
        for one, mean in zip(leading, means, strict=True)
        if shown.holds(mean) and not math.isnan(one.group.low)
    ]
    low, high = pad(shown.reach_towards(unite([shown, *ends]), BAND_REACH))
    least, largest = bound_metric(metric)
    margin = 0.03 * (high - low)
    return Span(max(low, least - margin), min(high, largest + margin))


def _draw(
    axes: Axes, priced: Sequence[Priced], front: Sequence[Priced], styles: Mapping[str, Style], shown: Span
) -> None:
    """Draw a point and an interval for each configuration, and the steps of the front."""
    costs = [one.cost for one in priced]
    is_logarithmic = min(costs) > 0 and max(costs) / min(costs) > SPAN
    axes.set_xscale("log" if is_logarithmic else "linear")
    has_all = _has_all_intervals(priced)
    for one in reversed(priced):
        style, group = styles[one.group.label], one.group
        if side := shown.side(group.mean):
            inside = 0.018 * shown.length
            edge, marker = (shown.low + inside, "v") if side < 0 else (shown.high - inside, "^")
            (arrow,) = axes.plot([one.cost], [edge], color=style.colour, marker=marker, **EDGE)  # type: ignore[arg-type]
            tag(arrow, one.place)
            continue
        if (has_all or one in front) and not math.isnan(group.low):
            _draw_interval(axes, one, style, shown)
        (point,) = axes.plot([one.cost], [group.mean], **style.point)  # type: ignore[arg-type]
        tag(point, one.place)
        if one in front:
            axes.plot([one.cost], [group.mean], linestyle="none", zorder=4, **RING)  # type: ignore[arg-type]
    axes.margins(0.06, 0)
    axes.autoscale_view()
    left, right = axes.get_xlim()
    steps = [*((one.cost, one.group.mean) for one in front), (right, front[-1].group.mean)]
    axes.step(*zip(*steps, strict=True), where="post", **STEP)  # type: ignore[arg-type]
    axes.set_xlim(left, right)
    axes.set_ylim(shown)
    if is_logarithmic:
        mark_decades(axes.xaxis)


def _has_all_intervals(priced: Sequence[Priced]) -> bool:
    """Tell whether all intervals are drawn: there are not too many, and none stands on another one."""
    return len({one.cost for one in priced}) == len(priced) <= INTERVALS


def _draw_interval(axes: Axes, one: Priced, style: Style, shown: Span) -> None:
    """Draw an interval, with an arrow where it goes on beyond the panel."""
    ends = max(one.group.low, shown.low), min(one.group.high, shown.high)
    (line,) = axes.plot([one.cost] * 2, ends, color=style.colour, linewidth=0.9, alpha=0.7, zorder=1.5)
    tag(line, one.place)
    if one.group.low < shown.low:
        axes.plot([one.cost], [shown.low], color=style.colour, marker=CARETDOWNBASE, **EDGE)  # type: ignore[arg-type]
    if one.group.high > shown.high:
        axes.plot([one.cost], [shown.high], color=style.colour, marker=CARETUPBASE, **EDGE)  # type: ignore[arg-type]


def _describe(
    runs: pd.DataFrame, priced: Sequence[Priced], front: Sequence[Priced], metric: str, shown: Span
) -> list[str]:
    kind, has_none = priced[0].group.kind, [one.group.has_no_interval for one in priced]
    notes = []
    if not all(has_none):
        whose = "" if _has_all_intervals(priced) else ", of the front alone"
        notes.append(f"Upright lines: simultaneous 95 % interval of the mean over {kind}s{whose}.")
    if any(has_none):
        notes.append(f"One {kind} has no interval.")
    beyond = [one for one in priced if shown.side(one.group.mean)]
    if beyond:
        side = "above" if smaller_is_better(metric) else "below"
        edge = shown.high if smaller_is_better(metric) else shown.low
        n_front = sum(one in front for one in beyond)
        of_front = f", {n_front} of them on the front" if n_front else ""
        notes.append(f"Arrows: {count(len(beyond), 'configuration')} {side} {edge:.4g}{of_front}.")
    return [" ".join(notes), note_selection(runs, metric)]


def _name_front(axes: Axes, front: Sequence[Priced], priced: Sequence[Priced], shown: Span) -> None:
    """Put a name beside each point of the front where it covers neither another one nor a point nor an edge."""
    to_inches = axes.figure.dpi_scale_trans.inverted()
    seen = [one for one in priced if not shown.side(one.group.mean)]
    where = to_inches.transform(axes.transData.transform([(one.cost, one.group.mean) for one in seen]))
    corners = to_inches.transform(axes.transData.transform([(one.cost, one.group.mean) for one in front]))
    ends = [*corners[1:, 0], to_inches.transform(axes.transAxes.transform((1, 0)))[0]]
    steps = [(x, y) for (left, y), end in zip(corners, ends, strict=True) for x in np.arange(left, end, 0.1)]
    obstacles = np.array([*where, *steps])
    panel = to_inches.transform(axes.transAxes.transform([(0, 0), (1, 1)]))
    places = {one.place: place for one, place in zip(seen, where, strict=True)}
    taken: list[NDArray[np.float64]] = []
    for one in (one for one in front if one.place in places):
        text = fit_text(one.group.label, page().width / 4)
        size = np.array([measure_inches(text) + 0.04, POINTS / 72 + 0.02])
        centre = _find_room(places[one.place], size, obstacles, panel, taken)
        if centre is None:
            continue
        taken.append(np.array([*centre, *size]))
        offset = centre - places[one.place]
        is_far = max(abs(offset) - size / 2) > FAR
        axes.annotate(
            text,
            (one.cost, one.group.mean),
            (float(offset[0] * 72), float(offset[1] * 72)),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=POINTS,
            parse_math=False,
            zorder=5,
            bbox=PLATE,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": FRONT_COLOUR} if is_far else None,
        )


def _find_room(
    place: NDArray[np.float64],
    size: NDArray[np.float64],
    points: NDArray[np.float64],
    panel: NDArray[np.float64],
    taken: Sequence[NDArray[np.float64]],
) -> NDArray[np.float64] | None:
    """Look around a point, in growing distance, for a place for a text that covers nothing; None without any."""
    for distance in (0.09, 0.16, 0.26, 0.4):
        for across, up in ((-1, 1), (1, -1), (0, 1), (0, -1), (1, 1), (-1, -1), (1, 0), (-1, 0)):
            reach = distance * (0.7 if across and up else 1.0)
            centre = place + np.array([across, up]) * (size / 2 + reach)
            is_inside = (centre - size / 2 > panel[0]).all() and (centre + size / 2 < panel[1]).all()
            covers_point = (np.abs(points - centre) < size / 2 + 0.07).all(axis=1).any()
            covers_name = any((np.abs(other[:2] - centre) < (size + other[2:]) / 2).all() for other in taken)
            if is_inside and not covers_point and not covers_name:
                return np.array(centre)
    return None
