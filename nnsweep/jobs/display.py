"""The display: all that is printed of a sweep, from its data and its plan to its table and its end."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnsweep.data.dataset import Dataset
from nnsweep.data.leaks import describe_leaks
from nnsweep.jobs import names
from nnsweep.jobs.duration import predict_duration
from nnsweep.jobs.executors import Executor
from nnsweep.jobs.plan import Decision, Plan, Rerun, describe_plan, describe_waits
from nnsweep.jobs.progress import Progress, format_duration, show_progress
from nnsweep.jobs.task import Task
from nnsweep.jobs.worker import load_dataset
from nnsweep.text import printable, warn

if TYPE_CHECKING:
    from nnsweep.jobs.summary import SweepEnd

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
        How far it is, on standard error: as a bar, where that is a terminal, or in a line now and then; see
        `nnsweep.jobs.progress.show_progress`.
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
    ) -> float:
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

        Returns
        -------
        float
            How many seconds the rest of the sweep takes, as predicted; 0 if no job will run, or nothing is printed.
        """
        if not self.plan:
            return 0.0
        seconds = 0.0
        decisions = plan.decisions
        headline, *details = describe_plan([*decisions.values()], n_jobs - len(decisions))
        lines = [*plan.notes, headline, *(f"  {note}" for note in notes), *details]
        to_run = [tasks[number] for number, decision in decisions.items() if decision.action == "run"]
        if to_run:
            seconds, total = predict_duration(executor, to_run), sum(map(_count_parameters, to_run))
            lines.append(f"  to train: {total:,} parameters in all; all is done in about {format_duration(seconds)}")
        if jobs:
            lines += [_describe_job(tasks[number], decision) for number, decision in decisions.items()]
        _print(lines, end="\n" if jobs else "\n\n")
        return seconds

    def show_waits(self, plan: Plan, rerun: Rerun) -> None:
        """Print for whom the sweep waits, unless the same line has been printed before."""
        lines = describe_waits(plan.decisions.values(), rerun)
        if self.plan:
            _print([lines[key] for key in lines.keys() - self.shown_waits])
        self.shown_waits.update(lines)

    def show_progress(self, progress: Progress) -> AbstractContextManager[None]:
        """Show how far a sweep is as long as the block runs."""
        return show_progress(progress, self.progress)

    def show_table(self, end: "SweepEnd") -> None:
        """Print the table, and what became of the jobs."""
        if self.table:
            from nnsweep.jobs import summary  # it makes tables: what it imports is not needed before

            summary.print_table(end)

    def show_places(self, end: "SweepEnd", *, has_view: bool) -> None:
        """Print where to look further."""
        if self.table:
            from nnsweep.jobs import summary

            summary.print_places(end, has_view=has_view)


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
    leaking = [one for one in sets if describe_leaks(one.leaks)]
    if leaking:
        worst = max(leaking, key=lambda one: max(leak.n_leaked for leak in one.leaks.values()))
        others = f" (so in {len(leaking)} of {len(sets)} divisions; this is the worst)" if len(sets) > 1 else ""
        yield f"{describe_leaks(worst.leaks, worst.task)}{others}"
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
