"""``nnsweep sync``: what waits in job folders goes to the store."""

from pathlib import Path

import click

from nnsweep.commands.options import store_option
from nnsweep.errors import DataError


@click.command()
@click.argument("folder", default="multirun", type=click.Path(path_type=Path))
@store_option
def sync(folder: Path, *, uri: str | None) -> None:
    """Send to the store what it does not have yet of the jobs in FOLDER: of one sweep's folder, or of many."""
    from nnsweep.sweep.sync import sync
    from nnsweep.tracking.store import check, resolved_uri

    store = resolved_uri(uri, Path.cwd())
    check(store)
    told = sync(folder, store)
    print(told.in_words())
    if told.damaged:
        raise DataError(*told.damaged)
