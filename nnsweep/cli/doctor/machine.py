"""The installation and the machine: Python, packages, configurations, plugins; cores, memory, disk, open files."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from nnsweep.cli.doctor.findings import Finding
from nnsweep.errors import StoreError
from nnsweep.files import nearest_folder
from nnsweep.jobs import conf_tree
from nnsweep.jobs.machine import count_physical_cores, measure_memory
from nnsweep.results.wording import count, size

FOR_DEVELOPERS = ("dev", "bench")
"""Extras that nobody misses who only uses nnsweep."""
WANTED_PLUGINS = ("GridSweeper", "StackedLauncher")
"""The classes that Hydra must find."""
_INSTALL = "install nnsweep again: pip install -c constraints.txt ."


def examine_python() -> Iterator[Finding]:
    """Compare Python with what nnsweep asks for."""
    wanted = SpecifierSet(metadata.metadata("nnsweep")["Requires-Python"] or "")
    fits = platform.python_version() in wanted
    says = f"{platform.python_version()} ({sys.prefix})"
    yield (
        Finding("Python", "ok", says)
        if fits
        else Finding("Python", "problem", f"{says}, which is not {wanted}", "make an environment with a newer one")
    )


def examine_packages() -> Iterator[Finding]:
    """Compare the packages that are there with what nnsweep asks for."""
    wanted = [one for one in _requirements() if one.marker is None or one.marker.evaluate({"extra": ""})]
    problems = [problem for one in wanted if (problem := _lacking(one))]
    for problem in problems:
        yield Finding("packages", "problem", problem, _INSTALL)
    if not problems:
        yield Finding("packages", "ok", f"all {len(wanted)} that are needed are there, in versions that fit")


def examine_extras() -> Iterator[Finding]:
    """Tell which optional parts are installed."""
    for extra in metadata.metadata("nnsweep").get_all("Provides-Extra") or []:
        if extra in FOR_DEVELOPERS:
            continue
        wanted = [one for one in _requirements() if one.marker and one.marker.evaluate({"extra": extra})]
        lacking = [problem for one in wanted if not _needed_anyway(one) and (problem := _lacking(one))]
        says = f"not installed ({', '.join(lacking)}): pip install 'nnsweep[{extra}]'" if lacking else "installed"
        yield Finding(f"optional: {extra}", "ok", says)


def examine_configurations() -> Iterator[Finding]:
    """Read every file of the configuration tree."""
    folder = Path(conf_tree.conf_dir())
    broken = []
    for path in sorted(folder.rglob("*.yaml")):
        try:
            conf_tree.read_yaml(path)
        except Exception as error:
            broken.append(f"{path.relative_to(folder)} ({' '.join(str(error).split())})")
    groups = {
        group: names for group, names in conf_tree.list_groups([folder]).items() if not group.startswith("hydra/")
    }
    if broken:
        yield Finding("configurations", "problem", f"cannot be read: {', '.join(broken)}", _INSTALL)
    else:
        says = f"{len(groups)} groups with {sum(map(len, groups.values()))} choices in {folder}"
        yield Finding("configurations", "ok", says)


def examine_plugins() -> Iterator[Finding]:
    """See whether Hydra finds the sweeper and the launcher."""
    from nnsweep.jobs.arguments import list_plugins

    names = list_plugins()
    lacking = [name for name in WANTED_PLUGINS if name not in names]
    if lacking:
        yield Finding("plugins", "problem", f"Hydra does not find {' and '.join(lacking)}", _INSTALL)
    else:
        launchers = sorted(name for name in names if name.endswith("Launcher"))
        yield Finding("plugins", "ok", f"Hydra finds nnsweep's sweeper, and {', '.join(launchers)}")


def _requirements() -> list[Requirement]:
    return [Requirement(text) for text in metadata.requires("nnsweep") or []]


def _needed_anyway(one: Requirement) -> bool:
    return one.marker is None or one.marker.evaluate({"extra": ""})


def _lacking(one: Requirement) -> str | None:
    """Say what is wrong with a package; None if it is there in a version that fits."""
    try:
        version = metadata.version(one.name)
    except metadata.PackageNotFoundError:
        return f"{one.name} is missing"
    fits = one.specifier.contains(version, prereleases=True)
    return None if fits else f"{one.name} is {version}, and must be {one.specifier}"


LITTLE_ROOM, NO_ROOM = 1e9, 1e8
"""Bytes on a disk below which there is a warning, or a problem."""
LITTLE_MEMORY = 1e9
FEW_FILES = 256
"""Open files that a sweep with its workers and a store may come near."""
_CGROUP = Path("/sys/fs/cgroup")


def examine_cores() -> Iterator[Finding]:
    """Count the cores, and those of them that may be used."""
    parts = [f"{os.cpu_count()} logical"]
    if hasattr(os, "sched_getaffinity"):
        parts.append(f"{len(os.sched_getaffinity(0))} by affinity")
    if quota := _quota():
        parts.append(f"{quota:g} by the control group's quota")
    n_cores = count_physical_cores()
    yield Finding("cores", "ok", f"sweeps use {n_cores} of them, a worker on each physical one ({', '.join(parts)})")


def _quota() -> float | None:
    """Give how many cores' time this process's control group has; None if all, or nobody says."""
    try:
        quota, period = (_CGROUP / "cpu.max").read_text(encoding="utf-8").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


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


def examine_memory() -> Iterator[Finding]:
    """Tell how much memory there is, and what this program itself has taken."""
    limit = _memory_limit()
    says = f"{size(min(measure_memory(), limit or measure_memory()))}{' (a limit)' if limit else ''}"
    if taken := _taken():
        says += f", of which this program has taken {size(taken)}"
    if min(measure_memory(), limit or measure_memory()) < LITTLE_MEMORY:
        yield Finding("memory", "warning", says, "set sweep.workers=1 and a small sweep.max_stack_memory")
    else:
        yield Finding("memory", "ok", says)


def _memory_limit() -> int | None:
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return limit if limit < measure_memory() else None


def _taken() -> int:
    """Give the most memory that this process has had, in bytes; 0 where that is not known."""
    try:
        import resource
        import sys
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def examine_disk(folder: Path) -> Iterator[Finding]:
    """Tell how much room there is where jobs leave their folders."""
    free = shutil.disk_usage(nearest_folder(folder.absolute())).free
    says = f"{size(free)} are free in {folder.absolute()}"
    if free < NO_ROOM:
        yield Finding("disk", "problem", says, "make room, or choose another folder", error=StoreError)
    elif free < LITTLE_ROOM:
        yield Finding("disk", "warning", says, "make room, or choose another folder")
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
