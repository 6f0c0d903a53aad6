"""Artifacts: the files that runs have left, read from wherever they are.

A file that a run has left and that cannot be found any more is an error, and never taken for one that it never had.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from nnsweep.errors import StoreError
from nnsweep.masking import masked
from nnsweep.messages import visible
from nnsweep.scratch import scratch_folder
from nnsweep.tracking import sqlite
from nnsweep.tracking.backend import Run, backend
from nnsweep.tracking.client import explained
from nnsweep.tracking.places import local_folder, locate
from nnsweep.tracking.seal import check_file, sealed_files
from nnsweep.tracking.store import Store

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


def combine(errors: Iterable[MissingFilesError]) -> list[MissingFilesError]:
    """Say of all runs together what several errors say one by one."""
    runs: dict[str, list[str]] = {}
    for error in errors:
        runs.setdefault(error.where, []).extend(error.runs)
    return [MissingFilesError(several, where) for where, several in runs.items()]


def gather(run_ids: Iterable[str], read: Callable[[str], T]) -> tuple[dict[str, T], list[MissingFilesError]]:
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
    found: dict[str, T] = {}
    missing: list[MissingFilesError] = []
    for run_id in run_ids:
        try:
            found[run_id] = read(run_id)
        except MissingFilesError as error:
            missing.append(error)
    return found, combine(missing)


def refuse(missing: Sequence[MissingFilesError]) -> None:
    """Raise what `gather` has found missing, if anything."""
    if missing:
        raise StoreError(*map(str, missing))


@contextlib.contextmanager
def artifact(store: Store, run_id: str, name: str, *, checked: bool = True) -> Iterator[Path | None]:
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
        with explained(store.uri):
            run = backend(store.uri).get_run(run_id)
        found = _local_file(store.uri, run, name) or _fetched(store.uri, run, name, stack)
        if found is None and _must_have(run, name):
            raise MissingFilesError([f"{visible(run.info.run_name or '')} ({run_id})"], _nowhere(store.uri, run))
        if found is not None and checked:
            check_file(run, found)
        yield found


def _local_file(store_uri: str, run: Run, name: str) -> Path | None:
    folder = local_folder(run.info.artifact_uri)
    file = folder and locate(store_uri, folder / name)
    return file if file and file.is_file() else None


def _fetched(store_uri: str, run: Run, name: str, stack: contextlib.ExitStack) -> Path | None:
    """Fetch a file that is kept elsewhere than on this machine's disks."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    if local_folder(run.info.artifact_uri) is not None:
        return None
    folder = stack.enter_context(scratch_folder())
    with explained(store_uri):
        files = get_artifact_repository(run.info.artifact_uri, tracking_uri=store_uri)
        there = name in [file.path for file in files.list_artifacts()]
        return Path(files.download_artifacts(name, str(folder))) if there else None  # type: ignore[no-untyped-call]


def _must_have(run: Run, name: str) -> bool:
    """Tell whether a run has left a file: one that trained has left several, and a sweep that ended has left some."""
    tags, folder = run.data.tags, local_folder(run.info.artifact_uri)
    if "nnsweep.n_jobs" in tags:
        return folder is not None and not folder.is_dir()
    trained = tags.get("nnsweep.state") in _TRAINED and "train_cost" in run.data.metrics
    return trained and (name in (*_ALWAYS, *sealed_files(run)) or (folder is not None and not folder.is_dir()))


def _nowhere(store_uri: str, run: Run) -> str:
    folder, database = local_folder(run.info.artifact_uri), sqlite.file_of(store_uri)
    if folder is None or database is None:
        return f"they are not in {masked(os.path.dirname(os.path.dirname(run.info.artifact_uri)))} any more"
    root = folder.parent.parent
    beside = database.parent / root.name
    places = f"{root}" if root == beside else f"{root} nor in {beside}, beside the store"
    return f"they are {'not' if root == beside else 'neither'} in {places}; put the folder {root.name} back there"
