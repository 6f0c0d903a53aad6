"""The table of an article, made from a store and written with a manifest beside it.

The manifest keeps the question, so that the same table can be made again and compared.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from nnsweep.api.export import RunsRequest, write_with_manifest
from nnsweep.api.load import pick_records, read_records
from nnsweep.errors import ConfigError
from nnsweep.results.frame import frame, narrow_runs
from nnsweep.results.report.paper import PaperTable, make_paper_table, make_plain_frame
from nnsweep.results.report.paper_latex import write_paper_latex
from nnsweep.results.report.study import Study
from nnsweep.results.selection import rank_runs
from nnsweep.results.statistics.data_sets import name_data_sets
from nnsweep.results.tables.formats import format_of, to_bytes
from nnsweep.tracking.artifacts import require_unaltered
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

FORMATS = ("latex", "markdown", "csv", "html")
"""The formats of `nnsweep.results.tables.formats` that it can be written in."""


@dataclass(frozen=True, kw_only=True)
class PaperRequest(RunsRequest):
    """What a table for an article is asked for, of which runs.

    Attributes
    ----------
    to : str
        What tells this question from others in a manifest.
    metric, by, confidence, failures, rope
        What is asked of the runs: as `nnsweep.results.report.study.Study` has them.
    two_columns : bool
        Whether it has to fit into a column of an article that has two.
    """

    to: Literal["paper"] = "paper"
    metric: str = ""
    by: tuple[str, ...] = ()
    confidence: float = 0.95
    failures: str = "chance"
    rope: float | None = None
    two_columns: bool = False


class PaperAnswer(NamedTuple):
    """The table that answers.

    Attributes
    ----------
    content : bytes
        The file.
    columns : list of str
        The headings of its columns.
    n_rows : int
        How many rows it has.
    records : list of RunRecord
        The runs that it was made of.
    metric : str
        The metric that it shows.
    """

    content: bytes
    columns: list[str]
    n_rows: int
    records: list[RunRecord]
    metric: str


def answer_for_paper(store: Store, request: PaperRequest, format: str) -> PaperAnswer:
    """Make the table from what a store has; of several data sets, a table for each.

    Raises
    ------
    ConfigError
        If no run has a result, the filter is no rule, a column is unknown, or the format is none of
        `FORMATS`.
    StoreError
        If the store refuses.
    """
    if format not in FORMATS:
        raise ConfigError(f"a table for an article cannot be written as {format}; use one of {', '.join(FORMATS)}")
    records = read_records(store, request.sweep)
    runs = narrow_runs(rank_runs(frame(records)), filter=request.filter)
    options: dict[str, Any] = {name: getattr(request, name) for name in ("metric", "confidence", "failures", "rope")}
    study = Study(runs=runs, by=request.by or None, **options)
    if study.has_several_data_sets:
        names, of_each = name_data_sets(study.runs), options | {"metric": study.metric}
        tables = {
            name: make_paper_table(
                Study(runs=runs[[one == name for one in names]], by=request.by or None, **of_each),
                f"{store.experiment} {name}",
            )
            for name in sorted({*names})
        }
        plain = pd.concat([make_plain_frame(table).assign(Data=name) for name, table in tables.items()])
        plain = plain[["Data", *plain.columns.drop("Data")]]
    else:
        tables = {"": make_paper_table(study, store.experiment)}
        plain = make_plain_frame(tables[""])
    return PaperAnswer(
        content=_write_content([*tables.values()], plain, format, two_columns=request.two_columns),
        columns=list(map(str, plain.columns)),
        n_rows=len(plain),
        records=pick_records(records, runs),
        metric=study.metric,
    )


def _write_content(tables: Sequence[PaperTable], plain: pd.DataFrame, format: str, *, two_columns: bool) -> bytes:
    """Write an environment for each table as LaTeX, or all of them as one table in another format."""
    if format == "latex":
        return "\n".join(write_paper_latex(table, two_columns=two_columns) for table in tables).encode()
    return to_bytes(plain.reset_index(drop=True), format, " ".join(table.caption for table in tables))


def export_for_paper(store: Store, request: PaperRequest, path: Path, format: str | None = None) -> None:
    """Write the table into a file, with its manifest beside it: both, or neither.

    Parameters
    ----------
    store, request : Store, PaperRequest
        Who is asked for what.
    path : Path
        The table's.
    format : str or None
        One of `FORMATS`; by default told by the file's suffix.

    Raises
    ------
    ConfigError
        If there is no such table (`answer_for_paper`), or a file cannot be written.
    DifferenceError
        If the store says something otherwise than when a run was recorded.
    StoreError
        If the store refuses.
    """
    format = format or format_of(path)
    answer = answer_for_paper(store, request, format)
    require_unaltered(answer.records)
    write_with_manifest(
        store,
        path,
        answer.content,
        asked=asdict(request) | {"metric": answer.metric},
        records=answer.records,
        columns=answer.columns,
        n_rows=answer.n_rows,
        format=format,
    )
