"""A job: the configuration of one point of a grid as checked values, and the key that identifies its result.

Its recipe is the part that says how a network is made and trained, whatever the data. The command line and the
scikit-learn estimator both make their networks from recipes, so that a configuration means the same network in both.
"""

import json
from collections.abc import Hashable, Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from nnsweep.data.load import DATA_SETS
from nnsweep.data.table_settings import ColumnName, ColumnNames
from nnsweep.jobs.machine import parse_size
from nnsweep.jobs.schema import Part, Settings, one_choice, one_group, one_of, within
from nnsweep.mlp.activations import ACTIVATIONS
from nnsweep.mlp.arrays import Task
from nnsweep.mlp.choices import Range
from nnsweep.mlp.class_weights import RULE, ClassWeight, is_class_weight
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.losses import DEFAULT_LOSSES, LOSSES
from nnsweep.mlp.measures import MEASURES, SELECTABLE, SELECTED, MeasureNames, SelectName
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Network
from nnsweep.mlp.normalization import Normalization
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.schedules import SCHEDULES, ReduceOnPlateau, Schedule
from nnsweep.mlp.train import NUMERICS_VERSION, Training

_LIST = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)  # JSON has lists for tuples
_PIECES = {name: maker for name, maker in SCHEDULES.signatures.items() if name not in ("join", "reduce_on_plateau")}
_Piece = Annotated[Part, "schedule", one_choice(_PIECES, without=SCHEDULES.given)]
_LAYERS = {"layers": (Annotated[tuple[Annotated[str, "activation", one_of(ACTIVATIONS)], ...], _LIST] | None, None)}
_FIRST: dict[str, Any] = {
    "bias_std": (Annotated[float, within(Range(ge=0))], 0.0),
    "zero_output": (bool, False),
}
_WEIGHT_DECAY = {"weight_decay": (Annotated[float, within(Range(ge=0))] | None, None)}
TABLE_WEIGHT_DECAY = 0.01
"""The weight decay for null where the data are a table of the user's, and the estimator's; see experiments/defaults."""
REGRESSION_CLIP_NORM = 1.0
"""The longest gradient for null where numbers are learned: the square of a large error can be a step too long."""


def _check_class_weight(value: Any) -> Any:
    if not is_class_weight(value):
        raise PydanticCustomError("class_weight", RULE)
    return tuple(map(float, value)) if isinstance(value, list) else value


def _order_measures(names: tuple[str, ...]) -> tuple[str, ...]:
    """Name each measure once, in the order that all are known in: a list in another order asks for the same."""
    return tuple(name for name in MEASURES if name in names)


_MEASURES = tuple[Annotated[str, "measure", one_of(MEASURES)], ...]
_TRAINER: dict[Any, Any] = {
    ClassWeight: Annotated[ClassWeight, BeforeValidator(_check_class_weight)],
    MeasureNames: Annotated[_MEASURES, _LIST, AfterValidator(_order_measures)],
    SelectName: Annotated[str, "val_MEASURE", one_of(SELECTABLE)],
}
_MORE = {
    "dropout": (Annotated[float, within(Range(ge=0, lt=1))], 0.0),
    "calibrate": (Annotated[str, one_of({"temperature"})] | None, None),
}
"""Settings of the trainer that are not about the training of weights itself."""


class Arch(Settings):
    """The hidden layers: their sizes, or the number of equal ones (`depth`) and of their units (`width`)."""

    name: str
    hidden_layer_sizes: tuple[Annotated[int, within(Range(ge=1))], ...] | None = None
    depth: Annotated[int, within(Range(ge=0, le=1000))] | None = None
    width: Annotated[int, within(Range(ge=1))] | None = None
    normalization: Normalization | None = None
    residual: bool = False
    scaling_layer: bool = False
    parametrization: Literal["ntk"] | None = None

    @model_validator(mode="after")
    def _require_one_form(self) -> "Arch":
        absent = (self.hidden_layer_sizes is None, self.depth is None, self.width is None)
        if absent not in ((False, True, True), (True, False, False)):
            raise ValueError("give either hidden_layer_sizes, or depth and width")
        return self

    @property
    def sizes(self) -> tuple[int, ...]:
        """The hidden layer sizes, in either form."""
        if self.hidden_layer_sizes is not None:
            return self.hidden_layer_sizes
        return (self.width or 0,) * (self.depth or 0)

    def options(self) -> dict[str, Any]:
        """Return what a network may have besides layers of some sizes; what it has not is None or false."""
        is_residual = self.residual and any(one == next_one for one, next_one in pairwise(self.sizes))
        return {
            "normalization": self.normalization if self.sizes else None,
            "residual": is_residual,
            "scaling_layer": self.scaling_layer,
            "parametrization": self.parametrization,
        }


class Recipe(Settings):
    """How a network is made and trained; the fields have the names of the configuration."""

    arch: Arch
    activation: Annotated[Part, one_choice(ACTIVATIONS.signatures, more=_LAYERS)]
    output_activation: Annotated[str, one_of(ACTIVATIONS)]
    schedule: Annotated[Part, one_choice(SCHEDULES.signatures, without=SCHEDULES.given, replace={Schedule: _Piece})]
    optimizer: Annotated[Part, one_choice(OPTIMIZERS.signatures, more=_WEIGHT_DECAY)]
    init: Annotated[Part, one_choice(INITIALIZERS.signatures, more=_FIRST)]
    # recorded configurations may be older than the choice of a loss
    loss: Annotated[Part, one_choice(LOSSES.signatures)] = Field(
        default_factory=lambda: cast(Part, {"name": "auto"}), validate_default=True
    )
    trainer: Annotated[
        Settings, one_group("trainer", Training, without={"optimizer", "loss"}, more=_MORE, replace=_TRAINER)
    ]
    seed: Annotated[int, within(Range(ge=0, lt=2**32))]

    @model_validator(mode="after")
    def _check_schedule(self) -> "Recipe":
        warmup_epochs, epochs = self.schedule.settings().get("warmup_epochs", 0), self.trainer.settings()["epochs"]
        if warmup_epochs > epochs:
            raise ValueError(f"schedule.warmup_epochs={warmup_epochs} must not exceed trainer.epochs={epochs}")
        try:
            self.rule()
        except ValueError as error:
            raise ValueError(f"schedule: {error}") from error
        return self

    @model_validator(mode="after")
    def _check_loss(self) -> "Recipe":
        try:
            LOSSES[self.loss.name](**self.loss.settings())
        except ValueError as error:
            raise ValueError(f"loss.{error}") from error
        return self

    @model_validator(mode="after")
    def _check_layers(self) -> "Recipe":
        layers, n_hidden = self.activation.settings()["layers"], len(self.arch.sizes)
        if layers is not None and len(layers) != n_hidden:
            raise ValueError(
                f"activation.layers=[{','.join(layers)}]: must have one activation for each of the {n_hidden} hidden "
                f"layers, has {len(layers)}"
            )
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as JSON: the classes of the parts cannot be imported by name in another process."""
        return type(self).model_validate_json, (self.model_dump_json(),)

    def kind(self) -> tuple[Hashable, ...]:
        """Return what networks must have in common to be trained together, besides their data."""
        options = tuple(self.arch.options().values())
        return (
            self.arch.sizes,
            options,
            self.activation,
            self.output_activation,
            self.optimizer.name,
            self.loss,
            self.trainer,
        )

    def rule(self) -> Schedule | ReduceOnPlateau:
        """Return the schedule; raises `ValueError` if its settings contradict each other."""
        return _make_schedule(self.schedule, float(self.optimizer.settings()["learning_rate"]))

    def network(self) -> Network:
        """Return what the network shares with others of its stack."""
        constants = self.activation.settings()
        layers = constants.pop("layers")
        activation = ACTIVATIONS[self.activation.name](**constants)
        return Network(
            hidden_layer_sizes=self.arch.sizes,
            activation=activation,
            output_activation=ACTIVATIONS[self.output_activation](),
            layer_activations=layers
            and tuple(activation if name == self.activation.name else ACTIVATIONS[name]() for name in layers),
            **self.arch.options(),
            dropout=self.trainer.settings()["dropout"],
        )

    def member(self) -> Member:
        """Return what the network has for itself, apart from its stack."""
        constants = self.optimizer.settings()
        learning_rate, weight_decay = constants.pop("learning_rate"), constants.pop("weight_decay")
        return Member(
            seed=self.seed,
            initializer=INITIALIZERS[self.init.name],
            schedule=self.rule(),
            learning_rate=learning_rate,
            hyperparameters=constants,
            **self.init.settings(),
            weight_decay=weight_decay or 0.0,
        )

    def training(self) -> Training:
        """Return the settings of its training."""
        values = self.trainer.settings()
        for name in _MORE:
            del values[name]
        loss = LOSSES[self.loss.name](**self.loss.settings())
        return Training(optimizer=OPTIMIZERS[self.optimizer.name], loss=loss, **values)


def _make_schedule(part: Part, learning_rate: float) -> Schedule | ReduceOnPlateau:
    settings = part.settings()
    if "pieces" in settings:
        settings["pieces"] = tuple(_make_schedule(piece, learning_rate) for piece in settings["pieces"])
    schedule: Schedule | ReduceOnPlateau = SCHEDULES[part.name](learning_rate=learning_rate, **settings)
    return schedule


OPERATIONAL = {
    name: True for name in ("tracking", "sweep", "dry_run", "rerun", "retries", "fail_fast", "checkpoint_every")
}
"""Settings that cannot change a job's result; they are the same for all jobs of a sweep."""
OWN_TABLES = {"table", "openml"}
"""Data sets for which null means `TABLE_WEIGHT_DECAY`."""
WHEREABOUTS = {"home", "path", "test_path"}
"""Settings that say where the data are; what identifies data is their digest."""

_LAYOUT = ("header", "separator", "skip_lines", "comment", "quote", "unnamed", "sheet")
_CELLS = ("decimal", "thousands", "date_format", "missing_marks")
_LATER: dict[str, tuple[str, ...]] = {
    "activation": ("layers",),
    "trainer": ("class_weight", "ema", "bias_rate_factor", "scale_rate_factor", "measures", "select", "calibrate"),
    "data": ("ignore", "rare", "split_by", "task", "weight", "scaling", *_LAYOUT, *_CELLS),
}
"""Settings, by group, that are younger than the first keys; null stands for what was done before they existed."""
_USUAL_LOSSES = tuple(
    {"name": name, **{key: default for key, (_, default) in LOSSES.settings(name).items()}}
    for name in ("auto", *DEFAULT_LOSSES.values())
)
"""Losses that need no place in a key."""

_USUAL_SELECTIONS = {f"val_{name}" for name in SELECTED.values()}

Models: TypeAlias = Literal["best", "all", "none"]
"""Which runs of a sweep get a model that MLflow can load and serve."""


class Tracking(Settings):
    """Where a run is recorded, and in how much detail."""

    uri: str | None = None
    experiment: str = "nnsweep"
    artifact_root: str | None = None
    max_points: Annotated[int, within(Range(ge=4))] = 400
    pictures: bool | None = None
    models: Models = "best"
    patience: Annotated[float, within(Range(ge=0))] = 30.0

    @field_validator("artifact_root")
    @classmethod
    def _strip(cls, root: str | None) -> str | None:
        return root and root.strip()


def _write_as_overrides(grid: Any) -> Any:
    """Write a grid of `sweep.grids` as overrides if it is a mapping."""
    if not isinstance(grid, Mapping):
        return grid
    if any(isinstance(value, list | Mapping) for value in grid.values()):
        raise ValueError("write values as on the command line: '1,2' is two values, '[1,2]' is one list")
    return tuple(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in grid.items())


def _make_tuple(value: Any) -> Any:
    """Convert a list, a single text or null, which stands for an empty list, to a tuple."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _require_two(keys: tuple[str, ...]) -> tuple[str, ...]:
    if len(keys) < 2:
        raise ValueError("at least two keys can go in step, as in [[seed,trainer.epochs]]")
    return keys


_Tuple = BeforeValidator(_make_tuple)
_Grid = Annotated[tuple[str, ...], _Tuple, BeforeValidator(_write_as_overrides)]
_Keys = Annotated[tuple[str, ...], _Tuple, AfterValidator(_require_two)]


class Sweep(Settings):
    """Which jobs a sweep has and how they are launched; all jobs of a sweep have the same.

    Attributes
    ----------
    grids : tuple of tuples of str
        The overrides of each grid; several grids follow one another.
    zip : tuple of tuples of str
        Keys whose lists of values go in step.
    exclude : tuple of str
        Rules; jobs for which one of them holds are left out.
    max_jobs : int
        The most jobs that a sweep may have.
    workers : int or None
        Processes of the stacked launcher; None for one per physical core, or fewer where there is little to do.
    max_stack_memory : str
        How much memory one stack of networks may take, such as ``1GB``.
    """

    grids: Annotated[tuple[_Grid, ...], "list of grids, each a mapping or a list of overrides", _Tuple] = ()
    zip: Annotated[tuple[_Keys, ...], "list of lists of keys", _Tuple] = ()
    exclude: Annotated[tuple[str, ...], "list of rules", _Tuple] = ()
    max_jobs: Annotated[int, within(Range(ge=1))] = 10_000
    workers: Annotated[int, within(Range(ge=1))] | None = None
    max_stack_memory: Annotated[str, "size, such as 512MB or 2GiB"] = "1GB"

    @field_validator("zip", mode="before")
    @classmethod
    def _list_keys(cls, value: Any) -> Any:
        """Accept a single list of keys in place of a list of such lists."""
        is_one = isinstance(value, list) and value and all(isinstance(key, str) for key in value)
        return (value,) if is_one else value

    @field_validator("max_stack_memory")
    @classmethod
    def _check_size(cls, text: str) -> str:
        parse_size(text)
        return text

    @property
    def max_stack_bytes(self) -> int:
        """How many bytes of memory one stack of networks may take."""
        return parse_size(self.max_stack_memory)


def _write_name(name: Any) -> Any:
    """Write the name of a column that is a number, which YAML reads as one, as a text."""
    return str(name) if type(name) is int else name


def _check_column_names(value: Any) -> Any:
    """Check a name or a list of names, so that a wrong value is told once, and not for each form that it may have."""
    value = tuple(map(_write_name, value)) if isinstance(value, list) else _write_name(value)
    is_list = isinstance(value, tuple) and all(isinstance(name, str) for name in value)
    if not is_list and not isinstance(value, str | None):
        raise PydanticCustomError("column_names", "must be the name of a column, or a list of names")
    return value


_COLUMNS = {
    ColumnName: Annotated[str, "column", BeforeValidator(_write_name)],
    ColumnNames: Annotated[
        str | tuple[str, ...] | None, "column, list of columns, or null", BeforeValidator(_check_column_names)
    ],
}


class Job(Recipe):
    """One point of a grid; the fields have the names of the configuration."""

    data: Annotated[Part, one_choice(DATA_SETS.signatures, replace=_COLUMNS)]
    tracking: Tracking
    sweep: Sweep = Sweep()
    dry_run: bool = False
    rerun: Literal["all", "failed", "none"] | None = None
    retries: Annotated[int, within(Range(ge=0))] = 0
    fail_fast: bool = False
    checkpoint_every: Annotated[int, within(Range(ge=1))] | None = None

    @model_validator(mode="after")
    def _set_weight_decay(self) -> "Job":
        """Replace null by a number, so that records and keys have the value that training uses."""
        if self.optimizer.settings()["weight_decay"] is None:
            decay = TABLE_WEIGHT_DECAY if self.data.name in OWN_TABLES else 0.0
            object.__setattr__(self, "optimizer", self.optimizer.model_copy(update={"weight_decay": decay}))
        return self

    @model_validator(mode="after")
    def _check_parts(self) -> "Job":
        data, needs_validation = self.data.settings(), self.find_validation_need()
        if needs_validation and not data["val_fraction"] and data.get("split") is None:
            raise ValueError(f"{needs_validation} needs a validation part: set data.val_fraction above 0")
        if data.get("fold") is not None and data["fold"] >= data["n_folds"]:
            raise ValueError(
                f"data.fold={data['fold']}: must be below data.n_folds={data['n_folds']}; folds count from 0, as in "
                f"data.fold='range(0,{data['n_folds']})'"
            )
        return self

    def find_validation_need(self) -> str:
        """Give the setting that needs a validation part, as it is written in an override; empty if none does."""
        trainer = self.trainer.settings()
        for name in ("patience", "calibrate"):
            if trainer[name] is not None:
                return f"trainer.{name}={trainer[name]}"
        return "trainer.sealed_test=true" if trainer["sealed_test"] else ""

    def training(self, task: Task = "classification") -> Training:
        """Return the settings of its training on data of a task."""
        training = super().training()
        if task == "regression" and training.clip_norm is None:
            return replace(training, clip_norm=REGRESSION_CLIP_NORM)
        return training

    def identity(self) -> dict[str, Any]:
        """Return all that can change the result, as JSON values."""
        identity = self.model_dump(mode="json", exclude=OPERATIONAL | {"arch": True, "data": WHEREABOUTS})
        for group, names in _LATER.items():  # keys from before these settings stay valid
            for name in names:
                if identity[group].get(name) is None:
                    identity[group].pop(name, None)
        identity["init"] = {name: value for name, value in identity["init"].items() if value}  # nor these two where off
        if identity["trainer"].get("select") in _USUAL_SELECTIONS:  # so do they here
            del identity["trainer"]["select"]
        if identity["loss"] in _USUAL_LOSSES:  # the data say which of them it is
            del identity["loss"]
        if not identity["trainer"]["sealed_test"]:  # it is younger, too
            del identity["trainer"]["sealed_test"]
        options = {name: value for name, value in self.arch.options().items() if value}
        return identity | {"hidden_layer_sizes": list(self.arch.sizes), **options}

    def key(self, data_digest: str, numerics: int | None = None) -> str:
        """Hash all that can change the result: identity, data and the version of the numerics, by default this one."""
        version = NUMERICS_VERSION if numerics is None else numerics
        parts = {"job": self.identity(), "data": data_digest, "numerics": version}
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
