"""What became of the jobs of a sweep, whichever launcher ran them.

A job that ended left its record, as Hydra's return value or in its folder; of one that did not, Hydra knows
the exception, or nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus

from nnsweep.masking import masked
from nnsweep.messages import visible
from nnsweep.sweep import describe
from nnsweep.sweep.folder import RECORD, read_record
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import dataset
from nnsweep.sweep.workers import in_words
from nnsweep.tracking.record import RunRecord


def outcomes(tasks: Sequence[Task], returns: Mapping[int, JobReturn], folder: Path) -> dict[int, RunRecord]:
    """Give a record for every job that was launched.

    Parameters
    ----------
    tasks : sequence of Task
        The jobs.
    returns : mapping of int to JobReturn
        From the launcher, by their place among the tasks; it lacks those that it never came to.
    folder : Path
        The sweep's folder.

    Returns
    -------
    dict
        By the jobs' numbers.
    """
    found = (read_record(path.parent) for path in folder.glob(f"**/{RECORD}"))
    written = {(record.job, record.attempt): record for record in found if record}
    records = {}
    for place, task in enumerate(tasks):
        returned = returns.get(place)
        number = task.place.number
        outcome = returned._return_value if returned is not None else None  # `return_value` would raise an exception
        if isinstance(outcome, RunRecord):
            records[number] = outcome
        else:
            own = written.get((number, task.place.attempt))
            records[number] = own if own and task.wrote(own) else _unreturned(task, returned)
    return records


def not_run(task: Task) -> RunRecord:
    """Give the record of a job that nobody came to."""
    return _unreturned(task, None)


def _unreturned(task: Task, returned: JobReturn | None) -> RunRecord:
    error = _error(returned)
    examples = dataset(task.job.data)
    return RunRecord(
        run_id="",
        name=task.place.name,
        state="interrupted" if error is None else "failed",
        reason="it did not come to its end" if error is None else masked(visible(in_words(error))),
        settings=describe.settings(task.job, task.place.chosen),
        metrics=describe.sizes(task.job, examples),
        key=task.job.key(examples.digest),
        sweep=task.place.sweep,
        job=task.place.number,
        attempt=task.place.attempt,
    )


def _error(returned: JobReturn | None) -> BaseException | None:
    if returned is None or returned.status == JobStatus.UNKNOWN:
        return None
    outcome = returned._return_value
    return outcome if isinstance(outcome, BaseException) else TypeError(f"it returned {type(outcome).__name__}")
