"""The view of a sweep in MLflow's UI: its accuracies first, its curves, and all that is measured besides folded away.

MLflow keeps a view in a tag of the experiment and opens it by a key in the address; without one it draws every metric
as bars, in the order of the alphabet. Tried with MLflow 3.17.
"""

import base64
import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from nnsweep.tracking.backend import backend
from nnsweep.tracking.client import explained
from nnsweep.tracking.record import CHOICES, CURVES, RunRecord
from nnsweep.tracking.store import Store

TAG = "mlflow.sharedViewState."
LONGEST = 5000
"""Characters that every database keeps of an experiment's tag."""
ACCURACIES = ("best_val_accuracy", "test_accuracy")
DRAWN = ("train_cost", "val_accuracy", "test_accuracy", "learning_rate")
"""The curves that are not folded away."""
FOLDED = "Everything else"
REPEATS = ("seed", "data.fold", "data.split_seed", "data.sample_seed")
"""Settings that repeat a network; an axis of one would only tangle the lines of those that are compared."""
MOST_AXES = 8
_AS_MEASURED = {"lineSmoothness": 0, "useGlobalLineSmoothing": True}  # MLflow smooths a chart that does not say so
MOST_DRAWN = 10
"""Runs whose bars and curves can still be told apart."""


def key_of(sweep: str) -> str:
    """Give the key that a sweep's view is opened by; the same for the same sweep, whatever characters its id has."""
    return hashlib.sha256(sweep.encode(errors="surrogateescape")).hexdigest()[:32]


def write(store: Store, sweep: str, records: Sequence[RunRecord], search: str) -> bool:
    """Write a sweep's view, or renew it; a view that is too long for a tag is not written.

    Parameters
    ----------
    store : Store
        Where the runs are.
    sweep : str
        The sweep's id.
    records : sequence of RunRecord
        One for each job.
    search : str
        What finds the runs, in the language of MLflow's filters.

    Returns
    -------
    bool
        Whether it is there.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    text = packed(view(records, search))
    if len(text) > LONGEST:
        return False
    with explained(store.uri):
        backend(store.uri).set_experiment_tag(store.experiment_id, TAG + key_of(sweep), text)
    return True


def packed(state: dict[str, Any]) -> str:
    """Write a view as MLflow's UI reads it: compressed, for its length."""
    text = json.dumps(state, separators=(",", ":"))
    return f"deflate;{base64.b64encode(zlib.compress(text.encode(), 9)).decode()}"


def view(records: Sequence[RunRecord], search: str) -> dict[str, Any]:
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
    accuracies = [name for name in ACCURACIES if any(name in record.metrics for record in records)]
    sections = _sections(records, accuracies)
    params = [f"params.`{name}`" for name in _telling(records)]
    return {
        "searchFilter": search,
        "orderByKey": f"metrics.`{next(iter(accuracies), 'test_accuracy')}`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [
            *params,
            *(f"metrics.`{name}`" for name in (*accuracies, "n_parameters")),
            "attributes.`Duration`",
        ],
        "runsHiddenMode": "SHOW_ALL" if len(records) <= MOST_DRAWN else "FIRST_10_RUNS",
        "isAccordionReordered": False,
        "hideEmptyCharts": True,
        "useGroupedValuesInCharts": False,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
        "compareRunSections": [_section(name, is_open=name != FOLDED) for name in sections],
        "compareRunCharts": [
            {**chart, "uuid": f"{name} {number}", "metricSectionId": name}
            for name, charts in sections.items()
            for number, chart in enumerate(charts)
        ],
    }


def _sections(records: Sequence[RunRecord], accuracies: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Give every metric a chart in some section: MLflow puts those that have none before all others."""
    settings = {name for record in records for name, value in record.settings.items() if _is_number(value)}
    measured = {name for record in records for name in record.metrics}
    others = measured | settings.intersection(_varying(records))  # numbers that vary are metrics, too
    others -= {*ACCURACIES, *CURVES}
    return {
        "Answer": [*map(_bars, accuracies), *_parallel(records, accuracies)],
        "Curves": [_lines(name, records) for name in DRAWN],
        FOLDED: [*(_lines(name, records) for name in CURVES if name not in DRAWN), *map(_bars, sorted(others))],
    }


def _section(name: str, *, is_open: bool) -> dict[str, Any]:
    own = {"uuid": name, "name": name, "display": is_open}
    return {**own, "columns": 2, "cardHeight": 280, "isReordered": False, "deleted": False, "isGenerated": False}


def _chart(kind: str, **more: object) -> dict[str, Any]:
    return {"type": kind, "deleted": False, "isGenerated": False, "runsCountToCompare": MOST_DRAWN, **more}


def _bars(name: str) -> dict[str, Any]:
    return _chart("BAR", metricKey=name)


def _lines(name: str, records: Iterable[RunRecord]) -> dict[str, Any]:
    """Draw a curve: costs, which span decades, on a logarithmic scale, accuracies from below the worst run's to 1."""
    more: dict[str, Any] = {"scaleType": "log" if name.endswith("_cost") else "linear", **_AS_MEASURED}
    if name.endswith("_accuracy"):
        ends = [record.metrics[own] for record in records for own in ACCURACIES if own in record.metrics]
        lowest = min((end for end in ends if 0 <= end <= 1), default=0.0)
        more["range"] = {"yMin": max(0, math.floor(10 * lowest) - 1) / 10, "yMax": 1.0}
    return _chart("LINE", metricKey=name, selectedMetricKeys=[name], xAxisKey="step", **more)


def _parallel(records: Sequence[RunRecord], accuracies: Sequence[str]) -> list[dict[str, Any]]:
    """Draw a line for each run over what varies; MLflow would leave out a run that has no value on some axis."""
    shared = [name for name in _telling(records) if all(name in record.settings for record in records)]
    axes = [name for name in shared if name not in REPEATS] or shared
    whole = {"selectedParams": axes[:MOST_AXES], "selectedMetrics": accuracies, "showAllRuns": True}
    return [_chart("PARALLEL", **whole)] if axes and accuracies else []


def _telling(records: Sequence[RunRecord]) -> list[str]:
    """Name the settings that vary, the choices first; of those that tell the same runs apart, the first alone."""
    found: dict[tuple[int, ...], str] = {}
    for name, codes in _varying(records).items():
        found.setdefault(codes, name)
    return [*found.values()]


def _varying(records: Sequence[RunRecord]) -> dict[str, tuple[int, ...]]:
    """Give for each setting with several values which runs share one: a missing value counts as a value."""
    names = {name for record in records for name in record.settings}
    first = [name for name in (*CHOICES, "seed") if name in names]
    found = {}
    for name in [*first, *sorted(names.difference(first))]:
        values = [repr(record.settings.get(name)) for record in records]
        numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
        if len(numbers) > 1:
            found[name] = tuple(numbers[value] for value in values)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
