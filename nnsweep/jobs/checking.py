"""Checks of jobs before the first one starts: each configuration by itself, and each job against its data.

A composed configuration becomes a checked job, or a list of what is wrong with it. Once the data are loaded, it shows
whether the job fits them, and this machine.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from nnsweep.data.dataset import Dataset
from nnsweep.errors import ConfigError
from nnsweep.jobs.groups import find_kind
from nnsweep.jobs.job import Job
from nnsweep.jobs.machine import measure_memory
from nnsweep.jobs.names import name_sizes
from nnsweep.jobs.overrides import read_column_name
from nnsweep.jobs.problems import explain_hydra_error, list_problems
from nnsweep.jobs.stacks import predict_memory
from nnsweep.jobs.worker import load_dataset
from nnsweep.mlp.class_weights import ClassWeight, class_weights
from nnsweep.mlp.measures import COST, list_measures
from nnsweep.text import shorten, warn

LONGEST_EXPERIMENT = 500
"""Characters of an experiment's name in MLflow."""
MOST_NAMES = 100
"""Classes that are named in a message."""


def check_configuration(config: DictConfig) -> Job:
    """Make a job of a composed configuration.

    Raises
    ------
    ConfigError
        With one line for each problem.
    """
    return make_job(resolve_values(config))


def resolve_values(config: DictConfig) -> dict[str, Any]:
    """Give the resolved values that a job is made of.

    Raises
    ------
    ConfigError
        If one is missing, or cannot be resolved.
    """
    values: dict[str, Any] = {}
    try:
        for key in (str(key) for key in config if key != "hydra"):
            value = config[key]
            if OmegaConf.is_config(value):
                value = OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
            values[key] = keep_text(key, value)
    except OmegaConfBaseException as error:
        raise ConfigError(explain_hydra_error(error)) from error
    data = values.get("data")
    if isinstance(data, dict) and isinstance(data.get("columns"), dict):  # Hydra was given other names for them
        data["columns"] = {read_column_name(str(name)): kind for name, kind in data["columns"].items()}
    return values


def make_job(values: Mapping[str, Any]) -> Job:
    """Make a job of its values; see `check_configuration`."""
    try:
        job = Job.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise ConfigError(*list_problems(error, values)) from error
    experiment = job.tracking.experiment
    if not 1 <= len(experiment) <= LONGEST_EXPERIMENT:
        rule = f"must have 1 to {LONGEST_EXPERIMENT} characters"
        raise ConfigError(f"tracking.experiment={shorten(experiment)}: {rule}")
    return job


def keep_text(key: str, value: Any) -> Any:
    """Turn whole numbers into text where a setting takes text, so that a file can call an experiment 2024."""
    if isinstance(value, dict):
        return {name: keep_text(f"{key}.{name}", inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [keep_text(key, inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and (kind := find_kind(key)) and kind.is_text:
        return str(value)
    return value


def require_fit(jobs: Sequence[Job]) -> None:
    """Refuse jobs that do not fit this machine or their data, and warn of what is odd; the data sets are loaded.

    Raises
    ------
    ConfigError
        With all problems of all jobs, each once.
    """
    problems: dict[str, None] = {}
    warnings: dict[str, None] = {}
    kinds = {(job.data, *job.kind()): job for job in jobs}  # no other setting is asked for here
    for job in kinds.values():
        data = load_dataset(job.data)
        if mismatches := [*find_task_problems(job, data)]:
            problems |= dict.fromkeys(mismatches)
            continue
        problems |= dict.fromkeys(
            (_find_memory_problem(job), find_class_weight_problem(job, data), _find_validation_problem(job, data))
        )
        warnings[find_class_weight_warning(job, data)] = None
    if lines := [problem for problem in problems if problem]:
        raise ConfigError(*lines)
    for warning in filter(None, warnings):
        warn(warning)


def find_task_problems(job: Job, data: Dataset) -> Iterator[str]:
    """Say which settings of a job are for another task than that of its data.

    Parameters
    ----------
    job : Job
        Its loss, its measures, class weights, calibration and the activation of its outputs are checked.
    data : Dataset
        What is learned.
    """
    loss, trainer = job.training().loss, job.trainer.settings()
    if loss is not None and loss.task != data.task:
        yield f"loss={loss.name}: is for {loss.task}, and {data.name} is {data.task}; choose loss=auto"
    if trainer["class_weight"] is not None and data.task != "classification":
        weights = trainer["class_weight"]
        setting = shorten(weights if isinstance(weights, str) else f"[{','.join(f'{one:g}' for one in weights)}]")
        yield (
            f"trainer.class_weight={setting}: is for classification, and {data.name} is {data.task}; leave it out, or "
            "weigh rows by data.weight"
        )
    if job.output_activation != "identity" and data.task == "regression":
        yield (
            f"output_activation={job.output_activation}: must be identity for regression, as {data.name} is, so that "
            "every number can be predicted"
        )
    if trainer["calibrate"] is not None and data.task != "classification":
        rule = f"is for classification, and {data.name} is {data.task}; set it to null"
        yield f"trainer.calibrate={trainer['calibrate']}: {rule}"
    if problem := _find_measure_problem(job, data):
        yield problem


def _find_memory_problem(job: Job) -> str:
    """Say if training needs more memory than the machine has; empty if not."""
    n_bytes, memory = predict_memory(job, load_dataset), measure_memory()
    if n_bytes <= memory:
        return ""
    rule = f"needs {n_bytes / 2**30:.0f} GiB to train, and there are {memory / 2**30:.0f}; make it smaller"
    return f"arch.hidden_layer_sizes={name_sizes(job.arch.sizes)[:60]}: {rule}"


def _find_validation_problem(job: Job, data: Dataset) -> str:
    """Say what lacks a validation part, because the table itself names the parts; empty if nothing does."""
    setting = job.find_validation_need()
    if not setting or data.val is not None:
        return ""
    return f"{setting} needs a validation part, and data.split names none: set data.val_fraction above 0"


def _find_measure_problem(job: Job, data: Dataset) -> str:
    """Say which measure is none of the data's task; empty if all are."""
    trainer, own = job.trainer.settings(), list_measures(data.task)
    select = trainer["select"]
    named = [("measures", f"[{','.join(trainer['measures'] or ())}]", name) for name in trainer["measures"] or ()]
    named += [("select", select, select.removeprefix("val_"))] if select else []
    for setting, written, name in named:
        if name not in (*own, COST.name):
            rule = f"{name} is no measure of {data.task}, the task of {data.name}; choose from {', '.join(own)}"
            return f"trainer.{setting}={shorten(written)}: {rule}"
    return ""


def find_class_weight_problem(job: Job, data: Dataset) -> str:
    """Say why a job's class weights cannot be those of a data set; empty if they can.

    Parameters
    ----------
    job : Job
        Its ``trainer.class_weight`` is checked.
    data : Dataset
        The classes, in their order, and how many training samples each has.
    """
    weights: ClassWeight = job.trainer.settings()["class_weight"]
    listed = weights if isinstance(weights, tuple) else ()
    setting = "trainer.class_weight=" + shorten(f"[{','.join(f'{weight:g}' for weight in listed)}]")
    if isinstance(weights, tuple) and len(weights) != data.n_classes:
        rule = f"must have one weight for each of the {data.n_classes} classes of {data.name}, in this order"
        return f"{setting}: {rule}: {_list_names(data.class_names)}; it has {len(weights)}"
    try:
        class_weights(weights, data.train.y, data.n_classes)
    except ValueError:
        rule = f"leaves no training sample of {data.name} that counts; classes without"
        return f"{setting}: {rule}: {_list_absent(data)}"
    return ""


def find_class_weight_warning(job: Job, data: Dataset) -> str:
    """Say which classes balanced weights cannot balance, for lack of training samples; empty if there are none."""
    absent = _list_absent(data) if job.trainer.settings()["class_weight"] == "balanced" else ""
    rule = "no training sample is of these classes, which therefore count nothing"
    return f"trainer.class_weight=balanced: of {data.name} {rule}: {absent}" if absent else ""


def _list_absent(data: Dataset) -> str:
    counts = np.bincount(data.train.y, minlength=data.n_classes)
    return _list_names([name for name, count in zip(data.class_names, counts, strict=True) if not count])


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(str, names[:MOST_NAMES])) + more
