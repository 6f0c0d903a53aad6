r"""A report as LaTeX, for a paper: an article that pdflatex compiles as it is, with tables in the way of booktabs.

The best is bold, † marks what cannot be told from it. A paper takes what it needs between the comments that name each
part.
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
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "†": r"$^\dagger$",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "√": r"$\surd$",
    "η": r"$\eta$",
    "ω": r"$\omega$",
    "²": "$^2$",
    "·": r"$\cdot$",
    NOTHING: "--",
    "…": r"\dots{}",
}
_LATIN = re.compile(r"[\x20-\x7e\u00c0-\u00ff]")


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
        SYMBOLS.get(char) or (Latex.escape(char) if _LATIN.match(char) else f"(U+{ord(char):04X})") for char in text
    )


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
        for command in map(typeset, section.commands):  # long ones may be broken after a hyphen, slash or underscore
            yield re.sub(r"\{-\}|/|\\_", lambda match: match[0] + r"\allowbreak{}", command) + r"\par"
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
