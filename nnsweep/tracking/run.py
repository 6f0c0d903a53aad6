"""A run: what one job, or one sweep, leaves in the store.

A run is started, described, and ended in exactly one of the known states. Curves go to the store in
batches, thinned to what a chart can show; the Parquet file among the artifacts has every epoch.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from nnsweep.errors import StoreError
from nnsweep.mlp.arrays import FloatArray, IntArray
from nnsweep.tracking.client import client, explained
from nnsweep.tracking.record import CURVES, RunRecord, Setting
from nnsweep.tracking.store import Store

STATUSES = {"finished": "FINISHED", "failed": "FAILED", "diverged": "FAILED", "interrupted": "KILLED"}
"""MLflow's status for each of our states."""


def start(store: Store, name: str, tags: Mapping[str, str]) -> str:
    """Start a run.

    Parameters
    ----------
    store : Store
        Where.
    name : str
        Readable name.
    tags : mapping of str to str
        ``nnsweep.kind`` and whatever else is known now.

    Returns
    -------
    str
        The run's id.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    with explained(store.uri):
        run = client(store.uri).create_run(store.experiment_id, tags=dict(tags), run_name=name)
        return str(run.info.run_id)


def log_settings(store: Store, run_id: str, settings: Mapping[str, Setting]) -> None:
    """Record settings as MLflow params, which are text."""
    from mlflow.entities import Param

    params = [Param(name, str(value)) for name, value in settings.items()]
    with explained(store.uri):
        for first in range(0, len(params), 100):
            client(store.uri).log_batch(run_id, params=params[first : first + 100])


def log_dataset(store: Store, run_id: str, *, name: str, digest: str, source: str) -> None:
    """Record which data the run saw; MLflow keeps the first 36 characters of the digest."""
    from mlflow.entities import Dataset, DatasetInput

    dataset = Dataset(name=name, digest=digest[:36], source_type="nnsweep", source=source)
    try:
        with explained(store.uri):
            client(store.uri).log_inputs(run_id, [DatasetInput(dataset, [])])
    except StoreError:  # another job has just recorded the same data, which MLflow does not expect; now it is there
        with explained(store.uri):
            client(store.uri).log_inputs(run_id, [DatasetInput(dataset, [])])


def log_history(
    store: Store, run_id: str, history: Mapping[str, FloatArray], *, keep: Iterable[int], points: int
) -> None:
    """Record curves, each thinned to at most `points` values; values that are not finite are left out.

    Parameters
    ----------
    store, run_id : Store, str
        Where.
    history : mapping of str to ndarray of shape (n_epochs + 1,)
        ``epoch`` and the curves.
    keep : iterable of int
        Epochs that must be among the points, besides the first and the last.
    points : int
        How many points a curve may have.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    epochs = history["epoch"].astype(int)
    metrics = [
        Metric(name, float(curve[index]), now, int(epochs[index]))
        for name, curve in history.items()
        if name != "epoch"
        for index in thinned(np.flatnonzero(np.isfinite(curve)), keep=keep, points=points)
    ]
    with explained(store.uri):
        client(store.uri).log_batch(run_id, metrics=metrics)


def thinned(positions: Sequence[int] | IntArray, *, keep: Iterable[int] = (), points: int) -> list[int]:
    """Choose evenly among rising `positions`, always with the first, the last and those of `keep`.

    Examples
    --------
    >>> thinned(range(11), keep=(7,), points=5)
    [0, 3, 7, 10]
    """
    if len(positions) <= points:
        return [int(position) for position in positions]
    present = {int(position) for position in positions}
    kept = present.intersection(keep)
    spread = max(2, points - len(kept))
    even = (int(positions[round(index)]) for index in np.linspace(0, len(positions) - 1, spread))
    return sorted({*even, *kept})


def log_metrics(store: Store, run_id: str, metrics: Mapping[str, float], *, after: int) -> None:
    """Record final metrics, as single values that the UI draws as bars.

    Where a curve has the same name (``test_accuracy``), the value closes the curve one step after the last
    epoch, `after`: MLflow shows, sorts and filters by a metric's last value.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    values = [
        Metric(name, float(value), now, after if name in CURVES else 0)
        for name, value in metrics.items()
        if math.isfinite(value)
    ]
    with explained(store.uri):
        client(store.uri).log_batch(run_id, metrics=values)


def log_files(store: Store, run_id: str, files: Iterable[Path]) -> None:
    """Record files as artifacts, under their own names."""
    with explained(store.uri):
        for file in files:
            client(store.uri).log_artifact(run_id, str(file))


def log_tags(store: Store, run_id: str, tags: Mapping[str, str]) -> None:
    """Record texts as tags; each is cut to the 8000 characters that MLflow keeps."""
    from mlflow.entities import RunTag

    with explained(store.uri):
        client(store.uri).log_batch(run_id, tags=[RunTag(name, text[:8000]) for name, text in tags.items()])


def end(store: Store, record: RunRecord) -> None:
    """End a run in the state of its record, with the reason."""
    log_tags(store, record.run_id, {"nnsweep.state": record.state, "nnsweep.reason": record.reason})
    with explained(store.uri):
        client(store.uri).set_terminated(record.run_id, STATUSES[record.state])
