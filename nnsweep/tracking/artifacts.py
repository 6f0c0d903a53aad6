"""Artifacts: the files of runs, and the seal that tells whether files and record are still what was written.

The seal is a tag: a digest of each param, each final metric and each tag that a result depends on, and the SHA-256 of
each artifact. All of these can be changed one by one, by hand or by accident; the seal tells which of them were. Runs
of earlier versions have none, and what others add to a run is not in it.
"""

import contextlib
import functools
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from nnsweep.errors import DifferenceError, StoreError
from nnsweep.scratch import scratch_folder
from nnsweep.text import mask_secrets, printable, shorten
from nnsweep.tracking import sqlite
from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.backend import LONGEST_TAG, Run, find_backend
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, local_folder, locate

TAG = "nnsweep.seal"
SEALED_TAGS = ("nnsweep.key", "nnsweep.data_digest", "nnsweep.numerics", "nnsweep.config", "nnsweep.state")
WAY_OUT = (
    "somebody has changed the store: put it back from a copy, run these jobs again (rerun=all), "
    "or leave them out with --filter"
)
_LONGEST = 500
"""Characters of a param that every store keeps."""
_DIGITS = 10


def make_seal(
    settings: Mapping[str, object], metrics: Mapping[str, float], tags: Mapping[str, str], files: Mapping[str, str]
) -> str:
    """Write the seal of a run that ends.

    Parameters
    ----------
    settings : mapping of str to object
        Its params.
    metrics : mapping of str to float
        Its final metrics; those that are not finite are in no store.
    tags : mapping of str to str
        All that it is tagged with.
    files : mapping of str to str
        SHA-256 of each artifact, in hexadecimal.

    Examples
    --------
    >>> make_seal({"seed": 0}, {"test_accuracy": 0.5}, {}, {})
    '{"params":{"seed":"5feceb66ff"},"metrics":{"test_accuracy":"d2cbad71ff"},"tags":{},"files":{}}'
    """
    parts = {
        "params": {name: _digest(str(value)[:_LONGEST]) for name, value in settings.items()},
        "metrics": _digest_metrics(metrics),
        "tags": {name: _digest(tags[name]) for name in SEALED_TAGS if name in tags},
        "files": dict(files),
    }
    return json.dumps(parts, separators=(",", ":"))


def extend_seal(run: Run, metrics: Mapping[str, float], files: Mapping[str, str]) -> str:
    """Write the seal of a run to which metrics and artifacts are added; empty if it has none, or none that is whole."""
    parts = _read_seal(run)
    if not parts:
        return ""
    added = {"metrics": _digest_metrics(metrics), "files": dict(files)}
    seal = json.dumps(parts | {part: parts.get(part, {}) | own for part, own in added.items()}, separators=(",", ":"))
    return seal if len(seal) <= LONGEST_TAG else ""


def _digest_metrics(metrics: Mapping[str, float]) -> dict[str, str]:
    return {name: _digest(repr(float(value))) for name, value in metrics.items() if math.isfinite(value)}


def find_alterations(run: Run) -> dict[str, str]:
    """Give the params, final metrics and tags of a run that are not what was recorded, as they are now, by name."""
    metrics = {name: repr(float(value)) for name, value in run.data.metrics.items()}
    now = {
        "params": {name: text[:_LONGEST] for name, text in run.data.params.items()},
        "metrics": metrics,
        "tags": run.data.tags,
    }
    sealed = _read_seal(run)
    if sealed is None:
        return {TAG: "no seal"}
    return {
        name: texts.get(name, "gone")
        for part, texts in now.items()
        for name, digest in sealed.get(part, {}).items()
        if name not in texts or _digest(texts[name]) != digest
    }


def require_unaltered(records: Iterable[RunRecord]) -> None:
    """Refuse runs of which the store says something otherwise than when they were recorded.

    Raises
    ------
    DifferenceError
        A line for each of them.
    """
    lines = [f"{record.title}: {line}" for record in records for line in describe_alterations(record)]
    if lines:
        raise DifferenceError(*lines, WAY_OUT)


def describe_alterations(record: RunRecord) -> list[str]:
    """Say what of a record is not what was recorded, a text each."""
    return [f"{name} is {shorten(now)}, which is not what was recorded" for name, now in record.altered.items()]


def list_sealed_metrics(run: Run) -> set[str]:
    """Name the final metrics that were sealed when a run ended; none of a run that has no seal."""
    return {*(_read_seal(run) or {}).get("metrics", {})}


def list_sealed_files(run: Run) -> list[str]:
    """Name the artifacts of which a run has recorded digests."""
    return [*_read_file_digests(run)]


def check_sealed_file(run: Run, path: Path) -> None:
    """Compare an artifact that was read with its recorded digest, if it has one.

    Raises
    ------
    DifferenceError
        If it is another.
    """
    digest = _read_file_digests(run).get(path.name)
    if digest is not None and sha256(path.read_bytes()).hexdigest() != digest:
        raise DifferenceError(
            f"{path.name} of run {run.info.run_name} ({run.info.run_id}) is not what was recorded (its SHA-256 is "
            "another): it was damaged or changed; put it back from a copy, or run the job again (rerun=all)"
        )


def _read_file_digests(run: Run) -> Mapping[str, str]:
    return (_read_seal(run) or {}).get("files", {})


def _read_seal(run: Run) -> dict[str, dict[str, str]] | None:
    """Read the seal: nothing of a run that has none, None of one that somebody has edited."""
    return _parse_seal(run.data.tags.get(TAG, "{}"))


@functools.lru_cache(maxsize=1)  # of each run it is asked for twice
def _parse_seal(text: str) -> dict[str, dict[str, str]] | None:
    try:
        sealed: Any = json.loads(text)
        return {part: {name: str(text) for name, text in texts.items()} for part, texts in sealed.items()}
    except (ValueError, AttributeError, RecursionError):
        return None


@functools.lru_cache(maxsize=1000)  # most settings are the same for all jobs of a sweep
def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


LISTED = 3
_ALWAYS = ("history.parquet", "config.yaml")
_TRAINED = ("finished", "diverged", "interrupted")

T = TypeVar("T")


class MissingFilesError(StoreError):
    """Files that runs have left are neither where they were recorded nor beside the store.

    Parameters
    ----------
    runs : sequence of str
        Names and ids of the runs.
    where : str
        Where the files should be, in words.
    """

    def __init__(self, runs: Iterable[str], where: str) -> None:
        self.runs, self.where = tuple(dict.fromkeys(runs)), where
        listed = ", ".join(self.runs[:LISTED]) + (", ..." if len(self.runs) > LISTED else "")
        whose = f"run {listed}" if len(self.runs) == 1 else f"{len(self.runs)} runs ({listed})"
        super().__init__(f"the files of {whose} cannot be read: {where}")


def combine_errors(errors: Iterable[MissingFilesError]) -> list[MissingFilesError]:
    """Say of all runs together what several errors say one by one."""
    runs: dict[str, list[str]] = {}
    for error in errors:
        runs.setdefault(error.where, []).extend(error.runs)
    return [MissingFilesError(several, where) for where, several in runs.items()]


def gather_artifacts(run_ids: Iterable[str], read: Callable[[str], T]) -> tuple[dict[str, T], list[MissingFilesError]]:
    """Read something of several runs.

    Parameters
    ----------
    run_ids : iterable of str
        The runs.
    read : callable
        Reads it of one run.

    Returns
    -------
    dict, list of MissingFilesError
        What was read, by run id, and what is to be told of the others.
    """
    contents: dict[str, T] = {}
    missing: list[MissingFilesError] = []
    for run_id in run_ids:
        try:
            contents[run_id] = read(run_id)
        except MissingFilesError as error:
            missing.append(error)
    return contents, combine_errors(missing)


def raise_missing(missing: Sequence[MissingFilesError]) -> None:
    """Raise what `gather_artifacts` has found missing, if anything."""
    if missing:
        raise StoreError(*map(str, missing))


@contextlib.contextmanager
def open_artifact(store: Store, run_id: str, name: str, *, checked: bool = True) -> Iterator[Path | None]:
    """Have a file of a run's artifacts while the block lasts; None if the run never had it.

    Raises
    ------
    DifferenceError
        If it is not what was recorded, and that is to be checked.
    MissingFilesError
        If the run had it, and it is gone.
    StoreError
        If the store refuses.
    """
    with contextlib.ExitStack() as stack:
        with explain_errors(store.uri):
            run = find_backend(store.uri).get_run(run_id)
        folder = local_folder(run.info.artifact_uri)
        if folder is None:
            file = _fetch(store.uri, run, name, stack.enter_context(scratch_folder()))
        else:
            place = locate(store.uri, folder / name)
            file = place if place.is_file() else None
        if file is None and _must_have(store, run, name):
            raise MissingFilesError([f"{printable(run.info.run_name or '')} ({run_id})"], _explain_loss(store.uri, run))
        if file is not None and checked:
            check_sealed_file(run, file)
        yield file


def _fetch(store_uri: str, run: Run, name: str, folder: Path) -> Path | None:
    """Fetch a file that is kept elsewhere than on this machine's disks; None if there is none."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with explain_errors(store_uri):
        files = get_artifact_repository(run.info.artifact_uri, tracking_uri=store_uri)
        there = name in [file.path for file in files.list_artifacts()]
        return Path(files.download_artifacts(name, str(folder))) if there else None  # type: ignore[no-untyped-call]


def _must_have(store: Store, run: Run, name: str) -> bool:
    """Tell whether a run has left a file: one that trained has left several, and a sweep that ended has left some."""
    tags, folder = run.data.tags, local_folder(run.info.artifact_uri)
    is_lost = folder is not None and not locate(store.uri, folder).is_dir()
    if "nnsweep.n_jobs" in tags:
        return is_lost
    trained = tags.get("nnsweep.state") in _TRAINED and "train_cost" in run.data.metrics
    return trained and (name in (*_ALWAYS, *list_sealed_files(run)) or is_lost)


def _explain_loss(store_uri: str, run: Run) -> str:
    folder, database = local_folder(run.info.artifact_uri), sqlite.find_database_file(store_uri)
    if folder is None or database is None:
        return f"they are not in {mask_secrets(os.path.dirname(os.path.dirname(run.info.artifact_uri)))} any more"
    root = folder.parent.parent
    beside = database.parent / root.name
    places = f"{root}" if root == beside else f"{root} nor in {beside}, beside the store"
    return f"they are {'not' if root == beside else 'neither'} in {places}; put the folder {root.name} back there"
