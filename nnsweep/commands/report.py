"""``nnsweep report``: what an experiment has found, and how sure that is."""

from pathlib import Path

import click

from nnsweep.commands.options import experiment_argument, files, filter_option, listed, path, store_option
from nnsweep.completion import stored
from nnsweep.errors import StoreError
from nnsweep.text import mask_secrets, quote_argument


@click.command(short_help="Say what EXPERIMENT has found, and how sure that is.")
@experiment_argument
@click.option(
    "--output", "-o", type=path, metavar="PATH", shell_complete=files, help="File to write: .html, .md or .tex."
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
    shell_complete=stored.sweeps,
)
@click.option(
    "--pictures", is_flag=True, help="Write pictures beside a .md or .tex file; an .html file has them in it."
)
@store_option
def report(
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
    from nnsweep.api.reporting import print_report
    from nnsweep.api.reporting import report as reported

    found = reported(
        experiment,
        output,
        metric=metric,
        title=title,
        baseline=baseline,
        by=listed(by) or None,
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
