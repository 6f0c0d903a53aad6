"""Reading runs back: from the store to records, and from artifacts to full curves.

What is read equals what was written: settings come back as the values they were, and curves with every
epoch, from the Parquet file and not from the thinned points of the store.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from nnsweep.errors import StoreError
from nnsweep.mlp.arrays import BoolArray
from nnsweep.tracking.artifacts import artifact, gather, refuse
from nnsweep.tracking.client import client, explained
from nnsweep.tracking.correct import CORRECT, Correct, read
from nnsweep.tracking.record import CHOICES, CURVES, RunRecord, Setting
from nnsweep.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

PLAN = "plan.json"
"""The artifact of a sweep's summary run that says what its jobs are and which results it has taken over."""
AT_ONCE = 500
"""Runs that are asked for by their ids in one request."""


def job_runs(store: Store, sweep: str | None = None) -> list[RunRecord]:
    """Read the runs of an experiment's jobs, oldest first, the one that counts of each key; see `counting`.

    Parameters
    ----------
    store : Store
        Store and experiment.
    sweep : str or None
        Only the jobs of this sweep, with those of earlier ones whose results it has taken over.

    Returns
    -------
    list of RunRecord
        Runs that were deleted in MLflow are left out.
    """
    wanted = "tags.`nnsweep.kind` = 'job'"
    if sweep is None:
        return counting(map(record_of, search(store, wanted)))
    if "'" not in sweep:  # a quote would end the text of MLflow's filter
        wanted += f" and tags.`nnsweep.sweep` = '{sweep}'"
    own = [record for record in map(record_of, search(store, wanted)) if record.sweep == sweep]
    return counting([*map(record_of, with_ids(store, _taken_over(store, sweep))), *own])


def counting(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Leave out runs that a later one with the same key stands for.

    Of a key's runs the last that finished counts; if none did, the last of all. Runs without a key all count.
    """
    chosen: dict[str, RunRecord] = {}
    for record in records:
        name = record.key or record.run_id
        if name in chosen and chosen[name].state == "finished" != record.state:
            continue
        chosen.pop(name, None)
        chosen[name] = record
    return [*chosen.values()]


def search(store: Store, wanted: str) -> Iterator["Run"]:
    """Find the runs of an experiment that MLflow's filter holds for, oldest first."""
    token = None
    while True:
        with explained(store.uri):
            page = client(store.uri).search_runs(
                [store.experiment_id],
                filter_string=wanted,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
        yield from page
        token = page.token
        if not token:
            return


def with_ids(store: Store, run_ids: Sequence[str]) -> Iterator["Run"]:
    """Read runs of an experiment by their ids, oldest first within every few hundred."""
    for start in range(0, len(run_ids), AT_ONCE):
        listed = ", ".join(f"'{run_id}'" for run_id in run_ids[start : start + AT_ONCE])
        yield from search(store, f"attributes.run_id IN ({listed})")


def _taken_over(store: Store, sweep: str) -> list[str]:
    """Give the ids of the runs of earlier sweeps that are results of a sweep too: its plan knows them."""
    summaries = search(store, "tags.`nnsweep.kind` = 'sweep'")
    found = [run.info.run_id for run in summaries if run.data.tags.get("nnsweep.sweep") == sweep]
    return [run_id for summary in found for run_id in _reused(store, summary)]


def _reused(store: Store, run_id: str) -> list[str]:
    with artifact(store, run_id, PLAN) as path:
        if path is None:
            return []
        try:
            plan = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            plan = None
        reused = plan.get("reused", []) if isinstance(plan, dict) else None
        if not isinstance(reused, list) or not all(isinstance(one, str) and one.isalnum() for one in reused):
            raise StoreError(
                f"{PLAN} of the sweep's run {run_id} is damaged: it cannot be told which results of earlier sweeps the "
                "sweep has taken over; leave --sweep out, and choose by --filter"
            )
        return reused


def history(store: Store, run_id: str) -> pd.DataFrame:
    """Read a run's full curves from its artifacts.

    Returns
    -------
    DataFrame
        ``epoch`` and a column for each curve; empty if the run has none.
    """
    with artifact(store, run_id, "history.parquet") as path:
        return pd.DataFrame({"epoch": []}) if path is None else pd.read_parquet(path)


def correct(store: Store, run_id: str) -> BoolArray | None:
    """Read which test examples a run got right at its best epoch.

    Returns
    -------
    ndarray of bool, shape (n_test,), or None
        Its mean is the run's ``test_accuracy``. None for a run that has none: it failed, or an earlier version has
        recorded it. Two runs' are of the same examples if `correct_of_test_set` tells the same digest.

    Raises
    ------
    DataError
        If it is damaged.
    StoreError
        If the store refuses.
    """
    found = correct_of_test_set(store, run_id)
    return found and found.right


def correct_of_test_set(store: Store, run_id: str) -> Correct | None:
    """Read the same, with the epoch and the digest of the test set."""
    with artifact(store, run_id, CORRECT) as path:
        return None if path is None else read(path)


def histories(store: Store, records: Sequence[RunRecord]) -> dict[str, pd.DataFrame]:
    """Read the full curves of several runs, by run id.

    Raises
    ------
    MissingFilesError
        Naming the runs whose curves are gone.
    """
    found, missing = gather([record.run_id for record in records], lambda run_id: history(store, run_id))
    refuse(missing)
    return found


def record_of(run: "Run") -> RunRecord:
    """Make the record of a run that was read."""
    tags, state = run.data.tags, run.data.tags.get("nnsweep.state", "running")
    # a finished run's last `test_accuracy` is the one at its best epoch; other last values belong to curves
    curves = set(CURVES) - ({"test_accuracy"} if state == "finished" else set())
    results = run.data.metrics.keys() - curves - run.data.params.keys()  # settings that vary are metrics too
    return RunRecord(
        run_id=run.info.run_id,
        name=run.info.run_name,
        state=state,
        reason=tags.get("nnsweep.reason", ""),
        settings={name: setting(name, text) for name, text in run.data.params.items()},
        metrics={name: value for name, value in run.data.metrics.items() if name in results},
        sweep=tags.get("nnsweep.sweep", ""),
        job=int(tags.get("nnsweep.job", 0)),
        key=tags.get("nnsweep.key", ""),
        attempt=int(tags.get("nnsweep.attempt", 1)),
        data_digest=tags.get("nnsweep.data_digest", ""),
    )


def setting(name: str, text: str) -> Setting:
    """Return the value that a param was written from.

    Examples
    --------
    >>> setting("schedule.gamma", "0.05"), setting("trainer.batch_size", "None"), setting("hidden_layer_sizes", "8")
    (0.05, None, '8')
    """
    if name in CHOICES:
        return text
    for known in (None, True, False):
        if text == str(known):
            return known
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) == text:  # not "007" or "1_000", which are texts
            return value
    return text
