"""Curves by the levels of a setting: what each depth, width or activation comes to, and the rates of each schedule.

Levels have shades of one map, in their order; they are no configurations.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from nnsweep.results.factors import EXTENT, KINDS, check_settings, choose_axes, place_level, sort_levels
from nnsweep.results.frame import check_columns, plain
from nnsweep.results.grouping import describe_settings
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import name_measure, smaller_is_better
from nnsweep.results.plots.bands import RATE, band, describe_bands, list_panels, take_points
from nnsweep.results.plots.curves import CurveGroup, draw_panels
from nnsweep.results.plots.figure import LOW, POINTS, add_legend, blank, fit_text, nothing, page, panelled, prepare
from nnsweep.results.plots.spans import apply_view, choose_view
from nnsweep.results.plots.style import NAMED, OTHERS, Style, style_levels
from nnsweep.results.selection import choose_metric
from nnsweep.results.statistics.summary import EstimatedConfiguration, estimate_configurations
from nnsweep.results.wording import count, join_words, short_name, value_text

ANY = " any"
"""A column of the same number for every run, which they are only gathered by."""
MOST_LEVELS = 16
"""How many levels have a shade; further ones are grey."""


class _Level(NamedTuple):
    """What is drawn for a level: a history for each seed, the mean over configurations, and what they came to."""

    histories: list[pd.DataFrame]
    mean: float
    n_left_out: int


class _Course(NamedTuple):
    """What learning rates a schedule had: its name in full and by itself, its other settings, and the histories."""

    label: str
    schedule: str
    details: str
    histories: list[pd.DataFrame]


def plot_curves_by(
    runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame], by: str, *, metric: str | None = None, title: str = ""
) -> Figure:
    """Draw costs and the measure over the epochs, a line for each level of a setting: depth, width, activation, ….

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    histories : mapping
        ``{run_id: history}``; runs without one are left out.
    by : str
        The column whose levels are compared.
    metric : str, optional
        What a run must have come to; its measure has panels beside the costs.
    title : str
        A line above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        A line is the mean over the configurations that have the level, whatever else varies. Its band is the 95 %
        interval over seeds: each seed's curve is first averaged over the same configurations. Of a level, those that
        lack the curve of a seed are left out, which a note tells, unless all do; then there is no band.

    Raises
    ------
    ConfigError
        If there is no such column, or it makes repeats.
    """
    check_inputs(["run_id"], runs=runs, histories=histories, metric=metric)
    metric = choose_metric(runs, metric)
    check_columns(runs, by=[by])
    check_settings([by])
    column, run_ids = plain(runs[by]), [str(run_id) for run_id in plain(runs["run_id"])]
    groups = estimate_configurations(runs, metric)
    members: dict[str, list[EstimatedConfiguration]] = {}
    values: dict[str, object] = {}
    for group in groups:
        level = next((column[row] for row in group.rows if column[row] is not None), None)
        values[repr(level)] = level
        members.setdefault(repr(level), []).append(group)
    levels: dict[str, _Level] = {}
    for level in sort_levels([*values.values()]):
        if one := _average_level(members[repr(level)], run_ids, histories):
            levels[value_text(level) if isinstance(level, str) else f"{short_name(by)} {value_text(level)}"] = one
    styles = dict(zip(levels, _style_most(len(levels)), strict=True))
    sign = 1 if smaller_is_better(metric) else -1
    best_first = sorted(levels, key=lambda name: sign * levels[name].mean)
    is_of_seeds = bool(groups) and groups[0].kind == "seed"
    lines = [CurveGroup(levels[name].histories, styles[name], None, is_of_seeds) for name in best_first]
    drawn = [history for line in lines for history in line.histories]
    names = [name for name in list_panels(drawn, name_measure(metric)) if name != RATE]
    figure, panels = panelled(names, title)
    notes = [draw_panels(panels, lines, "level")]
    if panels:
        sizes = [name for name in EXTENT if name != by and name in runs.columns] if by in EXTENT else []
        others = [short_name(name) for name in choose_axes(runs, first=[by, *sizes]) if name != by]
        n_left_out = sum(one.n_left_out for one in levels.values())
        notes = [
            f"Lines: the mean over {join_words(others)}." if others else "",
            describe_bands(groups[0].kind, [line.histories for line in lines], 0),
            f"Left out: {count(n_left_out, 'configuration')} without a curve for every {groups[0].kind}."
            if n_left_out
            else "",
            *notes,
        ]
    legend = {name: styles[name].line for name in levels}
    add_legend(figure, [*legend], [*legend.values()], notes=[" ".join(filter(None, notes))])
    return figure


def _average_level(
    groups: Sequence[EstimatedConfiguration], run_ids: Sequence[str], histories: Mapping[str, pd.DataFrame]
) -> _Level | None:
    """Average the curves of each seed over configurations of which every seed has one; None without any curve."""
    curves = [
        {repeat: histories[run_ids[row]] for repeat, row in group.counted.items() if run_ids[row] in histories}
        for group in groups
    ]
    present = [(group, own) for group, own in zip(groups, curves, strict=True) if own]
    if not present:
        return None
    repeats = {repeat: None for _, own in present for repeat in own}
    whole = [(group, own) for group, own in present if len(own) == len(repeats)]
    chosen = whole or present
    averages = (
        [_average([own[repeat] for _, own in whole]) for repeat in repeats]
        if whole
        else [_average([_average([*own.values()]) for _, own in present])]
    )
    mean = sum(group.mean for group, _ in chosen) / len(chosen)
    return _Level(averages, mean, len(groups) - len(chosen))


def _average(histories: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Average histories at the epochs at which every one of them was evaluated."""
    by_epoch = pd.concat([history.astype("float64") for history in histories]).groupby("epoch")
    return by_epoch.mean().where(by_epoch.count() == len(histories)).reset_index()


def _style_most(n_levels: int) -> list[Style]:
    """Give so many levels their styles; those beyond `MOST_LEVELS` are grey."""
    shades = style_levels([*range(min(n_levels, MOST_LEVELS))])
    return [*shades, *[OTHERS] * (n_levels - len(shades))]


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
        Up to sixteen schedules have a line each, in one panel, or a panel each if there are more lines than eight and
        the same schedule has several. One that depends on how training goes has a line for each course it took.
    """
    check_inputs(["run_id"], runs=runs, histories=histories)
    courses = _find_courses(runs, histories)
    if not courses:
        return nothing("no learning rate was recorded", title)
    names = [*dict.fromkeys(one.schedule for one in courses)]
    if len(courses) > NAMED and 1 < len(names) < len(courses) and page().height >= LOW:
        return _draw_schedule_panels(courses, names, title)
    figure = blank(page().width, 3.2 + 0.25 * bool(title), title)
    axes = figure.subplots()
    prepare(axes, "epoch")
    styles = _style_most(len(courses))
    pairs = [*zip(courses, styles, strict=True)]
    draw_panels(
        {RATE: axes}, [CurveGroup([history], style) for one, style in pairs for history in one.histories], "course"
    )
    legend = {
        f"{one.label} ({len(one.histories)} courses)" if len(one.histories) > 1 else one.label: style.line
        for one, style in pairs
        if style != OTHERS
    }
    if len(courses) > len(legend):
        legend[f"{len(courses) - len(legend)} others"] = OTHERS.line
    add_legend(figure, [*legend], [*legend.values()])
    return figure


def _draw_schedule_panels(courses: Sequence[_Course], names: Sequence[str], title: str) -> Figure:
    """Draw a small panel for each schedule, with a line for each of its other settings; all show the same rates."""
    details = [*dict.fromkeys(one.details for one in courses)]
    styles = dict(zip(details, _style_most(len(details)), strict=True))
    figure, panels = panelled(names, title, are_small=True)
    everything = [band([history], RATE) for one in courses for history in one.histories]
    view = choose_view(RATE, everything, everything)
    n_columns = max(axes.get_subplotspec().colspan.stop for axes in panels.values())  # type: ignore[union-attr]
    room = figure.get_figwidth() / n_columns - 0.1
    for name, axes in panels.items():
        of_name = [one for one in courses if one.schedule == name]
        lines = [CurveGroup([history], styles[one.details]) for one in of_name for history in one.histories]
        draw_panels({RATE: axes}, lines, "course")
        apply_view(axes, view)
        axes.set_title(fit_text(name, room), fontsize=POINTS, y=1, parse_math=False)
    legend = {one: styles[one].line for one in details if styles[one] != OTHERS}
    if len(details) > len(legend):
        legend[f"{len(details) - len(legend)} others"] = OTHERS.line
    add_legend(figure, [*legend], [*legend.values()], notes=["Learning rates over the epochs."])
    return figure


def choose_schedule_axes(runs: pd.DataFrame) -> list[str]:
    """Name the settings that make a schedule and that vary."""
    first = [name for name in ("schedule", "optimizer.learning_rate", RATE) if name in runs.columns]
    return [name for name in choose_axes(runs, first=first) if name in first or name.startswith("schedule.")]


def _find_courses(runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame]) -> list[_Course]:
    """Give the different courses of each schedule; one that only stopped earlier is not another one."""
    ended = runs.drop(columns=[*KINDS, "state"], errors="ignore").assign(**{ANY: 1.0})
    groups = estimate_configurations(ended, ANY, by=choose_schedule_axes(runs))
    courses = []
    for group in sorted(groups, key=lambda group: [place_level(level) for level in group.levels]):
        run_ids = runs["run_id"].iloc[list(group.counted.values())]
        of_group = [histories[run_id] for run_id in run_ids if run_id in histories]
        longest: dict[bytes, pd.DataFrame] = {}
        for history in sorted(of_group, key=lambda one: -len(take_points(one, RATE)[0])):
            rates = take_points(history, RATE)[1].tobytes()
            if rates and not any(other.startswith(rates) for other in longest):
                longest[rates] = history
        name = str(runs["schedule"].iloc[group.rows[0]]) if "schedule" in runs.columns else group.label
        details = {short_name(key, [*group.settings]): one for key, one in group.settings.items() if key != "schedule"}
        if longest:
            label = name if group.label == "all runs" else group.label
            courses.append(_Course(label, name, describe_settings(details, name), [*longest.values()]))
    return courses
