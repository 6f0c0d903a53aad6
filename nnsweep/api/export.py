"""A question to the runs of an experiment, and the table that answers it, in a file.

The same question asked again gives the same table as long as the store has the same runs; the manifest beside an
exported table keeps the question.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd
from pydantic import ConfigDict, TypeAdapter, ValidationError

from nnsweep.errors import DataError
from nnsweep.jobs.job import WHEREABOUTS
from nnsweep.results.factors import drop_constant
from nnsweep.results.frame import frame, long_form, narrow_runs
from nnsweep.results.selection import rank_runs, selection
from nnsweep.results.tables import manifest as manifests
from nnsweep.results.tables.formats import format_of, to_bytes
from nnsweep.results.tables.manifest import Manifest
from nnsweep.text import mask_secrets, quote_argument
from nnsweep.tracking import query, recorded_run
from nnsweep.tracking.artifacts import require_unaltered
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.sqlite import find_database_file
from nnsweep.tracking.store import Store


@dataclass(frozen=True, kw_only=True)
class RunsRequest:
    """Which runs a table is made of; a manifest keeps it.

    Attributes
    ----------
    filter : str
        Which runs; see `nnsweep.results.frame.narrow_runs`.
    sweep : str or None
        Only the runs of this sweep.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")  # a manifest's question has no other names

    filter: str = ""
    sweep: str | None = None

    def question(self) -> str:
        """Write the options that choose runs, as they are typed; empty if all are asked for."""
        options = (("--sweep", self.sweep), ("--filter", self.filter))
        return " ".join(f"{name} {quote_argument(text)}" for name, text in options if text)

    @classmethod
    def of_plain(cls, values: Mapping[str, Any]) -> Self:
        """Make it of what a manifest keeps of it.

        Raises
        ------
        DataError
            If these are other values.
        """
        try:
            return TypeAdapter(cls).validate_python(dict(values))
        except ValidationError as error:
            problem = manifests.explain_validation(error)
            raise DataError(f"the manifest's question is damaged ({problem}); export the table again") from error


@dataclass(frozen=True, kw_only=True)
class ExportRequest(RunsRequest):
    """What is asked for, of which runs; see `nnsweep.results.frame.narrow_runs`.

    Attributes
    ----------
    columns, sort : tuple of str
        Which columns, and by which to sort.
    histories : bool
        Whether the curves of the chosen runs are wanted instead of their results.
    """

    columns: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    histories: bool = False


class ResultTable(NamedTuple):
    """The table that answers.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a run, or a value a row.
    records : list of RunRecord
        The runs, in the order of the table.
    caption : str
        How their epochs were selected.
    """

    table: pd.DataFrame
    records: list[RunRecord]
    caption: str


def answer_question(store: Store, request: ExportRequest) -> ResultTable:
    """Ask a store.

    Raises
    ------
    ConfigError
        If the filter is no rule or a column is unknown.
    StoreError
        If the store refuses.
    """
    chosen = choose_runs(query.find_job_runs(store, request.sweep), request)
    if request.histories:
        return chosen._replace(table=long_form(recorded_run.read_histories(store, chosen.records), chosen.records))
    return chosen


def choose_runs(records: Sequence[RunRecord], request: ExportRequest) -> ResultTable:
    """Answer from records alone; of curves, which are in none, there is only an empty table.

    Raises
    ------
    ConfigError
        If the filter is no rule or a column is unknown.
    """
    runs = rank_runs(frame(records))
    chosen = narrow_runs(runs, filter=request.filter, columns=request.columns, sort=request.sort)
    if request.histories:
        kept = set(narrow_runs(runs, filter=request.filter)["run_id"])
        return ResultTable(pd.DataFrame(), [record for record in records if record.run_id in kept], "")
    by_id = {record.run_id: record for record in records}
    order = narrow_runs(runs, filter=request.filter, columns=["run_id"], sort=request.sort)["run_id"]
    table = chosen if request.columns else drop_constant(chosen)
    return ResultTable(table, [by_id[run_id] for run_id in order], selection(runs))


def export_table(store: Store, request: ExportRequest, path: Path, format: str | None = None) -> tuple[int, int]:
    """Write the table that answers into a file, with its manifest beside it: both, or neither.

    Parameters
    ----------
    store, request : Store, ExportRequest
        Who is asked for what.
    path : Path
        The table's.
    format : str or None
        One of `nnsweep.results.tables.formats.FORMATS`; by default told by the file's suffix.

    Returns
    -------
    tuple of int
        How many rows and columns the table has.

    Raises
    ------
    ConfigError
        If there is no such format, column or rule, or a file cannot be written.
    DifferenceError
        If the store says something otherwise than when a run was recorded.
    StoreError
        If the store refuses.
    """
    format = format or format_of(path)
    table, records, caption = answer_question(store, request)
    require_unaltered(records)
    write_with_manifest(
        store,
        path,
        to_bytes(table, format, caption),
        asked=asdict(request),
        records=records,
        columns=[str(name) for name in table.columns],
        n_rows=len(table),
        format=format,
    )
    return table.shape


def write_with_manifest(
    store: Store,
    path: Path,
    content: bytes,
    *,
    asked: dict[str, Any],
    records: Sequence[RunRecord],
    columns: list[str],
    n_rows: int,
    format: str,
) -> None:
    """Write a table's bytes and a manifest of the runs that it was made of; see `Manifest` for what it says."""
    configurations = recorded_run.read_configurations(store, records)
    trainings = {run_id: (version, _hide_folders(settings)) for run_id, (version, settings) in configurations.items()}
    runs, shared = manifests.list_runs(records, trainings)
    manifest = Manifest(
        experiment=store.experiment,
        store=write_address(store.uri),
        asked=asked,
        runs=runs,
        shared=shared,
        columns=columns,
        n_rows=n_rows,
        format=format,
        sha256=manifests.hash_content(content),
        exported=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    manifests.write_manifest(path, content, manifest)


def _hide_folders(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Take the folders of this machine out of a configuration: a table that is published shall not tell them.

    A file is named from the working folder, or by its name alone where it is not below that.
    """
    data = configuration.get("data")
    if not isinstance(data, dict):
        return dict(configuration)
    here, hidden = Path.cwd(), {name: value for name, value in data.items() if name != "home"}
    for name in WHEREABOUTS & hidden.keys():
        path = hidden[name]
        if isinstance(path, str) and "://" not in path:
            hidden[name] = str(Path(path).relative_to(here) if Path(path).is_relative_to(here) else Path(path).name)
    return {**configuration, "data": hidden}


def write_address(uri: str) -> str:
    """Give a store's address as a manifest may show it: masked, and from the working folder where it is below that."""
    file = find_database_file(uri)
    if file is not None and file.is_relative_to(Path.cwd()):
        return f"sqlite:///{file.relative_to(Path.cwd())}"
    return mask_secrets(uri)
