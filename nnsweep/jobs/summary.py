"""The summary of a sweep: its table in the terminal, and what its folder and its own run in the store hold at the end.

The run holds the table, the pictures and the failures. It has none of the metrics of jobs, so that it never appears
among them in a chart.
"""

import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
from rich.console import Console
from rich.text import Text

from nnsweep.errors import ConfigError, FullDiskError, StoreError, UserError
from nnsweep.files import whole_file
from nnsweep.jobs import upload
from nnsweep.jobs.job import Models
from nnsweep.jobs.job_folder import RECORD
from nnsweep.jobs.plan import close_lost_runs
from nnsweep.model.predictor import Model
from nnsweep.results.baselines import describe_baseline
from nnsweep.results.factors import drop_constant
from nnsweep.results.frame import frame
from nnsweep.results.selection import choose_metric, rank_runs, selection
from nnsweep.results.tables.formats import write_table
from nnsweep.results.tables.terminal import make_terminal_table
from nnsweep.results.ui_view import make_view
from nnsweep.text import mask_secrets, printable, quote_argument, strip_credentials, warn
from nnsweep.tracking import models, owner, runs, sqlite, ui
from nnsweep.tracking.answers import ask_again
from nnsweep.tracking.artifacts import gather_artifacts
from nnsweep.tracking.owner import Owner
from nnsweep.tracking.query import PLAN
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.recorded_run import read_history
from nnsweep.tracking.sqlite import find_database_file
from nnsweep.tracking.store import Store, resolve_uri
from nnsweep.tracking.ui import make_chart_link, make_compare_link, make_search_filter

if TYPE_CHECKING:
    from nnsweep.jobs.model_card import Peers

COMPARED = 3
LINKED = 100
"""The most runs that the link to a chart names one by one."""
DRAWN = ("learning_curves", "grid", "seeds", "cost", "parallel")
"""The pictures that are drawn quickly; `nnsweep plot` draws all."""
FEW = 4
"""Runs whose results the table shows as well as a picture would: of so few, only the curves are drawn."""
SHORT = 12
"""Characters of a run's id that identify it."""


@dataclass(frozen=True, kw_only=True)
class SweepEnd:
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
        Whether the user has interrupted.
    models : {"best", "all", "none"}
        Which runs get a model that MLflow can load and serve.
    owner : Owner or None
        The sweep's process.
    """

    records: Sequence[RunRecord]
    store: Store
    folder: Path
    run_id: str
    patience: float = 0.0
    told_away: bool = False
    picture: bool = True
    interrupted: bool = False
    models: Models = "none"
    owner: Owner | None = None

    # each is made once: the table, the files, the note, the page and the pictures share them
    @cached_property
    def runs(self) -> pd.DataFrame:
        """The frame of its records, in the order of the grid."""
        return frame(self.records)

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """The frame with the best run first."""
        return rank_runs(self.runs)

    @cached_property
    def best(self) -> list[str]:
        """The ids of the runs, the best first."""
        return [run_id for run_id in self.ranked["run_id"].tolist() if run_id]

    @cached_property
    def peers(self) -> "Peers":
        """Its runs as each is seen among the others."""
        from nnsweep.jobs.model_card import Peers

        return Peers.of(self.records)


def print_table(end: SweepEnd) -> None:
    """Print the table, in which the runs of earlier sweeps are marked, and how many jobs ended in which state."""
    reused = [bool(record.run_id) and record.sweep != end.folder.name for record in end.records]
    table = end.runs.assign(reused=["yes" if one else "" for one in reused]) if any(reused) else end.runs
    console = Console(highlight=False)
    console.print(make_terminal_table(table, width=console.width))
    console.print(f"\n{_count_states(end.records)}")


def print_places(end: SweepEnd, *, has_view: bool) -> None:
    """Print where to look further.

    Parameters
    ----------
    end : SweepEnd
        The sweep.
    has_view : bool
        Whether it has a view of its own in MLflow's UI.
    """
    store, best, sweep = end.store, end.best, end.folder.name
    database = find_database_file(store.uri)
    if database is not None and not database.exists():  # deleted meanwhile: there is nowhere to look further
        return
    where = make_uri_option(store)
    ui = strip_credentials(store.uri) if store.uri.startswith("http") else f"nnsweep ui{where}"
    charts = make_chart_link(store, sweep, _choose_linked_runs(end), has_view=has_view)
    which = f"{quote_argument(store.experiment)} --sweep {quote_argument(sweep)}"
    picture = end.folder / "learning_curves.png"
    lines = [
        "",
        *([f"Look at the curves: {_shorten_path(picture)}"] if picture.is_file() else []),
        f"Browse the curves:  {mask_secrets(ui)}",
        f"  charts   {mask_secrets(charts)}",
        *([f"  compare  {mask_secrets(make_compare_link(store, best[:COMPARED]))}"] if len(best) > 1 else []),
        f"Say what won:       nnsweep report {which} --output report.html{where}",
        f"Export the table:   nnsweep export {which} --output table.csv{where}",
    ]
    if any(record.run_id == best[0] and record.state == "finished" for record in end.records if best):
        lines.append(f"Use the best:       nnsweep predict {best[0][:SHORT]} DATA --output predictions.csv{where}")
    Console(highlight=False).print(Text("\n".join(map(printable, lines))), soft_wrap=True)


def _choose_linked_runs(end: SweepEnd) -> list[str]:
    """Name the runs of a chart, the best first, if some are an earlier sweep's; else the sweep alone selects them."""
    return end.best[:LINKED] if any(record.sweep != end.folder.name for record in end.records) else []


def make_uri_option(store: Store) -> str:
    """Give the option that names a store to a command; empty for the default store."""
    named = strip_credentials(store.uri) if store.uri.startswith("http") else store.uri
    with contextlib.suppress(FileNotFoundError):  # there may be no working folder any more
        return "" if store.uri == resolve_uri(None, Path.cwd()) else f" --uri {quote_argument(mask_secrets(named))}"
    return f" --uri {quote_argument(mask_secrets(named))}"


def _write_tables(end: SweepEnd) -> list[Path]:
    """Write the table into the sweep's folder, in three formats.

    Raises
    ------
    ConfigError
        If they cannot be written there.
    """
    table = drop_constant(end.ranked)
    captions = (selection(end.runs), describe_baseline(end.runs, choose_metric(end.runs, None)))
    paths = [end.folder / f"table.{suffix}" for suffix in ("csv", "md", "html")]
    for path in paths:
        write_table(table, path, caption="; ".join(filter(None, captions)))
    return paths


def draw_pictures(end: SweepEnd) -> list[Path]:
    """Draw the curves of the best jobs and, of more than a few, the pictures that need only the table."""
    from nnsweep.results.plots.curves import learning_curves  # matplotlib takes a while to import
    from nnsweep.results.plots.pictures import MOST_CURVES, by_name, pictures, save_all

    best = set(end.best[:MOST_CURVES])
    in_order = [record.run_id for record in end.records if record.run_id in best]
    curves, errors = gather_artifacts(in_order, partial(read_history, end.store))
    for error in errors:
        warn(f"{error}. They are not in the picture of the curves")
    title = f"sweep {end.folder.name}"
    try:
        only = DRAWN if len(end.records) > FEW else DRAWN[:1]
        figures = pictures(end.runs, curves, title=title, only=only)
    except ConfigError:  # two jobs cannot be told apart, so only their curves can be drawn
        figures = {"learning_curves": learning_curves(by_name(end.runs, curves), title=title)}
    return save_all(figures, end.folder)


def _count_states(records: Sequence[RunRecord]) -> str:
    counts = {
        state: sum(job.state == state for job in records) for state in dict.fromkeys(job.state for job in records)
    }
    jobs = "1 job" if len(records) == 1 else f"{len(records)} jobs"
    return f"{jobs}: " + ", ".join(f"{count} {state}" for state, count in counts.items())


def _describe_records(end: SweepEnd) -> str:
    """Say in Markdown what became of the jobs, and why some did not finish."""
    lines = [_count_states(end.records), "", selection(end.runs), ""]
    lines += [f"- {job.name}: {job.state}, {job.reason}" for job in end.records if job.state != "finished"]
    return "\n".join(lines)[:8000]


def count_finished(records: Sequence[RunRecord]) -> int:
    """Count the jobs that finished."""
    return sum(job.state == "finished" for job in records)


class Closing(NamedTuple):
    """How the closing of a sweep went.

    Attributes
    ----------
    problem : str
        What the user must know: which records could not be sent. Empty if all were.
    has_view : bool
        Whether the sweep has a view of its own in MLflow's UI.
    """

    problem: str
    has_view: bool = False


def close_sweep(end: SweepEnd) -> Closing:
    """Send what waits, close what died, and leave the summary in the store and the sweep's folder."""
    with contextlib.nullcontext() if end.owner is None else owner.own_runs(end.owner):
        is_finished = count_finished(end.records) == len(end.records)
        state = "finished" if is_finished else "interrupted" if end.interrupted else "failed"
        files, problem = _write_files(end, state)  # `nnsweep sync` sends them if it cannot be done here
        until = time.monotonic() + end.patience
        while True:
            if waiting := _explain_deleted_store(end) or _send_waiting(end):
                return Closing(waiting)
            try:
                _finish(end, state, files)
            except StoreError as error:
                if time.monotonic() >= until:
                    return Closing(_explain_waiting(end, 0, error))
                time.sleep(1.0)
                ask_again(end.store.uri)
            else:
                _keep_models(end)
                return Closing(problem, _write_view(end))


def _keep_models(end: SweepEnd) -> None:
    """Log the models that the sweep asks for; one that fails now can be made later, and does not fail the sweep."""
    if end.interrupted or end.models == "none":
        return
    finished = {record.run_id for record in end.records if record.state == "finished"}
    run_ids = [run_id for run_id in end.best if run_id in finished]
    for run_id in run_ids[: 1 if end.models == "best" else None]:
        try:
            models.log_model(end.store, run_id, partial(_make_model, end, run_id))
        except (UserError, OSError) as error:
            later = f"nnsweep register {quote_argument(end.folder.name)}{make_uri_option(end.store)}"
            warn(f"no model was kept: {mask_secrets(str(error))}. To make it later: {later}")
            if isinstance(error, StoreError):
                return


def _make_model(end: SweepEnd, run_id: str) -> Model:
    from nnsweep.jobs.model_card import make_model_with_card  # which imports what a sweep otherwise does not need

    return make_model_with_card(end.store, run_id, end.peers)


def _finish(end: SweepEnd, state: str, files: Sequence[Path]) -> None:
    """Close the runs of jobs that died, and the sweep's own."""
    records, store = end.records, end.store
    unfinished = {job.job: job for job in records if job.state != "finished" and job.sweep == end.folder.name}
    close_lost_runs(store, end.folder.name, unfinished, end.owner)  # of jobs that died while the store was away
    own = RunRecord(run_id=end.run_id, name=f"sweep {end.folder.name}", state=state)
    tags = {
        "nnsweep.n_jobs": str(len(records)),
        "nnsweep.n_finished": str(count_finished(records)),
        "mlflow.note.content": mask_secrets(_describe_records(end)),
    }
    pictures = draw_pictures(end) if end.picture else []
    runs.log_artifacts(store, end.run_id, [*files, *pictures])
    runs.end_run(store, own, tags=tags)
    if database := sqlite.find_database_file(store.uri):
        sqlite.gather_statistics(database)


def _write_view(end: SweepEnd) -> bool:
    """Lay out the sweep's page in MLflow's UI; if that fails, the page is MLflow's default."""
    sweep = end.folder.name
    page = make_view(end.records, make_search_filter(sweep, _choose_linked_runs(end)), end.runs)
    try:
        return ui.write_view(end.store, sweep, page)
    except StoreError:
        return False


def _write_files(end: SweepEnd, state: str) -> tuple[list[Path], str]:
    """Write the tables and the list of the jobs; return the files, or the error that prevented them."""
    records, folder = end.records, end.folder
    reused = [job.run_id for job in records if job.run_id and job.sweep != folder.name]
    jobs = [{"number": job.job, "name": job.name, "key": job.key, "run_id": job.run_id} for job in records]
    experiment = end.store.experiment
    plan = {"sweep": folder.name, "experiment": experiment, "state": state, "reused": reused, "jobs": jobs}
    try:
        tables = _write_tables(end)
        with whole_file(folder / PLAN) as file:
            file.write(json.dumps(plan, indent=1).encode())
    except ConfigError as error:
        return [], str(error)
    return [*tables, folder / PLAN], ""


def describe_removal(end: SweepEnd) -> str:
    """Explain that a sweep's records were removed from its folder while it ran; empty if they are there."""
    database = sqlite.find_database_file(end.store.uri)
    is_lost = database is not None and not database.exists()
    if any(end.folder.glob(f"**/{RECORD}")) or (end.folder.exists() and not is_lost):
        return ""
    more = f", and the store {database} with it: nothing of the sweep is left" if is_lost else ""
    return (
        f"what the sweep wrote to {end.folder} was removed while it was under way{more}. "
        "The same command runs again what is lost; start it in a folder that stays"
    )


def _explain_deleted_store(end: SweepEnd) -> str:
    """Explain that the store was deleted during the sweep: SQLite goes on writing to the unlinked file unnoticed."""
    database = sqlite.find_database_file(end.store.uri)
    if database is None or database.exists():
        return ""
    n_kept = len([*end.folder.glob(f"**/{RECORD}")])
    return _explain_waiting(end, n_kept, StoreError(f"the store {database} has been deleted"))


def _send_waiting(end: SweepEnd) -> str:
    """Send the records of the sweep that wait in their folders; wait for a store that is away."""
    until = time.monotonic() + end.patience
    waited = False
    while waiting := upload.find_unsent_in_sweep(end.folder):
        ask_again(end.store.uri)
        try:
            sent, damaged = upload.send_records(end.store, waiting)
        except StoreError as error:
            if time.monotonic() >= until:
                return _explain_waiting(end, len(waiting), error)
            if not waited:
                away = f"the store is {'still ' if end.told_away else ''}away; waiting up to {end.patience:g} s for it"
                full = f"there is no room for the store; waiting up to {end.patience:g} s for some"
                notice = full if isinstance(error, FullDiskError) else away
                print(f"nnsweep: {notice}", file=sys.stderr, flush=True)
            waited = True
            time.sleep(min(1.0, end.patience))
            continue
        if waited or end.told_away:
            print(f"nnsweep: the store is back; {len(sent)} records were sent", file=sys.stderr, flush=True)
        return "; ".join(damaged)
    return ""


def _explain_waiting(end: SweepEnd, n_waiting: int, error: StoreError) -> str:
    sync = f"nnsweep sync {quote_argument(str(_shorten_path(end.folder)))}{make_uri_option(end.store)}"
    what = f"{n_waiting} of {len(end.records)} results wait" if n_waiting else "The summary waits"
    when = "when there is room" if isinstance(error, FullDiskError) else "when it is back"
    return f"{error}. {what} in {_shorten_path(end.folder)}; {when}: {sync}"


def _shorten_path(path: Path) -> Path:
    with contextlib.suppress(FileNotFoundError):  # there may be no working folder any more
        return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return path
