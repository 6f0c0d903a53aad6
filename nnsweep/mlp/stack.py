"""A stack: networks of equal layer sizes that are trained together, step by step.

Its arrays have a leading axis of the networks still in it. Networks may differ in seed, first weights,
learning rate, schedule, momentum, weight decay and the other constants of their common update rule;
each gets the result that it would have had alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng

from nnsweep.mlp.arrays import BoolArray, Examples, FloatArray, IntArray
from nnsweep.mlp.cost import cross_entropy
from nnsweep.mlp.initializers import Initializer
from nnsweep.mlp.minibatches import minibatches
from nnsweep.mlp.network import Inputs, Layer, Layers, Network, Pass, backward, first_layers, forward, selected
from nnsweep.mlp.optimizers import Optimizer
from nnsweep.mlp.plateau import Plateau, ReduceOnPlateau
from nnsweep.mlp.schedules import Schedule

_quietly = np.errstate(over="ignore", invalid="ignore")  # what is not finite ends its network, by name


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
    """

    seed: int
    initializer: Initializer
    schedule: Schedule | ReduceOnPlateau
    learning_rate: float
    hyperparameters: Mapping[str, float]
    weight_decay: float = 0.0


class _Learner:
    """One network's number, random streams and learning rate."""

    def __init__(self, number: int, member: Member) -> None:
        first, self.order, self.dropout = (default_rng(child) for child in SeedSequence(member.seed).spawn(3))
        self.number, self.member = number, member
        self.first_weights: Generator = first
        self.learning_rate = member.learning_rate
        schedule = member.schedule
        self._plateau: Plateau | None = schedule.start() if isinstance(schedule, ReduceOnPlateau) else None

    def rate(self, epoch: int) -> float:
        schedule = self.member.schedule
        if self._plateau is not None:
            self.learning_rate = self._plateau.learning_rate
        elif not isinstance(schedule, ReduceOnPlateau):
            self.learning_rate = schedule(epoch)
        return self.learning_rate

    def observe(self, train_cost: float) -> None:
        if self._plateau is not None and isinstance(self.member.schedule, ReduceOnPlateau):
            self._plateau = self.member.schedule.observe(self._plateau, train_cost)


class _Look(NamedTuple):
    """A forward pass over examples, the cost (K,) and its derivative by the logits."""

    kept: Pass
    cost: FloatArray
    delta: FloatArray


class Stack:
    """The changing state of a training: parameters, slots, rates and random streams.

    Parameters
    ----------
    network : Network
        What the networks share.
    members : sequence of Member
        What each has for itself.
    optimizer : Optimizer
        Their update rule.
    sizes : sequence of int
        n_features, the hidden sizes, n_classes.
    dtype : dtype
        Of parameters and features.
    clip_norm : float or None
        The longest gradient, over all parameters of a network, that a step may follow; longer ones are
        shortened to it.
    """

    def __init__(
        self,
        network: Network,
        members: Sequence[Member],
        *,
        optimizer: Optimizer,
        sizes: Sequence[int],
        dtype: np.dtype,
        clip_norm: float | None = None,
    ) -> None:
        self.network, self.optimizer, self.clip_norm, self.dtype = network, optimizer, clip_norm, dtype
        self.learners = [_Learner(number, member) for number, member in enumerate(members)]
        initializers = [member.initializer for member in members]
        self.layers = first_layers(sizes, initializers, [learner.first_weights for learner in self.learners], dtype)
        self.slots = [[_zeros(layer) for layer in self.layers] for _ in range(optimizer.n_slots)]
        self.hyperparameters = {
            name: self._column([member.hyperparameters[name] for member in members])
            for name in members[0].hyperparameters
        }
        self.weight_decay = self._column([member.weight_decay for member in members])
        self.steps = 0

    @_quietly
    def _column(self, values: Sequence[float]) -> FloatArray:
        return np.array(values, self.dtype).reshape(-1, 1, 1)

    @property
    def numbers(self) -> IntArray:
        """Which networks, by their number among the members, are in the stack: shape (K,)."""
        return np.array([learner.number for learner in self.learners])

    @property
    def learning_rates(self) -> FloatArray:
        """The rates of the last descent, of shape (K,); the base rates before the first."""
        return np.array([learner.learning_rate for learner in self.learners])

    def keep(self, keep: BoolArray) -> None:
        """Let the networks go for which `keep`, of shape (K,), is false."""
        self.learners = [learner for learner, stays in zip(self.learners, keep, strict=True) if stays]
        self.layers = _kept(self.layers, keep)
        self.slots = [_kept(slots, keep) for slots in self.slots]
        self.hyperparameters = {name: column[keep] for name, column in self.hyperparameters.items()}
        self.weight_decay = self.weight_decay[keep]

    def observe(self, train_cost: FloatArray) -> None:
        """Tell the networks whose rate depends on it what their cost, of shape (K,), is."""
        for learner, cost in zip(self.learners, train_cost, strict=True):
            learner.observe(float(cost))

    @_quietly
    def logits(self, X: Inputs) -> FloatArray:
        """Return the logits (K, n_samples, n_classes) of shared features, without dropout."""
        return forward(self.network, self.layers, X).a[-1]

    @_quietly
    def finite(self) -> BoolArray:
        """Tell for each network, in shape (K,), whether all its parameters are finite."""
        arrays = [array for layer in self.layers for array in layer]
        finite: BoolArray = np.logical_and.reduce([np.isfinite(array).all(axis=(1, 2)) for array in arrays])
        return finite

    def train_costs(self, examples: Examples, batch_size: int | None) -> Iterator[FloatArray]:
        """Train without end; yield the training cost, of shape (K,), before the first epoch and after each.

        Full batch, it is the cost of the parameters as they are (with dropout, of the units that are not left
        out). With minibatches it is the mean over the
        epoch's batches, each seen before its step (before the first epoch: of all samples). The stack may
        be made smaller between two epochs.

        Parameters
        ----------
        examples : Examples
            The training part.
        batch_size : int or None
            None means full batch.
        """
        if batch_size is None:
            return self._full_batch(examples)
        return self._minibatches(examples, batch_size)

    def _full_batch(self, examples: Examples) -> Iterator[FloatArray]:
        epoch = 0
        while True:
            look, numbers = self._look(examples.X, examples.y), self.numbers
            yield look.cost
            if len(numbers) > len(self.learners):
                keep = np.isin(numbers, self.numbers)
                look = _Look(selected(look.kept, keep), look.cost[keep], look.delta[keep])
            self._descend(look, self._rates(epoch))
            epoch += 1

    def _minibatches(self, examples: Examples, batch_size: int) -> Iterator[FloatArray]:
        yield self._look(examples.X, examples.y).cost
        epoch = 0
        while True:
            rates = self._rates(epoch)
            total = np.zeros(len(self.learners))
            for X, y in minibatches(examples, batch_size, [learner.order for learner in self.learners]):
                look = self._look(X, y)
                total += look.cost * y.shape[1]
                self._descend(look, rates)
            yield total / examples.n_samples
            epoch += 1

    def _rates(self, epoch: int) -> FloatArray:
        return self._column([learner.rate(epoch) for learner in self.learners])

    @_quietly
    def _look(self, X: Inputs, y: IntArray) -> _Look:
        kept = forward(self.network, self.layers, X, self._masks(y.shape[-1]))
        cost, delta = cross_entropy(kept.a[-1], y)
        return _Look(kept, cost + self._penalty(), delta)

    def _penalty(self) -> FloatArray | float:
        if self.optimizer.decoupled or not self.weight_decay.any():
            return 0.0
        squares: FloatArray = sum(np.square(W).sum(axis=(1, 2)) for W, _ in self.layers)
        return 0.5 * self.weight_decay[:, 0, 0] * squares

    def _masks(self, n_samples: int) -> list[FloatArray]:
        """Inverted dropout: 0 or ``1 / (1 - dropout)`` for each hidden unit and sample."""
        if not self.network.dropout:
            return []
        stays = 1 - self.network.dropout
        return [
            np.stack([learner.dropout.random((n_samples, width)) < stays for learner in self.learners])
            / self.dtype.type(stays)
            for width in self.network.hidden_layer_sizes
        ]

    @_quietly
    def _descend(self, look: _Look, rates: FloatArray) -> None:
        gradients = self._clipped(self._decayed(backward(self.network, self.layers, look.kept, look.delta), rates))
        self.steps += 1
        for number, (layer, gradient) in enumerate(zip(self.layers, gradients, strict=True)):
            for part in range(len(layer)):
                slots = [slot[number][part] for slot in self.slots]
                self.optimizer.update(
                    layer[part], gradient[part], slots, self.steps, learning_rate=rates, **self.hyperparameters
                )

    def _decayed(self, gradients: Layers, rates: FloatArray) -> Layers:
        if not self.weight_decay.any():
            return gradients
        for (W, _), (W_gradient, _) in zip(self.layers, gradients, strict=True):
            if self.optimizer.decoupled:
                W *= 1 - rates * self.weight_decay
            else:
                W_gradient += self.weight_decay * W
        return gradients

    def _clipped(self, gradients: Layers) -> Layers:
        if self.clip_norm is None:
            return gradients
        parts = [part for layer in gradients for part in layer]
        norms = np.sqrt(sum(np.square(part, dtype=np.float64).sum(axis=(1, 2), keepdims=True) for part in parts))
        # a gradient that is too long to be measured must not become one of length 0: its network diverges
        shrink = np.where(np.isfinite(norms), self.clip_norm / np.maximum(norms, self.clip_norm), np.nan)
        shrink = shrink.astype(self.dtype)
        return [Layer(W * shrink, b * shrink) for W, b in gradients]


def _zeros(layer: Layer) -> Layer:
    return Layer(np.zeros_like(layer.W), np.zeros_like(layer.b))


def _kept(layers: Layers, keep: BoolArray) -> Layers:
    return [Layer(W[keep], b[keep]) for W, b in layers]
