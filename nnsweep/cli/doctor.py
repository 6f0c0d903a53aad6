"""The doctor: whether all that nnsweep needs is there and fit for work, from Python's version to the store's runs.

Nothing is made, changed or sent anywhere. A check that fails is a finding like any other: an installation may be
broken in any way.
"""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from nnsweep.errors import ConfigError, DataError, DifferenceError, StoreError, UserError
from nnsweep.files import expand_home, nearest_folder, place_of
from nnsweep.jobs import conf_tree
from nnsweep.jobs.machine import count_physical_cores, measure_memory
from nnsweep.results.wording import count, size

FOR_DEVELOPERS = ("dev", "bench", "docs")
"""Extras that nobody misses who only uses nnsweep."""
NEEDED_PLUGINS = ("GridSweeper", "StackedLauncher")
"""The classes that Hydra must find."""
LITTLE_ROOM, NO_ROOM = 1e9, 1e8
"""Bytes on a disk below which there is a warning, or a problem."""
LITTLE_MEMORY = 1e9
FEW_FILES = 256
"""Open files that a sweep with its workers and a store may come near."""
N_RECORDS = 20
"""Runs whose records are looked at."""
JOBS = "multirun"
"""The folder of all sweeps' folders."""
_CGROUP = Path("/sys/fs/cgroup")
_INSTALL = "install nnsweep again: pip install -c constraints.txt ."

State: TypeAlias = Literal["ok", "warning", "problem"]
"""With a ``warning`` sweeps run, if slower or less safely; with a ``problem`` some or all do not."""


class Finding(NamedTuple):
    """What a check has found.

    Attributes
    ----------
    what : str
        What was looked at.
    state : str
        See `State`.
    says : str
        How it is.
    way_out : str
        What to do; empty if there is nothing to be done.
    error : type of UserError
        What it ends the program as.
    """

    what: str
    state: State
    says: str
    way_out: str = ""
    error: type[UserError] = ConfigError

    def in_words(self) -> str:
        """Say it in a line.

        Examples
        --------
        >>> Finding("disk", "warning", "500 MB are free", "make room").in_words()
        'warning  disk: 500 MB are free; make room'
        """
        return f"{self.state:<8} {self.what}: {self.says}{f'; {self.way_out}' if self.way_out else ''}"


def examine(uri: str | None, folder: Path) -> Iterator[Finding]:
    """Look at everything, in an order in which one failure explains the next; each finding comes once it is made.

    Parameters
    ----------
    uri : str or None
        The store; None for ``MLFLOW_TRACKING_URI``, or else ``sqlite:///mlflow.db``.
    folder : Path
        The working folder.
    """
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "Python": examine_python,
        "packages": examine_packages,
        "configurations": examine_configurations,
        "plugins": examine_plugins,
        "cores": examine_cores,
        "BLAS": examine_blas,
        "memory": examine_memory,
        "disk": partial(examine_disk, folder),
        "open files": examine_open_files,
        "store": partial(examine_store, uri, folder),
        "records": partial(examine_records, uri, folder),
        "job folders": partial(examine_job_folders, folder),
        "newsgroups": examine_corpus,
        "data cache": examine_cache,
        "optional": examine_extras,
    }
    for what, check in checks.items():
        yield from run_check(what, check)


def run_check(what: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Make a check; one that cannot be made is a finding, too: an installation may be broken in any way.

    Parameters
    ----------
    what : str
        What is looked at.
    check : callable
        Gives findings.
    """
    try:
        yield from check()
    except UserError as error:
        for problem in error.problems:
            kinds = (one for one in (StoreError, DifferenceError) if isinstance(error, one))
            yield Finding(what, "problem", problem, error=next(kinds, ConfigError))
    except Exception as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        yield Finding(what, "problem", f"it could not be looked at ({problem})", "install nnsweep again")


def examine_python() -> Iterator[Finding]:
    """Compare Python with what nnsweep asks for."""
    needed = SpecifierSet(metadata.metadata("nnsweep")["Requires-Python"] or "")
    says = f"{platform.python_version()} ({sys.prefix})"
    if platform.python_version() in needed:
        yield Finding("Python", "ok", says)
    else:
        yield Finding("Python", "problem", f"{says}, which is not {needed}", "make an environment with a newer one")


def examine_packages() -> Iterator[Finding]:
    """Compare the packages that are there with what nnsweep asks for."""
    needed = [one for one in _list_requirements() if _is_needed(one)]
    problems = [problem for one in needed if (problem := _explain_lack(one))]
    for problem in problems:
        yield Finding("packages", "problem", problem, _INSTALL)
    if not problems:
        yield Finding("packages", "ok", f"all {len(needed)} that are needed are there, in versions that fit")


def examine_extras() -> Iterator[Finding]:
    """Tell which optional parts are installed."""
    for extra in metadata.metadata("nnsweep").get_all("Provides-Extra") or []:
        if extra in FOR_DEVELOPERS:
            continue
        needed = [one for one in _list_requirements() if _is_needed(one, extra) and not _is_needed(one)]
        problems = [problem for one in needed if (problem := _explain_lack(one))]
        says = f"not installed ({', '.join(problems)}): pip install 'nnsweep[{extra}]'" if problems else "installed"
        yield Finding(f"optional: {extra}", "ok", says)


def _list_requirements() -> list[Requirement]:
    return [Requirement(text) for text in metadata.requires("nnsweep") or []]


def _is_needed(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _explain_lack(requirement: Requirement) -> str:
    """Say what is wrong with a package; nothing if it is there in a version that fits."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    fits = requirement.specifier.contains(version, prereleases=True)
    return "" if fits else f"{requirement.name} is {version}, and must be {requirement.specifier}"


def examine_configurations() -> Iterator[Finding]:
    """Read every file of the configuration tree."""
    folder = Path(conf_tree.conf_dir())
    broken = []
    for path in sorted(folder.rglob("*.yaml")):
        try:
            conf_tree.read_yaml(path)
        except Exception as error:
            broken.append(f"{path.relative_to(folder)} ({' '.join(str(error).split())})")
    if broken:
        yield Finding("configurations", "problem", f"cannot be read: {', '.join(broken)}", _INSTALL)
        return
    choices = [names for group, names in conf_tree.list_groups([folder]).items() if not group.startswith("hydra/")]
    says = f"{len(choices)} groups with {sum(map(len, choices))} choices in {folder}"
    yield Finding("configurations", "ok", says)


def examine_plugins() -> Iterator[Finding]:
    """See whether Hydra finds the sweeper and the launcher."""
    from nnsweep.jobs.arguments import list_plugins

    names = list_plugins()
    missing = [name for name in NEEDED_PLUGINS if name not in names]
    if missing:
        yield Finding("plugins", "problem", f"Hydra does not find {' and '.join(missing)}", _INSTALL)
    else:
        launchers = sorted(name for name in names if name.endswith("Launcher"))
        yield Finding("plugins", "ok", f"Hydra finds nnsweep's sweeper, and {', '.join(launchers)}")


def examine_cores() -> Iterator[Finding]:
    """Count the cores, and those of them that may be used."""
    parts = [f"{os.cpu_count()} logical"]
    if hasattr(os, "sched_getaffinity"):
        parts.append(f"{len(os.sched_getaffinity(0))} by affinity")
    if limits := _read_limits("cpu.max"):  # microseconds of processor time, and the period in which it may be used
        parts.append(f"{limits[0] / limits[1]:g} by the control group's quota")
    n_cores = count_physical_cores()
    yield Finding("cores", "ok", f"sweeps use {n_cores} of them, a worker on each physical one ({', '.join(parts)})")


def _read_limits(name: str) -> list[float]:
    """Read the numbers of a control group's file; none where there is no limit, or none is known."""
    try:
        return [float(word) for word in (_CGROUP / name).read_text(encoding="utf-8").split()]
    except (OSError, ValueError):  # the file is absent, or says "max"
        return []


def examine_memory() -> Iterator[Finding]:
    """Tell how much memory there is, and what this program itself has taken."""
    machine = measure_memory()
    usable = min([machine, *_read_limits("memory.max")])
    says = f"{size(usable)}{' (a limit)' if usable < machine else ''}"
    try:
        import resource
    except ImportError:  # on Windows
        pass
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        says += f", of which this program has taken {size(peak if sys.platform == 'darwin' else 1024 * peak)}"
    if usable < LITTLE_MEMORY:
        yield Finding("memory", "warning", says, "set sweep.workers=1 and a small sweep.max_stack_memory")
    else:
        yield Finding("memory", "ok", says)


def examine_blas() -> Iterator[Finding]:
    """Name the libraries that multiply matrices."""
    import scipy.linalg  # noqa: F401  (it brings one of its own)
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    names = dict.fromkeys(
        f"{pool['internal_api']} {pool.get('version')} for {pool.get('architecture')}" for pool in pools
    )
    if names:
        threads = max(pool["num_threads"] for pool in pools)
        yield Finding("BLAS", "ok", f"{', '.join(names)}, {count(threads, 'thread')} here and one in each worker")
    else:
        yield Finding(
            "BLAS", "warning", "NumPy has none that is known, so its threads cannot be limited",
            "set OMP_NUM_THREADS=1, or install NumPy from PyPI",
        )  # fmt: skip


def examine_disk(folder: Path) -> Iterator[Finding]:
    """Tell how much room there is where jobs leave their folders."""
    free = shutil.disk_usage(nearest_folder(folder.absolute())).free
    says = f"{size(free)} are free in {folder.absolute()}"
    if free < LITTLE_ROOM:
        state: State = "problem" if free < NO_ROOM else "warning"
        yield Finding("disk", state, says, "make room, or choose another folder", error=StoreError)
    else:
        yield Finding("disk", "ok", says)


def examine_open_files() -> Iterator[Finding]:
    """Tell how many files may be open at once."""
    try:
        import resource
    except ImportError:  # where there is no such limit
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FEW_FILES:
        yield Finding("open files", "warning", f"at most {soft}", "allow more: ulimit -n 1024")
    else:
        most = "as many as you like" if soft == resource.RLIM_INFINITY else f"at most {soft}"
        yield Finding("open files", "ok", most)


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
    from nnsweep.tracking.store import check_store, is_made, resolve_uri

    chosen = resolve_uri(uri, folder)
    database = sqlite.find_database_file(chosen)
    may_write = database is None or not is_read_only(database)
    if may_write:
        check_store(chosen)
    if not is_made(chosen):
        yield Finding("store", "ok", f"there is none yet; the first sweep makes {chosen}")
        return
    condition = inspect_store(chosen)
    parts = [count(condition.n_experiments, "experiment")]
    parts += [size(condition.n_bytes)] if condition.n_bytes is not None else []
    parts += [f"schema {condition.schema}, as this MLflow's"] if condition.schema else []
    says = f"{chosen} ({', '.join(parts)})"
    if may_write:
        yield Finding("store", "ok", says)
    else:
        yield Finding("store", "warning", f"{says} may only be read", "for sweeps choose another tracking.uri")
    if condition.forsaken:
        names = _list_first(condition.forsaken)
        says = f"{len(condition.forsaken)} are open though their processes are gone ({names})"
        way_out = "the same command closes them and goes on, and nnsweep sync closes them"
        yield Finding("runs", "warning", says, way_out)
    elif condition.unseen:
        says = (
            f"{len(condition.unseen)} are open whose processes give no sign of life ({_list_first(condition.unseen)})"
        )
        yield Finding("runs", "warning", says, "if you know that they are dead, delete these runs in MLflow")
    else:
        at_work = f"{len(condition.running)} are open, and their processes at work"
        yield Finding("runs", "ok", at_work if condition.running else "all ended")
    for sweep in condition.under_way:
        says = f"{sweep.name} is under way, held by {sweep.holder}: {sweep.presence.says}"
        yield Finding("sweeps", "ok" if sweep.presence.state == "alive" else "warning", says)


def _list_first(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def examine_records(uri: str | None, folder: Path) -> Iterator[Finding]:
    """Look whether what is recorded of some runs, drawn at random, agrees with itself.

    Parameters
    ----------
    uri, folder
        As for `examine_store`.
    """
    from nnsweep.jobs.consistency import find_disagreements
    from nnsweep.tracking.query import draw_runs
    from nnsweep.tracking.recorded_run import read_found_run
    from nnsweep.tracking.store import is_made, resolve_uri

    chosen = resolve_uri(uri, folder)
    try:
        if not is_made(chosen):
            return
        drawn, n_runs = draw_runs(chosen, N_RECORDS)
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
