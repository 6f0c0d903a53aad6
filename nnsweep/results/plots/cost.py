"""Accuracy against cost: every configuration, and the front of those that nothing cheaper equals."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnsweep.results.frame import selection, take_numbers
from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.figure import POINTS, add_legend, blank, mark_decades, measure_inches, nothing, page, prepare
from nnsweep.results.statistics.summary import ACCURACY, EstimatedConfiguration, estimate_configurations
from nnsweep.results.statistics.tradeoff import mark_pareto_front
from nnsweep.results.wording import metric_text

PARAMETERS = "n_parameters"
SPAN = 10.0
"""Costs that differ by more than this ratio stand on a logarithmic axis."""
INTERVALS = 60
"""The most configurations that all have their intervals drawn; of more, those on the front."""
OTHER = {"color": "#888888", "marker": "o", "markersize": 3.5, "linestyle": "none", "zorder": 2}
FRONT = {"color": COLOURS[0], "marker": "o", "markersize": 5, "linestyle": "none", "zorder": 4}
STEP = {"color": COLOURS[0], "linestyle": "-", "linewidth": 1.2, "zorder": 3}
NUMBER = {"linestyle": "none"}


class Priced(NamedTuple):
    """A configuration and what it costs."""

    group: EstimatedConfiguration
    cost: float


def plot_cost(runs: pd.DataFrame, *, cost: str = PARAMETERS, metric: str = ACCURACY, title: str = "") -> Figure:
    """Draw the seed means over what they cost.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    cost : str
        The column of costs, of which the mean over the seeds counts: ``n_parameters``, ``duration_seconds``, ….
    metric : str
        What came out, the higher the better.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        A line of steps joins the front: the configurations than which no other one is better at the same cost or
        less. They are numbered from the cheapest, and named in the legend.
    """
    priced = []
    costs_of = take_numbers(runs, cost)
    for group in estimate_configurations(runs, metric):
        of_group = [costs_of[row] for row in group.counted.values()]
        if of_group and math.isfinite(mean := sum(of_group) / len(of_group)):
            priced.append(Priced(group, mean))
    if not priced:
        return nothing(f"no result with a cost ({metric_text(cost)})", title)
    front = order_front(priced)
    figure = blank(page().width, 4.2 + 0.25 * bool(title), title)
    axes = figure.subplots()
    prepare(axes, metric_text(cost), metric_text(metric))
    _draw(axes, priced, front)
    labels = [f"{rank}  {one.group.label}: {one.group.mean:.3f}" for rank, one in enumerate(front, 1)]
    kinds: dict[str, Mapping[str, object]] = {"on the front": FRONT | STEP | {"marker": "o"}}
    if len(priced) > len(front):
        kinds["others"] = OTHER
    strokes = [*kinds.values(), *([NUMBER] * len(labels))]
    add_legend(figure, [*kinds, *labels], strokes, notes=_notes(runs, priced, metric))
    _number(axes, front, priced)
    return figure


def order_front(priced: Sequence[Priced]) -> list[Priced]:
    """Give the configurations that none of the same cost or less equals, from the cheapest up; of equal ones the first.

    Examples
    --------
    >>> order_front([])
    []
    """
    table = pd.DataFrame([(one.cost, one.group.mean) for one in priced], columns=["cost", "mean"], dtype=float)
    front = {(one.cost, one.group.mean): one for one in reversed(priced)}
    points = table[mark_pareto_front(table, "cost", "mean")].drop_duplicates().sort_values("cost")
    return [front[cost, mean] for cost, mean in points.itertuples(index=False)]


def _draw(axes: Axes, priced: Sequence[Priced], front: Sequence[Priced]) -> None:
    """Draw a point and an interval for each configuration, and the steps of the front."""
    costs, means = [one.cost for one in priced], [one.group.mean for one in priced]
    is_logarithmic = min(costs) > 0 and max(costs) / min(costs) > SPAN
    axes.set_xscale("log" if is_logarithmic else "linear")
    for one, place in zip(priced, _move_apart(priced, front, is_logarithmic=is_logarithmic), strict=True):
        is_on_front, ends = one in front, (one.group.low, one.group.high)
        if (is_on_front or len(priced) <= INTERVALS) and not math.isnan(one.group.low):
            colour, rank = (COLOURS[0], 3) if is_on_front else ("#BBBBBB", 1)
            axes.plot([place, place], ends, color=colour, linewidth=1.0, zorder=rank)
        axes.plot([place], [one.group.mean], **(FRONT if is_on_front else OTHER))  # type: ignore[arg-type]
    axes.margins(0.06, 0.06)
    axes.autoscale_view()
    low, high = axes.get_ylim()
    spread = max(means) - min(means)
    if spread > 0 and np.isfinite(high - low):  # a long interval leaves the panel instead of flattening all others
        axes.set_ylim(max(low, min(means) - 0.5 * spread), min(high, max(means) + 0.5 * spread))
    left, right = axes.get_xlim()
    steps = [*((one.cost, one.group.mean) for one in front), (right, front[-1].group.mean)]
    axes.step(*zip(*steps, strict=True), where="post", **STEP)  # type: ignore[arg-type]
    axes.set_xlim(left, right)
    if is_logarithmic:
        mark_decades(axes.xaxis)


def _move_apart(priced: Sequence[Priced], front: Sequence[Priced], *, is_logarithmic: bool) -> list[float]:
    """Move configurations of one cost a little apart, so that each can be seen; the front stays where it is."""
    costs = np.array([one.cost for one in priced])
    where = np.log(costs) if is_logarithmic else costs
    step = 0.006 * float(np.ptp(where))
    seen: Counter[float] = Counter()
    for place, one in enumerate(priced):
        if one not in front:
            seen[one.cost] += 1
            aside = (seen[one.cost] + 1) // 2 * (1 if seen[one.cost] % 2 else -1)
            where[place] += step * float(np.clip(aside, -4, 4))
    places: list[float] = (np.exp(where) if is_logarithmic else where).tolist()
    return places


def _notes(runs: pd.DataFrame, priced: Sequence[Priced], metric: str) -> list[str]:
    kind, has_none = priced[0].group.kind, [one.group.has_no_interval for one in priced]
    notes = []
    if not all(has_none):
        whose = "" if len(priced) <= INTERVALS else ", of the front alone"
        notes.append(f"Upright lines: simultaneous 95 % interval of the mean over {kind}s{whose}.")
    if any(has_none):
        notes.append(f"One {kind} has no interval.")
    if len({one.cost for one in priced}) < len(priced):
        notes.append("Equal costs stand side by side.")
    return [" ".join(notes), selection(runs) if metric == ACCURACY else ""]


def _number(axes: Axes, front: Sequence[Priced], priced: Sequence[Priced]) -> None:
    """Put a number beside each point of the front, where it covers neither another one nor a point."""
    where = axes.transData.transform([(one.cost, one.group.mean) for one in priced])
    where = axes.figure.dpi_scale_trans.inverted().transform(where)
    points = {id(one): place for one, place in zip(priced, where, strict=True)}
    taken: list[tuple[float, float, float, float]] = []
    for rank, one in enumerate(front, 1):
        size = measure_inches(str(rank)) + 0.03, POINTS / 72
        place = points[id(one)]
        centre = _free(place, size, where, taken)
        taken.append((*centre, *size))
        offset = (centre - place) * 72
        far = float(np.hypot(*offset)) > 16
        axes.annotate(
            str(rank),
            (one.cost, one.group.mean),
            (float(offset[0]), float(offset[1])),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=POINTS,
            annotation_clip=False,
            zorder=5,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": COLOURS[0]} if far else None,
        )


def _free(
    place: np.ndarray[tuple[int], np.dtype[np.float64]],
    size: tuple[float, float],
    points: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    taken: Sequence[tuple[float, float, float, float]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Look around a point, in growing circles, for a place that covers little: never another number."""
    best, fewest = place, math.inf
    for radius in (0.13, 0.19, 0.26, 0.35, 0.5, 0.7, 1.0):
        for angle in (135, 45, 90, 180, 0, 225, 315, 270, 112, 67, 157, 22):
            centre = place + radius * np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
            apart = [
                abs(centre[0] - x) > (size[0] + width) / 2 or abs(centre[1] - y) > (size[1] + height) / 2
                for x, y, width, height in taken
            ]
            covered = (np.abs(points - centre) < (size[0] / 2 + 0.03, size[1] / 2 + 0.03)).all(axis=1).sum()
            if all(apart) and covered + radius / 10 < fewest:
                best, fewest = centre, covered + radius / 10
        if fewest < 1:
            break
    return best
