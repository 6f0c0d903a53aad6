"""The machine: cores, BLAS, memory, room on the disk, and how many files may be open."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nnsweep.doctor.finding import Finding
from nnsweep.errors import StoreError
from nnsweep.files import nearest_folder
from nnsweep.jobs.memory import measure_memory
from nnsweep.results.wording import count, size

LITTLE_ROOM, NO_ROOM = 1e9, 1e8
"""Bytes on a disk below which there is a warning, or a problem."""
LITTLE_MEMORY = 1e9
FEW_FILES = 256
"""Open files that a sweep with its workers and a store may come near."""
_CGROUP = Path("/sys/fs/cgroup")


def cores() -> Iterator[Finding]:
    """Count the cores, and those of them that may be used."""
    from nnsweep.jobs.process_pool import physical_cores

    parts = [f"{os.cpu_count()} logical"]
    if hasattr(os, "sched_getaffinity"):
        parts.append(f"{len(os.sched_getaffinity(0))} by affinity")
    if quota := _quota():
        parts.append(f"{quota:g} by the control group's quota")
    n_cores = physical_cores()
    yield Finding("cores", "ok", f"sweeps use {n_cores} of them, a worker on each physical one ({', '.join(parts)})")


def _quota() -> float | None:
    """Give how many cores' time this process's control group has; None if all, or nobody says."""
    try:
        quota, period = (_CGROUP / "cpu.max").read_text(encoding="utf-8").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def blas() -> Iterator[Finding]:
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


def memory() -> Iterator[Finding]:
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


def disk(folder: Path) -> Iterator[Finding]:
    """Tell how much room there is where jobs leave their folders."""
    free = shutil.disk_usage(nearest_folder(folder.absolute())).free
    says = f"{size(free)} are free in {folder.absolute()}"
    if free < NO_ROOM:
        yield Finding("disk", "problem", says, "make room, or choose another folder", error=StoreError)
    elif free < LITTLE_ROOM:
        yield Finding("disk", "warning", says, "make room, or choose another folder")
    else:
        yield Finding("disk", "ok", says)


def open_files() -> Iterator[Finding]:
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
