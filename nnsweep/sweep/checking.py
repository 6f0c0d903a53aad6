"""From a composed configuration to a checked job, or to a list of what is wrong with it."""

import json
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from nnsweep.errors import ConfigError
from nnsweep.messages import shortened
from nnsweep.sweep.composing import told
from nnsweep.sweep.job import Job
from nnsweep.sweep.kinds import kind
from nnsweep.sweep.problems import problems
from nnsweep.sweep.written import column_name

LONGEST_EXPERIMENT = 500
"""Characters of an experiment's name in MLflow."""


def checked(config: DictConfig) -> Job:
    """Make a job of a composed configuration.

    Raises
    ------
    ConfigError
        With one line for each problem.
    """
    return job_of(values_of(config))


def values_of(config: DictConfig) -> dict[str, Any]:
    """Give the resolved values that a job is made of.

    Raises
    ------
    ConfigError
        If one is missing, or cannot be resolved.
    """
    try:
        values = {str(key): as_text(str(key), _plain(config[key])) for key in config if key != "hydra"}
        _name_columns(values.get("data"))
    except OmegaConfBaseException as error:
        raise ConfigError(told(error)) from error
    return values


def job_of(values: Mapping[str, Any]) -> Job:
    """Make a job of its values; see `checked`."""
    try:
        job = Job.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise ConfigError(*problems(error, values)) from error
    if not 1 <= len(job.tracking.experiment) <= LONGEST_EXPERIMENT:
        given = f"tracking.experiment={shortened(job.tracking.experiment)}"
        raise ConfigError(f"{given}: must have 1 to {LONGEST_EXPERIMENT} characters")
    return job


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True, throw_on_missing=True) if OmegaConf.is_config(value) else value


def _name_columns(data: Any) -> None:
    """Give columns the names that they have in the table: Hydra was told others."""
    if isinstance(data, dict) and isinstance(data.get("columns"), dict):
        data["columns"] = {column_name(str(key)): kind for key, kind in data["columns"].items()}


def as_text(key: str, value: Any) -> Any:
    """Write whole numbers as text where a setting takes text: a file that names the experiment 2024 means its name."""
    if isinstance(value, dict):
        return {name: as_text(f"{key}.{name}", inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_text(key, inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and (known := kind(key)) and known.is_text:
        return str(value)
    return value
