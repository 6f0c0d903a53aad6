"""What the measurement ran on: the processor, its matrix rate, and the versions."""

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

PACKAGES = ("nnsweep", "numpy", "scipy", "scikit-learn", "torch", "jax", "jaxlib", "mlflow", "hydra-core", "joblib")
SIZE = 2000


def description() -> dict[str, str]:
    """Name the processor, the system, the BLAS and the versions."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "BLAS of NumPy": _blas(),
        **{package: _version(package) for package in PACKAGES},
    }


def matrix_rate(dtype: str, repetitions: int = 7) -> float:
    """Measure operations a second of a large matrix product on one core, the best of some repetitions."""
    A = np.random.default_rng(0).random((SIZE, SIZE)).astype(dtype)
    seconds = []
    with threadpool_limits(1):
        for _ in range(repetitions):
            started = time.perf_counter()
            A @ A
            seconds.append(time.perf_counter() - started)
    return 2 * SIZE**3 / min(seconds)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _blas() -> str:
    found = [one for one in threadpool_info() if one["user_api"] == "blas" and "numpy" in one["filepath"]]
    return ", ".join(f"{one['internal_api']} {one['version']} ({one.get('architecture', '')})" for one in found)
