r"""A report as LaTeX: an article that pdflatex compiles as it is, or a fragment that an article can ``\input``.

Tables are in the way of booktabs; the best is bold. Tables and pictures stay where they are mentioned, under their
heading. A paper takes what it needs between the comments that name each part.
"""

import math
import re
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from nnsweep.results.frame import rows
from nnsweep.results.report.content import Picture, SectionContent, Table
from nnsweep.results.report.overview import Overview
from nnsweep.results.report.report import Findings
from nnsweep.results.tables.formats import Latex
from nnsweep.results.wording import MINUS, NOTHING

MOST_ROWS, MOST_LINES, LONGEST_WORD = 30, 36, 16
WIDE_LINE, NARROW_LINE, BETWEEN = 90, 76, 1.6
"""How many letters a line has in the document and in an article, and how many are as wide as what parts two columns."""
SHORT_WORD, NARROWEST = 10, 14
"""How many letters of a word always stay together, and how many a column whose texts are broken has at least."""
DOCUMENT = r"""\documentclass[10pt]{{article}}
\usepackage[utf8]{{inputenc}}
\usepackage[margin=2.5cm]{{geometry}}
\usepackage{{booktabs,float}}
{graphics}\setlength{{\tabcolsep}}{{4pt}}
\sloppy
\setlength{{\belowcaptionskip}}{{6pt}}
\begin{{document}}
{body}
\end{{document}}
"""
FRAGMENT = r"""% To be \input into an article{columns}, which needs in its preamble:
% \usepackage[utf8]{{inputenc}}
% \usepackage{{booktabs,float}}
{graphics}\begingroup\sloppy\setlength{{\belowcaptionskip}}{{6pt}}
{body}
\par\endgroup
"""
SYMBOLS = {
    MINUS: "$-$",
    NOTHING: "--",
    "$": r"\symbol{36}",  # \$ is of a font that many installations have as a bitmap only
    "—": "---",
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "÷": r"$\div$",
    "·": r"$\cdot$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "→": r"$\to$",
    "◂": r"$\triangleleft$",
    "▸": r"$\triangleright$",
    "√": r"$\surd$",
    "∑": r"$\sum$",
    "∈": r"$\in$",
    "½": r"$\frac{1}{2}$",
    "…": r"\dots{}",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "“": "``",
    "”": "''",
    "ᵢ": "$_i$",
    "ⱼ": "$_j$",
    "ⁿ": "$^n$",
    "µ": r"$\mu$",  # the micro sign, which is another character than the letter
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
    "\N{THIN SPACE}": r"\,",
    "✗": r"$\times$",
    "°": r"$^\circ$",
    "§": r"$\mathsection$",
    "¶": r"$\mathparagraph$",
}
SYMBOLS |= {char: f"$^{digit}$" for digit, char in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
SYMBOLS |= {char: f"$_{digit}$" for digit, char in enumerate("₀₁₂₃₄₅₆₇₈₉")}
_GREEK = (
    *("alpha", "beta", "gamma", "delta", "varepsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
    *("xi", "", "pi", "rho", "varsigma", "sigma", "tau", "upsilon", "varphi", "chi", "psi", "omega"),
)
_CAPITALS = {
    **{0x393: "Gamma", 0x394: "Delta", 0x398: "Theta", 0x39B: "Lambda", 0x39E: "Xi", 0x3A0: "Pi", 0x3A3: "Sigma"},
    **{0x3A6: "Phi", 0x3A8: "Psi", 0x3A9: "Omega"},
}
SYMBOLS |= {chr(0x3B1 + place): rf"$\{name}$" for place, name in enumerate(_GREEK) if name}
SYMBOLS |= {chr(code): rf"$\{name}$" for code, name in _CAPITALS.items()}
_LATIN = re.compile(r"[\x20-\x7e\u00c0-\u00ff]")
_NOT_IN_FONT = "ÐÞðþ"  # letters of Latin-1 that LaTeX's usual fonts lack


def latex(findings: Findings, pictures: Mapping[str, str] | None = None, *, fragment: bool = False) -> str:
    r"""Write the report.

    Parameters
    ----------
    findings : Findings
        What it says.
    pictures : mapping of str to str, optional
        ``{name of a picture: path of its file}``, a PDF or PNG that stands beside the text.
    fragment : bool
        Whether it is without preamble, to be ``\input`` into an article.

    Returns
    -------
    str
        The document, or the fragment.
    """
    pictures = pictures or {}
    star = "" if fragment else "*"  # an article numbers its own sections
    lines = [rf"\section{star}{{{typeset(findings.title)}}}"]
    if findings.overview:
        lines += _overview(findings.overview, pictures)
    for section in findings.further_sections:
        if section.is_empty(pictures):
            continue
        lines += ["", f"% {section.name}"]
        lines += [rf"\subsection{star}{{{typeset(section.heading)}}}"] if section.heading else []
        lines += _section(section, pictures, is_narrow=fragment)
    graphics = ("% " * fragment + "\\usepackage{graphicx}\n") if pictures else ""
    body = "\n".join(lines)
    if not fragment:
        return DOCUMENT.format(graphics=graphics, body=body)
    has_tables = any(section.tables for section in findings.further_sections)
    return FRAGMENT.format(columns=" of one column" * has_tables, graphics=graphics, body=body)


def typeset(text: str) -> str:
    r"""Escape a text, and write what a Latin font lacks as a symbol of mathematics or by its code.

    Examples
    --------
    >>> print(typeset("0.96 ± 0.01 & 中"))
    0.96 $\pm$ 0.01 \& (U+4E2D)
    """
    return "".join(
        SYMBOLS.get(char)
        or (Latex.escape(char) if _LATIN.match(char) and char not in _NOT_IN_FONT else f"(U+{ord(char):04X})")
        for char in text
    )


def typeset_breakable(text: str, longest: int) -> str:
    r"""Typeset a text whose longer words may be broken at the end of a line, after a hyphen, slash, underscore or sign.

    Parameters
    ----------
    text : str
        Plain text.
    longest : int
        Words without any of these are broken after so many letters.

    Examples
    --------
    >>> print(typeset_breakable("of experiments/depth_width", 12))
    of experiments/\allowbreak{}depth\_\allowbreak{}width
    """
    pieces = re.compile(rf"(?:[^-/_=.]|\.(?=\d)){{1,{longest}}}[-/_=.]?|[-/_=.]")  # 0.1 stays together
    return " ".join(
        r"\allowbreak{}".join(map(typeset, pieces.findall(word))) if len(word) > SHORT_WORD else typeset(word)
        for word in text.split(" ")
    )


def typeset_prose(text: str) -> str:
    r"""Typeset sentences: long words may be broken, and a percent sign stays with its number.

    Examples
    --------
    >>> print(typeset_prose("95 % of 250"))
    95\,\% of 250
    """
    return typeset_breakable(text, LONGEST_WORD).replace(r" \%", r"\,\%")


def typeset_heading(heading: str, longest: int, *, is_number: bool) -> str:
    r"""Typeset a column's heading, on several lines if it is longer than the cells below it.

    Examples
    --------
    >>> print(typeset_heading("could be seen", 5, is_number=True))
    \shortstack[r]{could be\\seen}
    """
    lines = textwrap.wrap(heading, max(longest, 8), break_long_words=False, break_on_hyphens=False)
    if len(lines) < 2:
        return typeset(heading)
    side, stacked = "r" if is_number else "l", r"\\".join(map(typeset, lines))
    return rf"\shortstack[{side}]{{{stacked}}}"


def _overview(overview: Overview, pictures: Mapping[str, str]) -> Iterator[str]:
    yield rf"\textbf{{\boldmath {typeset(overview.answer)}}}"
    if overview.picture:
        yield from _picture(overview.picture, pictures)
    yield from _points([number.phrase for number in overview.key_numbers])
    yield f"What to do next: {typeset(overview.next_step.reason)}"
    if overview.next_step.command:
        yield from _commands([overview.next_step.command])


def _section(section: SectionContent, pictures: Mapping[str, str], *, is_narrow: bool) -> Iterator[str]:
    if section.sentences:
        yield " ".join(map(typeset_prose, section.sentences))
    if section.points:
        yield from _points(section.points)
    for picture in section.pictures:
        yield from _picture(picture, pictures)
    for table in section.tables:
        yield from _table(table, is_narrow=is_narrow)
    if section.commands:
        yield from _commands(section.commands)


def _points(points: Iterable[str]) -> Iterator[str]:
    yield from (
        r"\begin{itemize}",
        *(rf"\item[$\bullet$] {typeset_prose(point)}" for point in points),
        r"\end{itemize}",
    )


def _picture(picture: Picture, pictures: Mapping[str, str]) -> Iterator[str]:
    if picture.name in pictures:
        yield r"\begin{figure}[H]\centering"
        yield rf"\includegraphics[width=\linewidth]{{{pictures[picture.name]}}}"
        yield rf"\caption{{{typeset_prose(picture.caption)}}}"
        yield r"\end{figure}"


def _commands(commands: Iterable[str]) -> Iterator[str]:
    yield r"\begin{quote}\ttfamily\raggedright"
    yield from (typeset_breakable(command, LONGEST_WORD) + r"\par" for command in commands)
    yield r"\end{quote}"


def _table(table: Table, *, is_narrow: bool) -> Iterator[str]:
    """Write a table whose numbers are aligned at the right, as many rows as a page holds."""
    columns = table.narrow_columns
    cells = [[column.text(row) for column in columns] for row in rows(table.frame)][:MOST_ROWS]
    are_numbers = [table.is_number(column) for column in columns]
    longest = [max((len(row[place]) for row in cells), default=0) for place in range(len(columns))]
    line = NARROW_LINE if is_narrow else WIDE_LINE
    broken = _break_texts([column.heading for column in columns], longest, are_numbers, line)
    lines = accumulate(
        max(math.ceil(len(row[place]) / (0.85 * n)) for place, n in ({0: 99} | broken).items()) for row in cells
    )
    cells = [row for row, n_lines in zip(cells, lines, strict=True) if n_lines <= MOST_LINES]
    alignments = [
        "r" if is_number else rf"p{{{broken[place] / line:.2f}\linewidth}}" if place in broken else "l"
        for place, is_number in enumerate(are_numbers)
    ]
    letters = r"\footnotesize\setlength{\tabcolsep}{3pt}" if is_narrow else r"\small"
    yield f"% table: {table.name}"
    yield rf"\begin{{table}}[H]\centering{letters}"
    yield rf"\caption{{{typeset_prose(table.notes(len(cells)))}}}"
    yield from Latex.table(
        [
            typeset_heading(column.heading, n, is_number=is_number)
            for column, n, is_number in zip(columns, longest, are_numbers, strict=True)
        ],
        alignments,
        (_row(table, place, row, broken) for place, row in enumerate(cells)),
    )
    yield r"\end{table}"


def _break_texts(
    headings: Sequence[str], longest: Sequence[int], are_numbers: Sequence[bool], line: int
) -> dict[int, int]:
    """Give the columns of text that have to be broken for a line of so many letters, and how many each gets."""
    widths = [max(n, *map(len, heading.split())) for heading, n in zip(headings, longest, strict=True)]
    broken: dict[int, int] = {}
    while sum(widths) + BETWEEN * len(widths) > line:
        texts = [(n, place) for place, n in enumerate(widths) if not are_numbers[place] and n > NARROWEST]
        if not texts:
            break
        _, place = max(texts)
        widths[place] -= 1
        broken[place] = widths[place]
    return broken


def _row(table: Table, place: int, cells: Sequence[str], broken: Collection[int]) -> Iterator[str]:
    for column, cell in enumerate(cells):
        written = typeset_breakable(cell, NARROWEST) if column in broken else typeset(cell)
        written += r"$^\dagger$" if place in table.indistinguishable and not column else ""
        if place in table.best and written:
            written = rf"\textbf{{\boldmath {written}}}"
        # in a cell \raggedright gives \\ another meaning than the end of a row
        yield rf"\raggedright\let\\\tabularnewline {written}" if column in broken else written
