"""What settings do: the share of the runs' differences that each accounts for, and the mean at each of its values.

Nothing here is a configuration, and nothing has the colour of one.
"""

import math

import pandas as pd
from matplotlib.figure import Figure

from nnsweep.results.factors import KINDS
from nnsweep.results.frame import plain, take_numbers
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import ACCURACY, metric_text
from nnsweep.results.plots.figure import (
    LINE,
    POINTS,
    add_legend,
    blank,
    fit_text,
    measure_inches,
    nothing,
    page,
    prepare,
)
from nnsweep.results.statistics.anova import RESIDUAL, TOTAL
from nnsweep.results.statistics.marginal_means import MarginalMeans
from nnsweep.results.wording import count, short_name, value_text

MOST_TERMS = 20
TERM_ROW = 0.24
"""Inches from bar to bar."""
TERM_SURROUNDINGS = 2.0
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
    most = int((page().height - 0.25 * bool(title) - TERM_SURROUNDINGS) / TERM_ROW)
    rows = _make_rows(effects, min(MOST_TERMS, max(3, most)))
    if not rows:
        return nothing("no effect could be estimated", title)
    omegas = [omega for *_, omega in rows if math.isfinite(omega)]
    figure = blank(page().width, 0.75 + 0.25 * bool(title) + TERM_ROW * len(rows), title)
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


MOST_LEVELS = 12
"""How many values of a setting are shown; of one with more, those in the middle are left out."""
LEVEL_ROW = 0.2
"""Inches from row to row."""
LEVEL_SURROUNDINGS = 1.4
"""Inches that axis, legend and note need."""
DARK = "#444444"
"""Of what is no configuration."""
MEAN = {"color": DARK, "marker": "D", "markersize": 4.5, "linestyle": "-", "linewidth": 1.5}


def plot_marginal_means(levels: MarginalMeans | pd.DataFrame, *, metric: str | None = None, title: str = "") -> Figure:
    """Draw what each value of a setting comes to on average over the other settings.

    Parameters
    ----------
    levels : MarginalMeans or pandas.DataFrame
        What `nnsweep.marginal_means` returns, or its ``levels``.
    metric : str, optional
        What was averaged, if the levels do not say so.
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
    room = page().height - 0.25 * bool(title) - LEVEL_SURROUNDINGS
    fits = [n for n in range(MOST_LEVELS, 2, -2) if LINE * sum(1 + min(n, len(part)) for part in parts) <= room]
    most = max(fits, default=2)
    shown = [part if len(part) <= most else part.iloc[[*range(most // 2), *range(-most // 2, 0)]] for part in parts]
    labels: list[str] = []
    n_rows = len(names) + sum(map(len, shown))
    height = min(LEVEL_ROW * n_rows, max(LINE * n_rows, room))
    figure = blank(page().width, 0.75 + 0.25 * bool(title) + height, title)
    axes = figure.subplots()
    prepare(axes, metric_text(metric or levels.attrs.get("metric", ACCURACY)))
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
