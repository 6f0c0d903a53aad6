"""The effects: which share of the runs' differences each setting, each interaction and the repeats account for."""

import math

import pandas as pd
from matplotlib.figure import Figure

from nnsweep.results.factors import KINDS
from nnsweep.results.frame import plain, take_numbers
from nnsweep.results.inputs import check_inputs
from nnsweep.results.plots.figure import POINTS, add_legend, blank, fit_text, measure_inches, nothing, page, prepare
from nnsweep.results.statistics.anova import RESIDUAL, TOTAL
from nnsweep.results.wording import short_name

MOST = 20
ROW = 0.24
"""Inches from bar to bar."""
OTHER_HEIGHT = 2.0
"""Inches that axis, legend and notes need."""
NUMBER = 0.6
"""Inches for the number beside a bar."""
TIMES = " \N{MULTIPLICATION SIGN} "
NOISE = (*KINDS.values(), "repeat", RESIDUAL)
BAR = {"color": "#54708C", "linewidth": 7, "solid_capstyle": "butt"}
GREY = {"color": "#BBBBBB", "linewidth": 7, "solid_capstyle": "butt"}
MARK = {"color": "black", "marker": "D", "markersize": 4.5, "linestyle": "none", "zorder": 3}


def plot_effects(effects: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw the shares of variance of an analysis of variance.

    Parameters
    ----------
    effects : pandas.DataFrame
        From `nnsweep.effects`: a row for each ``term`` with ``eta_squared``, and ``omega_squared``
        where it is known. What ``attrs["notes"]`` says stands under the picture.
    title : str
        A line above.

    Returns
    -------
    matplotlib.figure.Figure
        A bar for each term, the largest first and the noise last; beyond twenty, or as many as the page has room for,
        the others are one bar.
    """
    check_inputs(effects=effects)
    rows = _make_rows(effects, min(MOST, max(3, int((page().height - 0.25 * bool(title) - OTHER_HEIGHT) / ROW))))
    if not rows:
        return nothing("no effect could be estimated", title)
    omegas = [omega for *_, omega in rows if math.isfinite(omega)]
    figure = blank(page().width, 0.75 + 0.25 * bool(title) + ROW * len(rows), title)
    axes = figure.subplots()
    prepare(axes, "share of variance")
    for place, (term, eta, omega) in enumerate(rows):
        axes.barh(place, eta, height=0.65, color=(GREY if term in NOISE else BAR)["color"])
        if math.isfinite(omega):
            axes.plot([omega], [place], **MARK)  # type: ignore[arg-type]
        right = max(eta, omega if math.isfinite(omega) else 0.0)
        axes.annotate(f"{eta:.1%}", (right, place), (6, 0), textcoords="offset points", va="center", fontsize=POINTS)
    names = sorted({name for term, *_ in rows for name in term.split(":")})
    terms = [TIMES.join(short_name(name, names) for name in term.split(":")) for term, *_ in rows]
    labels = [fit_text(term, page().width * 0.38) for term in terms]
    axes.set_yticks(range(len(rows)), labels, fontsize=POINTS, parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    largest = max(1e-6, *(eta for _, eta, _ in rows), *omegas)
    room = page().width - max(map(measure_inches, labels)) - 0.5
    right = largest / (1 - NUMBER / room)  # room for the numbers beside the bars
    lowest = min(omegas, default=0.0)  # the estimate of a small share may be negative
    axes.set_xlim(lowest - 0.02 * right if lowest < 0.01 * right else 0.0, right)
    strokes = {"η², this sample's share": BAR}
    if omegas:
        strokes["ω², the estimate without its bias"] = MARK
    if any(term in NOISE for term, *_ in rows):
        strokes[str(effects.attrs.get("residual", "seeds"))] = GREY
    notes = ["; ".join(effects.attrs.get("notes", ()))]
    add_legend(figure, list(strokes), list(strokes.values()), notes=notes)
    return figure


def _make_rows(effects: pd.DataFrame, most: int) -> list[tuple[str, float, float]]:
    """Give term, η² and ω² of what is drawn: the largest first, the noise last, beyond so many the others together."""
    columns = take_numbers(effects, "eta_squared"), take_numbers(effects, "omega_squared")
    rows = [
        (str(term), eta, omega)
        for term, eta, omega in zip(plain(effects["term"]), *columns, strict=True)
        if math.isfinite(eta) and term != TOTAL
    ]
    rows.sort(key=lambda row: (row[0] in NOISE, -row[1]))
    real = [row for row in rows if row[0] not in NOISE]
    if len(real) <= most:
        return rows
    others = real[most - 1 :]
    rest = (f"{len(others)} smaller ones together", sum(row[1] for row in others), math.nan)
    return [*real[: most - 1], rest, *rows[len(real) :]]
