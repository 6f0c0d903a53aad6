"""The numbers behind the page: every configuration's values by measure, and the learning curves of the best ones.

The page's script reads them as JSON to show what a mark in a picture stands for, to filter by settings and to draw
curves. Numbers come with their text, so that the page writes them as the report does.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.factors import ARCHITECTURE, EXTENT, is_function_of
from nnsweep.results.frame import coded, plain, rows, take_metric, take_numbers, varies
from nnsweep.results.grouping import group_runs
from nnsweep.results.metrics import (
    bound_metric,
    choose_digits,
    find_validation_metric,
    metric_text,
    smaller_is_better,
    split_metric,
)
from nnsweep.results.plots.grid import plot_grid
from nnsweep.results.report.content import Picture, Row
from nnsweep.results.report.study import Study
from nnsweep.results.statistics.optimism import name_epoch_metrics
from nnsweep.results.statistics.summary import correct_confidence, sort_best_first, summarize
from nnsweep.results.wording import count, short_name, value_text, whole, with_interval, write_digits

PARAMETERS = "n_parameters"
TRAINING = ("final_train_cost", "duration_seconds", PARAMETERS)
"""What every training has besides its results."""
MOST_EPOCHS = 60
"""How many points a curve has at most."""
MOST_MAPPED = 60
"""Beyond so many configurations, a map for each measure takes longer than all else in the report."""
MOST_BYTES = 280_000
"""How large the JSON may become; configurations for whose curves there is no room have none."""


@dataclass(frozen=True, kw_only=True)
class ExploredMetric:
    """What came out of each configuration by one metric, the best configuration first.

    Attributes
    ----------
    key : str
        The metric's column.
    name : str
        The metric for a reader.
    numbers : tuple of float or None
        The means; None where no run has a value.
    texts : tuple of str
        The means with their simultaneous intervals, as they are read.
    order : tuple of int or None
        How pictures of this metric number the configurations, their own best being 0: where each of theirs stands
        here; None for one that is not compared here.
    """

    key: str
    name: str
    numbers: tuple[float | None, ...]
    texts: tuple[str, ...]
    order: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class RunCurves:
    """The curves of a run.

    Attributes
    ----------
    name : str
        Its name, with its state if it did not finish.
    is_finished : bool
        Whether it counts for the mean.
    curves : mapping
        ``{curve: values}`` at the configuration's epochs; None where there is none.
    """

    name: str
    is_finished: bool
    curves: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, kw_only=True)
class ConfigurationCurves:
    """The curves of a configuration's runs, all at the same epochs."""

    epochs: tuple[int, ...]
    runs: tuple[RunCurves, ...]


@dataclass(frozen=True, kw_only=True)
class Explorer:
    """What can be explored on the page; every sequence has the configurations in the same order, the best first.

    Attributes
    ----------
    metric : str
        The column that the report's own pictures are drawn by.
    labels : tuple of str
        What each configuration is called.
    repeats : tuple of str
        How many runs each has, and how many of them failed.
    settings : mapping
        ``{setting: its value in each, as it is read}``, to filter by.
    measures : tuple of ExploredMetric
        The metrics to choose from, first the one that the report is about.
    curve_names : mapping
        ``{curve: its name for a reader}``.
    falling_curves : tuple of str
        The curves of which less is better.
    curves : tuple of ConfigurationCurves or None
        The curves of the first configurations, as many as there is room for; None for one whose runs left none.
    """

    metric: str
    labels: tuple[str, ...]
    repeats: tuple[str, ...]
    settings: Mapping[str, tuple[str, ...]]
    measures: tuple[ExploredMetric, ...]
    curve_names: Mapping[str, str]
    falling_curves: tuple[str, ...]
    curves: tuple[ConfigurationCurves | None, ...] = ()

    def json(self) -> str:
        """Write everything as JSON that may stand inside an HTML ``script`` element."""
        return _write_json(asdict(self))


def explore(study: Study, *, most_bytes: int = MOST_BYTES) -> Explorer | None:
    """Gather what the page needs to be explored.

    Parameters
    ----------
    study : Study
        The runs and what is asked of them.
    most_bytes : int
        How large the JSON may become with curves.

    Returns
    -------
    Explorer or None
        None where there is nothing to compare: one configuration, no result, or several data sets, each with an order
        of its own.
    """
    table = study.configurations
    if len(table) < 2 or study.has_several_data_sets:
        return None
    found = [_measure(study, metric) for metric in _list_metrics(study)]
    measures = tuple(measure for measure in found if measure is not None)
    if not measures:
        return None
    explorer = Explorer(
        metric=study.metric,
        labels=tuple(table["label"]),
        repeats=tuple(_describe_repeats(study, row) for row in rows(table)),
        settings=_list_settings(table),
        measures=measures,
        curve_names={name: metric_text(name) for name in _list_curves(study)},
        falling_curves=tuple(filter(smaller_is_better, _list_curves(study))),
    )
    room = most_bytes - len(explorer.json().encode())
    curves: list[ConfigurationCurves | None] = []
    for label in explorer.labels if study.histories else ():
        one = _gather_curves(study, label)
        room -= len(_write_json(asdict(one) if one else None).encode()) + 1
        if room < 0:
            break
        curves.append(one)
    return replace(explorer, curves=tuple(curves))


def _list_metrics(study: Study) -> list[str]:
    """List the metrics to choose from: the report's, the others of its measure, and those of other measures."""
    selected, last, best = name_epoch_metrics(study.metric)
    names = [study.metric, selected, f"best_val_{study.measure}", last, best]
    names += [name for name in map(str, study.runs.columns) if find_validation_metric(name) and name != "test_cost"]
    return [*dict.fromkeys((*names, *TRAINING))]


def _list_curves(study: Study) -> list[str]:
    names = ["train_cost", f"val_{study.measure}", f"test_{study.measure}"]
    return [name for name in names if any(name in history for history in study.histories.values())]


def draw_maps(study: Study, explorer: Explorer) -> dict[str, Picture]:
    """Draw the map of each measure that has a best, but for that of the report's own map.

    Parameters
    ----------
    study : Study
        The runs and what is asked of them.
    explorer : Explorer
        What `explore` says of them.

    Returns
    -------
    dict
        ``{metric: picture}``; empty beyond `MOST_MAPPED` configurations.
    """
    if len(explorer.labels) > MOST_MAPPED:
        return {}
    drawn = {}
    for measure in explorer.measures:
        if measure.key not in (study.metric, PARAMETERS):
            draw = partial(plot_grid, study.runs, metric=measure.key)
            drawn[measure.key] = Picture(f"grid-{measure.key}", f"The same map for {measure.name}.", draw)
    return drawn


def _measure(study: Study, metric: str) -> ExploredMetric | None:
    """Estimate the configurations by a metric; None where it has no values or more than one for a repeat."""
    if metric not in study.runs.columns or not any(value is not None for value in take_metric(study.runs, metric)):
        return None
    try:
        found = group_runs(study.runs, metric, by=study.settings)
    except ConfigError:  # two runs of a repeat may both have a cost although one of them alone has an accuracy
        return None
    intervals = summarize(found, correct_confidence(found, study.confidence), bounds=bound_metric(metric))
    by_label = {one.label: interval for one, interval in zip(found, intervals, strict=True)}
    means = [by_label[label] for label in study.configurations["label"]]
    places = {study.find_rows(label): place for place, label in enumerate(study.configurations["label"])}
    drawn = found if study.by is None else group_runs(study.runs, metric)
    write: Callable[[object], str] = partial(write_digits, n=3)
    name = split_metric(metric)
    if metric == study.metric:
        write = study.write
    elif metric == PARAMETERS:
        write = whole
    elif name is not None and name.part != "train":
        write = study.write_measure if name.measure == study.measure else choose_digits(metric, [])
    return ExploredMetric(
        key=metric,
        name=metric_text(metric),
        numbers=tuple(float(f"{one.mean:.6g}") if math.isfinite(one.mean) else None for one in means),
        texts=tuple(with_interval(write, one.mean, one.low, one.high) for one in means),
        order=tuple(places.get(one.rows) for one in sort_best_first(drawn, metric)),
    )


def _describe_repeats(study: Study, row: Row) -> str:
    finished, failed = (int(str(row[name])) for name in ("n_finished", "n_failed"))
    return count(finished + failed, study.repeats.noun) + f", {failed:,} failed" * (failed > 0)


def _list_settings(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """List the settings to filter by, with depth and width in place of an architecture that they tell."""
    settings = table.attrs["settings"]
    sizes = [name for name in EXTENT if name in table.columns and varies(table, name)]
    codes = {name: coded(table, name) for name in {*settings, *sizes}}
    told = [name for name in ARCHITECTURE if name in settings and is_function_of(name, sizes, codes)]
    names = [*sizes, *(name for name in settings if name not in (*sizes, *told) and varies(table, name))]
    return {short_name(name, names): tuple(map(value_text, plain(table[name]))) for name in names}


def _gather_curves(study: Study, label: str) -> ConfigurationCurves | None:
    """Gather the curves of a configuration's runs at a few epochs, the same for all of them; None if there are none."""
    runs = [row for row in rows(study.runs.iloc[[*study.find_rows(label)]]) if str(row["run_id"]) in study.histories]
    runs.sort(key=lambda row: (len(str(row["name"])), str(row["name"])))  # seed 2 comes before seed 10
    names = _list_curves(study)
    points = [_take_points(study.histories[str(row["run_id"])], names) for row in runs]
    measured = {epoch for one in points for name in names[1:] for epoch in one.get(name, ())}
    epochs = _thin(sorted(measured or {epoch for one in points for curve in one.values() for epoch in curve}))
    if not epochs:
        return None
    return ConfigurationCurves(
        epochs=tuple(epochs),
        runs=tuple(
            RunCurves(
                name=str(row["name"]) + ("" if row["state"] == "finished" else f" ({row['state']})"),
                is_finished=row["state"] == "finished",
                curves={name: tuple(curve.get(epoch) for epoch in epochs) for name, curve in own.items()},
            )
            for row, own in zip(runs, points, strict=True)
        ),
    )


def _take_points(history: pd.DataFrame, names: Sequence[str]) -> dict[str, dict[int, float]]:
    """Take the values of each curve that a run has, by epoch."""
    columns = {name: take_numbers(history, name) for name in ("epoch", *names)}
    points = {
        name: {
            int(epoch): float(f"{value:.4g}")
            for epoch, value in zip(columns["epoch"], columns[name], strict=True)
            if math.isfinite(value)
        }
        for name in names
    }
    return {name: curve for name, curve in points.items() if curve}


def _thin(epochs: list[int]) -> list[int]:
    """Keep at most `MOST_EPOCHS`, evenly spread, with the first and the last."""
    places = np.linspace(0, len(epochs) - 1, min(len(epochs), MOST_EPOCHS)).round().astype(int)
    return [epochs[place] for place in places]


def _write_json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # nothing in it may end the script element
