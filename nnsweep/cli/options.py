"""The arguments and options that several commands share, and what the Tab key offers for them.

Experiments, sweeps and runs are looked up in the working folder's store if it is an SQLite file; whatever goes
wrong, none are offered.
"""

import contextlib
import functools
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

from nnsweep.errors import ConfigError
from nnsweep.files import expand_home
from nnsweep.results.tables.formats import FORMATS
from nnsweep.text import mask_secrets, printable, shorten

SECONDS = 0.2
"""How long a store may take; a person is waiting who has pressed a key."""
PER_INCH = {"cm": 2.54, "mm": 25.4, "in": 1.0, "pt": 72.27}
WIDTHS = {"column": 8.5 / 2.54, "page": 7.2}
"""Inches: a column of a journal, and the text of a page."""
Complete: TypeAlias = Callable[[click.Context, click.Parameter, str], list[str]]
"""How click asks for what an argument may be, given its beginning."""


def _complete_from_store(query: str) -> Complete:
    """Make a function that completes a name by asking the store with SQL, in which ``:begins`` is its beginning."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        uri = expand_home(context.params.get("uri") or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db")
        database = Path.cwd() / uri.removeprefix("sqlite:///")
        if not uri.startswith("sqlite:///") or not database.is_file() or not database.stat().st_size:
            return []
        until = time.monotonic() + SECONDS
        try:
            with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=SECONDS)) as connection:
                connection.set_progress_handler(lambda: int(time.monotonic() > until), 10_000)
                names = [str(text) for (text,) in connection.execute(query, {"begins": incomplete})]
        except (OSError, sqlite3.Error):
            return []
        return [name for name in names if name.startswith(incomplete)]

    return complete


complete_experiments = _complete_from_store(
    "SELECT name FROM experiments WHERE lifecycle_stage = 'active' AND name <> 'Default' ORDER BY name"
)
complete_sweeps = _complete_from_store(
    "SELECT DISTINCT value FROM tags JOIN runs USING (run_uuid) "
    "WHERE key = 'nnsweep.sweep' AND lifecycle_stage = 'active' ORDER BY value DESC LIMIT 50"
)
complete_runs = _complete_from_store(
    "SELECT DISTINCT runs.name FROM runs JOIN tags USING (run_uuid) "
    "WHERE key = 'nnsweep.kind' AND value IN ('job', 'ensemble') AND lifecycle_stage = 'active' "
    "AND substr(runs.name, 1, length(:begins)) = :begins ORDER BY start_time DESC LIMIT 200"
)
complete_measures = _complete_from_store(
    "SELECT DISTINCT substr(key, 6) FROM latest_metrics WHERE substr(key, 1, 5) = 'test_' ORDER BY key"
)


def complete_files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete the names of files; click's own type of paths would trip over names none can have."""
    return [CompletionItem(incomplete, type="file")]


def complete_folders(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete the names of folders."""
    return [CompletionItem(incomplete, type="dir")]


def read_path(text: str) -> Path:
    """Read a path that is given on the command line; ``~`` is the home folder."""
    return Path(expand_home(text))


def read_inches(text: str) -> float:
    """Read a length that is given on the command line: a number with a unit, ``column`` or ``page``.

    Returns
    -------
    float
        Inches; a point is LaTeX's, of which an inch has 72.27.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> [round(read_inches(text), 2) for text in ("8.5cm", "85 mm", "3.35in", "242pt", "column")]
    [3.35, 3.35, 3.35, 3.35, 3.35]
    """
    if text in WIDTHS:
        return WIDTHS[text]
    parts = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?(cm|mm|in|pt)", text)
    if parts is None:
        way_out = "write a number with cm, mm, in or pt, such as 8.5cm, or column or page"
        raise ConfigError(f"--width: {shorten(printable(text))!r} is no length; {way_out}")
    return float(parts[1]) / PER_INCH[parts[2]]


experiment_argument = click.argument("experiment", shell_complete=complete_experiments)
run_argument = functools.partial(click.argument, shell_complete=complete_runs)
file_option = functools.partial(click.option, type=read_path, shell_complete=complete_files)
output_option = functools.partial(file_option, "--output", "-o", metavar="PATH")
store_option = click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")
sweep_option = functools.partial(
    click.option, "--sweep", help="Only the runs of the sweep with this id.", shell_complete=complete_sweeps
)
experiment_option = functools.partial(
    click.option,
    "--experiment",
    help="Where to look for runs that are named; all experiments if not given.",
    shell_complete=complete_experiments,
)
filter_option = click.option(
    "--filter",
    "filter_",
    default="",
    help="Which runs, such as \"depth > 2 and activation == 'tanh'\"; any name can be written in `backquotes`.",
)
measure_option = functools.partial(
    click.option,
    "--measure",
    "--metric",
    "metric",
    metavar="NAME",
    shell_complete=complete_measures,
    help="What the best is best by: a measure on the test part, such as log_loss, or a metric, such as "
    "final_test_accuracy; the measure that the epochs were selected by if not given.",
)
failures_option = click.option(
    "--failures",
    type=click.Choice(["chance", "ignore"]),
    default="chance",
    show_default=True,
    help="What failed runs count as: the accuracy of guessing, or nothing.",
)
format_option = click.option(
    "--format", "format_", help=f"{', '.join([*FORMATS][:-1])} or {[*FORMATS][-1]}; csv on the terminal."
)


def is_given(option: str) -> bool:
    """Tell whether an option of the command that is being run stands on the command line."""
    return click.get_current_context().get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE


def split_list(text: str | None) -> tuple[str, ...]:
    """Split a list that is written with commas; a name in backquotes may have commas itself.

    Examples
    --------
    >>> split_list("name, `a, b`,-`my metric`")
    ('name', 'a, b', '-my metric')
    """
    parts = re.split(r",(?=(?:[^`]*`[^`]*`)*[^`]*$)", text) if text else []
    return tuple(re.sub("`([^`]*)`", r"\1", part.strip()) for part in parts)


@contextlib.contextmanager
def show_work(what: str) -> Iterator[None]:
    """Say what is being done as long as the block runs, where standard error is a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    from rich.live import Live
    from rich.spinner import Spinner

    with Live(Spinner("line", what), console=console, transient=True, redirect_stdout=False):
        yield


def say_file(path: Path) -> None:
    """Print which file was written; of a page the address, too, which a terminal may open."""
    say(f"{path}: {path.absolute().as_uri()}" if path.suffix == ".html" else str(path))


def say(text: str) -> None:
    """Print one line, without secrets, and without anything that a terminal would obey."""
    print(mask_secrets(printable(text)), flush=True)
