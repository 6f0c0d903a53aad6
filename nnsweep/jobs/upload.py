"""The upload: what the folders of jobs keep of their runs goes to the store, once, and abandoned runs are closed.

The store is asked first what it has: a run that has ended there is left alone, one that was begun or given up for lost
is finished, and one that is not there is made. So a record can be sent again after any failure.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from nnsweep.errors import DataError
from nnsweep.files import nearest_folder, sync_disk
from nnsweep.jobs import job_folder
from nnsweep.jobs.deletions import find_deletions
from nnsweep.jobs.journal import JOURNAL, Journal, read_journal, take_over_journal
from nnsweep.jobs.result import JobResult, Kept, make_hash
from nnsweep.jobs.sweep_folder import OUTBOX, read_results, remove_outbox
from nnsweep.mlp.curves import choose_stored
from nnsweep.tracking import runs, sqlite
from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.artifacts import TAG, make_seal
from nnsweep.tracking.backend import Run, find_backend
from nnsweep.tracking.earlier import EarlierRun
from nnsweep.tracking.owner import Owner
from nnsweep.tracking.query import find_runs_by_id, make_record
from nnsweep.tracking.record import Point, RunRecord
from nnsweep.tracking.store import Store, local_folder, locate

_TAGGED_LAST = ("mlflow.note.content",)
"""Tags whose values change between a run's start and its end."""
Present: TypeAlias = Mapping[str, Collection[int]]
"""The steps that a store has of each metric of a run."""


def make_ending(kept: Kept, points: Sequence[Point]) -> runs.Ending:
    """Give all that is recorded at the end of a run that was started.

    Parameters
    ----------
    kept : Kept
        The run's record.
    points : sequence of Point
        What the store still lacks of the curves.
    """
    record = kept.record
    finals = runs.make_final_points(kept.axes | record.metrics, after=kept.n_epochs)
    tags = {name: kept.tags[name] for name in _TAGGED_LAST if name in kept.tags}  # it was started with the others
    seal = make_seal(
        record.settings, kept.axes | record.metrics, kept.tags | {"nnsweep.state": record.state}, kept.files
    )
    tags |= {TAG: seal} if len(seal) <= runs.LONGEST_TAG else {}
    data = kept.data and (kept.data["name"], kept.data["digest"], kept.data["source"])
    return runs.Ending(record=record, points=[*points, *finals], tags=tags, dataset=data or None)


def list_files(folder: Path, kept: Kept) -> tuple[str, list[Path]]:
    """Give the id of a record's run, and the files that belong to it."""
    return kept.record.run_id, [folder / name for name in kept.files]


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
    record = _send(store, folder, kept)
    mark_sent(store, [folder])
    return record


def _send(store: Store, folder: Path, kept: Kept) -> RunRecord:
    job_folder.check_files(folder, kept)
    found = _find_run(store, kept.record)
    run_id = found.info.run_id if found else runs.start_run(store, kept.record.name, kept.tags)
    kept = replace(kept, record=replace(kept.record, run_id=run_id))
    if found and make_record(found).state not in ("running", "lost") and found.info.status != "RUNNING":
        if not _has_files(store, found, folder, kept):
            runs.log_artifacts(store, *list_files(folder, kept))
        return kept.record
    present = runs.read_steps(store, run_id) if found else {}
    runs.log_artifacts(store, *list_files(folder, kept))
    runs.finish_runs(store, [make_ending(kept, find_lacking_points(folder, kept, present))])
    return kept.record


def _has_files(store: Store, run: Run, folder: Path, kept: Kept) -> bool:
    """Check whether a run that has ended has its files whole: a power cut may have left half of those on a disk.

    The files of the job's folder are known to be whole, and may be hard links to the same ones.
    """
    place = local_folder(run.info.artifact_uri)
    if place is None:  # a server that keeps them has confirmed their arrival
        return True
    for name, checksum in kept.files.items():
        file = locate(store.uri, place / name)
        try:
            if not file.samefile(folder / name) and make_hash(file.read_bytes()) != checksum:
                return False
        except OSError:
            return False
    return True


def mark_sent(store: Store, places: Iterable[Path]) -> None:
    """Mark records as sent once they are on the store's disks: a power cut would lose its latest rows."""
    marked = [place for place in places if (place / job_folder.WAITING).exists()]
    try:
        for disk in find_disks(store) if marked else ():
            sync_disk(disk)
    except OSError:  # they stay marked as waiting, and are sent once more
        return
    for place in marked:
        job_folder.remove_waiting_mark(place)


def find_disks(store: Store) -> list[Path]:
    """Name a folder on each disk of this machine that a store writes to."""
    database = sqlite.find_database_file(store.uri)
    with explain_errors(store.uri):
        files = local_folder(find_backend(store.uri).get_experiment(store.experiment_id).artifact_location)
    return [nearest_folder(place) for place in (database and database.parent, files) if place]


def _find_run(store: Store, record: RunRecord) -> Run | None:
    """Find the run of a record, by its id or else by its sweep, job, attempt and key, which are unique together."""
    for run in find_runs_by_id(store, [record.run_id] if record.run_id else []):
        return run
    same = runs.find_run(store, sweep=record.sweep, job=record.job, attempt=record.attempt, key=record.key)
    return next(iter(find_runs_by_id(store, [same.run_id])), None) if same else None


def find_lacking_points(folder: Path, kept: Kept, present: Present | None = None) -> list[Point]:
    """Give the points of a record's curves that a store lacks, as many as its limit still allows."""
    if not kept.n_epochs:
        return []
    history = job_folder.read_history_file(folder)
    select = kept.record.settings.get("trainer.select")
    history = {name: history[name] for name in ("epoch", *choose_stored(history, str(select) if select else None))}
    if not present or not any(present.values()):
        return runs.thin_curves(history, keep=[kept.best_epoch], points=kept.max_points - 1)
    epochs = history.pop("epoch").astype(int)
    return [
        Point(name, float(curve[index]), int(epochs[index]))
        for name, curve in history.items()
        for index in _choose_further_epochs(np.flatnonzero(np.isfinite(curve)).tolist(), kept, present.get(name, ()))
    ]


def _choose_further_epochs(measured: Sequence[int], kept: Kept, present: Collection[int]) -> Iterator[int]:
    """Choose which epochs to add to those that the store has of a curve: its ends, the best one, and some between."""
    there = set(present).intersection(measured)
    ends = {*measured[:1], *measured[-1:], kept.best_epoch}.intersection(measured) - there
    others = [epoch for epoch in measured if epoch not in there | ends]
    room = kept.max_points - 1 - len(there) - len(ends)  # one is for the value that closes the curve
    yield from sorted({*ends, *(runs.thin_positions(others, points=room) if room > 1 else ())})


def find_unsent(root: Path) -> list[Path]:
    """Find the jobs' folders, below a folder of sweeps, that are marked as waiting for the store."""
    marks = itertools.chain(root.glob(f"*/{job_folder.WAITING}"), root.glob(f"*/*/{job_folder.WAITING}"))
    return _keep_recorded(marks)


def find_unsent_in_sweep(sweep: Path) -> list[Path]:
    """Find the jobs' folders in one sweep's folder that are marked as waiting for the store."""
    return _keep_recorded(sweep.glob(f"**/{job_folder.WAITING}"))


def _keep_recorded(marks: Iterable[Path]) -> list[Path]:
    return sorted(path.parent for path in marks if (path.parent / job_folder.RECORD).exists())


def find_journaled(root: Path) -> list[Path]:
    """Find the folders of sweeps that were cut short: they still have a journal or an outbox."""
    left = itertools.chain.from_iterable(root.glob(place + name) for place in ("", "*/") for name in (JOURNAL, OUTBOX))
    return sorted({path.parent for path in left})


def restore_folders(sweep: Path) -> None:
    """Rewrite the jobs' folders that a crash has left half written, and mark all jobs that had ended as waiting.

    The results come from the journal, and from the outbox, where jobs on other machines have left theirs since.

    Parameters
    ----------
    sweep : Path
        The folder of a sweep; nothing is done while a process holds its journal.

    Raises
    ------
    ConfigError, OSError
        If something cannot be written; the journal stays then.
    """
    with take_over_journal(sweep, make=(sweep / OUTBOX).exists()) as is_ours:
        if not is_ours:
            return
        latest = {result.folder: result for result in read_journal(sweep)}
        for result in read_results(sweep):
            journaled = latest.get(result.folder)  # of the same attempt it is the better one, because it names the run
            if journaled is None or journaled.kept.record.attempt < result.kept.record.attempt:
                latest[result.folder] = result
        for result in latest.values():
            result.folder.mkdir(parents=True, exist_ok=True)
            if _has_result(result):
                job_folder.mark_waiting(result.folder)
            else:
                job_folder.write_result(result)
        Journal(sweep).close()
        remove_outbox(sweep, results=True)


def _has_result(result: JobResult) -> bool:
    """Check whether a job's folder holds a result undamaged, or that of a later attempt."""
    try:
        kept = job_folder.read_kept(result.folder)
        if kept is None:
            return False
        job_folder.check_files(result.folder, kept)
    except DataError:
        return False
    there, record = kept.record, result.kept.record
    is_later = (there.sweep, there.job) == (record.sweep, record.job) and there.attempt > record.attempt
    return is_later or kept == result.kept


def send_records(store: Store, places: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Send the records of several folders.

    Returns
    -------
    list of Path, list of str
        The folders that were sent, and what is wrong with records that cannot be. The others belong to another
        experiment, or their runs were deleted after they had been sent.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    sent: list[Path] = []
    damaged: list[str] = []
    records: list[tuple[Path, Kept]] = []
    for place in places:
        try:
            if (kept := job_folder.read_kept(place)) and kept.experiment == store.experiment:
                records.append((place, kept))
        except DataError as error:
            damaged += error.problems
    deletions = find_deletions(store, records)
    for place, kept in records:
        try:
            if place not in deletions.hidden:
                _send(store, place, kept)
                sent.append(place)
        except DataError as error:
            damaged += error.problems
    mark_sent(store, [*sent, *deletions.hidden])
    return sent, damaged


def close_abandoned_runs(
    store: Store,
    open_runs: Iterable[EarlierRun],
    ends: Mapping[int, RunRecord] | None = None,
    over: Owner | None = None,
) -> list[RunRecord]:
    """End the abandoned ones among some open runs.

    Parameters
    ----------
    store : Store
        Where they are.
    open_runs : iterable of EarlierRun
        Runs that have not ended.
    ends : mapping of int to RunRecord or None
        What is known of their ends, by the jobs' numbers.
    over : Owner or None
        A sweep's process that still runs but has no work left: the jobs that it has open died with a worker.

    Returns
    -------
    list of RunRecord
        How each was ended.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    return [
        _close_run(store, run, (ends or {}).get(run.record.job), who="its worker" if is_over else str(run.owner))
        for run in open_runs
        if (is_over := over is not None and run.owner == over and not run.is_sweep) or run.owner_is_gone
    ]


def _close_run(store: Store, run: EarlierRun, end: RunRecord | None, who: str) -> RunRecord:
    artifacts = Path(run.artifact_uri.removeprefix("file://"))
    if run.artifact_uri and artifacts.is_absolute():  # they are on this machine
        for path in artifacts.glob(".artifact.uploading.*"):  # what MLflow had begun to write
            path.unlink(missing_ok=True)
    if not run.is_sweep and (recorded := _finish_from_folder(store, run)):
        return recorded
    record = run.record
    if record.state not in runs.STATUSES:
        record = replace(record, state="lost", reason=f"{who} was gone without a word")
    if end is not None and record.state == "lost" and not run.is_sweep:
        record = replace(end, run_id=run.record.run_id)
    runs.end_run(store, record, settings=record.settings)
    return record


def _finish_from_folder(store: Store, run: EarlierRun) -> RunRecord | None:
    """Finish a run from its job's folder, if that has this very run's record undamaged; else return None."""
    folder = Path(run.folder)
    if not run.folder or not folder.is_dir():
        return None
    try:
        kept = job_folder.read_kept(folder)
        if kept is None or kept.record.run_id not in ("", run.record.run_id) or not _is_same(kept.record, run.record):
            return None
        sent = resend(store, folder, kept)
    except DataError:
        return None
    return sent if sent.run_id == run.record.run_id else None  # else it was sent to another run of this attempt


def _is_same(one: RunRecord, other: RunRecord) -> bool:
    same = all(getattr(one, name) == getattr(other, name) for name in ("sweep", "job", "attempt"))
    return same and other.key in ("", one.key)
