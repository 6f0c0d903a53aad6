"""Verifying: an exported table is made again from the store, and what differs is named.

The manifest beside the table says which store, which runs and which question. Runs that have come since, or gone, are
differences too, and so is a manifest that says of a run what the store does not, or a run whose record does not agree
with itself. What was left out by the question is told: a row that is removed together with its filter is no secret.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from packaging.version import InvalidVersion, Version

from nnsweep import __version__
from nnsweep.api.export import ExportRequest, ResultTable, choose_runs
from nnsweep.errors import ConfigError, DataError, UserError
from nnsweep.jobs.consistency import find_disagreements, make_recorded_job
from nnsweep.results.frame import frame, long_form
from nnsweep.results.tables import manifest as manifests
from nnsweep.results.tables.differences import Difference, compare_cells, compare_lines, index_rows, unescape_name
from nnsweep.results.tables.formats import FORMATS, to_bytes
from nnsweep.results.tables.manifest import ListedRun, Manifest
from nnsweep.text import HIDDEN, mask_secrets, printable, quote_argument, shorten
from nnsweep.tracking import query
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.recorded_run import read_found_run, read_history
from nnsweep.tracking.store import Store, find_store, resolve_uri

ROW = ("run_id",)
VALUE = ("run_id", "metric", "epoch")


class Verification(NamedTuple):
    """What came of it.

    Attributes
    ----------
    differences : list of Difference
        None of them if the table is what the store says.
    n_cells, n_runs : int
        How much was compared.
    cause : str
        What must have been changed if anything differs: the file, its manifest or the store.
    left_out : sequence of str
        What the table's question has left out, a line each.
    """

    differences: list[Difference]
    n_cells: int
    n_runs: int
    cause: str = ""
    left_out: Sequence[str] = ()


def verify_table(table: Path, uri: str | None = None) -> Verification:
    """Compare a table with the store that it was exported from.

    Parameters
    ----------
    table : Path
        The file; its manifest lies beside it.
    uri : str or None
        The store; None for the one that the manifest names.

    Raises
    ------
    ConfigError
        If there is no manifest, no such experiment, or only `uri` could tell the store.
    DataError
        If table or manifest cannot be read.
    StoreError
        If the store cannot be used.
    """
    manifest = manifests.read_manifest(table)
    asked = ExportRequest.of_plain(manifest.asked)
    identity = VALUE if asked.histories else ROW
    content, found = read_exported_table(table, manifest, identity)
    store = find_store(_address(manifest, uri), manifest.experiment)
    now = choose_runs(query.find_job_runs(store, asked.sweep), asked)
    runs = _still_there(store, manifest.runs)
    kept = [query.make_record(run) for run in runs]
    again = to_bytes(_table(store, asked, kept, manifest), manifest.format, now.caption)
    wanted = index_rows(read_cells(again, manifest.format), identity, [record.run_id for record in kept])
    cells = [*_of_runs(manifest.runs, kept, now), *_of_cells(manifest.runs, kept, found, wanted)]
    if not cells and FORMATS[manifest.format].is_reproducible:
        cells = [*compare_lines(content, again)]
    of_manifest = [*forged(manifest), *_of_records(manifest.runs, kept)]
    if not cells:
        digests = {manifests.hash_content(one) for one in (content, again)}
        of_manifest += _of_the_whole(manifest, len(found), asked, now, digests)
    of_store = [*_of_disagreements(store, runs, asked, cells)]
    changed = manifests.hash_content(content) != manifest.sha256
    cause = "the file was changed after it was exported" if changed else "the store has changed since"
    if of_manifest and not cells:
        cause = "the manifest was changed after the table was exported"
    elif of_store and not cells:
        cause = "the store was changed, and does not agree with itself"
    told = [*cells, *of_manifest, *of_store]
    return Verification(told, found.size, len(kept), cause, _left_out(store, asked, now))


def read_exported_table(table: Path, manifest: Manifest, identity: Sequence[str]) -> tuple[bytes, pd.DataFrame]:
    """Read an exported table, as it lies there and as cells in rows that `identity` tells apart.

    Raises
    ------
    DataError
        If it cannot be read, or its rows cannot be told apart.
    """
    shown = printable(str(table))
    try:
        content = table.read_bytes()
    except OSError as error:
        raise DataError(f"{shown} cannot be read ({error.strerror}); export it again") from error
    try:
        cells = read_cells(content, manifest.format)
        return content, index_rows(cells, identity, [run.run_id for run in manifest.runs])
    except DataError as error:
        raise DataError(f"{shown}: {printable(str(error))}; export the table again") from error


def read_cells(content: bytes, format: str) -> pd.DataFrame:
    """Read the cells of a table in the format that a manifest names."""
    if format not in FORMATS:
        raise DataError(f"it cannot be read as {shorten(format)}, which is no format")
    return FORMATS[format].read(content)


def _address(manifest: Manifest, uri: str | None) -> str:
    if uri is None and HIDDEN in manifest.store:
        uri = os.environ.get("MLFLOW_TRACKING_URI", "")
        if mask_secrets(uri) != manifest.store:
            raise ConfigError(f"the manifest names {manifest.store} without its password; name it with --uri")
    return resolve_uri(uri or manifest.store, Path.cwd())


def _still_there(store: Store, runs: list[ListedRun]) -> list[Any]:
    """Read those runs of a table that the store still has, in the order of the table."""
    ids = [run.run_id for run in runs if run.run_id.isalnum()]  # a quote would end the text of MLflow's filter
    read = {run.info.run_id: run for run in query.keep_sound_runs(query.find_runs_by_id(store, ids))}
    return [read[run_id] for run_id in ids if run_id in read]


def _table(store: Store, asked: ExportRequest, kept: list[RunRecord], manifest: Manifest) -> pd.DataFrame:
    if asked.histories:
        curves = {record.run_id: read_history(store, record.run_id, checked=False) for record in kept}
        return long_form(curves, kept)  # a file that was changed is told by its cells
    return frame(kept).reindex(columns=manifest.columns)


def _of_runs(listed: list[ListedRun], kept: list[RunRecord], now: ResultTable) -> Iterator[Difference]:
    """Say which runs are gone, which the question no longer chooses, and which are new."""
    there, chosen, exported = ({run.run_id for run in runs} for runs in (kept, now.records, listed))
    for run in listed:
        if run.run_id not in there:
            yield Difference(run.title, "the store has this run no longer")
        elif run.run_id not in chosen:
            yield Difference(run.title, "the table would not have this run any more")
    for record in now.records:
        if record.run_id not in exported:
            yield Difference(record.title, "this run is new, the table would have it")


def forged(manifest: Manifest) -> Iterator[Difference]:
    """Say what of a manifest cannot be as it was written, whatever the store says."""
    if manifest.digest and manifest.digest != manifest.own_digest():
        yield Difference("the manifest", "its own digest is another: something in it was changed")
    if manifest.formula_version != manifests.FORMULA_VERSION:
        known = f"formula version {manifest.formula_version}, this nnsweep has {manifests.FORMULA_VERSION}"
        yield Difference("the manifest", f"it names {known}, which may give other tables")
    if _is_later(manifest.nnsweep):
        yield Difference("the manifest", f"it names nnsweep {manifest.nnsweep}, and this is {__version__}")
    for run in manifest.runs:
        if told := _of_key(manifest, run):
            yield Difference(run.title, told)


def _is_later(version: str) -> bool:
    try:
        return Version(version) > Version(__version__)
    except InvalidVersion:
        return True


def _of_key(manifest: Manifest, run: ListedRun) -> str:
    """Say what is wrong with the key of a run of which the manifest has the configuration."""
    configuration = manifest.configuration(run)
    if not configuration or not run.numerics.isdigit():
        return ""
    try:
        job = make_recorded_job(configuration, run.title)
    except DataError as error:
        return str(error).partition(": ")[2]
    own = job.key(run.data_digest, int(run.numerics))
    return "" if own == run.key else f"its key is {run.key[:12]} in the manifest, {own[:12]} by its configuration there"


def _of_records(listed: list[ListedRun], kept: list[RunRecord]) -> Iterator[Difference]:
    """Compare what a manifest says of runs with what the store says."""
    there = {record.run_id: record for record in kept}
    for run in listed:
        record = there.get(run.run_id)
        for what in ("name", "key", "data_digest") if record else ():
            one, other = str(getattr(run, what)), str(getattr(record, what))
            if one != other:
                said = f"its {what} is {one[:40] or 'empty'} in the manifest, {other[:40] or 'empty'} in the store"
                yield Difference(run.title, said)


def _of_the_whole(
    manifest: Manifest, n_rows: int, asked: ExportRequest, now: ResultTable, digests: set[str]
) -> Iterator[Difference]:
    """Compare the manifest with a table that has the right cells: its rows, columns and bytes."""
    if n_rows != manifest.n_rows:
        yield Difference("the manifest", f"it names {manifest.n_rows} rows, and the table has {n_rows}")
    if not asked.histories:
        columns, exported = pd.Index(now.table.columns, dtype="object"), pd.Index(manifest.columns, dtype="object")
        for name in columns.difference(exported, sort=False):
            yield Difference(f"column {name}", "the table would have it")
        for name in exported.difference(columns, sort=False):
            yield Difference(f"column {name}", "the table would not have it")
    if manifest.sha256 not in digests:
        yield Difference("the manifest", "its SHA-256 of the table is another, and the table is what the store says")


def _of_disagreements(
    store: Store, runs: list[Any], asked: ExportRequest, cells: Sequence[Difference]
) -> Iterator[Difference]:
    """Say what of the records themselves does not agree, unless a cell has told it."""
    told = {(difference.what, unescape_name(difference.column)) for difference in cells}
    for run in runs:
        title = f"{run.info.run_name} ({run.info.run_id})"
        if asked.histories and any(what.startswith(title) for what, _ in told):
            continue
        try:
            for name, said in find_disagreements(read_found_run(store, run, files=False)).items():
                if (title, name) not in told:
                    yield Difference(title, said)
        except UserError as error:  # a file that is damaged or changed
            yield from (Difference(title, problem) for problem in error.problems)


def _left_out(store: Store, asked: ExportRequest, now: ResultTable) -> list[str]:
    """Say what the question of a table has left out."""
    lines = []
    if made := asked.question():
        n_runs = len(query.find_job_runs(store))
        n_left = n_runs - len(now.records)
        lines.append(f"made with {made}: {n_left or 'none'} of the experiment's {n_runs} runs are left out")
    if asked.columns:
        made = quote_argument(",".join(asked.columns))
        lines.append(f"made with --columns {made}: all other settings and results are left out")
    return lines


def _of_cells(
    listed: list[ListedRun], kept: list[RunRecord], found: pd.DataFrame, wanted: pd.DataFrame
) -> Iterator[Difference]:
    """Compare the cells of all runs but those that are gone, which is told once a run."""
    titles = {run.run_id: run.title for run in listed}
    gone = titles.keys() - {record.run_id for record in kept}

    def named(key: str) -> str:
        run_id, *rest = key.split("/")
        return ", ".join([titles.get(run_id, f"unknown run ({run_id})"), *rest])

    return compare_cells(found[[key.partition("/")[0] not in gone for key in found.index]], wanted, named)
