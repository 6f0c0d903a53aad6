"""The commands that tell what runs have found: as a table, a report or pictures, and whether it is still so."""

from functools import partial
from pathlib import Path

import click

from nnsweep.cli import stored
from nnsweep.cli.options import (
    complete_files,
    complete_folders,
    experiment_argument,
    experiment_option,
    filter_option,
    format_option,
    read_path,
    run_argument,
    say,
    split_list,
    store_option,
    sweep_option,
)
from nnsweep.errors import ConfigError, DifferenceError, StoreError
from nnsweep.results.wording import count
from nnsweep.text import mask_secrets, printable, quote_argument


@click.command("export")
@experiment_argument
@click.option(
    "--output",
    "-o",
    type=read_path,
    metavar="PATH",
    shell_complete=complete_files,
    help="File to write; its suffix decides the format.",
)
@format_option
@filter_option
@click.option("--columns", help="Which columns, separated by commas; all that differ if not given.")
@click.option("--sort", help="Columns to sort by, separated by commas; -test_accuracy means highest first.")
@sweep_option
@click.option("--histories", is_flag=True, help="The curves of the chosen runs in long form, every epoch.")
@store_option
def export_command(
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
    from nnsweep.api.export import ExportRequest, answer_question, export_table
    from nnsweep.api.load import find_experiment
    from nnsweep.results.tables.formats import write_table
    from nnsweep.streams import binary_output
    from nnsweep.tracking.artifacts import require_unaltered
    from nnsweep.tracking.query import find_store_of_sweep

    store = find_experiment(experiment, uri)
    if sweep is not None:
        find_store_of_sweep(store.uri, sweep, experiment)  # or tell that there is none
    asked = ExportRequest(
        filter=filter_, columns=split_list(columns), sort=split_list(sort), sweep=sweep, histories=histories
    )
    if output:
        export_table(store, asked, output, format_)
    else:
        table, records, caption = answer_question(store, asked)
        require_unaltered(records)
        write_table(table, binary_output(), format_, caption=caption)


@click.command("report", short_help="Say what EXPERIMENT has found, and how sure that is.")
@experiment_argument
@click.option(
    "--output",
    "-o",
    type=read_path,
    metavar="PATH",
    shell_complete=complete_files,
    help="File to write: .html, .md or .tex.",
)
@click.option("--title", default="", help="The question, as a heading; the experiment's name if not given.")
@click.option("--metric", default="test_accuracy", show_default=True, help="What the best is best by.")
@click.option("--baseline", help="The configuration to compare the best with, by its label.")
@click.option("--by", help="The columns that make a configuration, separated by commas; all settings that vary.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals.")
@click.option(
    "--failures",
    type=click.Choice(["chance", "ignore"]),
    default="chance",
    show_default=True,
    help="What failed runs count as: the accuracy of guessing, or nothing.",
)
@filter_option
@click.option(
    "--sweep",
    multiple=True,
    help="Only the runs of the sweep with this id; may be given several times.",
    shell_complete=stored.complete_sweeps,
)
@click.option(
    "--pictures", is_flag=True, help="Write pictures beside a .md or .tex file; an .html file has them in it."
)
@store_option
def report_command(
    experiment: str,
    *,
    output: Path | None,
    title: str,
    metric: str,
    baseline: str | None,
    by: str | None,
    confidence: float,
    failures: str,
    filter_: str,
    sweep: tuple[str, ...],
    pictures: bool,
    uri: str | None,
) -> None:
    """Say what EXPERIMENT has found and how sure that is; as Markdown on the terminal, or in a file.

    For example: nnsweep report depth_width --output report.html --baseline 32
    """
    from nnsweep.api.report import print_report, report

    found = report(
        experiment,
        output,
        metric=metric,
        title=title,
        baseline=baseline,
        by=split_list(by) or None,
        confidence=confidence,
        failures=failures,
        sweep=sweep or None,
        filter=filter_,
        pictures=pictures,
        uri=uri,
        command=_command_line(),
    )
    if output is None:
        print_report(found)
    if found.missing:
        raise StoreError("the report lacks what needs the files that cannot be read; see above")


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
    return mask_secrets(" ".join(map(quote_argument, ["nnsweep", str(context.info_name), *words])))


@click.command("plot", short_help="Draw the runs of EXPERIMENT: maps, curves, costs.")
@experiment_argument
@click.option(
    "--output",
    "-o",
    type=read_path,
    metavar="PATH",
    shell_complete=complete_folders,
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
def plot_command(
    experiment: str, *, output: Path, format_: str, filter_: str, sweep: str | None, uri: str | None
) -> None:
    """Draw the runs of EXPERIMENT: maps, curves, costs, every picture that says something about them.

    For example: nnsweep plot depth_width --output pictures --format svg
    """
    from nnsweep.api.load import find_experiment, read_records, require_unaltered_runs
    from nnsweep.results.frame import frame, narrow_runs, rank_runs
    from nnsweep.results.plots.pictures import pictures, save_all, telling_runs
    from nnsweep.tracking import recorded_run
    from nnsweep.tracking.artifacts import gather_artifacts, raise_missing

    store = find_experiment(experiment, uri)
    records = read_records(store, sweep)
    runs = narrow_runs(rank_runs(frame(records)), filter=filter_)
    require_unaltered_runs(records, runs)
    wanted = set(telling_runs(runs))
    in_order = [record.run_id for record in records if record.run_id in wanted]
    histories, missing = gather_artifacts(in_order, partial(recorded_run.read_history, store))
    drawn = pictures(runs, histories, title=f"sweep {sweep}" if sweep else experiment)
    if not drawn:
        which = f" of sweep {sweep}" if sweep else ""
        raise ConfigError(
            f"experiment '{experiment}' has no run{which} with a result or a curve: there is nothing to draw"
        )
    for written in save_all(drawn, output, ("svg", "png") if format_ == "both" else (format_,)):
        print(printable(str(written)))
    raise_missing(missing)


MOST_SHOWN = 100
"""Differences that are told one by one."""


@click.command("verify")
@click.argument("table", type=read_path, shell_complete=complete_files)
@click.option("--uri", help="The store; the one that the table's manifest names if not given.")
@click.option("--retrain", type=click.IntRange(min=1), metavar="N", help="Train N runs again; no store is needed.")
@click.option(
    "--data-path",
    type=read_path,
    shell_complete=complete_files,
    help="Where the data of --retrain are, if not where they were.",
)
def verify_command(table: Path, *, uri: str | None, retrain: int | None, data_path: Path | None) -> None:
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
    from nnsweep.api.verify import verify_table

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
    from nnsweep.api.retrain import retrain_sample

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


@click.command("diff")
@run_argument("one", metavar="RUN")
@run_argument("other", metavar="RUN")
@experiment_option
@store_option
def diff_command(one: str, other: str, *, experiment: str | None, uri: str | None) -> None:
    """Show what differs between two runs: settings, versions, data and results.

    RUN is a run's id, the beginning of one, or a name that only one run has. The exit code is 6 if what is recorded of
    a run does not agree with itself.

    For example: nnsweep diff newsgroups-20-20-tanh-inv-s0 newsgroups-8-tanh-inv-s0 --experiment notebook
    """
    from nnsweep.api.diff import compare_runs, describe_sections
    from nnsweep.api.load import check_name
    from nnsweep.jobs.consistency import find_disagreements
    from nnsweep.tracking.recorded_run import read_run
    from nnsweep.tracking.store import resolve_uri

    check_name(experiment or "")
    store = resolve_uri(uri, Path.cwd())
    first, second = (read_run(store, run, experiment) for run in (one, other))
    for line in (first.title, second.title, *describe_sections(compare_runs(first, second))):
        say(line)
    told = [f"{run.title}: {said}" for run in (first, second) for said in find_disagreements(run).values()]
    if told:
        raise DifferenceError(*map(printable, told))


@click.command("reproduce", short_help="Train a recorded RUN again, and compare it bit for bit.")
@run_argument("run")
@experiment_option
@store_option
def reproduce_command(run: str, *, experiment: str | None, uri: str | None) -> None:
    """Train a recorded RUN again, and compare every number of its history bit for bit.

    RUN is a run's id, the beginning of one, or a name that only one run has. Nothing is recorded. The exit code is 0 if
    all is equal and 6 if not; then the first epoch that differs is told, and what is another than at the time. A record
    that does not agree with itself is not trained again: what disagrees is told.

    For example: nnsweep reproduce newsgroups-20-20-tanh-inv-s0 --experiment notebook
    """
    from nnsweep.api.load import check_name
    from nnsweep.jobs.consistency import require_consistent
    from nnsweep.jobs.reproduce import reproduce_run
    from nnsweep.tracking.recorded_run import read_run
    from nnsweep.tracking.store import resolve_uri

    check_name(experiment or "")
    one = read_run(resolve_uri(uri, Path.cwd()), run, experiment)
    require_consistent(one)
    told = reproduce_run(one)
    equal = not told.differences
    if equal:
        say(f"{one.title}: equal in all {told.n_epochs} epochs, bit for bit")
    for what, before, now in told.differences:
        say(f"{what}: {before} was recorded, it is {now} now")
    if told.circumstances:
        say("although these have changed:" if equal else "which may be because these have changed:")
    for what, before, now in told.circumstances:
        say(f"  {what}: {before} at the time, {now} now")
    if not equal:
        reason = "" if told.circumstances else "; versions, processor, data and configuration are as recorded, "
        reason += "" if told.circumstances else "so the record or the code has been changed"
        raise DifferenceError(f"{printable(one.title)} was not reproduced: {told.differences[0].what} differs{reason}")
