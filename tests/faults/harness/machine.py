"""What a campaign ran on."""

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

MACHINE = "machine"


def description() -> dict[str, str]:
    """Name the processor, the system, the versions and the state of the code."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "commit": _commit(),
        **{package: version(package) for package in ("mlflow", "hydra-core", "numpy", "sqlalchemy")},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return said.stdout.strip() or "unknown"
