"""The work of jobs that are trained together: runs are started, networks trained, and the runs ended in known states.

What goes wrong in a job costs that job alone: it becomes a failed run with its reason. Only the user's
interruption and a store that is gone leave this module as exceptions.
"""

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from threadpoolctl import threadpool_limits

from nnsweep.data import mapped
from nnsweep.data.dataset import Dataset
from nnsweep.data.load import load
from nnsweep.mlp.history import add
from nnsweep.mlp.train import Epoch, train
from nnsweep.sweep import absence
from nnsweep.sweep.folder import Checkpoint
from nnsweep.sweep.job import Job
from nnsweep.sweep.live import Live
from nnsweep.sweep.parts import Part
from nnsweep.sweep.place import Place
from nnsweep.sweep.runner import Draw, Runner
from nnsweep.tracking.record import RunRecord
from nnsweep.tracking.store import Store

log = logging.getLogger(__name__)

_mapped: dict[str, Path] = {}  # where data sets lie: as the parent of a worker has left them, or in the cache
_maps: dict[str, Dataset] = {}  # those of them that have been looked at: they take no memory of their own


def use_mapped(folders: Mapping[str, Path]) -> None:
    """Let this process map the data sets that lie in folders, by the JSON of their part of the configuration."""
    if any(_mapped.get(name) != folder for name, folder in folders.items()):
        forget()
    _mapped.update(folders)


def forget() -> None:
    """Forget all data sets: a new sweep looks at files again, which may be others by now."""
    _mapped.clear()
    _maps.clear()
    dataset.cache_clear()


@functools.lru_cache(maxsize=4)
def dataset(data: Part) -> Dataset:
    """Load a data set, once in this process; one that is in the cache stays as it is, whatever becomes of its file.

    Raises
    ------
    DataError
        If it cannot be had.
    """
    name = data.model_dump_json()
    if name in _maps:
        return _maps[name]
    loaded = _found(name) or load(data.name, **data.settings())
    if loaded.folder:
        _mapped[name], _maps[name] = loaded.folder, loaded
    return loaded


def _found(name: str) -> Dataset | None:
    """Map a data set that has been left for this process; None if somebody has emptied the cache meanwhile."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return mapped.read(_mapped[name])
    return None


def run(
    tasks: Sequence[tuple[Job, Place]],
    store: Store,
    draw: Draw | None = None,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> list[RunRecord]:
    """Do the whole of some jobs that are trained as one stack; a single job is a stack of one.

    Parameters
    ----------
    tasks : sequence of (Job, Place)
        What to train, and where each stands.
    store : Store
        Where they are recorded; while it is away, their folders alone have the records.
    draw : callable or None
        Draws the learning curves of each.
    stopped : callable
        Asked after every epoch whether the user has interrupted.

    Returns
    -------
    list of RunRecord
        Of runs that have ended.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts; the runs that had not ended have been ended as interrupted.
    """
    with absence.noted(tasks[0][1], store.uri):
        return _run(tasks, store, draw, stopped)


def _run(
    tasks: Sequence[tuple[Job, Place]], store: Store, draw: Draw | None, stopped: Callable[[], bool]
) -> list[RunRecord]:
    examples = dataset(tasks[0][0].data)
    runners: list[Runner] = []
    try:
        for job, place in tasks:
            runners.append(Runner(job, place, store, examples))
        _train(runners, examples, stopped)
    except (Exception, SystemExit) as error:
        for runner in runners:
            if runner.trained.ending is None and runner.record.state != "failed":
                runner.fail(error)
        raise
    finally:
        records = _finished(runners, draw)
    return records


def _finished(runners: Sequence[Runner], draw: Draw | None) -> list[RunRecord]:
    """Finish every run, the others too if the user interrupts at one."""
    records: list[RunRecord] = []
    interruption: KeyboardInterrupt | None = None
    for runner in runners:
        try:
            records.append(runner.finish(None if interruption else draw))
        except KeyboardInterrupt as raised:
            interruption = raised
    if interruption:
        raise interruption
    return records


Begun: TypeAlias = tuple[Runner, Checkpoint | None]
"""A run, and what its job goes on from."""


def _train(runners: Sequence[Runner], examples: Dataset, stopped: Callable[[], bool]) -> None:
    """Train a stack; those of its jobs that go on from the same epoch are trained together."""
    groups: dict[int, list[Begun]] = {}
    for runner in runners:
        try:
            runner.require_data()
            checkpoint = runner.checkpoint()
        except (Exception, SystemExit) as error:
            log.exception("the job failed")
            runner.fail(error)
            continue
        groups.setdefault(checkpoint.snapshot.epoch if checkpoint else 0, []).append((runner, checkpoint))
    for begun in groups.values():
        _train_group(begun, examples, stopped)


def _train_group(begun: Sequence[Begun], examples: Dataset, stopped: Callable[[], bool]) -> None:
    """Train jobs together; if that fails, each alone, so that what is wrong with one costs no other."""
    try:
        _train_together(begun, examples, stopped)
    except (Exception, SystemExit) as error:
        if len(begun) == 1:
            log.exception("the job failed")
            begun[0][0].fail(error)
            return
        log.warning("the stack failed (%s: %s); its jobs are trained one by one", type(error).__name__, error)
        for runner, _ in begun:
            _train([runner], examples, stopped)


def _train_together(begun: Sequence[Begun], examples: Dataset, stopped: Callable[[], bool]) -> None:
    runners = [runner for runner, _ in begun]
    first = runners[0].job
    live = Live(runners[0].store, [runner.record for runner in runners], first)
    trained = {number: runner.restart(live, number, kept) for number, (runner, kept) in enumerate(begun)}
    snapshots = [kept.snapshot for _, kept in begun if kept]
    members = [runner.job.member() for runner in runners]
    started = time.perf_counter()

    def share() -> float:
        return (time.perf_counter() - started) / len(runners)

    try:
        with threadpool_limits(1):  # more threads are slower on matrices of this size, and may change the last bit
            for epoch in train(examples, first.network(), members, first.training(), resumed=snapshots or None):
                add(trained, epoch)
                ending = stopped()
                if first.checkpoint_every and (ending or epoch.epoch % first.checkpoint_every == 0):
                    _keep(runners, epoch, share())
                if ending:
                    raise KeyboardInterrupt
                live(trained)
    finally:  # also those that had ended before the others were interrupted
        seconds = share()
        for runner in runners:
            runner.tell(seconds)


def _keep(runners: Sequence[Runner], epoch: Epoch, seconds: float) -> None:
    """Leave a checkpoint of every network that goes on."""
    for index, number in enumerate(epoch.members):
        if int(number) not in epoch.endings:
            runners[int(number)].keep(epoch.snapshot(index), seconds)
