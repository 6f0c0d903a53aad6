"""Inert text: somebody's text, written so that no program that opens the table takes it for anything else.

Names, reasons and settings come from users and may hold a formula, a tag or a control character. There is one
function for each place where text is shown; numbers never pass through here.
"""

import html
import re

from nnsweep.messages import visible

FORMULA = re.compile(r"[\t\r\n]|[\s\u200b-\u200f\u2060\ufeff\x00-\x1f]*[=+\-@＝＋－＠]|'")  # noqa: RUF001
MARKDOWN = re.compile(r"[\\`*\[\]<>|~&$@#!]|:(?! )|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=www)\.", re.IGNORECASE)
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\symbol{34}",
    "-": "{-}",
    "`": "{`}",
    "'": "{'}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
} | {special: "\\" + special for special in "{}$&#_%"}


def for_spreadsheet(text: str) -> str:
    """Put an apostrophe before what a spreadsheet could take for a formula.

    Text that begins with an apostrophe gets a second one, so taking one away always gives the original.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text, at most one apostrophe longer.

    Examples
    --------
    >>> for_spreadsheet("=1+1"), for_spreadsheet("20-20-tanh")
    ("'=1+1", '20-20-tanh')
    """
    return "'" + text if FORMULA.match(text) else text


def for_csv(text: str) -> str:
    """Make a CSV cell of text: no formula, and in quotes where that is needed."""
    cell = for_spreadsheet(text).encode(errors="backslashreplace").decode()
    return '"' + cell.replace('"', '""') + '"' if re.search(r'[",;\s\x00]', cell) else cell


def for_markdown(text: str) -> str:
    r"""Escape what would end a table's cell, format it, link or open a tag; a colon before a space does none of that.

    Examples
    --------
    >>> print(for_markdown("a|b <i> test_accuracy: *c* :d:"))
    a\|b \<i\> test_accuracy: \*c\* \:d\:
    """
    return MARKDOWN.sub(lambda found: "\\" + found.group(), visible(text))


def for_latex(text: str) -> str:
    r"""Escape LaTeX's special characters, and those that would join into a ligature or follow a line end.

    Examples
    --------
    >>> print(for_latex("100 % of test_accuracy"))
    100 \% of test\_accuracy
    """
    return "".join(LATEX.get(char, char) for char in visible(text))


def for_html(text: str) -> str:
    """Escape tags, entities and quotes."""
    return html.escape(visible(text), quote=True)
