"""Synchronizing: what job folders have and a store has not is sent to it, as often as anyone asks.

It is how the results of a sweep come into a store that was away, or into another one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nnsweep.errors import ConfigError, DataError
from nnsweep.jobs import job_folder, upload
from nnsweep.jobs.journal import JOURNAL
from nnsweep.jobs.result import Kept
from nnsweep.jobs.sweep_folder import OUTBOX
from nnsweep.tracking import claims, earlier, runs
from nnsweep.tracking.owner import hold_runs
from nnsweep.tracking.query import PLAN
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, prepare_store

_SUMMARY = (PLAN, "table.csv", "table.md", "table.html")


@dataclass
class SyncResult:
    """What came of a synchronization.

    Attributes
    ----------
    sent, present : int
        Records that were sent, and that the store had already.
    damaged : list of str
        What is wrong with the others.
    """

    sent: int = 0
    present: int = 0
    damaged: list[str] = field(default_factory=list)

    def in_words(self) -> str:
        """Describe the result in a line."""
        damaged = f", {len(self.damaged)} damaged" if self.damaged else ""
        return f"{self.sent} records sent, {self.present} were there already{damaged}"


def sync_folders(root: Path, uri: str) -> SyncResult:
    """Send all records below a folder that a store lacks.

    Parameters
    ----------
    root : Path
        A job's folder, a sweep's, or the folder of many sweeps.
    uri : str
        The store; created if it does not exist.

    Raises
    ------
    ConfigError
        If there is no such folder.
    StoreError
        If the store refuses; what was sent before stays there.
    """
    if not root.is_dir():
        raise ConfigError(f"{root}: there is no such folder; name the folder of a sweep, or of several")
    result = SyncResult()
    for folder in sorted({path.parent for name in (JOURNAL, OUTBOX) for path in root.absolute().glob(f"**/{name}")}):
        upload.restore_folders(folder)
    read: dict[str, list[tuple[Path, Kept]]] = {}
    for path in sorted(root.absolute().glob(f"**/{job_folder.RECORD}")):
        try:
            if kept := job_folder.read_kept(path.parent):
                read.setdefault(kept.experiment, []).append((path.parent, kept))
        except DataError as error:
            result.damaged += error.problems
    for experiment, records in read.items():
        store = prepare_store(uri, experiment)
        with hold_runs(uri), claims.look_alone(store):
            _send(store, records, result)
            upload.close_abandoned_runs(store, earlier.find_running(store))
            for folder in sorted({folder for place, _ in records for folder in (place, place.parent)}):
                _send_summary(store, folder)
    return result


def _send_summary(store: Store, folder: Path) -> None:
    """End a sweep's own run with the summary in its folder, unless it has ended."""
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        state = str(plan["state"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # not the folder of a sweep that has come to its end
    tags = {"nnsweep.kind": "sweep", "nnsweep.sweep": folder.name, "nnsweep.state": "running"}
    run = runs.find_sweep_run(store, folder.name)
    if run and run.ended:
        return
    run_id = run.run_id if run else runs.start_run(store, f"sweep {folder.name}", tags)
    runs.log_artifacts(store, run_id, [path for name in _SUMMARY if (path := folder / name).is_file()])
    runs.end_run(store, RunRecord(run_id=run_id, name=folder.name, state=state if state in runs.STATUSES else "lost"))


def _send(store: Store, records: Sequence[tuple[Path, Kept]], result: SyncResult) -> None:
    runs_by_key = earlier.find_runs_by_key(store, {kept.record.key for _, kept in records})
    still_open = {run.record.run_id for run in earlier.find_running(store)}  # whatever its state says
    ended = {
        (run.record.key, run.record.sweep, run.record.job, run.record.attempt)
        for same in runs_by_key.values()
        for run in same
        if run.record.state not in ("running", "lost") and run.record.run_id not in still_open
    }
    for place, kept in records:
        if (kept.record.key, kept.record.sweep, kept.record.job, kept.record.attempt) in ended:
            result.present += 1
            continue
        try:
            upload.resend(store, place, kept)
            result.sent += 1
        except DataError as error:
            result.damaged += error.problems
