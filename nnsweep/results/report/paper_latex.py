r"""The table of an article as LaTeX: a ``table`` environment to be ``\input``, which needs the package booktabs.

It is set so that it fits between the margins, or into one column of an article that has two, and so that text stands
below it: a page of its own would be half empty. Numbers are aligned at the
decimal point without a further package: what is before the point and what is after it are columns of their own.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nnsweep.results.report.latex import typeset, typeset_breakable, typeset_heading, typeset_prose
from nnsweep.results.report.paper import (
    AS_GOOD_MARK,
    CHOSEN_MARK,
    N_BEST,
    PARAMETERS,
    UNSETTLED_MARK,
    PaperColumn,
    PaperTable,
)

MARKS = {AS_GOOD_MARK: r"$^\dagger$", UNSETTLED_MARK: r"$^\ddagger$", CHOSEN_MARK: r"$^{\mathsection}$"}
"""The marks as LaTeX has them."""

LONGEST_WORD = 12
"""How many letters of a text that is broken into lines may stand together."""


class _Layout(NamedTuple):
    """How a table is set: in which environment, how wide a line and a digit are in points, and what is between columns.

    The widths are those of the class article at 10 points.
    """

    environment: str
    line: float
    letters: str
    digit: float
    gap: float


_TEXT_WIDTH = (
    _Layout("table", 345.0, r"\small", 4.8, 6.0),
    _Layout("table", 345.0, r"\footnotesize", 4.4, 3.0),
)
_COLUMN_WIDTH = (
    _Layout("table", 229.0, r"\footnotesize", 4.4, 3.0),
    _Layout("table*", 469.0, r"\footnotesize", 4.4, 6.0),
)
_NARROWEST_TEXT = 60.0
"""The least width in points of a column whose text is broken into lines."""
_WIDEST_GAP = 6.0
"""What LaTeX has beside each column, in points."""


def write_paper_latex(table: PaperTable, *, two_columns: bool = False) -> str:
    """Write the environment.

    Parameters
    ----------
    table : PaperTable
        The table.
    two_columns : bool
        Whether it has to fit into one column of an article that has two.
    """
    return "\n".join(_write_lines(table, two_columns=two_columns)) + "\n"


def _write_lines(table: PaperTable, *, two_columns: bool) -> Iterator[str]:
    layout, columns, gap, width = _lay_out(table, _COLUMN_WIDTH if two_columns else _TEXT_WIDTH)
    specification = "".join(
        "r@{}l" if _has_point(column) else "r" if column.is_number else "l" if column is not width[0]
        else rf"p{{{width[1]:.0f}pt}}"
        for column in columns
    )  # fmt: skip
    n_cells = sum(2 if _has_point(column) else 1 for column in columns) + 2 + any(table.interval.cells)
    yield "% needs \\usepackage{booktabs}"
    yield rf"\begin{{{layout.environment}}}[!tb]\centering"
    yield r"\setlength{\belowcaptionskip}{6pt}"
    caption = typeset_prose(table.caption).replace(typeset(CHOSEN_MARK), MARKS[CHOSEN_MARK])  # raised, as in the rows
    yield rf"\caption{{{caption}}}"
    yield rf"\label{{tab:{table.name}}}"
    yield rf"{layout.letters}\setlength{{\tabcolsep}}{{{gap:.1f}pt}}"
    yield rf"\begin{{tabular}}{{@{{}}{specification}r@{{}}l{'@{ }l' * any(table.interval.cells)}@{{}}}}"
    yield r"\toprule"
    yield (
        " & ".join([*map(_typeset_heading, columns), _span(2 + any(table.interval.cells), table.mean.heading)]) + r" \\"
    )
    yield r"\midrule"
    for place in range(len(table.is_best)):
        if table.n_left_out and place == N_BEST:
            yield rf"\multicolumn{{{n_cells}}}{{c}}{{$\cdots$}} \\"
        cells = [_typeset_cell(column, column.cells[place], is_broken=column is width[0]) for column in columns]
        yield " & ".join([*cells, *_typeset_mean(table, place)]) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield rf"\end{{{layout.environment}}}"


def _lay_out(
    table: PaperTable, layouts: Sequence[_Layout]
) -> tuple[_Layout, list[PaperColumn], float, tuple[PaperColumn | None, float]]:
    """Choose the first layout in which the table fits, perhaps without the parameters or with one text in lines.

    Returns
    -------
    tuple
        The layout, the columns that are shown, what is between two columns, halved, in points, and the column whose
        text is broken into lines, if any, with its width in points.
    """
    for layout in layouts:
        every = list(table.columns)
        for columns in (every, [column for column in every if column.heading != PARAMETERS]):
            widths = [_measure(column.cells, column.heading) * layout.digit for column in columns]
            results = [
                f"{mean} {interval}  " for mean, interval in zip(table.mean.cells, table.interval.cells, strict=True)
            ]
            n_characters = max(map(len, [*results, table.mean.heading]))
            free = layout.line - n_characters * layout.digit - 2 * layout.gap * len(columns) - sum(widths)
            if free >= 0:
                return layout, columns, min(layout.gap + free / (2 * len(columns) or 1), _WIDEST_GAP), (None, 0.0)
            texts = [(width, place) for place, width in enumerate(widths) if not columns[place].is_number]
            if texts and (left := max(texts)[0] + free) >= _NARROWEST_TEXT:
                return layout, columns, layout.gap, (columns[max(texts)[1]], left)
    return layout, columns, layout.gap, (None, 0.0)


def _measure(cells: Iterable[str], heading: str) -> int:
    """Count the characters of the longest cell or of the longest word of a heading, which may have several lines."""
    return max(map(len, (*cells, *heading.split())), default=0)


def _has_point(column: PaperColumn) -> bool:
    return column.is_number and any("." in cell for cell in column.cells)


def _typeset_heading(column: PaperColumn) -> str:
    heading = typeset_heading(column.heading, max(map(len, column.cells)), is_number=column.is_number)
    return rf"\multicolumn{{2}}{{c}}{{{heading}}}" if _has_point(column) else heading


def _span(n: int, heading: str) -> str:
    return rf"\multicolumn{{{n}}}{{c@{{}}}}{{{typeset(heading)}}}"


def _typeset_cell(column: PaperColumn, cell: str, *, is_broken: bool = False) -> str:
    """Typeset a cell, in two parts if the numbers of its column are aligned at the point."""
    if _has_point(column):
        whole_part, point, places = cell.partition(".")
        return f"{typeset(whole_part)} & {point}{places}"
    return rf"\raggedright {typeset_breakable(cell, LONGEST_WORD)}" if is_broken else typeset(cell)


def _typeset_mean(table: PaperTable, place: int) -> Iterator[str]:
    """Typeset the mean, bold if it is the best, with its marks, and the interval."""
    whole_part, point, places = table.mean.cells[place].partition(".")
    digits = [typeset(whole_part), f"{point}{places}"]
    if table.is_best[place]:
        digits = [rf"\textbf{{{part}}}" for part in digits]
    yield digits[0]
    yield digits[1] + "".join(MARKS[mark] for mark in table.marks[place])
    if any(table.interval.cells):
        yield typeset(table.interval.cells[place])
