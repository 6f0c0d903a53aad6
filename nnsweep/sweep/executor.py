"""An executor: whoever trains the jobs of a sweep, be it processes of this machine or a launcher of Hydra's."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from nnsweep.sweep.events import Event
from nnsweep.sweep.task import Task


class Executor(Protocol):
    """Trains the jobs of a sweep; it opens no store and writes no run."""

    def predict(self, tasks: Sequence[Task]) -> float:
        """Tell how many seconds jobs will take, about."""

    def run(self, tasks: Sequence[Task], stop: Callable[[], bool]) -> Iterator[Event]:
        """Train jobs, and tell what happens to them as it happens.

        Parameters
        ----------
        tasks : sequence of Task
            What to train.
        stop : callable
            Asked after each event whether nothing more shall be begun.

        Yields
        ------
        Event
            Every job that is begun ends in `Ended` or `Died`, unless the user interrupts. Signals wait until the
            caller asks for the next event.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts; after all that had come to an end was told.
        """
