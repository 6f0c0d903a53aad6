"""The distinct jobs of a sweep: each has a key, and fits its data and this machine."""

from collections.abc import Sequence

from nnsweep.errors import ConfigError
from nnsweep.messages import warn
from nnsweep.mlp.train import NUMERICS_VERSION
from nnsweep.sweep import class_weight, describe
from nnsweep.sweep.decision import DistinctJob
from nnsweep.sweep.job import Job
from nnsweep.sweep.memory import physical_memory
from nnsweep.sweep.stacks import memory_of
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import dataset


def find_distinct_jobs(checked: Sequence[Task]) -> list[DistinctJob]:
    """Fold jobs that are the same; every data set is loaded, so that what is wrong with one is told now.

    Parameters
    ----------
    checked : sequence of Task
        All jobs of a sweep.

    Returns
    -------
    list of DistinctJob
        One for each key, with the number of the first job that has it.

    Raises
    ------
    ConfigError
        If jobs do not fit this machine or their data; with all problems.
    DataError
        If data cannot be used.
    """
    _require_fit([task.job for task in checked])
    wanted: dict[str, DistinctJob] = {}
    for number, task in enumerate(checked):
        digest = dataset(task.job.data).digest
        key = task.job.key(digest)
        if key not in wanted:
            wanted[key] = DistinctJob(
                number=number,
                key=key,
                name=task.place.name,
                settings=describe.settings(task.job, task.place.chosen),
                data_digest=digest,
                numerics=str(NUMERICS_VERSION),
            )
    return [*wanted.values()]


def _require_fit(jobs: Sequence[Job]) -> None:
    """Refuse jobs that do not fit this machine or their data, with all problems; warn of what is odd."""
    wrong: dict[str, None] = {}
    odd: dict[str, None] = {}
    for job in jobs:
        wrong |= {_too_large(job): None, class_weight.problem(job, dataset(job.data)): None, _impatient(job): None}
        odd[class_weight.warning(job, dataset(job.data))] = None
    if problems := [told for told in wrong if told]:
        raise ConfigError(*problems)
    for told in filter(None, odd):
        warn(told)


def _impatient(job: Job) -> str:
    """Say if early stopping has nothing to look at: the table itself names the parts, and none for validation."""
    patience = job.trainer.settings()["patience"]
    if patience is None or dataset(job.data).val is not None:
        return ""
    return (
        f"trainer.patience={patience} needs a validation part, and data.split names none: set data.val_fraction above 0"
    )


def _too_large(job: Job) -> str:
    """Tell of a network that this machine could not even hold."""
    needed, there = memory_of(job, dataset), physical_memory()
    if needed <= there:
        return ""
    sizes = describe.sizes_name(job.arch.sizes)
    told = f"{needed / 2**30:.0f} GiB to train, and there are {there / 2**30:.0f}"
    return f"arch.hidden_layer_sizes={sizes[:60]}: needs {told}; make it smaller"
