"""``nnsweep sync``: what waits in job folders goes to the store."""

from pathlib import Path

import click

from nnsweep.commands.options import folders, path, store_option
from nnsweep.errors import DataError


@click.command(short_help="Send to the store what waits in job folders.")
@click.argument("folder", default="multirun", type=path, shell_complete=folders)
@store_option
def sync(folder: Path, *, uri: str | None) -> None:
    """Send to the store what it does not have yet of the jobs in FOLDER: of one sweep's folder, or of many.

    For example: nnsweep sync multirun --uri sqlite:///other.db
    """
    from nnsweep.jobs.sync import sync_folders
    from nnsweep.tracking.store import check_store, resolve_uri

    store = resolve_uri(uri, Path.cwd())
    check_store(store)
    told = sync_folders(folder, store)
    print(told.in_words())
    if told.damaged:
        raise DataError(*told.damaged)
