"""The trainer: one loop for one network and for a stack of them.

It yields a record per epoch and keeps nothing; whoever drives it logs, draws or stops. Epoch 0 is the
untrained network, epoch `e` the network after `e` epochs of training, so that `epochs` of training give
``epochs + 1`` records.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from nnsweep.mlp.accuracy import Accuracy
from nnsweep.mlp.arrays import BoolArray, Examples, Features, FloatArray, IntArray
from nnsweep.mlp.network import Layers, Network
from nnsweep.mlp.optimizers import Optimizer
from nnsweep.mlp.ranges import Count, Fraction, Positive, require
from nnsweep.mlp.stack import Member, Stack

NUMERICS_VERSION = 3
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
    def test(self) -> Examples:
        """The samples that are only looked at."""

    @property
    def n_classes(self) -> int:
        """How many classes there are."""


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
        Epochs between two measurements of accuracy; the first and the last epoch are always measured.
    patience : int or None
        End a network when its validation accuracy has not risen for that many epochs; None for never.
    min_delta : float
        By how much the accuracy must rise to count.
    clip_norm : float or None
        The longest gradient that a step may follow; None for any.

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
    min_delta: Fraction = 0.0
    clip_norm: Positive | None = None

    def __post_init__(self) -> None:
        require(Training, vars(self))


@dataclass(frozen=True, kw_only=True, eq=False)
class Epoch:
    """One epoch of a stack; every array has one entry for each network still in it.

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
    val_accuracy, test_accuracy : ndarray of shape (K,) or None
        Share of samples whose class has the largest logit; None where not measured.
    layers : list of Layer
        The parameters. They go on changing: copy what must stay.
    endings : dict
        How the networks that leave at this epoch ended, by number: ``finished``, ``stopped`` (early) or
        ``diverged`` (cost or parameters not finite).
    """

    epoch: int
    members: IntArray
    learning_rate: FloatArray
    train_cost: FloatArray
    val_accuracy: FloatArray | None
    test_accuracy: FloatArray | None
    layers: Layers
    endings: dict[int, Ending]


def train(splits: Splits, network: Network, members: Sequence[Member], training: Training) -> Iterator[Epoch]:
    """Train a stack of networks on shared data.

    Parameters
    ----------
    splits : Splits
        Training, validation and test part.
    network : Network
        Layer sizes and activations, common to all.
    members : sequence of Member
        What each network has for itself; one for a single network.
    training : Training
        How they are trained.

    Yields
    ------
    Epoch
        From epoch 0 until every network has ended.

    Raises
    ------
    ValueError
        If `patience` is given and there is no validation part.
    """
    if training.patience is not None and splits.val is None:
        raise ValueError("`patience` needs a validation part, got none")
    dtype = np.dtype(training.dtype)
    dense = _is_full(splits.train.X)
    learned, test = (_prepared(part, dtype, dense=dense) for part in (splits.train, splits.test))
    val = None if splits.val is None else _prepared(splits.val, dtype, dense=dense)
    stack = Stack(
        network,
        members,
        optimizer=training.optimizer,
        sizes=(learned.X.shape[1], *network.hidden_layer_sizes, splits.n_classes),
        dtype=dtype,
        clip_norm=training.clip_norm,
    )
    accuracy = Accuracy(val, test)
    patience = _Patience(len(members), training)
    for epoch, train_cost in enumerate(stack.train_costs(learned, training.batch_size)):
        last = epoch == training.epochs
        val_accuracy, test_accuracy = accuracy(stack) if last or epoch % training.evaluate_every == 0 else (None, None)
        diverged = ~(np.isfinite(train_cost) & stack.finite())
        stopped = patience.exhausted(stack.numbers, epoch, val_accuracy)
        endings = _endings(stack.numbers, last=last, diverged=diverged, stopped=stopped)
        yield Epoch(
            epoch=epoch,
            members=stack.numbers,
            learning_rate=stack.learning_rates,
            train_cost=train_cost,
            val_accuracy=val_accuracy,
            test_accuracy=test_accuracy,
            layers=stack.layers,
            endings=endings,
        )
        if len(endings) == len(stack.learners):
            return
        stack.observe(train_cost)
        if endings:
            stack.keep(~(diverged | stopped))


class _Patience:
    """When each network's validation accuracy last rose."""

    def __init__(self, n_members: int, training: Training) -> None:
        self._best = np.full(n_members, -np.inf)
        self._best_epoch = np.zeros(n_members, dtype=np.int64)
        self._training = training

    def exhausted(self, members: IntArray, epoch: int, val_accuracy: FloatArray | None) -> BoolArray:
        """Tell which of the `members` have waited long enough; the answer comes when accuracy is measured."""
        if self._training.patience is None or val_accuracy is None:
            return np.zeros(len(members), dtype=bool)
        better = val_accuracy > self._best[members] + self._training.min_delta
        self._best[members[better]] = val_accuracy[better]
        self._best_epoch[members[better]] = epoch
        return epoch - self._best_epoch[members] >= self._training.patience


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


def _prepared(examples: Examples, dtype: np.dtype, *, dense: bool) -> Examples:
    X = examples.X.toarray() if dense and isinstance(examples.X, csr_array) else examples.X
    return Examples(X.astype(dtype, copy=False), examples.y)


def _is_full(X: Features) -> bool:
    return isinstance(X, csr_array) and bool(X.nnz > DENSEST * np.prod(X.shape))
