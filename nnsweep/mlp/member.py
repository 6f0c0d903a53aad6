"""A member of a stack: what one network has for itself, as it is asked for (seed, schedule, constants).

While it is trained, it is a `Learner`: the member, its random streams, and the learning rate that it has come to.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.random import Generator, SeedSequence, default_rng

from nnsweep.mlp.initializers import Initializer
from nnsweep.mlp.network import Layers
from nnsweep.mlp.schedules import Plateau, ReduceOnPlateau, Schedule, StepSchedule
from nnsweep.mlp.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class Member:
    """What one network of a stack has for itself.

    Attributes
    ----------
    seed : int
        Decides first weights, the order of the samples and dropout, each from a stream of its own.
    initializer : Initializer
        Draws the first weights.
    schedule : Schedule or ReduceOnPlateau
        Epoch to learning rate; a `StepSchedule` is asked before every step.
    learning_rate : float
        The base rate, recorded for the epoch before the first descent.
    hyperparameters : mapping of str to float
        The update rule's other constants, such as ``momentum``.
    bias_std : float
        The standard deviation of the hidden layers' first biases; 0 for biases that begin with 0.
    zero_output : bool
        Whether the last layer begins with weights of 0.
    weight_decay : float
        L2: the cost gains half of it times the sum of the squared weights (not the biases). With a
        decoupled rule the weights shrink by ``learning_rate * weight_decay`` a step instead.
    layers : list of Layer or None
        Parameters of an earlier training to begin with, with K = 1; None for first weights from the initializer.
    """

    seed: int
    initializer: Initializer
    schedule: Schedule | ReduceOnPlateau
    learning_rate: float
    hyperparameters: Mapping[str, float]
    bias_std: float = 0.0
    zero_output: bool = False
    weight_decay: float = 0.0
    layers: Layers | None = None


class Learner:
    """One network's number, random streams and learning rate."""

    def __init__(self, number: int, member: Member) -> None:
        first, self.order, self.dropout = (default_rng(child) for child in SeedSequence(member.seed).spawn(3))
        self.number, self.member = number, member
        self.first_weights: Generator = first
        self.learning_rate = member.learning_rate
        schedule = member.schedule
        self.plateau: Plateau | None = schedule.start() if isinstance(schedule, ReduceOnPlateau) else None

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot."""
        self.learning_rate, self.plateau = snapshot.learning_rate, snapshot.plateau
        self.order.bit_generator.state = snapshot.order
        self.dropout.bit_generator.state = snapshot.dropout

    def rate(self, epoch: int, share: float = 0.0) -> float:
        """Give the learning rate after a share of an epoch, which is its own from then on."""
        schedule = self.member.schedule
        if self.plateau is not None:
            self.learning_rate = self.plateau.learning_rate
        elif not isinstance(schedule, ReduceOnPlateau):
            self.learning_rate = schedule(epoch + share if isinstance(schedule, StepSchedule) else epoch)
        return self.learning_rate

    def observe(self, train_cost: float) -> None:
        """Let the rate depend on a cost, if the schedule wants that."""
        if self.plateau is not None and isinstance(self.member.schedule, ReduceOnPlateau):
            self.plateau = self.member.schedule.observe(self.plateau, train_cost)
