"""The logs of jobs that are trained together: what is said while they are goes to the log of each."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nnsweep.masking import Masking

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"  # as conf/hydra/job_logging/file.yaml has it


class _Files(logging.Handler):
    """Appends what is logged to several files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(logging.INFO)
        self._paths = paths
        self.setFormatter(Masking(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Append one message."""
        line = self.format(record) + "\n"
        for path in self._paths:
            try:
                with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(line)
            except OSError:
                continue  # a disk that is full costs the log, and the terminal belongs to the table


@contextmanager
def job_logs(paths: Sequence[Path], logger: str = "") -> Iterator[None]:
    """Log into the files of some jobs, and nowhere else: the terminal belongs to the table.

    A job has its file even if nothing was said, as Hydra leaves it. Without jobs, logging stays as it is.

    Parameters
    ----------
    paths : sequence of Path
        The log files.
    logger : str
        Whose messages are meant: those of everybody, or of one package.
    """
    if not paths:
        yield
        return
    for path in paths:
        with suppress(OSError):
            path.touch()
    meant = logging.getLogger(logger)
    level, handlers, propagate = meant.level, meant.handlers, meant.propagate
    meant.handlers, meant.propagate = [_Files(paths)], False
    meant.setLevel(logging.INFO)
    try:
        yield
    finally:
        meant.handlers, meant.propagate = handlers, propagate
        meant.setLevel(level)
