"""An unsealing: results on a sealed test part are added to runs that have ended, once, and a run of its own says so.

That run is begun before anything is measured, and names the configurations. Each job's run then gets its files first,
and last, in one request, its metrics with the tag that names the unsealing. So an unsealing that was killed can be
taken up where it was left, and nobody takes it for none.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from nnsweep.files import sync_path, whole_file
from nnsweep.scratch import scratch_folder
from nnsweep.tracking import runs
from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.artifacts import TAG, extend_seal
from nnsweep.tracking.backend import LONGEST_TAG, Run, RunQuery, find_backend
from nnsweep.tracking.exposure import has_test_set, make_exposure_tags
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, local_folder

UNSEALING = "nnsweep.unsealing"
"""The tag of a job's run with the id of the unsealing's run."""
_CONFIGURATIONS, _RUNS = "nnsweep.configurations", "nnsweep.unsealed_runs"
_NOTE = "mlflow.note.content"


@dataclass(frozen=True, kw_only=True)
class EarlierUnsealing:
    """An unsealing that was begun before.

    Attributes
    ----------
    run_id : str
        Its own run.
    configurations : tuple of str
        What was named, as it was written.
    runs_digest : str
        What tells its runs from those of others.
    began : int
        In milliseconds since the epoch.
    has_ended : bool
        Whether all its runs were measured.
    """

    run_id: str
    configurations: tuple[str, ...]
    runs_digest: str
    began: int
    has_ended: bool


def find_unsealings(uri: str, test_digests: Collection[str]) -> list[EarlierUnsealing]:
    """Find the unsealings of some test sets in all experiments of a store, those that were deleted as well.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    with explain_errors(uri):
        backend = find_backend(uri)
        experiments = [one.experiment_id for one in backend.search_experiments()]
        query = RunQuery(tags={"nnsweep.kind": "unsealing"}, deleted=True)
        found = [run for run in backend.find_runs(experiments, query) if has_test_set(run.data.tags, test_digests)]
    return [
        EarlierUnsealing(
            run_id=run.info.run_id,
            configurations=tuple(json.loads(run.data.tags.get(_CONFIGURATIONS, "[]"))),
            runs_digest=run.data.tags.get(_RUNS, ""),
            began=run.info.start_time,
            has_ended=run.data.tags.get("nnsweep.state") == "finished",
        )
        for run in found
    ]


def digest_runs(run_ids: Collection[str]) -> str:
    """Give the SHA-256 of runs' ids, by which the same unsealing is known again."""
    return sha256(" ".join(sorted(run_ids)).encode()).hexdigest()


def begin_unsealing(
    store: Store, run_ids: Collection[str], configurations: Sequence[str], test_digests: Collection[str], command: str
) -> str:
    """Write down what will be unsealed; return the id of the unsealing's run.

    Parameters
    ----------
    store : Store
        Where the runs are.
    run_ids : collection of str
        The runs that will be measured.
    configurations : sequence of str
        What was named, as it was written.
    test_digests : collection of str
        The test sets that will be measured on.
    command : str
        What has asked for it; empty if no command has.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    listed = json.dumps([*configurations])
    tags = {
        "nnsweep.kind": "unsealing",
        "nnsweep.state": "running",
        _RUNS: digest_runs(run_ids),
        _CONFIGURATIONS: listed if len(listed) <= LONGEST_TAG else "[]",
        "mlflow.source.name": "nnsweep",
        _NOTE: f"The test part of {len(run_ids)} runs, unsealed: {', '.join(configurations)}"[:LONGEST_TAG],
    }
    tags |= {runs.COMMAND: command} if command else {}
    return runs.start_run(store, f"unsealing of {len(run_ids)} runs", tags | make_exposure_tags(test_digests))


def end_unsealing(store: Store, run_id: str) -> None:
    """Write down that all runs of an unsealing were measured."""
    runs.end_run(store, RunRecord(run_id=run_id, name="", state="finished"))


def record_unsealed(
    store: Store, run: Run, unsealing: str, metrics: Mapping[str, float], files: Mapping[str, bytes]
) -> None:
    """Add what was measured on the test part to a run that has ended; doing it again does no harm.

    Parameters
    ----------
    store, run : Store, Run
        The run, as it was read.
    unsealing : str
        The id of the unsealing's run.
    metrics : mapping of str to float
        Final metrics.
    files : mapping of str to bytes
        Artifacts, by name.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    run_id, folder = run.info.run_id, local_folder(run.info.artifact_uri)
    if folder is None:
        with scratch_folder() as scratch:
            for name, content in files.items():
                (scratch / name).write_bytes(content)
            runs.log_artifacts(store, run_id, [scratch / name for name in files])
    else:
        for name, content in files.items():
            with whole_file(folder / name) as file:
                file.write(content)
        sync_path(folder)
    listed = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    tags = {UNSEALING: unsealing, _NOTE: f"{run.data.tags.get(_NOTE, '')}\n\nThe test part was unsealed: {listed}."}
    hashes = {name: sha256(content).hexdigest() for name, content in files.items()}
    if seal := extend_seal(run, metrics, hashes):
        tags[TAG] = seal
    n_epochs = int(run.data.metrics.get("epochs_trained", 0)) + 1
    runs.log_values(store, run_id, points=runs.make_final_points(metrics, after=n_epochs), tags=tags)
