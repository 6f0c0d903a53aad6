"""The progress of a sweep: how many of its jobs have been run, which is the best so far, and the time that is left.

A terminal shows it as a bar, and so does a notebook, in an output of its cell. Anywhere else a line is written now and
then on standard error, the longer a sweep takes the more seldom, so that the log of a sweep of hours stays short.
"""

import html
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from nnsweep.mlp.measures import is_greater_better
from nnsweep.results.metrics import measure_text
from nnsweep.text import printable
from nnsweep.tracking.record import RunRecord

if TYPE_CHECKING:
    from rich.console import Console

LINE_SECONDS = 2.0
"""The shortest time between two lines, where lines were asked for."""
PIPED_SECONDS = 10.0
"""The shortest time between two lines, where a terminal would show a bar; a sweep that is over by then writes none."""
LONGEST_SECONDS = 600.0
"""The longest time between two lines: systems that run tests end programs that stay silent for longer."""
LINE_SHARE = 0.25
"""Of the time that a sweep has taken, which passes before its next line."""
BAR_SECONDS = 0.3


class _Best(NamedTuple):
    """The best result: the name of its run, the measure and its value."""

    name: str
    measure: str
    value: float


class Progress:
    """How far a sweep is.

    Parameters
    ----------
    numbers : collection of int
        The jobs that are to be run.
    seconds : float
        How long they will take, as predicted; 0 if that is not known.
    """

    def __init__(self, numbers: Collection[int], seconds: float = 0.0) -> None:
        self._numbers, self._seconds = frozenset(numbers), seconds
        self._began = time.monotonic()
        self._last = 0.0  # when the latest job was done, in seconds since then
        self._done: set[int] = set()
        self._best: _Best | None = None

    @property
    def n_jobs(self) -> int:
        """How many jobs are to be run."""
        return len(self._numbers)

    @property
    def n_done(self) -> int:
        """How many jobs have been run."""
        return len(self._done)

    @property
    def elapsed(self) -> float:
        """How many seconds have passed."""
        return time.monotonic() - self._began

    def add(self, number: int, record: RunRecord | None) -> None:
        """Take a job's result into account; one that is tried again counts once, one that was run before not at all."""
        if record is not None:
            self._compare(record)
        if number in self._numbers and number not in self._done:
            self._done.add(number)
            self._last = self.elapsed

    def _compare(self, record: RunRecord) -> None:
        """Keep a result if it is the best so far; results in another measure than the first one's are left out."""
        validated = record.metrics.get(f"best_val_{record.measure}")  # of a sealed test nothing is known
        value = record.metrics.get(f"test_{record.measure}", validated)
        if value is None or (self._best is not None and self._best.measure != record.measure):
            return
        sign = 1 if is_greater_better(f"test_{record.measure}") else -1
        if self._best is None or sign * value > sign * self._best.value:
            self._best = _Best(record.name, record.measure, value)

    def predict_seconds_left(self) -> float:
        """Predict how long the rest takes at the pace of the jobs so far; before the first, as the plan predicted."""
        expected = self._last * self.n_jobs / self.n_done if self._done else self._seconds
        return max(0.0, expected - self.elapsed)

    def describe_best(self) -> str:
        """Name the best run so far, if there is one."""
        if self._best is None:
            return ""
        name, measure, value = self._best
        words = "" if measure == "accuracy" else f"{measure_text(measure)} "
        return f"best so far {words}{value:.4f} ({printable(name)})"

    def describe_time(self) -> str:
        """Say how long the sweep takes yet; or how long it took, unless that was a moment."""
        if self.n_done >= self.n_jobs:
            return f"after {format_duration(self.elapsed)}" if self.elapsed >= PIPED_SECONDS else ""
        left = self.predict_seconds_left()
        return f"about {format_duration(left)} left" if left >= 1 else ""

    def __str__(self) -> str:
        parts = (f"{self.n_done} of {self.n_jobs} jobs run", self.describe_best(), self.describe_time())
        return ", ".join(filter(None, parts))


def format_duration(seconds: float) -> str:
    """Write a time for people.

    Examples
    --------
    >>> format_duration(0.2), format_duration(43.4), format_duration(1000), format_duration(7300)
    ('1 s', '43 s', '17 min', '2.0 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def show_progress(progress: Progress, shown: str | None = "bar") -> Iterator[None]:
    """Show how far a sweep is as long as the block runs.

    Parameters
    ----------
    progress : Progress
        How far it is; the block adds to it.
    shown : {"bar", "lines"} or None
        How: a bar becomes lines where standard error is no terminal, and lines, which would stand in red there, become
        a bar in a notebook; None for not at all.
    """
    from rich.console import Console  # a plan shows no progress

    console = Console(stderr=True)
    if shown is None or not progress.n_jobs:
        yield
        return
    display: AbstractContextManager[_Update]
    if kernel := _find_kernel():
        display = nullcontext(_make_notebook_bar(kernel, progress))
    elif shown == "bar" and console.is_terminal:
        display = _show_bar(console, progress)
    else:
        display = nullcontext(_make_line_printer(progress, PIPED_SECONDS if shown == "bar" else LINE_SECONDS))
    with display as update, _keep_updating(update):
        yield


_Update = Callable[[bool], None]
"""Shows how far it is; its argument tells whether this is the last time."""


@contextmanager
def _show_bar(console: "Console", progress: Progress) -> Iterator[_Update]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    with Bar(
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), console=console, transient=True
    ) as bar:
        task = bar.add_task("jobs", total=progress.n_jobs)

        def update(last: bool) -> None:
            described = ", ".join(filter(None, (progress.describe_best() or "jobs", progress.describe_time())))
            bar.update(task, completed=progress.n_done, description=described)

        yield update


def _find_kernel() -> Any:
    """Give the shell of the kernel that runs this process, which has imported IPython; None if this is no notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if hasattr(shell, "kernel") else None


def _make_notebook_bar(shell: Any, progress: Progress) -> _Update:
    """Show a bar as an output of the cell, and make a function that replaces it."""
    transient = {"display_id": uuid4().hex}

    def publish(*, update: bool) -> None:
        bar = f'<progress max="{progress.n_jobs}" value="{progress.n_done}" style="vertical-align: middle"></progress>'
        data = {"text/html": f"{bar} {html.escape(str(progress))}", "text/plain": str(progress)}
        shell.display_pub.publish(data, transient=transient, update=update)

    publish(update=False)
    return lambda _: publish(update=True)


def _make_line_printer(progress: Progress, pause: float) -> _Update:
    """Make a function that prints a line, unless the last one was printed only just before."""
    next_time, n_printed = pause, -1  # -1 before the first line

    def print_line(last: bool) -> None:
        nonlocal next_time, n_printed
        is_wanted = n_printed < progress.n_done and (pause == LINE_SECONDS or n_printed >= 0)
        if is_wanted if last else progress.elapsed >= next_time:
            n_printed = progress.n_done
            next_time = progress.elapsed + min(LONGEST_SECONDS, max(pause, LINE_SHARE * progress.elapsed))
            print(progress, file=sys.stderr, flush=True)

    return print_line


@contextmanager
def _keep_updating(update: _Update) -> Iterator[None]:
    """Let a thread update what is shown, unless the system allows this user no further thread."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(BAR_SECONDS):
            update(False)
        update(True)

    thread = threading.Thread(target=run, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        yield
        return
    try:
        yield
    finally:
        over.set()
        thread.join()
