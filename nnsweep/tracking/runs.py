"""A run: what one job, or one sweep, leaves in the store.

A run is started, described, and ended in exactly one of the known states. Curves go to the store in
batches, thinned to what a chart can show; the Parquet file among the artifacts has every epoch.
"""

import functools
import getpass
import json
import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.curves import is_curve
from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.backend import LONGEST_DIGEST, RunEntry, RunQuery, find_backend, make_artifact_uri
from nnsweep.tracking.backend import LONGEST_TAG as LONGEST_TAG
from nnsweep.tracking.owner import current_owner
from nnsweep.tracking.record import TEXTS, Point, RunRecord, Setting, find_misleading_texts
from nnsweep.tracking.store import Store, local_folder

STATUSES = {
    "finished": "FINISHED",
    "failed": "FAILED",
    "diverged": "FAILED",
    "interrupted": "KILLED",
    "lost": "KILLED",
}
"""MLflow's status for each of our states."""
OWNER = "nnsweep.owner"
"""The tag that names the process a run belongs to."""
COMMAND = "nnsweep.command"
"""The tag of a sweep's own run with the command that has asked for it."""

REQUESTS_AT_ONCE = 8
"""How many files are sent to a server at a time."""

_artifact_uris: dict[str, str] = {}  # of runs that were started here: the store need not be asked for them


def start_run(store: Store, name: str, tags: Mapping[str, str]) -> str:
    """Start a run.

    Parameters
    ----------
    store : Store
        Where.
    name : str
        Readable name.
    tags : mapping of str to str
        ``nnsweep.kind`` and whatever else is known now; the run belongs to this process if they do not say whose it is.

    Returns
    -------
    str
        The run's id.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    own = {OWNER: current_owner().tag(), "mlflow.user": read_user_name()}
    texts = own | {key: text[:LONGEST_TAG] for key, text in tags.items()}
    with explain_errors(store.uri):
        run = find_backend(store.uri).create_run(store.experiment_id, tags=texts, run_name=name)
        _artifact_uris[run.info.run_id] = run.info.artifact_uri
        return str(run.info.run_id)


def start_runs(store: Store, runs: Sequence[tuple[str, Mapping[str, str]]]) -> list[str]:
    """Start several runs at once.

    Parameters
    ----------
    store : Store
        Where.
    runs : sequence of (str, mapping of str to str)
        Name and tags of each; see `start_run`.

    Returns
    -------
    list of str
        Their ids.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    own, now = {OWNER: current_owner().tag(), "mlflow.user": read_user_name()}, int(time.time() * 1000)
    ids = sorted(uuid.uuid4().hex for _ in runs)  # what begins at the same time is listed in the order of the ids
    entries = [
        RunEntry(run_id=run_id, name=name, tags={**own, **tags}, start_time=now, is_new=True)
        for run_id, (name, tags) in zip(ids, runs, strict=True)
    ]
    with explain_errors(store.uri):
        backend = find_backend(store.uri)
        ids = backend.record_runs(store.experiment_id, entries)
        location = backend.get_experiment(store.experiment_id).artifact_location
        _artifact_uris.update({run_id: make_artifact_uri(location, run_id) for run_id in ids})
    return ids


class Ending(NamedTuple):
    """A run that ends, with all that is still to be recorded of it.

    Attributes
    ----------
    record : RunRecord
        What became of it, and its settings.
    points : sequence of Point
        Values.
    tags : mapping of str to str
        What it is tagged with besides its state.
    dataset : tuple of str or None
        Name, digest and source of the data that it saw.
    """

    record: RunRecord
    points: Sequence[Point]
    tags: Mapping[str, str]
    dataset: tuple[str, str, str] | None


def finish_runs(store: Store, endings: Sequence[Ending]) -> None:
    """End several runs at once; what is there of them already does no harm.

    Raises
    ------
    StoreError
        If the store refuses, all of them or some.
    """
    now = int(time.time() * 1000)
    entries = [
        RunEntry(
            run_id=record.run_id,
            name=record.name,
            tags=_tag_ending(record, tags) | _tag_texts(record.settings),
            params={name: str(value) for name, value in record.settings.items()},
            metrics=points,
            dataset=dataset,
            status=STATUSES[record.state],
            start_time=now,
            end_time=now,
            is_new=False,
        )
        for record, points, tags, dataset in endings
    ]
    with explain_errors(store.uri):
        find_backend(store.uri).record_runs(store.experiment_id, entries)


def _tag_ending(record: RunRecord, tags: Mapping[str, str]) -> dict[str, str]:
    return {**tags, "nnsweep.state": record.state, "nnsweep.reason": record.reason}


def _tag_texts(settings: Mapping[str, Setting]) -> dict[str, str]:
    misleading = find_misleading_texts(settings)
    return {TEXTS: json.dumps(misleading)} if misleading else {}


def read_user_name() -> str:
    """Name the user, as MLflow's own client does; ``unknown`` is one whom the system does not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


class FoundRun(NamedTuple):
    """A run that is in the store already.

    Attributes
    ----------
    run_id : str
        Its id.
    ended : bool
        Whether it has ended in a way that it told itself; one that was lost may be found again.
    """

    run_id: str
    ended: bool


def find_run(store: Store, *, sweep: str, job: int, attempt: int, key: str = "") -> FoundRun | None:
    """Find a run by what no two runs have in common; one that has ended before one that has not."""
    tags = {"nnsweep.sweep": sweep, "nnsweep.job": str(job), "nnsweep.attempt": str(attempt)}
    return find_tagged_run(store, tags | ({"nnsweep.key": key} if key else {}))


def find_sweep_run(store: Store, sweep: str) -> FoundRun | None:
    """Find a sweep's own run."""
    return find_tagged_run(store, {"nnsweep.kind": "sweep", "nnsweep.sweep": sweep})


def find_tagged_run(store: Store, tags: Mapping[str, str]) -> FoundRun | None:
    """Find a run by tags that no two runs have in common; one that has ended before one that has not."""
    with explain_errors(store.uri):
        runs = [*find_backend(store.uri).find_runs([store.experiment_id], RunQuery(tags=tags))]
    matches = [
        FoundRun(run.info.run_id, run.info.status != "RUNNING" and run.data.tags.get("nnsweep.state") != "lost")
        for run in runs
        if tags.items() <= run.data.tags.items()  # some databases compare text more loosely
    ]
    return max(matches, key=lambda run: run.ended, default=None)


def read_steps(store: Store, run_id: str) -> dict[str, set[int]]:
    """Give the steps that the store has of each curve of a run."""
    with explain_errors(store.uri):
        backend = find_backend(store.uri)
        curves = [name for name in backend.get_run(run_id).data.metrics if is_curve(name)]
        return {name: backend.metric_steps(run_id, name) for name in curves}


def log_values(
    store: Store,
    run_id: str,
    *,
    points: Iterable[Point] = (),
    settings: Mapping[str, Setting] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Record values, settings and texts together: every request to a store has its price.

    Parameters
    ----------
    store, run_id : Store, str
        Where.
    points : iterable of Point
        MLflow's metrics.
    settings : mapping of str to Setting or None
        MLflow's params, which are text.
    tags : mapping of str to str or None
        Each is cut to the `LONGEST_TAG` characters that MLflow keeps.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    metrics = [Point(name, float(value), step) for name, value, step in points if math.isfinite(value)]
    params = {name: str(value) for name, value in (settings or {}).items()}
    all_tags = {**(tags or {}), **_tag_texts(settings or {})}
    texts = {name: text[:LONGEST_TAG] for name, text in all_tags.items()}
    with explain_errors(store.uri):
        find_backend(store.uri).log_batch(run_id, metrics=metrics, params=params, tags=texts)


def log_dataset(store: Store, run_id: str, *, name: str, digest: str, source: str) -> None:
    """Record which data the run saw; MLflow keeps the first 36 characters of the digest."""
    with explain_errors(store.uri):
        find_backend(store.uri).log_inputs(run_id, name=name, digest=digest[:LONGEST_DIGEST], source=source)


def thin_curves(history: Mapping[str, FloatArray], *, keep: Iterable[int], points: int) -> list[Point]:
    """Thin curves to at most `points` values each; values that are not finite are left out.

    Parameters
    ----------
    history : mapping of str to ndarray of shape (n_epochs + 1,)
        ``epoch`` and the curves.
    keep : iterable of int
        Epochs that must be among the points, besides the first and the last.
    points : int
        How many points a curve may have.
    """
    epochs, wanted = history["epoch"].astype(int).tolist(), {*keep}
    kept = [position for position, epoch in enumerate(epochs) if epoch in wanted]
    return [
        Point(name, float(curve[index]), epochs[index])
        for name, curve in history.items()
        if name != "epoch"
        for index in thin_positions(np.flatnonzero(np.isfinite(curve)).tolist(), keep=kept, points=points)
    ]


def thin_positions(positions: Sequence[int], *, keep: Iterable[int] = (), points: int) -> list[int]:
    """Choose evenly among rising `positions`, always with the first, the last and those of `keep`.

    Examples
    --------
    >>> thin_positions(range(11), keep=(7,), points=5)
    [0, 3, 7, 10]
    """
    if len(positions) <= points:
        return [*positions]
    kept = {*positions}.intersection(keep)
    spread = max(2, points - len(kept))
    even = (positions[round(index)] for index in np.linspace(0, len(positions) - 1, spread))
    return sorted({*even, *kept})


def make_final_points(metrics: Mapping[str, float], *, after: int) -> list[Point]:
    """Make points of final metrics: single values, which the UI draws as bars.

    Where a curve has the same name (``test_accuracy``), the value closes the curve one step after the last
    epoch, `after`: MLflow shows, sorts and filters by a metric's last value.
    """
    return [Point(name, value, after if is_curve(name) else 0) for name, value in metrics.items()]


def log_artifacts(store: Store, run_id: str, files: Iterable[Path]) -> None:
    """Record files as artifacts, under their own names; they are never written to again."""
    log_artifacts_of_runs(store, {run_id: [*files]})


def log_artifacts_of_runs(store: Store, files: Mapping[str, Sequence[Path]]) -> None:
    """Record files of several runs, by their ids; where they go over a network, several go at once.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    uploads: list[Callable[[], None]] = []
    with explain_errors(store.uri):
        for run_id, own in files.items():
            uri = _artifact_uris.pop(run_id, None) or find_backend(store.uri).get_run(run_id).info.artifact_uri
            folder = local_folder(uri)
            if folder is None:
                log_file = _make_uploader(uri, store.uri)
                uploads += [functools.partial(log_file, file) for file in own]
            elif own:
                folder.mkdir(parents=True, exist_ok=True)
                for file in own:
                    link_file(folder, file)
        if uploads:
            _call_together(uploads)


def _call_together(calls: Sequence[Callable[[], None]]) -> None:
    """Make calls side by side; after the first that fails no other is begun."""
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
        futures = [threads.submit(call) for call in calls]
        wait(futures, return_when=FIRST_EXCEPTION)
        threads.shutdown(cancel_futures=True)
    for future in futures:
        if not future.cancelled():
            future.result()


def link_file(folder: Path, file: Path) -> None:
    """Let a file be in another folder, too, replacing one of its name: linked, or copied where links cannot be."""
    target = folder / file.name
    try:
        try:
            os.link(file, target)
        except FileExistsError:
            target.unlink()
            os.link(file, target)
    except OSError:
        target.unlink(missing_ok=True)  # what is there may be a link: it must not be written into
        shutil.copy2(file, target)


def _make_uploader(artifact_uri: str, store_uri: str) -> Callable[[Path], None]:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    artifacts = get_artifact_repository(artifact_uri, tracking_uri=store_uri)
    return lambda file: artifacts.log_artifact(str(file))  # type: ignore[no-untyped-call]


def end_run(
    store: Store,
    record: RunRecord,
    *,
    points: Iterable[Point] = (),
    settings: Mapping[str, Setting] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """End a run in the state of its record, with the reason and what else is still to be recorded; see `log_values`.

    Others take a run's results as soon as it tells its end: a backend records the tags last.
    """
    log_values(store, record.run_id, points=points, settings=settings, tags=_tag_ending(record, tags or {}))
    with explain_errors(store.uri):
        find_backend(store.uri).set_terminated(record.run_id, STATUSES[record.state])
