"""Files and folders: valid names and places, atomic writes, and what outlives a power cut.

A file is written to a temporary neighbour, which then takes the file's name: a reader, or a crash, finds the old file
or the new one and nothing in between.
"""

import contextlib
import ctypes
import os
import platform
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from nnsweep import flock
from nnsweep.errors import ConfigError, remedy
from nnsweep.text import printable

NO_HOME = os.devnull
"""The home folder of who has none: nothing is there, and nothing can be kept there, not even by root."""
LONGEST_NAME = 255
"""Bytes of a file's name, in the file systems in use."""
LEFT_SECONDS = 24 * 3600.0
"""How long a temporary file is left alone of which nobody can tell whether somebody writes it."""
_TEMPORARY = re.compile(r"\.(?P<mark>[0-9a-f]{8})\.\d+\.[0-9a-f]{16}\.tmp")


def expand_home(place: str | os.PathLike[str]) -> str:
    """Put the home folder for ``~`` at the beginning of a path, or of the path in the address of a file.

    Every path that a person gives, wherever, passes through here: no folder is ever called ``~``.

    Examples
    --------
    >>> home = os.path.expanduser("~")
    >>> expand_home("~/runs") == f"{home}/runs", expand_home("sqlite:///~/mlflow.db") == f"sqlite:///{home}/mlflow.db"
    (True, True)
    >>> expand_home("runs/~"), expand_home("https://host/~me")
    ('runs/~', 'https://host/~me')

    Raises
    ------
    ConfigError
        If nobody knows where the home folder is.
    """
    text = os.fspath(place)
    scheme = next((start for start in ("sqlite:///", "file://") if text.startswith(f"{start}~")), "")
    path = os.path.expanduser(text[len(scheme) :])
    if path.partition("/")[0] == "~":
        raise ConfigError(f"{printable(text)}: the home folder is not known; set HOME, or give the whole path")
    return scheme + path


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to be written whole; it appears under its name when the block ends without an exception.

    Parameters
    ----------
    path : str or Path
        Where the file shall be. Its folder must exist; a file that is there is replaced.

    Yields
    ------
    binary file
        What to write to.

    Raises
    ------
    ConfigError
        If the file cannot be written there.
    """
    target = Path(path)
    _check_target(target)
    try:
        with _temporary_file(target.parent) as (temporary, handle):
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
            if os.name == "nt":  # where an open file cannot be renamed
                handle.close()
            os.replace(temporary, target)  # while it is locked: `remove_leftovers` would take it for left behind
    except OSError as error:
        way_out = remedy(error) or "choose another file"
        raise _refusal(target, f"{error.strerror or type(error).__name__}; {way_out}") from error


def write_anew(path: str | Path, content: bytes) -> None:
    """Write a file, replacing any that is there: an old one may have links, and must not be written into.

    It is neither written through to the disk nor whole at every moment.
    """
    target = Path(path)
    try:
        file = target.open("xb")
    except FileExistsError:
        target.unlink()
        file = target.open("xb")
    with file:
        file.write(content)


@contextmanager
def _temporary_file(parent: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Have a new file, locked, while the block lasts."""

    def make() -> tuple[Path, int]:
        path = _temporary_name(parent)
        return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)

    temporary, descriptor, _ = flock.make_locked(make)
    assert descriptor is not None
    try:
        with open(descriptor, "wb") as handle:
            yield temporary, handle
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Have a new folder while the block lasts; `remove_leftovers` removes what a killed process has left of it."""

    def make() -> tuple[Path, int | None]:
        path = _temporary_name(parent)
        path.mkdir(mode=0o700)
        try:
            return path, os.open(path, os.O_RDONLY)
        except OSError:  # Windows opens no folders
            return path, None

    folder, descriptor, _ = flock.make_locked(make)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _temporary_name(parent: Path) -> Path:
    return parent / f".{_mark()}.{os.getpid()}.{secrets.token_hex(8)}.tmp"


@contextmanager
def whole_pair(path: Path, beside: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Open a file and a small one that goes with it, to be written whole: both appear, or what was there is left.

    Parameters
    ----------
    path, beside : Path
        Where they shall be; see `whole_file`.

    Yields
    ------
    two binary files
        What to write to.

    Raises
    ------
    ConfigError
        If one of them cannot be written there.
    """
    before: bytes | None = None
    is_beside_written = False
    try:
        with whole_file(path) as file:
            with whole_file(beside) as small:
                before = beside.read_bytes() if beside.exists() else None
                yield file, small
            is_beside_written = True
    except BaseException:
        if is_beside_written and before is None:
            beside.unlink(missing_ok=True)
        elif is_beside_written and before is not None:
            with whole_file(beside) as small:
                small.write(before)
        raise


def _mark() -> str:
    """Mark the temporary files of this machine and of this start of it: their locks can be seen from here."""
    return sha256((flock.boot() or platform.node()).encode()).hexdigest()[:8]


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove the temporary files and folders there whose makers are gone.

    Whoever makes one has it locked. Where locks cannot be seen, as those of another machine, it is left alone until
    nothing has changed in it for `LEFT_SECONDS`.
    """
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:  # there is none, or it cannot be read
            continue
        for match in filter(None, map(_TEMPORARY.fullmatch, names)):
            path = folder / match.string
            with contextlib.suppress(FileNotFoundError), flock.look_at(path) as state:
                is_ours = state == "free" and match["mark"] == _mark()
                if state != "held" and (is_ours or time.time() - path.lstat().st_mtime > LEFT_SECONDS):
                    _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync_path(folder: Path) -> None:
    """Let the names of new files outlive a power failure, and those of the folder and of the folders above it.

    These may be as new as the files are, and what is in a folder without a name is lost.
    """
    for place in (folder, *folder.absolute().parents):
        sync_folder(place)
        if os.path.ismount(place):
            return


def sync_folder(folder: Path) -> None:
    """Let the names of new files outlive a power failure, where folders can be written through."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_disk(place: Path) -> None:
    """Write through all that was written to the disk of a folder, by whomever: one wait for any number of files."""
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):  # the system has no way to name one disk
        os.sync()
        return
    descriptor = os.open(place, os.O_RDONLY)
    try:
        if syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def _check_target(target: Path) -> None:
    if not is_nameable(target):
        raise _refusal(target, "no file can have this name; choose another")
    if os.path.isdir(target):
        raise _refusal(target, "it is a folder; name a file")
    if not os.path.isdir(target.parent):
        raise _refusal(target, f"there is no folder {_show_path(target.parent)}; create it first")


def is_nameable(path: str | Path) -> bool:
    r"""Tell whether a file or folder can have this name, as far as that can be told without trying.

    Examples
    --------
    >>> is_nameable("runs/0"), is_nameable("a\0b"), is_nameable(300 * "long")
    (True, False, False)
    """
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return b"\0" not in name and all(len(part) <= LONGEST_NAME for part in name.split(os.fsencode(os.sep)))


def _refusal(target: Path, cause: str) -> ConfigError:
    return ConfigError(f"cannot write {_show_path(target)}: {cause}")


def _show_path(path: Path) -> str:
    text = printable(str(path))
    return text if len(text) <= 200 else "..." + text[-197:]


def settle_home() -> None:
    """Let libraries find a home where the system knows none for this user: mlflow, for one, cannot be imported then."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = NO_HOME


def check_place(place: str, key: str) -> None:
    r"""Refuse a place with a control character in it, which the name of a file or folder can have and none should.

    White space around it, such as the carriage return that a Windows file leaves in a variable, is none of it.

    Parameters
    ----------
    place : str
        An address, or the path of a file or folder.
    key : str
        The setting or variable that names it.

    Raises
    ------
    ConfigError
        If there is one.

    Examples
    --------
    >>> check_place("sqlite:///mlflow.db\r", "MLFLOW_TRACKING_URI")
    """
    if any(unicodedata.category(char) == "Cc" for char in place.strip()):
        raise ConfigError(f"{key}={printable(place.strip())}: holds a control character; type it anew")


def place_of(variable: str) -> str:
    """Give the place that a variable of the environment names; empty if it names none.

    Raises
    ------
    ConfigError
        As `check_place` does.
    """
    place = os.environ.get(variable, "").strip()
    check_place(place, variable)
    return place


def nearest_folder(folder: Path) -> Path:
    """Give the folder itself, or the nearest one above it that is there."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder
