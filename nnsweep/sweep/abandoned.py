"""Abandoned runs: their process has gone without ending them. Whoever finds them does.

A run whose job had written its record is finished with what the record says; any other one is lost, and says so, unless
it had told its end already and was only not closed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from nnsweep.errors import DataError
from nnsweep.sweep import folder as folders
from nnsweep.sweep import sending
from nnsweep.tracking import runs
from nnsweep.tracking.earlier import EarlierRun
from nnsweep.tracking.owner import Owner
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store


def close(
    store: Store,
    found: Iterable[EarlierRun],
    ends: Mapping[int, RunRecord] | None = None,
    over: Owner | None = None,
) -> list[RunRecord]:
    """End those of some runs that are abandoned.

    Parameters
    ----------
    store : Store
        Where they are.
    found : iterable of Earlier
        Runs that have not ended.
    ends : mapping of int to RunRecord or None
        What is known of their ends, by the jobs' numbers.
    over : Owner or None
        A sweep's process that is there, and whose work is over: the jobs that it still has open died with a worker.

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
        _ended(store, run, (ends or {}).get(run.record.job), who="its worker" if is_over else str(run.owner))
        for run in found
        if (is_over := over is not None and run.owner == over and not run.is_sweep) or run.owner_is_gone
    ]


def _ended(store: Store, run: EarlierRun, end: RunRecord | None, who: str) -> RunRecord:
    _remove_halves(run.artifact_uri)
    if not run.is_sweep and (recorded := _recorded(store, run)):
        return recorded
    record = run.record
    if record.state not in runs.STATUSES:
        record = replace(record, state="lost", reason=f"{who} was gone without a word")
    if end is not None and record.state == "lost" and not run.is_sweep:
        record = replace(end, run_id=run.record.run_id)
    runs.end_run(store, record, settings=record.settings)
    return record


def _remove_halves(artifact_uri: str) -> None:
    """Remove what MLflow had begun to write among the artifacts of a run, where these are on this machine."""
    folder = Path(artifact_uri.removeprefix("file://"))
    if artifact_uri and folder.is_absolute():
        for path in folder.glob(".artifact.uploading.*"):
            path.unlink(missing_ok=True)


def _recorded(store: Store, run: EarlierRun) -> RunRecord | None:
    """Finish a run from its job's folder, if that has the whole record of this very run."""
    folder = Path(run.folder)
    if not run.folder or not folder.is_dir():
        return None
    try:
        kept = folders.read_kept(folder)
        if kept is None or kept.record.run_id not in ("", run.record.run_id) or not _same(kept.record, run.record):
            return None
        sent = sending.resend(store, folder, kept)
    except DataError:
        return None
    return sent if sent.run_id == run.record.run_id else None  # else it was sent to another run of this attempt


def _same(one: RunRecord, other: RunRecord) -> bool:
    same = all(getattr(one, name) == getattr(other, name) for name in ("sweep", "job", "attempt"))
    return same and other.key in ("", one.key)
