"""A folder of texts: one subfolder for each class, one file for each text, in UTF-8.

The subfolders' names are the classes. What begins with a dot is no text; what lies elsewhere is left out and told.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from nnsweep.data.reading.problems import listing, named, together
from nnsweep.errors import DataError
from nnsweep.files import expand_home


class FolderText(NamedTuple):
    """One text.

    Attributes
    ----------
    class_name : str
        The subfolder's name.
    file : str
        The file's name within it.
    content : bytes
        What is in it.
    """

    class_name: str
    file: str
    content: bytes


class FolderOfTexts(NamedTuple):
    """The texts of a folder.

    Attributes
    ----------
    texts : list of FolderText
        By class and name of the file.
    digest : str
        SHA-256, in hexadecimal, of all names and contents.
    told : list of str
        What was left out.
    """

    texts: list[FolderText]
    digest: str
    told: list[str]


def read_folder(path: str) -> FolderOfTexts:
    """Read all texts of a folder.

    Parameters
    ----------
    path : str
        The folder; ``~`` is the home folder.

    Returns
    -------
    FolderOfTexts
        At least one of each of at least two classes.

    Raises
    ------
    DataError
        If there are no such subfolders, or a file cannot be read.
    """
    folder = Path(expand_home(path))
    classes, others = _subfolders(folder, path)
    texts: list[FolderText] = []
    unread: list[str] = []
    empty: list[str] = []
    for name in classes:
        files, inner = _files(folder / name)
        others += [f"{name}/{one}" for one in inner]
        empty += [] if files else [name]
        for file in files:
            try:
                texts.append(FolderText(name, file, (folder / name / file).read_bytes()))
            except OSError as error:
                unread.append(f"{named(str(folder / name / file))}: cannot be read ({error.strerror})")
    if unread:
        raise together(unread)
    if empty:
        raise DataError(
            f"{named(path)}: there is no text in {listing(empty, len(empty))}; each subfolder of data.path is a class, "
            "and the files right in it are its texts"
        )
    told = [f"left out: {listing(others, len(others))}, which is no file of a class"] if others else []
    return FolderOfTexts(texts, _digest(texts), told)


def decode_folder(texts: FolderOfTexts, path: str) -> list[str]:
    """Decode the texts as UTF-8.

    Raises
    ------
    DataError
        With the file and the byte of what is none; of up to twenty files.
    """
    read: list[str] = []
    wrong: list[str] = []
    for text in texts.texts:
        try:
            read.append(text.content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            file = os.path.join(path, text.class_name, text.file)
            at, byte = error.start, text.content[error.start]
            line = text.content.count(b"\n", 0, at) + 1
            wrong.append(
                f"{named(file)}, byte {at + 1} (line {line}): 0x{byte:02x} is no UTF-8; save the file as UTF-8"
            )
    if wrong:
        raise together(wrong)
    return read


def _subfolders(folder: Path, path: str) -> tuple[list[str], list[str]]:
    """List the classes, and what else is there."""
    try:
        there = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{named(path)}: the folder cannot be read ({said}); name a folder with data.path") from error
    classes = [name for name in there if (folder / name).is_dir()]
    if len(classes) < 2:
        found = f"only {named(classes[0])}" if classes else "none"
        raise DataError(
            f"{named(path)}: data=text wants a folder with one subfolder for each class, two or more, and there is "
            f"{found}; or name a table's column of texts with data.text and data.target"
        )
    return classes, [name for name in there if name not in set(classes)]


def _files(folder: Path) -> tuple[list[str], list[str]]:
    try:
        there = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{named(str(folder))}: the folder cannot be read ({error.strerror})") from error
    files = [name for name in there if (folder / name).is_file()]
    return files, [name for name in there if name not in set(files)]


def _digest(texts: list[FolderText]) -> str:
    sha = hashlib.sha256()
    for text in texts:
        for part in (os.fsencode(text.class_name), os.fsencode(text.file), text.content):
            sha.update(len(part).to_bytes(8, "little"))
            sha.update(part)
    return sha.hexdigest()
