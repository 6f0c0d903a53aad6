"""The record of a run: plain values, whether it was just trained or read back from a store.

Tables and pictures are made of these records alone, so they look the same at the end of a sweep and a
year later.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

Setting: TypeAlias = bool | int | float | str | None

CHOICES = (
    "arch",
    "hidden_layer_sizes",
    "activation",
    "output_activation",
    "schedule",
    "optimizer",
    "init",
    "data",
)
"""Settings that are names, even where one reads like a number."""

CURVES = (
    "learning_rate",
    "train_cost",
    "val_accuracy",
    "test_accuracy",
    "val_cost",
    "test_cost",
    "val_weighted_accuracy",
    "test_weighted_accuracy",
)
"""The values that a run has for every epoch."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is known of one job when it has ended.

    Attributes
    ----------
    run_id : str
        The run's id in the store.
    name : str
        Readable name, such as ``20-20-tanh-inv-s0``.
    state : str
        ``finished``, ``failed``, ``diverged``, ``interrupted``, ``lost`` (its process went without a word) or
        ``running``.
    reason : str
        Why a run that did not finish ended; empty for a finished one.
    settings : dict
        Every scalar of the job's configuration by dotted name (``schedule.decay_rate``), and the name
        of each choice (``arch``, ``activation``, ``data``, ...). Layer sizes are a string: ``20-20``.
    metrics : dict
        Final metrics (``test_accuracy``, ``best_epoch``, ``n_parameters``, ``duration_seconds``, ...).
    sweep : str
        Id of the sweep it belongs to.
    job : int
        Its number within the sweep, from 0.
    key : str
        Hash of all that can change its result; equal keys, equal results.
    attempt : int
        How many runs with this key there have been, this one counted.
    data_digest : str
        Hash of the data that it was trained on.
    """

    run_id: str
    name: str
    state: str
    reason: str = ""
    settings: dict[str, Setting] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    sweep: str = ""
    job: int = 0
    key: str = ""
    attempt: int = 1
    data_digest: str = ""
