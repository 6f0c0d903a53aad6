"""A learner: one network's own share of a stack.

That is what it was given (its member's seed, schedule and constants), its random streams, and the learning rate that
it has come to.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.random import Generator, SeedSequence, default_rng

from nnsweep.mlp.initializers import Initializer
from nnsweep.mlp.network import Layers
from nnsweep.mlp.plateau import Plateau, ReduceOnPlateau
from nnsweep.mlp.schedules import Schedule
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
        Epoch to learning rate.
    learning_rate : float
        The base rate, recorded for the epoch before the first descent.
    hyperparameters : mapping of str to float
        The update rule's other constants, such as ``momentum``.
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

    def rate(self, epoch: int) -> float:
        """Give the learning rate of an epoch, which is its own from then on."""
        schedule = self.member.schedule
        if self.plateau is not None:
            self.learning_rate = self.plateau.learning_rate
        elif not isinstance(schedule, ReduceOnPlateau):
            self.learning_rate = schedule(epoch)
        return self.learning_rate

    def observe(self, train_cost: float) -> None:
        """Let the rate depend on a cost, if the schedule wants that."""
        if self.plateau is not None and isinstance(self.member.schedule, ReduceOnPlateau):
            self.plateau = self.member.schedule.observe(self.plateau, train_cost)
