"""The bytes of a file that somebody names as a table: whole, unpacked, and what they are by their first bytes.

Nothing is ever unpickled: a pickle, whatever its name, is told by its first bytes and refused.
"""

import difflib
import gzip
import io
import os
import stat
import zlib
from pathlib import Path

from nnsweep.data.reading.table_problems import named, shown
from nnsweep.errors import DataError, machines
from nnsweep.files import is_nameable

GZIP = b"\x1f\x8b"
_SAVE = "save it as CSV (UTF-8) or Parquet"
_PICKLE = f"is a pickle; object arrays are not loaded, and nothing is ever unpickled: {_SAVE}"
_SHEET = f"is a spreadsheet; {_SAVE} there, one sheet a file"
_DATABASE = "is an SQLite database; name it as data.path=sqlite:///FILE with data.query='SELECT ...'"
_ARRAY = f"is a NumPy array, which has no column names: {_SAVE}, with a name for every column"
_SUFFIXES = {
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".pkz", ".dill", ".cloudpickle"), _PICKLE),
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), _SHEET),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), _DATABASE),
    **dict.fromkeys((".zip", ".tar", ".7z", ".rar"), "is an archive; unpack it and name the table in it"),
    **dict.fromkeys((".bz2", ".xz", ".zst"), "is compressed in a way that is not read; unpack it, or use gzip"),
}
_MAGIC = {
    b"PK\x03\x04": "is a zip archive or a spreadsheet; unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": _SHEET,
    b"SQLite format 3\0": _DATABASE,
    b"PAR1": "is a Parquet file; let its name end in .parquet",
    b"ARROW1": "is a Feather file; let its name end in .feather",
    b"FEA1": "is a Feather file; let its name end in .feather",
    **{b"\x80" + bytes([protocol]): _PICKLE for protocol in range(2, 6)},
    b"\x93NUMPY": _ARRAY,
    b"BZh": _SUFFIXES[".bz2"],
    b"\xfd7zXZ\0": _SUFFIXES[".xz"],
    b"\x28\xb5\x2f\xfd": _SUFFIXES[".zst"],
    b"%PDF": f"is a PDF; {_SAVE}",
}


_FEATHER = (b"ARROW1", b"FEA1")
_COLUMNAR = {".parquet": (b"PAR1",), ".pq": (b"PAR1",), ".feather": _FEATHER, ".arrow": _FEATHER}


_MOST_UNPACKED, _MOST_TIMES = 2**30, 200
"""Bytes to which any file may be unpacked, and how many times its size a larger one may become."""


def suffix_of(path: str) -> str:
    """Give the ending of a file's name in lower case, without that of gzip.

    Examples
    --------
    >>> suffix_of("data/Cats.CSV.gz"), suffix_of("cats")
    ('.csv', '')
    """
    name = Path(path).name.lower()
    return Path(name.removesuffix(".gz")).suffix


def contents(path: str) -> bytes:
    """Read a whole file.

    Parameters
    ----------
    path : str
        Where it is; ``~`` is the home folder.

    Returns
    -------
    bytes
        As they are in the file.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, is empty, or is no ordinary file.
    """
    file = Path(os.path.expanduser(path))
    try:
        _check_place(file, path)
        content = file.read_bytes()
    except OSError as error:
        refusal = machines(error)
        raise DataError(f"{named(path)} cannot be read: {refusal or error.strerror or error}") from error
    if not content:
        raise DataError(f"{named(path)} is empty; name a file with a header and rows")
    return content


def _check_place(file: Path, path: str) -> None:
    if not is_nameable(file):
        raise DataError(f"{named(path)}: no file can have this name; name the table with data.path")
    try:
        mode = file.stat().st_mode  # a pipe would let an open wait for ever
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{named(path)}: there is no such file; {_nearest(file)}") from None
    if stat.S_ISDIR(mode):
        raise DataError(f"{named(path)} is a folder; name a file (data=text reads a folder with one subfolder a class)")
    if not stat.S_ISREG(mode):
        raise DataError(f"{named(path)} is no ordinary file but a pipe, socket or device; copy its content to a file")


def _nearest(file: Path) -> str:
    try:
        there = sorted(name for name in os.listdir(file.parent) if suffix_of(name))
    except OSError:
        return f"there is no folder {named(str(file.parent))} either"
    close = difflib.get_close_matches(file.name, there[:1000], n=1, cutoff=0.75)
    return f"did you mean {shown(close[0])}?" if close else "name the table with data.path"


def unpacked(content: bytes, source: str) -> bytes:
    """Unpack what gzip has packed; anything else is returned as it is.

    Raises
    ------
    DataError
        If what is packed is damaged, cut off or unpacks to something enormous, or a name ends in
        ``.gz`` and the file is not packed.
    """
    if not content.startswith(GZIP):
        if source.lower().endswith(".gz"):
            raise DataError(f"{named(source)} is not packed by gzip, as its name says; rename it or pack it again")
        return content
    most = max(_MOST_UNPACKED, _MOST_TIMES * len(content))
    try:
        with gzip.open(io.BytesIO(content)) as file:
            plain = file.read(most + 1)
    except EOFError as error:
        raise DataError(f"{named(source)} is cut off: its gzip stream has no end; copy it again") from error
    except (OSError, zlib.error) as error:
        raise DataError(f"{named(source)} is damaged: gzip cannot unpack it ({error}); copy it again") from error
    if len(plain) > most:
        raise DataError(f"{named(source)} unpacks to more than {most:,} bytes; unpack it yourself if that is meant")
    return plain


def refuse_foreign(content: bytes, source: str) -> None:
    """Refuse what is no table that is read here, by its name and by its first bytes.

    Parameters
    ----------
    content : bytes
        The file's content, unpacked.
    source : str
        The file's name.

    Raises
    ------
    DataError
        If it is a pickle, an array, a spreadsheet, a database, an archive or a table of another name.
    """
    suffix = suffix_of(source)
    if suffix in (".npy", ".npz"):
        raise DataError(f"{named(source)} {_array(content)}")
    by_name, by_bytes = _SUFFIXES.get(suffix), [told for magic, told in _MAGIC.items() if content.startswith(magic)]
    for told in by_bytes[:1] if suffix not in _COLUMNAR else _not_columnar(content, suffix, by_bytes):
        raise DataError(f"{named(source)} {told}")
    if by_name:
        raise DataError(f"{named(source)} {by_name}")


def _not_columnar(content: bytes, suffix: str, by_bytes: list[str]) -> list[str]:
    if content.startswith(_COLUMNAR[suffix]):
        return []
    return by_bytes[:1] or [f"is no {suffix[1:]} file, as its first bytes tell; rename it, or copy it again"]


def _array(content: bytes) -> str:
    """Say what is wrong with NumPy's own files as tables; their headers are read and nothing else."""
    import numpy as np

    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        for name in getattr(loaded, "files", []):
            loaded[name]
    except ValueError as error:
        return _PICKLE if "pickle" in str(error).lower() else "is damaged; copy it again, and save it as CSV or Parquet"
    except Exception:  # a zip file that is not sound fails in any way it likes
        return "is damaged or cut off; copy it again, and save it as CSV or Parquet"
    return _ARRAY
