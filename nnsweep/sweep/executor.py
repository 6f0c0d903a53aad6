"""An executor: whoever does the work of a sweep, be it processes of this machine or another launcher of Hydra's."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from nnsweep.sweep.outcomes import Outcome
from nnsweep.sweep.recorder import Recorder
from nnsweep.sweep.task import Task


class Executor(Protocol):
    """Does the jobs of a sweep.

    Attributes
    ----------
    records_elsewhere : bool
        Whether jobs record themselves, in processes that may outlive an interruption.
    """

    records_elsewhere: bool

    def begin(self, tasks: Sequence[Task]) -> None:
        """Make ready for the jobs of a sweep, before their data are loaded."""

    def end(self) -> None:
        """End what was begun for the jobs, when there are no more."""

    def predict(self, tasks: Sequence[Task]) -> float:
        """Tell how many seconds jobs will take, about."""

    def launch(self, tasks: Sequence[Task], recorder: Recorder) -> Mapping[int, Outcome]:
        """Run jobs, and let what comes of them be recorded; give what became of each, by its place among them.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts; what had come to an end is recorded.
        """
