"""The view of a sweep in MLflow's UI: its results first, its curves, and all that is measured besides folded away.

MLflow's own page draws every metric as bars, in the order of the alphabet. What is laid out here is the state that
MLflow keeps of a page, as plain values; `nnsweep.tracking.ui` writes it into a store. Tried with MLflow 3.17.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from nnsweep.mlp.measures import find_measure, is_greater_better
from nnsweep.results.factors import KINDS, distinct_settings, drop_constant, is_number
from nnsweep.results.frame import frame, list_settings, plain
from nnsweep.tracking.record import RunRecord

FOLDED = "Everything else"
MOST_AXES = 8
MOST_DRAWN = 10
"""Runs whose bars and curves can still be told apart."""
_AS_USUAL = {
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "isAccordionReordered": False,
    "hideEmptyCharts": True,
    "useGroupedValuesInCharts": False,
    "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
}
"""What the page of every sweep has."""
_AS_MEASURED = {"lineSmoothness": 0, "useGlobalLineSmoothing": True}  # MLflow smooths a chart that does not say so


def make_view(records: Sequence[RunRecord], search: str, runs: pd.DataFrame | None = None) -> dict[str, Any]:
    """Lay out the page of a sweep.

    Parameters
    ----------
    records : sequence of RunRecord
        One for each job.
    search : str
        What finds the runs, in the language of MLflow's filters.
    runs : pandas.DataFrame or None
        The frame of the records, where it has been made already.

    Returns
    -------
    dict
        What MLflow's UI has as the state of its page.
    """
    runs = drop_constant(frame(records) if runs is None else runs)
    names = distinct_settings(runs)
    measure = next((record.measure for record in records if record.metrics), "accuracy")
    own = [name for name in _name_results(measure) if any(name in record.metrics for record in records)]
    columns = [f"params.`{name}`" for name in names]
    columns += [f"metrics.`{name}`" for name in (*own, "n_parameters")]
    is_sealed = own == [f"best_val_{measure}"]  # then there are no curves of the test part to draw
    drawn, folded = (
        [name for name in curves if not (is_sealed and name.startswith("test_"))] for curves in _name_curves(measure)
    )
    sections = {
        "Answer": [*map(_draw_bars, own), *_draw_parallel(records, names, own)],
        "Curves": [_draw_lines(name, records) for name in drawn],
        FOLDED: [
            *(_draw_lines(name, records) for name in folded),
            *map(_draw_bars, _list_others(records, runs, measure)),
        ],
    }
    return {
        "searchFilter": search,
        "orderByKey": f"metrics.`{next(iter(own), f'test_{measure}')}`",
        "orderByAsc": not is_greater_better(f"test_{measure}"),
        "selectedColumns": [*columns, "attributes.`Duration`"],
        "runsHiddenMode": "SHOW_ALL" if len(records) <= MOST_DRAWN else "FIRST_10_RUNS",
        **_AS_USUAL,
        **_place_charts(sections),
    }


def _name_results(measure: str) -> tuple[str, str]:
    return f"best_val_{measure}", f"test_{measure}"


def _name_curves(measure: str) -> tuple[list[str], list[str]]:
    """Name the curves that are shown, and those that are folded away."""
    shown = ["train_cost", f"val_{measure}", f"test_{measure}", "learning_rate"]
    others = ("val_cost", "test_cost", f"val_weighted_{measure}", f"test_weighted_{measure}")
    return shown, [name for name in others if name not in shown]


def _place_charts(sections: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Give the part of the page's state that says which charts there are and where each stands."""
    size = {"columns": 2, "cardHeight": 280}
    untouched = {"isReordered": False, "deleted": False, "isGenerated": False}
    return {
        "compareRunSections": [
            {"uuid": name, "name": name, "display": name != FOLDED, **size, **untouched} for name in sections
        ],
        "compareRunCharts": [
            {**chart, "uuid": f"{name} {number}", "metricSectionId": name}
            for name, charts in sections.items()
            for number, chart in enumerate(charts)
        ],
    }


def _make_chart(kind: str, **more: object) -> dict[str, Any]:
    return {"type": kind, "deleted": False, "isGenerated": False, "runsCountToCompare": MOST_DRAWN, **more}


def _draw_bars(name: str) -> dict[str, Any]:
    return _make_chart("BAR", metricKey=name)


def _draw_lines(name: str, records: Iterable[RunRecord]) -> dict[str, Any]:
    """Draw a curve: what spans decades on a logarithmic scale, an accuracy from below the worst run's to 1."""
    measure = find_measure(name)
    low, high = measure.bounds if measure else (-math.inf, math.inf)
    spans_decades = (low, high) == (0, math.inf)
    more: dict[str, Any] = {"scaleType": "log" if spans_decades else "linear", **_AS_MEASURED}
    if measure and not spans_decades:
        own = _name_results(measure.name)
        ends = [record.metrics[one] for record in records for one in own if one in record.metrics]
        ends = [end for end in ends if low <= end <= high]
        if measure.greater_is_better:
            low = max(low, (math.floor(10 * min(ends, default=0.0)) - 1) / 10)
        else:
            high = min(high, (math.ceil(10 * max(ends, default=high)) + 1) / 10)
        more["range"] = {"yMin": low, "yMax": high}
    return _make_chart("LINE", metricKey=name, selectedMetricKeys=[name], xAxisKey="step", **more)


def _draw_parallel(records: Sequence[RunRecord], names: Sequence[str], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Draw a line for each run over what varies; MLflow would leave out a run that has no value on some axis."""
    # in a frame a setting that a run lacks looks like one that is null, which MLflow keeps as the text None
    shared = [name for name in names if all(name in record.settings for record in records)]
    axes = [name for name in shared if name not in KINDS] or shared  # one of repeats would only tangle the lines
    whole = {"selectedParams": axes[:MOST_AXES], "selectedMetrics": metrics, "showAllRuns": True}
    return [_make_chart("PARALLEL", **whole)] if axes and metrics else []


def _list_others(records: Sequence[RunRecord], runs: pd.DataFrame, measure: str) -> list[str]:
    """Name every other metric: MLflow puts those that have no chart in any section before all sections."""
    measured = {name for record in records for name in record.metrics}
    numbers = {name for name in list_settings(runs) if any(map(is_number, plain(runs[name])))}  # they are metrics, too
    return sorted((measured | numbers) - {*_name_results(measure), *itertools.chain(*_name_curves(measure))})
