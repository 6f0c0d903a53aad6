"""``nnsweep predict``: what a run's network says of other data."""

from pathlib import Path

import click

from nnsweep.commands.options import experiment_option, files, format_option, path, run_argument, store_option


@click.command()
@run_argument("run")
@click.argument("data", shell_complete=files)
@click.option(
    "--output",
    "-o",
    type=path,
    metavar="PATH",
    help="File to write; its suffix decides the format.",
    shell_complete=files,
)
@format_option
@click.option("--query", help="What to ask, where DATA is a database: sqlite:///FILE and one SELECT.")
@experiment_option
@store_option
def predict(
    run: str,
    data: str,
    *,
    output: Path | None,
    format_: str | None,
    query: str | None,
    experiment: str | None,
    uri: str | None,
) -> None:
    """Predict the rows of DATA with a RUN: labels, and a probability for each class.

    DATA is a table with the columns that the run was trained on, in any order and among others; for a network that
    reads texts, a folder of text files will do. RUN is a run's id, the beginning of one, or a name that only one run
    has.

    For example: nnsweep predict newsgroups-20-20-tanh-inv-s0 new.csv --output predictions.csv
    """
    from nnsweep.api.models import find_model, predict
    from nnsweep.results.tables.formats import format_of, write_table
    from nnsweep.streams import binary_output

    if output:
        format_ = format_ or format_of(output)
    meant = find_model(run, experiment, uri)
    table = predict(meant.model(), data, query, meant.record.settings)
    write_table(table, output or binary_output(), format_)
