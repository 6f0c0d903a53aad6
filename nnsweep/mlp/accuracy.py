"""Accuracy: the share of samples whose class has the largest logit, on the validation and the test part.

Both parts go through the networks together, in one pass.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, vstack

from nnsweep.mlp.arrays import BoolArray, Examples, FloatArray, IntArray
from nnsweep.mlp.inputs import SharedInputs
from nnsweep.mlp.passes import Room, forward, room
from nnsweep.mlp.stack import Stack
from nnsweep.mlp.tiles import tiles


class Measured(NamedTuple):
    """What a stack of K networks gets right.

    Attributes
    ----------
    val_accuracy : ndarray of shape (K,) or None
        Share of the validation part; None without one.
    test_accuracy : ndarray of shape (K,) or None
        Share of the test part: the mean of `test_right`; None without one.
    test_right : ndarray of bool, shape (K, n_test), or None
        Which examples of the test part each network gets right; None without one.
    val_score : ndarray of shape (K,) or None
        What the best epoch is chosen by: `val_accuracy`, or with class weights w
        ``sum(w[y_i] * right_i) / sum(w[y_i])``, so that the choice wants what the training wants.
    """

    val_accuracy: FloatArray | None
    test_accuracy: FloatArray | None
    test_right: BoolArray | None
    val_score: FloatArray | None


NOT_MEASURED = Measured(None, None, None, None)


class Accuracy:
    """Measures stacks on the same examples, as often as wanted.

    Parameters
    ----------
    val, test : Examples
        The parts; either may be absent.
    """

    def __init__(self, val: Examples | None, test: Examples | None) -> None:
        self._n_val = 0 if val is None else val.n_samples
        self._has_test = test is not None
        self._examples = _joined(val, test)
        self._tiles: list[tuple[SharedInputs, IntArray]] = []
        self._rooms: dict[int, Room] = {}
        self._n_networks = 0

    def __call__(self, stack: Stack) -> Measured:
        """Measure the networks of a stack.

        Parameters
        ----------
        stack : Stack
            Of K networks.

        Returns
        -------
        Measured
            Of equal logits the first wins.
        """
        if self._examples is None:
            return NOT_MEASURED
        if len(stack.learners) != self._n_networks:
            self._prepare(stack, self._examples)
        right = np.concatenate([self._right(stack, X, y) for X, y in self._tiles], axis=1)
        on_val, on_test = right[:, : self._n_val], right[:, self._n_val :]
        val = on_val.mean(axis=1) if self._n_val else None
        score = val if stack.class_weights is None or val is None else self._weighted(on_val, stack.class_weights, val)
        if not self._has_test:
            return Measured(val, None, None, score)
        return Measured(val, on_test.mean(axis=1), on_test, score)

    def _weighted(self, right: BoolArray, class_weights: FloatArray, accuracy: FloatArray) -> FloatArray:
        weights = class_weights[np.concatenate([y for _, y in self._tiles])[: self._n_val]]
        return np.asarray((right * weights).sum(axis=1) / weights.sum()) if weights.any() else accuracy

    def _prepare(self, stack: Stack, examples: Examples) -> None:
        self._n_networks = len(stack.learners)
        self._tiles = tiles(examples, bytes_a_sample=stack.bytes_a_sample)
        lengths = {X.n_samples for X, _ in self._tiles}
        self._rooms = {
            length: room(stack.network, stack.layers, length, by_unit=stack.full_batch, back=False)
            for length in lengths
        }

    @np.errstate(over="ignore", invalid="ignore")
    def _right(self, stack: Stack, X: SharedInputs, y: IntArray) -> BoolArray:
        kept = forward(stack.network, stack.layers, X, into=self._rooms[X.n_samples])
        right: BoolArray = kept.a[-1].argmax(axis=2) == y
        return right


def _joined(one: Examples | None, other: Examples | None) -> Examples | None:
    if one is None or other is None:
        return other if one is None else one
    y = np.concatenate([one.y, other.y])
    if isinstance(one.X, csr_array) and isinstance(other.X, csr_array):
        return Examples(csr_array(vstack([one.X, other.X])), y)
    return Examples(np.concatenate([np.asarray(one.X), np.asarray(other.X)]), y)
