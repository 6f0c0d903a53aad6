"""The commands beside the sweep itself: exporting tables, and showing the MLflow UI."""

import sys
from pathlib import Path

import click

import nnsweep
from nnsweep.errors import ConfigError, DataError
from nnsweep.messages import is_broken


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(nnsweep.__version__, prog_name="nnsweep")
def commands() -> None:
    """Work with the runs that sweeps have recorded."""


@commands.command()
@click.argument("experiment")
@click.option("--output", "-o", type=Path, metavar="PATH", help="File to write; its suffix decides the format.")
@click.option("--format", "format_", help="csv, markdown, latex, html, json or parquet; csv on the terminal.")
@click.option("--filter", "filter_", default="", help="Which runs, such as \"depth > 2 and activation == 'tanh'\".")
@click.option("--columns", help="Which columns, separated by commas; all that differ if not given.")
@click.option("--sort", help="Columns to sort by, separated by commas; -test_accuracy means highest first.")
@click.option("--sweep", help="Only the runs of the sweep with this id.")
@click.option("--histories", is_flag=True, help="The curves of the chosen runs in long form, every epoch.")
@click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")
def export(
    experiment: str,
    *,
    output: Path | None,
    format_: str | None,
    filter_: str,
    columns: str | None,
    sort: str | None,
    sweep: str | None,
    histories: bool,
    uri: str | None,
) -> None:
    """Write the runs of EXPERIMENT as a table, best first."""
    from nnsweep.results.formats import write
    from nnsweep.results.frame import frame, varying
    from nnsweep.results.histories import long_form
    from nnsweep.results.query import narrowed
    from nnsweep.results.ranking import ranked, selection
    from nnsweep.tracking import reading
    from nnsweep.tracking.store import existing, resolved_uri

    if is_broken(experiment):
        raise ConfigError(f"there is no experiment '{experiment}': no text can have half a character (a surrogate)")
    store = existing(resolved_uri(uri, Path.cwd()), experiment)
    records = reading.job_runs(store, sweep)
    runs = ranked(frame(records))
    chosen = narrowed(runs, filter=filter_, columns=_listed(columns), sort=_listed(sort))
    if histories:
        kept = set(narrowed(runs, filter=filter_)["run_id"])
        wanted = [record for record in records if record.run_id in kept]
        table = long_form(reading.histories(store, wanted), wanted)
    else:
        table = chosen if columns else varying(chosen)
    write(table, output or sys.stdout.buffer, format_, caption="" if histories else selection(runs))


@commands.command()
@click.argument("folder", default="multirun", type=click.Path(path_type=Path))
@click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")
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


@commands.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port on 127.0.0.1.")
@click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")
def ui(*, port: int, uri: str | None) -> None:
    """Browse the runs in the MLflow UI, on this machine alone."""
    from nnsweep.tracking.store import resolved_uri
    from nnsweep.tracking.ui import serve

    serve(resolved_uri(uri, Path.cwd()), port)


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []
