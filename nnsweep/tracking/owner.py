"""The owner of a run: the process that holds it, identified by more than its process number, which is used again.

A run whose owner has died will never be ended by it. Everybody who shares the store must see who holds a run, whatever
their host names and PID namespaces are. So a process that holds runs has a lock beside an SQLite store, or renews a
heartbeat in any other store (`nnsweep.tracking.lock`). A process number is trusted only within its own PID namespace.
"""

import contextlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from nnsweep import flock
from nnsweep.tracking import lock, sqlite
from nnsweep.tracking.backend import find_backend
from nnsweep.tracking.store import Store

LEASE_SECONDS = 24 * 3600.0
"""How long a run is left alone of whose owner nothing can be seen."""


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
    pids : str
        Names the PID namespace in which it has the number; empty where that is not known.
    lock : str
        Names its lock beside an SQLite store; empty if it has none.
    every : float
        Seconds between two beats of its heartbeat; 0 if it has none.
    """

    host: str
    boot: str
    pid: int
    start: str
    pids: str = ""
    lock: str = ""
    every: float = 0.0

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def tag(self) -> str:
        """Write it as one line."""
        return json.dumps(asdict(self))


class Signs(NamedTuple):
    """Where signs of life of an owner are to be looked for.

    Attributes
    ----------
    database : Path or None
        The SQLite store beside which its lock is.
    heartbeat : str
        What the store has as its heartbeat: seconds since the epoch, by its clock.
    """

    database: Path | None = None
    heartbeat: str = ""


NOWHERE = Signs()
"""Nothing can be looked at but the process itself."""


class Presence(NamedTuple):
    """Whether an owner is there.

    Attributes
    ----------
    state : {"alive", "unseen", "gone"}
        ``unseen`` if it may live and no sign of life has come for a while.
    says : str
        What can be seen of it, for the user.
    """

    state: Literal["alive", "unseen", "gone"]
    says: str = ""


_GONE = Presence("gone", "it is gone")
_holders: list[tuple[int, Owner]] = []  # for whom this process, and no fork of it, works


def this_process() -> Owner:
    """Name the process that asks."""
    pid = os.getpid()
    return Owner(platform.node(), _boot(), pid, _started(pid), flock.pid_namespace())


def current_owner() -> Owner:
    """Name the owner of the runs that this process starts."""
    owners = [owner for pid, owner in _holders if pid == os.getpid()]
    return owners[-1] if owners else this_process()


@contextlib.contextmanager
def own_runs(owner: Owner) -> Iterator[None]:
    """Let the runs that this process starts during the block have this owner."""
    holder = (os.getpid(), owner)
    _holders.append(holder)
    try:
        yield
    finally:
        _holders.remove(holder)


def read_owner(tag: str | None) -> Owner | None:
    """Read what `Owner.tag` wrote, in this version or an earlier one; None if it is something else."""
    try:
        read = Owner(**json.loads(tag or ""))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (read.host, read.boot, read.start, read.pids, read.lock)
    is_sound = isinstance(read.pid, int) and isinstance(read.every, int | float) and 0 <= read.every < LEASE_SECONDS
    return read if is_sound and all(isinstance(text, str) for text in texts) else None


def is_here(owner: Owner) -> bool:
    """Tell whether a process is one of this kernel, in whatever container."""
    return owner.boot == _boot() and (bool(owner.boot) or owner.host == platform.node())


def is_gone(owner: Owner | None, since: float, signs: Signs = NOWHERE) -> bool:
    """Tell whether a process has ended; see `presence`."""
    return presence(owner, since, signs).state == "gone"


def presence(owner: Owner | None, since: float, signs: Signs = NOWHERE) -> Presence:
    """Look whether a process is there.

    Parameters
    ----------
    owner : Owner or None
        The process; None if nobody knows which.
    since : float
        When it took the run, in seconds since the epoch: `LEASE_SECONDS` later a process of which nothing can be seen
        counts as gone.
    signs : Signs
        Where to look.
    """
    if owner is None:
        return _by_lease(since)
    # in another PID namespace, or one that may be another, somebody else may have the number
    is_known_number = is_here(owner) and owner.start and owner.pids == flock.pid_namespace()
    return (
        _by_lock(owner, signs.database)
        or (_by_start(owner) if is_known_number else None)
        or _by_heartbeat(owner, signs.heartbeat, since)
        or _by_host(owner)
        or _by_lease(since)
    )


def _by_lock(owner: Owner, database: Path | None) -> Presence | None:
    """Look at the lock; None if it says nothing here."""
    if not owner.lock or database is None:
        return None
    state, touched = lock.look_at_lock(database, owner.lock)
    if state == "held":
        return Presence("alive", "its lock is held")
    if state == "absent" or (state == "free" and is_here(owner)):
        return _GONE
    return None if touched is None or not owner.every else _judge_heartbeat(owner, str(touched), touched)


def _by_start(owner: Owner) -> Presence:
    return _GONE if owner.start != _started(owner.pid) else Presence("alive", "it is at work on this machine")


def _by_heartbeat(owner: Owner, text: str, since: float) -> Presence | None:
    """Look at the heartbeat that the store has; None if the process has none there."""
    if owner.lock or not owner.every:
        return None
    try:
        when = float(text)
    except ValueError:
        when = since
    return _judge_heartbeat(owner, text, when)


def _judge_heartbeat(owner: Owner, mark: str, when: float) -> Presence:
    """Judge by a heartbeat: what it is, and when it came."""
    age, most = max(0.0, time.time() - when), lock.MISSED * owner.every
    silence = lock.watch_heartbeat(owner.tag(), mark)
    if silence > most or age > lock.LONG_SECONDS:
        return _GONE
    if max(silence, age) < most / 2:
        return Presence("alive", f"its heartbeat came {age:.0f} s ago")
    return Presence(
        "unseen",
        f"its last heartbeat came {age:.0f} s ago; it counts as gone if none comes within {most - silence:.0f} s",
    )


def _by_host(owner: Owner) -> Presence | None:
    """Judge by the host's name, as is right where no container has the same: the only sign that earlier versions had.

    A machine of this name that has started anew since has none of its processes any more.
    """
    if owner.host != platform.node() or owner.lock or owner.every:
        return None
    if owner.boot != _boot():
        return _GONE
    return _by_start(owner) if owner.start and not owner.pids else None


def _by_lease(since: float) -> Presence:
    until = since + LEASE_SECONDS
    if time.time() > until:
        return _GONE
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(until))
    return Presence("unseen", f"nothing can be seen of it from here; it counts as gone at {when}")


def _boot() -> str:
    return flock.boot()  # elsewhere start times are dates, which no later boot repeats


def _started(pid: int) -> str:
    """Tell when a process started; empty if there is none, or only its corpse."""
    if not _boot():
        return _ask_ps(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()  # the program's name before it may hold anything
    return "" if state in "ZX" else fields[18]


def _ask_ps(pid: int) -> str:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    environment = os.environ | {"LC_ALL": "C", "TZ": "UTC"}  # the date must not depend on who asks
    try:
        answer = subprocess.run(
            command, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError:
        return ""
    return answer.stdout.strip()


HEARTBEAT = "nnsweep.heartbeat"
"""The tag of a sweep's run that its process renews."""


class RunHolder:
    """A process that holds runs.

    Parameters
    ----------
    own_lock : Lock or None
        Its lock, if it has one.

    Attributes
    ----------
    owner : Owner
        The process, with the signs of life that it gives.
    """

    def __init__(self, own_lock: lock.Lock | None) -> None:
        self._lock = own_lock
        self._run: tuple[Store, str] | None = None
        self.owner = replace(this_process(), lock=own_lock.name if own_lock else "")

    def beat_in(self, store: Store, run_id: str) -> None:
        """Let the heartbeat be in this run from now on, if there is no lock."""
        self._run = (store, run_id)

    def beat(self) -> None:
        """Give a sign of life.

        Raises
        ------
        Exception
            Whatever the store raises that is asked: it is not noted as away for that.
        """
        if self._lock:
            self._lock.touch()
        elif self._run:
            store, run_id = self._run
            find_backend(store.uri).log_batch(run_id, metrics=[], params={}, tags=make_first_beat())


@contextlib.contextmanager
def hold_runs(uri: str, *, beats: bool = False) -> Iterator[RunHolder]:
    """Hold the runs that this process starts in a store during the block.

    Parameters
    ----------
    uri : str
        Of the store, which need not be there yet.
    beats : bool
        Whether the process has a run that a heartbeat can be in: it begins that with the tag of `make_first_beat`, and
        names it to `RunHolder.beat_in`.
    """
    database = sqlite.find_database_file(uri)
    with contextlib.ExitStack() as stack:
        own_lock = stack.enter_context(lock.hold_lock(database, this_process().tag())) if database else None
        holder = RunHolder(own_lock)
        if (own_lock or beats) and stack.enter_context(lock.keep_beating(holder.beat)):
            holder.owner = replace(holder.owner, every=lock.EVERY_SECONDS)
        stack.enter_context(own_runs(holder.owner))
        yield holder


def make_first_beat() -> dict[str, str]:
    """Give the tag of a heartbeat of this moment."""
    return {HEARTBEAT: f"{time.time():.3f}"}


def needs_heartbeat(holder: Owner) -> bool:
    """Tell whether the run of a sweep must have the heartbeat of its process."""
    return holder.every > 0 and not holder.lock
