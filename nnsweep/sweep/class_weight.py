"""A job's class weights against the classes of its data, which are known only when the data are loaded."""

from collections.abc import Sequence

import numpy as np

from nnsweep.data.dataset import Dataset
from nnsweep.messages import shortened
from nnsweep.mlp.losses import ClassWeight, class_weights
from nnsweep.sweep.job import Job

MOST_NAMES = 100
"""Classes that are named in a message."""


def problem(job: Job, data: Dataset) -> str:
    """Say why a job's class weights cannot be those of a data set; empty if they can.

    Parameters
    ----------
    job : Job
        Its ``trainer.class_weight`` is checked.
    data : Dataset
        The classes, in their order, and how many training samples each has.
    """
    wanted = _wanted(job)
    if isinstance(wanted, tuple) and len(wanted) != data.n_classes:
        rule = f"must have one weight for each of the {data.n_classes} classes of {data.name}, in this order"
        return f"{_shown(wanted)}: {rule}: {_names(data.class_names)}; it has {len(wanted)}"
    try:
        class_weights(wanted, data.train.y, data.n_classes)
    except ValueError:
        return (
            f"{_shown(wanted)}: leaves no training sample of {data.name} that counts; classes without: {_absent(data)}"
        )
    return ""


def warning(job: Job, data: Dataset) -> str:
    """Say which classes balanced weights cannot balance, for want of training samples; empty if there are none."""
    absent = _absent(data) if _wanted(job) == "balanced" else ""
    rule = "no training sample is of these classes, which therefore count nothing"
    return f"trainer.class_weight=balanced: of {data.name} {rule}: {absent}" if absent else ""


def _wanted(job: Job) -> ClassWeight:
    wanted: ClassWeight = job.trainer.settings()["class_weight"]
    return wanted


def _absent(data: Dataset) -> str:
    counts = np.bincount(data.train.y, minlength=data.n_classes)
    return _names([name for name, count in zip(data.class_names, counts, strict=True) if not count])


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(str, names[:MOST_NAMES])) + more


def _shown(wanted: ClassWeight) -> str:
    weights = wanted if isinstance(wanted, tuple) else ()
    return "trainer.class_weight=" + shortened(f"[{','.join(f'{weight:g}' for weight in weights)}]")
