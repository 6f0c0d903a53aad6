"""A job: one point of the grid, as plain typed values.

A job is made once, at the edge, from a composed configuration, and every value is checked there. What
can change its result is its `identity`; its operational settings only say which jobs there are and where
their results are recorded.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from nnsweep.data.load import DATA_SETS
from nnsweep.mlp.activations import ACTIVATIONS, Activation
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.learner import Member
from nnsweep.mlp.network import Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.plateau import ReduceOnPlateau
from nnsweep.mlp.ranges import Range
from nnsweep.mlp.schedules import SCHEDULES, Schedule
from nnsweep.mlp.train import NUMERICS_VERSION, Training
from nnsweep.sweep.memory import size_in_bytes
from nnsweep.sweep.parts import Part, Settings, choice, group, one_of, within

_PIECES = {name: maker for name, maker in SCHEDULES.items() if name not in ("join", "reduce_on_plateau")}
_Piece = Annotated[Part, choice(_PIECES, without={"learning_rate"})]
_UPDATES: dict[str, Callable[..., None]] = {name: optimizer.update for name, optimizer in OPTIMIZERS.items()}


_WEIGHT_DECAY = {"weight_decay": (Annotated[float, within(Range(ge=0))], 0.0)}
_DROPOUT = {"dropout": (Annotated[float, within(Range(ge=0, lt=1))], 0.0)}

OPERATIONAL = {
    name: True for name in ("tracking", "sweep", "dry_run", "rerun", "retries", "fail_fast", "checkpoint_every")
}
"""The settings that cannot change a job's result; they are the same for all jobs of a sweep."""


class Arch(Settings):
    """The hidden layers: their sizes, or how many equal ones (`depth`) of how many units (`width`)."""

    name: str
    hidden_layer_sizes: tuple[Annotated[int, within(Range(ge=1))], ...] | None = None
    depth: Annotated[int, within(Range(ge=0, le=1000))] | None = None
    width: Annotated[int, within(Range(ge=1))] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "Arch":
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


class Tracking(Settings):
    """Where a run is recorded, and how much of it."""

    uri: str | None = None
    experiment: str = "nnsweep"
    artifact_root: str | None = None
    max_points: Annotated[int, within(Range(ge=4))] = 400
    pictures: bool | None = None
    patience: Annotated[float, within(Range(ge=0))] = 30.0


def _grid(given: Any) -> Any:
    """Write a grid of `sweep.grids` as overrides, in whichever of its two forms it is given."""
    if isinstance(given, Mapping):
        if any(isinstance(value, list | Mapping) for value in given.values()):
            raise ValueError("write values as on the command line: '1,2' is two values, '[1,2]' is one list")
        return tuple(f"{key}={_written(value)}" for key, value in given.items())
    return given


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _several(given: Any) -> Any:
    """Take one text where a list may be, and null for an empty one."""
    if given is None:
        return ()
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, list) else given


def _steps(given: Any) -> Any:
    """Take one list of keys where a list of such lists may be."""
    one = isinstance(given, list) and given and all(isinstance(key, str) for key in given)
    return (given,) if one else given


def _at_least_two(keys: tuple[str, ...]) -> tuple[str, ...]:
    if len(keys) < 2:
        raise ValueError("at least two keys can go in step, as in [[seed,trainer.epochs]]")
    return keys


def _size(text: str) -> str:
    size_in_bytes(text)
    return text


_Several = BeforeValidator(_several)
_Grid = Annotated[tuple[str, ...], _Several, BeforeValidator(_grid)]
_Keys = Annotated[tuple[str, ...], _Several, AfterValidator(_at_least_two)]


class Sweep(Settings):
    """Which jobs a grid has, and how they are launched; the same for all of them.

    Attributes
    ----------
    grids : tuple of tuples of str
        The overrides of each grid; several grids follow one another.
    zip : tuple of tuples of str
        Keys whose lists of values go in step.
    exclude : tuple of str
        Rules; a job that one of them holds for is left out.
    max_jobs : int
        A grid with more jobs is refused.
    workers : int or None
        Processes of the stacked launcher; None for one a physical core, fewer where there is little to do.
    max_stack_memory : str
        What one stack of networks may take, such as ``1GB``.
    """

    grids: Annotated[tuple[_Grid, ...], _Several] = ()
    zip: Annotated[tuple[_Keys, ...], _Several, BeforeValidator(_steps)] = ()
    exclude: Annotated[tuple[str, ...], _Several] = ()
    max_jobs: Annotated[int, within(Range(ge=1))] = 10_000
    workers: Annotated[int, within(Range(ge=1))] | None = None
    max_stack_memory: Annotated[str, AfterValidator(_size)] = "1GB"


class Job(Settings):
    """One point of the grid; the names are those of the configuration."""

    arch: Arch
    activation: Annotated[Part, choice(ACTIVATIONS)]
    output_activation: Annotated[str, one_of(ACTIVATIONS)]
    schedule: Annotated[Part, choice(SCHEDULES, without={"learning_rate"}, replace={Schedule: _Piece})]
    optimizer: Annotated[Part, choice(_UPDATES, more=_WEIGHT_DECAY)]
    init: Annotated[Part, choice(INITIALIZERS)]
    data: Annotated[Part, choice(DATA_SETS)]
    trainer: Annotated[Settings, group("trainer", Training, without={"optimizer"}, more=_DROPOUT)]
    seed: Annotated[int, within(Range(ge=0, lt=2**32))]
    tracking: Tracking
    sweep: Sweep = Sweep()
    dry_run: bool = False
    rerun: Literal["all", "failed", "none"] | None = None
    retries: Annotated[int, within(Range(ge=0))] = 0
    fail_fast: bool = False
    checkpoint_every: Annotated[int, within(Range(ge=1))] | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> "Job":
        trainer, schedule, data = (part.settings() for part in (self.trainer, self.schedule, self.data))
        if trainer["patience"] is not None and not data["val_fraction"]:
            raise ValueError(
                f"trainer.patience={trainer['patience']} needs a validation part: set data.val_fraction above 0"
            )
        if schedule.get("warmup_epochs", 0) > trainer["epochs"]:
            raise ValueError(
                f"schedule.warmup_epochs={schedule['warmup_epochs']} must not exceed trainer.epochs={trainer['epochs']}"
            )
        try:
            self.rule()
        except ValueError as error:
            raise ValueError(f"schedule: {error}") from error
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to other processes as JSON: the classes of the parts have no names to be found by."""
        return Job.model_validate_json, (self.model_dump_json(),)

    def identity(self) -> dict[str, Any]:
        """Return all that can change the result, as JSON values."""
        identity = self.model_dump(mode="json", exclude=OPERATIONAL | {"arch": True, "data": {"home"}})
        return identity | {"hidden_layer_sizes": list(self.arch.sizes)}

    def operation(self) -> dict[str, Any]:
        """Return all that cannot change the result."""
        return {name: getattr(self, name) for name in OPERATIONAL}

    def key(self, data_digest: str) -> str:
        """Hash all that can change the result: identity, data and the version of the numerics."""
        parts = {"job": self.identity(), "data": data_digest, "numerics": NUMERICS_VERSION}
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def rule(self) -> Schedule | ReduceOnPlateau:
        """Return the schedule; raises `ValueError` if its settings contradict each other."""
        return _schedule(self.schedule, self._learning_rate)

    def network(self) -> Network:
        """Return what the network shares with others of its stack."""
        return Network(
            hidden_layer_sizes=self.arch.sizes,
            activation=_activation(self.activation.name, self.activation.settings()),
            output_activation=_activation(self.output_activation, {}),
            dropout=self.trainer.settings()["dropout"],
        )

    def member(self) -> Member:
        """Return what the network has for itself."""
        constants = self.optimizer.settings()
        learning_rate, weight_decay = constants.pop("learning_rate"), constants.pop("weight_decay")
        return Member(
            seed=self.seed,
            initializer=INITIALIZERS[self.init.name],
            schedule=self.rule(),
            learning_rate=learning_rate,
            hyperparameters=constants,
            weight_decay=weight_decay,
        )

    def training(self) -> Training:
        """Return how it is trained."""
        values = self.trainer.settings()
        values.pop("dropout")
        return Training(optimizer=OPTIMIZERS[self.optimizer.name], **values)

    @property
    def _learning_rate(self) -> float:
        return float(self.optimizer.settings()["learning_rate"])


def _activation(name: str, settings: dict[str, Any]) -> Activation:
    return ACTIVATIONS[name](**settings)


def _schedule(part: Part, learning_rate: float) -> Schedule | ReduceOnPlateau:
    settings = part.settings()
    if "pieces" in settings:
        settings["pieces"] = tuple(_schedule(piece, learning_rate) for piece in settings["pieces"])
    schedule: Schedule | ReduceOnPlateau = SCHEDULES[part.name](learning_rate=learning_rate, **settings)
    return schedule
