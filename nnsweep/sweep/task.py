"""A task: a checked job with its place in the sweep, in plain values that any process can take.

Composed configurations are large; of each job only what is needed to run it, and the files that Hydra would
write of it, are kept.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnsweep.masking import masked
from nnsweep.sweep.hydra_folder import hydra_files
from nnsweep.sweep.job import Job
from nnsweep.sweep.place import Place
from nnsweep.sweep.result import Attempt


@dataclass(frozen=True, kw_only=True)
class Task:
    """One job of a sweep, ready to be run.

    Attributes
    ----------
    job : Job
        What to train.
    place : Place
        Where it stands; its folder may not exist yet.
    overrides : tuple of str
        What it was composed of.
    configuration : mapping
        As composed, Hydra's own part included.
    output_subdir : str or None
        Where in the job's folder Hydra leaves it; None for nowhere.
    log : str
        The name of its log file.
    has_own_log : bool
        Whether somebody else writes that already, as Hydra does in its single-run mode.
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
        """The log file that is ours to write."""
        return None if self.has_own_log else self.place.folder / self.log

    @property
    def attempt(self) -> Attempt:
        """What tells its run apart from the sweep's others."""
        return self.place.number, self.place.attempt

    def make_folder(self) -> None:
        """Make the job's folder, with Hydra's files in it.

        Raises
        ------
        FileNotFoundError
            If somebody has removed the sweep's folder: what is written to one that takes its place is soon lost, too.
        """
        sweep = next((folder for folder in self.place.folder.parents if folder.name == self.place.sweep), None)
        if sweep is not None and not sweep.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the sweep's folder was removed", str(sweep))
        self.place.folder.mkdir(parents=True, exist_ok=True)
        if self.output_subdir is not None:
            folder = self.place.folder / self.output_subdir
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in hydra_files(self.configuration).items():
                (folder / name).write_bytes(masked(text).encode())
