"""The folders that Hydra makes for a sweep and its jobs: which names they may have, and when they are removed again.

Each job needs a folder of its own inside the sweep's, and none may hold a secret. Hydra makes a folder before the job
is checked; `NotedFolders` remembers it, so that a refused command leaves nothing behind.
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
    """Join the job's folder to the sweep's as an absolute path, which stays valid when the process changes folder."""
    return Path(os.path.abspath(os.path.join(sweep, folder)))


def find_folder_problems(log: str, output: str | None, sweep: str, folder: str, taken: set[str]) -> list[str]:
    """List what is wrong with the names of a job's files and folders.

    Parameters
    ----------
    log : str
        The name of its log, without ``.log``.
    output : str or None
        The folder within its own in which Hydra leaves its files; None if it writes none.
    sweep, folder : str
        The sweep's folder, and the job's own within it.
    taken : set of str
        The folders of other jobs, relative to the sweep's. This job's is added, unless no folder can have its name.
    """
    names = {"hydra.sweep.dir": sweep, "hydra.sweep.subdir": folder, "hydra.output_subdir": output or ""}
    wrong = [
        f"{key}={shorten(name)}: no folder can have this name" for key, name in names.items() if not is_nameable(name)
    ]
    if not sweep:
        wrong.append("hydra.sweep.dir=: must name a folder, as multirun/${nnsweep_sweep:} does")
    if os.sep in log or not is_nameable(f"{log}.log"):
        wrong.append(f"hydra.job.name={shorten(log)}: no file can have this name; it becomes the log's, NAME.log")
    if wrong:
        return wrong
    own = os.path.relpath(os.path.join(sweep, folder), sweep)
    if not _is_inside(own) or own in taken:
        rule = "must give each job its own folder inside hydra.sweep.dir, as ${hydra.job.num} does"
        wrong.append(f"hydra.sweep.subdir={folder}: {rule}")
    taken.add(own)
    if output is not None:
        job = os.path.join(sweep, own)
        if not _is_inside(os.path.relpath(os.path.join(job, output), job)):
            rule = "must be a folder inside the job's own, such as .hydra, or null"
            wrong.append(f"hydra.output_subdir={output}: {rule}")
    return wrong


def find_secrets(config: DictConfig) -> list[str]:
    """List the secrets that Hydra would write into the folders of jobs, as problems."""
    own = config.hydra.job
    named = {f"hydra.job.env_set.{name}": name for name in own.env_set}
    named |= {f"hydra.job.env_copy={name}": name for name in own.env_copy}
    rule = "would be written into the job's folder; set it in the environment, which jobs inherit"
    return [f"{key}: a secret {rule}" for key, name in named.items() if is_secret_name(str(name))]


def _is_inside(path: str) -> bool:
    """Tell whether a path relative to a folder leads to another folder within it."""
    return path.split(os.sep)[0] not in (os.curdir, os.pardir)


_JOB_FILES = ("config.yaml", "hydra.yaml", "overrides.yaml")
_SWEEP_FILE = "multirun.yaml"


class _NewFolder(NamedTuple):
    folder: Path
    top: Path  # the uppermost folder that has to be made for it
    output_subdir: str


_new_folders: list[_NewFolder] = []  # those of the command that is running


class NotedFolders(Callback):
    """A callback of conf/config.yaml that notes which folders do not exist yet when Hydra starts."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Note the folder of a single run."""
        _note_if_absent(config, "run")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Note the folder of a sweep."""
        _note_if_absent(config, "sweep")


def _note_if_absent(config: DictConfig, kind: str) -> None:
    with contextlib.suppress(OmegaConfBaseException):  # a wrong name is reported when the folder is made
        folder = Path(os.path.abspath(str(config.hydra[kind].dir)))
        absent = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
        if absent:
            _new_folders.append(_NewFolder(folder, absent[-1], str(config.hydra.output_subdir)))


def remove_if_empty() -> None:
    """Remove the new folders that hold no results, and the folders above that were made for them."""
    while _new_folders:
        new = _new_folders.pop()
        # the folder may never have been made, perhaps because its name is impossible
        if os.path.isdir(new.folder) and not all(_is_from_hydra(path, new) for path in _list_files(new.folder)):
            continue
        shutil.rmtree(new.folder, ignore_errors=True)
        for path in new.folder.parents:
            if not path.is_relative_to(new.top):
                break
            with contextlib.suppress(OSError):  # it holds something else
                path.rmdir()


def _list_files(folder: Path) -> Iterator[Path]:
    """Iterate over all files and links below a folder, lazily, for there may be very many."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in files)
        yield from (path for name in folders if (path := Path(place, name)).is_symlink())


def _is_from_hydra(path: Path, new: _NewFolder) -> bool:
    """Tell whether Hydra writes a file by itself: a configuration, or an empty log."""
    if path.is_symlink():
        return False
    configuration = path.name in _JOB_FILES and path.parent.name == Path(new.output_subdir).name
    return configuration or path.name == _SWEEP_FILE or (path.suffix == ".log" and path.stat().st_size == 0)
