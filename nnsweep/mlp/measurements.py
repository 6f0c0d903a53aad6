"""Measurements: what networks achieve on the validation and the test part after an epoch.

Both parts go through the networks together, in one pass. Whether the samples are right and what they cost comes from
each tile's outputs while they are in the cache; only other measures need the outputs of whole parts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from nnsweep.mlp.arrays import BoolArray, Examples, FloatArray, Targets
from nnsweep.mlp.batches import Batch, Inputs, cut_tiles
from nnsweep.mlp.early_stopping import DEFAULT_SELECTION, Selection
from nnsweep.mlp.losses import Loss, cross_entropy
from nnsweep.mlp.measures import COST, MEASURES
from nnsweep.mlp.network import Buffers, forward, make_buffers
from nnsweep.mlp.predictions import Predictions
from nnsweep.mlp.stack import Stack
from nnsweep.mlp.targets import TargetScaling
from nnsweep.mlp.threads import Threads


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurement:
    """What a stack of K networks achieves.

    Attributes
    ----------
    values : dict of str to ndarray of shape (K,)
        By curve: each measure of the validation and the test part, as ``val_accuracy``; ``val_cost`` and ``test_cost``,
        their mean loss without weight decay, where class weights w count, ``sum(w[y_i] * cost_i) / sum(w[y_i])``; and
        the measure that the best epoch is chosen by with the same weights, as ``val_weighted_accuracy``, so that this
        choice wants what the training wants. Empty where nothing was measured.
    test_right : ndarray of bool, shape (K, n_test), or None
        Which examples of the test part each network classifies rightly; None without one, and of other tasks.
    """

    values: dict[str, FloatArray] = field(default_factory=dict)
    test_right: BoolArray | None = None


NOT_MEASURED = Measurement()


class _Part(NamedTuple):
    """One of the two parts: its rows among those of both, and what its samples count in measures and in costs."""

    rows: slice
    y: Targets
    weight: FloatArray | None
    cost_weight: FloatArray | None


class _Outputs(NamedTuple):
    """What a pass leaves of all samples: whether they are right, (K, n), their costs, (K, n), and their outputs."""

    is_right: BoolArray
    costs: FloatArray
    outputs: FloatArray | None


class Measurements:
    """Measures stacks on the same examples, as often as wanted.

    Parameters
    ----------
    val, test : Examples or None
        The parts, as the networks see them; either may be absent.
    loss : Loss
        What the training lowers.
    measures : sequence of str
        What is measured besides the cost, of `nnsweep.mlp.measures.MEASURES`.
    selection : Selection
        What the best epoch is chosen by; one of the measures, or the cost.
    class_weights : ndarray of shape (n_classes,) or None
        How much a sample of each class counts in costs and in the choice of the best epoch.
    scaling : TargetScaling or None
        How the targets were standardized.
    targets : mapping of str to ndarray
        The targets of ``val`` and ``test`` in their own units, where they were standardized.
    threads : Threads or None
        Who shares their tiles; None for this thread alone.

    Attributes
    ----------
    curves : tuple of str
        The names of what `__call__` gives.
    """

    def __init__(
        self,
        val: Examples | None,
        test: Examples | None,
        *,
        loss: Loss | None = None,
        measures: Sequence[str] = ("accuracy",),
        selection: Selection = DEFAULT_SELECTION,
        class_weights: FloatArray | None = None,
        scaling: TargetScaling | None = None,
        targets: Mapping[str, Targets] | None = None,
        threads: Threads | None = None,
    ) -> None:
        self._loss, self._measures, self._scaling = loss or cross_entropy(), tuple(measures), scaling
        self._threads = threads or Threads()
        self._examples = _join(val, test)
        has_weights = class_weights is not None and bool((class_weights != class_weights[0]).any())
        self._parts = dict(_place_parts(val, test, class_weights if has_weights else None, targets or {}))
        self._is_classification = self._loss.task == "classification"
        self._needs_outputs = not self._is_classification or bool({*measures} - {"accuracy"})
        names = [f"{part}_{name}" for name in (*measures, COST.name) for part in self._parts]
        self._weighted = next(iter(self._parts), "") if has_weights and selection.measure != COST.name else ""
        self._selected = selection.measure
        self.curves = (*names, *([f"{self._weighted}_weighted_{self._selected}"] if self._weighted else []))
        self._tiles: list[Batch] = []
        self._buffers: dict[tuple[int, int], Buffers] = {}
        self._n_networks = 0

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, stack: Stack) -> Measurement:
        """Measure the networks of a stack.

        Parameters
        ----------
        stack : Stack
            Of K networks.

        Returns
        -------
        Measurement
            Of equal logits the first wins.
        """
        if self._examples is None:
            return NOT_MEASURED
        if len(stack.learners) != self._n_networks:
            self._n_networks = len(stack.learners)
            self._tiles = cut_tiles(self._examples, bytes_a_sample=stack.bytes_a_sample)
            self._buffers.clear()
        measured = self._pass(stack)
        values: dict[str, FloatArray] = {}
        for name, part in self._parts.items():
            values |= {f"{name}_{measure}": one for measure, one in self._evaluate(part, measured, part.weight)}
            values[f"{name}_{COST.name}"] = _mean(measured.costs[:, part.rows], part.cost_weight)
            if name == self._weighted:
                weighted = self._evaluate(part, measured, part.cost_weight, (self._selected,))
                values |= {f"{name}_weighted_{measure}": one for measure, one in weighted}
        is_right = measured.is_right[:, self._parts["test"].rows] if "test" in self._parts else None
        return Measurement(
            values={name: values[name] for name in self.curves},
            test_right=is_right if self._is_classification else None,
        )

    def _evaluate(
        self, part: _Part, measured: _Outputs, weight: FloatArray | None, measures: Sequence[str] | None = None
    ) -> Iterator[tuple[str, FloatArray]]:
        """Give the values of the measures, or of some of them, for one part."""
        predictions = None
        for name in self._measures if measures is None else measures:
            if name == "accuracy" and self._is_classification:
                yield name, _mean(measured.is_right[:, part.rows], weight)
                continue
            if predictions is None and measured.outputs is not None:
                outputs = measured.outputs[:, part.rows]
                restored = outputs if self._scaling is None else self._scaling.restore(outputs.astype(np.float64))
                quantiles = self._loss.quantiles
                predictions = Predictions(self._loss.task, restored, part.y, weight, quantiles=quantiles)
            assert predictions is not None
            yield name, MEASURES[name].evaluate(predictions)

    def _pass(self, stack: Stack) -> _Outputs:
        """Pass all samples forward, tile by tile."""
        of_tiles: list[_Outputs] = []

        def measure(thread: int, number: int) -> _Outputs:
            X, y, _ = self._tiles[number]
            outputs = self._forward(stack, X, thread)
            is_right = outputs.argmax(axis=2) == y if self._is_classification else np.zeros(outputs.shape[:2], bool)
            # the buffer of the outputs is another tile's soon
            return _Outputs(is_right, self._loss.costs(outputs, y), outputs.copy() if self._needs_outputs else None)

        def take(thread: int, number: int, measured: _Outputs) -> None:
            of_tiles.append(measured)

        n_products = stack.products_a_sample * self._tiles[0].X.n_samples
        self._threads.in_order(len(self._tiles), measure, take, n_products=n_products)
        return _Outputs(
            np.concatenate([one.is_right for one in of_tiles], axis=1),
            np.concatenate([one.costs for one in of_tiles], axis=1),
            np.concatenate([one.outputs for one in of_tiles if one.outputs is not None], axis=1)
            if self._needs_outputs
            else None,
        )

    def _forward(self, stack: Stack, X: Inputs, thread: int) -> FloatArray:
        key, layers = (thread, X.n_samples), stack.measured_layers
        if key not in self._buffers:
            self._buffers[key] = make_buffers(stack.network, layers, X.n_samples, by_unit=stack.full_batch, back=False)
        return forward(stack.network, layers, X, into=self._buffers[key]).a[-1]


def _place_parts(
    val: Examples | None, test: Examples | None, class_weights: FloatArray | None, targets: Mapping[str, Targets]
) -> Iterator[tuple[str, _Part]]:
    """Give the parts that there are, with the weights of their samples."""
    start = 0
    for name, part in (("val", val), ("test", test)):
        if part is None:
            continue
        rows = slice(start, start + part.n_samples)
        cost_weight = part.weight
        if class_weights is not None:
            cost_weight = class_weights[part.y] if part.weight is None else class_weights[part.y] * part.weight
        if cost_weight is not None and not cost_weight.any():
            cost_weight = part.weight  # where no class weighs anything, all count alike
        weight = None if part.weight is None or not part.weight.any() else part.weight
        yield name, _Part(rows, targets.get(name, part.y), weight, cost_weight)
        start = rows.stop


def _mean(values: FloatArray | BoolArray, weights: FloatArray | None) -> FloatArray:
    """Average over the samples: (K, n_samples) to (K,), in float64 whatever the precision of the values."""
    values = values.astype(np.float64)
    return np.asarray(values.mean(axis=1) if weights is None else (values * weights).sum(axis=1) / weights.sum())


def _join(one: Examples | None, other: Examples | None) -> Examples | None:
    if one is None or other is None:
        return other if one is None else one
    y = np.concatenate([one.y, other.y])
    if not (isinstance(one.X, np.ndarray) or isinstance(other.X, np.ndarray)):
        from scipy.sparse import csr_array, vstack

        return Examples(csr_array(vstack([one.X, other.X])), y)
    return Examples(np.concatenate([np.asarray(one.X), np.asarray(other.X)]), y)
