"""A fit: what is trained on which samples, and the training of one network, of several or of a single epoch."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from threadpoolctl import threadpool_limits

from nnsweep.estimator.samples import Parts
from nnsweep.jobs.job import Recipe
from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.batches import LARGE_SCALE, feature_scale
from nnsweep.mlp.class_weights import class_weights
from nnsweep.mlp.evaluation import compute_outputs
from nnsweep.mlp.history import Trained, add, collect
from nnsweep.mlp.losses import Loss, make_loss
from nnsweep.mlp.member import Learner, Member
from nnsweep.mlp.network import Layers, copy_network
from nnsweep.mlp.parametrization import unfold
from nnsweep.mlp.schedules import ReduceOnPlateau
from nnsweep.mlp.snapshot import Snapshot
from nnsweep.mlp.targets import TargetScaling
from nnsweep.mlp.train import Epoch, Training, train
from nnsweep.text import explain_scale

_ROUNDING = 1e-9  # of sums of weights, and of costs
_OTHER_CAUSES = "another learning_rate_init, more epochs (max_iter) or another init may help"


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """What is to be trained.

    Attributes
    ----------
    recipe : Recipe
        The network, and how it is trained.
    parts : Parts
        What it learns.
    scaling : TargetScaling or None
        How the targets of regression are standardized.
    layers : list of Layer or None
        Parameters of an earlier training to begin with, with K = 1.
    """

    recipe: Recipe
    parts: Parts
    scaling: TargetScaling | None = None
    layers: Layers | None = None

    def member(self) -> Member:
        """Return what the network has for itself."""
        return replace(self.recipe.member(), layers=self.layers)

    def training(self) -> Training:
        """Return how it is trained."""
        return self.recipe.training()

    def loss(self) -> Loss:
        """Return what training lowers; raises `ValueError` if that is for another task."""
        return make_loss(self.training().loss, self.parts.task)

    def fingerprint(self, digest: str | None = None) -> str:
        """Hash all that can change the result, but for `layers`; the `digest` of the parts need not be taken again."""
        return f"{digest or self.parts.digest()} {self.recipe.model_dump_json()}"


TRAINED: ContextVar[Mapping[str, Trained]] = ContextVar("TRAINED", default=MappingProxyType({}))
"""Fits that have been trained already, by fingerprint."""


def train_fit(fit: Fit, *, tell: bool = False) -> Trained:
    """Train one network to its end, or find that this has been done.

    Parameters
    ----------
    fit : Fit
        What to train.
    tell : bool
        Print a line an epoch.
    """
    ahead = TRAINED.get()
    if ahead and not fit.layers and (trained := ahead.get(fit.fingerprint())):
        return trained
    networks: dict[int, Trained] = {}
    with threadpool_limits(1):  # more threads are slower on matrices of this size, and may change the last bit
        for epoch in train(fit.parts, fit.recipe.network(), [fit.member()], fit.training(), scaling=fit.scaling):
            add(networks, epoch)
            if tell:
                print(_line(epoch))
    return networks[0]


def train_fits_together(parts: Parts, recipes: Sequence[Recipe]) -> list[Trained]:
    """Train a stack of networks that differ only in what the members of a stack may differ in.

    Parameters
    ----------
    parts : Parts
        What all of them learn.
    recipes : sequence of Recipe
        One a network.

    Returns
    -------
    list of Trained
        In the same order; each as it would have come out alone.
    """
    first, members = recipes[0], [recipe.member() for recipe in recipes]
    with threadpool_limits(1):
        networks = collect(train(parts, first.network(), members, first.training()))
    return [networks[number] for number in range(len(recipes))]


def train_one_epoch(fit: Fit, snapshot: Snapshot | None) -> tuple[Trained, Snapshot | None]:
    """Train one epoch of the examples, which may be others than those of the epochs before.

    Parameters
    ----------
    fit : Fit
        What to train; the full batch is one minibatch of all examples, and nothing is validated.
    snapshot : Snapshot or None
        What is gone on from; None to begin.

    Returns
    -------
    Trained
        The epoch's row, and when training begins that of the untrained network; its `layers` are those after the epoch.
    Snapshot or None
        What is gone on from next; None if the network has diverged.
    """
    next_epoch = snapshot.epoch + 1 if snapshot else 1
    batch_size = fit.training().batch_size or fit.parts.train.n_samples
    training = replace(fit.training(), epochs=next_epoch + 1, batch_size=batch_size, patience=None)
    networks: dict[int, Trained] = {}
    with threadpool_limits(1):
        epochs = train(
            fit.parts._replace(val=None),
            fit.recipe.network(),
            [fit.member()],
            training,
            resumed=[snapshot] if snapshot else None,
            scaling=fit.scaling,
        )
        for epoch in epochs:
            add(networks, epoch)
            if epoch.endings:
                return networks[0], None
            if epoch.epoch == next_epoch:
                networks[0].layers = copy_network(epoch.layers, 0)
                return networks[0], epoch.snapshot(0)
    raise AssertionError("the next epoch is never the last")


def begin_fit(fit: Fit, layers: Layers, epoch: int) -> Snapshot:
    """Make a snapshot of layers that were trained for so many epochs; the update rule remembers nothing of them."""
    learner, training = Learner(0, fit.member()), fit.training()
    layers = unfold(fit.recipe.network(), layers)
    blank = [layer.map(np.zeros_like) for layer in layers]
    schedule = learner.member.schedule
    return Snapshot(
        epoch=epoch,
        steps=0,
        layers=layers,
        slots=[blank] * (training.optimizer.n_slots + (training.ema is not None)),
        gradient=[],
        learning_rate=learner.learning_rate,
        plateau=schedule.start() if isinstance(schedule, ReduceOnPlateau) else None,
        order=dict(learner.order.bit_generator.state),
        dropout=dict(learner.dropout.bit_generator.state),
    )


def explain_divergence(network: Trained, fit: Fit) -> str:
    """Say when a network's training diverged, and what helps."""
    return (
        f"the training diverged in epoch {network.rows[-1].epoch}: its cost or a weight is not finite any more; lower "
        f"learning_rate_init={fit.recipe.member().learning_rate}, or limit the gradient with clip_norm"
        f"{explain_large_features(fit)}"
    )


def explain_failure(fit: Fit, layers: Layers) -> str:
    """Say that a trained network is no better on its training part than who always says the same.

    Parameters
    ----------
    fit : Fit
        What was trained.
    layers : list of Layer
        The parameters that are kept, with K = 1.

    Returns
    -------
    str
        Empty where it is better, or where there is nothing to tell apart.
    """
    outputs = compute_outputs(fit.recipe.network(), layers, fit.parts.train.X)
    classify = fit.parts.task == "classification"
    if not (problem := _compare_accuracies(fit, outputs) if classify else _compare_costs(fit, outputs)):
        return ""
    return f"the network has learned nothing: on the training part {problem}" + (
        explain_large_features(fit) or f"; {_OTHER_CAUSES}"
    )


def _compare_accuracies(fit: Fit, outputs: FloatArray) -> str:
    """Say that a network is right no more often than who always says the commonest class."""
    (_, y, weight), n_classes = fit.parts.train, fit.parts.n_outputs
    weights = class_weights(fit.training().class_weight, y, n_classes, weight)
    counts = np.bincount(y, weight, minlength=n_classes) * (1.0 if weights is None else weights)
    if np.count_nonzero(counts) < 2:
        return ""
    is_right = outputs.argmax(axis=1) == y
    right = np.bincount(y[is_right], None if weight is None else weight[is_right], minlength=n_classes)
    reached = (right * (1.0 if weights is None else weights)).sum() / counts.sum()
    share = counts.max() / counts.sum()
    if reached > share + _ROUNDING:
        return ""
    return f"its accuracy is {reached:.3f}, and that of always saying the commonest class is {share:.3f}"


def _compare_costs(fit: Fit, outputs: FloatArray) -> str:
    """Say that a network's loss is no lower than that of the best outputs that are the same for all samples."""
    (_, y, weight), loss = fit.parts.train, fit.loss()
    targets = y if fit.scaling is None else fit.scaling.standardize(y)
    if (targets == targets[0]).all():
        return ""
    mean = np.average(targets, axis=0, weights=weight)
    if fit.parts.task == "multilabel":
        share = np.clip(mean, _ROUNDING, 1 - _ROUNDING)
        constants = [np.log(share / (1 - share))]
    else:
        # the mean is best for squares, the median for absolute values, and each quantile for itself
        quantiles = np.quantile(targets, loss.quantiles or (0.5,), axis=0, weights=weight, method="inverted_cdf").T
        constants = [np.repeat(mean, quantiles.shape[1]), quantiles.reshape(-1)]

    def measure(found: FloatArray) -> float:
        return float(np.average(loss.costs(found[np.newaxis], targets)[0], weights=weight))

    reached = measure(outputs)
    best = min(measure(np.broadcast_to(constant, outputs.shape)) for constant in constants)
    if reached < best - _ROUNDING:
        return ""
    return f"its mean loss is {reached:.3g}, and that of the best constant prediction is {best:.3g}"


def explain_large_features(fit: Fit) -> str:
    """Say that the features are large, and what helps; empty where they are not."""
    scale = feature_scale(fit.parts.train.X)
    remedy = "put sklearn.preprocessing.StandardScaler() before this estimator, in a pipeline"
    return f"; {explain_scale(scale, remedy)}" if scale > LARGE_SCALE else ""


def _line(epoch: Epoch) -> str:
    words = [f"epoch {epoch.epoch}", f"learning_rate {epoch.learning_rate[0]:.6g}"]
    words.append(f"train_cost {epoch.train_cost[0]:.6f}")
    if (selected := f"val_{epoch.selection.measure}") in epoch.values:
        words.append(f"{selected} {epoch.values[selected][0]:.4f}")
    return "  ".join(words)
