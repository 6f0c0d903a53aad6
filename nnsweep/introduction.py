"""The introduction of a sweep: what was made of somebody's own data, told once before the first job.

Of a table it is told which columns were taken for what, and how it was divided; what the program brings along is known.
"""

from collections.abc import Iterator, Mapping, Sequence

from nnsweep.data.dataset import Dataset
from nnsweep.data.leaks import told as leaks_told
from nnsweep.messages import visible, warn
from nnsweep.sweep.task import Task
from nnsweep.sweep.work import dataset

_WARNING = "WARNING: "
_MOST_OTHERS = 8
"""Lines of further divisions of the same rows, such as the other folds."""


def show(tasks: Sequence[Task]) -> None:
    """Print what is known of the data of a sweep, and warn of what is wrong with them.

    Parameters
    ----------
    tasks : sequence of Task
        All of the sweep.
    """
    by_source: dict[str, list[Dataset]] = {}
    for data in dict.fromkeys(task.job.data for task in tasks):
        loaded = dataset(data)
        if loaded.told:
            by_source.setdefault(loaded.source, []).append(loaded)
    for source, sets in by_source.items():
        lines = [line for line in _lines(sets) if not line.startswith(_WARNING)]
        print("\n".join(map(visible, [f"data: {source}", *(f"  {line}" for line in lines)])), flush=True)
        for warning in [*_warnings(sets), *_batches(tasks, {one.digest: one for one in sets})]:
            warn(f"{source}: {warning}")


def _lines(sets: Sequence[Dataset]) -> list[str]:
    """Give the lines of the first data set, and those of the others that say something else."""
    lines = [*sets[0].told]
    others = [line for one in sets[1:] for line in one.told if line not in lines]
    others = [*dict.fromkeys(others)]
    more = [f"and {len(others) - _MOST_OTHERS} more lines of other divisions"] if len(others) > _MOST_OTHERS else []
    return lines + others[:_MOST_OTHERS] + more


def _warnings(sets: Sequence[Dataset]) -> Iterator[str]:
    for line in dict.fromkeys(line for one in sets for line in one.told if line.startswith(_WARNING)):
        yield line.removeprefix(_WARNING)
    leaking = [one.leaks for one in sets if leaks_told(one.leaks)]
    if leaking:
        worst = max(leaking, key=lambda leaks: max(leak.n_leaked for leak in leaks.values()))
        others = f" (so in {len(leaking)} of {len(sets)} divisions; this is the worst)" if len(sets) > 1 else ""
        yield f"{leaks_told(worst)}{others}"


def _batches(tasks: Sequence[Task], sets: Mapping[str, Dataset]) -> Iterator[str]:
    """Say where a batch is larger than the training part."""
    told: dict[int, int] = {}
    for task in tasks:
        examples, size = dataset(task.job.data), task.job.trainer.settings()["batch_size"]
        if examples.digest in sets and size is not None and size > examples.train.n_samples:
            told[size] = examples.train.n_samples
    for size, n_samples in told.items():
        yield f"trainer.batch_size={size} is more than the {n_samples} training rows: each epoch is one step with all"
