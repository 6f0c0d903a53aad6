"""Reading runs back: from the store to records, and from artifacts to full curves.

What is read equals what was written: settings come back as the values they were, and curves with every
epoch, from the Parquet file and not from the thinned points of the store.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nnsweep.tracking.client import client, explained
from nnsweep.tracking.record import CHOICES, CURVES, RunRecord, Setting
from nnsweep.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run


def job_runs(store: Store, sweep: str | None = None) -> list[RunRecord]:
    """Read the runs of an experiment's jobs, oldest first.

    Parameters
    ----------
    store : Store
        Store and experiment.
    sweep : str or None
        Only the jobs of this sweep.

    Returns
    -------
    list of RunRecord
        Runs that were deleted in MLflow are left out.
    """
    wanted = "tags.`nnsweep.kind` = 'job'"
    if sweep is not None and "'" not in sweep:  # a quote would end the text of MLflow's filter
        wanted += f" and tags.`nnsweep.sweep` = '{sweep}'"
    found: list[Any] = []
    token = None
    with explained(store.uri):
        while True:
            page = client(store.uri).search_runs(
                [store.experiment_id],
                filter_string=wanted,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            found += page
            token = page.token
            if not token:
                break
    records = [_record(run) for run in found]
    return [record for record in records if sweep in (None, record.sweep)]


def history(store: Store, run_id: str) -> pd.DataFrame:
    """Read a run's full curves from its artifacts.

    Returns
    -------
    DataFrame
        ``epoch`` and a column for each curve; empty if the run has none.
    """
    with tempfile.TemporaryDirectory() as folder, explained(store.uri):
        names = [artifact.path for artifact in client(store.uri).list_artifacts(run_id)]
        if "history.parquet" not in names:
            return pd.DataFrame({"epoch": []})
        path = Path(client(store.uri).download_artifacts(run_id, "history.parquet", folder))
        return pd.read_parquet(path)


def histories(store: Store, records: Sequence[RunRecord]) -> dict[str, pd.DataFrame]:
    """Read the full curves of several runs, by run id."""
    return {record.run_id: history(store, record.run_id) for record in records}


def _record(run: "Run") -> RunRecord:
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
