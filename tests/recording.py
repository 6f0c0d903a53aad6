"""The whole of some jobs in this process: they are trained as one stack, and recorded."""

from collections.abc import Callable, Sequence

from nnsweep.jobs.job import Job
from nnsweep.jobs.job_run import Draw
from nnsweep.jobs.recorder import Recorder
from nnsweep.jobs.task import Place
from nnsweep.jobs.worker import train_stack
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
