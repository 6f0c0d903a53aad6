"""Verifying: an exported table is made again from the store, and what differs is named.

The manifest beside the table says which store, which runs and which question. Runs that have come since, or gone, are
differences too.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from nnsweep.errors import ConfigError, DataError
from nnsweep.exported import Answer, Asked, answer
from nnsweep.masking import HIDDEN, masked
from nnsweep.messages import visible
from nnsweep.results import manifest as manifests
from nnsweep.results.deviation import Difference, differences, other_lines, row_keys
from nnsweep.results.formats import written
from nnsweep.results.frame import frame
from nnsweep.results.grid import Grid, grid
from nnsweep.results.histories import long_form
from nnsweep.results.manifest import Listed, Manifest
from nnsweep.tracking import reading
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, existing, resolved_uri

ROW = ("run_id",)
VALUE = ("run_id", "metric", "epoch")


class Verified(NamedTuple):
    """What came of it.

    Attributes
    ----------
    differences : list of Difference
        None of them if the table is what the store says.
    n_cells, n_runs : int
        How much was compared.
    changed : bool
        Whether the file is another than was exported.
    """

    differences: list[Difference]
    n_cells: int
    n_runs: int
    changed: bool


def verify(table: Path, uri: str | None = None) -> Verified:
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
    manifest = manifests.read(table)
    asked = Asked.of_plain(manifest.asked)
    content = _content(table)
    found = _grid(table, content, manifest.format)
    store = existing(_address(manifest, uri), manifest.experiment)
    now = answer(store, asked)
    kept = _still_there(store, manifest.runs)
    again = written(_table(store, asked, kept, manifest), manifest.format, now.caption)
    wanted = grid(again, manifest.format)
    told = [*_of_runs(manifest.runs, kept, now), *_of_cells(table, found, wanted, manifest, kept)]
    if not told and manifest.format != "parquet":  # the bytes of Parquet depend on who wrote it
        told = [*other_lines(content, again)]
    return Verified(told, sum(map(len, found.rows)), len(kept), manifests.digest(content) != manifest.sha256)


def _content(table: Path) -> bytes:
    try:
        return table.read_bytes()
    except OSError as error:
        raise DataError(f"{visible(str(table))} cannot be read ({error.strerror}); export it again") from error


def _grid(table: Path, content: bytes, format: str) -> Grid:
    try:
        return grid(content, format)
    except DataError as error:
        raise DataError(f"{visible(str(table))}: {visible(str(error))}; export the table again") from error


def _address(manifest: Manifest, uri: str | None) -> str:
    if uri is None and HIDDEN in manifest.store:
        uri = os.environ.get("MLFLOW_TRACKING_URI", "")
        if masked(uri) != manifest.store:
            raise ConfigError(f"the manifest names {manifest.store} without its password; name it with --uri")
    return resolved_uri(uri or manifest.store, Path.cwd())


def _still_there(store: Store, runs: list[Listed]) -> list[RunRecord]:
    """Read those runs of a table that the store still has, in the order of the table."""
    ids = [run.run_id for run in runs if run.run_id.isalnum()]  # a quote would end the text of MLflow's filter
    read = {run.info.run_id: reading.record_of(run) for run in reading.sound(reading.with_ids(store, ids))}
    return [read[run_id] for run_id in ids if run_id in read]


def _table(store: Store, asked: Asked, kept: list[RunRecord], manifest: Manifest) -> pd.DataFrame:
    if asked.histories:
        return long_form(reading.histories(store, kept), kept)
    return frame(kept).reindex(columns=manifest.columns)


def _of_runs(listed: list[Listed], kept: list[RunRecord], now: Answer) -> Iterator[Difference]:
    there, chosen, exported = (
        {record.run_id for record in kept},
        {record.run_id for record in now.records},
        {run.run_id for run in listed},
    )
    for run in listed:
        if run.run_id not in there:
            yield Difference(_named(run.name, run.run_id), "the store has this run no longer")
        elif run.run_id not in chosen:
            yield Difference(_named(run.name, run.run_id), "the table would not have this run any more")
    for record in now.records:
        if record.run_id not in exported:
            yield Difference(_named(record.name, record.run_id), "this run is new, the table would have it")


def _of_cells(
    table: Path, found: Grid, wanted: Grid, manifest: Manifest, kept: list[RunRecord]
) -> Iterator[Difference]:
    identity = VALUE if manifest.asked["histories"] else ROW
    names = {run.run_id: run.name for run in manifest.runs}
    gone = names.keys() - {record.run_id for record in kept}  # that is told once a run
    try:
        found_keys = row_keys(found, identity, [run.run_id for run in manifest.runs])
    except DataError as error:
        raise DataError(f"{visible(str(table))}: {error}") from error
    left = [number for number, key in enumerate(found_keys) if key.partition("/")[0] not in gone]

    def named(key: str) -> str:
        run_id, *rest = key.split("/")
        return _named(names.get(run_id, "unknown run"), run_id) + "".join(f", {part}" for part in rest)

    yield from differences(
        Grid(found.columns, [found.rows[number] for number in left]),
        wanted,
        found_keys=[found_keys[number] for number in left],
        wanted_keys=row_keys(wanted, identity, [record.run_id for record in kept]),
        named=named,
    )


def _named(name: str, run_id: str) -> str:
    return f"{name} ({run_id})"
