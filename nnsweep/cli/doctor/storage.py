"""What is kept on disks: the store with its runs, the job folders, and the caches of data."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnsweep.cli.doctor.findings import Finding
from nnsweep.errors import DataError, DifferenceError, StoreError
from nnsweep.files import expand_home, nearest_folder, place_of
from nnsweep.results.wording import count, size

if TYPE_CHECKING:
    from nnsweep.tracking.earlier import StoreCondition


SAMPLE = 20
"""Runs that are looked at closely."""
JOBS = "multirun"
"""The folder of all sweeps' folders."""


def examine_store(uri: str | None, folder: Path) -> Iterator[Finding]:
    """Look at the store, without making one.

    Parameters
    ----------
    uri : str or None
        As `nnsweep.tracking.store.resolve_uri` takes it.
    folder : Path
        The working folder.
    """
    from nnsweep.tracking import sqlite
    from nnsweep.tracking.connection import is_read_only
    from nnsweep.tracking.earlier import inspect_store
    from nnsweep.tracking.store import check_store, resolve_uri

    chosen = resolve_uri(uri, folder)
    database = sqlite.find_database_file(chosen)
    may_write = database is None or not is_read_only(database)
    if may_write:
        check_store(chosen)
    if database and not os.path.lexists(database):
        yield Finding("store", "ok", f"there is none yet; the first sweep makes {chosen}")
        return
    seen = inspect_store(chosen)
    parts = [count(seen.n_experiments, "experiment")]
    parts += [size(seen.n_bytes)] if seen.n_bytes is not None else []
    parts += [f"schema {seen.schema}, as this MLflow's"] if seen.schema else []
    says = f"{chosen} ({', '.join(parts)})"
    if may_write:
        yield Finding("store", "ok", says)
    else:
        yield Finding("store", "warning", f"{says} may only be read", "for sweeps choose another tracking.uri")
    yield from _running(seen)
    yield from _under_way(seen)


def _running(seen: "StoreCondition") -> Iterator[Finding]:
    if seen.forsaken:
        says = f"{len(seen.forsaken)} are open though their processes are gone ({_some(seen.forsaken)})"
        way_out = "the same command closes them and goes on, and nnsweep sync closes them"
        yield Finding("runs", "warning", says, way_out)
    elif seen.unseen:
        says = f"{len(seen.unseen)} are open whose processes give no sign of life ({_some(seen.unseen)})"
        yield Finding("runs", "warning", says, "if you know that they are dead, delete these runs in MLflow")
    else:
        at_work = f"{len(seen.running)} are open, and their processes at work"
        yield Finding("runs", "ok", at_work if seen.running else "all ended")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _under_way(seen: "StoreCondition") -> Iterator[Finding]:
    """Name the sweeps that have not ended, and say how it can be seen that their processes live."""
    for sweep in seen.under_way:
        says = f"{sweep.name} is under way, held by {sweep.holder}: {sweep.presence.says}"
        yield Finding("sweeps", "ok" if sweep.presence.state == "alive" else "warning", says)


def examine_records(uri: str | None, folder: Path) -> Iterator[Finding]:
    """Look whether what is recorded of some runs, drawn at random, agrees with itself.

    Parameters
    ----------
    uri, folder
        As for `examine_store`.
    """
    from nnsweep.jobs.consistency import find_disagreements
    from nnsweep.tracking import sqlite
    from nnsweep.tracking.query import draw_runs
    from nnsweep.tracking.recorded_run import read_found_run
    from nnsweep.tracking.store import resolve_uri

    chosen = resolve_uri(uri, folder)
    database = sqlite.find_database_file(chosen)
    if database and not os.path.lexists(database):
        return
    try:
        drawn, n_runs = draw_runs(chosen, SAMPLE)
    except StoreError:  # that was told
        return
    wrong: list[str] = []
    for place, run in drawn:
        title = f"{run.info.run_name} ({run.info.run_id})"
        try:
            wrong += [f"{title}: {one}" for one in find_disagreements(read_found_run(place, run)).values()]
        except (DataError, DifferenceError) as error:
            wrong += [f"{title}: {problem}" for problem in error.problems]
    looked = f"of {count(n_runs, 'run')} {len(drawn)} were looked at"
    for one in wrong:
        yield Finding("records", "problem", one, "put it back from a copy, or rerun=all", error=DifferenceError)
    if not wrong:
        yield Finding("records", "ok", f"{looked}, and their records agree with themselves")
    elif len(drawn) < n_runs:
        yield Finding("records", "warning", looked, "nnsweep report looks at all of an experiment")


def examine_job_folders(folder: Path) -> Iterator[Finding]:
    """Count the records that wait to be sent."""
    from nnsweep.jobs.job_folder import RECORD, is_sent

    records = [path for pattern in (f"*/{RECORD}", f"*/*/{RECORD}") for path in (folder / JOBS).glob(pattern)]
    waiting = [path for path in records if not is_sent(path.parent)]
    if waiting:
        says = f"{len(waiting)} of {count(len(records), 'record')} in {JOBS} not sent to the store yet"
        yield Finding("job folders", "warning", says, "send them: nnsweep sync")
    else:
        yield Finding(
            "job folders", "ok", f"{count(len(records), 'record')} in {JOBS}, none of which waits for the store"
        )


def examine_corpus() -> Iterator[Finding]:
    """Look for the 20 newsgroups."""
    from nnsweep.data.downloads import CACHE_FILE

    file = Path(expand_home(place_of("SCIKIT_LEARN_DATA") or "~/scikit_learn_data")) / CACHE_FILE
    nearest = nearest_folder(file.parent.absolute())
    if not file.exists() and not os.access(nearest, os.W_OK | os.X_OK):
        says = f"not there, and {file.parent} cannot be made"
        yield Finding("newsgroups", "warning", says, "to use data=newsgroups, name another folder in SCIKIT_LEARN_DATA")
    elif not file.exists():
        yield Finding("newsgroups", "ok", f"not there yet; data=newsgroups fetches them once, to {file.parent}")
    elif not os.access(file, os.R_OK):
        yield Finding("newsgroups", "problem", f"{file} may not be read", "change its permissions")
    else:
        yield Finding("newsgroups", "ok", f"{file} ({size(file.stat().st_size)})")


def examine_cache() -> Iterator[Finding]:
    """Look at the folder of prepared data."""
    from nnsweep.data.cache import cache_folder

    folder = cache_folder()
    nearest = nearest_folder(folder) if folder else None
    if folder is None or nearest is None or not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        says = f"{folder or 'its folder'} cannot be used, so data are prepared again for every sweep"
        yield Finding("data cache", "warning", says, "name a folder of your own in NNSWEEP_CACHE")
    elif not folder.is_dir():
        yield Finding("data cache", "ok", f"nothing in it yet; it will be {folder}")
    else:
        sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_file()]
        yield Finding("data cache", "ok", f"{size(sum(sizes))} in {folder}, which may be deleted at any time")
