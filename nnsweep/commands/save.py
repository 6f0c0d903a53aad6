"""``nnsweep save``: a run's model as a file, to be taken anywhere."""

from pathlib import Path

import click

from nnsweep.commands.options import experiment_option, files, path, run_argument, say, store_option


@click.command()
@run_argument("run")
@click.option(
    "--output",
    "-o",
    type=path,
    required=True,
    metavar="PATH",
    help="Where to: .onnx, .npz, or a new folder.",
    shell_complete=files,
)
@experiment_option
@store_option
def save(run: str, *, output: Path, experiment: str | None, uri: str | None) -> None:
    """Write the model of a RUN as a file: ONNX, NumPy's .npz, or a folder of MLflow's.

    It has the best weights and the preparation of the data. An .onnx file is for onnxruntime and needs nnsweep[onnx];
    an .npz file has plain arrays, for any program; a folder is a model that MLflow loads and serves. RUN is a run's id,
    the beginning of one, or a name that only one run has.

    For example: nnsweep save newsgroups-20-20-tanh-inv-s0 --output model.onnx
    """
    from nnsweep.api.models import find_model, save_model

    found_run = find_model(run, experiment, uri)
    save_model(found_run.model(), output)
    say(f"{found_run.title}: written to {output}")
