"""What several commands have in common: how the store is named, lists are written, and lines are said."""

import functools
import re
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from nnsweep.cli import stored
from nnsweep.files import expand_home
from nnsweep.results.tables.formats import FORMATS
from nnsweep.text import mask_secrets, printable

store_option = click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")
experiment_argument = click.argument("experiment", shell_complete=stored.complete_experiments)
run_argument = functools.partial(click.argument, shell_complete=stored.complete_runs)
experiment_option = click.option(
    "--experiment",
    help="Where to look for runs that are named; all experiments if not given.",
    shell_complete=stored.complete_experiments,
)
filter_option = click.option(
    "--filter",
    "filter_",
    default="",
    help="Which runs, such as \"depth > 2 and activation == 'tanh'\"; any name can be written in `backquotes`.",
)
format_option = click.option(
    "--format", "format_", help=f"{', '.join([*FORMATS][:-1])} or {[*FORMATS][-1]}; csv on the terminal."
)
sweep_option = click.option(
    "--sweep", help="Only the runs of the sweep with this id.", shell_complete=stored.complete_sweeps
)


def read_path(text: str) -> Path:
    """Read a path that is given on the command line; ``~`` is the home folder."""
    return Path(expand_home(text))


def complete_files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete the names of files; click's own type of paths would trip over names none can have."""
    return [CompletionItem(incomplete, type="file")]


def complete_folders(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete the names of folders."""
    return [CompletionItem(incomplete, type="dir")]


def split_list(text: str | None) -> tuple[str, ...]:
    """Part a list that is written with commas; a name in backquotes may have commas itself.

    Examples
    --------
    >>> split_list("name, `a, b`,-`my metric`")
    ('name', 'a, b', '-my metric')
    """
    parts = re.split(r",(?=(?:[^`]*`[^`]*`)*[^`]*$)", text) if text else []
    return tuple(re.sub("`([^`]*)`", r"\1", part.strip()) for part in parts)


def say(text: str) -> None:
    """Print one line, without secrets, and without anything that a terminal would obey."""
    print(mask_secrets(printable(text)))
