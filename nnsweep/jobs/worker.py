"""A worker: it trains the jobs of one stack, reports what happens to them as events, and writes nothing but their logs.

It maps the data sets that its parent has prepared. Messages that are logged while jobs are trained together go to the
log of each of them.
"""

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from threadpoolctl import threadpool_info, threadpool_limits

from nnsweep.data import cache
from nnsweep.data.dataset import Dataset
from nnsweep.data.load import load
from nnsweep.jobs import interrupt, process_pool
from nnsweep.jobs.checkpoint import Checkpoint
from nnsweep.jobs.job import Job
from nnsweep.jobs.job_run import Clock, Draw, JobRun
from nnsweep.jobs.result import Ended, Event, Measured, Started, identify_attempt
from nnsweep.jobs.schema import Part
from nnsweep.jobs.task import Place, Task
from nnsweep.mlp.history import add
from nnsweep.mlp.snapshot import Snapshot
from nnsweep.mlp.train import Epoch, train
from nnsweep.text import Masking

log = logging.getLogger(__name__)

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"  # as conf/hydra/job_logging/file.yaml has it


class _LogFiles(logging.Handler):
    """Appends what is logged to several files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(logging.INFO)
        self._paths = paths
        self.setFormatter(Masking(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Append one message."""
        line = self.format(record) + "\n"
        for path in self._paths:
            try:
                with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(line)
            except OSError:
                continue  # with a full disk the message is lost: the terminal is for the table


@contextmanager
def log_into_folders(paths: Sequence[Path], logger: str = "") -> Iterator[None]:
    """Log into the files of some jobs only: the terminal is for the table.

    A file is created with its first message. Without paths, logging stays as it is.

    Parameters
    ----------
    paths : sequence of Path
        The log files.
    logger : str
        The logger whose messages are meant; empty for the root logger.
    """
    if not paths:
        yield
        return
    target = logging.getLogger(logger)
    level, handlers, propagate = target.level, target.handlers, target.propagate
    target.handlers, target.propagate = [_LogFiles(paths)], False
    target.setLevel(logging.INFO)
    try:
        yield
    finally:
        target.handlers, target.propagate = handlers, propagate
        target.setLevel(level)


_mapped: dict[str, Path] = {}  # the folder of each data set that can be mapped: from a worker's parent, or in the cache
_maps: dict[str, Dataset] = {}  # those that are mapped already: they take no memory of their own


def use_mapped(folders: Mapping[str, Path]) -> None:
    """Let this process map data sets from folders, keyed by the JSON of their part of the configuration."""
    if any(_mapped.get(name) != folder for name, folder in folders.items()):
        forget_datasets()
    _mapped.update(folders)


def forget_datasets() -> None:
    """Forget all data sets: a new sweep reads the files again, which may have changed."""
    _mapped.clear()
    _maps.clear()
    load_dataset.cache_clear()


@functools.lru_cache(maxsize=4)
def load_dataset(data: Part) -> Dataset:
    """Load a data set once in this process; one in the cache stays as it is, even if its file changes.

    Raises
    ------
    DataError
        If it cannot be loaded.
    """
    name = data.model_dump_json()
    if name in _maps:
        return _maps[name]
    examples = None
    with contextlib.suppress(OSError, ValueError, KeyError):  # there is none to map, or the cache has been emptied
        examples = cache.read_mapped(_mapped[name])
    examples = examples or load(data.name, **data.settings())
    if examples.folder:
        _mapped[name], _maps[name] = examples.folder, examples
    return examples


def train_stack(
    tasks: Sequence[tuple[Job, Place]],
    draw: Draw | None = None,
    *,
    stopped: Callable[[], bool] = lambda: False,
    n_threads: int = 1,
) -> Iterator[Event]:
    """Train some jobs as one stack; a single job is a stack of one.

    Parameters
    ----------
    tasks : sequence of (Job, Place)
        What to train, and the place of each in its sweep.
    draw : callable or None
        Draws the learning curves of each.
    stopped : callable
        Called after every epoch; tells whether the user has interrupted.
    n_threads : int
        How many may share the work of a full batch.

    Yields
    ------
    Event
        That the jobs begin, what their networks measure, and at last one result for each job.

    Raises
    ------
    KeyboardInterrupt
        If the user has interrupted, after the results; jobs that had not ended say so in theirs.
    """
    examples = load_dataset(tasks[0][0].data)
    runs = [JobRun(job, place, examples) for job, place in tasks]
    yield Started([run.start for run in runs])
    interrupted = False
    try:
        yield from _Training(examples, stopped, n_threads).train(runs)
    except KeyboardInterrupt:
        interrupted = True
    results = []
    for run in runs:
        try:
            results.append(run.result(None if interrupted else draw))
        except KeyboardInterrupt:
            interrupted = True
            results.append(run.interrupt())
    yield Ended(results)
    if interrupted:
        raise KeyboardInterrupt


Resumable: TypeAlias = tuple[JobRun, Checkpoint | None]
"""A job's run, and the checkpoint that it resumes from, if there is one."""


@dataclass(frozen=True)
class _Training:
    """What jobs are trained with: their data, the test for an interruption, and the number of threads."""

    examples: Dataset
    stopped: Callable[[], bool]
    n_threads: int

    def train(self, runs: Sequence[JobRun]) -> Iterator[Measured]:
        """Train a stack; those of its jobs that go on from the same epoch are trained together."""
        groups: dict[int, list[Resumable]] = {}
        for run in runs:
            try:
                run.require_data()
                checkpoint = run.checkpoint()
            except (Exception, SystemExit) as error:
                log.exception("the job failed")
                run.fail(error)
                continue
            groups.setdefault(checkpoint.snapshot.epoch if checkpoint else 0, []).append((run, checkpoint))
        for group in groups.values():
            try:
                yield from self._train_together(group)
            except (Exception, SystemExit) as error:
                if len(group) == 1:
                    log.exception("the job failed")
                    group[0][0].fail(error)
                    continue
                log.warning("the stack failed (%s: %s); its jobs are trained one by one", type(error).__name__, error)
                for run, _ in group:  # so that one faulty job does not fail the others
                    yield from self.train([run])

    def _train_together(self, group: Sequence[Resumable]) -> Iterator[Measured]:
        runs = [run for run, _ in group]
        first, clock, started = runs[0].job, Clock(), time.perf_counter()
        trained = {number: run.restart(checkpoint) for number, (run, checkpoint) in enumerate(group)}
        snapshots = [checkpoint.snapshot for _, checkpoint in group if checkpoint]

        def share() -> float:
            return (time.perf_counter() - started) / len(runs)

        try:
            with threadpool_limits(1):  # more threads are slower on matrices of this size, and may change the last bit
                for epoch in self._train_epochs(runs, snapshots):
                    add(trained, epoch)
                    ending = self.stopped()
                    if first.checkpoint_every and (ending or epoch.epoch % first.checkpoint_every == 0):
                        _write_checkpoints(runs, epoch, share())
                    if ending:
                        raise KeyboardInterrupt
                    if clock.is_due():
                        fresh = [
                            (identify_attempt(run.begun), points)
                            for number, run in enumerate(runs)
                            if (points := run.stream.due(trained[number]))
                        ]
                        if fresh:
                            yield Measured(fresh)
        finally:  # also for those that had ended before the others were interrupted
            seconds = share()
            for run in runs:
                run.finish(seconds)

    def _train_epochs(self, runs: Sequence[JobRun], snapshots: Sequence[Snapshot]) -> Iterator[Epoch]:
        first, members = runs[0].job, [run.job.member() for run in runs]
        # OpenMP's limits hold for one thread each: where BLAS uses it, others would have all cores to themselves
        is_openmp = any(library.get("threading_layer") == "openmp" for library in threadpool_info())
        return train(
            self.examples,
            first.network(),
            members,
            first.training(self.examples.task),
            resumed=[*snapshots] or None,
            n_threads=1 if is_openmp else self.n_threads,
        )


def _write_checkpoints(runs: Sequence[JobRun], epoch: Epoch, seconds: float) -> None:
    """Write a checkpoint of every network that has not ended."""
    for index, number in enumerate(epoch.members):
        if int(number) not in epoch.endings:
            runs[int(number)].write_checkpoint(epoch.snapshot(index), seconds)


def train_in_worker(
    data: Mapping[str, Path], draw: Draw | None, n_threads: int, tasks: Sequence[Task]
) -> Iterator[Event]:
    """Train a stack in a worker process; see `nnsweep.jobs.worker.train_stack`.

    Parameters
    ----------
    data : mapping of str to Path
        Where data sets can be mapped, see `nnsweep.jobs.worker.use_mapped`.
    draw : callable or None
        Draws the curves of each job, if it wants that.
    n_threads : int
        How many may share the work of a full batch.
    tasks : sequence of Task
        Of one stack.
    """
    use_mapped(data)
    with interrupt.await_interruption():
        for task in tasks:
            task.make_folder()
        with log_into_folders([task.log_path for task in tasks if task.log_path]):
            yield from train_stack(
                [(task.job, task.place) for task in tasks],
                draw if tasks[0].job.tracking.pictures else None,
                stopped=lambda: process_pool.is_stopping() or interrupt.is_interrupted(),
                n_threads=n_threads,
            )
