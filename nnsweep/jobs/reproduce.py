"""A reproduction: a recorded run is trained again from its record, and every number is compared with the recorded one.

Nothing is written anywhere. Equal means bit for bit; where a number differs, the result has the first epoch that does,
and everything that is known to have changed since.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from nnsweep.data.dataset import Dataset
from nnsweep.errors import DataError
from nnsweep.jobs import worker
from nnsweep.jobs.consistency import make_recorded_job
from nnsweep.jobs.environment import compare_environments, describe_environment
from nnsweep.jobs.job import Job
from nnsweep.jobs.job_run import final_metrics
from nnsweep.mlp.curves import Row, is_curve
from nnsweep.mlp.history import Trained, add
from nnsweep.mlp.train import NUMERICS_VERSION, train
from nnsweep.tracking.recorded_run import RecordedRun


class Change(NamedTuple):
    """Something that differs from the record.

    Attributes
    ----------
    what : str
        Its name, with the epoch where it has one.
    recorded, now : str
        The recorded value, and the present one.
    """

    what: str
    recorded: str
    now: str


class Reproduction(NamedTuple):
    """The result of training a recorded run again.

    Attributes
    ----------
    n_epochs : int
        How many epochs were compared, epoch 0 among them.
    differences : list of Change
        The first value of the history that differs, or, where none does, the final results that do.
    circumstances : list of Change
        What else has changed: versions, processor, data, code.
    """

    n_epochs: int
    differences: list[Change]
    circumstances: list[Change]


def reproduce_run(run: RecordedRun) -> Reproduction:
    """Train a recorded run again, for as many epochs as were recorded.

    Raises
    ------
    DataError
        If it has no configuration or no history, this version cannot read its configuration, or its data are gone.
    """
    if not run.config or run.history.empty:
        missing = "history" if run.config else "configuration"
        raise DataError(f"run {run.title} has no {missing} to compare with: it {run.record.state}; choose another run")
    job = make_recorded_job(run.config, run.title)
    examples = worker.load_dataset(job.data)
    trained, differences = _train_until_difference(job, examples, run)
    if not differences:
        differences = [*_compare_results(run, trained)]
    return Reproduction(len(trained.rows), differences, [*_compare_circumstances(run, job, examples)])


def _train_until_difference(job: Job, examples: Dataset, run: RecordedRun) -> tuple[Trained, list[Change]]:
    """Train until something differs, or the recorded history ends."""
    trained: dict[int, Trained] = {}
    history = run.history
    recorded = {name: history[name].tolist() for name in map(str, history) if name == "epoch" or is_curve(name)}
    # a run of other numerics may lack some of the curves, and one of an earlier version has no test cost
    is_whole = run.numerics == str(NUMERICS_VERSION)
    with threadpool_limits(1):  # as in the recorded training
        for epoch in train(examples, job.network(), [job.member()], job.training(examples.task)):
            add(trained, epoch)
            place = len(trained[0].rows) - 1
            row = trained[0].rows[place]
            values = dict(zip((*Row._fields[:3], *trained[0].curves), (*row[:3], *row.measured), strict=True))
            for name in dict.fromkeys([*values, *recorded]):
                if name not in recorded and (not is_whole or name == "test_cost"):
                    continue
                here = float(recorded[name][place]) if name in recorded else math.nan
                now = float(values.get(name, math.nan))
                if not _are_same_bits(here, now):
                    return trained[0], [Change(f"epoch {row.epoch}, {name}", repr(here), repr(now))]
            if place == len(history) - 1:
                return trained[0], []
    last = len(trained[0].rows) - 1
    change = Change("the end of training", f"epoch {len(history) - 1}", f"epoch {last}, {trained[0].ending}")
    return trained[0], [change]


def _are_same_bits(one: float, other: float) -> bool:
    return one.hex() == other.hex()  # 0.0 and -0.0 differ, and NaN equals NaN


def _compare_results(run: RecordedRun, trained: Trained) -> Iterator[Change]:
    """Compare what follows from the history and the last parameters."""
    endings = {"finished": ("finished", "stopped"), "diverged": ("diverged",)}.get(run.record.state)
    if endings and trained.ending not in endings:
        yield Change("the end of training", run.record.state, str(trained.ending or "it goes on"))
        return
    if run.record.state != "finished":
        return
    for name, value in final_metrics(trained).items():
        recorded = run.record.metrics.get(name)
        if recorded is not None and not _are_same_bits(float(recorded), value):
            yield Change(name, repr(recorded), repr(value))
    is_measured = run.correct is not None and trained.best_right.size  # training again leaves a sealed test sealed
    if run.correct is not None and is_measured and run.correct.right.tolist() != trained.best_right.tolist():
        counts = [f"{int(right.sum())} of {len(right)} right" for right in (run.correct.right, trained.best_right)]
        yield Change("which test examples are right", *counts)


def _compare_circumstances(run: RecordedRun, job: Job, examples: Dataset) -> Iterator[Change]:
    """Compare environment, data, numerics and configuration."""
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
