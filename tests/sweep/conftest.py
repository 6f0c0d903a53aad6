import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from nnsweep.app import VERSION_BASE, conf_dir
from nnsweep.sweep.grid import checked
from nnsweep.sweep.job import Job
from nnsweep.tracking.store import Store, ready


@pytest.fixture
def compose() -> Iterator[Callable[..., DictConfig]]:
    """Compose a configuration from overrides, with Hydra's own part."""
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        yield lambda overrides=(): hydra_compose("config", overrides=[*overrides], return_hydra_config=True)


@pytest.fixture
def job(compose) -> Callable[..., Job]:
    """Make a job from overrides."""
    return lambda *overrides: checked(compose(overrides))


@pytest.fixture
def values(compose) -> Callable[..., dict[str, Any]]:
    """Give the resolved values of a configuration, without Hydra's part."""

    def resolved(*overrides: str) -> dict[str, Any]:
        config = compose(overrides)
        ours = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        container: Any = OmegaConf.to_container(ours, resolve=True)
        return container

    return resolved


@pytest.fixture
def store(ready_store_file: Path, tmp_path: Path) -> Store:
    """Give a store of its own to a test."""
    shutil.copy(ready_store_file, tmp_path / "mlflow.db")
    return ready(f"sqlite:///{tmp_path}/mlflow.db", "study")
