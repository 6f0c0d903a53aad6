"""What Hydra is given in place of its own: a note of the folders that it makes, and frozen configurations.

Hydra makes a single run's folder before the job is checked, and other sweepers than ours make that of their sweep: what
it has made goes again if nothing came of it. Its launchers compose each job again when its turn comes: here they get
what was composed when the sweep was checked, whatever its files say later.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.experimental.callback import Callback
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from nnsweep.text import has_credentials, mask_secrets

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
    configuration = path.name in _LEFT_BY_HYDRA and path.parent.name == Path(noted.output_subdir).name
    return configuration or path.name == _SWEEPS or (path.suffix == ".log" and path.stat().st_size == 0)


class FrozenConfigurations(ConfigLoader):
    """Gives the configurations of jobs as they were composed once; for all else there is Hydra's own loader.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's.
    compose : callable
        Composes one job from its overrides, and has composed it before.
    """

    def __init__(self, loader: ConfigLoader, compose: Callable[[Sequence[str]], DictConfig]) -> None:
        self._loader, self._compose = loader, compose

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Give a job's configuration, without the password of its store: jobs have that from the environment."""
        config = self._compose(sweep_overrides)
        if has_credentials(str(config.tracking.uri)):
            with open_dict(config):
                config.tracking.uri = None
        own = config.hydra
        if any(map(has_credentials, own.overrides.task)):
            with read_write(own), open_dict(own):
                own.overrides.task = [mask_secrets(override) for override in own.overrides.task]
                own.job.override_dirname = mask_secrets(own.job.override_dirname)
        return config

    def load_configuration(self, *arguments: Any, **named: Any) -> DictConfig:
        """See Hydra."""
        return self._loader.load_configuration(*arguments, **named)

    def get_search_path(self) -> Any:
        """See Hydra."""
        return self._loader.get_search_path()

    def get_sources(self) -> Any:
        """See Hydra."""
        return self._loader.get_sources()

    def list_groups(self, *arguments: Any, **named: Any) -> list[str]:
        """See Hydra."""
        return self._loader.list_groups(*arguments, **named)

    def get_group_options(self, *arguments: Any, **named: Any) -> list[str]:
        """See Hydra."""
        return self._loader.get_group_options(*arguments, **named)

    def compute_defaults_list(self, *arguments: Any, **named: Any) -> Any:
        """See Hydra."""
        return self._loader.compute_defaults_list(*arguments, **named)


def freeze_configurations(launcher: Launcher, compose: Callable[[Sequence[str]], DictConfig]) -> None:
    """Let a launcher of Hydra's have frozen configurations."""
    context: HydraContext = launcher.hydra_context  # type: ignore[attr-defined]
    loader = FrozenConfigurations(context.config_loader, compose)
    launcher.hydra_context = HydraContext(config_loader=loader, callbacks=context.callbacks)  # type: ignore[attr-defined]
