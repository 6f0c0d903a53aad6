"""The commands that tell what runs have found: as a report or pictures, on new seeds, and beside each other."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from nnsweep.cli.options import (
    WIDTHS,
    complete_experiments,
    complete_folders,
    experiment_argument,
    experiment_option,
    failures_option,
    filter_option,
    is_given,
    measure_option,
    output_option,
    read_inches,
    run_argument,
    say,
    say_file,
    show_work,
    split_list,
    store_option,
    sweep_option,
)
from nnsweep.errors import ConfigError, DifferenceError, StoreError
from nnsweep.text import mask_secrets, printable, quote_argument, suggest_nearest


@click.command("report", short_help="Say what EXPERIMENT has found, and how sure that is.")
@experiment_argument
@output_option(help="File to write: .html, .md or .tex.")
@click.option("--title", default="", help="The question, as a heading; the experiment's name if not given.")
@measure_option()
@click.option("--baseline", help="The configuration to compare the best with, by its label.")
@click.option("--by", help="The columns that make a configuration, separated by commas; all settings that vary.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals.")
@failures_option
@click.option("--rope", type=float, help="Means that differ by less are as good as each other; 0.01 between 0 and 1.")
@filter_option
@sweep_option(multiple=True, help="Only the runs of the sweep with this id; may be given several times.")
@click.option(
    "--pictures", is_flag=True, help="Write pictures beside a .md or .tex file; an .html file has them in it."
)
@click.option(
    "--reproducibility",
    is_flag=True,
    help="Instead of the report, what an article says for its results to be repeated: a paragraph and a checklist. "
    "As .tex, the checklist is in a file of its own, NAME_checklist.tex, for the appendix.",
)
@click.option("--fragment", is_flag=True, help="A .tex file without preamble, to be \\input into an article.")
@click.option("--watch", is_flag=True, help="Write the file again as runs end, until no run is running any more.")
@store_option
def report_command(
    experiment: str,
    *,
    output: Path | None,
    title: str,
    metric: str | None,
    baseline: str | None,
    by: str | None,
    confidence: float,
    failures: str,
    rope: float | None,
    filter_: str,
    sweep: tuple[str, ...],
    pictures: bool,
    reproducibility: bool,
    fragment: bool,
    watch: bool,
    uri: str | None,
) -> None:
    """Say what EXPERIMENT has found and how sure that is; as Markdown on the terminal, or in a file.

    With --watch the file is written again while a sweep runs, and a page in a browser loads itself again. Ctrl-C ends
    that; the file stays.

    For example: nnsweep report depth_width --output report.html --baseline 32
    """
    from nnsweep.api.report import print_report, report
    from nnsweep.api.watch import watch_report

    if reproducibility:
        _report_reproducibility(
            experiment,
            output,
            metric=metric,
            by=split_list(by) or None,
            confidence=confidence,
            failures=failures,
            sweep=sweep or None,
            filter=filter_,
            uri=uri,
        )
        return
    make = partial(
        report,
        experiment,
        metric=metric,
        title=title,
        baseline=baseline,
        by=split_list(by) or None,
        confidence=confidence,
        failures=failures,
        rope=rope,
        sweep=sweep or None,
        filter=filter_,
        pictures=pictures,
        fragment=fragment,
        uri=uri,
        command=write_command_line(),
    )
    if output is None and (fragment or pictures):
        needless = "--fragment" if fragment else "--pictures"
        raise ConfigError(f"{needless} is for a file: name it with --output, such as --output report.tex")
    if not watch:
        with show_work("Making the report ..."):
            found = make(output)
    elif output is None:
        raise ConfigError("--watch writes a file again and again: name it with --output, such as --output report.html")
    else:
        how: dict[str, Any] = {"pictures": pictures, "fragment": fragment, "sweep": sweep or None, "uri": uri}
        found = watch_report(make, experiment, output, tell=say, **how)
    if output is None:
        print_report(found)
    elif not watch:
        say_file(output)
    if found.missing:
        raise StoreError("the report lacks what needs the files that cannot be read; see above")


NOT_FOR_REPRODUCIBILITY = ("title", "baseline", "rope", "pictures", "fragment", "watch")
"""The options of `report` that its statement of reproducibility has no use for; as LaTeX it always is a fragment."""


def _report_reproducibility(experiment: str, output: Path | None, **asked: Any) -> None:
    """Write the statement of reproducibility, as Markdown on the terminal or into a file."""
    from nnsweep.api.report import print_report
    from nnsweep.api.reproducibility import report_reproducibility

    for name in NOT_FOR_REPRODUCIBILITY:
        if is_given(name):
            raise ConfigError(f"--{name} has no meaning for --reproducibility: leave one of them out")
    found = report_reproducibility(experiment, output, **asked)
    if output is None:
        print_report(found)


def write_command_line() -> str:
    """Write the command that is being run, as it would be typed; without passwords."""
    context = click.get_current_context()
    params = context.params
    names = params["experiments"] if "experiments" in params else [str(params["experiment"])]
    words = ["nnsweep", str(context.info_name), *names]
    for option in context.command.params:
        value, name = context.params[option.name or ""], option.opts[0]
        if not isinstance(option, click.Option) or value in (option.default, (), None, False) or name == "--watch":
            continue
        if value is True:
            words.append(name)
        else:
            for each in value if isinstance(value, tuple) else (value,):
                words += [name, str(each)]
    return mask_secrets(" ".join(map(quote_argument, words)))


@click.command("compare")
@click.argument("experiments", metavar="EXPERIMENT EXPERIMENT...", nargs=-1, shell_complete=complete_experiments)
@output_option(help="File to write: .html, .md or .tex.")
@measure_option()
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of all intervals at once.")
@failures_option
@filter_option
@store_option
def compare_command(
    experiments: tuple[str, ...], *, output: Path | None, filter_: str, uri: str | None, **options: Any
) -> None:
    """Put studies side by side: what differs, and which configurations have moved.

    Each EXPERIMENT after the first is compared with the first. Configurations are matched by the settings that either
    of two varied, on the same data, and their results by seeds where these are the same. What has moved differs by more
    than chance explains. Without --output it is Markdown on the terminal.

    For example: nnsweep compare depth_width depth_width_2 --output comparison.html
    """
    from nnsweep.api.compare import compare_experiments
    from nnsweep.api.report import print_report

    with show_work("Comparing ..."):
        found = compare_experiments(
            experiments, output, filter=filter_, uri=uri, command=write_command_line(), **options
        )
    if output is None:
        print_report(found)
    else:
        say_file(output)


@click.command("confirm", short_help="Train what may be the best of EXPERIMENT on new seeds.")
@experiment_argument
@click.option("--seeds", type=int, default=10, show_default=True, help="How many new seeds for each candidate.")
@click.option("--most", type=int, default=5, show_default=True, help="The most candidates.")
@click.option("--only", multiple=True, metavar="LABEL", help="A candidate; may be given several times.")
@measure_option()
@click.option("--by", help="The columns that make a configuration, separated by commas; all settings that vary.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals.")
@failures_option
@filter_option
@click.option("--dry-run", is_flag=True, help="Print the plan, and stop.")
@store_option
def confirm_command(
    experiment: str, *, by: str | None, filter_: str, seeds: int, metric: str | None, **options: Any
) -> None:
    """Train what may be the best of EXPERIMENT on new seeds, and report from those alone.

    The best of many was picked by looking, so its result is too good; new seeds tell by how much. The candidates are
    the study's choice and what is not clearly worse than the best. Their runs are recorded in EXPERIMENT-confirm. The
    same command goes on where it was interrupted, and with more --seeds it adds some.

    For example: nnsweep confirm depth_width --seeds 10
    """
    from nnsweep.api.confirm import (
        ConfirmationRequest,
        compare_with_study,
        plan_confirmation,
        train_confirmation,
    )
    from nnsweep.jobs.display import Display
    from nnsweep.jobs.hydra_job import end_command
    from nnsweep.results.statistics.confirmation import tabulate_confirmation

    request = ConfirmationRequest(
        experiment=experiment, n_seeds=seeds, metric=metric or "", by=split_list(by) or None, filter=filter_, **options
    )
    planned = plan_confirmation(request)
    say(planned.describe())
    result = train_confirmation(planned, Display(table=False))  # the candidates in the end say more than all runs
    if not (request.dry_run or result.interruption or result.problem):
        found = compare_with_study(planned, result)
        for line in (*tabulate_confirmation(found, planned.request.metric), "", *found.attrs["sentences"]):
            say(line)
    end_command(result)


FORMATS = {name: (name,) for name in ("svg", "png", "pdf")} | {"both": ("svg", "png"), "all": ("svg", "png", "pdf")}
"""The formats of pictures by what is asked for."""


@click.command("plot", short_help="Draw the runs of EXPERIMENT: maps, curves, costs; also for a paper or slides.")
@experiment_argument
@output_option(default="pictures", show_default=True, shell_complete=complete_folders, help="Folder to write into.")
@click.option(
    "--format",
    "format_",
    type=click.Choice([*FORMATS]),
    default="both",
    show_default=True,
    help="both is svg and png, all is pdf, too.",
)
@click.option("--only", multiple=True, metavar="NAME", help="A picture; may be given several times.")
@measure_option()
@click.option("--x", metavar="SETTING", help="The setting along the map's horizontal axis.")
@click.option("--y", metavar="SETTING", help="The setting along its vertical axis.")
@click.option("--panels", metavar="SETTINGS", help="Settings that make its panels, separated by commas.")
@click.option("--title", help="A line above each picture, '' for none; the experiment's name if not given.")
@click.option(
    "--width",
    metavar="LENGTH",
    shell_complete=lambda *_: [*WIDTHS],
    help="Such as 8.5cm or 3.35in; also column (8.5cm) and page (7.2in).",
)
@click.option("--dpi", type=click.IntRange(30, 2400), help="Dots per inch of PNG files; 150 if not given.")
@click.option("--font", default="", help="The family of the letters, such as 'Times New Roman'.")
@click.option("--no-notes", is_flag=True, help="Without the sentences below a picture, for a caption to say.")
@click.option("--slides", is_flag=True, help="Draw each picture alone at 16:9: slides.pdf with a page each, and PNG.")
@filter_option
@sweep_option()
@store_option
def plot_command(
    experiment: str,
    *,
    output: Path,
    format_: str,
    only: tuple[str, ...],
    metric: str | None,
    x: str | None,
    y: str | None,
    panels: str | None,
    title: str | None,
    width: str | None,
    dpi: int | None,
    font: str,
    no_notes: bool,
    slides: bool,
    filter_: str,
    sweep: str | None,
    uri: str | None,
) -> None:
    """Draw the runs of EXPERIMENT: maps, curves, costs, confusions, every picture that says something about them.

    Letters keep their 8 points at any width. The map can have any two settings as its axes and others as its panels;
    with --panels '' it is a single one, whose cells show the best choice of all else.

    For example: nnsweep plot depth_width --output pictures --width 8.5cm --format pdf

    nnsweep plot depth_width --only grid --x width --y depth --panels activation
    """
    from nnsweep.api.boundaries import find_landscape
    from nnsweep.api.load import find_runs
    from nnsweep.results.frame import check_metric
    from nnsweep.results.plots.drawing import DPI
    from nnsweep.results.plots.figure import lay_out_for
    from nnsweep.results.plots.pictures import MapSettings, plan_pictures, save_all, telling_runs
    from nnsweep.results.plots.slides import lay_out_slides
    from nnsweep.results.selection import choose_metric
    from nnsweep.tracking import recorded_run
    from nnsweep.tracking.artifacts import combine_errors, gather_artifacts, raise_missing

    if slides and (width is not None or dpi):
        raise ConfigError("--slides: a slide has its own size; leave out --width and --dpi")
    if slides and no_notes:
        raise ConfigError("--slides: a slide has no caption to say what its notes do; leave out --no-notes")
    axes = MapSettings(x=x, y=y, panels=None if panels is None else split_list(panels))
    foreign = [f"--{name}" for name, value in axes.items() if value is not None]
    if foreign and only and not {"grid", "boundaries"} & {*only}:
        raise ConfigError(f"{foreign[0]} is for the map, which --only leaves out: add --only grid, or leave it out")
    inches = read_inches("page" if width is None else width)
    layout = lay_out_slides(font) if slides else lay_out_for(width=inches, font=font, has_notes=not no_notes)
    with show_work("Drawing ..."), layout:
        store, records, runs = find_runs(experiment, sweep, filter_, uri)
        metric = choose_metric(runs, metric)
        check_metric(runs, metric)
        telling = set(telling_runs(runs, metric))
        run_ids = [record.run_id for record in records if record.run_id in telling]
        histories, missing = gather_artifacts(run_ids, partial(recorded_run.read_history, store))
        evaluations, more_missing = gather_artifacts(run_ids, partial(recorded_run.read_run_evaluation, store))
        plan = plan_pictures(
            runs,
            histories,
            title=(f"sweep {sweep}" if sweep else experiment) if title is None else title,
            metric=metric,
            grid=axes if foreign else None,
            evaluations={run_id: one for run_id, one in evaluations.items() if one is not None},
            landscape=find_landscape(runs, store.uri) if not only or "boundaries" in only else None,
        )
        if not plan:
            which = f" of sweep {sweep}" if sweep else ""
            raise ConfigError(
                f"experiment '{experiment}' has no run{which} with a result or a curve: there is nothing to draw"
            )
        if unknown := [name for name in only if name not in plan]:
            raise ConfigError(
                *(f"--only: these runs have no picture {name!r}; {suggest_nearest(name, plan)}" for name in unknown)
            )
        drawn = {name: draw() for name, draw in plan.items() if not only or name in only}
    formats = ("png", "pdf") if slides and format_ == "both" else FORMATS[format_]
    with show_work("Writing the pictures ..."):
        paths = save_all(drawn, output, formats, dpi=dpi or DPI, as_slides=slides)
    for path in paths:
        print(printable(str(path)))
    raise_missing(combine_errors([*missing, *more_missing]))


@click.command("diff")
@run_argument("one", metavar="RUN")
@run_argument("other", metavar="RUN")
@experiment_option()
@store_option
def diff_command(one: str, other: str, *, experiment: str | None, uri: str | None) -> None:
    """Show what differs between two runs: settings, versions, data and results.

    RUN is a run's id, the beginning of one, or a name that only one run has. The exit code is 6 if what is recorded of
    a run does not agree with itself.

    For example: nnsweep diff newsgroups-20-20-tanh-inv-s0 newsgroups-8-tanh-inv-s0 --experiment notebook
    """
    from nnsweep.api.diff import compare_runs, describe_sections
    from nnsweep.api.load import load_run
    from nnsweep.jobs.consistency import find_disagreements

    first, second = (load_run(run, experiment, uri) for run in (one, other))
    for line in (first.title, second.title, *describe_sections(compare_runs(first, second))):
        say(line)
    problems = [f"{run.title}: {problem}" for run in (first, second) for problem in find_disagreements(run).values()]
    if problems:
        raise DifferenceError(*map(printable, problems))


@click.command("reproduce", short_help="Train a recorded RUN again, and compare it bit for bit.")
@run_argument("run")
@experiment_option()
@store_option
def reproduce_command(run: str, *, experiment: str | None, uri: str | None) -> None:
    """Train a recorded RUN again, and compare every number of its history bit for bit.

    RUN is a run's id, the beginning of one, or a name that only one run has. Nothing is recorded. The exit code is 0 if
    all is equal and 6 if not; then the first epoch that differs is told, and what is another than at the time. A record
    that does not agree with itself is not trained again: what disagrees is told.

    For example: nnsweep reproduce newsgroups-20-20-tanh-inv-s0 --experiment notebook
    """
    from nnsweep.api.load import load_run
    from nnsweep.jobs.consistency import require_consistent
    from nnsweep.jobs.reproduce import reproduce_run

    recorded = load_run(run, experiment, uri)
    require_consistent(recorded)
    reproduction = reproduce_run(recorded)
    equal = not reproduction.differences
    if equal:
        say(f"{recorded.title}: equal in all {reproduction.n_epochs} epochs, bit for bit")
    for what, before, now in reproduction.differences:
        say(f"{what}: {before} was recorded, it is {now} now")
    if reproduction.circumstances:
        say("although these have changed:" if equal else "which may be because these have changed:")
    for what, before, now in reproduction.circumstances:
        say(f"  {what}: {before} at the time, {now} now")
    if not equal:
        reason = "; versions, processor, data and configuration are as recorded, "
        reason += "so the record or the code has been changed"
        raise DifferenceError(
            f"{printable(recorded.title)} was not reproduced: {reproduction.differences[0].what} differs"
            f"{'' if reproduction.circumstances else reason}"
        )
