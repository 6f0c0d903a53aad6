"""The trainer: one loop for one network and for a stack of them.

It yields a record per epoch and keeps nothing; whoever drives it logs, draws or stops. Epoch 0 is the
untrained network, epoch `e` the network after `e` epochs of training, so that `epochs` of training give
``epochs + 1`` records.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

import numpy as np

from nnsweep.mlp.arrays import BoolArray, Examples, FloatArray, IntArray, Task
from nnsweep.mlp.choices import Count, NonNegative, Positive, ShrinkFactor, require
from nnsweep.mlp.class_weights import RULE, ClassWeight, class_weights, is_class_weight
from nnsweep.mlp.descent import StepRule
from nnsweep.mlp.early_stopping import Patience, Selection
from nnsweep.mlp.losses import Loss, make_loss
from nnsweep.mlp.measurements import NOT_MEASURED, Measurement, Measurements
from nnsweep.mlp.measures import MEASURES, SELECTABLE, SELECTED, MeasureNames, SelectName, choose_measures
from nnsweep.mlp.member import Member
from nnsweep.mlp.network import Layers, Network
from nnsweep.mlp.optimizers import Optimizer
from nnsweep.mlp.snapshot import Snapshot
from nnsweep.mlp.stack import Stack
from nnsweep.mlp.targets import TargetScaling, fit_target_scaling
from nnsweep.mlp.threads import Threads

NUMERICS_VERSION = 4
"""Raised whenever a change lets the same configuration end in other numbers."""

DENSEST = 0.15
"""The share of entries of CSR features above which a dense product is the quicker one."""

Ending: TypeAlias = Literal["finished", "stopped", "diverged"]


class Splits(Protocol):
    """What the trainer asks of a data set."""

    @property
    def train(self) -> Examples:
        """The samples that are learned from."""

    @property
    def val(self) -> Examples | None:
        """The samples that decide when training is best; there may be none."""

    @property
    def test(self) -> Examples | None:
        """The samples that are only looked at; there may be none."""

    @property
    def task(self) -> Task:
        """What is learned."""

    @property
    def n_outputs(self) -> int:
        """How many classes, labels or targets there are."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a stack is trained.

    Attributes
    ----------
    optimizer : Optimizer
        The update rule.
    epochs : int
        How often every sample is seen.
    batch_size : int or None
        Samples a step; None for all of them.
    dtype : {"float64", "float32"}
        Precision of the parameters.
    evaluate_every : int
        Epochs between two measurements of the validation and the test part; the first and the last epoch are always
        measured.
    patience : int or None
        End a network when the measure that epochs are chosen by, weighted as the classes are, has not become better for
        that many epochs; None for never. A validation cost that falls at an equal value counts as well.
    min_delta : float
        By how much the measure must become better to count.
    clip_norm : float or None
        The longest gradient that a step may follow; None for any.
    class_weight : "balanced", tuple of float, or None
        How much the samples of each class count, in the order of the classes: the cost becomes the weighted mean, see
        `Stack.train_costs`. ``balanced`` lets all classes of the training part count the same in all, see
        `nnsweep.mlp.class_weights.class_weights`; with None all samples count the same.
    loss : Loss or None
        What training lowers; None for the usual loss of the task.
    sealed_test : bool
        Whether nothing is measured on the test part, so that no choice can rest on it.
    ema : float or None
        Measure and keep a running average of the parameters, of which each step leaves this share; see
        `nnsweep.mlp.descent.Descent.measured_layers`. None for the parameters themselves.
    bias_rate_factor, scale_rate_factor : float or None
        What the learning rate is multiplied by for biases, and for the scales of features; None for 1.
    measures : tuple of str or None
        What is measured of the validation and the test part, of `nnsweep.mlp.measures.MEASURES`; None for what is usual
        for the task.
    select : str or None
        The measure that the best epoch is chosen by, as in ``val_log_loss``; None for the usual one of the task. If
        another one is chosen, `ReduceOnPlateau` follows it in place of the training cost.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    optimizer: Optimizer
    epochs: Count
    batch_size: Count | None = None
    dtype: Literal["float64", "float32"] = "float64"
    evaluate_every: Count = 1
    patience: Count | None = None
    min_delta: NonNegative = 0.0
    clip_norm: Positive | None = None
    class_weight: ClassWeight = None
    loss: Loss | None = None
    sealed_test: bool = False
    ema: ShrinkFactor | None = None
    bias_rate_factor: Positive | None = None
    scale_rate_factor: Positive | None = None
    measures: MeasureNames | None = None
    select: SelectName | None = None

    def __post_init__(self) -> None:
        require(Training, vars(self))
        for name, values, known in (("measures", self.measures, MEASURES), ("select", (self.select,), SELECTABLE)):
            if unknown := [value for value in values or () if value is not None and value not in known]:
                raise ValueError(f"`{name}` must be of {', '.join(known)}; got {unknown[0]!r}")
        if not is_class_weight(self.class_weight):
            raise ValueError(f"`class_weight` {RULE}, got {self.class_weight!r}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Epoch(Measurement):
    """One epoch of a stack, with what was measured; every array has one entry for each network still in it.

    Attributes
    ----------
    epoch : int
        Epochs of training so far; 0 is the untrained network.
    members : ndarray of shape (K,)
        Numbers of the networks.
    learning_rate : ndarray of shape (K,)
        Rate of the last descent; the base rate at epoch 0.
    train_cost : ndarray of shape (K,)
        See `Stack.train_costs`.
    layers : list of Layer
        The parameters, or their running average. They go on changing: copy what must stay.
    curves : tuple of str
        The names of all values that are measured in this training.
    selection : Selection
        What the best epoch is chosen by.
    endings : dict
        How the networks that leave at this epoch ended, by number: ``finished``, ``stopped`` (early) or
        ``diverged`` (cost or parameters not finite).
    snapshot : callable
        Takes the index of a network that goes on and returns its `Snapshot`, as long as the next epoch has not been
        asked for. It costs nothing until it is called.
    """

    epoch: int
    members: IntArray
    learning_rate: FloatArray
    train_cost: FloatArray
    layers: Layers
    curves: tuple[str, ...]
    selection: Selection
    endings: dict[int, Ending]
    snapshot: Callable[[int], Snapshot]


def train(
    splits: Splits,
    network: Network,
    members: Sequence[Member],
    training: Training,
    *,
    resumed: Sequence[Snapshot] | None = None,
    scaling: TargetScaling | None = None,
    n_threads: int = 1,
) -> Iterator[Epoch]:
    """Train a stack of networks on shared data.

    Parameters
    ----------
    splits : Splits
        Training, validation and test part; of a part that is absent nothing is measured. Training samples that weigh
        nothing are left out. The targets of regression are standardized by the training part, and costs are those of
        standardized targets.
    network : Network
        Layer sizes and activations, common to all.
    members : sequence of Member
        What each network has for itself; one for a single network.
    training : Training
        How they are trained.
    resumed : sequence of Snapshot or None
        One for each member, all of one epoch, after which the same training goes on. Each network gets the result
        that it would have had without the stop, bit for bit, whatever other networks it is or was stacked with.
    scaling : TargetScaling or None
        How the targets of regression are standardized, where the networks begin with weights that know it; None for the
        training part's own.
    n_threads : int
        How many threads may share the work of a full batch, this one included; they end with the training. No bit of
        the result depends on it, if BLAS uses one thread. Minibatches, CSR and small tiles are the work of one.

    Yields
    ------
    Epoch
        From epoch 0, or the one after that of the snapshots, until every network has ended.

    Raises
    ------
    ValueError
        If `patience` or `sealed_test` is given and there is no validation part; if the snapshots are not one for each
        member, not of one epoch, of the last epoch, or of networks or trainings of another kind; if `class_weight` does
        not fit the training part's classes, or the loss or the last activation the task; if no training sample weighs
        anything; if `n_threads` is below 1.
    """
    for name, is_given in (("patience", training.patience is not None), ("sealed_test", training.sealed_test)):
        if is_given and splits.val is None:
            raise ValueError(f"`{name}` needs a validation part, got none")
    if resumed is not None:
        _require_one_epoch(resumed, len(members), training.epochs)
    if splits.task == "regression" and scaling is None:
        scaling = fit_target_scaling(leave_out_weightless(splits.train))
    learned, val, test = _prepare(splits, np.dtype(training.dtype), scaling)
    stack = _stack(splits, network, members, training, learned=learned)
    selection = Selection.of(training.select, splits.task)
    patience = Patience(len(members), training.patience, training.min_delta, selection)
    for number, one in enumerate(resumed or ()):
        patience.resume(number, one.best_value, one.best_cost, one.best_epoch)
    with Threads(n_threads if training.batch_size is None else min(n_threads, 1)) as threads:
        measure = Measurements(
            val,
            None if training.sealed_test else test,
            loss=stack.loss,
            measures=choose_measures(splits.task, training.measures, selection.measure),
            selection=selection,
            class_weights=stack.class_weights,
            scaling=scaling,
            targets={name: part.y for name, part in (("val", splits.val), ("test", splits.test)) if part is not None},
            threads=threads,
        )
        for train_cost in stack.train_costs(learned, training.batch_size, resumed or (), threads):
            last = stack.epoch == training.epochs
            is_due = last or stack.epoch % training.evaluate_every == 0
            measurement = measure(stack) if is_due else NOT_MEASURED
            diverged = ~(np.isfinite(train_cost) & stack.finite())
            stopped = patience.is_exhausted(stack.numbers, stack.epoch, measurement.values)
            endings = _endings(stack.numbers, last=last, diverged=diverged, stopped=stopped)
            _observe(stack, train_cost, measurement, selection, splits.task)
            yield Epoch(
                epoch=stack.epoch,
                members=stack.numbers,
                learning_rate=stack.learning_rates,
                train_cost=train_cost,
                **vars(measurement),
                layers=stack.measured_layers,
                curves=measure.curves,
                selection=selection,
                endings=endings,
                snapshot=_snapshots(stack, patience, endings),
            )
            if len(endings) == len(stack.learners):
                return
            if endings:
                stack.keep(~(diverged | stopped))


def _observe(stack: Stack, train_cost: FloatArray, measurement: Measurement, selection: Selection, task: Task) -> None:
    """Tell schedules that wait for a plateau the training cost, or the measure if another than usual was chosen."""
    if selection.measure == SELECTED[task]:
        stack.observe(train_cost)
    elif (values := selection.find_values(measurement.values)) is not None:
        stack.observe(-selection.orient(values))


def _require_one_epoch(resumed: Sequence[Snapshot], n_members: int, n_epochs: int) -> None:
    if len(resumed) != n_members:
        raise ValueError(f"a snapshot for each of {n_members} members is needed, got {len(resumed)}")
    for name, numbers in (("epoch", {one.epoch for one in resumed}), ("step", {one.steps for one in resumed})):
        if len(numbers) > 1:
            raise ValueError(f"the snapshots must be of one {name}, got {', '.join(map(str, sorted(numbers)))}")
    if resumed[0].epoch >= n_epochs:
        raise ValueError(f"after epoch {resumed[0].epoch} nothing is left of {n_epochs} epochs")


def _stack(
    splits: Splits, network: Network, members: Sequence[Member], training: Training, *, learned: Examples
) -> Stack:
    loss = make_loss(training.loss, splits.task)
    if splits.task == "regression" and not network.output_activation.is_identity:
        raise ValueError("a network for regression needs `output_activation` identity: its targets are standardized")
    weights = None
    if training.class_weight is not None:
        if splits.task != "classification":
            raise ValueError(f"`class_weight` is for classification, and this is {splits.task}: use None")
        weights = class_weights(training.class_weight, learned.y, splits.n_outputs, learned.weight)
    factors = {"b": training.bias_rate_factor, "scale": training.scale_rate_factor}
    rule = StepRule(
        optimizer=training.optimizer,
        clip_norm=training.clip_norm,
        ema=training.ema,
        rate_factors={name: factor for name, factor in factors.items() if factor is not None},
    )
    return Stack(
        network,
        members,
        rule=rule,
        sizes=(learned.X.shape[1], *network.hidden_layer_sizes, loss.count_outputs(splits.n_outputs)),
        dtype=np.dtype(training.dtype),
        class_weights=weights,
        loss=loss,
    )


def _endings(numbers: IntArray, *, last: bool, diverged: BoolArray, stopped: BoolArray) -> dict[int, Ending]:
    endings: dict[int, Ending] = {}
    for number, is_diverged, is_stopped in zip(numbers, diverged, stopped, strict=True):
        if is_diverged:
            endings[int(number)] = "diverged"
        elif last:
            endings[int(number)] = "finished"
        elif is_stopped:
            endings[int(number)] = "stopped"
    return endings


def _snapshots(stack: Stack, patience: Patience, endings: dict[int, Ending]) -> Callable[[int], Snapshot]:
    """Return what takes snapshots of the stack until it goes on."""
    epoch = stack.epoch

    def snapshot(index: int) -> Snapshot:
        if stack.epoch != epoch:
            raise RuntimeError(f"the stack has gone on: the record of epoch {epoch} can give no snapshot any more")
        number = int(stack.numbers[index])
        if number in endings:
            raise ValueError(f"network {number} has {endings[number]}: it does not go on")
        value, cost, best_epoch = patience.best(number)
        return replace(stack.snapshot(index), best_value=value, best_cost=cost, best_epoch=best_epoch)

    return snapshot


def _prepare(
    splits: Splits, dtype: np.dtype, scaling: TargetScaling | None
) -> tuple[Examples, Examples | None, Examples | None]:
    """Return the three parts in the precision of the training, made dense where that is quicker."""
    train = leave_out_weightless(splits.train)
    is_full = not isinstance(train.X, np.ndarray) and train.X.nnz > DENSEST * np.prod(train.X.shape)

    def convert(part: Examples) -> Examples:
        X = part.X.toarray() if is_full and not isinstance(part.X, np.ndarray) else part.X
        y = part.y if scaling is None else scaling.standardize(part.y).astype(dtype)
        # the largest is 1: the mean is the same, equal weights change no bit, and none is lost in the precision
        weight = None if part.weight is None else part.weight / part.weight.max()
        return Examples(X.astype(dtype, copy=False), y, weight)

    val, test = (None if part is None else convert(part) for part in (splits.val, splits.test))
    return convert(train), val, test


def leave_out_weightless(train: Examples) -> Examples:
    """Leave out the samples that weigh nothing, so that training is what it would be without them, bit for bit.

    Where all that are left weigh the same, they have no weights.

    Raises
    ------
    ValueError
        If none weighs anything.
    """
    if train.weight is None:
        return train
    rows = np.flatnonzero(train.weight)
    if not len(rows):
        raise ValueError("no training sample has a weight above 0")
    weight = train.weight[rows]
    left = train if len(rows) == train.n_samples else Examples(train.X[rows], train.y[rows], weight)
    return left._replace(weight=None) if (weight == weight[0]).all() else left
