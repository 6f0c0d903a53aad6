"""A reproduction: a recorded run is trained again from its record, and every number is compared with what was recorded.

Nothing is written anywhere. Equal means bit for bit; where that is not so, the first epoch that differs is told, and
what is known to be another than at the time.
"""

import math
from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from nnsweep.data.dataset import Dataset
from nnsweep.errors import DataError
from nnsweep.jobs import worker
from nnsweep.jobs.consistency import make_recorded_job
from nnsweep.jobs.environment import compare_environments, describe_environment
from nnsweep.jobs.job import Job
from nnsweep.jobs.job_run import final_metrics
from nnsweep.mlp.curves import Row
from nnsweep.mlp.history import Trained, add
from nnsweep.mlp.train import NUMERICS_VERSION, train
from nnsweep.tracking.recorded_run import RecordedRun


class Change(NamedTuple):
    """Something that is not as it was recorded.

    Attributes
    ----------
    what : str
        Its name, with the epoch where it has one.
    recorded, now : str
        As it was, and as it is.
    """

    what: str
    recorded: str
    now: str


class Reproduction(NamedTuple):
    """What came of it.

    Attributes
    ----------
    n_epochs : int
        How many epochs were compared, epoch 0 among them.
    differences : list of Changed
        The first value of the history that differs, or, where none does, the final results that do.
    circumstances : list of Changed
        What else is another than at the time: versions, processor, data, code.
    """

    n_epochs: int
    differences: list[Change]
    circumstances: list[Change]


def reproduce_run(run: RecordedRun) -> Reproduction:
    """Train a recorded run again, as far as it had come.

    Raises
    ------
    DataError
        If it has no configuration or no history, its configuration is none of this version, or its data cannot be had.
    """
    if not run.config or run.history.empty:
        missing = "history" if run.config else "configuration"
        raise DataError(f"run {run.title} has no {missing} to compare with: it {run.record.state}; choose another run")
    job = make_recorded_job(run.config, run.title)
    examples = worker.load_dataset(job.data)
    trained, differences = _trained(job, examples, run)
    if not differences:
        differences = [*_at_the_end(run, trained)]
    return Reproduction(len(trained.rows), differences, [*_circumstances(run, job, examples)])


def _trained(job: Job, examples: Dataset, run: RecordedRun) -> tuple[Trained, list[Change]]:
    """Train until something differs, or the recorded history ends."""
    trained: dict[int, Trained] = {}
    history, unknown = run.history, [math.nan] * len(run.history)
    columns = {name: history[name].tolist() if name in history else unknown for name in Row._fields}
    # other numerics may not have measured all of it
    compared = {name for name in Row._fields if name in history or run.numerics == str(NUMERICS_VERSION)}
    recorded = [Row(*values) for values in zip(*columns.values(), strict=True)]
    with threadpool_limits(1):  # as it was then
        for epoch in train(examples, job.network(), [job.member()], job.training()):
            add(trained, epoch)
            place = len(trained[0].rows) - 1
            if differences := [*_of_an_epoch(recorded[place], trained[0].rows[place], compared)]:
                return trained[0], differences[:1]
            if place == len(recorded) - 1:
                return trained[0], []
    last = len(trained[0].rows) - 1
    told = Change("the end of training", f"epoch {len(recorded) - 1}", f"epoch {last}, {trained[0].ending}")
    return trained[0], [told]


def _of_an_epoch(recorded: Row, now: Row, compared: Set[str]) -> Iterator[Change]:
    for name, one, other in zip(Row._fields, recorded, now, strict=True):
        if name in compared and not _same_bits(float(one), float(other)):
            yield Change(f"epoch {now.epoch}, {name}", repr(float(one)), repr(float(other)))


def _same_bits(one: float, other: float) -> bool:
    return one.hex() == other.hex()  # which tells 0.0 from -0.0, and no NaN from another


def _at_the_end(run: RecordedRun, trained: Trained) -> Iterator[Change]:
    """Compare what follows from the history and the last parameters."""
    ended = {"finished": ("finished", "stopped"), "diverged": ("diverged",)}.get(run.record.state)
    if ended and trained.ending not in ended:
        yield Change("the end of training", run.record.state, str(trained.ending or "it goes on"))
        return
    if run.record.state != "finished":
        return
    for name, value in final_metrics(trained).items():
        known = run.record.metrics.get(name)
        if known is not None and not _same_bits(float(known), value):
            yield Change(name, repr(known), repr(value))
    if run.correct is not None and run.correct.right.tolist() != trained.best_right.tolist():
        told = [f"{int(right.sum())} of {len(right)} right" for right in (run.correct.right, trained.best_right)]
        yield Change("which test examples are right", *told)


def _circumstances(run: RecordedRun, job: Job, examples: Dataset) -> Iterator[Change]:
    for what, recorded, now in compare_environments(run.environment, describe_environment()):
        yield Change(what, recorded, now)
    facts: Mapping[str, tuple[Any, Any]] = {
        "data digest": (run.record.data_digest, examples.digest),
        "numerics version": (run.numerics, str(NUMERICS_VERSION)),
    }
    changed = [Change(what, *both) for what, both in facts.items() if both[0] and both[0] != both[1]]
    yield from changed
    if not changed and run.record.key and run.record.key != job.key(examples.digest):
        yield Change("configuration", f"key {run.record.key[:12]}", f"key {job.key(examples.digest)[:12]}")
