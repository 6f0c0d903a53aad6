"""A report as one HTML file that needs nothing else: style, script and pictures are in it, and nothing is loaded.

The page forbids itself every connection and every script but its own, by a content security policy; without scripts it
reads the same, only its tables cannot be sorted.
"""

import base64
import hashlib
import io
import math
import re
import warnings
from collections.abc import Iterator
from importlib import resources

import matplotlib as mpl

from nnsweep.results.frame import rows
from nnsweep.results.report.content import Column, Picture, Row, SectionContent, Table
from nnsweep.results.report.report import Findings
from nnsweep.results.tables.formats import Html

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<nav aria-label="Sections"><ul>
{links}
</ul></nav>
</header>
<main>
{sections}
</main>
<script>{script}</script>
</body>
</html>
"""
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
    "base-uri 'none'; form-action 'none'"
)
LONG = 20
"""Characters beyond which a cell is given room."""
_ID = re.compile(r'(\bid="|url\(#|href="#)')
_UNWANTED = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)


def html(findings: Findings) -> str:
    """Write the report.

    Parameters
    ----------
    findings : Findings
        What it says.

    Returns
    -------
    str
        The page.
    """
    folder = resources.files(__package__)
    script, style = ((folder / name).read_text(encoding="utf-8") for name in ("sorting.js", "page.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return PAGE.format(
        policy=POLICY.format(digest=digest),
        title=Html.escape(findings.title),
        style=style,
        links="\n".join(f'<li><a href="#{one.name}">{Html.escape(one.heading)}</a></li>' for one in findings.sections),
        sections="\n".join(line for section in findings.sections for line in _section(section)),
        script=script,
    )


def svg(picture: Picture) -> str:
    """Draw a picture to be put into a page: its ids begin with its name, and it has a title for who cannot see it."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "nnsweep"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks
        picture.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    drawn = _UNWANTED.sub("", buffer.getvalue()).strip().replace("*{stroke", ".picture svg *{stroke")
    drawn = _ID.sub(lambda match: f"{match[0]}{picture.name}-", drawn)
    title = f'<title id="{picture.name}-title">{Html.escape(picture.caption)}</title>'
    labelled = f'<svg role="img" aria-labelledby="{picture.name}-title" '
    head, _, rest = drawn.partition(">")
    return f"{head.replace('<svg ', labelled, 1)}>{title}{rest}"


def _section(section: SectionContent) -> Iterator[str]:
    yield f'<section id="{section.name}" aria-labelledby="{section.name}-heading">'
    yield f'<h2 id="{section.name}-heading">{Html.escape(section.heading)}</h2>'
    if section.sentences:
        yield f"<p>{' '.join(map(Html.escape, section.sentences))}</p>"
    if section.points:
        yield f"<ul>{''.join(f'<li>{Html.escape(point)}</li>' for point in section.points)}</ul>"
    for picture in section.pictures:
        yield '<figure class="picture"><div class="box" tabindex="0" role="region" '
        yield f'aria-label="{Html.escape(picture.name)}">{svg(picture)}</div>'
        yield f"<figcaption>{Html.escape(picture.caption)}</figcaption></figure>"
    for table in section.tables:
        yield from _table(table)
    if section.commands:
        commands = "\n".join(map(Html.escape, section.commands))
        yield f'<pre class="box" tabindex="0"><code>{commands}</code></pre>'
    yield "</section>"


def _table(table: Table) -> Iterator[str]:
    kinds = [table.is_number(column) for column in table.columns]
    yield f'<div class="box table" tabindex="0" role="region" aria-label="{Html.escape(table.caption)}">'
    yield f'<table id="{table.name}"><caption>{Html.escape(table.notes(len(table.frame)))}</caption>'
    heads = "".join(
        f'<th scope="col"{_class("number" * number)}>{Html.escape(column.heading)}</th>'
        for column, number in zip(table.columns, kinds, strict=True)
    )
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    for place, row in enumerate(rows(table.frame)):
        cells = (_cell(table, place, *kind, row) for kind in zip(table.columns, kinds, strict=True))
        yield f"<tr{_class('best' * (place in table.best))}>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _cell(table: Table, place: int, column: Column, is_number: bool, row: Row) -> str:
    text, value = Html.escape(column.text(row)), row[column.key]
    if column is table.columns[0]:
        mark = '<abbr title="cannot be told from the best">†</abbr>' if place in table.indistinguishable else ""
        return f'<th scope="row">{text}{mark}</th>'
    is_sortable = is_number and isinstance(value, int | float) and math.isfinite(value)
    key = f' data-value="{value!r}"' if is_sortable else ""
    return f"<td{_class('number' if is_number else 'long' * (len(text) > LONG))}{key}>{text}</td>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
