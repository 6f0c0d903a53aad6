"""The commands that make something of a run's model: predictions, files, versions in the registry, ensembles."""

from pathlib import Path

import click

from nnsweep.cli.options import (
    complete_files,
    complete_sweeps,
    experiment_option,
    filter_option,
    format_option,
    output_option,
    run_argument,
    say,
    store_option,
)


@click.command("predict")
@run_argument("run")
@click.argument("data", shell_complete=complete_files)
@output_option(help="File to write; its suffix decides the format.")
@format_option
@click.option("--query", help="What to ask, where DATA is a database: sqlite:///FILE and one SELECT.")
@experiment_option()
@store_option
def predict_command(
    run: str,
    data: str,
    *,
    output: Path | None,
    format_: str | None,
    query: str | None,
    experiment: str | None,
    uri: str | None,
) -> None:
    """Predict the rows of DATA with a RUN: labels with their probabilities, or numbers.

    DATA is a table with the columns that the run was trained on, in any order and among others; for a network that
    reads texts, a folder of text files will do. RUN is the id of a run or an ensemble, the beginning of one, or a
    name that only one has.

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


@click.command("save")
@run_argument("run")
@output_option(required=True, help="Where to: .onnx, .npz, or a new folder.")
@experiment_option()
@store_option
def save_command(run: str, *, output: Path, experiment: str | None, uri: str | None) -> None:
    """Write the model of a RUN as a file: ONNX, NumPy's .npz, or a folder of MLflow's.

    It has the best weights and the preparation of the data. An .onnx file is for onnxruntime and needs nnsweep[onnx];
    an .npz file has plain arrays, for any program; a folder is a model that MLflow loads and serves. With it goes a
    card that says how good the model is, what it takes and what it must not be used for: model.card.md beside a file.
    RUN is a run's id, the beginning of one, or a name that only one run has.

    For example: nnsweep save newsgroups-20-20-tanh-inv-s0 --output model.onnx
    """
    from nnsweep.api.models import find_model, save_model

    found_run = find_model(run, experiment, uri)
    card = save_model(found_run, output)
    say(f"{found_run.title}: written to {output}, with its card in {card}")


@click.command("register")
@click.argument("sweep", shell_complete=complete_sweeps)
@click.option("--name", help="What it is registered as; the experiment's name if not given.")
@click.option("--alias", default="champion", show_default=True, help="Is moved to this version.")
@click.option("--run", help="Another run of the sweep than its best, or an ensemble: its id or name.")
@experiment_option(help="Where to look for the sweep; all experiments if not given.")
@store_option
def register_command(
    sweep: str, *, name: str | None, alias: str, run: str | None, experiment: str | None, uri: str | None
) -> None:
    """Put the best run of SWEEP, named by its id, into the model registry.

    The best is the run that stands first in the sweep's table. A run is registered once: the same command again moves
    the alias only.

    For example: nnsweep register 20260701-120000-ab12 --name digits --alias champion
    """
    from nnsweep.api.models import register_best

    for line in register_best(sweep, name=name, alias=alias, run=run, experiment=experiment, uri=uri):
        say(line)


@click.command("ensemble")
@click.argument("sweep", shell_complete=complete_sweeps)
@click.option("--members", type=int, default=5, show_default=True, help="How many picks there are at most.")
@click.option("--name", help="What the ensemble is called; ensemble-MEMBERS-SWEEP if not given.")
@click.option("--measure", help="What members are picked by, on the validation part; log_loss for classes.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals.")
@filter_option
@experiment_option(help="Where to look for the sweep; all experiments if not given.")
@store_option
def ensemble_command(
    sweep: str,
    *,
    members: int,
    name: str | None,
    measure: str | None,
    confidence: float,
    filter_: str,
    experiment: str | None,
    uri: str | None,
) -> None:
    """Make one model of the runs of SWEEP, named by its id, that predict best together.

    Members are picked on the validation part, one after the other: each time the run that improves the mean most; one
    that is picked twice counts twice. What the ensemble gains over its best run is told for the test part. It is
    recorded once, as a run that no table of jobs has; predict and save take it as any run, register with --run.

    For example: nnsweep ensemble 20260701-120000-ab12 --members 10
    """
    from nnsweep.api.ensemble import describe_ensemble, make_ensemble

    ensemble = make_ensemble(
        sweep,
        members=members,
        name=name,
        measure=measure,
        filter=filter_,
        confidence=confidence,
        experiment=experiment,
        uri=uri,
    )
    for line in describe_ensemble(ensemble, confidence):
        say(line)
