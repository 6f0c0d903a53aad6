"""The end of a sweep: its table in the terminal, and its summary run in the store.

The summary run holds the table, pictures and what failed; it has no metric that a job's run
has, so that it never stands among the jobs in a chart.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.text import Text

from nnsweep.errors import ConfigError, StoreError
from nnsweep.files import whole_file
from nnsweep.masking import masked
from nnsweep.messages import visible
from nnsweep.results.formats import write
from nnsweep.results.frame import frame, varying
from nnsweep.results.ranking import ranked, selection
from nnsweep.results.terminal import table
from nnsweep.sweep import sending
from nnsweep.sweep.settle import closed
from nnsweep.tracking import run as runs
from nnsweep.tracking import sqlite
from nnsweep.tracking.client import ask_again
from nnsweep.tracking.links import chart_link, compare_link
from nnsweep.tracking.reading import PLAN, histories
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store, resolved_uri

COMPARED = 10
LINKED = 100
"""How many runs the address of a chart names one by one."""
DYING_SECONDS = 3.0
DRAWN = ("learning_curves", "grid", "seeds", "cost", "parallel")
"""The pictures that are quickly drawn; `nnsweep plot` draws all."""


@dataclass(frozen=True, kw_only=True)
class End:
    """A sweep that has come to its end.

    Attributes
    ----------
    records : sequence of RunRecord
        One for each distinct job.
    store : Store
        Where the runs are.
    folder : Path
        The sweep's folder; its name is the sweep's id.
    run_id : str
        The sweep's own run.
    patience : float
        Seconds to wait for a store that is away.
    told_away : bool
        Whether the user has been told that it is.
    picture : bool
        Whether pictures are drawn.
    interrupted : bool
        Whether jobs may still be about to end.
    """

    records: Sequence[RunRecord]
    store: Store
    folder: Path
    run_id: str
    patience: float = 0.0
    told_away: bool = False
    picture: bool = True
    interrupted: bool = False


def show(records: Sequence[RunRecord], store: Store, sweep: str) -> None:
    """Print the table, and where to look further.

    Parameters
    ----------
    records : sequence of RunRecord
        One for each job.
    store : Store
        Where the runs are.
    sweep : str
        The sweep's id.
    """
    console = Console(highlight=False)
    console.print(table(_marked(records, sweep), width=console.width))
    where = where_in_words(store)
    ui = store.uri if store.uri.startswith("http") else f"nnsweep ui{where}"
    best = _best_ids(records)
    reused = best[:LINKED] if any(record.sweep != sweep for record in records) else ()
    lines = [
        "",
        _counted(records),
        "",
        f"Browse the curves:  {masked(ui)}",
        f"  charts   {masked(chart_link(store, sweep, reused))}",
        f"  compare  {masked(compare_link(store, best[:COMPARED]))}",
        f"Say what won:       nnsweep report {store.experiment} --sweep {sweep} --output report.html{where}",
        f"Export the table:   nnsweep export {store.experiment} --sweep {sweep} --output table.csv{where}",
    ]
    console.print(Text("\n".join(map(visible, lines))), soft_wrap=True)


def where_in_words(store: Store) -> str:
    """Give the option that names a store to a command, if it is not the one that is meant without it."""
    return "" if store.uri == resolved_uri(None, Path.cwd()) else f" --uri {masked(store.uri)}"


def _marked(records: Sequence[RunRecord], sweep: str) -> pd.DataFrame:
    """Lay records side by side; those that earlier sweeps have run are marked, if there are any."""
    runs = frame(records)
    if any(record.run_id and record.sweep != sweep for record in records):
        runs["reused"] = ["yes" if record.run_id and record.sweep != sweep else "" for record in records]
    return runs


def record(end: End) -> str:
    """Send what waits, close what died, and leave the summary in the store and the sweep's folder.

    Returns
    -------
    str
        What the user must know: which records could not be sent. Empty if all were.
    """
    records = end.records
    state = "finished" if _n_finished(records) == len(records) else "interrupted" if end.interrupted else "failed"
    files, unwritten = _files(end, state)  # `nnsweep sync` sends them if it cannot be done here
    until = time.monotonic() + end.patience
    while True:
        if problem := _gone(end) or _sent(end):
            return problem
        try:
            _finish(end, state, files)
        except StoreError as error:
            if time.monotonic() >= until:
                return _waits(end, 0, error)
            time.sleep(1.0)
            ask_again(end.store.uri)
        else:
            return unwritten


def _finish(end: End, state: str, files: Sequence[Path]) -> None:
    """Close the runs of jobs that died, and the sweep's own."""
    records, store = end.records, end.store
    _closed(end)
    own = RunRecord(run_id=end.run_id, name=f"sweep {end.folder.name}", state=state)
    tags = {
        "nnsweep.n_jobs": str(len(records)),
        "nnsweep.n_finished": str(_n_finished(records)),
        "mlflow.note.content": masked(_described(records)),
    }
    pictures = _pictures(records, store, end.folder) if end.picture else []
    runs.log_files(store, end.run_id, [*files, *pictures])
    runs.end(store, own, tags=tags)
    if database := sqlite.file_of(store.uri):
        sqlite.optimize(database)


def _files(end: End, state: str) -> tuple[list[Path], str]:
    """Write the tables and the plan; give them, or what is in the way."""
    try:
        return [*_tables(end.records, end.folder), _plan(end, state)], ""
    except ConfigError as error:
        return [], str(error)


def _gone(end: End) -> str:
    """Tell of a store that was deleted meanwhile: SQLite writes on into the file that nobody can find any more."""
    database = sqlite.file_of(end.store.uri)
    if database is None or database.exists():
        return ""
    return _waits(end, len(end.records), StoreError(f"the store {database} has been deleted"))


def _sent(end: End) -> str:
    """Send the records of the sweep that wait in their folders; wait for a store that is away."""
    until = time.monotonic() + end.patience
    waited = False
    while waiting := sending.unsent_of(end.folder):
        ask_again(end.store.uri)
        try:
            sent, damaged = sending.sent_now(end.store, waiting)
        except StoreError as error:
            if time.monotonic() >= until:
                return _waits(end, len(waiting), error)
            if not waited:
                away = f"{'still ' if end.told_away else ''}away; waiting up to {end.patience:g} s for it"
                print(f"nnsweep: the store is {away}", file=sys.stderr, flush=True)
            waited = True
            time.sleep(min(1.0, end.patience))
            continue
        if waited or end.told_away:
            print(f"nnsweep: the store is back; {len(sent)} records were sent", file=sys.stderr, flush=True)
        return "; ".join(damaged)
    return ""


def _waits(end: End, n_waiting: int, error: StoreError) -> str:
    sync = f"nnsweep sync {_shown(end.folder)}{where_in_words(end.store)}"
    what = f"{n_waiting} of {len(end.records)} results wait" if n_waiting else "The summary waits"
    return f"{error}. {what} in {_shown(end.folder)}; when it is back: {sync}"


def _shown(folder: Path) -> Path:
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def _closed(end: End) -> None:
    """Close the runs of jobs that died; those of an interrupted sweep may take a moment to die."""
    ends = {job.job: job for job in end.records if job.state != "finished" and job.sweep == end.folder.name}
    until = time.monotonic() + (DYING_SECONDS if end.interrupted else 0.0)
    while closed(end.store, end.folder.name, ends) and time.monotonic() < until:
        time.sleep(0.2)


def _plan(end: End, state: str) -> Path:
    """Write which jobs there are, and which results are those of earlier sweeps."""
    records, folder = end.records, end.folder
    reused = [job.run_id for job in records if job.run_id and job.sweep != folder.name]
    jobs = [{"number": job.job, "name": job.name, "key": job.key, "run_id": job.run_id} for job in records]
    experiment = end.store.experiment
    plan = {"sweep": folder.name, "experiment": experiment, "state": state, "reused": reused, "jobs": jobs}
    path = folder / PLAN
    with whole_file(path) as file:
        file.write(json.dumps(plan, indent=1).encode())
    return path


def _tables(records: Sequence[RunRecord], folder: Path) -> list[Path]:
    everything = frame(records)
    shown = varying(ranked(everything))
    paths = [folder / f"table.{suffix}" for suffix in ("csv", "md", "html")]
    for path in paths:
        write(shown, path, caption=selection(everything))
    return paths


def _pictures(records: Sequence[RunRecord], store: Store, folder: Path) -> list[Path]:
    """Draw the curves of the best jobs, and what the table alone is enough for."""
    from nnsweep.results.plots.curves import learning_curves  # matplotlib takes a while to import
    from nnsweep.results.plots.pictures import MOST_CURVES, by_name, pictures, save_all

    wanted = set(_best_ids(records)[:MOST_CURVES])
    curves = histories(store, [record for record in records if record.run_id in wanted])
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


def _described(records: Sequence[RunRecord]) -> str:
    lines = [_counted(records), "", selection(frame(records)), ""]
    lines += [f"- {job.name}: {job.state}, {job.reason}" for job in records if job.state != "finished"]
    return "\n".join(lines)[:8000]


def _n_finished(records: Sequence[RunRecord]) -> int:
    return sum(job.state == "finished" for job in records)


def _best_ids(records: Sequence[RunRecord]) -> list[str]:
    ids: list[str] = ranked(frame([job for job in records if job.run_id]))["run_id"].tolist()
    return ids
