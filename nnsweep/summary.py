"""The summary of a sweep: its table in the terminal, and what its own run in the store holds.

That is the table, pictures and what failed; it has no metric that a job's run has, so that it never stands among the
jobs in a chart.
"""

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.text import Text

from nnsweep.errors import ConfigError
from nnsweep.masking import masked, without_credentials
from nnsweep.messages import quote_argument, visible, warn
from nnsweep.results.frame import drop_constant, frame, ranking_frame
from nnsweep.results.ranking import rank_runs, selection
from nnsweep.results.tables.formats import write_table
from nnsweep.results.tables.terminal import make_terminal_table
from nnsweep.tracking.artifacts import gather_artifacts
from nnsweep.tracking.query import read_history
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.sqlite import find_database_file
from nnsweep.tracking.store import Store, resolve_uri
from nnsweep.tracking.ui import make_chart_link, make_compare_link

COMPARED = 10
LINKED = 100
"""How many runs the address of a chart names one by one."""
DRAWN = ("learning_curves", "grid", "seeds", "cost", "parallel")
"""The pictures that are quickly drawn; `nnsweep plot` draws all."""
SHORT = 12
"""Characters of a run's id that tell it from all others."""


def show(records: Sequence[RunRecord], sweep: str) -> None:
    """Print the table, and what became of the jobs.

    Parameters
    ----------
    records : sequence of RunRecord
        One for each job.
    sweep : str
        The sweep's id.
    """
    console = Console(highlight=False)
    console.print(make_terminal_table(_marked(records, sweep), width=console.width))
    console.print(f"\n{_counted(records)}")


def show_places(records: Sequence[RunRecord], store: Store, sweep: str, *, has_view: bool) -> None:
    """Print where to look further.

    Parameters
    ----------
    records : sequence of RunRecord
        One for each job.
    store : Store
        Where the runs are.
    sweep : str
        The sweep's id.
    has_view : bool
        Whether the sweep has a view of its own in MLflow's UI.
    """
    database = find_database_file(store.uri)
    if database is not None and not database.exists():  # deleted meanwhile: there is nowhere to look further
        return
    where = where_in_words(store)
    ui = without_credentials(store.uri) if store.uri.startswith("http") else f"nnsweep ui{where}"
    best = _best_ids(records)
    charts = make_chart_link(store, sweep, linked_ids(records, sweep), has_view=has_view)
    which = f"{quote_argument(store.experiment)} --sweep {quote_argument(sweep)}"
    lines = [
        "",
        f"Browse the curves:  {masked(ui)}",
        f"  charts   {masked(charts)}",
        f"  compare  {masked(make_compare_link(store, best[:COMPARED]))}",
        f"Say what won:       nnsweep report {which} --output report.html{where}",
        f"Export the table:   nnsweep export {which} --output table.csv{where}",
    ]
    if any(record.run_id == best[0] and record.state == "finished" for record in records if best):
        lines.append(f"Use the best:       nnsweep predict {best[0][:SHORT]} DATA --output predictions.csv{where}")
    Console(highlight=False).print(Text("\n".join(map(visible, lines))), soft_wrap=True)


def linked_ids(records: Sequence[RunRecord], sweep: str) -> list[str]:
    """Name the runs of a chart, the best first, if earlier sweeps have run any; else they are those of the sweep."""
    return _best_ids(records)[:LINKED] if any(record.sweep != sweep for record in records) else []


def where_in_words(store: Store) -> str:
    """Give the option that names a store to a command, if it is not the one that is meant without it."""
    named = without_credentials(store.uri) if store.uri.startswith("http") else store.uri
    with contextlib.suppress(FileNotFoundError):  # there may be no working folder any more
        return "" if store.uri == resolve_uri(None, Path.cwd()) else f" --uri {quote_argument(masked(named))}"
    return f" --uri {quote_argument(masked(named))}"


def _marked(records: Sequence[RunRecord], sweep: str) -> pd.DataFrame:
    """Lay records side by side; those that earlier sweeps have run are marked, if there are any."""
    runs = frame(records)
    if any(record.run_id and record.sweep != sweep for record in records):
        runs["reused"] = ["yes" if record.run_id and record.sweep != sweep else "" for record in records]
    return runs


def tables(records: Sequence[RunRecord], folder: Path) -> list[Path]:
    """Write the table into the sweep's folder, in three formats.

    Raises
    ------
    ConfigError
        If they cannot be written there.
    """
    everything = frame(records)
    shown = drop_constant(rank_runs(everything))
    paths = [folder / f"table.{suffix}" for suffix in ("csv", "md", "html")]
    for path in paths:
        write_table(shown, path, caption=selection(everything))
    return paths


def pictures_of(records: Sequence[RunRecord], store: Store, folder: Path) -> list[Path]:
    """Draw the curves of the best jobs, and what the table alone is enough for."""
    from nnsweep.results.plots.curves import learning_curves  # matplotlib takes a while to import
    from nnsweep.results.plots.pictures import MOST_CURVES, by_name, pictures, save_all

    wanted = set(_best_ids(records)[:MOST_CURVES])
    in_order = [record.run_id for record in records if record.run_id in wanted]
    curves, missing = gather_artifacts(in_order, functools.partial(read_history, store))
    for error in missing:
        warn(f"{error}. They are not in the picture of the curves")
    runs, title = frame(records), f"sweep {folder.name}"
    try:
        drawn = pictures(runs, curves, title=title, only=DRAWN)
    except ConfigError:  # two jobs cannot be told apart: there is nothing to gather, but curves there are
        drawn = {"learning_curves": learning_curves(by_name(runs, curves), title=title)}
    return save_all(drawn, folder)


def _counted(records: Sequence[RunRecord]) -> str:
    counts = {
        state: sum(job.state == state for job in records) for state in dict.fromkeys(job.state for job in records)
    }
    jobs = "1 job" if len(records) == 1 else f"{len(records)} jobs"
    return f"{jobs}: " + ", ".join(f"{count} {state}" for state, count in counts.items())


def described(records: Sequence[RunRecord]) -> str:
    """Say in Markdown what became of the jobs, and why some did not finish."""
    lines = [_counted(records), "", selection(ranking_frame(records)), ""]
    lines += [f"- {job.name}: {job.state}, {job.reason}" for job in records if job.state != "finished"]
    return "\n".join(lines)[:8000]


def n_finished(records: Sequence[RunRecord]) -> int:
    """Count the jobs that finished."""
    return sum(job.state == "finished" for job in records)


def _best_ids(records: Sequence[RunRecord]) -> list[str]:
    ids: list[str] = rank_runs(ranking_frame([job for job in records if job.run_id]))["run_id"].tolist()
    return ids
