"""A report as one HTML file that needs nothing else: style, script and pictures are in it, and nothing is loaded.

The page forbids itself every connection and every script but its own, by a content security policy; without scripts it
reads the same, but cannot be explored.
"""

import base64
import hashlib
import math
from collections.abc import Iterator, Mapping
from importlib import resources

from nnsweep.results.frame import rows
from nnsweep.results.report.content import Column, Picture, Row, SectionContent, Table
from nnsweep.results.report.explorer import Explorer, draw_maps, explore
from nnsweep.results.report.inline_svg import inline_svg, share_styles
from nnsweep.results.report.report import Findings
from nnsweep.results.tables.formats import Html

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{reload}<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
{data}<script>{script}</script>
</body>
</html>
"""
DATA = '<script type="application/json" id="study">{}</script>\n'
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
    "base-uri 'none'; form-action 'none'"
)
MOST_NARROW = 5_000_000
"""Characters, shared among the configurations, beyond which a picture is not drawn a second time for phones: with
hundreds of configurations every picture is large, and the page is to stay small."""
LONG = 20
"""Characters beyond which a cell is given room."""


def html(findings: Findings, *, reload: int = 0) -> str:
    """Write the report.

    Parameters
    ----------
    findings : Findings
        What it says.
    reload : int
        After how many seconds the page loads itself again; 0 for never.

    Returns
    -------
    str
        The page.
    """
    folder = resources.files(__package__)
    style, *scripts = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js", "curves.js"))
    script = "\n".join(scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    explorer = explore(findings.study) if findings.study else None
    body, sheet = share_styles("\n".join(_body(findings, explorer)))
    return PAGE.format(
        policy=POLICY.format(digest=digest),
        reload=f'<meta http-equiv="refresh" content="{reload}">\n' if reload else "",
        title=Html.escape(findings.title),
        style=style + sheet,
        body=body,
        data=DATA.format(explorer.json()) if explorer else "",
        script=script,
    )


def _body(findings: Findings, explorer: Explorer | None) -> Iterator[str]:
    places = {label: place for place, label in enumerate(findings.labels)}
    yield from _overview(findings, explorer)
    yield '<main>\n<section id="curves" hidden></section>\n<div id="controls"></div>'
    for section in findings.further_sections:
        yield from _section(section, places)
    yield "</main>"


def _overview(findings: Findings, explorer: Explorer | None) -> Iterator[str]:
    """Write the first screen, and the links to what follows it."""
    yield f'<header id="overview"{_class("alone" * (not (findings.overview and findings.overview.picture)))}>'
    yield '<div class="claim">'
    if findings.experiment and findings.experiment != findings.title:
        yield f'<p class="experiment">Experiment {Html.escape(findings.experiment)}</p>'
    yield f"<h1>{Html.escape(findings.title)}</h1>"
    if overview := findings.overview:
        yield f'<p class="answer">{Html.escape(overview.answer)}</p></div>'
        if overview.picture:
            is_map = overview.picture.name == "grid"
            yield from _picture(overview.picture, measure=findings.study.metric if is_map and findings.study else "")
            if is_map and explorer and findings.study:
                for measure, picture in draw_maps(findings.study, explorer).items():
                    yield from _picture(picture, measure=measure, is_hidden=True)
        numbers = (
            f"<div><dt>{Html.escape(number.meaning)}</dt><dd>{Html.escape(number.value)}</dd></div>"
            for number in overview.key_numbers
        )
        yield f'<dl class="numbers">{"".join(numbers)}</dl>'
        yield f'<div class="next"><h2>What to do next</h2><p>{Html.escape(overview.next_step.reason)}</p>'
        if overview.next_step.command:
            yield f"<pre><code>{Html.escape(overview.next_step.command)}</code></pre>"
    yield "</div></header>"
    links = "".join(
        f'<li><a href="#{section.name}">{Html.escape(section.heading)}</a></li>'
        for section in findings.further_sections
    )
    yield f'<nav aria-label="Sections"><ul>{links}</ul>'
    yield f"<details><summary>Sections</summary><ul>{links}</ul></details></nav>"


def _picture(
    picture: Picture, *, most_narrow: float = math.inf, measure: str = "", is_hidden: bool = False
) -> Iterator[str]:
    """Write a picture with its caption, drawn twice unless it is large: the screen's width chooses."""
    drawn = inline_svg(picture.figure, picture.name, picture.caption)
    narrow = inline_svg(picture.narrow, f"{picture.name}-narrow", picture.caption)
    if len(narrow) < most_narrow:
        drawn = f'<div class="wide">{drawn}</div><div class="narrow">{narrow}</div>'
    data = f' data-measure="{measure}"' if measure else ""
    yield f'<figure class="picture"{data}{" hidden" * is_hidden}>{drawn}'
    yield f"<figcaption>{Html.escape(picture.caption)}</figcaption></figure>"


def _section(section: SectionContent, places: Mapping[str, int]) -> Iterator[str]:
    yield f'<section id="{section.name}" aria-labelledby="{section.name}-heading">'
    yield f'<h2 id="{section.name}-heading">{Html.escape(section.heading)}</h2>'
    if section.sentences:
        yield f"<p>{' '.join(map(Html.escape, section.sentences))}</p>"
    if section.points:
        yield f"<ul>{''.join(f'<li>{Html.escape(point)}</li>' for point in section.points)}</ul>"
    for picture in section.pictures:
        yield from _picture(picture, most_narrow=MOST_NARROW / max(1, len(places)))
    for table in section.tables:
        yield from _table(table, places)
    if section.commands:
        commands = "\n".join(map(Html.escape, section.commands))
        yield f"<pre><code>{commands}</code></pre>"
    yield "</section>"


def _table(table: Table, places: Mapping[str, int]) -> Iterator[str]:
    kinds = [table.is_number(column) for column in table.columns]
    yield f'<div class="box table" tabindex="0" role="region" aria-label="{Html.escape(table.caption)}">'
    yield f'<table id="{table.name}-table"><caption>{Html.escape(table.notes(len(table.frame)))}</caption>'
    heads = "".join(
        f'<th scope="col"{_class("number" * number)}>{Html.escape(column.heading)}</th>'
        for column, number in zip(table.columns, kinds, strict=True)
    )
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    for place, row in enumerate(rows(table.frame)):
        cells = (_cell(table, place, *kind, row) for kind in zip(table.columns, kinds, strict=True))
        rank = places.get(str(row[table.columns[0].key])) if table.columns[0].key == "label" else None
        mark = "" if rank is None else f' data-configuration="{rank}"'
        yield f"<tr{_class('best' * (place in table.best))}{mark}>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _cell(table: Table, place: int, column: Column, is_number: bool, row: Row) -> str:
    text, value = Html.escape(column.text(row)), row[column.key]
    if column is table.columns[0]:
        mark = (
            '<abbr title="not significantly different from the best">†</abbr>'
            if place in table.indistinguishable
            else ""
        )
        return f'<th scope="row">{text}{mark}</th>'
    is_sortable = is_number and isinstance(value, int | float) and math.isfinite(value)
    key = f' data-value="{value!r}"' if is_sortable else ""
    return f"<td{_class('number' if is_number else 'long' * (len(text) > LONG))}{key}>{text}</td>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
