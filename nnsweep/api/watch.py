"""A report that is written again while a sweep runs, whenever more of its runs have ended."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nnsweep.api.load import find_experiment, read_records
from nnsweep.api.report import check_output, write_report
from nnsweep.errors import UserError
from nnsweep.files import expand_home
from nnsweep.results.report.report import Findings
from nnsweep.results.wording import count
from nnsweep.text import printable
from nnsweep.tracking.earlier import find_running
from nnsweep.tracking.store import resolve_uri

LOOK_SECONDS = 3.0
"""Between two looks at the store."""
WORK_SHARE = 0.2
"""Of the time that writing the report may take: the sweep needs the processor."""
RELOAD_SECONDS = 10
"""Between two times that a watched page loads itself again."""


class _Look(NamedTuple):
    """What there is of an experiment: the runs that have ended, with their states, and whether others have not."""

    ended: frozenset[tuple[str, str]] = frozenset()
    is_active: bool = False

    def __str__(self) -> str:
        return (
            f"{count(len(self.ended), 'run')} ended, {'more to come' if self.is_active else 'none is running any more'}"
        )


def watch_report(
    make: Callable[[], Findings],
    experiment: str,
    output: str | Path,
    *,
    tell: Callable[[str], None],
    sweep: str | tuple[str, ...] | None = None,
    pictures: bool = False,
    fragment: bool = False,
    uri: str | None = None,
) -> Findings:
    """Write a report again and again until no run of the experiment is running any more.

    It waits for an experiment that is not there yet, and for its first run to end. What keeps the report from being
    made while the sweep runs is told, and tried again. A page loads itself again meanwhile; the one that is left in the
    end, also by an interruption, does not.

    Parameters
    ----------
    make : callable
        Makes the report of what there is.
    experiment : str
        Its name.
    output : str or Path
        The file to write.
    tell : callable
        Prints a line.
    sweep, pictures, fragment, uri
        As `nnsweep.api.report.report` has them.

    Returns
    -------
    Findings
        What the last report says.

    Raises
    ------
    ConfigError
        If the file cannot be written, or `uri` is no address.
    UserError
        If the report cannot be made though no run is running.
    KeyboardInterrupt
        If the user interrupts.
    """
    check_output(Path(expand_home(output)), pictures, fragment)
    resolve_uri(uri, Path.cwd())  # which refuses what is no address, and would be waited for
    how = {"pictures": pictures, "fragment": fragment}
    written: tuple[_Look, Findings] | None = None
    told = ""

    def tell_once(line: str) -> None:
        nonlocal told
        if line != told:
            tell(line)
        told = line

    try:
        while True:
            began, look = time.monotonic(), _Look(is_active=True)  # what is not known may be running
            try:
                look = _look_at(experiment, sweep, uri)
                if look.ended and (written is None or look.ended != written[0].ended):
                    found = make()
                    write_report(found, output, **how, reload=RELOAD_SECONDS * look.is_active)
                    written = (look, found)
                if look.ended:
                    tell_once(f"{output}: {look}")
                elif written is None:
                    tell_once(f"waiting for the first run of {printable(experiment)} to end")
            except UserError as error:
                if look.ended and not look.is_active:
                    raise
                tell_once(f"waiting: {error}")
            if written and not look.is_active:
                return written[1]
            time.sleep(max(LOOK_SECONDS, (time.monotonic() - began) * (1 / WORK_SHARE - 1)))
    finally:
        if written and written[0].is_active:
            write_report(written[1], output, **how)


def _look_at(experiment: str, sweep: str | tuple[str, ...] | None, uri: str | None) -> _Look:
    """Look at an experiment, first at what is running: what ends meanwhile is then among what has ended."""
    store = find_experiment(experiment, uri)
    running = [run for run in find_running(store) if not run.owner_is_gone]
    if isinstance(sweep, tuple):
        running = [run for run in running if run.record.sweep in sweep]
    ended = frozenset(
        (record.run_id, record.state) for record in read_records(store, sweep) if record.state != "running"
    )
    return _Look(ended, bool(running))
