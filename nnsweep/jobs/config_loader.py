"""Hydra's loader of configurations, adapted to sweeps: each file is read once, and each job is composed once.

A sweep of thousands of jobs reads a few dozen files. Hydra's own launchers compose each job again when its turn comes;
they get what was composed when the sweep was checked, even if the files have changed since.
"""

import contextlib
import copy
import functools
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import omegaconf.base
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict, read_write

from nnsweep.text import has_credentials, mask_secrets

T = TypeVar("T")
_N_PARSED = 10_000


def make_copier(value: T) -> Callable[[], T]:
    """Make a function that copies a value quickly, as often as it is called."""
    try:
        pickled = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)  # loading it takes half the time of a deep copy
    except Exception:  # a class of the user's that cannot be pickled
        return lambda: copy.deepcopy(value)
    return lambda: pickle.loads(pickled)


@contextlib.contextmanager
def cache_parsing() -> Iterator[None]:
    """Let OmegaConf cache the interpolations that it parses within the block; it only reads these trees."""
    module: Any = omegaconf.base
    before = module.parse
    module.parse = functools.lru_cache(_N_PARSED)(before)
    try:
        yield
    finally:
        module.parse = before


class ReadOnce(CachingConfigRepository):
    """A repository of configuration files that reads each of them once; Hydra gets copies, which it may change.

    Parameters
    ----------
    delegate : IConfigRepository
        Hydra's own, which reads the files.
    """

    def __init__(self, delegate: IConfigRepository) -> None:
        super().__init__(delegate)
        self._read: dict[str, Callable[[], ConfigResult | None]] = {}

    def __deepcopy__(self, _: Any) -> "ReadOnce":
        """Share the files that were read with the copies that Hydra makes, one for each composition."""
        return copy.copy(self)

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Read from other folders, and forget the files of the previous ones; earlier copies keep them."""
        self.delegate, self._read = copy.deepcopy(self.delegate), {}
        self.delegate.initialize_sources(config_search_path)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Return a copy of a file's configuration; None if there is no such file."""
        if config_path not in self._read:
            self._read[config_path] = make_copier(self.delegate.load_config(config_path))
        return self._read[config_path]()


class NotingLoader(ConfigLoaderImpl):
    """Hydra's loader, which reads each file once and keeps the list of the files that it merged last."""

    merged: Sequence[ResultDefault] = ()

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.repository = ReadOnce(self.repository)  # type: ignore[assignment]

    def _compose_config_from_defaults_list(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        self.merged = defaults  # Hydra calls this for each composition; the list is not kept elsewhere
        return super()._compose_config_from_defaults_list(defaults, repo)


class FrozenConfigurations(ConfigLoader):
    """Returns the configurations of jobs as they were composed first; everything else is left to Hydra's own loader.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's own.
    compose : callable
        Composes a job from its overrides; it has composed every job before.
    """

    def __init__(self, loader: ConfigLoader, compose: Callable[[Sequence[str]], DictConfig]) -> None:
        self._loader, self._compose = loader, compose

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return a job's configuration without the store's password, which jobs get from the environment."""
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
    """Give one of Hydra's launchers frozen configurations."""
    context: HydraContext = launcher.hydra_context  # type: ignore[attr-defined]
    loader = FrozenConfigurations(context.config_loader, compose)
    launcher.hydra_context = HydraContext(config_loader=loader, callbacks=context.callbacks)  # type: ignore[attr-defined]
