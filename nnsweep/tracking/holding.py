"""The holding of runs: a process shows, as long as it lives, that the runs which name it as their owner are its own.

For an SQLite store it holds a lock beside it. For any other, and where there are no locks, it renews a heartbeat in the
store.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

from nnsweep.tracking import lock, owner, sqlite
from nnsweep.tracking.backend import find_backend
from nnsweep.tracking.owner import Owner
from nnsweep.tracking.runs import HEARTBEAT
from nnsweep.tracking.store import Store


class RunHolder:
    """A process that holds runs.

    Parameters
    ----------
    held : Lock or None
        Its lock, if it has one.

    Attributes
    ----------
    owner : Owner
        The process, with the signs of life that it gives.
    """

    def __init__(self, held: lock.Lock | None) -> None:
        self._lock = held
        self._run: tuple[Store, str] | None = None
        self.owner = replace(owner.this_process(), lock=held.name if held else "")

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
        held = stack.enter_context(lock.hold_lock(database, owner.this_process().tag())) if database else None
        one = RunHolder(held)
        if (held or beats) and stack.enter_context(lock.keep_beating(one.beat)):
            one.owner = replace(one.owner, every=lock.EVERY_SECONDS)
        stack.enter_context(owner.own_runs(one.owner))
        yield one


def make_first_beat() -> dict[str, str]:
    """Give the tag of a heartbeat of this moment."""
    return {HEARTBEAT: f"{time.time():.3f}"}


def needs_heartbeat(holder: Owner) -> bool:
    """Tell whether the run of a sweep must have the heartbeat of its process."""
    return holder.every > 0 and not holder.lock
