"""What became of the jobs of a sweep, whichever launcher ran them.

A job that ended left its record, handed over or in its folder; of one that did not, the launcher knows the exception,
or nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from nnsweep.sweep import describe
from nnsweep.sweep.folder import RECORD, read_record
from nnsweep.sweep.result import explain
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import dataset
from nnsweep.tracking.record import RunRecord

Outcome: TypeAlias = RunRecord | BaseException
"""What became of a job: its record, or why there is none."""


def has_failed(outcome: Outcome) -> bool:
    """Tell whether a job has failed."""
    return isinstance(outcome, BaseException) or outcome.state == "failed"


def written(tasks: Sequence[Task], folder: Path) -> dict[int, RunRecord]:
    """Give the records that jobs have left, by their place among the tasks; those of other attempts are not theirs."""
    records = filter(None, (read_record(path.parent) for path in folder.glob(f"**/{RECORD}")))
    found = {(record.job, record.attempt): record for record in records}
    own = {place: found.get((task.place.number, task.place.attempt)) for place, task in enumerate(tasks)}
    return {place: record for place, record in own.items() if record and tasks[place].wrote(record)}


def outcomes(tasks: Sequence[Task], ended: Mapping[int, Outcome], folder: Path) -> dict[int, RunRecord]:
    """Give a record for every job that was launched.

    Parameters
    ----------
    tasks : sequence of Task
        The jobs.
    ended : mapping of int to RunRecord or BaseException
        From the launcher, by their place among the tasks; it lacks those that it never came to.
    folder : Path
        The sweep's folder.

    Returns
    -------
    dict
        By the jobs' numbers.
    """
    is_all_known = all(isinstance(ended.get(place), RunRecord) for place in range(len(tasks)))
    own = {} if is_all_known else written(tasks, folder)
    records = {}
    for place, task in enumerate(tasks):
        outcome = ended.get(place)
        record = outcome if isinstance(outcome, RunRecord) else own.get(place)
        records[task.place.number] = record or _unended(task, outcome if isinstance(outcome, BaseException) else None)
    return records


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
