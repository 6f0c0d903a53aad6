"""Learning curves of configurations: the mean of the repeats at each epoch, and a band for how far they differ.

Runs that did not finish are not in the means: a mean over survivors that goes up when a run dies would lie. Their
number stands in the legend.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nnsweep.results.grouping import Configuration
from nnsweep.results.plots.configurations import ACCURACY, bounds, estimate_configurations
from nnsweep.results.plots.curves import GREY, PANELS, scale, take_points
from nnsweep.results.plots.figure import NAMED, add_legend, panelled, stroke
from nnsweep.text import printable

LEAST_SEEDS = 3
"""How many seeds an interval of a curve needs; for two the band is from one to the other."""


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
    found = estimate_configurations(runs, metric)
    run_ids = [str(run_id) for run_id in runs["run_id"]]
    curves = [
        (group, [histories[run_ids[row]] for row in group.counted.values() if run_ids[row] in histories])
        for group in found
    ]
    drawn = [(group, members) for group, members in curves if members]
    known = [name for name in PANELS if name != "learning_rate"]
    shown = [name for name in known if any(len(take_points(one, name)[0]) for _, members in drawn for one in members)]
    figure, panels = panelled(shown, title)
    for name, axes in panels.items():
        bands = [band(members, name, are_independent=group.kind == "seed") for group, members in drawn]
        for rank, one in reversed([*enumerate(bands)]):
            _draw(axes, one, rank, possible=bounds(name))
        scale(axes, name, [one.mean for one in bands])
    labels, strokes = _entries([group for group, _ in drawn])
    add_legend(figure, labels, strokes, notes=_notes(found, drawn) if shown else ())
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
        Around the mean the interval ``mean ± t(0.975, n - 1) · std / √n`` for three seeds or more, the lower and the
        higher value for two; for one seed its curve alone.
    """
    curves = [dict(zip(*take_points(history, metric), strict=True)) for history in histories]
    common = sorted(set.intersection(*(set(curve) for curve in curves)))
    values = np.array([[curve[epoch] for epoch in common] for curve in curves]).reshape(len(curves), len(common))
    mean = values.mean(axis=0)
    low, high = values.min(axis=0), values.max(axis=0)
    if len(curves) >= LEAST_SEEDS and are_independent:
        from scipy import special  # its import takes longer than a picture that needs none of it

        half = special.stdtrit(len(curves) - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(len(curves))
        low, high = mean - half, mean + half
    return Band(np.array(common), mean, low, high)


def _draw(axes: Axes, one: Band, rank: int, *, possible: tuple[float, float]) -> None:
    look = stroke(rank) if rank < NAMED else GREY
    marker = "o" if len(one.epochs) == 1 else None
    axes.add_line(Line2D(one.epochs, one.mean, marker=marker, markersize=4, **look))  # type: ignore[arg-type]
    if rank < NAMED and (one.high > one.low).any():
        low, high = one.low.clip(*possible), one.high.clip(*possible)
        if one.mean.min() > 0:  # a logarithm has no place for what is below
            low = np.maximum(low, one.mean.min() / 10)
        axes.fill_between(one.epochs, low, high, color=str(look["color"]), alpha=0.15, linewidth=0, zorder=1.5)


def _entries(found: Sequence[Configuration]) -> tuple[list[str], list[Mapping[str, object]]]:
    labels = [f"{printable(one.label)}{_counted(one)}" for one in found[:NAMED]]
    strokes: list[Mapping[str, object]] = [stroke(rank) for rank in range(len(labels))]
    if len(found) > NAMED:
        labels, strokes = [*labels, f"{len(found) - NAMED} others"], [*strokes, GREY]
    return labels, strokes


def _counted(one: Configuration) -> str:
    return f" ({one.n_failed} of {one.n_failed + len(one.finished)} failed)" if one.n_failed else ""


def _notes(found: Sequence[Configuration], drawn: Sequence[tuple[Configuration, Sequence[pd.DataFrame]]]) -> list[str]:
    counts = sorted({len(members) for _, members in drawn[:NAMED]})
    notes = []
    if counts[-1] > 1 and found[0].kind != "seed":
        notes.append(f"Bands: from the lowest to the highest {found[0].kind}.")
    elif counts[-1] >= LEAST_SEEDS:
        notes.append(f"Bands: 95 % interval of each mean over seeds by itself (n = {_range(counts)}).")
    if 2 in counts and found[0].kind == "seed":
        notes.append("Where there are two seeds: from the lower to the higher one.")
    if any(_stops_early(members) for _, members in drawn[:NAMED]):
        notes.append("A line ends with the run that stopped first.")
    if n_absent := sum(not group.finished for group in found):
        notes.append(f"{n_absent} without any result are not drawn.")
    return [" ".join(notes)]


def _range(counts: Sequence[int]) -> str:
    several = [count for count in counts if count >= LEAST_SEEDS]
    return f"{several[0]}" if len(several) == 1 else f"{several[0]} to {several[-1]}"


def _stops_early(members: Sequence[pd.DataFrame]) -> bool:
    return len({float(history["epoch"].max()) for history in members}) > 1
