"""A job's place: its folder, its number and name, and what it must know of the sweep it belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a job stands in its sweep.

    Attributes
    ----------
    folder : Path
        The job's own folder; it exists when the job is run.
    sweep : str
        The sweep's id.
    number : int
        The job's number, from 0.
    name : str
        The run's name.
    chosen : mapping of str to str
        The names of its choices.
    varying : sequence of str
        The settings that differ between the jobs of the sweep.
    attempt : int
        How many runs with the same key there are with this one.
    checkpoint : Path or None
        The folder of an earlier attempt that left a checkpoint to go on from.
    key : str
        The job's key, where that was decided; a folder may hold records of other jobs.
    owner : str
        The sweep's process, which holds the job's run, as `nnsweep.tracking.owner.Owner.tag` writes it; empty if
        nobody has said who that is.
    """

    folder: Path
    sweep: str
    number: int
    name: str
    chosen: Mapping[str, str]
    varying: Sequence[str] = ()
    attempt: int = 1
    checkpoint: Path | None = None
    key: str = ""
    owner: str = ""
