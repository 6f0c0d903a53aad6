"""A stack: K networks that are trained as one array computation.

It passes samples through all of them, full batch or in minibatches, and leaves each step to its `Descent`. What a
network has for itself are its `Learner`'s random streams and learning rate.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np

from nnsweep.mlp.arrays import BoolArray, Examples, FloatArray, IntArray
from nnsweep.mlp.batches import Batch, Minibatches, cut_tiles, share_features
from nnsweep.mlp.descent import Descent, StepRule, shape_column
from nnsweep.mlp.losses import Loss, cross_entropy
from nnsweep.mlp.member import Learner, Member
from nnsweep.mlp.network import Buffers, Layers, Network, backward, copy_network, forward, make_buffers
from nnsweep.mlp.parameters import BY_FEATURE, BY_NETWORK, BY_UNIT, Order, Parameters, draw_first_layers
from nnsweep.mlp.parametrization import unfold
from nnsweep.mlp.schedules import StepSchedule
from nnsweep.mlp.snapshot import Snapshot, list_sizes
from nnsweep.mlp.threads import Threads

Weight: TypeAlias = int | FloatArray
"""Of samples together: their number, or (), or (K,) where each network has its own."""

_quietly = np.errstate(over="ignore", invalid="ignore")  # what is not finite ends its network, by name


class Stack:
    """The changing state of a training: parameters and what is kept beside them, rates and random streams.

    Parameters
    ----------
    network : Network
        What the networks share.
    members : sequence of Member
        What each has for itself.
    rule : StepRule
        How steps are made.
    sizes : sequence of int
        n_features, the hidden sizes, n_classes.
    dtype : dtype
        Of parameters and features.
    class_weights : ndarray of shape (n_classes,) or None
        How much a sample of each class counts; None if all count the same.
    loss : Loss or None
        What training lowers; None for the cross-entropy of one class a sample.
    """

    def __init__(
        self,
        network: Network,
        members: Sequence[Member],
        *,
        rule: StepRule,
        sizes: Sequence[int],
        dtype: np.dtype,
        class_weights: FloatArray | None = None,
        loss: Loss | None = None,
    ) -> None:
        self.network, self.dtype, self.sizes = network, dtype, tuple(sizes)
        # the largest is 1: the mean is the same, equal weights change no bit, and none is lost in the precision
        self.class_weights = None if class_weights is None else class_weights / class_weights.max()
        self.loss = loss or cross_entropy()
        self.learners = [Learner(number, member) for number, member in enumerate(members)]
        parameters = Parameters(network.list_shapes(sizes), len(members), dtype)
        randoms = [learner.first_weights for learner in self.learners]
        parameters.assign(draw_first_layers(network, sizes, members, randoms))
        for number, member in enumerate(members):
            if member.layers is not None:
                parameters.assign(unfold(network, member.layers), slice(number, number + 1))
        self.epoch, self.full_batch, self.rule = 0, False, rule
        self.descent = Descent(network, rule, members, parameters)
        self.buffers_by_size: dict[tuple[int, int], Buffers] = {}

    def _begin(self, order: Order, *, full_batch: bool) -> None:
        """Lay the parameters in memory as the coming products want them, and all else beside them."""
        parameters = self.descent.parameters
        del self.descent  # what was kept beside them takes as much memory as what comes
        self.epoch, self.full_batch = 0, full_batch
        self.descent = Descent(self.network, self.rule, self._members, parameters, order)
        self.buffers_by_size.clear()

    @property
    def _members(self) -> list[Member]:
        return [learner.member for learner in self.learners]

    @property
    def layers(self) -> Layers:
        """The weights of training, and all else that samples pass; they go on changing."""
        return self.descent.layers

    @property
    def measured_layers(self) -> Layers:
        """What is measured and kept, see `Descent.measured_layers`."""
        return self.descent.measured_layers

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
        self.descent.keep(keep, self._members)
        self.buffers_by_size.clear()

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
            steps=self.descent.steps,
            layers=layers,
            slots=others[: len(self.descent.remembered)],
            gradient=others[-1] if self.full_batch else [],
            learning_rate=float(learner.learning_rate),
            plateau=learner.plateau,
            order=dict(learner.order.bit_generator.state),
            dropout=dict(learner.dropout.bit_generator.state),
        )

    def _lasting(self) -> list[Parameters]:
        """Return what one epoch leaves to the next; full batch, that is the gradient, too."""
        descent = self.descent
        return [descent.parameters, *descent.remembered, *([descent.gradient] if self.full_batch else [])]

    def _resume(self, snapshots: Sequence[Snapshot]) -> None:
        for index, (learner, snapshot) in enumerate(zip(self.learners, snapshots, strict=True)):
            self._require_fit(learner, snapshot)
            learner.resume(snapshot)
            lasting = [snapshot.layers, *snapshot.slots, *([snapshot.gradient] if snapshot.gradient else [])]
            for parameters, layers in zip(self._lasting(), lasting, strict=True):
                parameters.assign(layers, slice(index, index + 1))
        self.epoch, self.descent.steps = snapshots[0].epoch, snapshots[0].steps
        self.descent.refresh()

    def _require_fit(self, learner: Learner, snapshot: Snapshot) -> None:
        facts: list[tuple[str, object, object]] = [  # name, of the snapshot, of this stack
            ("layer sizes", tuple(list_sizes(snapshot.layers)), self.sizes),
            ("arrays", [layer.names for layer in snapshot.layers], [layer.names for layer in self.layers]),
            ("dtype", snapshot.layers[0].W.dtype, self.dtype),
            ("number of slots", len(snapshot.slots), len(self.descent.remembered)),
            ("having a gradient", bool(snapshot.gradient), self.full_batch),
            ("having a plateau", snapshot.plateau is not None, learner.plateau is not None),
        ]
        for name, got, expected in facts:
            if got != expected:
                raise ValueError(f"network {learner.number} cannot be resumed: {name} must be {expected}, got {got}")

    def finite(self) -> BoolArray:
        """Tell for each network, in shape (K,), whether all its parameters are finite."""
        return self.descent.finite()

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
        if self.network.normalization == "batch":  # wants all samples together
            parts = [Batch(share_features(examples.X), examples.y, examples.weight)]
        else:
            parts = cut_tiles(examples, bytes_a_sample=self.bytes_a_sample)
        if resumed:
            self._resume(resumed)
        else:
            yield self._look(parts, threads)  # the gradient, too: its networks may leave with the rest of them
        while True:
            with np.errstate(over="ignore", invalid="ignore"):
                self.descent.step(self._rates())
            self.epoch += 1
            yield self._look(parts, threads)

    def _minibatches(self, examples: Examples, batch_size: int, resumed: Sequence[Snapshot]) -> Iterator[FloatArray]:
        self._begin(BY_NETWORK, full_batch=False)
        if resumed:
            self._resume(resumed)
        else:
            yield self._look(cut_tiles(examples, bytes_a_sample=self.bytes_a_sample), Threads(), back=False)
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
                    penalty = self.descent.penalty() * np.asarray(weight, self.dtype)
                    masks = self._draw_masks(batch.X.n_samples)
                    total += self._look_at(batch, masks, weight, into=self.descent.gradient) + penalty
                    self.descent.step(rates)
            self.epoch += 1
            yield total / self._sum_weights(examples)

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
        return shape_column([learner.rate(self.epoch, share) for learner in self.learners], self.dtype)

    @_quietly
    def _look(self, parts: Sequence[Batch], threads: Threads, *, back: bool = True) -> FloatArray:
        """Pass all parts forward, and back to leave the gradient of the mean cost; return that cost: (K,)."""
        starts = [*accumulate((part.X.n_samples for part in parts), initial=0)]
        masks = self._draw_masks(starts[-1])
        weight = sum(self._sum_weights(part) for part in parts)
        total = np.zeros(len(self.learners))

        def look_at(thread: int, number: int) -> FloatArray:
            its_masks = [mask[:, starts[number] : starts[number + 1]] for mask in masks]
            into = self.descent.spare(thread) if number else self.descent.gradient
            return self._look_at(parts[number], its_masks, weight, into=into if back else None, thread=thread)

        def add(thread: int, number: int, costs: FloatArray) -> None:
            np.add(total, costs, out=total)
            if number and back:
                for sums, more in zip(self.descent.gradient.blocks, self.descent.spare(thread).blocks, strict=True):
                    sums += more

        n_products = self.products_a_sample * starts[1] * (3 if back else 1)
        threads.in_order(len(parts), look_at, add, n_products=n_products)
        return total / weight + self.descent.penalty()

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
