"""A project to begin with: configurations, a small table, and a page that explains them.

It is the same, byte for byte, wherever it is written, and names no place of the machine: its folder can be moved,
copied and put under version control. It is written atomically.
"""

import contextlib
import os
from importlib import resources
from pathlib import Path

from nnsweep.errors import ConfigError
from nnsweep.files import LONGEST_NAME, is_nameable, remove_leftovers, temporary_folder
from nnsweep.text import printable

RUN = "nnsweep --config-dir conf -m experiment=first"
"""What runs the project's first grid, inside its folder."""

FILES = (
    "README.md",
    ".gitignore",
    "conf/arch/mine.yaml",
    "conf/data/mine.yaml",
    "conf/experiment/first.yaml",
    "data/mine.csv",
)


def list_project_files() -> dict[str, str]:
    """Give the project's files, which lie in `nnsweep/templates/project` as they are written.

    Returns
    -------
    dict
        Texts by the files' paths, which are relative to the project's folder.
    """
    folder = resources.files("nnsweep") / "templates" / "project"
    # without its dot, or git would obey the file where it lies
    return {name: (folder / name.removeprefix(".")).read_text(encoding="utf-8") for name in FILES}


def write_project(folder: Path) -> Path:
    """Write the project.

    Parameters
    ----------
    folder : Path
        Where it goes: a folder that is not there yet, in one that is, or an empty folder.

    Returns
    -------
    Path
        The folder, absolute.

    Raises
    ------
    ConfigError
        If it cannot be there: the folder has something in it, no store or file can have its name, or nothing may be
        written there. Nothing has been changed then.
    """
    target = folder.absolute()
    _check_name(folder)
    try:
        if os.path.lexists(target):
            _fill(folder, target)
        else:
            _create(folder, target)
    except OSError as error:
        raise _refuse(folder, f"{error.strerror or type(error).__name__}; choose another folder") from error
    return target


def _check_name(folder: Path) -> None:
    """Refuse names that could be made, and be of no use: in a command to be pasted, or in the address of a store."""
    from nnsweep.tracking import sqlite

    name = str(folder.absolute())
    if not is_nameable(folder) or printable(name) != name:
        raise _refuse(folder, "no project can have this name; choose another")
    try:
        sqlite.make_sqlite_uri(folder.absolute() / "mlflow.db")
    except ConfigError as error:
        raise _refuse(folder, "its path holds `?` or `%` with two digits, which the store's address cannot") from error


def _create(folder: Path, target: Path) -> None:
    """Create the project's folder beside its place, under another name, and then put it into place."""
    if not target.parent.is_dir():
        raise _refuse(folder, f"there is no folder {folder.parent}; create it first")
    remove_leftovers([target.parent])
    with temporary_folder(target.parent) as workshop:
        os.rename(_write_files(workshop), target)


def _fill(folder: Path, target: Path) -> None:
    """Fill an empty folder, which stays the one it is, as somebody's shell may be in it: with all files, or none."""
    if not target.is_dir():
        raise _refuse(folder, "it is there, and no folder; choose another name")
    remove_leftovers([target])
    if inside := sorted(os.listdir(target)):
        raise _refuse(folder, f"it is not empty ({inside[0]} is in it); name a new folder, or an empty one")
    with temporary_folder(target) as workshop:
        draft, moved = _write_files(workshop), []
        try:
            for name in sorted(os.listdir(draft)):
                os.rename(draft / name, target / name)
                moved.append(name)
        except BaseException:
            with contextlib.suppress(OSError):
                for name in moved:
                    os.rename(target / name, draft / name)
            raise


def _write_files(workshop: Path) -> Path:
    """Write the project's files into a new folder, and give it."""
    draft = workshop / "project"
    for name, text in list_project_files().items():
        path = draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return draft


def _refuse(folder: Path, cause: str) -> ConfigError:
    name = printable(str(folder))
    return ConfigError(f"cannot make a project in {name if len(name) <= LONGEST_NAME else name[:200] + '...'}: {cause}")
