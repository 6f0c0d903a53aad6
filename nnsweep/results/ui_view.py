"""The view of a sweep in MLflow's UI: its accuracies first, its curves, and all that is measured besides folded away.

MLflow's own page draws every metric as bars, in the order of the alphabet. What is laid out here is the state that
MLflow keeps of a page, as plain values; `nnsweep.tracking.ui` writes it into a store. Tried with MLflow 3.17.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from nnsweep.results.factors import KINDS, distinct_settings, drop_constant, is_number
from nnsweep.results.frame import frame, list_settings, plain
from nnsweep.tracking.record import CURVES, RunRecord

ACCURACIES = ("best_val_accuracy", "test_accuracy")
DRAWN = ("train_cost", "val_accuracy", "test_accuracy", "learning_rate")
"""The curves that are not folded away."""
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


def make_view(records: Sequence[RunRecord], search: str) -> dict[str, Any]:
    """Lay out the page of a sweep.

    Parameters
    ----------
    records : sequence of RunRecord
        One for each job.
    search : str
        What finds the runs, in the language of MLflow's filters.

    Returns
    -------
    dict
        What MLflow's UI has as the state of its page.
    """
    runs = drop_constant(frame(records))
    names = distinct_settings(runs)
    accuracies = [name for name in ACCURACIES if any(name in record.metrics for record in records)]
    columns = [f"params.`{name}`" for name in names]
    columns += [f"metrics.`{name}`" for name in (*accuracies, "n_parameters")]
    is_sealed = accuracies == ["best_val_accuracy"]  # then there are no curves of the test part to draw
    curves = [name for name in CURVES if not (is_sealed and name.startswith("test_"))]
    sections = {
        "Answer": [*map(_draw_bars, accuracies), *_draw_parallel(records, names, accuracies)],
        "Curves": [_draw_lines(name, records) for name in DRAWN if name in curves],
        FOLDED: [
            *(_draw_lines(name, records) for name in curves if name not in DRAWN),
            *map(_draw_bars, _list_others(records, runs)),
        ],
    }
    return {
        "searchFilter": search,
        "orderByKey": f"metrics.`{next(iter(accuracies), 'test_accuracy')}`",
        "orderByAsc": False,
        "selectedColumns": [*columns, "attributes.`Duration`"],
        "runsHiddenMode": "SHOW_ALL" if len(records) <= MOST_DRAWN else "FIRST_10_RUNS",
        **_AS_USUAL,
        **_place_charts(sections),
    }


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
    """Draw a curve: costs, which span decades, on a logarithmic scale, accuracies from below the worst run's to 1."""
    more: dict[str, Any] = {"scaleType": "log" if name.endswith("_cost") else "linear", **_AS_MEASURED}
    if name.endswith("_accuracy"):
        ends = [record.metrics[own] for record in records for own in ACCURACIES if own in record.metrics]
        lowest = min((end for end in ends if 0 <= end <= 1), default=0.0)
        more["range"] = {"yMin": max(0, math.floor(10 * lowest) - 1) / 10, "yMax": 1.0}
    return _make_chart("LINE", metricKey=name, selectedMetricKeys=[name], xAxisKey="step", **more)


def _draw_parallel(
    records: Sequence[RunRecord], names: Sequence[str], accuracies: Sequence[str]
) -> list[dict[str, Any]]:
    """Draw a line for each run over what varies; MLflow would leave out a run that has no value on some axis."""
    # in a frame a setting that a run lacks looks like one that is null, which MLflow keeps as the text None
    shared = [name for name in names if all(name in record.settings for record in records)]
    axes = [name for name in shared if name not in KINDS] or shared  # one of repeats would only tangle the lines
    whole = {"selectedParams": axes[:MOST_AXES], "selectedMetrics": accuracies, "showAllRuns": True}
    return [_make_chart("PARALLEL", **whole)] if axes and accuracies else []


def _list_others(records: Sequence[RunRecord], runs: pd.DataFrame) -> list[str]:
    """Name every other metric: MLflow puts those that have no chart in any section before all sections."""
    measured = {name for record in records for name in record.metrics}
    numbers = {name for name in list_settings(runs) if any(map(is_number, plain(runs[name])))}  # they are metrics, too
    return sorted((measured | numbers) - {*ACCURACIES, *CURVES})
