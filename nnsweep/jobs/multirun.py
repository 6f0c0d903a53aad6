"""A sweep: Hydra's multirun, run by a Hydra of its own, so that the calling program's Hydra stays as it was.

The sweep's own configuration is not that of its jobs: it has no place for settings of choices that are swept over.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode, TaskFunction
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from nnsweep.errors import ConfigError
from nnsweep.files import expand_home
from nnsweep.jobs import folders
from nnsweep.jobs.config_loader import NotingLoader, cache_parsing
from nnsweep.jobs.overrides import make_override
from nnsweep.tracking.sqlite import find_database_file
from nnsweep.tracking.store import resolve_uri

T = TypeVar("T")
_GRID = "hydra_plugins.nnsweep_plugins.grid_sweeper.GridSweeper"
_STATE = (GlobalHydra, HydraConfig, JobRuntime, VersionBase)


@dataclass(frozen=True, kw_only=True)
class HydraRequest:
    """What Hydra is asked to run.

    Attributes
    ----------
    overrides : sequence of str
        As on the command line.
    conf : str
        nnsweep's folder of configurations.
    own : str
        The user's folder of configurations, which takes precedence; empty for none.
    folder : Path or None
        Used in place of the working folder, for the sweep's folder and an SQLite store with a relative address.
    experiment : str or None
        The experiment that runs are recorded in; None for that of the configuration.
    config_name : str
        The main file.
    command_line : bool
        Whether the request comes from the command line: any sweeper may be chosen, and Hydra sets up logging.
    """

    overrides: Sequence[str]
    conf: str
    own: str = ""
    folder: Path | None = None
    experiment: str | None = None
    config_name: str = "config"
    command_line: bool = False


def compose_sweep(
    request: HydraRequest, task: TaskFunction, run: Callable[[Any, list[str]], T], **version: Any
) -> T | None:
    """Have Hydra compose a sweep, and run its sweeper.

    Parameters
    ----------
    request : HydraRequest
        Which sweep.
    task : callable
        Hydra's task function.
    run : callable
        Called with the sweeper and its arguments.
    **version
        Which version's behaviour Hydra shall have.

    Returns
    -------
    object or None
        What `run` returned; None if the configuration sets Hydra's single-run mode, which is not run here.

    Raises
    ------
    ConfigError
        If a sweeper other than the grid sweeper is chosen, or the experiment has the name of a preset.
    """
    with _open_hydra(request, version) as hydra:
        config = _compose_request(hydra, request)
        if config.hydra.mode != RunMode.MULTIRUN:
            return None
        callbacks = Callbacks(config)
        callbacks.on_multirun_start(config=config, config_name=request.config_name)
        context = HydraContext(config_loader=hydra.config_loader, callbacks=callbacks)
        sweeper = Plugins.instance().instantiate_sweeper(config=config, hydra_context=context, task_function=task)
        arguments: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
        result = run(sweeper, arguments)
        callbacks.on_multirun_end(config=config, config_name=request.config_name)
        return result


@contextlib.contextmanager
def _open_hydra(request: HydraRequest, version: Any) -> Iterator[Hydra]:
    """Run the block with a Hydra of our own."""
    instances: Any = Singleton._instances
    before = {kind: instances.pop(kind) for kind in _STATE if kind in instances}
    try:
        with initialize_config_dir(request.own or request.conf, job_name="app", **version), cache_parsing():
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            path = hydra.config_loader.get_search_path()
            if request.own:
                path.prepend("command-line", f"file://{request.conf}", SearchPathQuery(provider="schema"))
            hydra.config_loader = NotingLoader(path)
            yield hydra
    finally:
        folders.remove_if_empty()
        for kind in _STATE:
            instances.pop(kind, None)
        instances.update(before)


def _compose_request(hydra: Hydra, request: HydraRequest) -> DictConfig:
    """Compose a sweep with all that its request adds to the overrides; from Python, only the grid sweeper may run."""
    config = _compose(hydra, request, request.overrides)
    if request.command_line:
        return config
    own = config.hydra
    if own.sweeper.get("_target_") != _GRID:
        raise ConfigError("hydra/sweeper: only the grid sweeper can be called from Python; leave hydra/sweeper out")
    if own.mode != RunMode.MULTIRUN:
        raise ConfigError("hydra.mode: a single job is a grid of one here, too; leave hydra.mode out")
    presets = hydra.config_loader.get_group_options("experiment", None, config_name="config", overrides=[])
    has_preset = any(line.lstrip("+").startswith("experiment=") for line in request.overrides)
    if request.experiment in presets and not has_preset:  # the caller probably means the preset
        name = request.experiment
        way_out = (
            f"give the override 'experiment={name}' to sweep it, or tracking__experiment={name!r} for its name alone"
        )
        raise ConfigError(f"experiment={name!r}: says where runs are recorded, and is the name of a preset; {way_out}")
    lines = [] if request.experiment is None else [make_override("tracking.experiment", request.experiment)]
    if request.folder is not None:
        sweeps: Any = OmegaConf.to_container(own.sweep, resolve=False)
        lines.append(make_override("hydra.sweep.dir", str(request.folder / str(sweeps["dir"]))))
        uri = resolve_uri(config.tracking.uri, request.folder)
        if find_database_file(uri):
            lines.append(make_override("tracking.uri", uri))
    return _compose(hydra, request, [*request.overrides, *lines]) if lines else config


def _compose(hydra: Hydra, request: HydraRequest, overrides: Sequence[str]) -> DictConfig:
    """Compose what holds for the whole sweep.

    A setting that only swept choices have (``schedule=step,exp schedule.gamma=0.5``) is left to the jobs, each of which
    looks it up in its own choice.
    """
    common = [*overrides]
    while True:
        try:
            config = hydra.compose_config(
                request.config_name, common, RunMode.MULTIRUN, with_log_configuration=request.command_line
            )
            break
        except HydraException as error:
            left = [line for line in common if not _is_failed_setting(hydra, line, str(error))]
            if len(left) == len(common):
                raise
            common = left
    folders: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    if str(folders["dir"]).startswith("~"):
        return _compose(hydra, request, [*overrides, make_override("hydra.sweep.dir", expand_home(folders["dir"]))])
    if len(common) < len(overrides):
        task = [line for line in overrides if line in config.hydra.overrides.task or line not in common]
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.overrides.task = task
    return config


def _is_failed_setting(hydra: Hydra, line: str, error: str) -> bool:
    """Tell whether an override is the one that an error is about, and makes a setting of a group."""
    key = line.lstrip("+~").partition("=")[0]
    group, _, setting = key.partition(".")
    if not setting or not (f"'{key}'" in error or f" {line}" in error) or group == "hydra":
        return False
    return bool(hydra.config_loader.get_group_options(group, None, config_name="config", overrides=[]))
