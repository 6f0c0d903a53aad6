"""The owner of a run: the process that trains it, told apart from every other one that ever had its number.

A run whose owner is gone will never be ended by it. On this machine that can be seen; of a process elsewhere only its
lease tells.
"""

import functools
import json
import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

LEASE_SECONDS = 24 * 3600.0
"""How long a run of another machine is left alone."""


@dataclass(frozen=True)
class Owner:
    """A process.

    Attributes
    ----------
    host : str
        Name of its machine.
    boot : str
        Names this start of the machine: process numbers begin anew with each.
    pid : int
        Number of the process.
    start : str
        When it started, as the machine counts: numbers are given to other processes later.
    """

    host: str
    boot: str
    pid: int
    start: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def tag(self) -> str:
        """Write it as one line."""
        return json.dumps(asdict(self))


def this_process() -> Owner:
    """Name the process that asks."""
    pid = os.getpid()
    return Owner(platform.node(), _boot(), pid, _started(pid))


def read(tag: str | None) -> Owner | None:
    """Read what `Owner.tag` wrote; None if it is something else."""
    try:
        read = Owner(**json.loads(tag or ""))
    except (ValueError, TypeError, RecursionError):
        return None
    return (
        read
        if isinstance(read.pid, int) and all(isinstance(value, str) for value in (read.host, read.boot, read.start))
        else None
    )


def is_gone(owner: Owner, since: float) -> bool:
    """Tell whether a process has ended.

    Parameters
    ----------
    owner : Owner
        The process.
    since : float
        When it took the run, in seconds since the epoch: after `LEASE_SECONDS` a process that cannot be seen from
        here, as those of another machine, counts as gone.
    """
    if owner.host == platform.node() and owner.boot != _boot():
        return True
    if owner.host != platform.node() or not owner.start:
        return time.time() - since > LEASE_SECONDS
    return owner.start != _started(owner.pid)


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""  # elsewhere start times are dates, which no later boot repeats


def _started(pid: int) -> str:
    """Tell when a process started; empty if there is none, or only its corpse."""
    if not _boot():
        return _said_by_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()  # the program's name before it may hold anything
    return "" if state in "ZX" else fields[18]


def _said_by_ps(pid: int) -> str:
    same_for_all = os.environ | {"LC_ALL": "C", "TZ": "UTC"}  # as it is written, it depends on who asks
    asked = ["ps", "-o", "lstart=", "-p", str(pid)]
    try:
        said = subprocess.run(
            asked, env=same_for_all, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError:
        return ""
    return said.stdout.strip()
