"""An examination: all checks, in the order in which one failing explains the next."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nnsweep.cli.doctor import machine, storage
from nnsweep.cli.doctor.findings import Check, Finding, run_check


def examine(uri: str | None, folder: Path) -> Iterator[Finding]:
    """Look at everything; each finding is there as soon as it is made.

    Parameters
    ----------
    uri : str or None
        The store; None for ``MLFLOW_TRACKING_URI``, or else ``sqlite:///mlflow.db``.
    folder : Path
        The working folder.
    """
    checks: dict[str, Check] = {
        "Python": machine.examine_python,
        "packages": machine.examine_packages,
        "configurations": machine.examine_configurations,
        "plugins": machine.examine_plugins,
        "cores": machine.examine_cores,
        "BLAS": machine.examine_blas,
        "memory": machine.examine_memory,
        "disk": partial(machine.examine_disk, folder),
        "open files": machine.examine_open_files,
        "store": partial(storage.examine_store, uri, folder),
        "records": partial(storage.examine_records, uri, folder),
        "job folders": partial(storage.examine_job_folders, folder),
        "newsgroups": storage.examine_corpus,
        "data cache": storage.examine_cache,
        "optional": machine.examine_extras,
    }
    for what, check in checks.items():
        yield from run_check(what, check)
