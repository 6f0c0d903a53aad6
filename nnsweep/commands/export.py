"""``nnsweep export``: the runs of an experiment as a table."""

from pathlib import Path

import click

from nnsweep.commands.options import (
    experiment_argument,
    files,
    filter_option,
    format_option,
    listed,
    path,
    store_option,
    sweep_option,
)


@click.command()
@experiment_argument
@click.option(
    "--output",
    "-o",
    type=path,
    metavar="PATH",
    shell_complete=files,
    help="File to write; its suffix decides the format.",
)
@format_option
@filter_option
@click.option("--columns", help="Which columns, separated by commas; all that differ if not given.")
@click.option("--sort", help="Columns to sort by, separated by commas; -test_accuracy means highest first.")
@sweep_option
@click.option("--histories", is_flag=True, help="The curves of the chosen runs in long form, every epoch.")
@store_option
def export(
    experiment: str,
    *,
    output: Path | None,
    format_: str | None,
    filter_: str,
    columns: str | None,
    sort: str | None,
    sweep: str | None,
    histories: bool,
    uri: str | None,
) -> None:
    """Write the runs of EXPERIMENT as a table, best first.

    A file gets a manifest beside it (FILE.manifest.json), by which nnsweep verify checks it later.

    For example: nnsweep export nnsweep --filter "depth > 1" --output table.csv
    """
    from nnsweep.api.exporting import Question, answer_question, export_table
    from nnsweep.api.loading import find_experiment
    from nnsweep.results.tables.formats import write_table
    from nnsweep.streams import binary_output
    from nnsweep.tracking.artifacts import require_unaltered
    from nnsweep.tracking.query import find_store_of_sweep

    store = find_experiment(experiment, uri)
    if sweep is not None:
        find_store_of_sweep(store.uri, sweep, experiment)  # or tell that there is none
    asked = Question(filter=filter_, columns=listed(columns), sort=listed(sort), sweep=sweep, histories=histories)
    if output:
        export_table(store, asked, output, format_)
    else:
        table, records, caption = answer_question(store, asked)
        require_unaltered(records)
        write_table(table, binary_output(), format_, caption=caption)
