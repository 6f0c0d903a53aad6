"""A stack: K networks that are trained as one array computation.

What a network has for itself is a `Member`, as it is asked for: seed, schedule, constants. Its share of the stack is a
`Learner`: the member, its random streams, and the learning rate that it has come to.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng

from nnsweep.mlp.arrays import BoolArray, Examples, FloatArray, IntArray
from nnsweep.mlp.batches import Batch, Minibatches, cut_tiles, share_features
from nnsweep.mlp.initializers import Initializer
from nnsweep.mlp.losses import Loss, cross_entropy
from nnsweep.mlp.network import Buffers, Layers, Network, backward, copy_network, forward, make_buffers
from nnsweep.mlp.normalization import MOMENTUM
from nnsweep.mlp.optimizers import Optimizer
from nnsweep.mlp.parameters import (
    BY_FEATURE,
    BY_NETWORK,
    BY_UNIT,
    Order,
    Parameters,
    draw_first_layers,
    sums_of_squares,
)
from nnsweep.mlp.parametrization import carry_to_parameters, compute_weights, fold, is_reparametrized, unfold
from nnsweep.mlp.schedules import Plateau, ReduceOnPlateau, Schedule, StepSchedule
from nnsweep.mlp.snapshot import Snapshot, list_sizes
from nnsweep.mlp.threads import Threads


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


Weight: TypeAlias = int | FloatArray
"""Of samples together: their number, or (), or (K,) where each network has its own."""

_quietly = np.errstate(over="ignore", invalid="ignore")  # what is not finite ends its network, by name


class Stack:
    """The changing state of a training: parameters, gradient, slots, rates and random streams.

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
    class_weights : ndarray of shape (n_classes,) or None
        How much a sample of each class counts; None if all count the same.
    loss : Loss or None
        What training lowers; None for the cross-entropy of one class a sample.
    ema : float or None
        How much of the parameters' running average a step keeps; None if the parameters themselves are measured.
    rate_factors : mapping of str to float
        What the learning rate of some arrays of a layer is multiplied by, by their name.
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
        class_weights: FloatArray | None = None,
        loss: Loss | None = None,
        ema: float | None = None,
        rate_factors: Mapping[str, float] | None = None,
    ) -> None:
        self.network, self.optimizer, self.clip_norm, self.dtype = network, optimizer, clip_norm, dtype
        # the largest is 1: the mean is the same, equal weights change no bit, and none is lost in the precision
        self.class_weights = None if class_weights is None else class_weights / class_weights.max()
        self.loss, self.ema, self.rate_factors = loss or cross_entropy(), ema, rate_factors or {}
        self.learners = [Learner(number, member) for number, member in enumerate(members)]
        self.sizes = tuple(sizes)
        self.parameters = Parameters(network.list_shapes(sizes), len(members), dtype)
        randoms = [learner.first_weights for learner in self.learners]
        self.parameters.assign(draw_first_layers(network, sizes, members, randoms))
        for number, member in enumerate(members):
            if member.layers is not None:
                self.parameters.assign(unfold(network, member.layers), slice(number, number + 1))
        self._begin(BY_NETWORK, full_batch=False)

    def _begin(self, order: Order, *, full_batch: bool) -> None:
        """Lay the parameters in memory as the coming products want them, and all else beside them."""
        self.epoch = self.steps = 0
        self.parameters, self.full_batch = self.parameters.arrange(order), full_batch
        self.gradient = self.parameters.zeros_like()
        self.spares = {0: self.parameters.zeros_like()}  # by thread
        self.slots = [self.parameters.zeros_like() for _ in range(self.optimizer.n_slots)]
        self.averages = [] if self.ema is None else [self.parameters.zeros_like()]
        self.weights = self.parameters.zeros_like() if is_reparametrized(self.network) else None
        self._rate_factors = self._lay_rate_factors()
        self._refresh()
        self.buffers_by_size: dict[tuple[int, int], Buffers] = {}
        self._set_constants()

    def _lay_rate_factors(self) -> Sequence[FloatArray]:
        """Lay what learning rates are multiplied by as the parameters lie: (1, m, n) for each block, if they differ."""
        if not self.rate_factors:
            return ()
        factors = Parameters(self.parameters.shapes, 1, self.dtype, self.parameters.order)
        for layer in factors.layers:
            for name, array in zip(layer.names, layer, strict=True):
                array[...] = self.rate_factors.get(name, 1.0)
        return factors.blocks

    def _refresh(self) -> None:
        """Make the weights anew that come of the parameters."""
        self._measured: Layers | None = None
        if self.weights is not None:
            compute_weights(self.network, self.parameters.layers, self.weights.layers)

    def _set_constants(self) -> None:
        members = [learner.member for learner in self.learners]
        self.hyperparameters = {
            name: self._column([member.hyperparameters[name] for member in members])
            for name in members[0].hyperparameters
        }
        self.weight_decay = self._column([member.weight_decay for member in members])
        self.decays = bool(self.weight_decay.any())

    @_quietly
    def _column(self, values: Sequence[float]) -> FloatArray:
        """Shape one value a network (K, 1, 1); one for all where they are equal, which is quicker to multiply by."""
        column = np.array(values, self.dtype).reshape(-1, 1, 1)
        return column[:1] if (column == column[0]).all() else column

    @property
    def layers(self) -> Layers:
        """The weights of training, and all else that samples pass; they go on changing."""
        return (self.weights or self.parameters).layers

    @property
    def measured_layers(self) -> Layers:
        """What is measured and kept: the parameters, or their running average, folded into weights and biases.

        After t steps the average is ``m / (1 - ema**t)``, where each step made m ``ema * m + (1 - ema) * w``: the zeros
        that m starts from do not count.

        Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015, section 7.2.
        """
        if self._measured is None:
            layers = self.parameters.layers
            if self.ema is not None and self.steps:
                share = 1 - self.ema**self.steps
                layers = [layer.map(lambda sums: sums / share) for layer in self.averages[0].layers]
            self._measured = fold(self.network, layers)
        return self._measured

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
        for parameters in (self.parameters, self.gradient, *self.spares.values(), *self.slots, *self.averages):
            parameters.keep(keep)
        if self.weights is not None:
            self.weights.keep(keep)
        self._refresh()
        self.buffers_by_size.clear()
        self._set_constants()

    def observe(self, train_cost: FloatArray) -> None:
        """Tell the networks whose rate depends on it what their cost, of shape (K,), is."""
        for learner, cost in zip(self.learners, train_cost, strict=True):
            learner.observe(float(cost))

    def snapshot(self, index: int) -> Snapshot:
        """Copy all that the network at an index needs to go on after the epoch whose cost was yielded last."""
        learner = self.learners[index]
        layers, *others = (copy_network(parameters.layers, index) for parameters in self._lasting())
        return Snapshot(
            epoch=self.epoch,
            steps=self.steps,
            layers=layers,
            slots=others[: len(self.slots) + len(self.averages)],
            gradient=others[-1] if self.full_batch else [],
            learning_rate=float(learner.learning_rate),
            plateau=learner.plateau,
            order=dict(learner.order.bit_generator.state),
            dropout=dict(learner.dropout.bit_generator.state),
        )

    def _lasting(self) -> list[Parameters]:
        """Return what one epoch leaves to the next; full batch, that is the gradient, too."""
        return [self.parameters, *self.slots, *self.averages, *([self.gradient] if self.full_batch else [])]

    def _resume(self, snapshots: Sequence[Snapshot]) -> None:
        for index, (learner, snapshot) in enumerate(zip(self.learners, snapshots, strict=True)):
            self._require_fit(learner, snapshot)
            learner.resume(snapshot)
            lasting = [snapshot.layers, *snapshot.slots, *([snapshot.gradient] if snapshot.gradient else [])]
            for parameters, layers in zip(self._lasting(), lasting, strict=True):
                parameters.assign(layers, slice(index, index + 1))
        self.epoch, self.steps = snapshots[0].epoch, snapshots[0].steps
        self._refresh()

    def _require_fit(self, learner: Learner, snapshot: Snapshot) -> None:
        facts: list[tuple[str, object, object]] = [  # name, of the snapshot, of this stack
            ("layer sizes", tuple(list_sizes(snapshot.layers)), self.sizes),
            ("arrays", [layer.names for layer in snapshot.layers], [layer.names for layer in self.parameters.layers]),
            ("dtype", snapshot.layers[0].W.dtype, self.dtype),
            ("number of slots", len(snapshot.slots), len(self.slots) + len(self.averages)),
            ("having a gradient", bool(snapshot.gradient), self.full_batch),
            ("having a plateau", snapshot.plateau is not None, learner.plateau is not None),
        ]
        for name, got, expected in facts:
            if got != expected:
                raise ValueError(f"network {learner.number} cannot be resumed: {name} must be {expected}, got {got}")

    @_quietly
    def finite(self) -> BoolArray:
        """Tell for each network, in shape (K,), whether all its parameters are finite."""
        return self.parameters.finite()

    def train_costs(
        self,
        examples: Examples,
        batch_size: int | None,
        resumed: Sequence[Snapshot] = (),
        threads: Threads | None = None,
    ) -> Iterator[FloatArray]:
        """Train without end; yield the training cost, of shape (K,), before the first epoch and after each.

        Full batch, it is the cost of the parameters as they are (with dropout, of the units that are not left
        out). With minibatches it is the mean over the epoch's batches, each seen before its step (before the first
        epoch: of all samples). The stack may be made smaller between two epochs.

        Where samples weigh w_i, each its own weight times that of its class, every mean is the weighted one,
        ``sum(w_i * cost_i) / sum(w_i)``, over the samples of a step for its gradient and over those of the epoch for
        the cost, as in PyTorch's ``CrossEntropyLoss(weight=w)`` and in scikit-learn's
        ``MLPClassifier.fit(sample_weight=w)``. So a minibatch is divided by its own samples' weights, not by what an
        average batch would weigh; one whose samples weigh nothing has no gradient. Weight decay is not weighted.

        Parameters
        ----------
        examples : Examples
            The training part.
        batch_size : int or None
            None means full batch.
        resumed : sequence of K snapshots
            Of one epoch, after which training goes on: the first cost is that of the next. None of them for a
            training from the beginning.
        threads : Threads or None
            Who shares the tiles of a full batch; None for this thread alone. No bit depends on how many there are.

        Raises
        ------
        ValueError
            If a snapshot is not of such a training.
        """
        if batch_size is None:
            return self._full_batch(examples, resumed, threads or Threads())
        return self._minibatches(examples, batch_size, resumed)

    def _full_batch(self, examples: Examples, resumed: Sequence[Snapshot], threads: Threads) -> Iterator[FloatArray]:
        self._begin(BY_UNIT if isinstance(examples.X, np.ndarray) else BY_FEATURE, full_batch=True)
        parts = self._cut_tiles(examples)
        if resumed:
            self._resume(resumed)
        else:
            yield self._look(parts, threads)  # the gradient, too: its networks may leave with the rest of them
        while True:
            with np.errstate(over="ignore", invalid="ignore"):
                self._descend(self._rates())
            self.epoch += 1
            yield self._look(parts, threads)

    def _minibatches(self, examples: Examples, batch_size: int, resumed: Sequence[Snapshot]) -> Iterator[FloatArray]:
        self._begin(BY_NETWORK, full_batch=False)
        if resumed:
            self._resume(resumed)
        else:
            yield self._look(self._cut_tiles(examples), Threads(), back=False)
            self.buffers_by_size.clear()
        batches = Minibatches(examples, batch_size)
        while True:
            rates, total = self._rates(), np.zeros(len(self.learners))
            by_step = any(isinstance(learner.member.schedule, StepSchedule) for learner in self.learners)
            orders = [learner.order for learner in self.learners]
            with np.errstate(over="ignore", invalid="ignore"):
                for number, batch in enumerate(batches.epoch(orders)):
                    rates = self._rates(number / batches.n_batches) if by_step else rates
                    weight = self._sum_weights(batch)
                    penalty = self._penalty() * np.asarray(weight, self.dtype)
                    masks = self._draw_masks(batch.X.n_samples)
                    total += self._look_at(batch, masks, weight, into=self.gradient) + penalty
                    self._descend(rates)
            self.epoch += 1
            yield total / self._sum_weights(examples)

    def _cut_tiles(self, examples: Examples) -> list[Batch]:
        """Part a full batch, if no statistic is wanted of all its samples together."""
        if self.network.normalization == "batch":
            return [Batch(share_features(examples.X), examples.y, examples.weight)]
        return cut_tiles(examples, bytes_a_sample=self.bytes_a_sample)

    @property
    def bytes_a_sample(self) -> int:
        """How much memory a sample takes on its way forward and back through one network, however many there are."""
        widths = [layer.W.shape[2] for layer in self.layers]
        normalized = sum(widths[:-1]) if self.network.normalization else 0
        return int(self.dtype.itemsize * (2 * sum(widths) + normalized + max(widths)))

    @property
    def products_a_sample(self) -> int:
        """How many multiplications by weights a sample is on its way forward; back there are twice as many."""
        return sum(layer.W.size for layer in self.layers)

    def _rates(self, share: float = 0.0) -> FloatArray:
        return self._column([learner.rate(self.epoch, share) for learner in self.learners])

    @_quietly
    def _look(self, parts: Sequence[Batch], threads: Threads, *, back: bool = True) -> FloatArray:
        """Pass all parts forward, and back to leave the gradient of the mean cost; return that cost: (K,)."""
        starts = np.cumsum([0, *(part.X.n_samples for part in parts)])
        masks = self._draw_masks(int(starts[-1]))
        weight = sum(self._sum_weights(part) for part in parts)
        total = np.zeros(len(self.learners))

        def look_at(thread: int, number: int) -> FloatArray:
            its_masks = [mask[:, starts[number] : starts[number + 1]] for mask in masks]
            into = self.spare(thread) if number else self.gradient
            return self._look_at(parts[number], its_masks, weight, into=into if back else None, thread=thread)

        def add(thread: int, number: int, costs: FloatArray) -> None:
            np.add(total, costs, out=total)
            if number and back:
                for sums, more in zip(self.gradient.blocks, self.spare(thread).blocks, strict=True):
                    sums += more

        n_products = self.products_a_sample * int(starts[1]) * (3 if back else 1)
        threads.in_order(len(parts), look_at, add, n_products=n_products)
        return total / weight + self._penalty()

    def _look_at(
        self,
        batch: Batch,
        masks: Sequence[FloatArray],
        weight: Weight,
        *,
        into: Parameters | None,
        thread: int = 0,
    ) -> FloatArray:
        """Return the sum of the costs of some samples of a step, in which all samples together have a weight.

        Their gradient is written where it is wanted.
        """
        buffers = forward(self.network, self.layers, batch.X, masks, into=self.buffers(batch.X.n_samples, thread))
        costs, delta = self.loss.costs_and_slopes(buffers.a[-1], batch.y, out=buffers.deltas[-1], places=buffers.places)
        share = self._share(costs, batch, weight)
        if into is not None:
            delta *= share
            backward(self.network, self.layers, batch.X, buffers, masks=masks, into=into.layers)
        return np.asarray(np.add.reduce(costs, axis=1))

    def _weights(self, batch: Batch | Examples) -> FloatArray | None:
        """Return what each sample counts, by itself and by its class: (n,) or (K, n); None if all count the same."""
        if self.class_weights is None:
            return batch.weight
        weights: FloatArray = self.class_weights[batch.y]
        return weights if batch.weight is None else weights * batch.weight

    def _sum_weights(self, batch: Batch | Examples) -> Weight:
        """Return what the samples count together: their number, or the sum of their weights, for each network's own."""
        weights = self._weights(batch)
        if weights is None:
            return batch.n_samples if isinstance(batch, Examples) else batch.X.n_samples
        return np.asarray(np.add.reduce(weights, axis=-1))

    def _share(self, costs: FloatArray, batch: Batch, weight: Weight) -> FloatArray | np.floating[Any]:
        """Weigh the costs; return what each sample's derivative is multiplied by: one for all, or (K, n_samples, 1)."""
        weights = self._weights(batch)
        if weights is None:
            return np.asarray(1 / weight, self.dtype)
        costs *= weights
        parts = np.divide(1, weight, out=np.zeros(np.shape(weight)), where=np.asarray(weight) > 0)
        return np.asarray((weights * parts[..., np.newaxis])[..., np.newaxis], self.dtype)

    def buffers(self, n_samples: int, thread: int = 0) -> Buffers:
        """Return a thread's buffers for passes over so many samples; they are made once."""
        key = thread, n_samples
        if key not in self.buffers_by_size:
            self.buffers_by_size[key] = make_buffers(self.network, self.layers, n_samples, by_unit=self.full_batch)
        return self.buffers_by_size[key]

    def spare(self, thread: int = 0) -> Parameters:
        """Return a thread's own parameters to compute in, laid out as the gradient is; they are made once."""
        if thread not in self.spares:
            self.spares[thread] = self.gradient.zeros_like()
        return self.spares[thread]

    def _penalty(self) -> FloatArray | float:
        if self.optimizer.decoupled or not self.decays:
            return 0.0
        squares = np.sum([sums_of_squares(layer.W, self.dtype) for layer in self.parameters.layers], axis=0)
        return np.asarray(0.5 * self.weight_decay[:, 0, 0] * squares)

    def _draw_masks(self, n_samples: int) -> list[FloatArray]:
        """Draw inverted dropout: 0 or ``1 / (1 - dropout)`` for each hidden unit and sample."""
        if not self.network.dropout:
            return []
        stays = 1 - self.network.dropout
        return [
            np.stack([learner.dropout.random((n_samples, width)) < stays for learner in self.learners])
            / self.dtype.type(stays)
            for width in self.network.hidden_layer_sizes
        ]

    def _descend(self, rates: FloatArray) -> None:
        """Follow the gradient, which is not kept."""
        if self.weights is not None:
            carry_to_parameters(self.network, self.parameters.layers, self.gradient.layers)
        if self.network.normalization == "batch":
            self._keep_statistics()
        if self.decays:
            self._decay(rates)
        if self.clip_norm is not None:
            self._clip(self.clip_norm)
        self.steps += 1
        own_rates: list[FloatArray] = [rates * factors for factors in self._rate_factors]
        own_rates = own_rates or [rates, rates]
        for number, (block, gradient) in enumerate(zip(self.parameters.blocks, self.gradient.blocks, strict=True)):
            slots = [slot.blocks[number] for slot in self.slots]
            self.optimizer.update(
                block, gradient, slots, self.steps, learning_rate=own_rates[number], **self.hyperparameters
            )
        if self.ema is not None:
            self._average(self.ema)
        self._refresh()

    def _keep_statistics(self) -> None:
        """Let the running statistics follow those of the batch, which stand in their place in the gradient."""
        for layer, batch in zip(self.parameters.layers, self.gradient.layers, strict=True):
            for name in ("mean", "variance"):
                if name in layer.names:
                    running, seen = layer.array(name), batch.array(name)
                    running += MOMENTUM * (seen - running)
                    seen[...] = 0

    def _average(self, ema: float) -> None:
        for sums, block, spare in zip(
            self.averages[0].blocks, self.parameters.blocks, self.spare().blocks, strict=True
        ):
            sums *= ema
            sums += np.multiply(block, 1 - ema, out=spare)

    def _decay(self, rates: FloatArray) -> None:
        for layer, slopes, spare in zip(self.parameters.layers, self.gradient.layers, self.spare().layers, strict=True):
            W, gradient = layer.W, slopes.W
            if self.optimizer.decoupled:
                W *= 1 - rates * self.weight_decay
            else:
                gradient += np.multiply(W, self.weight_decay, out=spare.W)

    def _clip(self, clip_norm: float) -> None:
        blocks = self.gradient.blocks
        squares = np.sum([sums_of_squares(block, np.dtype(np.float64)) for block in blocks], axis=0)
        norms = np.sqrt(squares)[:, np.newaxis, np.newaxis]
        # a gradient that is too long to be measured must not become one of length 0: its network diverges
        shrink = np.where(np.isfinite(norms), clip_norm / np.maximum(norms, clip_norm), np.nan)
        for block in blocks:
            block *= shrink.astype(self.dtype)
