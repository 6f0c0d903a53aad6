"""Whether what is recorded of a run agrees with itself.

A run says the same thing in several places: its settings are in its params, its configuration and its key; its results
in its metrics, its history and the examples that it got right. What was changed in one of them is noticed by the
others, also in runs of earlier versions, which have no seal.
"""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from nnsweep.data.dataset import Dataset
from nnsweep.errors import ConfigError, DataError, DifferenceError
from nnsweep.jobs import names
from nnsweep.jobs.checking import make_job
from nnsweep.jobs.job import Job
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.early_stopping import COSTS, Selection, select_epoch
from nnsweep.tracking.artifacts import WAY_OUT
from nnsweep.tracking.recorded_run import RecordedRun, read_mapping
from nnsweep.tracking.store import Store


def make_recorded_job(configuration: Mapping[str, Any], title: str) -> Job:
    """Make a job of a recorded configuration.

    Parameters
    ----------
    configuration : mapping
        As it was recorded.
    title : str
        What to call its run.

    Raises
    ------
    DataError
        If the configuration is none of this version's.
    """
    values = {**configuration, "tracking": {}}
    data = values.get("data")
    if isinstance(data, dict) and not os.path.isdir(str(data.get("home"))):  # another machine keeps its data elsewhere
        values["data"] = {name: value for name, value in data.items() if name != "home"}
    try:
        return make_job(values)
    except ConfigError as error:
        problems = "; ".join(error.problems)
        raise DataError(f"run {title}: its configuration is none of this version's ({problems})") from error


def load_recorded_data(store: Store, run_id: str, title: str, digest: str) -> tuple[Job, Dataset]:
    """Make the job of a recorded run, and load the data that it was trained on.

    Parameters
    ----------
    store, run_id : Store, str
        Where the run is.
    title : str
        What to call it.
    digest : str
        Of the data that it was trained on.

    Raises
    ------
    DataError
        If its configuration was not recorded or cannot be read, or its data are gone or have changed since.
    """
    configuration = read_mapping(store, run_id, "config.yaml")
    if not configuration:
        raise DataError(f"run {title}: its configuration was not recorded, so its data cannot be found")
    job = make_recorded_job(configuration, title)
    examples = load_dataset(job.data)
    if examples.digest != digest:
        digests = f"digest {digest[:12]} then, {examples.digest[:12]} now"
        raise DataError(f"run {title}: its data have changed since ({digests}); put the old data back, or sweep again")
    return job, examples


def require_consistent(run: RecordedRun) -> None:
    """Refuse a run whose record does not agree with itself.

    Raises
    ------
    DifferenceError
        A line for each disagreement.
    """
    require_all_consistent([run])


def require_all_consistent(runs: Iterable[RecordedRun]) -> None:
    """Refuse runs whose records do not agree with themselves, all at once; see `require_consistent`."""
    lines = [f"run {run.title}: {one}" for run in runs for one in find_disagreements(run).values()]
    if lines:
        raise DifferenceError(*lines, WAY_OUT)


def find_disagreements(run: RecordedRun) -> dict[str, str]:
    """Compare everything that is recorded of a run with everything else that is.

    Returns
    -------
    dict
        What does not agree, in a line each, by the name of the setting or result; empty if all does.
    """
    lines = dict(_compare_settings(run))
    if run.record.state == "finished":
        lines |= dict(_compare_results(run))
    for name, now in run.record.altered.items():
        lines.setdefault(name, f"{name} is {now}, which is not what was recorded")
    return lines


def _compare_settings(run: RecordedRun) -> Iterator[tuple[str, str]]:
    """Compare params, configuration and key."""
    params, record = run.record.settings, run.record
    try:
        job = make_recorded_job(run.config, run.title) if run.config else None
    except DataError:  # an older version wrote other settings, which cannot be compared
        job = None
    if job is None:
        return
    chosen = {group: str(params[group]) for group in names.GROUPS if group in params}
    for name, value in names.flatten_settings(job, chosen).items():
        here = params.get(name)
        if name in params and str(here) != str(value):
            yield name, f"{name} is {here} in its params, {value} in its configuration"
        elif name not in params and name.endswith(".name") and name.removesuffix(".name") in params:
            group = name.removesuffix(".name")
            yield group, f"{group} is {params[group]} in its params, {value} in its configuration"
    has_parts = record.key and record.data_digest and run.numerics.isdigit()
    if has_parts and record.key != job.key(record.data_digest, int(run.numerics)):
        yield "nnsweep.key", f"its key {record.key[:12]} is not that of its configuration, data digest and numerics"


def _compare_results(run: RecordedRun) -> Iterator[tuple[str, str]]:
    """Compare final metrics, history and right answers."""
    metrics, history = run.record.metrics, run.history
    best = int(metrics.get("best_epoch", -1))
    if not history.empty:
        if not 0 <= best < len(history):
            yield "best_epoch", f"best_epoch is {best}, and its history has the epochs 0 to {len(history) - 1}"
            return
        curves = {str(name): history[name].to_numpy(float) for name in history}
        last = len(history) - 1
        values = dict(_sum_up(curves, best))
        values["epochs_trained"] = float(last)
        for name, value in values.items():
            here = metrics.get(name)
            if here is not None and here != value and not (math.isnan(here) and math.isnan(value)):
                yield name, f"{name} is {here!r} in its metrics, {value!r} by its history"
        if problem := _find_better_epoch(run, curves, best):
            yield "best_epoch", problem
    if run.correct is None or "test_accuracy" not in metrics:
        return
    n_right, n_test = int(run.correct.right.sum()), len(run.correct.right)
    if not math.isclose(metrics["test_accuracy"], n_right / n_test, rel_tol=1e-6):
        yield (
            "test_accuracy",
            f"test_accuracy is {metrics['test_accuracy']!r} in its metrics, and {n_right} of {n_test} examples are "
            f"right ({n_right / n_test!r})",
        )
    if "best_epoch" in metrics and run.correct.epoch != best:
        yield "best_epoch", f"best_epoch is {best} in its metrics, {run.correct.epoch} beside the right answers"


def _sum_up(curves: Mapping[str, FloatArray], best: int) -> Iterator[tuple[str, float]]:
    """Give what the final metrics must be by the history, whichever of them there are."""
    for name, curve in curves.items():
        if name == "train_cost":
            yield "final_train_cost", float(curve[-1])
        if name.startswith(("val_", "test_")):
            yield f"best_{name}" if name.startswith("val_") else name, float(curve[best])
        if name.startswith("test_") and not np.isnan(curve).all():
            yield f"final_{name}", float(curve[-1])
            yield f"max_{name}", float(np.nanmax(curve))
            yield f"min_{name}", float(np.nanmin(curve))


def _find_better_epoch(run: RecordedRun, curves: Mapping[str, FloatArray], best: int) -> str:
    """Say which epoch should have been recorded as the best, if another one; empty if not.

    Earlier versions recorded no costs: ties cannot be decided then, nor anything at all if classes have weights.
    """
    select = run.record.settings.get("trainer.select")
    selection = Selection.of_record(str(select) if select else None, curves)
    values = selection.find_values(curves)
    if values is None:
        return ""
    chosen = select_epoch(curves, selection)
    if not any(name in curves for name in COSTS) and (
        run.record.settings.get("trainer.class_weight") is not None or values[chosen] == values[best]
    ):
        return ""
    return "" if chosen == best else f"best_epoch is {best} in its metrics, {chosen} by its history"
