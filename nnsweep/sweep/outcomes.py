"""What became of the jobs of a sweep, whichever launcher ran them.

A job that ended left its record, as Hydra's return value or in its folder; of one that did not, Hydra knows
the exception, or nothing.
"""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus

from nnsweep.errors import StoreError
from nnsweep.sweep.folder import RECORD, read_record
from nnsweep.tracking.record import RunRecord


def outcomes(grid: Sequence[Sequence[str]], returns: Sequence[JobReturn], folder: Path) -> list[RunRecord]:
    """Give a record for every job of the grid.

    Parameters
    ----------
    grid : sequence of sequences of str
        The overrides of each job.
    returns : sequence of JobReturn
        From the launcher; empty if it was interrupted.
    folder : Path
        The sweep's folder.

    Returns
    -------
    list of RunRecord
        In the order of the grid.
    """
    written = {record.job: record for path in folder.glob(f"**/{RECORD}") if (record := read_record(path.parent))}
    records = []
    for number, overrides in enumerate(grid):
        returned = returns[number] if number < len(returns) else None
        if returned is not None and returned.status == JobStatus.COMPLETED:
            records.append(returned.return_value)
        else:
            records.append(_unreturned(number, overrides, returned, written.get(number)))
    return records


def store_failed(returns: Sequence[JobReturn]) -> bool:
    """Tell whether the store refused a job's record."""
    return any(isinstance(_error(returned), StoreError) for returned in returns)


def _unreturned(
    number: int, overrides: Sequence[str], returned: JobReturn | None, written: RunRecord | None
) -> RunRecord:
    if written is not None:
        return written
    error = _error(returned)
    reason = "it did not run" if error is None else f"{type(error).__name__}: {error}"
    state = "interrupted" if error is None else "failed"
    return RunRecord(run_id="", name=" ".join(overrides) or f"job {number}", state=state, reason=reason, job=number)


def _error(returned: JobReturn | None) -> BaseException | None:
    if returned is None or returned.status == JobStatus.COMPLETED:
        return None
    error = returned._return_value  # `return_value` would raise it
    return error if isinstance(error, BaseException) else None
