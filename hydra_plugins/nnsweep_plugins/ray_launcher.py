"""The launcher for Ray: one job a task, on a local cluster or one that is running.

A cluster that does not answer is refused before anything runs. What talks to Ray is `nnsweep.jobs.ray_driver`.
"""

import importlib.util
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

CONNECT_SECONDS = 4.0
"""How long the machine of a cluster may take to answer."""
ANSWER_SECONDS = 10.0
"""How long the cluster itself may take."""


class RayLauncher(Launcher):
    """Launch jobs as tasks of Ray's.

    Parameters
    ----------
    ray : DictConfig
        ``init``, the arguments of ``ray.init``; ``remote``, those of ``ray.remote``.
    """

    def __init__(self, ray: DictConfig) -> None:
        self.ray = ray
        self.hydra_context: HydraContext | None = None
        self.task_function: TaskFunction | None = None
        self.config: DictConfig | None = None
        self._driver: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what a job is run with; see Hydra."""
        from nnsweep.errors import ConfigError

        if importlib.util.find_spec("ray") is None:
            raise ConfigError("hydra/launcher: Ray is not installed; pip install 'nnsweep[ray]'")
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def refuse(self) -> None:
        """Refuse a cluster that does not answer.

        Raises
        ------
        ConfigError
            Within some 15 seconds, where Ray would try for a minute.
        """
        from nnsweep.errors import ConfigError

        key, address = "hydra.launcher.ray.init.address", self._address
        if address not in ("local", "auto") and not re.search(r":\d+$", address):
            raise ConfigError(f"{key}={address}: must be HOST:PORT, auto, or local for a cluster on this machine")
        if trouble := self._trouble():
            way_out = "mend that (ray start --head begins one), or leave the key out for a cluster on this machine"
            raise ConfigError(f"{key}={address}: {trouble}; {way_out}")

    @property
    def _address(self) -> str:
        return str(self.ray.init.get("address") or "local")

    def _trouble(self) -> str:
        """Say why there can be no cluster; empty if nothing speaks against it."""
        scheme, _, place = self._address.rpartition("://")
        if self._address == "local":
            return ""
        if place != "auto" and not _is_open(place):
            return "nobody answers there"
        return "" if scheme else _refusal(place)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs; one whose process dies has failed, and costs no other."""
        from nnsweep.jobs.ray_driver import RayDriver
        from nnsweep.jobs.sent_jobs import LauncherGone, load_answer, pack_jobs

        assert self.config is not None
        if self._driver is None:
            settings: Any = OmegaConf.to_container(self.ray, resolve=True)
            self._driver = RayDriver(settings["init"], settings["remote"])
        if not self._driver.is_there and (trouble := self._trouble()):
            raise LauncherGone(f"the Ray cluster at {self._address} is gone ({trouble})")
        jobs = pack_jobs(self, job_overrides, initial_job_idx)
        answers = self._driver.run(jobs, Path(str(self.config.hydra.sweep.dir)))
        return [load_answer(answer, overrides) for answer, overrides in zip(answers, job_overrides, strict=True)]

    def close(self) -> None:
        """End the cluster that was started for the jobs, or leave the one that was there."""
        if self._driver is not None:
            self._driver.close()


def _is_open(place: str) -> bool:
    """Tell whether somebody listens at HOST:PORT."""
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS):
            return True
    except (OSError, ValueError, OverflowError):
        return False


def _refusal(place: str) -> str:
    """Ask Ray whether a cluster answers, in a process that can be stopped if it hears nothing; empty if one does."""
    where = [] if place == "auto" else ["--address", place]
    asked = [sys.executable, "-m", "ray.scripts.scripts", "health-check", *where]
    try:
        said = subprocess.run(asked, capture_output=True, timeout=ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "no cluster of Ray's answers there"
    if b"AuthenticationError" in said.stderr:
        return "it wants a token (set RAY_AUTH_MODE=token, and have it in ~/.ray/auth_token)"
    if said.returncode != 1:  # 2: this version of Ray does not know the question
        return ""
    return "no cluster of Ray's runs here" if place == "auto" else "no cluster of Ray's answers there"
