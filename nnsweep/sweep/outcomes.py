"""What became of the jobs of a sweep, whoever trained them.

A job that came to its end has a record; of one that did not, the exception is known, or nothing.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from nnsweep.sweep import describe
from nnsweep.sweep.result import Attempt, explain
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import dataset
from nnsweep.tracking.record import RunRecord

Outcome: TypeAlias = RunRecord | BaseException
"""What became of a job: its record, or why there is none."""


def has_failed(outcome: Outcome) -> bool:
    """Tell whether a job has failed."""
    return isinstance(outcome, BaseException) or outcome.state == "failed"


def outcomes(tasks: Sequence[Task], ended: Mapping[Attempt, Outcome]) -> dict[int, RunRecord]:
    """Give a record for every job that was launched.

    Parameters
    ----------
    tasks : sequence of Task
        The jobs.
    ended : mapping of Attempt to RunRecord or BaseException
        What became of those that have come to an end.

    Returns
    -------
    dict
        By the jobs' numbers.
    """
    return {task.place.number: _record(task, ended.get(task.attempt)) for task in tasks}


def _record(task: Task, outcome: Outcome | None) -> RunRecord:
    return outcome if isinstance(outcome, RunRecord) else _unended(task, outcome)


def not_run(task: Task) -> RunRecord:
    """Give the record of a job that nobody came to."""
    return _unended(task, None)


def _unended(task: Task, error: BaseException | None) -> RunRecord:
    examples = dataset(task.job.data)
    return RunRecord(
        run_id="",
        name=task.place.name,
        state="interrupted" if error is None else "failed",
        reason="it did not come to its end" if error is None else explain(error),
        settings=describe.settings(task.job, task.place.chosen),
        metrics=describe.sizes(task.job, examples),
        key=task.job.key(examples.digest),
        sweep=task.place.sweep,
        job=task.place.number,
        attempt=task.place.attempt,
    )
