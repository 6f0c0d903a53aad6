"""An examination: all checks, in the order in which one failing explains the next."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nnsweep.doctor import installation, machine, storage
from nnsweep.doctor.finding import Check, Finding, found


def examined(uri: str | None, folder: Path) -> Iterator[Finding]:
    """Look at everything; each finding is there as soon as it is made.

    Parameters
    ----------
    uri : str or None
        The store; None for ``MLFLOW_TRACKING_URI``, or else ``sqlite:///mlflow.db``.
    folder : Path
        The working folder.
    """
    checks: dict[str, Check] = {
        "Python": installation.python,
        "packages": installation.packages,
        "configurations": installation.configurations,
        "plugins": installation.plugins,
        "cores": machine.cores,
        "BLAS": machine.blas,
        "memory": machine.memory,
        "disk": partial(machine.disk, folder),
        "open files": machine.open_files,
        "store": partial(storage.store, uri, folder),
        "records": partial(storage.records, uri, folder),
        "job folders": partial(storage.job_folders, folder),
        "newsgroups": storage.corpus,
        "data cache": storage.cache,
        "optional": installation.extras,
    }
    for what, check in checks.items():
        yield from found(what, check)
