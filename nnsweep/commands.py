"""The commands beside the sweep itself: tables, reports, pictures, runs compared and reproduced, the MLflow UI."""

import shlex
import sys
from pathlib import Path

import click

import nnsweep
from nnsweep.errors import ConfigError, DataError, DifferenceError
from nnsweep.masking import masked
from nnsweep.messages import visible

MOST_SHOWN = 100
"""Differences that are told one by one."""


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
    """Write the runs of EXPERIMENT as a table, best first.

    A file gets a manifest beside it (FILE.manifest.json), by which nnsweep verify checks it later.

    For example: nnsweep export nnsweep --filter "depth > 1" --output table.csv
    """
    from nnsweep.exported import Asked, answer, export
    from nnsweep.loading import store_of
    from nnsweep.results.formats import write

    store = store_of(experiment, uri)
    asked = Asked(filter=filter_, columns=_listed(columns), sort=_listed(sort), sweep=sweep, histories=histories)
    if output:
        export(store, asked, output, format_)
    else:
        table, _, caption = answer(store, asked)
        write(table, sys.stdout.buffer, format_, caption=caption)


@commands.command()
@click.argument("experiment")
@click.option("--output", "-o", type=Path, metavar="PATH", help="File to write: .html, .md or .tex.")
@click.option("--title", default="", help="The question, as a heading; the experiment's name if not given.")
@click.option("--metric", default="test_accuracy", show_default=True, help="What the best is best by.")
@click.option("--baseline", help="The configuration to compare the best with, by its label.")
@click.option("--by", help="The columns that make a configuration, separated by commas; all settings that vary.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals.")
@click.option("--filter", "filter_", default="", help="Which runs, such as \"depth > 2 and activation == 'tanh'\".")
@click.option("--sweep", multiple=True, help="Only the runs of the sweep with this id; may be given several times.")
@click.option(
    "--pictures", is_flag=True, help="Write pictures beside a .md or .tex file; an .html file has them in it."
)
@click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")
def report(
    experiment: str,
    *,
    output: Path | None,
    title: str,
    metric: str,
    baseline: str | None,
    by: str | None,
    confidence: float,
    filter_: str,
    sweep: tuple[str, ...],
    pictures: bool,
    uri: str | None,
) -> None:
    """Say what EXPERIMENT has found and how sure that is; as Markdown on the terminal, or in a file."""
    from nnsweep.reporting import print_report
    from nnsweep.reporting import report as reported

    found = reported(
        experiment,
        output,
        metric=metric,
        title=title,
        baseline=baseline,
        by=_listed(by) or None,
        confidence=confidence,
        sweep=sweep or None,
        filter=filter_,
        pictures=pictures,
        uri=uri,
        command=_command_line(),
    )
    if output is None:
        print_report(found)


@commands.command()
@click.argument("experiment")
@click.option("--output", "-o", type=Path, default="pictures", show_default=True, help="Folder to write into.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["svg", "png", "both"]),
    default="both",
    show_default=True,
    help="Of files.",
)
@click.option("--filter", "filter_", default="", help="Which runs, such as \"depth > 2 and activation == 'tanh'\".")
@click.option("--sweep", help="Only the runs of the sweep with this id.")
@click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")
def plot(experiment: str, *, output: Path, format_: str, filter_: str, sweep: str | None, uri: str | None) -> None:
    """Draw the runs of EXPERIMENT: maps, curves, costs, every picture that says something about them."""
    from nnsweep.loading import store_of
    from nnsweep.results.frame import frame
    from nnsweep.results.plots.pictures import pictures, save_all, telling_runs
    from nnsweep.results.query import narrowed
    from nnsweep.results.ranking import ranked
    from nnsweep.tracking import reading

    store = store_of(experiment, uri)
    records = reading.job_runs(store, sweep)
    runs = narrowed(ranked(frame(records)), filter=filter_)
    wanted = set(telling_runs(runs))
    histories = reading.histories(store, [record for record in records if record.run_id in wanted])
    drawn = pictures(runs, histories, title=f"sweep {sweep}" if sweep else experiment)
    if not drawn:
        which = f" of sweep {sweep}" if sweep else ""
        raise ConfigError(
            f"experiment '{experiment}' has no run{which} with a result or a curve: there is nothing to draw"
        )
    for path in save_all(drawn, output, ("svg", "png") if format_ == "both" else (format_,)):
        print(visible(str(path)))


@commands.command()
@click.argument("table", type=click.Path(path_type=Path))
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
        print(f"{visible(str(table))}: all {told.n_cells} cells, of {told.n_runs} runs, are what the store says")
        return
    print("\n".join(lines[:MOST_SHOWN]))
    more = f", of which the first {MOST_SHOWN} are shown" if len(lines) > MOST_SHOWN else ""
    since = "the file was changed after it was exported" if told.changed else "the store has changed since"
    differ = "1 difference" if len(lines) == 1 else f"{len(lines)} differences"
    raise DifferenceError(
        f"{visible(str(table))}: {differ} from the store{more}; {since}. Export it again, or put back what was changed"
    )


@commands.command()
@click.argument("run")
@click.option("--experiment", help="Where to look for the run; all experiments if not given.")
@click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")
def reproduce(run: str, *, experiment: str | None, uri: str | None) -> None:
    """Train a recorded RUN again, and compare every number of its history bit for bit.

    RUN is a run's id, the beginning of one, or a name that only one run has. Nothing is recorded. The exit code is 0 if
    all is equal and 6 if not; then the first epoch that differs is told, and what is another than at the time.

    For example: nnsweep reproduce 20-20-tanh-inv-s0 --experiment notebook
    """
    from nnsweep.loading import check_name
    from nnsweep.sweep.reproduction import reproduce
    from nnsweep.tracking.recorded import recorded
    from nnsweep.tracking.store import resolved_uri

    check_name(experiment or "")
    one = recorded(resolved_uri(uri, Path.cwd()), run, experiment)
    told = reproduce(one)
    equal = not told.differences
    if equal:
        _say(f"{one.title}: equal in all {told.n_epochs} epochs, bit for bit")
    for what, before, now in told.differences:
        _say(f"{what}: {before} was recorded, it is {now} now")
    if told.circumstances:
        _say("although these have changed:" if equal else "which may be because these have changed:")
    for what, before, now in told.circumstances:
        _say(f"  {what}: {before} at the time, {now} now")
    if not equal:
        reason = "" if told.circumstances else "; versions, processor, data and configuration are as recorded, "
        reason += "" if told.circumstances else "so the record or the code has been changed"
        raise DifferenceError(f"{visible(one.title)} was not reproduced: {told.differences[0].what} differs{reason}")


@commands.command()
@click.argument("one", metavar="RUN")
@click.argument("other", metavar="RUN")
@click.option("--experiment", help="Where to look for the runs; all experiments if not given.")
@click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")
def diff(one: str, other: str, *, experiment: str | None, uri: str | None) -> None:
    """Show what differs between two runs: settings, versions, data and results.

    RUN is a run's id, the beginning of one, or a name that only one run has.

    For example: nnsweep diff 20-20-tanh-inv-s0 8-tanh-inv-s0 --experiment notebook
    """
    from nnsweep.loading import check_name
    from nnsweep.side_by_side import in_words, side_by_side
    from nnsweep.tracking.recorded import recorded
    from nnsweep.tracking.store import resolved_uri

    check_name(experiment or "")
    store = resolved_uri(uri, Path.cwd())
    first, second = (recorded(store, run, experiment) for run in (one, other))
    for line in (first.title, second.title, *in_words(side_by_side(first, second))):
        _say(line)


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


def _say(text: str) -> None:
    print(masked(visible(text)))


def _command_line() -> str:
    """Write the command that is being run, as it would be typed; without passwords."""
    context = click.get_current_context()
    words = [str(context.params["experiment"])]
    for option in context.command.params:
        value, name = context.params[option.name or ""], option.opts[0]
        if not isinstance(option, click.Option) or value in (option.default, (), None, False):
            continue
        words += [name] if value is True else [
            word for one in (value if isinstance(value, tuple) else [value]) for word in (name, str(one))
        ]  # fmt: skip
    return masked(shlex.join(["nnsweep", str(context.info_name), *words]))


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()
