"""The display: all that is printed of a sweep, from its data and its plan to its progress and its end.

Progress is read off the sweep's folder, so that it works with every launcher: jobs done, the best so far and, on a
terminal, the time left.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nnsweep.data.dataset import Dataset, describe_leaks
from nnsweep.jobs import names
from nnsweep.jobs.executors import Executor
from nnsweep.jobs.job_folder import RECORD, read_record
from nnsweep.jobs.plan import Decision, Plan, Rerun, describe_plan, describe_waits
from nnsweep.jobs.task import Task
from nnsweep.jobs.worker import load_dataset
from nnsweep.text import printable, warn
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

if TYPE_CHECKING:
    from rich.console import Console

LINE_SECONDS = 2.0
"""The shortest time between two lines."""


@contextmanager
def show_progress(folder: Path, n_jobs: int, shown: str | None = "bar") -> Iterator[None]:
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
    from rich.console import Console  # a plan shows no progress

    console = Console(stderr=True)
    if shown is None or (shown == "bar" and not console.is_terminal):
        yield
        return
    display = _show_bar(console, n_jobs) if shown == "bar" else nullcontext(_make_line_printer(n_jobs))
    with display as update, _keep_watching(partial(_watch, folder, update)):
        yield


_Update = Callable[[int, str, bool], None]
"""Takes the number of jobs that are done, a description of the best one, and whether this is the last update."""


@contextmanager
def _show_bar(console: "Console", n_jobs: int) -> Iterator[_Update]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("jobs", total=n_jobs)
        yield lambda done, best, _: bar.update(task, completed=done, description=best or "jobs")


def _make_line_printer(n_jobs: int) -> _Update:
    n_printed, next_time = -1, 0.0

    def print_line(done: int, best: str, last: bool) -> None:
        nonlocal n_printed, next_time
        if done == n_printed or (time.monotonic() < next_time and not last):
            return
        n_printed, next_time = done, time.monotonic() + LINE_SECONDS
        print(f"{done} of {n_jobs} jobs run{best and f', {best}'}", file=sys.stderr, flush=True)

    return print_line


@contextmanager
def _keep_watching(watch: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let a thread watch during the block, unless the system allows this user no further thread.

    Parameters
    ----------
    watch : callable
        Returns soon after the event that is its argument has been set.
    """
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(over,), daemon=True)
    try:
        watcher.start()
    except RuntimeError:
        yield
        return
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watch(folder: Path, update: _Update, stop: threading.Event) -> None:
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
        update(len(seen), f"best so far {best[1]:.4f} ({printable(best[0])})" if best[0] else "", last)


_WARNING = "WARNING: "
_MOST_OTHERS = 8
"""Lines of further divisions of the same rows, such as the other folds."""


@dataclass(frozen=True, kw_only=True)
class Display:
    """What a sweep prints while it runs, besides warnings.

    Attributes
    ----------
    plan : bool
        Which results there are already, and what will run.
    progress : {"bar", "lines"} or None
        How far it is, on standard error: as a bar, where that is a terminal, or in a line now and then.
    table : bool
        The results at its end, and where to look further.
    """

    plan: bool = True
    progress: str | None = "bar"
    table: bool = True
    shown_waits: set[tuple[str, str]] = field(default_factory=set, init=False)

    def show_data(self, tasks: Sequence[Task]) -> None:
        """Print the notes on the user's own data, and warn of what is wrong with them."""
        by_source: dict[str, list[Dataset]] = {}
        for data in dict.fromkeys(task.job.data for task in tasks):
            loaded = load_dataset(data)
            if loaded.notes:
                by_source.setdefault(loaded.source, []).append(loaded)
        for source, sets in by_source.items():
            lines = [*sets[0].notes]
            others = [*dict.fromkeys(line for one in sets[1:] for line in one.notes if line not in lines)]
            lines += others[:_MOST_OTHERS]
            if len(others) > _MOST_OTHERS:
                lines.append(f"and {len(others) - _MOST_OTHERS} more lines of other divisions")
            _print([f"data: {source}", *(f"  {line}" for line in lines if not line.startswith(_WARNING))])
            for warning in _find_data_warnings(sets, tasks):
                warn(f"{source}: {warning}")

    def show_plan(
        self,
        plan: Plan,
        tasks: Mapping[int, Task],
        executor: Executor,
        *,
        n_jobs: int,
        notes: Sequence[str] = (),
        jobs: bool = False,
    ) -> None:
        """Print what a sweep will do, and which results of earlier ones it reuses.

        Parameters
        ----------
        plan : Plan
            What was decided.
        tasks : mapping of int to Task
            The distinct jobs, by their number.
        executor : Executor
            Trains the jobs, and predicts how long that takes.
        n_jobs : int
            How many jobs the grid has, duplicates included.
        notes : sequence of str
            Which settings some of the jobs go without.
        jobs : bool
            Whether every job is listed.
        """
        if not self.plan:
            return
        decisions = plan.decisions
        headline, *details = describe_plan([*decisions.values()], n_jobs - len(decisions))
        lines = [*plan.notes, headline, *(f"  {note}" for note in notes), *details]
        to_run = [tasks[number] for number, decision in decisions.items() if decision.action == "run"]
        if to_run:
            seconds, total = executor.predict(to_run), sum(map(_count_parameters, to_run))
            lines.append(f"  to train: {total:,} parameters in all, about {_format_duration(seconds)}")
        if jobs:
            lines += [_describe_job(tasks[number], decision) for number, decision in decisions.items()]
        _print(lines, end="\n" if jobs else "\n\n")

    def show_waits(self, plan: Plan, rerun: Rerun) -> None:
        """Print for whom the sweep waits, unless the same line has been printed before."""
        lines = describe_waits(plan.decisions.values(), rerun)
        if self.plan:
            _print([lines[key] for key in lines.keys() - self.shown_waits])
        self.shown_waits.update(lines)

    def show_progress(self, folder: Path, n_jobs: int) -> AbstractContextManager[None]:
        """Show how far a sweep is as long as the block runs; see `nnsweep.jobs.display.show_progress`."""
        return show_progress(folder, n_jobs, self.progress)

    def show_table(self, records: Sequence[RunRecord], sweep: str) -> None:
        """Print the table, and what became of the jobs."""
        if self.table:
            from nnsweep.jobs import summary  # it makes tables: what it imports is not needed before

            summary.print_table(records, sweep)

    def show_places(self, records: Sequence[RunRecord], store: Store, sweep: str, *, has_view: bool) -> None:
        """Print where to look further."""
        if self.table:
            from nnsweep.jobs import summary

            summary.print_places(records, store, sweep, has_view=has_view)


def show_end(problem: str, *, interrupted: bool, n_unfinished: int, n_jobs: int) -> None:
    """Print what the store lacks and, after an interruption, how many jobs the same command would still run."""
    if problem:
        print(f"nnsweep: error: {printable(problem)}", file=sys.stderr)
    if interrupted:
        left = f"{n_unfinished} of {n_jobs} jobs are left"
        print(f"Interrupted. The same command goes on: {left}.", flush=True)


def _print(lines: Sequence[str], end: str = "\n") -> None:
    if lines:
        print("\n".join(map(printable, lines)), end=end, flush=True)


def _find_data_warnings(sets: Sequence[Dataset], tasks: Sequence[Task]) -> Iterator[str]:
    """Give the warnings of some data sets, the worst leak between parts, and batches larger than the training part."""
    for line in dict.fromkeys(line for one in sets for line in one.notes if line.startswith(_WARNING)):
        yield line.removeprefix(_WARNING)
    leaking = [one.leaks for one in sets if describe_leaks(one.leaks)]
    if leaking:
        worst = max(leaking, key=lambda leaks: max(leak.n_leaked for leak in leaks.values()))
        others = f" (so in {len(leaking)} of {len(sets)} divisions; this is the worst)" if len(sets) > 1 else ""
        yield f"{describe_leaks(worst)}{others}"
    digests = {one.digest for one in sets}
    n_rows: dict[int, int] = {}  # of the training part, by batch size
    for task in tasks:
        examples, size = load_dataset(task.job.data), task.job.trainer.settings()["batch_size"]
        if examples.digest in digests and size is not None and size > examples.train.n_samples:
            n_rows[size] = examples.train.n_samples
    for size, n_samples in n_rows.items():
        yield f"trainer.batch_size={size} is more than the {n_samples} training rows: each epoch is one step with all"


def _describe_job(task: Task, decision: Decision) -> str:
    actions = {"run": f"run ({decision.why})", "reuse": f"{decision.why} before", "wait": f"held by {decision.holder}"}
    changed = f": {', '.join(decision.changed)}" if decision.changed else ""
    number, name = task.place.number, task.place.name
    return f"  {number:>5}  {name}  {_count_parameters(task):,} parameters  {actions[decision.action]}{changed}"


def _count_parameters(task: Task) -> int:
    return int(names.measure_sizes(task.job, load_dataset(task.job.data))["n_parameters"])


def _format_duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
