"""The environment a job ran in: versions, processor and the state of the working folder's code."""

import functools
import platform
import subprocess
import sys
from importlib import metadata
from typing import Any

import nnsweep

_PACKAGES = ("numpy", "scipy", "scikit-learn", "hydra-core", "omegaconf", "mlflow", "pydantic", "pandas", "pyarrow")


@functools.cache
def environment() -> dict[str, Any]:
    """Describe this process's environment; the same for all its jobs.

    Returns
    -------
    dict
        JSON values: ``nnsweep``, ``python``, ``platform``, ``processor``, ``blas``, ``packages`` and, where the
        working folder is under git, ``git_commit`` and ``git_dirty``.
    """
    return {
        "nnsweep": nnsweep.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "blas": _blas(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    } | _git()


def _processor() -> str:
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if models:
            return models[0]
    return platform.processor() or platform.machine()


def _blas() -> list[dict[str, Any]]:
    from threadpoolctl import threadpool_info

    kept = ("internal_api", "version", "architecture")
    return [{name: pool.get(name) for name in kept} for pool in threadpool_info() if pool["user_api"] == "blas"]


def _git() -> dict[str, Any]:
    commit = _git_says("rev-parse", "HEAD")
    if not commit:
        return {}
    return {"git_commit": commit, "git_dirty": bool(_git_says("status", "--porcelain", "--untracked-files=no"))}


def _git_says(*arguments: str) -> str:
    try:
        answer = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
