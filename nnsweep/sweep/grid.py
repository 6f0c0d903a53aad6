"""A grid: the jobs of one command, all checked before the first one starts.

Hydra composes each job's configuration; here it becomes a `Job` or a list of what is wrong with it. What
the jobs of a sweep must know of each other is written into the sweep's folder, where every job finds it.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from nnsweep.errors import ConfigError
from nnsweep.files import whole_file
from nnsweep.sweep.composing import told
from nnsweep.sweep.describe import choices, run_name
from nnsweep.sweep.job import Job
from nnsweep.sweep.problems import problems
from nnsweep.sweep.work import Place

PLAN = "sweep.json"


def checked(config: DictConfig) -> Job:
    """Make a job of a composed configuration.

    Raises
    ------
    ConfigError
        With one line for each problem.
    """
    ours = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        values: Any = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(told(error)) from error
    try:
        return Job.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise ConfigError(*problems(error, values)) from error


def jobs(grid: Sequence[Sequence[str]], compose: Callable[[Sequence[str]], DictConfig]) -> list[Job]:
    """Compose and check every job of a grid.

    Parameters
    ----------
    grid : sequence of sequences of str
        The overrides of each job.
    compose : callable
        Hydra's composition of one job.

    Returns
    -------
    list of Job
        In the order of the grid.

    Raises
    ------
    ConfigError
        With all problems of all jobs, each once.
    """
    found: list[Job] = []
    wrong: dict[str, None] = {}
    folders: set[str] = set()
    for number, overrides in enumerate(grid):
        try:
            config = compose([*overrides])
            wrong |= dict.fromkeys(_folder_problems(config, number, folders))
            found.append(checked(config))
        except ConfigError as error:
            wrong |= dict.fromkeys(error.problems)
        except (HydraException, OmegaConfBaseException) as error:
            wrong |= {told(error): None}
    if wrong:
        raise ConfigError(*wrong)
    if len({job.tracking for job in found}) > 1:
        raise ConfigError("tracking must be the same for all jobs of a sweep; start one sweep for each")
    return found


def _folder_problems(config: DictConfig, number: int, taken: set[str]) -> list[str]:
    """Say what is wrong with a job's folder; if nothing is, it is taken from now on."""
    sweep, folder = _folders(config, number)
    place = os.path.relpath(os.path.join(sweep, folder), sweep)
    if place.split(os.sep)[0] in (os.curdir, os.pardir) or place in taken:
        rule = "must give each job its own folder inside hydra.sweep.dir, as ${hydra.job.num} does"
        return [f"hydra.sweep.subdir={folder}: {rule}"]
    taken.add(place)
    return []


def _folders(config: DictConfig, number: int) -> tuple[str, str]:
    """Resolve the sweep's and the job's folder as Hydra does when it launches the job, which then has a number."""
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.job.num, config.hydra.job.id = number, str(number)
    current = HydraConfig.instance()
    before = current.cfg
    current.cfg = cast(HydraConf, config)  # for ${hydra:...}; `set_config` would copy it
    try:
        return str(config.hydra.sweep.dir), str(config.hydra.sweep.subdir)
    finally:
        current.cfg = before


def varying(grid: Sequence[Sequence[str]]) -> list[str]:
    """Name the keys whose values differ between the jobs."""
    values: dict[str, set[str]] = {}
    for overrides in grid:
        for override in overrides:
            key, _, value = override.lstrip("+").partition("=")
            values.setdefault(key, set()).add(value)
    return [key for key, seen in values.items() if len(seen) > 1]


def write_plan(folder: Path, grid: Sequence[Sequence[str]]) -> None:
    """Write what every job must know of its sweep into the sweep's folder."""
    with whole_file(folder / PLAN) as file:
        file.write(json.dumps({"varying": varying(grid), "jobs": [[*overrides] for overrides in grid]}).encode())


def place(job: Job, hydra: HydraConf) -> Place:
    """Say where a job stands in its sweep, from Hydra's own configuration of the job.

    Parameters
    ----------
    job : Job
        The job.
    hydra : HydraConf
        Hydra's part of the composed configuration, in the job's process.
    """
    overrides = [str(override) for override in hydra.overrides.task]
    sweep_folder = Path(hydra.sweep.dir).absolute()
    plan = sweep_folder / PLAN
    differing = json.loads(plan.read_text())["varying"] if plan.exists() else []
    chosen = choices(hydra.runtime.choices, overrides)
    return Place(
        folder=Path(hydra.runtime.output_dir),
        sweep=sweep_folder.name,
        number=0 if OmegaConf.is_missing(hydra.job, "num") else int(hydra.job.num),
        name=run_name(job, chosen, overrides, differing),
        chosen=chosen,
        varying=differing,
    )
