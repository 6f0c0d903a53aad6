"""Names of a job's folders and files: each must be possible, lie inside the sweep's folder, and hold no secret."""

import os
from pathlib import Path
from typing import cast

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

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
