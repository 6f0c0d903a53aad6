"""``nnsweep reproduce``: a recorded run is trained again and compared bit by bit."""

from pathlib import Path

import click

from nnsweep.commands.options import experiment_option, run_argument, say, store_option
from nnsweep.errors import DifferenceError
from nnsweep.text import printable


@click.command(short_help="Train a recorded RUN again, and compare it bit for bit.")
@run_argument("run")
@experiment_option
@store_option
def reproduce(run: str, *, experiment: str | None, uri: str | None) -> None:
    """Train a recorded RUN again, and compare every number of its history bit for bit.

    RUN is a run's id, the beginning of one, or a name that only one run has. Nothing is recorded. The exit code is 0 if
    all is equal and 6 if not; then the first epoch that differs is told, and what is another than at the time. A record
    that does not agree with itself is not trained again: what disagrees is told.

    For example: nnsweep reproduce newsgroups-20-20-tanh-inv-s0 --experiment notebook
    """
    from nnsweep.api.loading import check_name
    from nnsweep.jobs.consistency import require_consistent
    from nnsweep.jobs.reproduce import reproduce_run
    from nnsweep.tracking.query import read_run
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
