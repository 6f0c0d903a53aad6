"""What a notebook shows in the output of a cell: tables and pictures as HTML that needs no style and no script.

Jupyter styles plain tables itself. A picture is an image of its own, so that neither the notebook's style nor another
picture's names reach into it.
"""

import base64
import io
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING

from nnsweep.results.tables.formats import Html

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def make_output(parts: Iterable[str]) -> str:
    """Put parts together in which no dollar sign begins a formula."""
    inside = "\n".join(parts)
    return f'<div class="tex2jax_ignore mathjax_ignore">{inside}</div>'


def make_html_table(
    heads: Sequence[str], are_numbers: Iterable[bool], rows: Iterable[Sequence[str]], bold: Container[int] = ()
) -> str:
    """Write a table of plain texts.

    Parameters
    ----------
    heads : sequence of str
        The headings; that of the first column, which names the rows, may be empty. A line end in one breaks it.
    are_numbers : iterable of bool
        Which columns stand at the right.
    rows : iterable of sequence of str
        The cells.
    bold : container of int
        Positions of the rows to be set in bold.

    Examples
    --------
    >>> make_html_table(["", "n"], [False, True], [["a < b", "1"]]).splitlines()[1]  # doctest: +ELLIPSIS
    '<tr><th style="...">a &lt; b</th><td style="...">1</td></tr>'
    """
    sides = ["right" if is_number else "left" for is_number in are_numbers]
    cells = ("<br>".join(map(Html.escape, head.split("\n"))) for head in heads)
    head = "".join(f'<th style="text-align: {side}">{cell}</th>' for side, cell in zip(sides, cells, strict=True))
    body = []
    for place, row in enumerate(rows):
        mark = f"; font-weight: {'bold' if place in bold else 'normal'}"
        first, *others = (
            f' style="text-align: {side}{mark}">{Html.escape(text)}' for side, text in zip(sides, row, strict=True)
        )
        body.append(f"<tr><th{first}</th>{''.join(f'<td{cell}</td>' for cell in others)}</tr>")
    lines = "\n".join(body)
    return (
        f'<table class="dataframe" style="white-space: nowrap"><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{lines}\n</tbody></table>"
    )


def embed_figure(figure: "Figure", caption: str) -> str:
    """Write a picture as an image that holds it all; the caption is for who cannot see it."""
    from nnsweep.results.plots.drawing import write_figure

    buffer = io.BytesIO()
    write_figure(figure, buffer, "svg")
    source = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<img alt="{Html.escape(caption)}" style="max-width: 100%; background: white" '
        f'src="data:image/svg+xml;base64,{source}">'
    )
