"""``nnsweep register``: the best run of a sweep goes into the model registry."""

import click

from nnsweep.commands.options import say, store_option
from nnsweep.completion import stored


@click.command()
@click.argument("sweep", shell_complete=stored.sweeps)
@click.option("--name", help="What it is registered as; the experiment's name if not given.")
@click.option("--alias", default="champion", show_default=True, help="Is moved to this version.")
@click.option("--run", help="Another run of the sweep than its best: its id, the beginning of one, or its name.")
@click.option(
    "--experiment",
    help="Where to look for the sweep; all experiments if not given.",
    shell_complete=stored.experiments,
)
@store_option
def register(
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
