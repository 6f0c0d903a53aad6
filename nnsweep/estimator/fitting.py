"""A fit: scikit-learn's samples in the trainer's form, and the training of one network or of several.

Labels become class numbers, and features become arrays that the trainer takes.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.utils.multiclass import unique_labels
from threadpoolctl import threadpool_limits

from nnsweep.data.dataset import hash_parts, make_part
from nnsweep.data.split import Labels, draw_part, take_rows
from nnsweep.errors import DataError
from nnsweep.estimator.options import Validation
from nnsweep.jobs.job import Recipe
from nnsweep.mlp.arrays import Examples, Features, IntArray, Task
from nnsweep.mlp.batches import LARGE_SCALE, feature_scale
from nnsweep.mlp.class_weights import class_weights
from nnsweep.mlp.evaluation import compute_outputs
from nnsweep.mlp.history import Trained, add, collect
from nnsweep.mlp.network import Layer, Layers
from nnsweep.mlp.schedules import ReduceOnPlateau
from nnsweep.mlp.snapshot import Snapshot
from nnsweep.mlp.stack import Learner, Member
from nnsweep.mlp.train import Epoch, Training, train
from nnsweep.text import explain_scale


def check_features(X: Any) -> Features:
    """Take any CSR kind of SciPy as an array of it; dense features stay as they are."""
    found: Features = csr_array(X) if hasattr(X, "tocsr") else X
    return found


def encode_examples(X: Any, y: ArrayLike, classes: NDArray[Any], *, part: str = "train") -> Examples:
    """Bring samples into the common form of all parts of a data set.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Checked features.
    y : ndarray of shape (n_samples,)
        Labels.
    classes : ndarray of shape (n_classes,)
        All labels that there are, sorted.
    part : str
        What to call them in a message.

    Raises
    ------
    ValueError
        If a label is none of the classes, or the samples cannot be used.
    """
    if unseen := sorted(set(unique_labels(y).tolist()) - set(classes.tolist())):
        raise ValueError(f"label {unseen[0]!r} is none of the classes {classes.tolist()}")
    try:
        return make_part(part, Examples(check_features(X), np.searchsorted(classes, y)), n_outputs=len(classes))
    except DataError as error:
        raise ValueError(str(error)) from error


def divide_samples(whole: Examples, validation: Validation, classes: NDArray[Any]) -> tuple[Examples, Examples | None]:
    """Set a validation part aside, with every class in proportion, as the command line does.

    Where a class has too few samples for that, they are drawn whatever their class is, as scikit-learn's
    `MLPClassifier` does, but one of each class stays in the training part. As there, one of only two classes must not
    be a single sample.

    Raises
    ------
    ValueError
        If there are too few samples for either.
    """
    fraction, seed = validation.validation_fraction, validation.split_seed
    try:
        rest, part = draw_part(Labels(whole.y, classes.tolist(), unit="sample"), fraction, seed, "validation_fraction")
    except DataError as error:
        drawn = _draw_validation(whole.y, fraction, seed)
        if drawn is None:
            raise ValueError(str(error)) from error
        rest, part = np.setdiff1d(np.arange(whole.n_samples), drawn), drawn
    return take_rows(whole, rest), None if part is None else take_rows(whole, part)


def _draw_validation(y: IntArray, fraction: float, seed: int) -> NDArray[np.intp] | None:
    """Draw rows of any class but one of each; None if there are too few."""
    rows = np.random.default_rng(seed).permutation(len(y))
    spare = np.delete(rows, np.unique(y[rows], return_index=True)[1])
    n_drawn, sizes = int(np.ceil(fraction * len(y))), np.unique(y, return_counts=True)[1]
    # of large classes a part that is smaller than their number says that the fraction is a slip
    is_small = n_drawn < len(sizes) and sizes.min() > 2
    is_lonely = len(sizes) == 2 and sizes.min() == 1
    return None if is_small or is_lonely or not 2 <= n_drawn <= len(spare) else spare[:n_drawn]


_ROUNDING = 1e-9  # of sums of class weights
_OTHER_CAUSES = "another learning_rate_init, more epochs (max_iter) or another init may help"


class Parts(NamedTuple):
    """The examples of a fit; there is no test part, since whoever fits looks at other samples afterwards."""

    train: Examples
    val: Examples | None
    n_classes: int
    test: None = None
    task: Task = "classification"

    @property
    def n_outputs(self) -> int:
        """How many classes there are."""
        return self.n_classes

    def digest(self) -> str:
        """Hash all of it."""
        present = {"train": self.train} | ({"val": self.val} if self.val else {})
        return f"{self.n_classes} {hash_parts(present)}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """What is to be trained.

    Attributes
    ----------
    recipe : Recipe
        The network, and how it is trained.
    parts : Parts
        What it learns.
    layers : list of Layer or None
        Parameters of an earlier training to begin with, with K = 1.
    """

    recipe: Recipe
    parts: Parts
    layers: Layers | None = None

    def member(self) -> Member:
        """Return what the network has for itself."""
        return replace(self.recipe.member(), layers=self.layers)

    def training(self) -> Training:
        """Return how it is trained."""
        return self.recipe.training()

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
        for epoch in train(fit.parts, fit.recipe.network(), [fit.member()], fit.training()):
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
        The epoch's row, and when training begins that of the untrained network.
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
        )
        for epoch in epochs:
            add(networks, epoch)
            if epoch.endings:
                return networks[0], None
            if epoch.epoch == next_epoch:
                return networks[0], epoch.snapshot(0)
    raise AssertionError("the next epoch is never the last")


def begin_fit(fit: Fit, layers: Layers, epoch: int) -> Snapshot:
    """Make a snapshot of layers that were trained for so many epochs; the update rule remembers nothing of them."""
    learner, training = Learner(0, fit.member()), fit.training()
    blank = [Layer(np.zeros_like(W), np.zeros_like(b)) for W, b in layers]
    schedule = learner.member.schedule
    return Snapshot(
        epoch=epoch,
        steps=0,
        layers=layers,
        slots=[blank] * training.optimizer.n_slots,
        gradient=[],
        learning_rate=learner.learning_rate,
        plateau=schedule.start() if isinstance(schedule, ReduceOnPlateau) else None,
        order=dict(learner.order.bit_generator.state),
        dropout=dict(learner.dropout.bit_generator.state),
    )


def explain_failure(fit: Fit, layers: Layers) -> str:
    """Say that a trained network is no better on its training part than who always says the commonest class.

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
    train, n_classes = fit.parts.train, fit.parts.n_classes
    weights = class_weights(fit.training().class_weight, train.y, n_classes)
    counts = np.bincount(train.y, minlength=n_classes) * (1.0 if weights is None else weights)
    if np.count_nonzero(counts) < 2:
        return ""
    right = train.y[compute_outputs(fit.recipe.network(), layers, train.X).argmax(axis=1) == train.y]
    reached = (np.bincount(right, minlength=n_classes) * (1.0 if weights is None else weights)).sum() / counts.sum()
    share = counts.max() / counts.sum()
    if reached > share + _ROUNDING:
        return ""
    return (
        f"the network has learned nothing: on the training part its accuracy is {reached:.3f}, and that of always "
        f"saying the commonest class is {share:.3f}{explain_large_features(fit) or '; ' + _OTHER_CAUSES}"
    )


def explain_large_features(fit: Fit) -> str:
    """Say that the features are large, and what helps; empty where they are not."""
    scale = feature_scale(fit.parts.train.X)
    remedy = "put sklearn.preprocessing.StandardScaler() before this classifier, in a pipeline"
    return f"; {explain_scale(scale, remedy)}" if scale > LARGE_SCALE else ""


def _line(epoch: Epoch) -> str:
    words = [f"epoch {epoch.epoch}", f"learning_rate {epoch.learning_rate[0]:.6g}"]
    words.append(f"train_cost {epoch.train_cost[0]:.6f}")
    if epoch.val_accuracy is not None:
        words.append(f"val_accuracy {epoch.val_accuracy[0]:.4f}")
    return "  ".join(words)
