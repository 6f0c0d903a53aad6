"""The content of a file that somebody names as a table: its bytes, unpacked, and its text.

Nothing is ever unpickled: a pickle, whatever its name, is recognized by its first bytes and refused. A text is in
UTF-8, or in what a byte order mark names; the refusal of any other names the first byte that does not fit and the
encoding that would: a guess would turn names into others.
"""

import bz2
import codecs
import difflib
import gzip
import io
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nnsweep.data.problems import list_first, show_name, show_value
from nnsweep.errors import DataError, machines
from nnsweep.files import expand_home, is_nameable
from nnsweep.text import suggest_null

_GZIP, _BZIP2, _XZ, _ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04"
PACKERS = {".gz": (_GZIP, "gzip"), ".bz2": (_BZIP2, "bzip2"), ".xz": (_XZ, "xz"), ".zip": (_ZIP, "zip")}
"""What a packed file begins with, and the packer's name, by the ending of the file's name."""
ZIPPED = (".xlsx", ".xlsm", ".npz")
"""Formats that are zip archives themselves."""
_SAVE = "save it as CSV (UTF-8) or Parquet"
_PICKLE = f"is a pickle; object arrays are not loaded, and nothing is ever unpickled: {_SAVE}"
_SHEET = f"is a spreadsheet; {_SAVE} there, one sheet a file"
_DATABASE = "is an SQLite database; name it as data.path=sqlite:///FILE with data.query='SELECT ...'"
_ARRAY = f"is a NumPy array, without labels: save two, as in numpy.savez('table.npz', X=X, y=y), or {_SAVE}"
_SUFFIXES = {
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".pkz", ".dill", ".cloudpickle"), _PICKLE),
    **dict.fromkeys((".xls", ".xlsb", ".ods"), f"{_SHEET}, or as .xlsx"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), _DATABASE),
    **dict.fromkeys((".tar", ".7z", ".rar"), "is an archive; unpack it and name the table in it"),
    ".npy": _ARRAY,
    ".zst": "is compressed in a way that is not read; unpack it, or use gzip",
}
_MAGIC = {
    _ZIP: "is a zip archive or a spreadsheet; let its name end in .zip or .xlsx, or save it as CSV",
    b"\xd0\xcf\x11\xe0": _SHEET,
    b"SQLite format 3\0": _DATABASE,
    b"PAR1": "is a Parquet file; let its name end in .parquet",
    b"ARROW1": "is a Feather file; let its name end in .feather",
    b"FEA1": "is a Feather file; let its name end in .feather",
    **{b"\x80" + bytes([protocol]): _PICKLE for protocol in range(2, 6)},
    b"\x93NUMPY": _ARRAY,
    b"\x28\xb5\x2f\xfd": _SUFFIXES[".zst"],
    b"%PDF": f"is a PDF; {_SAVE}",
}
_FEATHER = (b"ARROW1", b"FEA1")
_COLUMNAR = {".parquet": (b"PAR1",), ".pq": (b"PAR1",), ".feather": _FEATHER, ".arrow": _FEATHER}
_COLUMNAR |= dict.fromkeys(ZIPPED, (_ZIP,))
_MOST_UNPACKED, _MOST_TIMES = 2**30, 200
"""Bytes to which any file may be unpacked, and how many times its size a larger one may become."""
_MARKS = {  # the longer mark first: that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def suffix_of(path: str) -> str:
    """Give the ending of a file's name in lower case, without that of gzip, bzip2, xz or zip.

    Examples
    --------
    >>> suffix_of("data/Cats.CSV.gz"), suffix_of("cats")
    ('.csv', '')
    """
    name = Path(path).name.lower()
    packer = next((ending for ending in PACKERS if name.endswith(ending)), "")
    return Path(name.removesuffix(packer)).suffix


def read_content(path: str, key: str = "data.path") -> bytes:
    """Read a whole file.

    Parameters
    ----------
    path : str
        Where it is; ``~`` is the home folder.
    key : str
        The setting that names it, for messages.

    Returns
    -------
    bytes
        As they are in the file.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, is empty, or is no ordinary file.
    """
    file = Path(expand_home(path))
    if not is_nameable(file):
        raise DataError(f"{show_name(path)}: no file can have this name; name the table with {key}")
    try:
        mode = file.stat().st_mode  # a pipe would let an open wait for ever
        if stat.S_ISDIR(mode):
            raise DataError(
                f"{show_name(path)} is a folder; name a file (data=text reads a folder with one subfolder a class)"
            )
        if not stat.S_ISREG(mode):
            raise DataError(
                f"{show_name(path)} is no ordinary file but a pipe, socket or device; copy its content to a file"
            )
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{show_name(path)}: there is no such file; {_suggest_file(file, key)}") from None
    except OSError as error:
        refusal = machines(error)
        raise DataError(f"{show_name(path)} cannot be read: {refusal or error.strerror or error}") from error
    if not content:
        raise DataError(f"{show_name(path)} is empty; name a file with a header and rows")
    return content


def _suggest_file(file: Path, key: str) -> str:
    if key == "data.test_path" and (hint := suggest_null(key, file.name)):  # the others must name a table
        return hint
    try:
        names = sorted(name for name in os.listdir(file.parent) if suffix_of(name))
    except OSError:
        return f"there is no folder {show_name(str(file.parent))} either"
    close = difflib.get_close_matches(file.name, names[:1000], n=1, cutoff=0.75)
    return f"did you mean {show_value(close[0])}?" if close else f"name the table with {key}"


def unpack(content: bytes, source: str) -> tuple[bytes, str]:
    """Unpack what gzip, bzip2 or xz has packed, or the one file of a zip archive; anything else stays as it is.

    Parameters
    ----------
    content : bytes
        The file's content.
    source : str
        Its name.

    Returns
    -------
    content : bytes
        What was packed.
    source : str
        What to call it: for a zip archive, the archive's name and the file's.

    Raises
    ------
    DataError
        If what is packed is damaged, cut off or unpacks to something enormous, a name says that a file is packed and
        it is not, or an archive holds another number of files than one.
    """
    for ending, (magic, packer) in PACKERS.items():
        is_packed = content.startswith(magic) and (ending != ".zip" or source.lower().endswith(".zip"))
        others = tuple(other for other, _ in PACKERS.values() if other not in (magic, _ZIP))
        if source.lower().endswith(ending) and not is_packed and not content.startswith(others):
            raise DataError(
                f"{show_name(source)} is not packed by {packer}, as its name says; rename it or pack it again"
            )
        if is_packed:
            return _unpack_with(packer, content, source)
    return content, source


def _unpack_with(packer: str, content: bytes, source: str) -> tuple[bytes, str]:
    most = max(_MOST_UNPACKED, _MOST_TIMES * len(content))
    file = io.BytesIO(content)
    name = source
    try:
        if packer == "zip":
            archive = zipfile.ZipFile(file)
            info = _choose_file(archive, source)
            name = f"{source}/{info.filename}"
            with archive.open(info) as member:
                plain = member.read(most + 1)
        else:
            openers: dict[str, Callable[[io.BytesIO], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
            with openers[packer](file) as packed:
                plain = packed.read(most + 1)
    except EOFError as error:
        raise DataError(f"{show_name(source)} is cut off: its {packer} stream has no end; copy it again") from error
    except (OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{show_name(source)} is damaged: {packer} cannot unpack it ({error}); copy it again"
        ) from error
    if len(plain) > most:
        raise DataError(f"{show_name(source)} unpacks to more than {most:,} bytes; unpack it yourself if that is meant")
    return plain, name


def _choose_file(archive: zipfile.ZipFile, source: str) -> zipfile.ZipInfo:
    infos = [
        info
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/") and Path(info.filename).name[:1] != "."
    ]
    if not infos:
        raise DataError(f"{show_name(source)} holds no file; name another")
    if len(infos) > 1:
        names = list_first((info.filename for info in infos), len(infos))
        raise DataError(f"{show_name(source)} holds {len(infos):,} files ({names}); unpack it and name one of them")
    if infos[0].flag_bits & 1:
        raise DataError(f"{show_name(source)} is encrypted; unpack it and name the table in it")
    return infos[0]


def check_archive(content: bytes, source: str) -> None:
    """Refuse a format that is a zip archive if it is damaged, or would unpack to something enormous.

    Raises
    ------
    DataError
        Naming the file.
    """
    most = max(_MOST_UNPACKED, _MOST_TIMES * len(content))
    try:
        n_bytes = sum(info.file_size for info in zipfile.ZipFile(io.BytesIO(content)).infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(f"{show_name(source)} is damaged or cut off ({error}); copy or write it again") from error
    if n_bytes > most:
        raise DataError(f"{show_name(source)} unpacks to more than {most:,} bytes; save it as Parquet if that is meant")


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
    if suffix == ".npy":
        raise DataError(f"{show_name(source)} {_explain_array(content)}")
    problems = [problem for magic, problem in _MAGIC.items() if content.startswith(magic)]
    if suffix in _COLUMNAR:
        wrong = f"is no {suffix[1:]} file, as its first bytes tell; rename it, or copy it again"
        problems = [] if content.startswith(_COLUMNAR[suffix]) else [*problems, wrong]
    for problem in (*problems, _SUFFIXES.get(suffix)):
        if problem:
            raise DataError(f"{show_name(source)} {problem}")


def _explain_array(content: bytes) -> str:
    """Say what is wrong with NumPy's own files as tables; their headers are read and nothing else."""
    import numpy as np

    try:
        np.load(io.BytesIO(content), allow_pickle=False)
    except ValueError as error:
        return _PICKLE if "pickle" in str(error).lower() else "is damaged; copy it again, and save it as CSV or Parquet"
    except Exception:  # a zip file that is not sound fails in any way it likes
        return "is damaged or cut off; copy it again, and save it as CSV or Parquet"
    return _ARRAY


def decode(content: bytes, source: str) -> str:
    r"""Decode a file's bytes.

    Parameters
    ----------
    content : bytes
        The file's content.
    source : str
        The file's name, for messages.

    Returns
    -------
    str
        Its text, line ends as they are.

    Raises
    ------
    DataError
        If a byte does not fit, or there are NUL characters, which no text has.

    Examples
    --------
    >>> decode(b"\xef\xbb\xbfage\n17\n", "cats.csv")
    'age\n17\n'
    """
    encoding = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(_explain_byte(content, source, error)) from error
    if "\0" in text:
        n_nul, line = text.count("\0"), text.count("\n", 0, text.index("\0")) + 1
        place = f"{show_name(source)}, line {line}: {n_nul:,} NUL characters from here on"
        if n_nul > len(text) / 3:
            raise DataError(
                f"{place}, as in UTF-16 without its mark; save it as UTF-8: iconv -f UTF-16LE -t UTF-8 OLD > NEW"
            )
        raise DataError(f"{place}; no text has them: the file may be damaged or binary")
    return text


def _explain_byte(content: bytes, source: str, error: UnicodeDecodeError) -> str:
    line = content.count(b"\n", 0, error.start) + 1
    before = error.start - (content.rfind(b"\n", 0, error.start) + 1)
    place = f"{show_name(source)}, line {line}: byte 0x{content[error.start]:02x} after {before} bytes of the line"
    if error.encoding.startswith(("utf-16", "utf-32")) or content[1:4000:2].count(0) > len(content[1:4000:2]) / 2:
        return f"{place} is not {error.encoding.upper()}: the file may be cut off; save it again as UTF-8"
    if b"\0" in content:
        return f"{place} is not UTF-8, and there are NUL bytes: the file is no text; name a table"
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        fits = "latin-1"
    else:
        fits = "cp1252"
    return f"{place} is not UTF-8; {fits} would fit: iconv -f {fits.upper()} -t UTF-8 OLD > NEW"
