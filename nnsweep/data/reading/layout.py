"""How a text is laid out as a table, where its file does not show that: settings, and what they make of the text."""

import csv
import io
import re
from dataclasses import dataclass
from typing import Any, Literal

from nnsweep.data.reading.problems import show_value
from nnsweep.errors import DataError
from nnsweep.mlp.ranges import Index
from nnsweep.text import suggest_null

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
BLANK = "blank"
"""The separator that is any number of blanks or tabs."""
QUOTES = {"double": '"', "single": "'", "none": ""}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a text is laid out; None for what the text itself shows.

    Attributes
    ----------
    header : bool or None
        Whether the first line names the columns; without one they are called 0, 1, 2 and so on.
    separator : str or None
        What stands between cells: a character, or comma, semicolon, tab, bar or blank (any number of blanks).
    skip_lines : int or None
        Lines at the top that are left out.
    comment : str or None
        What lines begin with that are left out, such as ``#``.
    quote : {"double", "single", "none"} or None
        What stands around cells that have a separator in them; None for double quotes.
    unnamed : {"first", "last"} or None
        Which cell of each row has no name in the header: the first (names of rows, as R writes them), or the last
        (a separator at the end of each row).
    sheet : str or None
        The sheet of a workbook that has several.
    """

    header: bool | None = None
    separator: str | None = None
    skip_lines: Index | None = None
    comment: str | None = None
    quote: Literal["double", "single", "none"] | None = None
    unnamed: Literal["first", "last"] | None = None
    sheet: str | None = None

    @property
    def character(self) -> str | None:
        """The separator as a character, a tab for blanks; None if it is to be found.

        Raises
        ------
        DataError
            If it is neither one character nor a known word.
        """
        given = self.separator
        if given is None:
            return None
        known = {word: character for character, word in SEPARATORS.items()} | {BLANK: "\t", " ": "\t", "\\t": "\t"}
        character = known.get(given, given)
        if len(character) != 1 or character in "\0\r\n\"'" or not character.isascii():
            hint = suggest_null("data.separator", given)
            raise DataError(
                f"data.separator={show_value(given)}: must be one character, or comma, semicolon, tab, bar or {BLANK}"
                f"{hint and f'; {hint}'}"
            )
        return character

    @property
    def quote_character(self) -> str:
        """What stands around cells; empty for nothing."""
        return QUOTES[self.quote or "double"]

    def unwrapped(self, text: str) -> str:
        """Empty the lines that are left out, and make one tab of the blanks between cells; no line moves.

        Raises
        ------
        DataError
            If a comment's mark is empty.
        """
        if self.comment == "":
            raise DataError("data.comment='': must be what comment lines begin with, such as '#'")
        if self.skip_lines or self.comment:
            text = "".join(_without_lines(text, self.skip_lines or 0, self.comment, self.quote_character))
        return with_tabs(text, self.quote_character) if self.separator in (BLANK, " ") else text


def _without_lines(text: str, n_skipped: int, comment: str | None, quote: str) -> list[str]:
    lines = io.StringIO(text, newline="").readlines()
    is_quoted = False
    for number, line in enumerate(lines):
        if number < n_skipped or (comment and not is_quoted and line.lstrip(" \t").startswith(comment)):
            lines[number] = line[len(line.rstrip("\r\n")) :]
        elif quote and line.count(quote) % 2:
            is_quoted = not is_quoted  # a value goes on over several lines
    return lines


def csv_style(separator: str, quote: str) -> dict[str, Any]:
    """Give what Python's own reader has to know of a text; an empty quote is none."""
    quoting = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    return {"delimiter": separator, "skipinitialspace": True, **quoting}


def with_tabs(text: str, quote: str) -> str:
    r"""Make one tab of the blanks between cells, none of those at the ends of lines, and leave quoted blanks alone.

    Examples
    --------
    >>> with_tabs('  a   b \n "x y"  1\n', '"')
    'a\tb\n"x y"\t1\n'
    """
    if quote and quote in text:
        text = re.sub(
            rf"(?<![^ \t\r\n]){quote}[^{quote}\r\n]*{quote}(?![^ \t\r\n])|[ \t]+",
            lambda found: found[0] if found[0][0] == quote else "\t",
            text,
        )
    else:
        text = re.sub(r"[ \t]+", "\t", text)
    return re.sub(r"^\t|\t(?=[\r\n]|\Z)", "", text, flags=re.MULTILINE)
