"""The progress of a sweep: jobs done, best so far, and on a terminal the time left.

It watches the sweep's folder for ended jobs, so that it works with every launcher; a bar is shown only where standard
error is a terminal.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nnsweep.messages import visible
from nnsweep.sweep.folder import RECORD, read_record
from nnsweep.sweep.watching import watching

LINE_SECONDS = 2.0
"""The shortest time between two lines."""


@contextmanager
def progress(folder: Path, n_jobs: int, shown: str | None = "bar") -> Iterator[None]:
    """Show how far a sweep is as long as the block runs.

    Parameters
    ----------
    folder : Path
        The sweep's folder; each job's folder is in it.
    n_jobs : int
        How many jobs there are.
    shown : {"bar", "lines"} or None
        How; None for not at all.
    """
    console = Console(stderr=True)
    if shown is None or (shown == "bar" and not console.is_terminal):
        yield
        return
    showing = _bar(console, n_jobs) if shown == "bar" else nullcontext(_line(n_jobs))
    with showing as tell, watching(partial(_watch, folder, tell)):
        yield


_Tell = Callable[[int, str, bool], None]
"""Is told how many jobs are done, what the best is, and whether that was all."""


@contextmanager
def _bar(console: Console, n_jobs: int) -> Iterator[_Tell]:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("jobs", total=n_jobs)
        yield lambda done, best, _: bar.update(task, completed=done, description=best or "jobs")


def _line(n_jobs: int) -> _Tell:
    told, next_time = -1, 0.0

    def tell(done: int, best: str, last: bool) -> None:
        nonlocal told, next_time
        if done == told or (time.monotonic() < next_time and not last):
            return
        told, next_time = done, time.monotonic() + LINE_SECONDS
        print(f"{done} of {n_jobs} jobs run{best and f', {best}'}", file=sys.stderr, flush=True)

    return tell


def _watch(folder: Path, tell: _Tell, stop: threading.Event) -> None:
    seen: set[Path] = set()
    best = ("", 0.0)
    last = False
    while not last:
        last = stop.wait(0.3)
        for path in set(folder.glob(f"*/{RECORD}")) - seen:
            seen.add(path)
            record = read_record(path.parent)
            if record and record.metrics.get("test_accuracy", 0.0) > best[1]:
                best = (record.name, record.metrics["test_accuracy"])
        tell(len(seen), f"best so far {best[1]:.4f} ({visible(best[0])})" if best[0] else "", last)
