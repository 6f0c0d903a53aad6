"""The names of runs and of data, and what a record says of a job in words and numbers.

A run's name tells a person which job it is; the same job always has the same name. A record has the job's settings as
a flat mapping, the sizes of its network and data as metrics, and a sentence each on the job and on its outcome.
"""

import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from nnsweep.data.dataset import Dataset
from nnsweep.jobs.job import OPERATIONAL, Job
from nnsweep.jobs.overrides import read_column_name
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.baselines import measure_baselines
from nnsweep.mlp.batches import LARGE_SCALE
from nnsweep.mlp.early_stopping import Selection
from nnsweep.mlp.history import Trained
from nnsweep.mlp.losses import make_loss
from nnsweep.mlp.measures import choose_measures
from nnsweep.mlp.profile import epoch_flops
from nnsweep.results.metrics import measure_text
from nnsweep.tracking.record import Setting

GROUPS = ("arch", "activation", "schedule", "optimizer", "init", "loss", "data")
_NAMED = (*GROUPS, "seed")
_DEFAULT_DATA = "digits"  # not part of a run's name unless the sweep has other data too
_LATER = (
    *(
        f"trainer.{name}"
        for name in ("sealed_test", "measures", "select", "ema", "bias_rate_factor", "scale_rate_factor")
    ),
    *("activation.layers", "init.bias_std", "init.zero_output"),
)
_SIZES = tuple(f"arch.{name}" for name in ("name", "hidden_layer_sizes", "depth", "width"))
_PLACES = ("data.path", "data.dataset")
_PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_Measured: TypeAlias = WeakKeyDictionary[Dataset, dict[Hashable, dict[str, float]]]
_sizes, _chances = _Measured(), _Measured()  # alike for most jobs


def name_choices(chosen: Mapping[str, str | None], overrides: Sequence[str]) -> dict[str, str]:
    """Name the choice of each group; an architecture whose sizes were overridden is ``custom``.

    Parameters
    ----------
    chosen : mapping
        Hydra's runtime choices.
    overrides : sequence of str
        The job's overrides.
    """
    choices = {group: str(chosen.get(group)) for group in GROUPS}
    if any(override.lstrip("+").startswith("arch.hidden_layer_sizes") for override in overrides):
        choices["arch"] = "custom"
    return choices


def name_sizes(sizes: Sequence[int]) -> str:
    """Write hidden layer sizes as one word.

    Examples
    --------
    >>> name_sizes((20, 20)), name_sizes(())
    ('20-20', 'linear')
    """
    return "-".join(map(str, sizes)) or "linear"


def measure_extent(sizes: Sequence[int]) -> dict[str, int]:
    """Measure the hidden layers: their number and the width of the widest, under the names that tables use.

    Examples
    --------
    >>> measure_extent((20, 8)), measure_extent(())
    ({'depth': 2, 'width': 20}, {'depth': 0, 'width': 0})
    """
    return {"depth": len(sizes), "width": max(sizes, default=0)}


def measure_sizes(job: Job, examples: Dataset) -> dict[str, float]:
    """Measure a job before it is trained, as metrics.

    Returns
    -------
    dict
        ``depth``, ``width``, ``n_parameters`` and ``epoch_flops`` of its network, and the `make_yardstick` of its data.
    """
    known, kind = _sizes.setdefault(examples, {}), (job.arch, job.loss, job.trainer)
    if kind not in known:
        layers = job.arch.sizes
        n_outputs = make_loss(job.training().loss, examples.task).count_outputs(examples.n_outputs)
        counts = measure_extent(layers) | {
            "n_parameters": job.network().count_parameters(examples.n_features, n_outputs),
            "epoch_flops": epoch_flops(examples.train.X, layers, n_outputs),
        }
        known[kind] = {name: float(count) for name, count in counts.items()} | make_yardstick(job, examples)
    return dict(known[kind])


def make_yardstick(job: Job, examples: Dataset) -> dict[str, float]:
    """Measure what the results of a network have to be compared with.

    Returns
    -------
    dict
        ``chance_`` and each measure of the job: what a constant prediction achieves on the test part, or on the
        validation part if the test is sealed. ``chance_accuracy`` is the share of the largest class there, or of the
        commonest labels, each row as it weighs: the best that a constant prediction can reach. The others are those of
        `nnsweep.mlp.baselines`. ``n_train_samples``, ``n_test_samples`` and, where there is a validation part,
        ``n_val_samples``; ``feature_scale`` where it is so large that it may keep a network from learning.
    """
    parts = {f"n_{part}_samples": float(held.n_samples) for part, held in examples.parts.items()}
    scale = examples.feature_scale
    return _measure_chance(job, examples) | parts | ({"feature_scale": scale} if scale > LARGE_SCALE else {})


def _measure_chance(job: Job, examples: Dataset) -> dict[str, float]:
    training, task = job.training(), examples.task
    measures = choose_measures(task, training.measures, Selection.of(training.select, task).measure)
    asked = training.sealed_test, measures, make_loss(training.loss, task).quantiles
    known = _chances.setdefault(examples, {})
    if asked not in known:
        is_sealed, _, quantiles = asked
        measured = examples.val if is_sealed and examples.val is not None else examples.test
        chance = {} if task == "regression" else {"chance_accuracy": _find_chance(measured)}
        others = [name for name in measures if f"chance_{name}" not in chance]
        found = measure_baselines(
            examples.train,
            measured,
            task=task,
            n_outputs=examples.n_outputs,
            measures=others,
            quantiles=quantiles,
        )
        known[asked] = chance | {f"chance_{name}": value for name, value in found.items()}
    return known[asked]


def _find_chance(test: Examples) -> float:
    _, which = np.unique(test.y, axis=0, return_inverse=True)
    counts = np.bincount(which, test.weight)
    return float(counts.max() / counts.sum())


def make_run_name(job: Job, chosen: Mapping[str, str], overrides: Sequence[str], varying: Collection[str]) -> str:
    """Name a run so that a person recognizes it; the same job always gets the same name.

    Parameters
    ----------
    job : Job
        The job of the run.
    chosen : mapping of str to str
        From `name_choices`.
    overrides : sequence of str
        The job's overrides.
    varying : collection of str
        Keys that differ between the jobs of the sweep; those that the name would not show are added to it.

    Returns
    -------
    str
        Such as ``20-20-tanh-inv-s0`` or ``cats-32-relu-cosine-s0-learning_rate=0.1``. The data come first, unless all
        jobs have the digits.
    """
    data = make_data_name(chosen["data"], job.data.settings())
    first = "" if data == _DEFAULT_DATA and "data" not in varying else f"{data}-"
    base = f"{first}{name_sizes(job.arch.sizes)}-{chosen['activation']}-{chosen['schedule']}-s{job.seed}"
    shown = ("arch", "activation", "schedule", "seed", "data", *_PLACES)
    settings = [override.lstrip("+").split("=", 1) for override in overrides if "=" in override]
    return base + "".join(
        f"-{read_column_name(key.rpartition('.')[2])}={value[:40]}"
        for key, value in settings
        if key in varying and key not in shown and not key.startswith(_SIZES)
    )


def make_data_name(choice: str, settings: Mapping[str, Any]) -> str:
    """Name data after the user's file or folder, the data set at OpenML, or else the choice.

    Parameters
    ----------
    choice : str
        The choice of the group ``data``.
    settings : mapping
        The data's settings, by their names in the group.

    Examples
    --------
    >>> make_data_name("iris", {}), make_data_name("table", {"path": "mine/my cats.v2.csv.gz"})
    ('iris', 'my_cats.v2')
    >>> make_data_name("text", {"path": "posts/"}), make_data_name("openml", {"dataset": "credit-g"})
    ('posts', 'credit_g')
    """
    if settings.get("path"):
        file = PurePath(str(settings["path"]).partition("?")[0])
        name = file.with_suffix("").name if file.suffix in _PACKED else file.name
        name = PurePath(name).stem
    else:
        name = str(settings.get("dataset") or choice)
    return re.sub(r"[^\w.]+", "_", name)[:40] if settings.get("path") or settings.get("dataset") else name


def flatten_settings(job: Job, chosen: Mapping[str, str]) -> dict[str, Setting]:
    """Flatten a job's settings to scalars by dotted name, with the names of the choices first.

    Lists become text, and layer sizes one word. The name that a choice's file sets is included where it differs from
    the choice's own. Settings of `_LATER` and options of the architecture are included only where they were given, so
    that runs of earlier versions, which do not have them, do not differ.
    """
    flat: dict[str, Setting] = {**chosen, "hidden_layer_sizes": name_sizes(job.arch.sizes)}
    for name, value in job.model_dump(mode="json", exclude={**OPERATIONAL, "arch": True}).items():
        if not isinstance(value, dict):
            flat[name] = value
            continue
        for key, inner in value.items():
            flat[f"{name}.{key}"] = inner if isinstance(inner, bool | int | float | str | None) else str(inner)
    flat.pop("data.home", None)  # a folder of this machine, which says nothing about the job
    for name in _LATER:
        if not flat[name]:
            del flat[name]
    flat |= {f"arch.{name}": value for name, value in job.arch.options().items() if value}
    repeated = [f"{group}.name" for group, name in chosen.items() if flat.get(f"{group}.name") == name]
    return {name: value for name, value in flat.items() if name not in repeated}


def describe_job(job: Job, chosen: Mapping[str, str]) -> str:
    """Describe in a sentence what is trained."""
    trainer, optimizer = job.trainer.settings(), job.optimizer.settings()
    sizes = ", ".join(map(str, job.arch.sizes))
    layers = "a hidden layer" if len(job.arch.sizes) == 1 else "hidden layers"
    hidden = f"{layers} of {sizes} units ({chosen['activation']})" if sizes else "no hidden layer"
    data = {"table": "a table", "text": "texts", "openml": "a table of OpenML's"}.get(chosen["data"], chosen["data"])
    batches = "full batches" if trainer["batch_size"] is None else f"minibatches of {trainer['batch_size']}"
    return (
        f"A network with {hidden}, trained on {data} for {trainer['epochs']} epochs in {batches} by "
        f"{chosen['optimizer']}, learning rate {optimizer['learning_rate']:g} with the {chosen['schedule']} schedule, "
        f"{chosen['init']} initializer, seed {job.seed}, {trainer['dtype']}."
    )


def describe_outcome(trained: Trained, validated: bool) -> str:
    """Describe in a sentence how the training ended."""
    best = trained.best_epoch
    if trained.ending == "diverged":
        return f"It diverged at epoch {len(trained.rows) - 1}."
    measure = trained.selection.measure
    name = measure_text(measure)
    if f"test_{measure}" not in trained.curves:
        value = trained.value(f"val_{measure}", best)
        return f"Validation {name} {value:.4f} at epoch {best}, the best one; the test part is sealed."
    chosen = "the best validation epoch" if validated else "the best epoch, selected on the test set itself"
    return f"Test {name} {trained.value(f'test_{measure}', best):.4f} at epoch {best}, {chosen}."
