"""The table of a sweep as the terminal shows it: what varies, what came out, and the best first.

It takes as many columns as fit into the terminal, the most important first. Everything that users named is shown as
plain text: it can neither colour the terminal nor move its cursor.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from rich import box
from rich.console import Console, ConsoleOptions, Group
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from nnsweep.errors import ConfigError
from nnsweep.results.baselines import describe_baseline
from nnsweep.results.factors import distinct_settings, drop_constant, varying_settings
from nnsweep.results.frame import FIRST, LAST, METRICS, list_settings, plain, take_metric
from nnsweep.results.metrics import find_validation_metric, is_bounded, is_result, metric_text
from nnsweep.results.selection import choose_metric, find_metric, find_sealed, rank_runs, selection
from nnsweep.results.statistics.best_set import choose_by_validation
from nnsweep.results.statistics.data_sets import name_data_sets
from nnsweep.results.statistics.optimism import name_epoch_metrics
from nnsweep.results.wording import count
from nnsweep.text import printable

WIDEST_CELL = 28
MOST_REASONS = 10
"""How many ways in which runs came to no result are told; a long list would push the table off the screen."""


def make_terminal_table(runs: pd.DataFrame, *, width: int = 80, title: str = "") -> Group:
    """Make the table of a frame of runs.

    Parameters
    ----------
    runs : pandas.DataFrame
        A frame of runs, in any order and with all its columns.
    width : int
        The columns of the terminal; what does not fit is left out and named under the table.
    title : str
        A line above the table.

    Returns
    -------
    rich.console.Group
        The table, best run first and those that did not finish last; under it how the epoch was selected, the
        reason of each run that did not finish, and what there was no room for.
    """
    shown = drop_constant(rank_runs(runs))
    if set(plain(shown["state"])) <= {"finished"}:
        shown = shown.drop(columns="state")
    cells = {
        name: [write_short(name, value) for value in plain(shown[name])]
        for name in list_columns(shown, find_metric(runs))
    }
    fitting = choose_columns(cells, width)
    columns = {name: cells[name] for name in shown.columns if name in fitting}
    numbers = {name for name in columns if pd.api.types.is_numeric_dtype(shown[name])}
    widths = _measure_plain_columns(columns, width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.title = Text(printable(title)) if title else None
    for name in columns:
        table.add_column(
            Text(break_heading(name)),
            justify="right" if name in numbers else "left",
            overflow="fold",
            width=widths.get(name),
            max_width=_limit_cells(name, width),
            vertical="top",
        )
    lines = []
    for row in zip(*columns.values(), strict=True):
        if widths:
            pads = [str.rjust if name in numbers else str.ljust for name in columns]
            lines.append("  ".join(pad(cell, n) for pad, cell, n in zip(pads, row, widths.values(), strict=True)))
        else:
            table.add_row(*map(Text, row))
    notes = list_notes(rank_runs(runs), [name for name in cells if name not in fitting])
    return Group(table, _Lines(lines), *(Text(note, style="dim", overflow="fold") for note in notes))


class _Lines:
    """Lines that are printed as they are: rich lays out a table's cells one by one, ten thousand rows in minutes."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in self._lines:
            yield Segment(line)
            yield Segment.line()


def _measure_plain_columns(columns: Mapping[str, Sequence[str]], width: int) -> dict[str, int]:
    """Give the width of each column where every cell is one line of plain letters; nothing if rich must fold some."""
    widths = {}
    for name, column in columns.items():
        texts = [*break_heading(name).split("\n"), *column]
        widths[name] = max(map(len, texts))
        if widths[name] > _limit_cells(name, width) or not all(text.isascii() and text.isprintable() for text in texts):
            return {}
    return widths if sum(widths.values()) + 2 * (len(widths) - 1) <= width else {}


def _limit_cells(column: str, width: int) -> int:
    """Say how wide the cells of a column may be; a name may take half of the terminal, since folded ones read badly."""
    return max(WIDEST_CELL, width // 2) if column == "name" else WIDEST_CELL


def list_columns(runs: pd.DataFrame, metric: str) -> list[str]:
    """Name the columns worth showing where runs are ranked by a metric, the most telling first."""
    distinct = distinct_settings(runs)
    repeated = [name for name in list_settings(runs) if name not in distinct]
    known = {*FIRST, *METRICS, *LAST, *list_settings(runs)}
    added = [name for name in runs.columns if name not in known and not is_result(name)]
    metrics = name_epoch_metrics(metric)
    measured = [name for name in runs.columns if find_validation_metric(name) and name not in ("test_cost", *added)]
    results = (f"best_val_{metrics.selected.removeprefix('test_')}", *distinct, *measured)
    more = ("best_epoch", metrics.best, "duration_seconds", "n_parameters", *repeated)
    by_weight = ("name", metrics.selected, "state", *added, *results, *more)
    return [name for name in dict.fromkeys(by_weight) if name in runs.columns]


def choose_columns(cells: Mapping[str, Sequence[str]], width: int) -> list[str]:
    """Choose name and result always, and as many other columns as there is room for."""
    fitting: list[str] = []
    limits = {name: _limit_cells(name, width) for name in cells}
    for name, column in cells.items():
        needed = min(limits[name], max(map(len, [*break_heading(name).split("\n"), *column]))) + 2
        if len(fitting) < 2 or needed <= width:
            fitting.append(name)
            width -= needed
    return fitting


def list_notes(runs: pd.DataFrame, hidden: Sequence[str]) -> list[str]:
    """Say under the table what to compare its results with, how epochs were selected, and what is not in it."""
    ends = list(zip(plain(runs["name"]), plain(runs["state"]), plain(runs["reason"]), strict=True))
    reasons = _list_reasons([end for end in ends if end[1] != "finished" and end[2]])
    metric = find_metric(runs)
    values = take_metric(runs, metric)
    nothing = [
        printable(f"{name} finished without a finite {metric_text(metric)}")
        for (name, state, _), value, is_sealed in zip(ends, values, find_sealed(runs), strict=True)
        if state == "finished" and value is None and not is_sealed
    ]
    missing = [f"not shown: {', '.join(map(printable, hidden))}"] if hidden else []
    baseline = describe_baseline(runs, choose_metric(runs, None))
    return [note for note in (baseline, selection(runs), _name_choice(runs), *reasons, *nothing, *missing) if note]


def _list_reasons(ends: Sequence[tuple[object, object, object]]) -> list[str]:
    """Say why runs came to no result, those of one reason together; each is a name, a state and a reason."""
    alike: dict[tuple[object, object], list[object]] = {}
    for name, state, reason in ends:
        alike.setdefault((state, reason), []).append(name)
    lines = []
    for (state, reason), (first, *others) in alike.items():
        who = f"{first} and {count(len(others), 'other')}" if others else first
        lines.append(printable(f"{who} {state}: {reason}"))
    n_left = sum(map(len, [*alike.values()][MOST_REASONS:]))
    left = [f"{count(n_left, 'further run')} did not finish: see the columns state and reason of its table"]
    return lines[:MOST_REASONS] + (left if n_left else [])


def _name_choice(runs: pd.DataFrame) -> str:
    """Name what the validation part chooses, by means where runs repeat each other; the first row is best by luck.

    Of runs on several data sets the easiest one would be chosen, so nothing is; the report compares them by ranks.
    """
    if len({*name_data_sets(runs)}) > 1:
        return ""
    try:
        metric = find_metric(runs)
        chosen = choose_by_validation(runs, metric) if varying_settings(runs) else None
    except ConfigError:  # runs of several sweeps may repeat each other exactly
        return ""
    return f"chosen by {metric_text(metric.replace('test_', 'val_', 1))}: {printable(chosen)}" if chosen else ""


def break_heading(name: str) -> str:
    """Break the column's name into short lines."""
    return printable(name).replace(".", ".\n").replace("_", "_\n") if len(name) > 8 else printable(name)


def write_short(name: str, value: object) -> str:
    """Write the value of a column, rounded to what a reader needs."""
    if not isinstance(value, float):
        return "" if value is None else printable(str(value))
    if not math.isfinite(value):
        return str(value)
    if is_bounded(name):
        return f"{value:.4f}"
    if is_result(name):
        return f"{value:.4g}"
    return f"{value:.2f}" if name.endswith("_seconds") else f"{value:.6g}"
