"""The environment of a job: versions, processor, and the state of the working folder's code.

A run records it, so that a later one that gives other numbers can be told what is different.
"""

import contextlib
import functools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

import nnsweep
from nnsweep.jobs.machine import measure_memory

_PACKAGES = ("numpy", "scipy", "scikit-learn", "hydra-core", "omegaconf", "mlflow", "pydantic", "pandas", "pyarrow")
_CAPACITY = ("cores", "memory_bytes")
"""How large the machine is, which changes no number."""
_BLAS = ("internal_api", "version", "architecture")
"""What is recorded of a BLAS library, by threadpoolctl's names."""


@functools.cache
def describe_environment() -> dict[str, Any]:
    """Describe this process's environment; the same for all its jobs.

    Returns
    -------
    dict
        JSON values: ``nnsweep``, ``python``, ``platform``, ``processor``, ``cores``, ``memory_bytes`` where the system
        tells it, ``blas``, ``packages`` and, where the working folder is under git, ``git_commit`` and ``git_dirty``.
    """
    from threadpoolctl import threadpool_info

    commit = _ask_git("rev-parse", "HEAD")
    is_dirty = bool(commit and _ask_git("status", "--porcelain", "--untracked-files=no"))
    memory = measure_memory()
    return (
        {
            "nnsweep": nnsweep.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": _read_processor(),
            "cores": os.cpu_count(),
            "blas": [
                {name: pool.get(name) for name in _BLAS} for pool in threadpool_info() if pool["user_api"] == "blas"
            ],
            "packages": {name: metadata.version(name) for name in _PACKAGES},
        }
        | ({"memory_bytes": memory} if memory < sys.maxsize else {})
        | ({"git_commit": commit, "git_dirty": is_dirty} if commit else {})
    )


@functools.cache
def encode_environment() -> bytes:
    """Write the description of this process's environment as JSON."""
    return json.dumps(describe_environment(), indent=2).encode()


def compare_environments(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Compare two environments.

    Parameters
    ----------
    one, other : mapping
        From `describe_environment`, or read back; an empty one is unknown, and differs in nothing.

    Yields
    ------
    tuple of str
        What differs, and both values; ``none`` for what one of them lacks.

    Examples
    --------
    >>> list(compare_environments({"python": "3.11", "packages": {"numpy": "2.3"}}, {"python": "3.12"}))
    [('python', '3.11', '3.12'), ('numpy', '2.3', 'none')]
    """
    if not one or not other:
        return
    first, second = _flatten(one), _flatten(other)
    for name in dict.fromkeys([*first, *second]):
        here, there = first.get(name, "none"), second.get(name, "none")
        if here != there:
            yield name, here, there
    kinds, others = _name_libraries(one), _name_libraries(other)
    if kinds - others and others - kinds:  # a process may only not have loaded one of them yet
        yield "BLAS", ", ".join(sorted(kinds)), ", ".join(sorted(others))


def _flatten(environment: Mapping[str, Any]) -> dict[str, str]:
    values = {name: value for name, value in environment.items() if name not in ("packages", "blas", *_CAPACITY)}
    packages = environment.get("packages")
    return {name: str(value) for name, value in (values | (packages if isinstance(packages, dict) else {})).items()}


def _name_libraries(environment: Mapping[str, Any]) -> set[str]:
    pools = environment.get("blas")
    entries = [pool for pool in pools if isinstance(pool, dict)] if isinstance(pools, list) else []
    return {" ".join(str(pool.get(name)) for name in _BLAS) for pool in entries}


def _read_processor() -> str:
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if models:
            return models[0]
    return platform.processor() or platform.machine()


def _ask_git(*arguments: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *arguments], capture_output=True, encoding="utf-8", errors="replace", timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


@contextlib.contextmanager
def keep_store_address() -> Iterator[None]:
    """Restore the store's address in the environment after the block: one with a password must not stay there."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    try:
        yield
    finally:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before
