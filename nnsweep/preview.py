"""The preview of a sweep: how much of it is known already, what will run and why, and how long that may take."""

from collections.abc import Mapping, Sequence

from nnsweep.messages import visible
from nnsweep.sweep import describe, plan
from nnsweep.sweep.crew import Crew, Others
from nnsweep.sweep.plan import Choice
from nnsweep.sweep.settle import Settled
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import dataset


def show(
    settled: Settled,
    tasks: Mapping[int, Task],
    *,
    crew: Crew | Others,
    n_jobs: int,
    notes: Sequence[str] = (),
    jobs: bool = False,
) -> None:
    """Print what a sweep will do, and what is known of earlier ones.

    Parameters
    ----------
    settled : Settled
        What was decided.
    tasks : mapping of int to Task
        The distinct jobs, by their number.
    crew : Crew or Others
        Who does the work, and predicts how long it takes.
    n_jobs : int
        How many jobs the grid has, those that are the same counted each.
    notes : sequence of str
        Which settings some of the jobs go without.
    jobs : bool
        Whether every job is listed.
    """
    choices = settled.choices
    told = plan.told([*choices.values()], n_jobs - len(choices))
    lines = [*settled.notes, *told[:1], *(f"  {note}" for note in notes), *told[1:]]
    to_run = [tasks[number] for number, choice in choices.items() if choice.action == "run"]
    if to_run:
        seconds, total = crew.predict(to_run), sum(map(_n_parameters, to_run))
        lines.append(f"  to train: {total:,} parameters in all, about {_duration(seconds)}")
    if jobs:
        lines += [_line(tasks[number], choice) for number, choice in choices.items()]
    print("\n".join(map(visible, lines)), end="\n\n" if not jobs else "\n", flush=True)


def _line(task: Task, choice: Choice) -> str:
    told = {"run": f"run ({choice.why})", "reuse": f"{choice.why} before", "wait": f"held by {choice.holder}"}
    changed = f": {', '.join(choice.changed)}" if choice.changed else ""
    number, name = task.place.number, task.place.name
    return f"  {number:>5}  {name}  {_n_parameters(task):,} parameters  {told[choice.action]}{changed}"


def _n_parameters(task: Task) -> int:
    return int(describe.sizes(task.job, dataset(task.job.data))["n_parameters"])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
