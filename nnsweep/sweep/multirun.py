"""A sweep without a command line: Hydra's multirun, called from a program whose own Hydra, if any, stays as it was."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.types import HydraContext, RunMode, TaskFunction
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf

from nnsweep.errors import ConfigError
from nnsweep.sweep import fresh
from nnsweep.sweep.written import override
from nnsweep.tracking.sqlite import file_of
from nnsweep.tracking.store import resolved_uri

T = TypeVar("T")
_GRID = "hydra_plugins.nnsweep_plugins.grid_sweeper.GridSweeper"
_STATE = (GlobalHydra, HydraConfig, JobRuntime, VersionBase)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What Hydra is asked for.

    Attributes
    ----------
    overrides : sequence of str
        As on the command line.
    conf : str
        nnsweep's folder of configurations.
    own : str
        The user's, which wins over it; empty for none.
    folder : Path or None
        What stands for the working folder: there the sweep's folder and an SQLite store of relative address are.
    experiment : str or None
        The experiment that runs are recorded in; None for that of the configuration.
    """

    overrides: Sequence[str]
    conf: str
    own: str = ""
    folder: Path | None = None
    experiment: str | None = None


def multirun(wanted: Wanted, task: TaskFunction, run: Callable[[Any, list[str]], T], **version: Any) -> T:
    """Let Hydra compose a sweep, and run its sweeper.

    Parameters
    ----------
    wanted : Wanted
        Which sweep.
    task : callable
        Hydra's task function.
    run : callable
        Is given the sweeper and its arguments.
    **version
        How Hydra is asked to behave.

    Returns
    -------
    object
        What `run` returned.

    Raises
    ------
    ConfigError
        If another sweeper than the grid sweeper is chosen, or an experiment is given by the name of a preset.
    """
    with _hydra(wanted, version) as hydra:
        config = _composed(hydra, wanted)
        callbacks = Callbacks(config)
        callbacks.on_multirun_start(config=config, config_name="config")
        context = HydraContext(config_loader=hydra.config_loader, callbacks=callbacks)
        sweeper = Plugins.instance().instantiate_sweeper(config=config, hydra_context=context, task_function=task)
        result = run(sweeper, [*config.hydra.overrides.task])
        callbacks.on_multirun_end(config=config, config_name="config")
        return result


@contextlib.contextmanager
def _hydra(wanted: Wanted, version: Any) -> Iterator[Hydra]:
    """Have a Hydra of our own as long as the block runs."""
    known: Any = Singleton._instances
    before = {kind: known.pop(kind) for kind in _STATE if kind in known}
    try:
        with initialize_config_dir(wanted.own or wanted.conf, job_name="app", **version):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            if wanted.own:
                path = hydra.config_loader.get_search_path()
                path.prepend("command-line", f"file://{wanted.conf}", SearchPathQuery(provider="schema"))
                hydra.config_loader = ConfigLoaderImpl(path)
            yield hydra
    finally:
        fresh.remove()
        for kind in _STATE:
            known.pop(kind, None)
        known.update(before)


def _composed(hydra: Hydra, wanted: Wanted) -> DictConfig:
    config = _compose(hydra, wanted.overrides)
    own = config.hydra
    if own.sweeper.get("_target_") != _GRID:
        raise ConfigError("hydra/sweeper: only the grid sweeper can be called from Python; leave hydra/sweeper out")
    if own.mode != RunMode.MULTIRUN:
        raise ConfigError("hydra.mode: a single job is a grid of one here, too; leave hydra.mode out")
    _require_no_preset(hydra, wanted)
    more = [] if wanted.experiment is None else [override("tracking.experiment", wanted.experiment)]
    more += [] if wanted.folder is None else _placed(config, wanted.folder)
    return _compose(hydra, [*wanted.overrides, *more]) if more else config


def _compose(hydra: Hydra, overrides: Sequence[str]) -> DictConfig:
    return hydra.compose_config("config", [*overrides], RunMode.MULTIRUN)


def _require_no_preset(hydra: Hydra, wanted: Wanted) -> None:
    """Refuse the name of a preset for an experiment that is not that preset's: it is the preset that was meant."""
    chosen = any(line.lstrip("+").startswith("experiment=") for line in wanted.overrides)
    presets = hydra.config_loader.get_group_options("experiment", None, config_name="config", overrides=[])
    if wanted.experiment in presets and not chosen:
        name = wanted.experiment
        way_out = (
            f"give the override 'experiment={name}' to sweep it, or tracking__experiment={name!r} for its name alone"
        )
        raise ConfigError(f"experiment={name!r}: says where runs are recorded, and is the name of a preset; {way_out}")


def _placed(config: DictConfig, folder: Path) -> list[str]:
    """Let what is relative to the working folder be relative to another one."""
    sweeps: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    lines = [override("hydra.sweep.dir", str(folder / str(sweeps["dir"])))]
    uri = resolved_uri(config.tracking.uri, folder)
    return [*lines, override("tracking.uri", uri)] if file_of(uri) else lines
