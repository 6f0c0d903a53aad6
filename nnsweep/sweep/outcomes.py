"""What became of the jobs of a sweep, whichever launcher ran them.

A job that ended left its record, handed over or in its folder; of one that did not, the launcher knows the exception,
or nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nnsweep.sweep import describe
from nnsweep.sweep.folder import RECORD, read_record
from nnsweep.sweep.result import explain
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import dataset
from nnsweep.tracking.record import RunRecord


def outcomes(
    tasks: Sequence[Task], ended: Mapping[int, RunRecord | BaseException], folder: Path
) -> dict[int, RunRecord]:
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
    found = () if is_all_known else (read_record(path.parent) for path in folder.glob(f"**/{RECORD}"))
    written = {(record.job, record.attempt): record for record in found if record}
    records = {}
    for place, task in enumerate(tasks):
        number, outcome = task.place.number, ended.get(place)
        if isinstance(outcome, RunRecord):
            records[number] = outcome
        else:
            own = written.get((number, task.place.attempt))
            records[number] = own if own and task.wrote(own) else _unended(task, outcome)
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
