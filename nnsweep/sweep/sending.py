"""Sending: what a job's folder keeps of its run goes to the store, once.

The store is asked first what it has: a run that has ended there is left alone, one that was begun is finished, and one
that is not there is made. So a record can be sent again after any failure.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nnsweep.errors import DataError
from nnsweep.sweep import folder as folders
from nnsweep.sweep.folder import Kept
from nnsweep.tracking import run as runs
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.run import Point
from nnsweep.tracking.store import Store

_TOLD_LAST = ("mlflow.note.content",)


def send(store: Store, folder: Path, kept: Kept, points: Sequence[Point]) -> RunRecord:
    """Send a record to its run, which has been started, and end the run.

    Parameters
    ----------
    store : Store
        Where the run is.
    folder : Path
        The job's.
    kept : Kept
        Its record; the files that belong to it are there.
    points : sequence of Point
        What the store still lacks of the curves.

    Raises
    ------
    StoreError
        If the store refuses; what it has taken does no harm.
    """
    record = kept.record
    if kept.data:
        runs.log_dataset(store, record.run_id, **kept.data)
    runs.log_files(store, record.run_id, [folder / name for name in kept.files])
    finals = runs.finals(kept.axes | record.metrics, after=kept.n_epochs)
    told = {name: kept.tags[name] for name in _TOLD_LAST if name in kept.tags}  # it was started with the others
    runs.end(store, record, points=[*points, *finals], settings=record.settings, tags=told)
    folders.mark_sent(folder, record.run_id)
    return record


def resend(store: Store, folder: Path, kept: Kept) -> RunRecord:
    """Send a record that may or may not have been sent, wholly or in part.

    Parameters
    ----------
    store : Store
        Where it shall be.
    folder, kept : Path, Kept
        The job's folder, and its record.

    Returns
    -------
    RunRecord
        With the id of its run.

    Raises
    ------
    StoreError
        If the store refuses.
    DataError
        If a file that belongs to the record is damaged.
    """
    folders.check_files(folder, kept)
    found = runs.find(store, sweep=kept.record.sweep, job=kept.record.job, attempt=kept.record.attempt)
    run_id = found.run_id if found else runs.start(store, kept.record.name, kept.tags)
    kept = replace(kept, record=replace(kept.record, run_id=run_id))
    if found and found.ended:
        folders.mark_sent(folder, run_id)
        return kept.record
    present = runs.steps(store, run_id) if found else {}
    missing = [point for point in points(folder, kept) if point.step not in present.get(point.name, ())]
    return send(store, folder, kept, missing)


def points(folder: Path, kept: Kept) -> list[Point]:
    """Give the points of all curves of a record, as many as the store may have."""
    if not kept.n_epochs:
        return []
    history = folders.read_history(folder)
    return runs.curves(history, keep=[kept.best_epoch], points=kept.max_points - 1)


def unsent(root: Path) -> list[Path]:
    """Find the jobs' folders, below a folder of sweeps, of which the store does not have everything yet."""
    records = itertools.chain(root.glob(f"*/{folders.RECORD}"), root.glob(f"*/*/{folders.RECORD}"))
    return sorted(path.parent for path in records if not folders.is_sent(path.parent))


def unsent_of(sweep: Path) -> list[Path]:
    """Find the same in one sweep's folder."""
    return sorted(path.parent for path in sweep.glob(f"**/{folders.RECORD}") if not folders.is_sent(path.parent))


def sent_now(store: Store, places: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Send the records of several folders.

    Returns
    -------
    list of Path, list of str
        The folders that were sent, and what is wrong with records that cannot be. The others belong to another
        experiment.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    done: list[Path] = []
    damaged: list[str] = []
    for place in places:
        try:
            kept = folders.read_kept(place)
            if kept is None or kept.experiment != store.experiment:
                continue
            resend(store, place, kept)
        except DataError as error:
            damaged += error.problems
        else:
            done.append(place)
    return done, damaged
