"""A published table is verified without its store, by training some of its runs again.

The manifest beside the table has each run's configuration, key and data digest. Configurations must have these keys,
all settings in the table must be those of the configurations, and the results of a sample of runs must come out again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pandas as pd
from threadpoolctl import threadpool_limits

from nnsweep.api.export import ExportRequest
from nnsweep.api.verify import Verification, check_manifest, is_for_paper, read_cells, read_exported_table
from nnsweep.errors import ConfigError, DataError
from nnsweep.jobs import names, worker
from nnsweep.jobs.conf_tree import conf_dir, list_groups
from nnsweep.jobs.consistency import make_recorded_job
from nnsweep.jobs.job import Job
from nnsweep.jobs.job_run import final_metrics
from nnsweep.mlp.history import collect
from nnsweep.mlp.measures import find_measure
from nnsweep.mlp.train import NUMERICS_VERSION, train
from nnsweep.results.frame import frame
from nnsweep.results.tables import manifest as manifests
from nnsweep.results.tables.differences import Difference, compare_cells, unescape_name
from nnsweep.results.tables.formats import to_bytes
from nnsweep.results.tables.manifest import ListedRun, Manifest
from nnsweep.text import printable
from nnsweep.tracking.record import RunRecord

SEED = 0
"""Of the draw of the runs that are trained again."""


def retrain_sample(path: Path, number: int, data_path: str | None = None) -> Verification:
    """Train a sample of the runs of an exported table again, and compare.

    Parameters
    ----------
    path : Path
        The table; its manifest lies beside it.
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
    manifest = manifests.read_manifest(path)
    shown = printable(str(path))
    if is_for_paper(manifest):
        raise ConfigError(
            f"{shown} has means, and --retrain compares runs; export them as well, without --to paper, and retrain that"
        )
    request = ExportRequest.of_plain(manifest.asked)
    if request.histories:
        raise ConfigError(f"{shown} has curves; --retrain is for tables of results, exported without --histories")
    _, table = read_exported_table(path, manifest, request)
    _require_trainable(manifest, shown)
    rows = table[~table.index.duplicated(keep="last")]
    listed = [run for run in manifest.runs if run.run_id in rows.index]
    results = [name for name in map(unescape_name, rows.columns) if name == "best_epoch" or find_measure(name)]
    finished = [run for run in listed if any(_select(rows, [run.run_id], results).iloc[0])]  # only they have some
    if not finished:
        raise DataError(f"{shown}: none of its rows has a result that training gives; export it with test_accuracy")
    worker.forget_datasets()  # files may be others by now
    jobs = {run.run_id: _make_job(manifest, run, data_path) for run in listed}
    records = {}
    for run in listed:
        job = jobs[run.run_id]
        settings = names.flatten_settings(job, {group: getattr(job, group).name for group in names.GROUPS})
        records[run.run_id] = RunRecord(run_id=run.run_id, name=run.name, state="finished", settings=settings)
    differences = [*check_manifest(manifest), *_compare_ids(manifest, table)]
    trained = []
    for run in Random(SEED).sample(finished, min(number, len(finished))):
        metrics = _train_again(jobs[run.run_id], run)
        if isinstance(metrics, Difference):
            differences.append(metrics)
        else:
            records[run.run_id] = replace(records[run.run_id], metrics=metrics)
            trained.append(run)
    of_cells, n_cells = _compare_results(manifest, request, rows, records, [run.run_id for run in trained])
    trained_names = ", ".join(run.name for run in trained)
    question = request.question()
    return Verification(
        differences=[difference.in_words("when trained again") for difference in differences + of_cells],
        confirmation=[
            f"{path}: {len(trained)} of {len(listed)} runs, drawn at random, were trained again: {trained_names}",
            f"all {n_cells} cells of their results, and of all runs' settings, are the same, bit for bit",
            *([f"made with {question}: what that left out cannot be told without the store"] if question else []),
        ],
        reference="what training gives",
        conclusion=f" ({printable(trained_names) or 'none'} trained again)",
    )


def _require_trainable(manifest: Manifest, shown: str) -> None:
    """Refuse a manifest by which its runs cannot be trained as they were."""
    if not all(manifest.configuration(run) and run.numerics for run in manifest.runs):
        raise DataError(
            f"{shown}: its manifest does not say how its runs were trained, as an earlier version left it; "
            "export the table again from its store"
        )
    others = sorted({run.numerics for run in manifest.runs} - {str(NUMERICS_VERSION)})
    if others:
        raise DataError(
            f"{shown}: its runs were trained with numerics version {printable(', '.join(others))}, and this nnsweep "
            f"has {NUMERICS_VERSION}, which may give other numbers; install nnsweep {printable(manifest.nnsweep)}"
        )


def _make_job(manifest: Manifest, run: ListedRun, data_path: str | None) -> Job:
    configuration = manifest.configuration(run)
    data = configuration.get("data")
    if data_path is not None and isinstance(data, Mapping) and "path" in data:
        configuration = {**configuration, "data": {**data, "path": data_path}}
    return make_recorded_job(configuration, run.title)


def _compare_ids(manifest: Manifest, table: pd.DataFrame) -> Iterator[Difference]:
    """Say which runs are in the table alone, in the manifest alone, or twice in the table."""
    listed, shown = {run.run_id for run in manifest.runs}, set(table.index)
    for run_id in sorted(shown - listed):
        yield Difference(f"run {run_id}", "the manifest does not have it")
    for run_id in sorted(listed - shown):
        yield Difference(f"run {run_id}", "the table does not have it")
    if len(table) != len(shown):
        yield Difference("the table", f"it has {len(table)} rows of {len(shown)} runs")


def _train_again(job: Job, run: ListedRun) -> dict[str, float] | Difference:
    """Train a run again and give its metrics; its data must be those that it was trained on."""
    try:
        examples = worker.load_dataset(job.data)
    except DataError as error:
        raise DataError(f"{error}; name the data of the table with --data-path") from error
    if examples.digest != run.data_digest:
        digests = f"digest {run.data_digest[:12]} in the manifest, {examples.digest[:12]} here"
        return Difference(run.title, f"its data are others: {digests}")
    with threadpool_limits(1):  # as it was then
        history = collect(train(examples, job.network(), [job.member()], job.training(examples.task)))[0]
    results = final_metrics(history) if history.ending in ("finished", "stopped") else {}
    return names.measure_sizes(job, examples) | results


def _compare_results(
    manifest: Manifest,
    request: ExportRequest,
    table: pd.DataFrame,
    records: Mapping[str, RunRecord],
    trained: Sequence[str],
) -> tuple[list[Difference], int]:
    """Compare the settings of all runs, and the results of those that were trained; tell how many cells these are."""
    again = to_bytes(frame([*records.values()]).reindex(columns=manifest.columns), manifest.format)
    expected = read_cells(again, manifest.format, request, [*records])
    titles = {run.run_id: run.title for run in manifest.runs}
    settings = {name for record in records.values() for name in record.settings} - {"arch"}
    results = {name for run_id in trained for name in records[run_id].metrics}
    differences, n_cells = [], 0
    choices = list_groups([Path(conf_dir())])
    for columns, run_ids in ((settings - results, [*records]), (results, trained)):
        part = _select(table, run_ids, columns)
        n_cells += part.size
        for difference in compare_cells(part, _select(expected, run_ids, columns), titles.__getitem__):
            # a choice of somebody's own folder is known to a configuration by another name
            if difference.value in choices.get(difference.column, [difference.value]):
                differences.append(difference)
    return differences, n_cells


def _select(table: pd.DataFrame, run_ids: Sequence[str], names: Collection[str]) -> pd.DataFrame:
    """Take some columns of some rows."""
    return table.loc[[*run_ids]].loc[:, [unescape_name(name) in names for name in table.columns]]
