"""The schedules: the learning rate of every epoch, as the runs had it."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnsweep.results.plots.configurations import choose_axes, estimate_configurations, sort_key
from nnsweep.results.plots.curves import GREY, scale, take_points
from nnsweep.results.plots.figure import NAMED, WIDTH, add_legend, blank, nothing, prepare, stroke
from nnsweep.results.repeats import KINDS

RATE = "learning_rate"
ANY = " any"
"""A column of the same number for every run, which they are only gathered by."""


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
    courses = _courses(runs, histories)
    if not courses:
        return nothing("no learning rate was recorded", title)
    figure = blank(WIDTH, 3.2 + 0.25 * bool(title), title)
    axes = figure.subplots()
    prepare(axes, "epoch")
    styles = {label: stroke(rank) for rank, label in enumerate(list(courses)[:NAMED])}
    for label, lines in reversed(courses.items()):
        for history in lines:
            epochs, rates = take_points(history, RATE)
            look = styles.get(label, GREY) | ({"marker": "o", "markersize": 4} if len(rates) == 1 else {})
            axes.add_line(Line2D(epochs, rates, **look))  # type: ignore[arg-type]
    scale(axes, RATE, [take_points(history, RATE)[1] for lines in courses.values() for history in lines])
    strokes = {_told(label, len(courses[label])): look for label, look in styles.items()}
    if len(courses) > len(styles):
        strokes[f"{len(courses) - len(styles)} others"] = GREY
    add_legend(figure, list(strokes), list(strokes.values()))
    return figure


def choose_schedule_axes(runs: pd.DataFrame) -> list[str]:
    """Name the settings that make a schedule and that vary."""
    first = [name for name in ("schedule", "optimizer.learning_rate", RATE) if name in runs.columns]
    return [name for name in choose_axes(runs, first=first) if name in first or name.startswith("schedule.")]


def _courses(runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame]) -> dict[str, list[pd.DataFrame]]:
    """Give the different courses of each schedule; one that only stopped earlier is not another one."""
    ended = runs.drop(columns=[*KINDS, "state"], errors="ignore").assign(**{ANY: 1.0})
    found = estimate_configurations(ended, ANY, by=choose_schedule_axes(runs))
    courses: dict[str, list[pd.DataFrame]] = {}
    for group in sorted(found, key=lambda group: [sort_key(level) for level in group.levels]):
        run_ids = runs["run_id"].iloc[list(group.counted.values())]
        longest = _longest([histories[run_id] for run_id in run_ids if run_id in histories])
        if longest:
            courses[_name(runs, group.label)] = longest
    return courses


def _longest(known: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Leave out the histories whose rates are only the beginning of another one's."""
    longest: dict[bytes, pd.DataFrame] = {}
    for history in sorted(known, key=lambda one: -len(take_points(one, RATE)[0])):
        rates = take_points(history, RATE)[1].tobytes()
        if rates and not any(other.startswith(rates) for other in longest):
            longest[rates] = history
    return list(longest.values())


def _name(runs: pd.DataFrame, label: str) -> str:
    """Name the only schedule of all."""
    return str(runs["schedule"].iloc[0]) if label == "all runs" and "schedule" in runs.columns else label


def _told(label: str, n_courses: int) -> str:
    return f"{label} ({n_courses} courses)" if n_courses > 1 else label
