"""The frozen configurations of a sweep: what its jobs were when it was checked, whatever its files say later.

Hydra's own launchers compose each job again when its turn comes; here they get what was composed already.
"""

from collections.abc import Callable, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict, read_write

from nnsweep.masking import has_credentials, masked


class Frozen(ConfigLoader):
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
                own.overrides.task = [masked(override) for override in own.overrides.task]
                own.job.override_dirname = masked(own.job.override_dirname)
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


def freeze(launcher: Launcher, compose: Callable[[Sequence[str]], DictConfig]) -> None:
    """Let a launcher of Hydra's have frozen configurations."""
    context: HydraContext = launcher.hydra_context  # type: ignore[attr-defined]
    loader = Frozen(context.config_loader, compose)
    launcher.hydra_context = HydraContext(config_loader=loader, callbacks=context.callbacks)  # type: ignore[attr-defined]
