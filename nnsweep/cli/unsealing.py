"""The command that measures a sealed test part."""

import click

from nnsweep.cli.options import experiment_argument, say, store_option


@click.command("unseal", short_help="Measure the sealed test part of EXPERIMENT, once.")
@experiment_argument
@click.option(
    "--configuration",
    "configurations",
    multiple=True,
    metavar="RULE",
    help='Such as "depth == 3 and width == 64"; may be given several times; what may be the best if not given.',
)
@click.option("--again", is_flag=True, help="Look at a test set that was unsealed before, for other configurations.")
@click.option("--dry-run", is_flag=True, help="Print what would be measured, and stop.")
@store_option
def unseal_command(
    experiment: str, *, configurations: tuple[str, ...], again: bool, dry_run: bool, uri: str | None
) -> None:
    """Measure the sealed test part of EXPERIMENT, once, for configurations that are named before.

    The runs of a sweep with trainer.sealed_test=true have no result on the test part. They get it here, at their best
    epochs, and the store keeps which configurations were named. Another command for the same test set needs --again;
    the same command goes on where it was broken off, and measures nothing twice.

    For example: nnsweep unseal depth_width --configuration "depth == 3 and width == 64"
    """
    from nnsweep.api.unseal import measure_unsealed, plan_unsealing, tabulate_unsealing, write_unsealing
    from nnsweep.cli.results import write_command_line

    planned = plan_unsealing(experiment, configurations, again=again, uri=uri, command=write_command_line())
    for line in planned.describe():
        say(line)
    if dry_run:
        return
    if not measure_unsealed(planned, say):
        say("All of these runs were measured before.")
    for line in (*write_unsealing(tabulate_unsealing(planned)), planned.describe_exposure()):
        say(line)
