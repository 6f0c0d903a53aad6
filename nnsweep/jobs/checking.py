"""From a composed configuration to a checked job, or to a list of what is wrong with it; class weights included.

From a composed configuration to a checked job, or to a list of what is wrong with it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from nnsweep.data.dataset import Dataset
from nnsweep.errors import ConfigError
from nnsweep.jobs.job import Job
from nnsweep.jobs.kinds import find_kind
from nnsweep.jobs.overrides import read_column_name
from nnsweep.jobs.problems import explain_hydra_error, list_problems
from nnsweep.mlp.losses import ClassWeight, class_weights
from nnsweep.text import shorten

LONGEST_EXPERIMENT = 500
"""Characters of an experiment's name in MLflow."""


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
    try:
        values = {str(key): keep_text(str(key), _plain(config[key])) for key in config if key != "hydra"}
        _name_columns(values.get("data"))
    except OmegaConfBaseException as error:
        raise ConfigError(explain_hydra_error(error)) from error
    return values


def make_job(values: Mapping[str, Any]) -> Job:
    """Make a job of its values; see `check_configuration`."""
    try:
        job = Job.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise ConfigError(*list_problems(error, values)) from error
    if not 1 <= len(job.tracking.experiment) <= LONGEST_EXPERIMENT:
        given = f"tracking.experiment={shorten(job.tracking.experiment)}"
        raise ConfigError(f"{given}: must have 1 to {LONGEST_EXPERIMENT} characters")
    return job


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True, throw_on_missing=True) if OmegaConf.is_config(value) else value


def _name_columns(data: Any) -> None:
    """Give columns the names that they have in the table: Hydra was told others."""
    if isinstance(data, dict) and isinstance(data.get("columns"), dict):
        data["columns"] = {read_column_name(str(key)): kind for key, kind in data["columns"].items()}


def keep_text(key: str, value: Any) -> Any:
    """Write whole numbers as text where a setting takes text: a file that names the experiment 2024 means its name."""
    if isinstance(value, dict):
        return {name: keep_text(f"{key}.{name}", inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [keep_text(key, inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and (known := find_kind(key)) and known.is_text:
        return str(value)
    return value


MOST_NAMES = 100
"""Classes that are named in a message."""


def find_class_weight_problem(job: Job, data: Dataset) -> str:
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


def find_class_weight_warning(job: Job, data: Dataset) -> str:
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
    return "trainer.class_weight=" + shorten(f"[{','.join(f'{weight:g}' for weight in weights)}]")
