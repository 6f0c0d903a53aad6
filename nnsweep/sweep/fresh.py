"""Fresh folders: what Hydra makes for a command before a job is looked at, which goes again if nothing came of it.

Hydra makes a single run's folder before the job is checked, and other sweepers than ours make that of their sweep. Only
what was not there before the command, and holds nothing but what Hydra writes by itself, is ever removed.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

_WRITTEN = ("config.yaml", "hydra.yaml", "overrides.yaml")
_SWEEPS = "multirun.yaml"


class _Fresh(NamedTuple):
    folder: Path
    top: Path  # the uppermost folder that has to be made for it
    output_subdir: str


_fresh: list[_Fresh] = []  # of the command that this process is at


class Noted(Callback):
    """Notes which folders are not there yet when Hydra is about to begin: a callback of conf/config.yaml."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Note the folder of a single run."""
        _note(config, "run")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Note the folder of a sweep."""
        _note(config, "sweep")


def _note(config: DictConfig, kind: str) -> None:
    with contextlib.suppress(OmegaConfBaseException):  # who makes the folder tells what is wrong with its name
        folder = Path(os.path.abspath(str(config.hydra[kind].dir)))
        absent = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
        if absent:
            _fresh.append(_Fresh(folder, absent[-1], str(config.hydra.output_subdir)))


def remove() -> None:
    """Remove the noted folders that have come to nothing, with the folders above them that were made for them."""
    while _fresh:
        noted = _fresh.pop()
        if not _came_to_nothing(noted):
            continue
        shutil.rmtree(noted.folder, ignore_errors=True)
        for path in noted.folder.parents:
            if not path.is_relative_to(noted.top):
                break
            with contextlib.suppress(OSError):  # somebody else's things are in it
                path.rmdir()


def _came_to_nothing(noted: _Fresh) -> bool:
    """Tell whether a folder holds only what Hydra writes by itself: configurations, and logs in which nothing is."""
    if not os.path.isdir(noted.folder):  # it was never made, perhaps because nothing can have its name
        return True
    return all(_is_hydras(path, noted) for path in _files(noted.folder))


def _files(folder: Path) -> Iterator[Path]:
    """Give all that is below a folder and is no folder itself, as far as is asked for: there may be very much."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in files)
        yield from (path for name in folders if (path := Path(place, name)).is_symlink())


def _is_hydras(path: Path, noted: _Fresh) -> bool:
    if path.is_symlink():
        return False
    configuration = path.name in _WRITTEN and path.parent.name == Path(noted.output_subdir).name
    return configuration or path.name == _SWEEPS or (path.suffix == ".log" and path.stat().st_size == 0)
