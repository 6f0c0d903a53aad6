"""The folders that Hydra makes for a sweep and its jobs: which names they can have, and when they are removed again.

Each job needs a folder of its own inside the sweep's, and none may hold a secret. Hydra makes a folder before the job
is checked; `NotedFolders` remembers it, and a command that is refused leaves nothing behind.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from nnsweep.files import is_nameable
from nnsweep.text import is_secret_name, shorten


def resolve_folders(config: DictConfig) -> tuple[str, str]:
    """Resolve the sweep's and the job's folder within it as Hydra does when it launches a job that has a number."""
    current = HydraConfig.instance()
    before = current.cfg
    current.cfg = cast(HydraConf, config)  # for ${hydra:...}; `set_config` would copy it
    try:
        return str(config.hydra.sweep.dir), str(config.hydra.sweep.subdir)
    finally:
        current.cfg = before


def join_folders(sweep: str, folder: str) -> Path:
    """Give the job's folder, wherever this process goes."""
    return Path(os.path.abspath(os.path.join(sweep, folder)))


def find_folder_problems(log: str, output: str | None, sweep: str, folder: str, taken: set[str]) -> list[str]:
    """Say what is wrong with the names of a job's files and folders.

    Parameters
    ----------
    log : str
        What its log is called, without ``.log``.
    output : str or None
        Where in its folder Hydra leaves its files.
    sweep, folder : str
        The sweep's folder, and the job's own within it.
    taken : set of str
        The folders of other jobs; if nothing is wrong, this one is taken from now on.
    """
    names = {"hydra.sweep.dir": sweep, "hydra.sweep.subdir": folder, "hydra.output_subdir": output or ""}
    wrong = [
        f"{key}={shorten(name)}: no folder can have this name" for key, name in names.items() if not is_nameable(name)
    ]
    if not sweep:
        wrong.append("hydra.sweep.dir=: must name a folder, as multirun/${nnsweep_sweep:} does")
    if os.sep in log or not is_nameable(f"{log}.log"):
        wrong.append(f"hydra.job.name={shorten(log)}: no file can have this name; it becomes the log's, NAME.log")
    return wrong or _folder_problems(sweep, folder, output, taken)


def _folder_problems(sweep: str, folder: str, output: str | None, taken: set[str]) -> list[str]:
    """Say what is wrong with a job's folder within its sweep's; if nothing is, it is taken from now on."""
    own = os.path.relpath(os.path.join(sweep, folder), sweep)
    wrong = []
    if not _inside(own) or own in taken:
        rule = "must give each job its own folder inside hydra.sweep.dir, as ${hydra.job.num} does"
        wrong.append(f"hydra.sweep.subdir={folder}: {rule}")
    taken.add(own)
    if output is not None and not _inside(os.path.relpath(os.path.join(sweep, own, output), os.path.join(sweep, own))):
        wrong.append(f"hydra.output_subdir={output}: must be a folder inside the job's own, such as .hydra, or null")
    return wrong


def find_secrets(config: DictConfig) -> list[str]:
    """Refuse to let Hydra write secrets into the folders of jobs."""
    own = config.hydra.job
    named = {f"hydra.job.env_set.{name}": name for name in own.env_set}
    named |= {f"hydra.job.env_copy={name}": name for name in own.env_copy}
    rule = "would be written into the job's folder; set it in the environment, which jobs inherit"
    return [f"{key}: a secret {rule}" for key, name in named.items() if is_secret_name(str(name))]


def _inside(path: str) -> bool:
    """Tell whether a path, which is relative to a folder, leads to another within it."""
    return path.split(os.sep)[0] not in (os.curdir, os.pardir)


_LEFT_BY_HYDRA = ("config.yaml", "hydra.yaml", "overrides.yaml")
_SWEEPS = "multirun.yaml"


class _Fresh(NamedTuple):
    folder: Path
    top: Path  # the uppermost folder that has to be made for it
    output_subdir: str


_fresh: list[_Fresh] = []  # of the command that this process is at


class NotedFolders(Callback):
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


def remove_if_empty() -> None:
    """Remove the noted folders that have come to nothing, with the folders above them that were made for them."""
    while _fresh:
        noted = _fresh.pop()
        # it may never have been made, perhaps because nothing can have its name
        if os.path.isdir(noted.folder) and not all(_is_hydras(path, noted) for path in _files(noted.folder)):
            continue
        shutil.rmtree(noted.folder, ignore_errors=True)
        for path in noted.folder.parents:
            if not path.is_relative_to(noted.top):
                break
            with contextlib.suppress(OSError):  # somebody else's things are in it
                path.rmdir()


def _files(folder: Path) -> Iterator[Path]:
    """Give all that is below a folder and is no folder itself, as far as is asked for: there may be very much."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in files)
        yield from (path for name in folders if (path := Path(place, name)).is_symlink())


def _is_hydras(path: Path, noted: _Fresh) -> bool:
    """Tell whether a file is one that Hydra writes by itself: a configuration, or a log in which nothing is."""
    if path.is_symlink():
        return False
    configuration = path.name in _LEFT_BY_HYDRA and path.parent.name == Path(noted.output_subdir).name
    return configuration or path.name == _SWEEPS or (path.suffix == ".log" and path.stat().st_size == 0)
