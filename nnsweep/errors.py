"""Errors that a user can mend, and the exit codes of the program.

Every error here is shown as one line without a traceback. Anything else that escapes is a bug in
nnsweep and ends with exit code 1 and its traceback.
"""

import errno
import os
from enum import IntEnum

_DISK = "make room on the disk, or choose another one"
_BROKEN = "the disk is read-only or broken; choose another one"
_FILES = "allow more open files: ulimit -n 1024"
_REFUSALS = {
    errno.ENOSPC: _DISK,
    errno.EDQUOT: _DISK,
    errno.EFBIG: "allow larger files: ulimit -f unlimited",
    errno.EIO: _BROKEN,
    errno.EROFS: _BROKEN,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
}


class ExitCode(IntEnum):
    """What the program ends with, for scripts; a signal ends it with 128 and the signal's number."""

    SUCCESS = 0
    BUG = 1  # Python's own, after a traceback
    USAGE = 2
    FAILED_JOBS = 3
    DATA = 4
    STORE = 5
    DIFFERENCE = 6


class UserError(Exception):
    """Something the user can mend; the message says what is wrong and what to do.

    The arguments are the problems, one line each.
    """

    exit_code = ExitCode.USAGE

    def __str__(self) -> str:
        return "\n".join(self.problems)

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems, one line each, in the order they were found."""
        return tuple(str(problem) for problem in self.args)


class ConfigError(UserError):
    """The command line or a configuration file asks for something that cannot be; nothing ran."""


class DataError(UserError):
    """The data cannot be had or cannot be used; nothing ran."""

    exit_code = ExitCode.DATA


class DifferenceError(UserError):
    """What was recorded, and what it is compared with, are not the same."""

    exit_code = ExitCode.DIFFERENCE


class StoreError(UserError):
    """The tracking store cannot be used."""

    exit_code = ExitCode.STORE


class FullDiskError(StoreError):
    """The tracking store finds no room on its disk."""


def remedy(error: OSError) -> str | None:
    """Say what is to be done about what the machine refuses; None if an error is anything else."""
    return _REFUSALS.get(error.errno or 0)


def machines(error: BaseException) -> StoreError | None:
    """Say what the machine refuses: room, files, or its disk; None if an error is anything else.

    Parameters
    ----------
    error : exception
        What was raised.

    Examples
    --------
    >>> print(machines(OSError(errno.EMFILE, "Too many open files", "multirun")))
    multirun: Too many open files; allow more open files: ulimit -n 1024. The same command goes on where this one ended
    >>> machines(OSError(errno.ENOENT, "No such file or directory"))
    """
    if isinstance(error, FileNotFoundError):
        try:
            os.getcwd()
        except FileNotFoundError:
            return StoreError("the working folder is gone; go to one that stays, and run the same command again")
    way_out = remedy(error) if isinstance(error, OSError) else None
    if not isinstance(error, OSError) or way_out is None:
        return None
    place = f"{error.filename}: " if error.filename else ""
    return StoreError(f"{place}{error.strerror}; {way_out}. The same command goes on where this one ended")
