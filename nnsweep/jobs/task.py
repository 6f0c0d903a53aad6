"""A task: a job with its place in the sweep, which is its number, its name and its folder.

Tasks go to worker processes, which import nothing of Hydra's; `nnsweep.jobs.tasks` makes them.
"""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnsweep.files import write_anew
from nnsweep.jobs.hydra_folder import make_hydra_files
from nnsweep.jobs.job import Job
from nnsweep.jobs.result import Attempt
from nnsweep.text import mask_secrets


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
        The job's key, once the data are known; a folder may hold records of other jobs.
    owner : str
        The sweep's process, which holds the job's run, as `nnsweep.tracking.owner.Owner.tag` writes it; empty if
        the job records itself.
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


@dataclass(frozen=True, kw_only=True)
class Task:
    """One job of a sweep, ready to run.

    Attributes
    ----------
    job : Job
        What to train.
    place : Place
        Where it stands; its folder may not exist yet.
    overrides : tuple of str
        The overrides that it was composed of.
    configuration : mapping
        As composed, with Hydra's own part.
    output_subdir : str or None
        Where in the job's folder Hydra writes it; None for nowhere.
    log : str
        The name of its log file.
    has_own_log : bool
        Whether Hydra writes that itself, as in its single-run mode.
    """

    job: Job
    place: Place
    overrides: tuple[str, ...]
    configuration: Mapping[str, Any]
    output_subdir: str | None
    log: str
    has_own_log: bool = False

    @property
    def log_path(self) -> Path | None:
        """The log file that nnsweep writes; None if Hydra does."""
        return None if self.has_own_log else self.place.folder / self.log

    @property
    def attempt(self) -> Attempt:
        """What identifies its run in the sweep."""
        return self.place.number, self.place.attempt

    def make_folder(self) -> None:
        """Make the job's folder, with Hydra's files in it.

        Raises
        ------
        FileNotFoundError
            If somebody has removed the sweep's folder: another one in its place would soon be removed, too.
        """
        sweep = next((folder for folder in self.place.folder.parents if folder.name == self.place.sweep), None)
        if sweep is not None and not sweep.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the sweep's folder was removed", str(sweep))
        self.place.folder.mkdir(parents=True, exist_ok=True)
        if self.output_subdir is not None:
            folder = self.place.folder / self.output_subdir
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in make_hydra_files(self.configuration).items():
                write_anew(folder / name, mask_secrets(text).encode())
