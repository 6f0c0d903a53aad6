"""The whole of some jobs in this process: they are trained as one stack, and recorded."""

from collections.abc import Callable, Sequence

from nnsweep.sweep.job import Job
from nnsweep.sweep.job_run import Draw
from nnsweep.sweep.place import Place
from nnsweep.sweep.recorder import Recorder
from nnsweep.sweep.work import train_stack
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store


def train_and_record(
    tasks: Sequence[tuple[Job, Place]],
    store: Store,
    draw: Draw | None = None,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> list[RunRecord]:
    """Train jobs into a store, without a journal."""
    recorder = Recorder(store)
    for event in train_stack(tasks, draw, stopped=stopped):
        recorder.take(event)
    return [recorder.ended[place.number, place.attempt] for _, place in tasks]
