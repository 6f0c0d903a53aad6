"""Synchronising: what job folders have and a store has not is sent to it, as often as anyone asks.

It is how the results of a sweep come into a store that was away, or into another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nnsweep.errors import ConfigError, DataError
from nnsweep.sweep import abandoned, sending
from nnsweep.sweep import folder as folders
from nnsweep.sweep.folder import Kept
from nnsweep.tracking import claims, earlier
from nnsweep.tracking.store import Store, ready


@dataclass
class Told:
    """What came of it.

    Attributes
    ----------
    sent, present : int
        Records that were sent, and that the store had already.
    damaged : list of str
        What is wrong with the others.
    """

    sent: int = 0
    present: int = 0
    damaged: list[str] = field(default_factory=list)

    def in_words(self) -> str:
        """Say it in a line."""
        damaged = f", {len(self.damaged)} damaged" if self.damaged else ""
        return f"{self.sent} records sent, {self.present} were there already{damaged}"


def sync(root: Path, uri: str) -> Told:
    """Send all records below a folder that a store has not.

    Parameters
    ----------
    root : Path
        A job's folder, a sweep's, or the folder of many sweeps.
    uri : str
        The store; made if it is not there.

    Raises
    ------
    ConfigError
        If there is no such folder.
    StoreError
        If the store refuses; what has been sent is there.
    """
    if not root.is_dir():
        raise ConfigError(f"{root}: there is no such folder; name the folder of a sweep, or of several")
    told = Told()
    read: dict[str, list[tuple[Path, Kept]]] = {}
    for path in sorted(root.absolute().glob(f"**/{folders.RECORD}")):
        try:
            if kept := folders.read_kept(path.parent):
                read.setdefault(kept.experiment, []).append((path.parent, kept))
        except DataError as error:
            told.damaged += error.problems
    for experiment, records in read.items():
        store = ready(uri, experiment)
        with claims.alone(store):
            _send(store, records, told)
            abandoned.close(store, earlier.running(store))
    return told


def _send(store: Store, records: Sequence[tuple[Path, Kept]], told: Told) -> None:
    known = earlier.with_keys(store, {kept.record.key for _, kept in records})
    still_open = {run.record.run_id for run in earlier.running(store)}  # though its state may be told already
    ended = {
        (run.record.sweep, run.record.job, run.record.attempt)
        for runs in known.values()
        for run in runs
        if run.record.state not in ("running", "lost") and run.record.run_id not in still_open
    }
    for place, kept in records:
        if (kept.record.sweep, kept.record.job, kept.record.attempt) in ended:
            told.present += 1
            continue
        try:
            sending.resend(store, place, kept)
            told.sent += 1
        except DataError as error:
            told.damaged += error.problems
