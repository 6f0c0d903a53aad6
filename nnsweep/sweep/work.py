"""The work of jobs that are trained together: runs are started, networks trained, and the runs ended in known states.

What goes wrong in a job costs that job alone: it becomes a failed run with its reason. Only the user's
interruption and a store that is gone leave this module as exceptions.
"""

import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from nnsweep.data import mapped
from nnsweep.data.dataset import Dataset
from nnsweep.data.load import load
from nnsweep.errors import StoreError
from nnsweep.mlp.history import add
from nnsweep.mlp.train import train
from nnsweep.sweep.job import Job
from nnsweep.sweep.live import Live
from nnsweep.sweep.parts import Part
from nnsweep.sweep.place import Place
from nnsweep.sweep.runner import Draw, Runner
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

log = logging.getLogger(__name__)

_mapped: dict[str, Path] = {}  # in a worker: where its parent has left data sets


def use_mapped(folders: Mapping[str, Path]) -> None:
    """Let this process map the data sets that lie in folders, by the JSON of their part of the configuration."""
    _mapped.update(folders)


@functools.lru_cache(maxsize=4)
def dataset(data: Part) -> Dataset:
    """Load a data set, once in this process.

    Raises
    ------
    DataError
        If it cannot be had.
    """
    folder = _mapped.get(data.model_dump_json())
    return mapped.read(folder) if folder else load(data.name, **data.settings())


def run(
    tasks: Sequence[tuple[Job, Place]],
    store: Store,
    draw: Draw | None = None,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> list[RunRecord | StoreError]:
    """Do the whole of some jobs that are trained as one stack; a single job is a stack of one.

    Parameters
    ----------
    tasks : sequence of (Job, Place)
        What to train, and where each stands.
    store : Store
        Where they are recorded.
    draw : callable or None
        Draws the learning curves of each.
    stopped : callable
        Asked after every epoch whether the user has interrupted.

    Returns
    -------
    list of RunRecord or StoreError
        Of a run that has ended; or, if the store refused, the error: the job's folder has the record.

    Raises
    ------
    StoreError
        If the store refuses to start one of the runs: nothing was trained.
    KeyboardInterrupt
        If the user interrupts; the runs have been ended as interrupted.
    """
    examples = dataset(tasks[0][0].data)
    runners: list[Runner] = []
    try:
        for job, place in tasks:
            runners.append(Runner(job, place, store, examples))
        _train(runners, examples, stopped)
    except StoreError as refused:
        for runner in runners:
            runner.fail(refused)
        raise
    finally:
        sent = _finished(runners, draw)
    return sent


def _finished(runners: Sequence[Runner], draw: Draw | None) -> list[RunRecord | StoreError]:
    """Finish every run, the others too if the user interrupts at one."""
    sent: list[RunRecord | StoreError] = []
    interruption: KeyboardInterrupt | None = None
    for runner in runners:
        try:
            sent.append(runner.finish(None if interruption else draw))
        except KeyboardInterrupt as raised:
            interruption = raised
    if interruption:
        raise interruption
    return sent


def _train(runners: Sequence[Runner], examples: Dataset, stopped: Callable[[], bool]) -> None:
    """Train a stack; if that fails, each job alone, so that what is wrong with one costs no other."""
    try:
        _train_together(runners, examples, stopped)
    except (Exception, SystemExit) as error:
        if len(runners) == 1:
            log.exception("the job failed")
            runners[0].fail(error)
            return
        log.warning("the stack failed (%s: %s); its jobs are trained one by one", type(error).__name__, error)
        for runner in runners:
            _train([runner], examples, stopped)


def _train_together(runners: Sequence[Runner], examples: Dataset, stopped: Callable[[], bool]) -> None:
    first = runners[0].job
    live = Live(runners[0].store, [runner.record for runner in runners], first)
    trained = {number: runner.restart(live, number) for number, runner in enumerate(runners)}
    members = [runner.job.member() for runner in runners]
    started = time.perf_counter()
    with threadpool_limits(1):  # more threads are slower on matrices of this size, and may change the last bit
        for epoch in train(examples, first.network(), members, first.training()):
            add(trained, epoch)
            if stopped():
                raise KeyboardInterrupt
            live(trained)
    share = (time.perf_counter() - started) / len(runners)
    for runner in runners:
        runner.tell(share)
