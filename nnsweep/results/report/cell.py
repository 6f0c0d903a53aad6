"""A report in the output of a notebook's cell: the overview, and below it every section, folded up.

Of the pictures only the first is there, and of a long table the best rows: the whole is a file of its own.
"""

from collections.abc import Iterator, Sequence

from nnsweep.results.frame import rows
from nnsweep.results.notebook import embed_figure, make_html_table, make_output
from nnsweep.results.report.content import SectionContent, Table
from nnsweep.results.report.markdown import MOST_ROWS
from nnsweep.results.report.report import Findings
from nnsweep.results.tables.formats import Html


def make_cell(findings: Findings) -> str:
    """Write the report as HTML that needs no style and no script.

    Parameters
    ----------
    findings : Findings
        What it says.

    Returns
    -------
    str
        The inside of a page.
    """
    lines = [f"<h3>{Html.escape(findings.title)}</h3>"]
    if overview := findings.overview:
        lines.append(f"<p><strong>{Html.escape(overview.answer)}</strong></p>")
        if overview.picture:
            lines.append(embed_figure(overview.picture.figure, overview.picture.caption))
        numbers = (
            f"<strong>{Html.escape(one.value)}</strong>{Html.escape(one.phrase.removeprefix(one.value))}"
            for one in overview.key_numbers
        )
        lines.append(f"<ul>{''.join(f'<li>{number}</li>' for number in numbers)}</ul>")
        lines.append(f"<p>{Html.escape(overview.next_step.reason)}</p>")
        lines += _write_commands([overview.next_step.command] if overview.next_step.command else [])
    for section in findings.further_sections:
        if not section.is_empty(()):
            lines.append(
                f"<details><summary>{Html.escape(section.heading)}</summary>{write_section(section)}</details>"
            )
    return make_output(lines)


def write_section(section: SectionContent) -> str:
    """Write what stands under the heading of a section, but for its pictures."""
    return make_output(_list_parts(section))


def _list_parts(section: SectionContent) -> Iterator[str]:
    if section.sentences:
        yield f"<p>{' '.join(map(Html.escape, section.sentences))}</p>"
    if section.points:
        yield f"<ul>{''.join(f'<li>{Html.escape(point)}</li>' for point in section.points)}</ul>"
    for table in section.tables:
        yield f"<p>{Html.escape(table.notes(MOST_ROWS))}</p>"
        yield _write_table(table)
    yield from _write_commands(section.commands)


def _write_table(table: Table) -> str:
    columns, lines = table.narrow_columns, []
    for place, row in zip(range(MOST_ROWS), rows(table.frame), strict=False):
        first, *others = (column.text(row) for column in columns)
        lines.append([first + " †" * (place in table.indistinguishable), *others])
    heads = [column.heading for column in columns]
    return make_html_table(heads, map(table.is_number, columns), lines, table.best)


def _write_commands(commands: Sequence[str]) -> Iterator[str]:
    if commands:
        lines = "\n".join(map(Html.escape, commands))
        yield f'<pre style="font-family: monospace">{lines}</pre>'  # Jupyter's own style writes it like text
