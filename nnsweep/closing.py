"""The closing of a sweep: what waits is sent, runs that died are closed, and the sweep's own run gets its summary.

A store that is away is waited for; what could not be sent then is told with the command that sends it.
"""

import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nnsweep.errors import ConfigError, FullDiskError, StoreError, UserError
from nnsweep.files import whole_file
from nnsweep.masking import masked
from nnsweep.messages import quote_argument, warn
from nnsweep.results.frame import ranking_frame
from nnsweep.results.ranking import rank_runs
from nnsweep.results.ui_view import make_view
from nnsweep.summary import described, linked_ids, n_finished, pictures_of, tables, where_in_words
from nnsweep.sweep import sending
from nnsweep.sweep.folder import RECORD
from nnsweep.sweep.job import Models
from nnsweep.sweep.plan import closed
from nnsweep.tracking import models, owner, runs, sqlite, ui
from nnsweep.tracking.client import ask_again
from nnsweep.tracking.owner import Owner
from nnsweep.tracking.query import PLAN
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store
from nnsweep.tracking.ui import make_search_filter


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


class Closed(NamedTuple):
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


def close(end: End) -> Closed:
    """Send what waits, close what died, and leave the summary in the store and the sweep's folder."""
    with contextlib.nullcontext() if end.owner is None else owner.own_runs(end.owner):
        return _close(end)


def _close(end: End) -> Closed:
    records = end.records
    state = "finished" if n_finished(records) == len(records) else "interrupted" if end.interrupted else "failed"
    files, unwritten = _files(end, state)  # `nnsweep sync` sends them if it cannot be done here
    until = time.monotonic() + end.patience
    while True:
        if problem := _gone(end) or _sent(end):
            return Closed(problem)
        try:
            _finish(end, state, files)
        except StoreError as error:
            if time.monotonic() >= until:
                return Closed(_waits(end, 0, error))
            time.sleep(1.0)
            ask_again(end.store.uri)
        else:
            _keep_models(end)
            return Closed(unwritten, _write_view(end))


def _keep_models(end: End) -> None:
    """Make the models that are wanted; one that cannot be made now can be made later, and costs the sweep nothing."""
    if end.interrupted or end.models == "none":
        return
    finished = [record for record in end.records if record.run_id and record.state == "finished"]
    run_ids = rank_runs(ranking_frame(finished))["run_id"].tolist()
    for run_id in run_ids[: 1 if end.models == "best" else None]:
        try:
            models.log_model(end.store, run_id)
        except (UserError, OSError) as error:
            later = f"nnsweep register {quote_argument(end.folder.name)}{where_in_words(end.store)}"
            warn(f"no model was kept: {masked(str(error))}. To make it later: {later}")
            if isinstance(error, StoreError):
                return


def _finish(end: End, state: str, files: Sequence[Path]) -> None:
    """Close the runs of jobs that died, and the sweep's own."""
    records, store = end.records, end.store
    _closed(end)
    own = RunRecord(run_id=end.run_id, name=f"sweep {end.folder.name}", state=state)
    tags = {
        "nnsweep.n_jobs": str(len(records)),
        "nnsweep.n_finished": str(n_finished(records)),
        "mlflow.note.content": masked(described(records)),
    }
    pictures = pictures_of(records, store, end.folder) if end.picture else []
    runs.log_artifacts(store, end.run_id, [*files, *pictures])
    runs.end_run(store, own, tags=tags)
    if database := sqlite.find_database_file(store.uri):
        sqlite.gather_statistics(database)


def _write_view(end: End) -> bool:
    """Lay out the sweep's page in MLflow's UI; without it the page is MLflow's own, which costs the sweep nothing."""
    sweep, records = end.folder.name, end.records
    page = make_view(records, make_search_filter(sweep, linked_ids(records, sweep)))
    try:
        return ui.write_view(end.store, sweep, page)
    except StoreError:
        return False


def _files(end: End, state: str) -> tuple[list[Path], str]:
    """Write the tables and the plan; give them, or what is in the way."""
    try:
        return [*tables(end.records, end.folder), _plan(end, state)], ""
    except ConfigError as error:
        return [], str(error)


def removed(end: End) -> str:
    """Tell of a sweep whose records were removed from its folder meanwhile; empty if they are there."""
    database = sqlite.find_database_file(end.store.uri)
    is_lost = database is not None and not database.exists()
    if any(end.folder.glob(f"**/{RECORD}")) or (end.folder.exists() and not is_lost):
        return ""
    more = f", and the store {database} with it: nothing of the sweep is left" if is_lost else ""
    return (
        f"what the sweep wrote to {end.folder} was removed while it was under way{more}. "
        "The same command runs again what is lost; start it in a folder that stays"
    )


def _gone(end: End) -> str:
    """Tell of a store that was deleted meanwhile: SQLite writes on into the file that nobody can find any more."""
    database = sqlite.find_database_file(end.store.uri)
    if database is None or database.exists():
        return ""
    n_kept = len([*end.folder.glob(f"**/{RECORD}")])
    return _waits(end, n_kept, StoreError(f"the store {database} has been deleted"))


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
                away = f"the store is {'still ' if end.told_away else ''}away; waiting up to {end.patience:g} s for it"
                full = f"there is no room for the store; waiting up to {end.patience:g} s for some"
                told = full if isinstance(error, FullDiskError) else away
                print(f"nnsweep: {told}", file=sys.stderr, flush=True)
            waited = True
            time.sleep(min(1.0, end.patience))
            continue
        if waited or end.told_away:
            print(f"nnsweep: the store is back; {len(sent)} records were sent", file=sys.stderr, flush=True)
        return "; ".join(damaged)
    return ""


def _waits(end: End, n_waiting: int, error: StoreError) -> str:
    sync = f"nnsweep sync {quote_argument(str(_shown(end.folder)))}{where_in_words(end.store)}"
    what = f"{n_waiting} of {len(end.records)} results wait" if n_waiting else "The summary waits"
    when = "when there is room" if isinstance(error, FullDiskError) else "when it is back"
    return f"{error}. {what} in {_shown(end.folder)}; {when}: {sync}"


def _shown(folder: Path) -> Path:
    with contextlib.suppress(FileNotFoundError):  # there may be no working folder any more
        return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    return folder


def _closed(end: End) -> None:
    """Close the runs of jobs that died while the store was away."""
    ends = {job.job: job for job in end.records if job.state != "finished" and job.sweep == end.folder.name}
    closed(end.store, end.folder.name, ends, end.owner)


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
