"""A recipe: how one network is made and trained, as plain typed values, whatever the data are.

It is the part of a job that is not about data, records or sweeps: the command line and the scikit-learn estimator make
their networks here, so that one configuration is one network in both.
"""

from collections.abc import Hashable
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator
from pydantic_core import PydanticCustomError

from nnsweep.mlp.activations import ACTIVATIONS, Activation
from nnsweep.mlp.initializers import INITIALIZERS
from nnsweep.mlp.losses import RULE, ClassWeight, is_class_weight
from nnsweep.mlp.network import Network
from nnsweep.mlp.optimizers import OPTIMIZERS
from nnsweep.mlp.plateau import ReduceOnPlateau
from nnsweep.mlp.ranges import Range
from nnsweep.mlp.schedules import SCHEDULES, Schedule
from nnsweep.mlp.stack import Member
from nnsweep.mlp.train import Training
from nnsweep.sweep.parts import Part, Settings, choice, group, one_of, within

_PIECES = {name: maker for name, maker in SCHEDULES.signatures.items() if name not in ("join", "reduce_on_plateau")}
_Piece = Annotated[Part, choice(_PIECES, without=SCHEDULES.given)]
_WEIGHT_DECAY = {"weight_decay": (Annotated[float, within(Range(ge=0))] | None, None)}
TABLE_WEIGHT_DECAY = 0.01
"""What stands for null where a table of one's own is learned, and the estimator's default; see experiments/defaults."""


def _class_weight(given: Any) -> Any:
    if not is_class_weight(given):
        raise PydanticCustomError("class_weight", RULE)
    return tuple(map(float, given)) if isinstance(given, list) else given


_CLASS_WEIGHT = {ClassWeight: Annotated[ClassWeight, BeforeValidator(_class_weight)]}
_DROPOUT = {"dropout": (Annotated[float, within(Range(ge=0, lt=1))], 0.0)}


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


class Recipe(Settings):
    """How a network is made and trained; the names are those of the configuration."""

    arch: Arch
    activation: Annotated[Part, choice(ACTIVATIONS.signatures)]
    output_activation: Annotated[str, one_of(ACTIVATIONS)]
    schedule: Annotated[Part, choice(SCHEDULES.signatures, without=SCHEDULES.given, replace={Schedule: _Piece})]
    optimizer: Annotated[Part, choice(OPTIMIZERS.signatures, more=_WEIGHT_DECAY)]
    init: Annotated[Part, choice(INITIALIZERS.signatures)]
    trainer: Annotated[
        Settings, group("trainer", Training, without={"optimizer"}, more=_DROPOUT, replace=_CLASS_WEIGHT)
    ]
    seed: Annotated[int, within(Range(ge=0, lt=2**32))]

    @model_validator(mode="after")
    def _schedule_fits(self) -> "Recipe":
        warmup_epochs, epochs = self.schedule.settings().get("warmup_epochs", 0), self.trainer.settings()["epochs"]
        if warmup_epochs > epochs:
            raise ValueError(f"schedule.warmup_epochs={warmup_epochs} must not exceed trainer.epochs={epochs}")
        try:
            self.rule()
        except ValueError as error:
            raise ValueError(f"schedule: {error}") from error
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to other processes as JSON: the classes of the parts have no names to be found by."""
        return type(self).model_validate_json, (self.model_dump_json(),)

    def kind(self) -> tuple[Hashable, ...]:
        """Give what networks that are trained together have in common, besides their data."""
        return self.arch.sizes, self.activation, self.output_activation, self.optimizer.name, self.trainer

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
            weight_decay=weight_decay or 0.0,
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
