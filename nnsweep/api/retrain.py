"""Retraining: a published table is verified without its store, by training some of its runs again.

The manifest beside the table has each run's configuration, key and data digest. Configurations must have these keys,
all settings in the table must be those of the configurations, and the results of a sample of runs must come out again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pandas as pd
from threadpoolctl import threadpool_limits

from nnsweep.api.export import ExportRequest
from nnsweep.api.verify import ROW, forged, read_cells, read_exported_table
from nnsweep.errors import ConfigError, DataError
from nnsweep.jobs import names, worker
from nnsweep.jobs.conf_tree import conf_dir, list_groups
from nnsweep.jobs.consistency import make_recorded_job
from nnsweep.jobs.job import Job
from nnsweep.jobs.job_run import final_metrics
from nnsweep.mlp.history import collect
from nnsweep.mlp.train import NUMERICS_VERSION, train
from nnsweep.results.frame import frame
from nnsweep.results.tables import manifest as manifests
from nnsweep.results.tables.differences import Difference, compare_cells, unescape_name
from nnsweep.results.tables.formats import to_bytes
from nnsweep.results.tables.manifest import ListedRun, Manifest
from nnsweep.text import printable
from nnsweep.tracking.record import RunRecord

RESULTS = (
    "test_accuracy",
    "best_val_accuracy",
    "best_epoch",
    "max_test_accuracy",
    "final_test_accuracy",
    "final_train_cost",
)
"""Columns that only a run has that finished."""
SEED = 0
"""Of the draw of the runs that are trained again."""


class Retraining(NamedTuple):
    """What came of it.

    Attributes
    ----------
    differences : list of Difference
        None of them if the table is what training gives.
    names : list of str
        The runs that were trained again.
    n_runs, n_cells : int
        How many runs the table has, and how many cells were compared.
    question : str
        The options that chose the runs of the table; empty if it has all of them.
    """

    differences: list[Difference]
    names: list[str]
    n_runs: int
    n_cells: int
    question: str = ""


def retrain_sample(table: Path, number: int, data_path: str | None = None) -> Retraining:
    """Train a sample of the runs of an exported table again, and compare.

    Parameters
    ----------
    table : Path
        The file; its manifest lies beside it.
    number : int
        How many runs to train; all of them if there are no more.
    data_path : str or None
        Where the table's own data lie, if not where the manifest says.

    Raises
    ------
    ConfigError
        If there is no manifest, or the table has curves.
    DataError
        If table or manifest cannot be read, the manifest has no configurations or other numerics, or the data cannot
        be had.
    """
    manifest = manifests.read_manifest(table)
    shown = printable(str(table))
    asked = ExportRequest.of_plain(manifest.asked)
    if asked.histories:
        raise ConfigError(f"{shown} has curves; --retrain is for tables of results, exported without --histories")
    _, found = read_exported_table(table, manifest, ROW)
    _require_trainable(manifest, shown)
    rows = found[~found.index.duplicated(keep="last")]
    listed = [run for run in manifest.runs if run.run_id in rows.index]
    ended = [run for run in listed if any(_part(rows, [run.run_id], RESULTS).iloc[0])]
    if not ended:
        raise DataError(f"{shown}: none of its rows has a result that training gives; export it with test_accuracy")
    worker.forget_datasets()  # files may be others by now
    jobs = {run.run_id: _job(manifest, run, data_path) for run in listed}
    records = {run.run_id: _record(run, jobs[run.run_id]) for run in listed}
    told = [*forged(manifest), *_of_rows(manifest, found)]
    trained = []
    for run in Random(SEED).sample(ended, min(number, len(ended))):
        result = _trained(records[run.run_id], jobs[run.run_id], run)
        if isinstance(result, Difference):
            told.append(result)
        else:
            records[run.run_id] = result
            trained.append(run)
    different, n_cells = _of_cells(manifest, rows, records, trained)
    return Retraining(told + different, [run.name for run in trained], len(listed), n_cells, asked.question())


def _of_rows(manifest: Manifest, table: pd.DataFrame) -> Iterator[Difference]:
    """Say which runs are in the table alone, in the manifest alone, or twice in the table."""
    ids, shown = {run.run_id for run in manifest.runs}, set(table.index)
    for run_id in sorted(shown - ids):
        yield Difference(f"run {run_id}", "the manifest does not have it")
    for run_id in sorted(ids - shown):
        yield Difference(f"run {run_id}", "the table does not have it")
    if len(table) != len(shown):
        yield Difference("the table", f"it has {len(table)} rows of {len(shown)} runs")


def _of_cells(
    manifest: Manifest, table: pd.DataFrame, records: Mapping[str, RunRecord], trained: Sequence[ListedRun]
) -> tuple[list[Difference], int]:
    """Compare the settings of all runs, and the results of those that were trained; tell how many cells these are."""
    again = frame([*records.values()]).reindex(columns=manifest.columns)
    wanted = read_cells(to_bytes(again, manifest.format), manifest.format).set_axis([*records], axis="index")
    titles = {run.run_id: run.title for run in manifest.runs}
    settings = {name for record in records.values() for name in record.settings} - {"arch"}
    results = {name for run in trained for name in records[run.run_id].metrics}
    told, n_cells = [], 0
    for columns, ids in ((settings - results, [*records]), (results, [run.run_id for run in trained])):
        part = _part(table, ids, columns)
        cells = compare_cells(part, _part(wanted, ids, columns), titles.__getitem__)
        told += [one for one in cells if not _is_own_choice(one)]
        n_cells += part.size
    return told, n_cells


def _require_trainable(manifest: Manifest, shown: str) -> None:
    if not all(manifest.configuration(run) and run.numerics for run in manifest.runs):
        raise DataError(
            f"{shown}: its manifest does not say how its runs were trained, as an earlier version left it; "
            "export the table again from its store"
        )
    others = sorted({run.numerics for run in manifest.runs} - {str(NUMERICS_VERSION)})
    if others:
        raise DataError(
            f"{shown}: its runs were trained with numerics version {printable(', '.join(others))}, and this nnsweep "
            "has "
            f"{NUMERICS_VERSION}, which may give other numbers; install nnsweep {printable(manifest.nnsweep)}"
        )


def _job(manifest: Manifest, run: ListedRun, data_path: str | None) -> Job:
    configuration: dict[str, Any] = manifest.configuration(run)
    data = configuration.get("data")
    if data_path is not None and isinstance(data, Mapping) and "path" in data:
        configuration = {**configuration, "data": {**data, "path": data_path}}
    return make_recorded_job(configuration, run.title)


def _record(run: ListedRun, job: Job) -> RunRecord:
    """Make the record of a run that is not trained: its settings alone."""
    chosen = {group: getattr(job, group).name for group in names.GROUPS}
    return RunRecord(run_id=run.run_id, name=run.name, state="finished", settings=names.flatten_settings(job, chosen))


def _trained(record: RunRecord, job: Job, run: ListedRun) -> RunRecord | Difference:
    """Train a run again; its data must be those that it was trained on."""
    try:
        examples = worker.load_dataset(job.data)
    except DataError as error:
        raise DataError(f"{error}; name the data of the table with --data-path") from error
    if examples.digest != run.data_digest:
        said = f"its data are others: digest {run.data_digest[:12]} in the manifest, {examples.digest[:12]} here"
        return Difference(run.title, said)
    with threadpool_limits(1):  # as it was then
        trained = collect(train(examples, job.network(), [job.member()], job.training()))[0]
    results = final_metrics(trained) if trained.ending in ("finished", "stopped") else {}
    return RunRecord(
        run_id=record.run_id,
        name=record.name,
        state="finished",
        settings=record.settings,
        metrics=names.measure_sizes(job, examples) | results,
    )


def _part(table: pd.DataFrame, ids: Sequence[str], names: Collection[str]) -> pd.DataFrame:
    """Take some columns of some rows."""
    return table.loc[[*ids]].loc[:, [unescape_name(name) in names for name in table.columns]]


def _is_own_choice(difference: Difference) -> bool:
    """Tell whether a cell names a choice of somebody's own folder, which a configuration knows by another name."""
    known = list_groups([Path(conf_dir())]).get(difference.column)
    return known is not None and difference.found not in known
