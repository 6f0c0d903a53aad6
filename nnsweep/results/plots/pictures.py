"""All the pictures that say something about a frame of runs, each under the name of its file."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypedDict

import pandas as pd
from matplotlib.figure import Figure

from nnsweep.errors import ConfigError
from nnsweep.results.factors import EXTENT, choose_axes
from nnsweep.results.frame import plain
from nnsweep.results.grouping import Configuration
from nnsweep.results.inputs import check_inputs
from nnsweep.results.metrics import name_measure, split_metric
from nnsweep.results.plots.boundaries import Landscape, plot_boundaries
from nnsweep.results.plots.confusion import plot_confusion
from nnsweep.results.plots.cost import PARAMETERS, plot_cost
from nnsweep.results.plots.curves import learning_curves, plot_learning_curves
from nnsweep.results.plots.data_sets import (
    plot_comparison_matrix,
    plot_critical_difference,
    plot_performance_profile,
)
from nnsweep.results.plots.drawing import DPI, save_figure
from nnsweep.results.plots.grid import plot_grid
from nnsweep.results.plots.levels import choose_schedule_axes, plot_curves_by, plot_schedules
from nnsweep.results.plots.map_cells import choose_map_axes
from nnsweep.results.plots.parallel import plot_parallel
from nnsweep.results.plots.predictions import plot_predictions
from nnsweep.results.plots.reliability import plot_reliability
from nnsweep.results.plots.seeds import plot_seeds
from nnsweep.results.plots.style import NAMED
from nnsweep.results.selection import choose_metric, rank_runs
from nnsweep.results.statistics.data_sets import compare_data_sets, merge_data_settings, name_data_sets
from nnsweep.results.statistics.evaluations import pool_best
from nnsweep.results.statistics.summary import estimate_configurations
from nnsweep.text import printable
from nnsweep.tracking.record import Evaluation

Draw: TypeAlias = Callable[[], Figure]


class MapSettings(TypedDict, total=False):
    """What a map is to show, in the words of `plot_grid`."""

    x: str | None
    y: str | None
    panels: Sequence[str] | None


OVER_DATA_SETS: Mapping[str, Callable[..., Figure]] = {
    "critical_difference": plot_critical_difference,
    "comparison_matrix": plot_comparison_matrix,
    "performance_profile": plot_performance_profile,
}
SECONDS = "duration_seconds"
COMPARED = ("depth", "width", "activation", "schedule")
"""The settings that have a picture of curves by their levels."""
MOST_CURVES = 30
"""How many runs' curves a picture holds; beyond that none can be told from the others."""
LEAST_LINES = 3
"""How many configurations parallel coordinates and a front need to tell anything."""


def pictures(
    runs: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame] | None = None,
    *,
    title: str = "",
    only: Collection[str] | None = None,
    metric: str | None = None,
    grid: MapSettings | None = None,
    evaluations: Mapping[str, Evaluation] | None = None,
    landscape: Landscape | None = None,
) -> dict[str, Figure]:
    """Draw what makes sense for these runs.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    histories : mapping or None
        ``{run_id: history}`` of any of them; those of `telling_runs` are enough. None draws no curves.
    title : str
        A line above each picture.
    only : collection of str or None
        The names of the pictures that are wanted; all if not given.
    metric : str, optional
        What the configurations are compared by.
    grid : mapping, optional
        What the map is to show: ``x``, ``y`` and ``panels`` of `plot_grid`.
    evaluations : mapping, optional
        ``{run_id: Evaluation}`` of any of them, as `nnsweep.load_evaluations` gives them.
    landscape : Landscape, optional
        What their networks say of each place, where the data have two features or one.

    Returns
    -------
    dict
        ``{name: figure}``, of the names ``learning_curves`` (a line a run), ``mean_curves`` (a line a configuration,
        if any has several seeds), ``curves_by_depth`` and the like for width, activation and schedule (a line a level,
        if several settings vary, on one data set, and every run has its history), ``schedules``, ``grid`` (if two
        settings vary), ``seeds``, ``cost`` and ``cost_seconds`` (if costs differ and the metric is none), ``parallel``
        (if two settings vary), ``effects`` and, with a grid, ``marginal_means`` (if some configuration has several
        seeds), with evaluations ``confusion`` and ``reliability`` of classes or ``predictions`` of numbers, and with a
        landscape ``boundaries``. Where runs are on several data sets, ``critical_difference``, ``comparison_matrix``
        and ``performance_profile`` take the place of the last nine.

    Raises
    ------
    ConfigError
        If two runs are the same repeat of one configuration, or a setting of `grid` is unknown.
    """
    plan = plan_pictures(
        runs, histories, title=title, only=only, metric=metric, grid=grid, evaluations=evaluations, landscape=landscape
    )
    return {name: draw() for name, draw in plan.items() if only is None or name in only}


def plan_pictures(
    runs: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame] | None = None,
    *,
    title: str = "",
    only: Collection[str] | None = None,
    metric: str | None = None,
    grid: MapSettings | None = None,
    evaluations: Mapping[str, Evaluation] | None = None,
    landscape: Landscape | None = None,
) -> dict[str, Draw]:
    """Give each picture that `pictures` would draw by its name, as a function that draws it.

    Parameters and errors are those of `pictures`. Data sets are compared only if a picture of them is wanted.
    """
    mappings = {"histories": histories, "evaluations": evaluations}
    check_inputs(runs=runs, metric=metric, **{name: one for name, one in mappings.items() if one is not None})
    metric = choose_metric(runs, metric)
    has_several_data_sets = len({*name_data_sets(runs)}) > 1
    comparable, runs = runs, merge_data_settings(runs) if has_several_data_sets else runs
    configurations = estimate_configurations(runs, metric)
    groups = [group for group in configurations if group.finished]
    plan = _plan_curves(runs, histories, configurations, metric, title) if histories else {}
    if groups:
        plan |= _plan_results(runs, metric, title, grid)
        if not has_several_data_sets:  # further pictures would compare the data
            plan |= _plan_comparisons(runs, groups, metric, title)
            plan |= _plan_evaluations(runs, evaluations or {}, metric, title)
            if landscape is not None:
                x, y = (grid or {}).get("x"), (grid or {}).get("y")
                plan["boundaries"] = partial(plot_boundaries, runs, landscape, metric=metric, x=x, y=y, title=title)
    if has_several_data_sets and (only is None or {*only} & {*OVER_DATA_SETS}):
        plan |= _plan_data_sets(comparable, metric, title)
    return plan


def telling_runs(runs: pd.DataFrame, metric: str | None = None, *, most: int = 300) -> list[str]:
    """Name the runs whose histories the pictures need, so that not every one has to be read.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs.
    metric : str, optional
        What the configurations are compared by.
    most : int
        How many at most.

    Returns
    -------
    list of str
        Run ids: one run of each schedule, the best runs, and all seeds of as many of the best configurations as there
        is room for.
    """
    run_ids = [str(run_id) for run_id in plain(runs["run_id"])]
    of_schedules = runs.drop_duplicates(choose_schedule_axes(runs) or "sweep") if len(runs) else runs
    metric = choose_metric(runs, metric)
    best = rank_runs(runs, metric)["run_id"].iloc[:MOST_CURVES]
    chosen = dict.fromkeys(str(run_id) for run_id in (*of_schedules["run_id"].iloc[:most], *best) if run_id)
    for group in estimate_configurations(runs, metric):
        seeds = dict.fromkeys(run_ids[row] for row in group.counted.values())
        if len(chosen | seeds) > most:
            break
        chosen |= seeds
    return [*chosen][:most]


def save_all(
    figures: Mapping[str, Figure],
    folder: Path,
    formats: Sequence[str] = ("png",),
    *,
    dpi: float = DPI,
    as_slides: bool = False,
) -> list[Path]:
    """Write pictures into a folder, which is made if it is not there.

    Parameters
    ----------
    figures : mapping
        ``{name of the file: figure}``.
    folder : Path
        Where to.
    formats : sequence of str
        ``png``, ``svg``, ``pdf``.
    dpi : float
        Dots per inch of PNG files.
    as_slides : bool
        Whether they are written as `nnsweep.results.plots.slides.save_slides` does.

    Returns
    -------
    list of Path
        The files, in the order of the pictures.

    Raises
    ------
    ConfigError
        If the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{printable(str(folder))}: cannot be written ({error.strerror}); choose another") from error
    if as_slides:
        from nnsweep.results.plots.slides import save_slides  # it imports matplotlib's writer of PDF

        return save_slides(figures, folder, formats)
    paths = [(figure, folder / f"{name}.{suffix}") for name, figure in figures.items() for suffix in formats]
    for figure, path in paths:
        save_figure(figure, path, dpi=dpi)
    return [path for _, path in paths]


def by_name(runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Give the histories of runs by the runs' names, told apart by the job's number where two have one name."""
    named: dict[str, pd.DataFrame] = {}
    for row, (run_id, name) in enumerate(zip(plain(runs["run_id"]), plain(runs["name"]), strict=True)):
        if len(histories.get(str(run_id), ())):
            number = plain(runs["job"])[row] if "job" in runs.columns else row
            text = str(name) if str(name) not in named else f"{name} #{number}"
            named[text] = histories[str(run_id)]
    return named


def _plan_curves(
    runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame], groups: Sequence[Configuration], metric: str, title: str
) -> dict[str, Draw]:
    best = rank_runs(runs, metric).iloc[:MOST_CURVES]
    part = f": the best {MOST_CURVES} of {len(runs)} runs" if len(runs) > MOST_CURVES else ""
    heading = f"{title}{part}".removeprefix(": ")
    run_ids = [str(run_id) for run_id in plain(runs["run_id"])]
    of_best = {run_id: histories[run_id] for run_id in map(str, best["run_id"]) if run_id in histories}
    members = {group.label: [run_ids[row] for row in group.rows] for group in groups}
    plan: dict[str, Draw] = {
        "learning_curves": lambda: learning_curves(of_best, groups=members, measure=name_measure(metric), title=heading)
    }
    if any(len(group.finished) > 1 for group in groups[:NAMED]):
        plan["mean_curves"] = lambda: plot_learning_curves(runs, histories, metric=metric, title=title)
    counted = [run_ids[row] for group in groups for row in group.counted.values()]
    has_one_data_set = len({*name_data_sets(runs)}) <= 1  # curves on different data are not averaged
    if counted and has_one_data_set and len(_list_axes(runs)) > 1 and histories.keys() >= {*counted}:
        compared = [name for name in COMPARED if _differs(runs, name)]
        plan |= {
            f"curves_by_{name}": partial(plot_curves_by, runs, histories, name, metric=metric, title=title)
            for name in compared
        }
    if any("learning_rate" in history.columns for history in histories.values()):
        plan["schedules"] = lambda: plot_schedules(runs, histories, title=title)
    return plan


def _plan_results(runs: pd.DataFrame, metric: str, title: str, grid: MapSettings | None) -> dict[str, Draw]:
    plan: dict[str, Draw] = {}
    if grid:
        plan["grid"] = lambda: plot_grid(runs, metric=metric, title=title, **grid)
    elif axes := choose_map_axes(runs):
        plan["grid"] = lambda: plot_grid(runs, x=axes[0], y=axes[1], metric=metric, title=title)
    plan["seeds"] = lambda: plot_seeds(runs, metric=metric, title=title)
    return plan


def _plan_comparisons(runs: pd.DataFrame, groups: Sequence[Configuration], metric: str, title: str) -> dict[str, Draw]:
    """Plan the pictures that compare configurations on one data set."""
    plan: dict[str, Draw] = {}
    if len(groups) >= LEAST_LINES:
        is_result = split_metric(metric) is not None  # a size or a time is not set against another one
        if _differs(runs, PARAMETERS) and is_result:
            plan["cost"] = lambda: plot_cost(runs, metric=metric, title=title)
        if _differs(runs, SECONDS) and is_result:
            plan["cost_seconds"] = lambda: plot_cost(runs, cost=SECONDS, metric=metric, title=title)
        if len(_list_axes(runs)) > 1:
            plan["parallel"] = lambda: plot_parallel(runs, metric=metric, title=title)

    def draw_effects() -> Figure:
        from nnsweep.results.plots.effects import plot_effects
        from nnsweep.results.statistics.anova import effects  # with it comes SciPy, and a sweep draws no effects

        return plot_effects(effects(runs, metric), title=title)

    def draw_marginal_means() -> Figure:
        from nnsweep.results.plots.effects import plot_marginal_means
        from nnsweep.results.statistics.marginal_means import marginal_means

        return plot_marginal_means(marginal_means(runs, metric).levels, metric=metric, title=title)

    if len(groups) > 1 and any(len(group.finished) > 1 for group in groups):
        plan["effects"] = draw_effects
        if choose_map_axes(runs):
            plan["marginal_means"] = draw_marginal_means
    return plan


def _plan_evaluations(
    runs: pd.DataFrame, evaluations: Mapping[str, Evaluation], metric: str, title: str
) -> dict[str, Draw]:
    """Plan the pictures of what the networks of the best configuration do on the test part."""
    pooled = pool_best(runs, evaluations, metric) if evaluations else None
    if pooled is None:
        return {}
    drawers: Mapping[str, Mapping[str, Callable[..., Figure]]] = {
        "classification": {"confusion": plot_confusion, "reliability": plot_reliability},
        "multilabel": {"confusion": plot_confusion},
        "regression": {"predictions": plot_predictions},
    }
    return {
        name: partial(draw, runs, evaluations, metric=metric, title=title)
        for name, draw in drawers[pooled.task].items()
    }


def _plan_data_sets(runs: pd.DataFrame, metric: str, title: str) -> dict[str, Draw]:
    comparison = compare_data_sets(runs, metric)
    if not comparison.labels:
        return {}
    return {name: partial(draw, comparison, title=title) for name, draw in OVER_DATA_SETS.items()}


def _list_axes(runs: pd.DataFrame) -> list[str]:
    """Name the settings that a picture could have as axes: depth and width, not the layers that they make."""
    return choose_axes(runs, first=[name for name in EXTENT if _differs(runs, name)])


def _differs(runs: pd.DataFrame, name: str) -> bool:
    return name in runs.columns and runs[name].nunique() > 1
