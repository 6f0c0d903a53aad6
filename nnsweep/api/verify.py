"""Verification: an exported table is made again from the store, and every difference is named.

The manifest beside the table says which store, which runs and which question. Runs that have come since, or gone, are
differences too, and so is a manifest that says of a run what the store does not, or a run whose record does not agree
with itself. The rows that the question left out are listed, so that removing a row with its filter stays visible.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from packaging.version import InvalidVersion, Version

from nnsweep import __version__
from nnsweep.api.export import ExportRequest, ResultTable, choose_runs
from nnsweep.api.paper import PaperRequest, answer_for_paper
from nnsweep.errors import ConfigError, DataError, UserError
from nnsweep.jobs.consistency import find_disagreements, make_recorded_job
from nnsweep.results.frame import frame, long_form
from nnsweep.results.tables import manifest as manifests
from nnsweep.results.tables.differences import Difference, compare_cells, compare_lines, index_rows, unescape_name
from nnsweep.results.tables.formats import FORMATS, to_bytes
from nnsweep.results.tables.manifest import ListedRun, Manifest
from nnsweep.text import HIDDEN, mask_secrets, printable, quote_argument, shorten
from nnsweep.tracking import query, recorded_run
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, find_store, resolve_uri

OTHER_HASH = "its SHA-256 of the table is another, and the table is what the store says"


class Verification(NamedTuple):
    """What came of comparing a table with the store, or with its runs when they are trained again.

    Attributes
    ----------
    differences : list of str
        A line for each; none if the table is confirmed.
    confirmation : list of str
        What was found equal, and what the table leaves out.
    reference : str
        What the table was compared with.
    conclusion : str
        What must have been changed if anything differs, and what to do.
    """

    differences: list[str]
    confirmation: list[str]
    reference: str
    conclusion: str


def verify_table(path: Path, uri: str | None = None) -> Verification:
    """Compare a table with the store that it was exported from.

    Parameters
    ----------
    path : Path
        The table; its manifest lies beside it.
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
    manifest = manifests.read_manifest(path)
    if is_for_paper(manifest):
        return _verify_paper_table(path, manifest, uri)
    request = ExportRequest.of_plain(manifest.asked)
    content, table = read_exported_table(path, manifest, request)
    store = find_store(_resolve_store(manifest, uri), manifest.experiment)
    answer = choose_runs(query.find_job_runs(store, request.sweep), request)
    found = _find_listed_runs(store, manifest)
    records = [query.make_record(run) for run in found]
    if request.histories:  # unchecked, because a file that was changed is told by its cells
        histories = {
            record.run_id: recorded_run.read_history(store, record.run_id, checked=False) for record in records
        }
        again = to_bytes(long_form(histories, records), manifest.format)
    else:
        again = to_bytes(frame(records).reindex(columns=manifest.columns), manifest.format, answer.caption)
    expected = read_cells(again, manifest.format, request, [record.run_id for record in records])
    of_table = [
        *_compare_runs(manifest.runs, records, answer.records),
        *_compare_table(manifest.runs, records, table, expected),
    ]
    if not of_table and FORMATS[manifest.format].is_reproducible:
        of_table = [*compare_lines(content, again)]
    of_manifest = [*check_manifest(manifest), *_compare_manifest(manifest, records)]
    if not of_table:
        of_manifest += _compare_shape(manifest, len(table), answer, [content, again])
    of_store = [*_find_disagreements(store, found, request, of_table)]
    n_cells, n_runs = table.size, len(records)
    return Verification(
        differences=[difference.in_words() for difference in (*of_table, *of_manifest, *of_store)],
        confirmation=[
            f"{path}: all {n_cells} cells, of {n_runs} runs, are what the store says",
            *_describe_omissions(store, request, len(answer.records)),
        ],
        reference="the store",
        conclusion=_explain_cause(manifest, content, of_table, of_manifest),
    )


def is_for_paper(manifest: Manifest) -> bool:
    """Tell whether a table was made for an article, of means, instead of runs."""
    return manifest.asked.get("to") == "paper"


def _verify_paper_table(path: Path, manifest: Manifest, uri: str | None) -> Verification:
    """Make a table for an article again and compare it line by line; see `verify_table`."""
    request = PaperRequest.of_plain(manifest.asked)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{printable(str(path))} cannot be read ({error.strerror}); export it again") from error
    store = find_store(_resolve_store(manifest, uri), manifest.experiment)
    answer = answer_for_paper(store, request, manifest.format)
    found = _find_listed_runs(store, manifest)
    records = [query.make_record(run) for run in found]
    of_table = [
        *_compare_runs(manifest.runs, records, answer.records),
        *compare_lines(content, answer.content),
    ]
    of_manifest = [*check_manifest(manifest), *_compare_manifest(manifest, records)]
    if not of_table and manifest.sha256 != manifests.hash_content(content):
        of_manifest.append(Difference("the manifest", OTHER_HASH))
    of_store = [*_find_disagreements(store, found, ExportRequest(), of_table)]
    return Verification(
        differences=[difference.in_words() for difference in (*of_table, *of_manifest, *of_store)],
        confirmation=[
            f"{path}: the table of {len(records)} runs is what the store gives, line by line",
            *_describe_omissions(store, ExportRequest(filter=request.filter, sweep=request.sweep), len(answer.records)),
        ],
        reference="the store",
        conclusion=_explain_cause(manifest, content, of_table, of_manifest),
    )


def _find_listed_runs(store: Store, manifest: Manifest) -> list[Any]:
    """Find the runs that a manifest lists and the store still has, in the manifest's order."""
    ids = [run.run_id for run in manifest.runs if run.run_id.isalnum()]  # a quote would end the text of MLflow's filter
    by_id = {run.info.run_id: run for run in query.keep_sound_runs(query.find_runs_by_id(store, ids))}
    return [by_id[run_id] for run_id in ids if run_id in by_id]


def _explain_cause(
    manifest: Manifest, content: bytes, of_table: Sequence[Difference], of_manifest: Sequence[Difference]
) -> str:
    """Say what must have been changed if anything differs, and what to do."""
    if of_table:
        is_changed = manifests.hash_content(content) != manifest.sha256
        cause = "the file was changed after it was exported" if is_changed else "the store has changed since"
    elif of_manifest:
        cause = "the manifest was changed after the table was exported"
    else:
        cause = "the store was changed, and does not agree with itself"
    return f"; {cause}. Export it again, or put back what was changed"


def read_exported_table(path: Path, manifest: Manifest, request: ExportRequest) -> tuple[bytes, pd.DataFrame]:
    """Read an exported table, as it lies there and as cells in rows that are identified.

    Raises
    ------
    DataError
        If it cannot be read, or its rows cannot be told apart.
    """
    shown = printable(str(path))
    try:
        content = path.read_bytes()
        return content, read_cells(content, manifest.format, request, [run.run_id for run in manifest.runs])
    except OSError as error:
        raise DataError(f"{shown} cannot be read ({error.strerror}); export it again") from error
    except DataError as error:
        raise DataError(f"{shown}: {printable(str(error))}; export the table again") from error


def read_cells(content: bytes, format: str, request: ExportRequest, run_ids: Sequence[str]) -> pd.DataFrame:
    """Read the cells of a table in the format that a manifest names; see `index_rows` for its index.

    Raises
    ------
    DataError
        If there is no such format, or that is no table in it.
    """
    if format not in FORMATS:
        raise DataError(f"it cannot be read as {shorten(format)}, which is no format")
    identity = ("run_id", "metric", "epoch") if request.histories else ("run_id",)
    return index_rows(FORMATS[format].read(content), identity, run_ids)


def check_manifest(manifest: Manifest) -> Iterator[Difference]:
    """Say what of a manifest cannot be as it was written, whatever the store says."""
    if manifest.digest and manifest.digest != manifest.own_digest():
        yield Difference("the manifest", "its own digest is another: something in it was changed")
    if manifest.formula_version != manifests.FORMULA_VERSION:
        versions = f"formula version {manifest.formula_version}, this nnsweep has {manifests.FORMULA_VERSION}"
        yield Difference("the manifest", f"it names {versions}, which may give other tables")
    try:
        is_later = Version(manifest.nnsweep) > Version(__version__)
    except InvalidVersion:
        is_later = True
    if is_later:
        yield Difference("the manifest", f"it names nnsweep {manifest.nnsweep}, and this is {__version__}")
    for run in manifest.runs:
        configuration = manifest.configuration(run)
        if not configuration or not run.numerics.isdigit():
            continue
        try:
            key = make_recorded_job(configuration, run.title).key(run.data_digest, int(run.numerics))
        except DataError as error:
            yield Difference(run.title, str(error).partition(": ")[2])
        else:
            if key != run.key:
                keys = f"its key is {run.key[:12]} in the manifest, {key[:12]} by its configuration there"
                yield Difference(run.title, keys)


def _resolve_store(manifest: Manifest, uri: str | None) -> str:
    """Find the store's address; a password, which no manifest has, may be in the environment's."""
    if uri is None and HIDDEN in manifest.store:
        uri = os.environ.get("MLFLOW_TRACKING_URI", "")
        if mask_secrets(uri) != manifest.store:
            raise ConfigError(f"the manifest names {manifest.store} without its password; name it with --uri")
    return resolve_uri(uri or manifest.store, Path.cwd())


def _compare_runs(
    listed: Sequence[ListedRun], records: Sequence[RunRecord], chosen: Sequence[RunRecord]
) -> Iterator[Difference]:
    """Say which of the listed runs are gone or no longer chosen, and which are new."""
    there, still = ({run.run_id for run in runs} for runs in (records, chosen))
    titles = {run.run_id: run.title for run in listed}
    for run_id, title in titles.items():
        if run_id not in there:
            yield Difference(title, "the store has this run no longer")
        elif run_id not in still:
            yield Difference(title, "the table would not have this run any more")
    for record in chosen:
        if record.run_id not in titles:
            yield Difference(record.title, "this run is new, the table would have it")


def _compare_table(
    listed: Sequence[ListedRun], records: Sequence[RunRecord], table: pd.DataFrame, expected: pd.DataFrame
) -> Iterator[Difference]:
    """Compare the cells of all runs that are not gone."""
    titles = {run.run_id: run.title for run in listed}
    gone = titles.keys() - {record.run_id for record in records}

    def name_row(key: str) -> str:
        run_id, *rest = key.split("/")
        return ", ".join([titles.get(run_id, f"unknown run ({run_id})"), *rest])

    yield from compare_cells(table[[key.partition("/")[0] not in gone for key in table.index]], expected, name_row)


def _compare_manifest(manifest: Manifest, records: Sequence[RunRecord]) -> Iterator[Difference]:
    """Compare what a manifest says of runs with what the store says."""
    by_id: Mapping[str, RunRecord] = {record.run_id: record for record in records}
    for run in manifest.runs:
        for name in ("name", "key", "data_digest") if run.run_id in by_id else ():
            one, other = str(getattr(run, name)), str(getattr(by_id[run.run_id], name))
            if one != other:
                values = f"{one[:40] or 'empty'} in the manifest, {other[:40] or 'empty'} in the store"
                yield Difference(run.title, f"its {name} is {values}")


def _compare_shape(
    manifest: Manifest, n_rows: int, answer: ResultTable, contents: Sequence[bytes]
) -> Iterator[Difference]:
    """Compare the manifest with a table that has the right cells: its rows, columns and bytes."""
    if n_rows != manifest.n_rows:
        yield Difference("the manifest", f"it names {manifest.n_rows} rows, and the table has {n_rows}")
    if len(answer.table.columns):  # an answer in curves has none
        columns, exported = (pd.Index(names, dtype="object") for names in (answer.table.columns, manifest.columns))
        for name in columns.difference(exported, sort=False):
            yield Difference(f"column {name}", "the table would have it")
        for name in exported.difference(columns, sort=False):
            yield Difference(f"column {name}", "the table would not have it")
    if manifest.sha256 not in map(manifests.hash_content, contents):
        yield Difference("the manifest", OTHER_HASH)


def _find_disagreements(
    store: Store, runs: Sequence[Any], request: ExportRequest, of_table: Sequence[Difference]
) -> Iterator[Difference]:
    """Say what of the records themselves does not agree, unless a cell has told it."""
    cells = {(difference.subject, unescape_name(difference.column)) for difference in of_table}
    for run in runs:
        title = f"{run.info.run_name} ({run.info.run_id})"
        if request.histories and any(subject.startswith(title) for subject, _ in cells):
            continue
        try:
            for name, problem in find_disagreements(recorded_run.read_found_run(store, run, files=False)).items():
                if (title, name) not in cells:
                    yield Difference(title, problem)
        except UserError as error:  # a file that is damaged or changed
            yield from (Difference(title, problem) for problem in error.problems)


def _describe_omissions(store: Store, request: ExportRequest, n_chosen: int) -> Iterator[str]:
    """Say what the question of a table has left out."""
    if question := request.question():
        n_runs = len(query.find_job_runs(store))
        n_left = n_runs - n_chosen
        yield f"made with {question}: {n_left or 'none'} of the experiment's {n_runs} runs are left out"
    if request.columns:
        columns = quote_argument(",".join(request.columns))
        yield f"made with --columns {columns}: all other settings and results are left out"
