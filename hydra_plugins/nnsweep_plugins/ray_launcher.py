"""The launcher for Ray: one job a task, on a local cluster or one that is running.

A cluster that does not answer is refused before anything runs; one that goes while jobs run is not waited for.
"""

import importlib.util
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

CONNECT_SECONDS = 4.0
"""How long the machine of a cluster may take to answer."""
ANSWER_SECONDS = 10.0
"""How long the cluster itself may take."""
LOOKS_EVERY = 2.0
"""Seconds between two looks at whether the cluster is there."""
MISSED = 5
"""Looks without an answer, after which it is gone: Ray itself would end this process after a minute."""


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
        settings: Any = OmegaConf.to_container(self.ray, resolve=True)
        if not settings["init"].get(
            "log_to_driver"
        ):  # Ray reads this once: what it skips when it prints for its cluster
            os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
        import ray  # type: ignore[import-not-found, unused-ignore]

        from nnsweep.sweep.one_by_one import loaded
        from nnsweep.sweep.sent_jobs import LauncherGone, pack, run

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.task_function is not None
        if not ray.is_initialized():
            if trouble := self._trouble():
                raise LauncherGone(f"the Ray cluster at {self._address} is gone ({trouble})")
            ray.init(**settings["init"])
        begin = ray.remote(**settings["remote"])(run)
        runs = [
            begin.remote(pack(self.hydra_context, self.task_function, self.config, [*overrides], number))
            for number, overrides in enumerate(job_overrides, start=initial_job_idx)
        ]
        is_there = _wait(runs)
        answers = [_answer(one) for one in runs]
        if not is_there or any(_is_of_a_cluster(answer) for answer in answers):
            ray.shutdown()  # a later launch connects anew, or starts a cluster
        return [loaded(_told(answer), overrides) for answer, overrides in zip(answers, job_overrides, strict=True)]


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
        return "it wants a token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN_PATH=FILE)"
    if said.returncode != 1:  # 2: this version of Ray does not know the question
        return ""
    return "no cluster of Ray's runs here" if place == "auto" else "no cluster of Ray's answers there"


def _wait(runs: Sequence[Any]) -> bool:
    """Wait for all jobs; tell whether the cluster was there until then."""
    import ray

    address, left, missed = ray.get_runtime_context().gcs_address, [*runs], 0
    while left and missed < MISSED:
        _, left = ray.wait(left, num_returns=len(left), timeout=LOOKS_EVERY)
        missed = 0 if not left or _is_open(address) else missed + 1
    return not left


def _answer(run: Any) -> bytes | Exception:
    """Give what a job has sent back, or what Ray knows of it."""
    import ray

    try:
        answer: bytes = ray.get(run, timeout=1)
        return answer
    except ray.exceptions.RayError as error:
        known: Exception = error
        return known


def _is_of_a_cluster(answer: bytes | Exception) -> bool:
    """Tell whether a job was lost with its cluster, or a machine of it."""
    return type(answer).__name__ in ("NodeDiedError", "LocalRayletDiedError", "GetTimeoutError", "RaySystemError")


def _told(answer: bytes | Exception) -> bytes | Exception:
    """Say in a line that a job's process died; Ray has paragraphs for it."""
    from nnsweep.sweep.workers import WorkerDied

    if isinstance(answer, bytes):
        return answer
    name = type(answer).__name__
    if _is_of_a_cluster(answer):
        return WorkerDied(f"the Ray cluster went away, and its worker process with it (ray: {name})")
    why = " (out of memory)" if name == "OutOfMemoryError" else ""
    return WorkerDied(f"its worker process was killed{why} (ray: {name})")
