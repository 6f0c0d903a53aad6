"""A grid: the jobs of one command, all checked before the first one starts.

Hydra composes each job's configuration; here it becomes a `Job` or a list of what is wrong with it. What
the jobs of a sweep must know of each other is written into the sweep's folder, where every job finds it.
"""

import gc
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from hydra.conf import HydraConf
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from nnsweep.errors import ConfigError
from nnsweep.files import whole_file
from nnsweep.jobs import folder_names
from nnsweep.jobs.arguments import quote_for_shell
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.compose import Composer
from nnsweep.jobs.hydra_folder import make_plain_configuration
from nnsweep.jobs.job import OPERATIONAL, WHEREABOUTS, Job
from nnsweep.jobs.names import make_run_name, name_choices
from nnsweep.jobs.problems import explain_hydra_error
from nnsweep.jobs.task import Place, Task
from nnsweep.jobs.variants import Variants
from nnsweep.text import mask_secrets
from nnsweep.tracking.owner import Owner
from nnsweep.tracking.store import resolve_uri

PLAN = "sweep.json"
_SQLITE = "sqlite:///"


def make_tasks(
    grid: Sequence[Sequence[str]],
    compose: Callable[[Sequence[str]], DictConfig],
    *,
    first: int = 0,
    known: Sequence[str] = (),
) -> list[Task]:
    """Compose and check every job of a grid.

    Parameters
    ----------
    grid : sequence of sequences of str
        The overrides of each job.
    compose : callable
        Hydra's composition of one job.
    first : int
        The number of the first job.
    known : sequence of str
        Problems that are known already.

    Returns
    -------
    list of Task
        In the order of the grid.

    Raises
    ------
    ConfigError
        With all problems of all jobs, each once.
    """
    found: list[Task] = []
    wrong = dict.fromkeys(known)
    folders: set[str] = set()
    differing = find_varying_keys(grid)
    quick = Variants(compose) if isinstance(compose, Composer) else None
    with _rarely_collected():
        for number, overrides in enumerate(grid, start=first):
            if quick and (task := quick.task(overrides, number, folders)):
                found.append(task)
                continue
            try:
                config = compose(overrides)
                _number(config, number)
                sweep, folder = folder_names.resolve_folders(config)
                log, output = str(config.hydra.job.name), config.hydra.output_subdir
                wrong |= dict.fromkeys(folder_names.find_folder_problems(log, output, sweep, folder, folders))
                wrong |= dict.fromkeys(folder_names.find_secrets(config))
                found.append(_task(config, tuple(overrides), folder_names.join_folders(sweep, folder), differing))
                if quick:
                    quick.keep(found[-1])
            except ConfigError as error:
                wrong |= dict.fromkeys(error.problems)
            except (HydraException, OmegaConfBaseException) as error:
                wrong |= {explain_hydra_error(error): None}
    if wrong:
        raise ConfigError(*wrong)
    for name in OPERATIONAL:
        if len({getattr(task.job, name) for task in found}) > 1:
            raise ConfigError(
                f"{name} must be the same for all jobs of a sweep; start one sweep for each{_one_name(found)}"
            )
    return found


def _one_name(tasks: Sequence[Task]) -> str:
    """Say how a name with commas is written, if that may be what several experiments are."""
    names = [*dict.fromkeys(task.job.tracking.experiment for task in tasks)]
    if len(names) == 1:
        return ""
    return f"; for one name with commas write, in a shell, {quote_for_shell('tracking.experiment', ','.join(names))}"


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Look for garbage less often: composed configurations are many small objects, most of them soon gone."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _task(config: DictConfig, overrides: tuple[str, ...], folder: Path, differing: Sequence[str]) -> Task:
    job = check_configuration(config)
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.runtime.output_dir = str(folder)
    return Task(
        job=job,
        place=_place(job, cast(HydraConf, config.hydra), differing),
        overrides=overrides,
        configuration=make_plain_configuration(config),
        output_subdir=config.hydra.output_subdir,
        log=f"{config.hydra.job.name}.log",
    )


def _number(config: DictConfig, number: int) -> None:
    """Give a job its number, as Hydra does when it launches the job."""
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.job.num, config.hydra.job.id = number, str(number)


def find_varying_keys(grid: Sequence[Sequence[str]]) -> list[str]:
    """Name the keys whose values differ between the jobs."""
    values: dict[str, set[str]] = {}
    for overrides in grid:
        for override in overrides:
            key, _, value = override.lstrip("+").partition("=")
            values.setdefault(key, set()).add(value)
    return [key for key, seen in values.items() if len(seen) > 1]


def write_plan(folder: Path, tasks: Sequence[Task], owner: Owner, database: Path | None) -> None:
    """Write what every job must know of its sweep into the sweep's folder.

    Parameters
    ----------
    folder : Path
        The sweep's.
    tasks : sequence of Task
        What has been and will be launched, in that order: Hydra's launchers number jobs so.
    owner : Owner
        The process that launches them.
    database : Path or None
        The SQLite store beside which its lock is.
    """
    jobs = [
        {
            "number": task.place.number,
            "attempt": task.place.attempt,
            "checkpoint": task.place.checkpoint and str(task.place.checkpoint),
            "key": task.place.key,
            "overrides": [mask_secrets(override) for override in task.overrides],
        }
        for task in tasks
    ]
    place = tasks[0].place
    plan = {
        "varying": place.varying,
        "owner": owner.tag(),
        "database": database and str(database),
        "jobs": jobs,
    }
    with whole_file(folder / PLAN) as file:
        file.write(json.dumps(plan).encode())


def read_place(job: Job, hydra: HydraConf) -> Place:
    """Say where a job stands in its sweep, from Hydra's own configuration of the job.

    Parameters
    ----------
    job : Job
        The job.
    hydra : HydraConf
        Hydra's part of the composed configuration, in the job's process.
    """
    plan = sweep_folder(hydra) / PLAN
    if not plan.exists():
        return _place(job, hydra, ())
    about = json.loads(plan.read_text(encoding="utf-8"))
    launched = about["jobs"][_number_of(hydra)]
    checkpoint = launched["checkpoint"] and Path(launched["checkpoint"])
    return replace(
        _place(job, hydra, about["varying"]),
        number=launched["number"],
        attempt=launched["attempt"],
        checkpoint=checkpoint,
        key=launched["key"],
        owner=about["owner"],
    )


def sweep_folder(hydra: HydraConf) -> Path:
    """Give the sweep's folder from Hydra's configuration of a job, whose process may be in another folder by now."""
    return Path(hydra.runtime.cwd, hydra.sweep.dir)


def make_single_task(config: DictConfig, hydra: HydraConf) -> Task:
    """Make the task of Hydra's single-run mode, whose folder is the sweep's and the job's in one.

    Parameters
    ----------
    config : DictConfig
        The composed configuration, without Hydra's own part.
    hydra : HydraConf
        Hydra's part.

    Returns
    -------
    Task
        Its folder and what Hydra writes are there already; its store is independent of the working folder, which Hydra
        may have changed.

    Raises
    ------
    ConfigError
        With one line for each problem.
    """
    job = locate_data(check_configuration(config), Path(hydra.runtime.cwd))
    uri = resolve_uri(job.tracking.uri, Path(hydra.runtime.cwd))
    place = _place(job, hydra, ())
    return Task(
        job=job.model_copy(update={"tracking": job.tracking.model_copy(update={"uri": uri})}),
        place=replace(place, sweep=place.folder.name),
        overrides=tuple(hydra.overrides.task),
        configuration={},
        output_subdir=None,
        log=f"{hydra.job.name}.log",
        has_own_log=True,
    )


def locate_data(job: Job, folder: Path) -> Job:
    """Let a job find data that are named from the folder in which the program was started, if it is in another.

    Parameters
    ----------
    job : Job
        The job.
    folder : Path
        Where the program was started.

    Returns
    -------
    Job
        The same if this process is still there.
    """
    if Path.cwd() == folder:
        return job
    given = {name: getattr(job.data, name, None) for name in WHEREABOUTS}
    places = {name: _from(folder, value) for name, value in given.items() if value}
    return job.model_copy(update={"data": job.data.model_copy(update=places)})


def _from(folder: Path, place: str) -> str:
    """Name a file or a database of a file from the root; what is an address of another kind, or a home, stays."""
    if place.startswith(_SQLITE):
        return _SQLITE + os.path.join(folder, place.removeprefix(_SQLITE))
    return place if "://" in place or place.startswith("~") else os.path.join(folder, place)


def _number_of(hydra: HydraConf) -> int:
    return 0 if OmegaConf.is_missing(hydra.job, "num") else int(hydra.job.num)


def _place(job: Job, hydra: HydraConf, varying: Sequence[str]) -> Place:
    overrides = [str(override) for override in hydra.overrides.task]
    chosen = name_choices(hydra.runtime.choices, overrides)
    return Place(
        folder=Path(hydra.runtime.output_dir),
        sweep=sweep_folder(hydra).name,
        number=_number_of(hydra),
        name=make_run_name(job, chosen, overrides, varying),
        chosen=chosen,
        varying=varying,
    )


def refuse_dry_run(job: Job) -> None:
    """Refuse ``dry_run=true`` where jobs come from a sweeper that makes no plan.

    Raises
    ------
    ConfigError
        If a plan is asked for.
    """
    if job.dry_run:
        raise ConfigError("dry_run=true: only the grid sweeper makes a plan; leave out hydra/sweeper")
