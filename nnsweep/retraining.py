"""Retraining: a published table is verified without its store, by training some of its runs again.

The manifest beside the table has each run's configuration, key and data digest. Configurations must have these keys,
all settings in the table must be those of the configurations, and the results of a sample of runs must come out again.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from nnsweep.conf_tree import conf_dir, groups
from nnsweep.errors import ConfigError, DataError
from nnsweep.exported import Asked
from nnsweep.messages import visible
from nnsweep.mlp.history import collect
from nnsweep.mlp.train import NUMERICS_VERSION, train
from nnsweep.results import manifest as manifests
from nnsweep.results.deviation import Difference, differences, row_keys
from nnsweep.results.formats import written
from nnsweep.results.frame import frame
from nnsweep.results.grid import Grid, grid
from nnsweep.results.manifest import Listed, Manifest
from nnsweep.sweep import describe, work
from nnsweep.sweep.consistency import job_of
from nnsweep.sweep.job import Job
from nnsweep.sweep.runner import final_metrics
from nnsweep.tracking.record import RunRecord
from nnsweep.verified import ROW, forged, read_table

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


class Retrained(NamedTuple):
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


def retrain(table: Path, number: int, data_path: str | None = None) -> Retrained:
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
    manifest = manifests.read(table)
    shown = visible(str(table))
    asked = Asked.of_plain(manifest.asked)
    if asked.histories:
        raise ConfigError(f"{shown} has curves; --retrain is for tables of results, exported without --histories")
    _, found = read_table(table, manifest.format)
    _require_trainable(manifest, shown)
    try:
        keys = row_keys(found, ROW, [run.run_id for run in manifest.runs])
    except DataError as error:
        raise DataError(f"{shown}: {error}") from error
    rows = dict(zip(keys, found.rows, strict=True))
    told = [*forged(manifest)]
    told += [Difference(f"run {key}", "the manifest does not have it") for key in rows.keys() - _ids(manifest)]
    told += [Difference(f"run {key}", "the table does not have it") for key in sorted(_ids(manifest) - rows.keys())]
    if len(found.rows) != len(rows):
        told.append(Difference("the table", f"it has {len(found.rows)} rows of {len(rows)} runs"))
    listed = [run for run in manifest.runs if run.run_id in rows]
    ended = [run for run in listed if _has_results(found, rows[run.run_id])]
    if not ended:
        raise DataError(f"{shown}: none of its rows has a result that training gives; export it with test_accuracy")
    work.forget()  # files may be others by now
    chosen = Random(SEED).sample(ended, min(number, len(ended)))
    jobs = {run.run_id: _job(manifest, run, data_path) for run in listed}
    records = {run.run_id: _record(run, jobs[run.run_id]) for run in listed}
    for run in chosen:
        trained = _trained(records[run.run_id], jobs[run.run_id], run)
        if isinstance(trained, Difference):
            told.append(trained)
        else:
            records[run.run_id] = trained
    again = frame([*records.values()]).reindex(columns=manifest.columns)
    wanted = grid(written(again, manifest.format, ""), manifest.format)
    settings = {name for record in records.values() for name in record.settings} - {"arch"}
    results = {name for run in chosen for name in records[run.run_id].metrics}
    n_cells = 0
    for names, runs in ((settings - results, listed), (results, chosen)):
        part = _part(found, [rows[run.run_id] for run in runs], names)
        other = _part(wanted, [wanted.rows[listed.index(run)] for run in runs], names)
        titles = {run.run_id: f"{run.name} ({run.run_id})" for run in runs}
        ids = [*titles]
        cells = differences(part, other, found_keys=ids, wanted_keys=ids, named=titles.__getitem__)
        told += [one for one in cells if not _is_own_choice(one)]
        n_cells += sum(map(len, part.rows))
    return Retrained(told, [run.name for run in chosen], len(listed), n_cells, asked.question())


def _ids(manifest: Manifest) -> set[str]:
    return {run.run_id for run in manifest.runs}


def _has_results(table: Grid, row: list[str]) -> bool:
    return any(cell for name, cell in zip(table.columns, row, strict=True) if name.replace("\\", "") in RESULTS)


def _require_trainable(manifest: Manifest, shown: str) -> None:
    if not all(manifest.configuration(run) and run.numerics for run in manifest.runs):
        raise DataError(
            f"{shown}: its manifest does not say how its runs were trained, as an earlier version left it; "
            "export the table again from its store"
        )
    others = sorted({run.numerics for run in manifest.runs} - {str(NUMERICS_VERSION)})
    if others:
        raise DataError(
            f"{shown}: its runs were trained with numerics version {visible(', '.join(others))}, and this nnsweep has "
            f"{NUMERICS_VERSION}, which may give other numbers; install nnsweep {visible(manifest.nnsweep)}"
        )


def _job(manifest: Manifest, run: Listed, data_path: str | None) -> Job:
    configuration: dict[str, Any] = manifest.configuration(run)
    data = configuration.get("data")
    if data_path is not None and isinstance(data, Mapping) and "path" in data:
        configuration = {**configuration, "data": {**data, "path": data_path}}
    return job_of(configuration, f"{run.name} ({run.run_id})")


def _record(run: Listed, job: Job) -> RunRecord:
    """Make the record of a run that is not trained: its settings alone."""
    chosen = {group: getattr(job, group).name for group in describe.GROUPS}
    return RunRecord(run_id=run.run_id, name=run.name, state="finished", settings=describe.settings(job, chosen))


def _trained(record: RunRecord, job: Job, run: Listed) -> RunRecord | Difference:
    """Train a run again; its data must be those that it was trained on."""
    try:
        examples = work.dataset(job.data)
    except DataError as error:
        raise DataError(f"{error}; name the data of the table with --data-path") from error
    if examples.digest != run.data_digest:
        said = f"its data are others: digest {run.data_digest[:12]} in the manifest, {examples.digest[:12]} here"
        return Difference(f"{run.name} ({run.run_id})", said)
    with threadpool_limits(1):  # as it was then
        trained = collect(train(examples, job.network(), [job.member()], job.training()))[0]
    results = final_metrics(trained) if trained.ending in ("finished", "stopped") else {}
    return RunRecord(
        run_id=record.run_id,
        name=record.name,
        state="finished",
        settings=record.settings,
        metrics=describe.sizes(job, examples) | results,
    )


def _part(table: Grid, rows: list[list[str]], names: Collection[str]) -> Grid:
    """Take some columns of some rows."""
    places = [place for place, name in enumerate(table.columns) if name.replace("\\", "") in names]
    return Grid([table.columns[place] for place in places], [[row[place] for place in places] for row in rows])


def _is_own_choice(difference: Difference) -> bool:
    """Tell whether a cell names a choice of somebody's own folder, which a configuration knows by another name."""
    known = groups([Path(conf_dir())]).get(difference.column)
    return known is not None and difference.found not in known
