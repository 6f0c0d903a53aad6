"""``nnsweep ui``: the MLflow UI, for this machine alone."""

from pathlib import Path

import click

from nnsweep.commands.options import store_option


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port on 127.0.0.1.")
@store_option
def ui(*, port: int, uri: str | None) -> None:
    """Browse the runs in the MLflow UI, on this machine alone.

    For example: nnsweep ui --port 5001
    """
    from nnsweep.tracking.store import resolve_uri
    from nnsweep.tracking.ui import serve_ui

    serve_ui(resolve_uri(uri, Path.cwd()), port)
