r"""A report as LaTeX, for a paper: an article that pdflatex compiles as it is, with tables in the way of booktabs.

The best is bold, † marks what does not differ from it significantly. A paper takes what it needs between the comments
that name each part.
"""

import re
from collections.abc import Iterator, Mapping

from nnsweep.results.frame import rows
from nnsweep.results.report.content import SectionContent, Table
from nnsweep.results.report.report import Findings
from nnsweep.results.tables.formats import Latex
from nnsweep.results.wording import MINUS, NOTHING

MOST_ROWS = 30
DOCUMENT = r"""\documentclass[10pt]{{article}}
\usepackage[utf8]{{inputenc}}
\usepackage[margin=2.5cm]{{geometry}}
\usepackage{{booktabs}}
{graphics}\setlength{{\tabcolsep}}{{4pt}}
\setlength{{\emergencystretch}}{{3em}}
\setlength{{\belowcaptionskip}}{{6pt}}
\begin{{document}}
{body}
\end{{document}}
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


def latex(findings: Findings, pictures: Mapping[str, str] | None = None) -> str:
    """Write the report.

    Parameters
    ----------
    findings : Findings
        What it says.
    pictures : mapping of str to str, optional
        ``{name of a picture: path of its file}``, a PDF or PNG that stands beside the text.

    Returns
    -------
    str
        The document.
    """
    lines = [rf"\section*{{{typeset(findings.title)}}}"]
    for section in findings.sections:
        if section.is_empty(pictures or {}):
            continue
        lines += ["", f"% {section.name}", rf"\subsection*{{{typeset(section.heading)}}}"]
        lines += _section(section, pictures or {})
    graphics = "\\usepackage{graphicx}\n" if pictures else ""
    return DOCUMENT.format(graphics=graphics, body="\n".join(lines))


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


def typeset_breakable(text: str, longest: int = 0) -> str:
    r"""Typeset a text so that a line may end after a hyphen, slash or underscore, or after so many letters in a row.

    Examples
    --------
    >>> print(typeset_breakable("depth_width"))
    depth\_\allowbreak{}width
    """
    letters = rf"[^-/_ ]{{1,{longest}}}" if longest else "[^-/_ ]+"
    return r"\allowbreak{}".join(map(typeset, re.findall(rf"{letters}[-/_ ]?|[-/_ ]", text)))


def _section(section: SectionContent, pictures: Mapping[str, str]) -> Iterator[str]:
    if section.sentences:
        yield " ".join(map(typeset, section.sentences))
    if section.points:
        yield from (
            r"\begin{itemize}",
            *(rf"\item[$\bullet$] {typeset(point)}" for point in section.points),
            r"\end{itemize}",
        )
    for picture in section.pictures:
        if picture.name in pictures:
            yield r"\begin{figure}[!htbp]\centering"
            yield rf"\includegraphics[width=\textwidth]{{{pictures[picture.name]}}}"
            yield rf"\caption{{{typeset(picture.caption)}}}"
            yield r"\end{figure}"
    for table in section.tables:
        yield from _table(table)
    if section.commands:
        yield r"\begin{quote}\ttfamily\raggedright"
        yield from (typeset_breakable(command) + r"\par" for command in section.commands)
        yield r"\end{quote}"


def _table(table: Table) -> Iterator[str]:
    r"""Write a table whose numbers are aligned at the right; text that is too long for a line may be broken."""
    columns = table.narrow_columns
    cells = [[column.text(row) for column in columns] for row in rows(table.frame)][:MOST_ROWS]
    widths = [max((len(row[place]) for row in cells), default=0) for place in range(len(columns))]
    alignments = []
    for column, width in zip(columns, widths, strict=True):
        share = min(0.6, max(0.15, 0.9 * width / max(sum(widths), 1)))
        is_broken = sum(widths) > 85 and width > 25
        text = rf"p{{{share:.2f}\textwidth}}" if is_broken else "l"
        alignments.append("r" if table.is_number(column) else text)
    yield f"% table: {table.name}"
    yield r"\begin{table}[!htbp]\centering\small"
    yield rf"\caption{{{typeset(table.notes(MOST_ROWS))}}}"
    yield from Latex.table(
        (typeset(column.heading) for column in columns),
        alignments,
        (_row(table, place, row) for place, row in enumerate(cells)),
    )
    yield r"\end{table}"


def _row(table: Table, place: int, cells: list[str]) -> Iterator[str]:
    for column, cell in enumerate(cells):
        written = typeset(cell) + (r"$^\dagger$" if place in table.indistinguishable and not column else "")
        yield rf"\textbf{{\boldmath {written}}}" if place in table.best and written else written
