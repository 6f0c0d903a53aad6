"""Synchronizing: what job folders have and a store has not is sent to it, as often as anyone asks.

It is how the results of a sweep come into a store that was away, or into another one.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nnsweep.errors import ConfigError, DataError
from nnsweep.jobs import job_folder, upload
from nnsweep.jobs.deletions import find_deletions
from nnsweep.jobs.journal import JOURNAL
from nnsweep.jobs.result import Kept, identify_run
from nnsweep.jobs.sweep_folder import OUTBOX
from nnsweep.results.wording import count
from nnsweep.tracking import claims, earlier, runs
from nnsweep.tracking.owner import hold_runs
from nnsweep.tracking.query import PLAN, find_sweep_runs, has_run
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, find_deleted_experiment, prepare_store

HIDDEN = "deleted in the store: mlflow runs restore --run-id RUN brings one back"
GONE = "removed from the store for good: nnsweep sync --deleted sends all of it again"
"""Why runs are left alone, and how they can be had."""
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
    left : Counter of str
        How many runs were left deleted, by what is to be said of them.
    """

    sent: int = 0
    present: int = 0
    damaged: list[str] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)

    def in_words(self) -> str:
        """Describe the result in a line, and in one more for each reason why runs were left deleted."""
        damaged = f", {len(self.damaged)} damaged" if self.damaged else ""
        left = f", {self.left.total()} left deleted" if self.left else ""
        lines = [f"  {count(number, 'run')} {why}" for why, number in self.left.items()]
        return "\n".join([f"{self.sent} records sent, {self.present} were there already{damaged}{left}", *lines])


def sync_folders(root: Path, uri: str, *, deleted: bool = False) -> SyncResult:
    """Send all records below a folder that a store lacks.

    Parameters
    ----------
    root : Path
        A job's folder, a sweep's, or the folder of many sweeps.
    uri : str
        The store; created if it does not exist.
    deleted : bool
        Whether also those are sent that the store has had, and whose runs were deleted there.

    Raises
    ------
    ConfigError
        If there is no such folder, or records are to be sent to an experiment that was deleted.
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
        if not deleted and (number := find_deleted_experiment(uri, experiment)):
            way_out = f"mlflow experiments restore --experiment-id {number} brings it back"
            result.left[f"of the experiment {experiment}, which is deleted: {way_out}"] += len(records)
            continue
        store = prepare_store(uri, experiment)
        with hold_runs(uri), claims.look_alone(store):
            _send(store, records, result, deleted=deleted)
            upload.close_abandoned_runs(store, earlier.find_running(store))
            for folder in sorted({folder for place, _ in records for folder in (place, place.parent)}):
                _send_summary(store, folder, deleted=deleted)
    return result


def _send_summary(store: Store, folder: Path, *, deleted: bool) -> None:
    """End a sweep's own run with the summary in its folder, unless it has ended, or was deleted."""
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        state = str(plan["state"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # not the folder of a sweep that has come to its end
    tags = {"nnsweep.kind": "sweep", "nnsweep.sweep": folder.name, "nnsweep.state": "running"}
    run = runs.find_sweep_run(store, folder.name)
    if run and run.ended:
        return
    if run is None and not deleted and _has_deleted_summary(store, folder.name):
        return
    run_id = run.run_id if run else runs.start_run(store, f"sweep {folder.name}", tags)
    runs.log_artifacts(store, run_id, [path for name in _SUMMARY if (path := folder / name).is_file()])
    runs.end_run(store, RunRecord(run_id=run_id, name=folder.name, state=state if state in runs.STATUSES else "lost"))


def _has_deleted_summary(store: Store, sweep: str) -> bool:
    own = (run for run in find_sweep_runs(store.uri, [store.experiment_id], sweep) if not has_run(run))
    return any(run.data.tags.get("nnsweep.kind") == "sweep" for run in own)


def _send(store: Store, records: Sequence[tuple[Path, Kept]], result: SyncResult, *, deleted: bool) -> None:
    runs_by_key = earlier.find_runs_by_key(store, {kept.record.key for _, kept in records})
    still_open = {run.record.run_id for run in earlier.find_running(store)}  # whatever its state says
    ended = {
        identify_run(run.record)
        for same in runs_by_key.values()
        for run in same
        if run.record.state not in ("running", "lost") and run.record.run_id not in still_open
    }
    lacking = {place for place, kept in records if identify_run(kept.record) not in ended}
    sweeps = {kept.record.sweep for place, kept in records if place in lacking and not deleted}
    deletions = find_deletions(store, [one for one in records if one[1].record.sweep in sweeps])
    upload.mark_sent(store, deletions.hidden)
    for place, kept in records:
        if place in deletions.hidden | deletions.gone:
            result.left[HIDDEN if place in deletions.hidden else GONE] += 1
            continue
        try:
            if place in lacking or not job_folder.is_sent(place):  # the mark goes once the store is seen to have it all
                upload.resend(store, place, kept)
        except DataError as error:
            result.damaged += error.problems
        else:
            result.sent += place in lacking
            result.present += place not in lacking
