"""The outcome of jobs: a record or an error for each of them, and for all of them the result of their sweep.

A job that was not run to its end gets a record too, so that a sweep has one for every job of its grid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from nnsweep.jobs import names
from nnsweep.jobs.result import Attempt, explain_job_failure
from nnsweep.jobs.task import Task
from nnsweep.jobs.worker import load_dataset
from nnsweep.tracking.record import RunRecord

if TYPE_CHECKING:
    from nnsweep.jobs.plan import Decision


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """The result of a sweep.

    Attributes
    ----------
    sweep : str
        The sweep's id.
    uri, experiment : str
        Where it is recorded.
    tasks : mapping of int to Task
        The distinct jobs, by their number in the grid.
    records : sequence of RunRecord
        One for each of them, in the order of the grid; none after a dry run.
    plan : mapping of int to Decision
        What would be done with each job; only after a dry run.
    problem : str
        Why the store lacks some records; empty if it has all.
    interruption : KeyboardInterrupt or None
        What the sweep was interrupted by.
    notes : sequence of str
        Which settings some of the jobs went without.
    """

    sweep: str
    uri: str
    experiment: str
    tasks: Mapping[int, Task]
    records: Sequence[RunRecord] = ()
    plan: "Mapping[int, Decision]" = field(default_factory=dict)
    problem: str = ""
    interruption: KeyboardInterrupt | None = None
    notes: Sequence[str] = ()

    @property
    def n_unfinished(self) -> int:
        """How many jobs did not finish, for whatever reason."""
        return sum(record.state != "finished" for record in self.records)


Outcome: TypeAlias = RunRecord | BaseException
"""What became of a job: its record, or why there is none."""


def has_failed(outcome: Outcome) -> bool:
    """Tell whether a job has failed."""
    return isinstance(outcome, BaseException) or outcome.state == "failed"


def collect_records(tasks: Sequence[Task], ended: Mapping[Attempt, Outcome]) -> dict[int, RunRecord]:
    """Collect a record for every job that was launched.

    Parameters
    ----------
    tasks : sequence of Task
        The jobs.
    ended : mapping of Attempt to RunRecord or BaseException
        The outcome of those that have come to an end.

    Returns
    -------
    dict
        By the jobs' numbers.
    """
    outcomes = {task.place.number: (task, ended.get(task.attempt)) for task in tasks}
    return {
        number: outcome if isinstance(outcome, RunRecord) else make_unrun_record(task, outcome)
        for number, (task, outcome) in outcomes.items()
    }


def make_unrun_record(task: Task, error: BaseException | None = None) -> RunRecord:
    """Make the record of a job that left none, because it was not run to its end or raised an error."""
    examples = load_dataset(task.job.data)
    return RunRecord(
        run_id="",
        name=task.place.name,
        state="interrupted" if error is None else "failed",
        reason="it did not come to its end" if error is None else explain_job_failure(error),
        settings=names.flatten_settings(task.job, task.place.chosen),
        metrics=names.measure_sizes(task.job, examples),
        key=task.job.key(examples.digest),
        sweep=task.place.sweep,
        job=task.place.number,
        attempt=task.place.attempt,
    )
