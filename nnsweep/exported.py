"""An export: what is asked of the runs of an experiment, and the table that answers.

The same question asked again gives the same table as long as the store has the same runs; the manifest beside an
exported table keeps the question.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from nnsweep.errors import DataError
from nnsweep.masking import masked
from nnsweep.results import manifest as manifests
from nnsweep.results.formats import format_of, written
from nnsweep.results.frame import frame, varying
from nnsweep.results.histories import long_form
from nnsweep.results.manifest import Manifest
from nnsweep.results.query import narrowed
from nnsweep.results.ranking import ranked, selection
from nnsweep.tracking import reading
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.sqlite import file_of
from nnsweep.tracking.store import Store


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked for; see `nnsweep.results.query.narrowed`.

    Attributes
    ----------
    filter : str
        Which runs.
    columns, sort : tuple of str
        Which columns, and by which to sort.
    sweep : str or None
        Only the runs of this sweep.
    histories : bool
        Whether the curves of the chosen runs are wanted instead of their results.
    """

    filter: str = ""
    columns: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    sweep: str | None = None
    histories: bool = False

    @classmethod
    def of_plain(cls, values: Mapping[str, Any]) -> "Asked":
        """Make it of what a manifest keeps of it.

        Raises
        ------
        DataError
            If these are other values.
        """
        try:
            lists = {name: tuple(map(str, values[name])) for name in ("columns", "sort")}
            return cls(**{**values, **lists})
        except (TypeError, KeyError) as error:
            raise DataError(f"the manifest's question is damaged ({error}); export the table again") from error


class Answer(NamedTuple):
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


def answer(store: Store, asked: Asked) -> Answer:
    """Ask a store.

    Raises
    ------
    ConfigError
        If the filter is no rule or a column is unknown.
    StoreError
        If the store refuses.
    """
    records = reading.job_runs(store, asked.sweep)
    runs = ranked(frame(records))
    chosen = narrowed(runs, filter=asked.filter, columns=asked.columns, sort=asked.sort)
    if asked.histories:
        kept = set(narrowed(runs, filter=asked.filter)["run_id"])
        wanted = [record for record in records if record.run_id in kept]
        return Answer(long_form(reading.histories(store, wanted), wanted), wanted, "")
    by_id = {record.run_id: record for record in records}
    order = narrowed(runs, filter=asked.filter, columns=["run_id"], sort=asked.sort)["run_id"]
    table = chosen if asked.columns else varying(chosen)
    return Answer(table, [by_id[run_id] for run_id in order], selection(runs))


def export(store: Store, asked: Asked, path: Path, format: str | None = None) -> None:
    """Write the table that answers into a file, with its manifest beside it: both, or neither.

    Parameters
    ----------
    store, asked : Store, Asked
        Who is asked for what.
    path : Path
        The table's.
    format : str or None
        One of `nnsweep.results.formats.FORMATS`; by default told by the file's suffix.

    Raises
    ------
    ConfigError
        If there is no such format, column or rule, or a file cannot be written.
    StoreError
        If the store refuses.
    """
    format = format or format_of(path)
    table, records, caption = answer(store, asked)
    content = written(table, format, caption)
    manifest = Manifest(
        experiment=store.experiment,
        store=address(store.uri),
        asked=asdict(asked),
        runs=manifests.listed(records),
        columns=[str(name) for name in table.columns],
        n_rows=len(table),
        format=format,
        sha256=manifests.digest(content),
        exported=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    manifests.write(path, content, manifest)


def address(uri: str) -> str:
    """Give a store's address as a manifest may show it: masked, and from the working folder where it is below that."""
    file = file_of(uri)
    if file is not None and file.is_relative_to(Path.cwd()):
        return f"sqlite:///{file.relative_to(Path.cwd())}"
    return masked(uri)
