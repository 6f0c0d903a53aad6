"""From composed configurations to tasks: the jobs of one command, all checked before the first one starts.

Hydra composes each job's configuration; here it becomes a `Task`, or a list of what is wrong with it. The process of a
job that another launcher runs finds here where the job stands in its sweep.
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
from nnsweep.jobs import folders as folder_names
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.compose import Composer
from nnsweep.jobs.hydra_folder import make_plain_configuration
from nnsweep.jobs.job import OPERATIONAL, WHEREABOUTS, Job
from nnsweep.jobs.names import make_run_name, name_choices
from nnsweep.jobs.overrides import quote_for_shell
from nnsweep.jobs.problems import explain_hydra_error
from nnsweep.jobs.sweep_folder import PLAN
from nnsweep.jobs.task import Place, Task
from nnsweep.jobs.variants import Variants
from nnsweep.tracking.store import resolve_uri

_SQLITE = "sqlite:///"


def make_tasks(
    grid: Sequence[Sequence[str]],
    compose: Callable[[Sequence[str]], DictConfig],
    *,
    first: int = 0,
    problems: Sequence[str] = (),
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
    problems : sequence of str
        Problems of the grid itself.

    Returns
    -------
    list of Task
        In the order of the grid.

    Raises
    ------
    ConfigError
        With all problems of all jobs, each once.
    """
    tasks: list[Task] = []
    lines = dict.fromkeys(problems)
    folders: set[str] = set()
    varying = find_varying_keys(grid)
    variants = Variants(compose) if isinstance(compose, Composer) else None
    with _collect_seldom():
        for number, overrides in enumerate(grid, start=first):
            if variants and (task := variants.task(overrides, number, folders)):
                tasks.append(task)
                continue
            try:
                config = compose(overrides)
                with read_write(config.hydra), open_dict(config.hydra):  # as Hydra does when it launches the job
                    config.hydra.job.num, config.hydra.job.id = number, str(number)
                sweep, folder = folder_names.resolve_folders(config)
                log, output = str(config.hydra.job.name), config.hydra.output_subdir
                lines |= dict.fromkeys(folder_names.find_folder_problems(log, output, sweep, folder, folders))
                lines |= dict.fromkeys(folder_names.find_secrets(config))
                tasks.append(_make_task(config, tuple(overrides), folder_names.join_folders(sweep, folder), varying))
                if variants:
                    variants.keep(tasks[-1])
            except ConfigError as error:
                lines |= dict.fromkeys(error.problems)
            except (HydraException, OmegaConfBaseException) as error:
                lines[explain_hydra_error(error)] = None
    if lines:
        raise ConfigError(*lines)
    _require_one_sweep(tasks)
    return tasks


@contextmanager
def _collect_seldom() -> Iterator[None]:
    """Let the garbage collector run seldom: composed configurations are many small objects, most of them soon gone."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _make_task(config: DictConfig, overrides: tuple[str, ...], folder: Path, varying: Sequence[str]) -> Task:
    job = check_configuration(config)
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.runtime.output_dir = str(folder)
    return Task(
        job=job,
        place=_make_place(job, cast(HydraConf, config.hydra), varying),
        overrides=overrides,
        configuration=make_plain_configuration(config),
        output_subdir=config.hydra.output_subdir,
        log=f"{config.hydra.job.name}.log",
    )


def _require_one_sweep(tasks: Sequence[Task]) -> None:
    """Refuse jobs that differ in settings of the sweep; suggest how a name with commas is quoted."""
    for name in OPERATIONAL:
        if len({getattr(task.job, name) for task in tasks}) > 1:
            experiments = dict.fromkeys(task.job.tracking.experiment for task in tasks)
            quoted = quote_for_shell("tracking.experiment", ",".join(experiments))
            hint = f"; for one name with commas write, in a shell, {quoted}" if len(experiments) > 1 else ""
            raise ConfigError(f"{name} must be the same for all jobs of a sweep; start one sweep for each{hint}")


def find_varying_keys(grid: Sequence[Sequence[str]]) -> list[str]:
    """Name the keys whose values differ between the jobs."""
    values: dict[str, set[str]] = {}
    for overrides in grid:
        for override in overrides:
            key, _, value = override.lstrip("+").partition("=")
            values.setdefault(key, set()).add(value)
    return [key for key, seen in values.items() if len(seen) > 1]


def read_place(job: Job, hydra: HydraConf) -> Place:
    """Say where a job stands in its sweep, from Hydra's own configuration of the job.

    Parameters
    ----------
    job : Job
        The job.
    hydra : HydraConf
        Hydra's part of the composed configuration, in the job's process.
    """
    file = find_sweep_folder(hydra) / PLAN
    if not file.exists():
        return _make_place(job, hydra, ())
    plan = json.loads(file.read_text(encoding="utf-8"))
    launched = plan["jobs"][_get_number(hydra)]
    return replace(
        _make_place(job, hydra, plan["varying"]),
        number=launched["number"],
        attempt=launched["attempt"],
        checkpoint=launched["checkpoint"] and Path(launched["checkpoint"]),
        key=launched["key"],
        owner=plan["owner"],
    )


def find_sweep_folder(hydra: HydraConf) -> Path:
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
    place = _make_place(job, hydra, ())
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
    """Make the paths of a job's data, which are relative to the folder of the program's start, absolute.

    Parameters
    ----------
    job : Job
        The job.
    folder : Path
        Where the program was started.

    Returns
    -------
    Job
        The same if this process is still in that folder.
    """
    if Path.cwd() == folder:
        return job
    places = {name: str(place) for name in WHEREABOUTS if (place := getattr(job.data, name, None))}
    for name, place in places.items():  # addresses of other kinds, and paths in a home, stay as they are
        if place.startswith(_SQLITE):
            places[name] = _SQLITE + os.path.join(folder, place.removeprefix(_SQLITE))
        elif "://" not in place and not place.startswith("~"):
            places[name] = os.path.join(folder, place)
    return job.model_copy(update={"data": job.data.model_copy(update=places)})


def _get_number(hydra: HydraConf) -> int:
    return 0 if OmegaConf.is_missing(hydra.job, "num") else int(hydra.job.num)


def _make_place(job: Job, hydra: HydraConf, varying: Sequence[str]) -> Place:
    overrides = [str(override) for override in hydra.overrides.task]
    chosen = name_choices(hydra.runtime.choices, overrides)
    return Place(
        folder=Path(hydra.runtime.output_dir),
        sweep=find_sweep_folder(hydra).name,
        number=_get_number(hydra),
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
