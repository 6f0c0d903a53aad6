"""The work of one job: a run is started, the network trained, and the run ended in a known state.

What goes wrong in a job costs that job alone: it becomes a failed run with its reason. Only the user's
interruption and a store that is gone leave this module as exceptions.
"""

import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nnsweep.data.dataset import Dataset
from nnsweep.data.load import load
from nnsweep.messages import visible
from nnsweep.mlp.history import Trained, collect
from nnsweep.mlp.network import n_parameters
from nnsweep.mlp.train import train
from nnsweep.palette import COLOURS
from nnsweep.sweep import describe, folder
from nnsweep.sweep.environment import environment
from nnsweep.sweep.job import OPERATIONAL, Job
from nnsweep.sweep.parts import Part
from nnsweep.tracking import run as runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

log = logging.getLogger(__name__)

Draw = Callable[[pd.DataFrame, str, Path], Path]
"""Draws a history under a title into a folder, and returns the picture's path."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a job stands in its sweep.

    Attributes
    ----------
    folder : Path
        The job's own folder; it exists.
    sweep : str
        The sweep's id.
    number : int
        The job's number, from 0.
    name : str
        The run's name.
    chosen : mapping of str to str
        The names of its choices.
    varying : sequence of str
        The settings that differ between the jobs of the sweep.
    """

    folder: Path
    sweep: str
    number: int
    name: str
    chosen: Mapping[str, str]
    varying: Sequence[str] = ()


@functools.lru_cache(maxsize=4)
def dataset(data: Part) -> Dataset:
    """Load a data set, once in this process.

    Raises
    ------
    DataError
        If it cannot be had.
    """
    return load(data.name, **data.settings())


def run(job: Job, place: Place, store: Store, draw: Draw | None = None) -> RunRecord:
    """Do the whole of a job.

    Parameters
    ----------
    job : Job
        What to train.
    place : Place
        Where it stands.
    store : Store
        Where it is recorded.
    draw : callable or None
        Draws the learning curves.

    Returns
    -------
    RunRecord
        Of a run that has ended.

    Raises
    ------
    StoreError
        If the store refuses; the job's folder has the record.
    KeyboardInterrupt
        If the user interrupts; the run has been ended as interrupted.
    """
    examples = dataset(job.data)
    settings = describe.settings(job, place.chosen)
    record = RunRecord(
        run_id=_started(job, place, store, examples),
        name=place.name,
        state="interrupted",
        reason="interrupted by the user",
        settings=settings,
        metrics=_sizes(job, examples),
        sweep=place.sweep,
        job=place.number,
    )
    runs.log_settings(store, record.run_id, settings)
    runs.log_dataset(store, record.run_id, name=examples.name, digest=examples.digest, source=examples.source)
    trained, files = None, []
    try:
        trained, seconds = _train(job, examples)
        files = _written(job, place, trained, draw)
        record = _told(record, trained, seconds)
    except (Exception, SystemExit) as error:
        log.exception("the job failed")
        record = replace(record, state="failed", reason=visible(f"{type(error).__name__}: {error}"))
        files = [folder.write_traceback(place.folder)]
    finally:
        folder.write_record(place.folder, record)
        _send(job, place, store, record, trained, files)
    return record


def _started(job: Job, place: Place, store: Store, examples: Dataset) -> str:
    tags = {
        "nnsweep.kind": "job",
        "nnsweep.sweep": place.sweep,
        "nnsweep.job": str(place.number),
        "nnsweep.key": job.key(examples.digest),
        "nnsweep.state": "running",
        "nnsweep.data_digest": examples.digest,
        "nnsweep.folder": str(place.folder),
        "mlflow.note.content": describe.description(job, place.chosen),
        "mlflow.source.name": "nnsweep",
        "mlflow.runColor": COLOURS[place.number % len(COLOURS)],
    }
    code = environment()
    if "git_commit" in code:
        tags |= {"mlflow.source.git.commit": code["git_commit"], "nnsweep.git_dirty": str(code["git_dirty"]).lower()}
    return runs.start(store, place.name, tags)


def _train(job: Job, examples: Dataset) -> tuple[Trained, float]:
    started = time.perf_counter()
    with threadpool_limits(1):  # more threads are slower on matrices of this size, and may change the last bit
        trained = collect(train(examples, job.network(), [job.member()], job.training()))[0]
    return trained, time.perf_counter() - started


def _told(record: RunRecord, trained: Trained, seconds: float) -> RunRecord:
    state, reason = _end_of(trained)
    metrics = record.metrics | {"duration_seconds": seconds}
    if state == "finished":
        metrics |= final_metrics(trained)
    return replace(record, state=state, reason=reason, metrics=metrics)


def _written(job: Job, place: Place, trained: Trained, draw: Draw | None) -> list[Path]:
    files = [
        folder.write_config(place.folder, job.model_dump(mode="json", exclude=OPERATIONAL)),
        folder.write_environment(place.folder, environment()),
        folder.write_history(place.folder, trained.history()),
        folder.write_weights(place.folder, trained),
    ]
    if draw is not None and job.tracking.pictures:
        files.append(draw(folder.frame(trained.history()), place.name, place.folder))
    return files


def _send(
    job: Job, place: Place, store: Store, record: RunRecord, trained: Trained | None, files: Sequence[Path]
) -> None:
    n_epochs = 0
    if trained is not None:
        history, n_epochs = trained.history(), len(trained.rows)
        points = job.tracking.max_points
        runs.log_history(store, record.run_id, history, keep=(trained.best_epoch,), points=points)
        told = f"{describe.description(job, place.chosen)}\n\n{describe.outcome(trained, 'val_accuracy' in history)}"
        runs.log_tags(store, record.run_id, {"mlflow.note.content": told})
    runs.log_metrics(store, record.run_id, _axes(record, place) | record.metrics, after=n_epochs)
    runs.log_files(store, record.run_id, files)
    runs.end(store, record)


def _axes(record: RunRecord, place: Place) -> dict[str, float]:
    """Give the numbers that differ between the jobs: as metrics too they sort as numbers, which params do not."""
    values = {name: value for name in place.varying if not isinstance(value := record.settings.get(name), bool)}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def final_metrics(trained: Trained) -> dict[str, float]:
    """Sum up a finished training.

    Returns
    -------
    dict
        ``test_accuracy`` at the best epoch, ``best_epoch``, ``best_val_accuracy`` (where there is a validation
        part), ``final_test_accuracy``, ``max_test_accuracy`` (over all epochs, an optimistic number),
        ``final_train_cost`` and ``epochs_trained``.
    """
    history, best = trained.history(), trained.best_epoch
    test = history["test_accuracy"]
    metrics = {
        "best_epoch": float(best),
        "test_accuracy": float(test[best]),
        "final_test_accuracy": float(test[-1]),
        "max_test_accuracy": float(np.nanmax(test)),
        "final_train_cost": float(history["train_cost"][-1]),
        "epochs_trained": float(len(trained.rows) - 1),
    }
    if "val_accuracy" in history:
        metrics["best_val_accuracy"] = float(history["val_accuracy"][best])
    return metrics


def _sizes(job: Job, examples: Dataset) -> dict[str, float]:
    sizes = job.arch.sizes
    return {
        "depth": float(len(sizes)),
        "width": float(max(sizes, default=0)),
        "n_parameters": float(n_parameters(examples.n_features, sizes, examples.n_classes)),
    }


def _end_of(trained: Trained) -> tuple[str, str]:
    last = len(trained.rows) - 1
    if trained.ending == "stopped":
        return "finished", f"stopped early at epoch {last}"
    if trained.ending == "diverged":
        finite = [row[2] for row in trained.rows if np.isfinite(row[2])]
        known = f"the last finite cost was {finite[-1]:.4g}" if finite else "no cost was finite"
        return "diverged", f"cost or weights were not finite at epoch {last}; {known}"
    return "finished", ""
