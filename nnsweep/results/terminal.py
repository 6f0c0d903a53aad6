"""The table of a sweep as the terminal shows it: what varies, what came out, and the best first.

It takes as many columns as fit into the terminal, the most telling ones first. Everything that users named is shown
as plain text: it can neither colour the terminal nor move its cursor.
"""

import math
from collections.abc import Sequence

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from nnsweep.messages import visible
from nnsweep.results.frame import distinct_settings, plain, settings, varying
from nnsweep.results.ranking import counted, ranked, selection

MORE_RESULTS = ("best_epoch", "max_test_accuracy", "duration_seconds", "n_parameters")
WIDEST_CELL = 28


def table(runs: pd.DataFrame, *, width: int = 80, title: str = "") -> Group:
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
    shown = _without_idle(varying(ranked(runs)))
    cells = {name: [_cell(name, value) for value in plain(shown[name])] for name in _candidates(shown)}
    fitting = _fitting(cells, width)
    columns = [name for name in shown.columns if name in fitting]
    result = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    result.title = Text(visible(title)) if title else None
    for name in columns:
        _add_column(result, name, is_number=pd.api.types.is_numeric_dtype(shown[name]))
    for row in range(len(shown)):
        result.add_row(*(Text(cells[name][row]) for name in columns))
    notes = _notes(ranked(runs), [name for name in cells if name not in fitting])
    return Group(result, *(Text(note, style="dim", overflow="fold") for note in notes))


def _without_idle(runs: pd.DataFrame) -> pd.DataFrame:
    """Leave out the state if every run finished."""
    return runs.drop(columns="state") if set(plain(runs["state"])) <= {"finished"} else runs


def _candidates(runs: pd.DataFrame) -> list[str]:
    """Name the columns worth showing, the most telling first."""
    told = distinct_settings(runs)
    repeated = [name for name in settings(runs) if name not in told]
    by_weight = ("name", "test_accuracy", "state", "reused", "best_val_accuracy", *told, *MORE_RESULTS, *repeated)
    return [name for name in dict.fromkeys(by_weight) if name in runs.columns]


def _fitting(cells: dict[str, list[str]], width: int) -> list[str]:
    """As many columns as there is room for; name and accuracy always."""
    fitting: list[str] = []
    for name, column in cells.items():
        needed = min(WIDEST_CELL, max(map(len, [*_heading(name).split("\n"), *column]))) + 2
        if len(fitting) < 2 or needed <= width:
            fitting.append(name)
            width -= needed
    return fitting


def _notes(runs: pd.DataFrame, hidden: Sequence[str]) -> list[str]:
    """Say under the table how the epoch was selected, why runs did not finish, and what there was no room for."""
    ends = list(zip(plain(runs["name"]), plain(runs["state"]), plain(runs["reason"]), strict=True))
    reasons = [visible(f"{name} {state}: {reason}") for name, state, reason in ends if reason and state != "finished"]
    values = counted(runs, "test_accuracy")
    nothing = [
        visible(f"{name} finished without a real test accuracy")
        for (name, state, _), value in zip(ends, values, strict=True)
        if state == "finished" and value is None
    ]
    missing = [f"not shown: {', '.join(map(visible, hidden))}"] if hidden else []
    return [note for note in (selection(runs), *reasons, *nothing, *missing) if note]


def _heading(name: str) -> str:
    """Break the column's name into short lines."""
    return visible(name).replace(".", ".\n").replace("_", "_\n") if len(name) > 8 else visible(name)


def _add_column(result: Table, name: str, *, is_number: bool) -> None:
    result.add_column(
        Text(_heading(name)),
        justify="right" if is_number else "left",
        overflow="fold",
        max_width=WIDEST_CELL,
        vertical="top",
    )


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        return _number(name, value)
    return "" if value is None else visible(str(value))


def _number(name: str, value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if name.endswith("_accuracy"):
        return f"{value:.4f}"
    return f"{value:.2f}" if name.endswith("_seconds") else f"{value:.6g}"
