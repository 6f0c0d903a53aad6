"""``nnsweep plot``: the pictures of an experiment."""

from functools import partial
from pathlib import Path

import click

from nnsweep.commands.options import experiment_argument, filter_option, folders, path, store_option, sweep_option
from nnsweep.errors import ConfigError
from nnsweep.text import printable


@click.command(short_help="Draw the runs of EXPERIMENT: maps, curves, costs.")
@experiment_argument
@click.option(
    "--output",
    "-o",
    type=path,
    metavar="PATH",
    shell_complete=folders,
    default="pictures",
    show_default=True,
    help="Folder to write into.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["svg", "png", "both"]),
    default="both",
    show_default=True,
    help="Of files.",
)
@filter_option
@sweep_option
@store_option
def plot(experiment: str, *, output: Path, format_: str, filter_: str, sweep: str | None, uri: str | None) -> None:
    """Draw the runs of EXPERIMENT: maps, curves, costs, every picture that says something about them.

    For example: nnsweep plot depth_width --output pictures --format svg
    """
    from nnsweep.api.loading import find_experiment, require_unaltered_runs
    from nnsweep.api.loading import read_records as records_of
    from nnsweep.results.frame import frame
    from nnsweep.results.plots.pictures import pictures, save_all, telling_runs
    from nnsweep.results.ranking import narrow_runs, rank_runs
    from nnsweep.tracking import query
    from nnsweep.tracking.artifacts import gather_artifacts, raise_missing

    store = find_experiment(experiment, uri)
    records = records_of(store, sweep)
    runs = narrow_runs(rank_runs(frame(records)), filter=filter_)
    require_unaltered_runs(records, runs)
    wanted = set(telling_runs(runs))
    in_order = [record.run_id for record in records if record.run_id in wanted]
    histories, missing = gather_artifacts(in_order, partial(query.read_history, store))
    drawn = pictures(runs, histories, title=f"sweep {sweep}" if sweep else experiment)
    if not drawn:
        which = f" of sweep {sweep}" if sweep else ""
        raise ConfigError(
            f"experiment '{experiment}' has no run{which} with a result or a curve: there is nothing to draw"
        )
    for written in save_all(drawn, output, ("svg", "png") if format_ == "both" else (format_,)):
        print(printable(str(written)))
    raise_missing(missing)
