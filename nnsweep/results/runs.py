"""Runs: the frame of runs that users get, which shows itself in a notebook as a short table with its map.

It is a pandas frame with every column, and stays one however it is filtered or sorted; only how it is shown differs.
What has lost the columns that make it a frame of runs is shown as pandas shows it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from nnsweep.errors import ConfigError
from nnsweep.results.factors import drop_constant
from nnsweep.results.frame import FIRST, LAST, plain
from nnsweep.results.notebook import embed_figure, make_html_table, make_output
from nnsweep.results.selection import find_metric, rank_runs
from nnsweep.results.tables.formats import Html, Markdown
from nnsweep.results.tables.terminal import break_heading, choose_columns, list_columns, list_notes, write_short
from nnsweep.results.wording import count
from nnsweep.text import printable

ACTION = "action"
"""The column that a plan has besides those of runs."""
MOST_ROWS = 10
MOST_NOTES = 5
WIDEST = 120
"""Letters of a row in a notebook."""
MOST_DRAWN = 5000
"""Runs beyond which drawing the map would take a notebook seconds each time that a frame is shown."""


class Runs(pd.DataFrame):
    """A frame of runs, one row a run, as `nnsweep.results.frame.frame` describes its columns.

    Examples
    --------
    >>> from nnsweep.results.frame import frame
    >>> from nnsweep.tracking.record import RunRecord
    >>> metrics = {"best_val_accuracy": 0.9722, "test_accuracy": 0.9778}
    >>> Runs.of(frame([RunRecord(run_id="id0", name="wide", state="finished", metrics=metrics)]))
    1 run
       name best_val_accuracy test_accuracy
    0  wide            0.9722        0.9778
    not shown: 5 columns
    test_accuracy: test accuracy at the epoch of best validation accuracy
    """

    @classmethod
    def of(cls, runs: pd.DataFrame) -> "Runs":
        """Make a frame of runs of a plain one, with all that it says in its attributes."""
        made = cls(runs)
        made.attrs = runs.attrs
        return made

    @property
    def _constructor(self) -> Callable[..., "Runs"]:
        return Runs

    def __repr__(self) -> str:
        if not _is_whole(self):
            return super().__repr__()
        shown = _summarize(self, pd.get_option("display.width") or 80)
        cells = pd.DataFrame(dict(shown.cells), index=self.index[: shown.n_rows])
        return "\n".join([shown.headline, cells.to_string(), *shown.notes])

    def _repr_html_(self) -> str | None:
        if not _is_whole(self):
            html: str | None = super()._repr_html_()  # type: ignore[misc]  # which pandas-stubs leave out
            return html
        shown = _summarize(self, WIDEST)
        heads = ["", *map(break_heading, shown.cells)]
        are_numbers = [False, *(name in shown.numbers for name in shown.cells)]
        rows = zip(map(str, self.index[: shown.n_rows]), *shown.cells.values(), strict=True)
        return make_output(
            [
                f"<p><strong>{Html.escape(shown.headline)}</strong></p>",
                make_html_table(heads, are_numbers, rows),
                f"<p><small>{'<br>'.join(map(Html.escape, shown.notes))}</small></p>",
                _draw_map(self),
            ]
        )

    def _repr_markdown_(self) -> str | None:
        if not _is_whole(self):
            return None
        shown = _summarize(self, WIDEST)
        rows = ([*map(Markdown.escape, row)] for row in zip(*shown.cells.values(), strict=True))
        table = Markdown.table(map(Markdown.escape, shown.cells), (name in shown.numbers for name in shown.cells), rows)
        notes = [f"- {Markdown.escape(note)}" for note in shown.notes]
        return "\n".join([f"**{Markdown.escape(shown.headline)}**", "", *table, "", *notes])


class _Summary(NamedTuple):
    """What is shown of a frame: a headline, cells by column and which columns are of numbers, and notes below."""

    headline: str
    cells: Mapping[str, Sequence[str]]
    numbers: frozenset[str]
    notes: Sequence[str]
    n_rows: int


def _is_whole(runs: pd.DataFrame) -> bool:
    """Tell whether a frame has a name for each of its columns, once, and the columns that make it one of runs."""
    names = [*runs.columns]
    return runs.columns.is_unique and {*FIRST, *LAST} <= {*names} and all(isinstance(name, str) for name in names)


def _summarize(runs: "Runs", width: int) -> _Summary:
    """Choose the columns worth showing, of the first rows; the notes are about all."""
    telling = drop_constant(runs)
    if all(state == "finished" for state in plain(runs["state"])):
        telling = telling.drop(columns="state")
    head = telling.iloc[:MOST_ROWS]
    cells = {
        name: [write_short(name, value) for value in plain(head[name])]
        for name in list_columns(telling, find_metric(runs))
    }
    fitting = choose_columns({name: column for name, column in cells.items() if any(column)}, width)
    notes = [] if ACTION in runs.columns else list_notes(rank_runs(pd.DataFrame(runs)), [])
    hidden = [(len(runs) - len(head), "run"), (len(runs.columns) - len(fitting), "column")]
    not_shown = [count(number, noun) for number, noun in hidden if number]
    more_notes = [f"{count(len(notes) - MOST_NOTES, 'further note')}: see the columns state and reason"]
    return _Summary(
        headline=_describe(runs),
        cells={name: cells[name] for name in telling.columns if name in fitting},
        numbers=frozenset(name for name in fitting if pd.api.types.is_numeric_dtype(telling[name])),
        notes=[
            *([f"not shown: {' and '.join(not_shown)}"] if not_shown else []),
            *notes[:MOST_NOTES],
            *(more_notes if len(notes) > MOST_NOTES else []),
        ],
        n_rows=len(head),
    )


def _describe(runs: pd.DataFrame) -> str:
    """Say how many runs there are, of which experiment, and what a plan does with its jobs."""
    experiment = runs.attrs.get("experiment")
    of_experiment = f" of the experiment {printable(str(experiment))}" if experiment else ""
    if ACTION not in runs.columns:
        return f"{count(len(runs), 'run')}{of_experiment}"
    actions = ", ".join(f"{number:,} to {action}" for action, number in Counter(runs[ACTION]).items())
    return f"{count(len(runs), 'job')}{of_experiment}: {actions or 'nothing to run'}"


def _draw_map(runs: "Runs") -> str:
    """Draw the map of two settings as an image that no style of the notebook reaches; nothing if there is none."""
    if not 1 < len(runs) <= MOST_DRAWN:
        return ""
    from nnsweep.results.plots.pictures import pictures

    try:
        figure = pictures(pd.DataFrame(runs), only={"grid"}).get("grid")
    except (ConfigError, TypeError):  # runs may repeat each other, and a user's own values be none that make an axis
        return ""
    return embed_figure(figure, "map of the runs") if figure else ""
