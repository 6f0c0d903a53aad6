"""Text of a file in whatever encoding it has: UTF-8, or what a byte order mark names; anything else is refused.

The refusal names the first byte that does not fit and the encoding that would: a guess would turn names into others.
"""

import codecs

from nnsweep.data.reading.table_problems import named
from nnsweep.errors import DataError

_MARKS = {  # the longer mark first: that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def decoded(content: bytes, source: str) -> str:
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
    >>> decoded(b"\xef\xbb\xbfage\n17\n", "cats.csv")
    'age\n17\n'
    """
    encoding = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(_misfit(content, source, error)) from error
    if "\0" in text:
        raise DataError(_nul(text, source))
    return text


def _misfit(content: bytes, source: str, error: UnicodeDecodeError) -> str:
    line = content.count(b"\n", 0, error.start) + 1
    before = error.start - (content.rfind(b"\n", 0, error.start) + 1)
    place = f"{named(source)}, line {line}: byte 0x{content[error.start]:02x} after {before} bytes of the line"
    if error.encoding.startswith(("utf-16", "utf-32")) or content[1:4000:2].count(0) > len(content[1:4000:2]) / 2:
        return f"{place} is not {error.encoding.upper()}: the file may be cut off; save it again as UTF-8"
    if b"\0" in content:
        return f"{place} is not UTF-8, and there are NUL bytes: the file is no text; name a table"
    fits = "cp1252" if _fits(content, "cp1252") else "latin-1"
    return f"{place} is not UTF-8; {fits} would fit: iconv -f {fits.upper()} -t UTF-8 OLD > NEW"


def _fits(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _nul(text: str, source: str) -> str:
    first, n_nul = text.index("\0"), text.count("\0")
    place = f"{named(source)}, line {text.count(chr(10), 0, first) + 1}: {n_nul:,} NUL characters from here on"
    if n_nul > len(text) / 3:
        return f"{place}, as in UTF-16 without its mark; save it as UTF-8: iconv -f UTF-16LE -t UTF-8 OLD > NEW"
    return f"{place}; no text has them: the file may be damaged or binary"
