"""The result of a sweep: what became of its jobs, or what would, as a value that every caller tells in its own way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnsweep.sweep.decision import Decision
    from nnsweep.sweep.task import Task
    from nnsweep.tracking.record import RunRecord


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What a sweep came to.

    Attributes
    ----------
    sweep : str
        The sweep's id.
    uri, experiment : str
        Where it is recorded.
    tasks : mapping of int to Task
        The distinct jobs, by their number in the grid.
    records : sequence of RunRecord
        One for each of them, in the order of the grid; none if only the plan was wanted.
    plan : mapping of int to Decision
        What would be done with each job, if only that was wanted.
    problem : str
        Why the store does not have everything; empty if it has.
    interruption : KeyboardInterrupt or None
        What the sweep was interrupted by.
    notes : sequence of str
        Which settings some of the jobs went without.
    """

    sweep: str
    uri: str
    experiment: str
    tasks: "Mapping[int, Task]"
    records: "Sequence[RunRecord]" = ()
    plan: "Mapping[int, Decision]" = field(default_factory=dict)
    problem: str = ""
    interruption: KeyboardInterrupt | None = None
    notes: "Sequence[str]" = ()

    @property
    def n_unfinished(self) -> int:
        """How many jobs did not finish, for whatever reason."""
        return sum(record.state != "finished" for record in self.records)
