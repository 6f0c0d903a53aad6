"""``nnsweep verify``: an exported table is compared with what the store says now."""

from pathlib import Path

import click

from nnsweep.commands.options import files, path, say
from nnsweep.errors import DifferenceError
from nnsweep.masking import masked
from nnsweep.messages import visible

MOST_SHOWN = 100
"""Differences that are told one by one."""


@click.command()
@click.argument("table", type=path, shell_complete=files)
@click.option("--uri", help="The store; the one that the table's manifest names if not given.")
def verify(table: Path, *, uri: str | None) -> None:
    """Make an exported TABLE again from the store, and name the cells that differ.

    It reads the manifest beside the table. Runs that are new or gone are told too. The exit code is 0 if all is equal
    and 6 if not.

    For example: nnsweep verify table.csv
    """
    from nnsweep.verified import verify

    told = verify(table, uri)
    lines = [masked(visible(difference.in_words())) for difference in told.differences]
    if not lines:
        say(f"{table}: all {told.n_cells} cells, of {told.n_runs} runs, are what the store says")
        for line in told.left_out:
            say(line)
        return
    print("\n".join(lines[:MOST_SHOWN]))
    more = f", of which the first {MOST_SHOWN} are shown" if len(lines) > MOST_SHOWN else ""
    differ = "1 difference" if len(lines) == 1 else f"{len(lines)} differences"
    way_out = "Export it again, or put back what was changed"
    raise DifferenceError(f"{visible(str(table))}: {differ} from the store{more}; {told.cause}. {way_out}")
