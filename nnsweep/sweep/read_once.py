"""What the configurations of a sweep are made of, read once: files, and interpolations such as ``${trainer.epochs}``.

Hydra reads every file again for each job that it composes, and OmegaConf parses an interpolation wherever it is looked
up: more than half of the time that composing takes. Besides, a file that changes meanwhile is not read in two versions.
"""

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import omegaconf.base
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult

from nnsweep.sweep.compose import copier

_N_PARSED = 10_000


@contextlib.contextmanager
def cache_parsing() -> Iterator[None]:
    """Let OmegaConf keep what it has parsed as long as the block lasts; it only reads these trees."""
    module: Any = omegaconf.base
    before = module.parse
    module.parse = functools.lru_cache(_N_PARSED)(before)
    try:
        yield
    finally:
        module.parse = before


class ReadOnce(CachingConfigRepository):
    """Gives what is in the files of a configuration; Hydra may do with it what it likes.

    Parameters
    ----------
    delegate : IConfigRepository
        Hydra's, which reads files.
    """

    def __init__(self, delegate: IConfigRepository) -> None:
        super().__init__(delegate)
        self._read: dict[str, Callable[[], ConfigResult | None]] = {}

    def __deepcopy__(self, _: Any) -> "ReadOnce":
        """Share what has been read with the copy that Hydra takes for each composition."""
        return copy.copy(self)

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Read from other folders, and forget what was read from those before; copies stay as they are."""
        self.delegate, self._read = copy.deepcopy(self.delegate), {}
        self.delegate.initialize_sources(config_search_path)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Give a copy of what a file says; None if there is no such file."""
        if config_path not in self._read:
            self._read[config_path] = copier(self.delegate.load_config(config_path))
        return self._read[config_path]()
