"""Deletions: which records a store has had, whose runs somebody has deleted there.

Who deletes a run in MLflow does not want it back from a folder. A deleted run stays in the store, hidden, until
`mlflow gc` removes it for good. Of a run that is gone only the job's folder knows: it names the run, and is not marked
as waiting. That counts in the store that the sweep was made with, as long as it has anything of the sweep: a store that
was lost, and any other one, gets everything.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from nnsweep.jobs import job_folder
from nnsweep.jobs.result import Kept, identify_run
from nnsweep.tracking.backend import Run
from nnsweep.tracking.query import find_sweep_runs, has_run, make_record
from nnsweep.tracking.store import Store

_FOLDER = "nnsweep.folder"


class Deletions(NamedTuple):
    """The folders of records that are not to be sent.

    Attributes
    ----------
    hidden : set of Path
        Their runs are deleted, and can be restored.
    gone : set of Path
        Their runs were in the store, and are no more.
    """

    hidden: set[Path]
    gone: set[Path]


def find_deletions(store: Store, records: Sequence[tuple[Path, Kept]]) -> Deletions:
    """Find the records whose runs were deleted.

    Parameters
    ----------
    store : Store
        Where the runs were.
    records : sequence of (Path, Kept)
        Jobs' folders with their records: of a sweep all that there are, since each may tell that the store is the
        sweep's own.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    deletions = Deletions(set(), set())
    by_sweep: dict[str, list[tuple[Path, Kept]]] = {}
    for place, kept in records:
        by_sweep.setdefault(kept.record.sweep, []).append((place, kept))
    for sweep, own in by_sweep.items():
        there = [*find_sweep_runs(store.uri, [store.experiment_id], sweep)]
        active = {_identify(run) for run in there if has_run(run)}
        deleted = [run for run in there if not has_run(run) and _identify(run) not in active]
        hidden, ended = {*map(_identify, deleted)}, {*map(_identify, filter(_has_ended, deleted))}
        is_home = _is_home(there, {kept.record.run_id for _, kept in own})
        for place, kept in own:
            own_run, is_sent = identify_run(kept.record), job_folder.is_sent(place)
            if own_run in (hidden if is_sent else ended):
                deletions.hidden.add(place)
            elif is_sent and is_home and kept.record.run_id and own_run not in active:
                deletions.gone.add(place)
    return deletions


def _identify(run: Run) -> tuple[str, str, int, int]:
    return identify_run(make_record(run))


def _has_ended(run: Run) -> bool:
    return run.info.status != "RUNNING" and make_record(run).state not in ("running", "lost")


def _is_home(there: Iterable[Run], run_ids: set[str]) -> bool:
    """Tell whether some runs of a sweep are of the store that it was made with: a copy has other ids."""
    return any(
        # what is sent later makes the sweep's own run again, but does not say where its folder was
        run.info.run_id in run_ids or (run.data.tags.get("nnsweep.kind") == "sweep" and _FOLDER in run.data.tags)
        for run in there
    )
