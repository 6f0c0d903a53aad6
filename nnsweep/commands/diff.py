"""``nnsweep diff``: two runs side by side."""

from pathlib import Path

import click

from nnsweep.commands.options import experiment_option, run_argument, say, store_option
from nnsweep.errors import DifferenceError
from nnsweep.text import printable


@click.command()
@run_argument("one", metavar="RUN")
@run_argument("other", metavar="RUN")
@experiment_option
@store_option
def diff(one: str, other: str, *, experiment: str | None, uri: str | None) -> None:
    """Show what differs between two runs: settings, versions, data and results.

    RUN is a run's id, the beginning of one, or a name that only one run has. The exit code is 6 if what is recorded of
    a run does not agree with itself.

    For example: nnsweep diff newsgroups-20-20-tanh-inv-s0 newsgroups-8-tanh-inv-s0 --experiment notebook
    """
    from nnsweep.api.comparing import compare_runs, describe_lines
    from nnsweep.api.loading import check_name
    from nnsweep.jobs.consistency import find_disagreements
    from nnsweep.tracking.query import read_run
    from nnsweep.tracking.store import resolve_uri

    check_name(experiment or "")
    store = resolve_uri(uri, Path.cwd())
    first, second = (read_run(store, run, experiment) for run in (one, other))
    for line in (first.title, second.title, *describe_lines(compare_runs(first, second))):
        say(line)
    told = [f"{run.title}: {said}" for run in (first, second) for said in find_disagreements(run).values()]
    if told:
        raise DifferenceError(*map(printable, told))
