"""The commands that write runs as a table, for data or for an article, and that check such a table later."""

import os
from pathlib import Path
from typing import Any

import click

from nnsweep.cli.options import (
    complete_files,
    experiment_argument,
    file_option,
    filter_option,
    format_option,
    is_given,
    measure_option,
    output_option,
    read_path,
    say,
    split_list,
    store_option,
    sweep_option,
)
from nnsweep.errors import ConfigError, DifferenceError
from nnsweep.results.wording import count
from nnsweep.text import printable, warn


@click.command("export")
@experiment_argument
@output_option(help="File to write; its suffix decides the format.")
@format_option
@filter_option
@click.option("--columns", help="Which columns, separated by commas; all that differ if not given.")
@click.option("--sort", help="Columns to sort by, separated by commas; -test_accuracy means highest first.")
@sweep_option()
@click.option("--histories", is_flag=True, help="The curves of the chosen runs in long form, every epoch.")
@click.option(
    "--to",
    type=click.Choice(["data", "paper"]),
    default="data",
    show_default=True,
    help="A row a run with all digits, or what an article shows: a row a configuration, with mean and interval.",
)
@click.option("--two-column", is_flag=True, help="To paper: fit into one column of an article that has two.")
@measure_option()
@click.option("--by", help="To paper: the columns that make a configuration, separated by commas.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="To paper: of the intervals.")
@click.option("--rope", type=float, help="To paper: means that differ by less are as good as each other.")
@click.option(
    "--failures",
    type=click.Choice(["chance", "ignore"]),
    default="chance",
    show_default=True,
    help="To paper: what failed runs count as, the accuracy of guessing or nothing.",
)
@store_option
def export_command(
    experiment: str,
    *,
    output: Path | None,
    format_: str | None,
    filter_: str,
    columns: str | None,
    sort: str | None,
    sweep: str | None,
    histories: bool,
    to: str,
    uri: str | None,
    **asked_of_paper: Any,
) -> None:
    """Write the runs of EXPERIMENT as a table, best first.

    A file gets a manifest beside it (FILE.manifest.json), by which nnsweep verify checks it later. With --to paper it
    is the table of an article, as .tex, .md, .csv or .html: configurations with their means and intervals.

    For example: nnsweep export nnsweep --filter "depth > 1" --output table.csv
    """
    _refuse_foreign_options("paper" if to == "data" else "data")
    if to == "paper":
        _export_for_paper(experiment, output, format_, uri, filter=filter_, sweep=sweep, **asked_of_paper)
        return
    from nnsweep.api.export import ExportRequest, answer_question, export_table
    from nnsweep.api.load import find_experiment
    from nnsweep.results.tables.formats import write_table
    from nnsweep.streams import binary_output
    from nnsweep.tracking.artifacts import require_unaltered
    from nnsweep.tracking.query import find_store_of_sweep

    store = find_experiment(experiment, uri)
    if sweep is not None:
        find_store_of_sweep(store.uri, sweep, experiment)  # or tell that there is none
    asked = ExportRequest(
        filter=filter_, columns=split_list(columns), sort=split_list(sort), sweep=sweep, histories=histories
    )
    if output:
        n_rows, n_columns = export_table(store, asked, output, format_)
        if (format_ or output.suffix.lower()) in ("latex", ".tex") and (n_rows > PAGE[0] or n_columns > PAGE[1]):
            size = f"{count(n_columns, 'column')} and {count(n_rows, 'row')}"
            warn(f"{output} has {size}, more than a page shows; --to paper makes a table for an article")
    else:
        table, records, caption = answer_question(store, asked)
        require_unaltered(records)
        write_table(table, binary_output(), format_, caption=caption)


PAGE = 45, 12
"""How many rows and columns of runs a page of LaTeX shows at most."""
ONLY = {
    "data": ("columns", "sort", "histories"),
    "paper": ("two_column", "metric", "by", "confidence", "rope", "failures"),
}
"""The options of `export` that only one kind of table has."""


def _refuse_foreign_options(kind: str) -> None:
    """Refuse the options that were given although only another kind of table has them."""
    for name in ONLY[kind]:
        if is_given(name):
            option = "--measure" if name == "metric" else f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option} is for --to {kind} tables only: leave it out, or add --to {kind}")


def _export_for_paper(
    experiment: str,
    output: Path | None,
    format: str | None,
    uri: str | None,
    *,
    two_column: bool,
    by: str | None,
    sweep: str | None,
    metric: str | None,
    **asked: Any,
) -> None:
    """Write the table of an article, as LaTeX if no file is named."""
    from nnsweep.api.load import find_experiment
    from nnsweep.api.paper import PaperRequest, answer_for_paper, export_for_paper
    from nnsweep.streams import binary_output
    from nnsweep.tracking.artifacts import require_unaltered

    store = find_experiment(experiment, uri)
    request = PaperRequest(metric=metric or "", by=split_list(by), two_columns=two_column, sweep=sweep, **asked)
    if output:
        export_for_paper(store, request, output, format)
    else:
        answer = answer_for_paper(store, request, format or "latex")
        require_unaltered(answer.records)
        binary_output().write(answer.content)


MOST_DIFFERENCES = 100
"""Differences that are shown one by one."""


@click.command("verify")
@click.argument("table", type=read_path, shell_complete=complete_files)
@click.option("--uri", help="The store; the one that the table's manifest names if not given.")
@click.option("--retrain", type=click.IntRange(min=1), metavar="N", help="Train N runs again; no store is needed.")
@file_option("--data-path", help="Where the data of --retrain are, if not where they were.")
def verify_command(table: Path, *, uri: str | None, retrain: int | None, data_path: Path | None) -> None:
    """Make an exported TABLE again from the store, and name the cells that differ; or a saved model.

    It reads the manifest beside the table. Runs that are new or gone are told too. A model is an .npz file or a folder
    that nnsweep save has written: its weights and preparation are compared with its run, its card with the one within.
    The exit code is 0 if all is equal and 6 if not. With --retrain no store is asked: keys and settings are compared
    with the configurations in the manifest, and some runs, drawn at random, are trained again: their results must be
    the same bit for bit.

    For example: nnsweep verify table.csv
    """
    if retrain is not None:
        from nnsweep.api.retrain import retrain_sample

        verification = retrain_sample(table, retrain, None if data_path is None else str(data_path))
    elif data_path is not None:
        raise ConfigError("--data-path is for --retrain: nothing else needs the data")
    elif table.suffix.lower() == ".npz" or os.path.isdir(table):  # which no name is too long for
        from nnsweep.api.verify_model import verify_model

        verification = verify_model(table, uri)
    else:
        from nnsweep.api.verify import verify_table

        verification = verify_table(table, uri)
    differences = verification.differences
    for line in differences[:MOST_DIFFERENCES] or verification.confirmation:
        say(line)
    if differences:
        more = f", of which the first {MOST_DIFFERENCES} are shown" if len(differences) > MOST_DIFFERENCES else ""
        raise DifferenceError(
            f"{printable(str(table))}: {count(len(differences), 'difference')} from {verification.reference}{more}"
            f"{verification.conclusion}"
        )
