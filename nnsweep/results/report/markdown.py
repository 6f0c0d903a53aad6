"""A report as Markdown, for a README: headings, paragraphs and tables that GitHub shows.

Only the best rows of a long table are there; pictures are files beside it, if they are wanted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from nnsweep.results.frame import rows
from nnsweep.results.report.content import Picture, SectionContent, Table
from nnsweep.results.report.overview import Overview
from nnsweep.results.report.report import Findings
from nnsweep.results.tables.formats import Markdown
from nnsweep.text import printable

MOST_ROWS = 30


def markdown(findings: Findings, pictures: Mapping[str, str] | None = None) -> str:
    """Write the report.

    Parameters
    ----------
    findings : Findings
        What it says.
    pictures : mapping of str to str, optional
        ``{name of a picture: path of its file}``, as a link has it.

    Returns
    -------
    str
        The text.
    """
    lines = [f"# {Markdown.escape(findings.title)}"]
    if findings.overview:
        lines += _overview(findings.overview, pictures or {})
    for section in findings.further_sections:
        if section.is_empty(pictures or {}):
            continue
        lines += ["", f"## {Markdown.escape(section.heading)}", *_section(section, pictures or {})]
    return "\n".join(lines) + "\n"


def _overview(overview: Overview, pictures: Mapping[str, str]) -> Iterator[str]:
    yield from ("", f"**{Markdown.escape(overview.answer)}**")
    if overview.picture:
        yield from _picture(overview.picture, pictures)
    yield ""
    yield from (f"- {Markdown.escape(number.phrase)}" for number in overview.key_numbers)
    yield from ("", f"What to do next: {Markdown.escape(overview.next_step.reason)}")
    if overview.next_step.command:
        yield from _commands([overview.next_step.command])


def _section(section: SectionContent, pictures: Mapping[str, str]) -> Iterator[str]:
    if section.sentences:
        yield from ("", " ".join(map(Markdown.escape, section.sentences)))
    if section.points:
        yield from ("", *(f"- {Markdown.escape(point)}" for point in section.points))
    for picture in section.pictures:
        yield from _picture(picture, pictures)
    for table in section.tables:
        yield from ("", *_table(table))
    if section.commands:
        yield from _commands(section.commands)


def _picture(picture: Picture, pictures: Mapping[str, str]) -> Iterator[str]:
    if picture.name in pictures:
        yield from ("", f"![{Markdown.escape(picture.caption)}]({pictures[picture.name]})")


def _commands(commands: Sequence[str]) -> Iterator[str]:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", " ".join(commands))), default=0))
    yield from ("", fence, *map(printable, commands), fence)


def _table(table: Table) -> Iterator[str]:
    columns, lines = table.narrow_columns, []
    for place, row in zip(range(MOST_ROWS), rows(table.frame), strict=False):
        first, *others = (Markdown.escape(column.text(row)) for column in columns)
        cells = [first + " †" * (place in table.indistinguishable), *others]
        lines.append([f"**{cell}**" if cell and place in table.best else cell for cell in cells])
    yield from (Markdown.escape(table.notes(MOST_ROWS)), "")
    yield from Markdown.table(
        (Markdown.escape(column.heading) for column in columns), map(table.is_number, columns), lines
    )
