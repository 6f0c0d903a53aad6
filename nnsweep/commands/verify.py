"""``nnsweep verify``: an exported table is compared with what the store says now."""

from pathlib import Path

import click

from nnsweep.commands.options import files, path, say
from nnsweep.errors import ConfigError, DifferenceError
from nnsweep.results.wording import count
from nnsweep.text import mask_secrets, printable

MOST_SHOWN = 100
"""Differences that are told one by one."""


@click.command()
@click.argument("table", type=path, shell_complete=files)
@click.option("--uri", help="The store; the one that the table's manifest names if not given.")
@click.option("--retrain", type=click.IntRange(min=1), metavar="N", help="Train N runs again; no store is needed.")
@click.option(
    "--data-path", type=path, shell_complete=files, help="Where the data of --retrain are, if not where they were."
)
def verify(table: Path, *, uri: str | None, retrain: int | None, data_path: Path | None) -> None:
    """Make an exported TABLE again from the store, and name the cells that differ.

    It reads the manifest beside the table. Runs that are new or gone are told too. The exit code is 0 if all is equal
    and 6 if not. With --retrain no store is asked: keys and settings are compared with the configurations in the
    manifest, and some runs, drawn at random, are trained again: their results must be the same bit for bit.

    For example: nnsweep verify table.csv
    """
    if retrain is not None:
        return _retrain(table, retrain, data_path)
    if data_path is not None:
        raise ConfigError("--data-path is for --retrain: nothing else needs the data")
    from nnsweep.api.verifying import verify_table

    told = verify_table(table, uri)
    lines = [mask_secrets(printable(difference.in_words())) for difference in told.differences]
    if not lines:
        say(f"{table}: all {told.n_cells} cells, of {told.n_runs} runs, are what the store says")
        for line in told.left_out:
            say(line)
        return
    print("\n".join(lines[:MOST_SHOWN]))
    more = f", of which the first {MOST_SHOWN} are shown" if len(lines) > MOST_SHOWN else ""
    differences = count(len(lines), "difference")
    way_out = "Export it again, or put back what was changed"
    raise DifferenceError(f"{printable(str(table))}: {differences} from the store{more}; {told.cause}. {way_out}")


def _retrain(table: Path, number: int, data_path: Path | None) -> None:
    from nnsweep.api.retraining import retrain_sample

    told = retrain_sample(table, number, None if data_path is None else str(data_path))
    names = ", ".join(told.names)
    if not told.differences:
        say(f"{table}: {len(told.names)} of {told.n_runs} runs, drawn at random, were trained again: {names}")
        say(f"all {told.n_cells} cells of their results, and of all runs' settings, are the same, bit for bit")
        if told.question:
            say(f"made with {told.question}: what that left out cannot be told without the store")
        return
    lines = [mask_secrets(printable(one.in_words("when trained again"))) for one in told.differences]
    print("\n".join(lines[:MOST_SHOWN]))
    differences = count(len(lines), "difference")
    trained = f"{printable(names) or 'none'} trained again"
    raise DifferenceError(f"{printable(str(table))}: {differences} from what training gives ({trained})")
