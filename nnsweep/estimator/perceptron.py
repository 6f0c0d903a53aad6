"""A perceptron: what scikit-learn's view of a network has in common, whatever it learns.

An estimator goes from options and samples to a trained network and keeps its curves and weights. The same settings on
the same examples give the same curves and weights as ``python -m nnsweep``, bit for bit.
"""

import warnings
from abc import abstractmethod
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from nnsweep.estimator.configurable import Configurable, list_choices
from nnsweep.estimator.fitting import (
    Fit,
    begin_fit,
    explain_divergence,
    explain_failure,
    train_fit,
    train_one_epoch,
)
from nnsweep.estimator.options import Options
from nnsweep.estimator.samples import Parts, TargetKind, check_features, divide_samples, encode_examples
from nnsweep.jobs.job import Recipe
from nnsweep.mlp.arrays import FloatArray, Task
from nnsweep.mlp.evaluation import compute_outputs
from nnsweep.mlp.history import Trained
from nnsweep.mlp.losses import make_loss
from nnsweep.mlp.network import Layer, Layers
from nnsweep.mlp.snapshot import Snapshot
from nnsweep.mlp.targets import TargetScaling, fit_target_scaling

_LAST_ACTIVATIONS: dict[Task, str] = {"classification": "softmax", "multilabel": "logistic", "regression": "identity"}
"""What follows the last layer, in scikit-learn's words."""


class _Samples(NamedTuple):
    """Checked samples: features, labels or targets, and weights if there are any."""

    X: Any
    y: NDArray[Any]
    weight: FloatArray | None


@list_choices
class Perceptron(Configurable):
    """The estimators' parent: training, and what is kept of it.

    Parameters
    ----------
    $parameters

    Attributes
    ----------
    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights. With a validation part they are those of the best epoch, as the command line reports it; else those of
        the last.
    intercepts_ : list of ndarray of shape (fan_out,)
        Biases.
    n_iter_ : int
        Epochs of training.
    loss_, loss_curve_ : float, list of float
        The mean training cost after the last and after each epoch (with minibatches, over the epoch's steps).
    best_loss_ : float or None
        The lowest training cost after any epoch; None with a validation part, which decides then.
    n_layers_ : int
        Number of layers, input and output among them.
    t_ : int
        Training samples seen so far: each counts once an epoch.
    validation_scores_ : list of float or None
        The measure in `select` after each epoch, NaN where it was not measured; None without a validation part.
    best_epoch_ : int
        The epoch whose weights are kept: the one with the best value of the measure in `select`, of equal ones that
        with the lower validation cost, then the later; 0 is the untrained network.
    best_validation_score_ : float or None
        Its value of that measure.
    history_ : dict of str to ndarray of shape (n_iter_ + 1,)
        The curves that the command line records, from the untrained network on: ``train_cost``, ``val_cost``, one for
        each of `measures`, and so on.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Their names, where `X` has some.
    """

    coefs_: list[FloatArray]
    intercepts_: list[FloatArray]
    n_iter_: int
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    best_loss_: float | None
    t_: int
    _other_arrays: list[dict[str, FloatArray]]
    _trained: Trained
    _kind: TargetKind
    _recipe: Recipe
    _scaling: TargetScaling | None
    _snapshot: Snapshot | None

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that features may be sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether there are weights."""
        return hasattr(self, "coefs_")

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train a network.

        Parameters
        ----------
        X : array or CSR of shape (n_samples, n_features)
            Features.
        y : array of shape (n_samples,) or (n_samples, n_outputs)
            Labels of any type, or 0 and 1 for each of several labels; for a regressor numbers, one or several targets.
        sample_weight : array of shape (n_samples,) or None
            How much each sample counts, in the cost, in what is measured and in the scale of the targets; None if all
            count the same. A weight of 2 is a sample given twice, and one of 0 a sample left out. `class_weight`
            multiplies it.
        X_val, y_val, sample_weight_val : array or CSR, array, array or None
            A validation part of one's own, which decides the best epoch; None for none, or with `early_stopping` for
            one that is set aside.

        Returns
        -------
        object
            Itself.

        Raises
        ------
        ValueError
            If an option or the data are wrong, or the training diverges.

        Warns
        -----
        ConvergenceWarning
            If the network has learned nothing: it is no better than who always says the same.
        """
        fit = self.prepare_fit(X, y, sample_weight, X_val=X_val, y_val=y_val, sample_weight_val=sample_weight_val)
        network = train_fit(fit, tell=bool(self.verbose))
        if network.ending == "diverged":
            raise ValueError(explain_divergence(network, fit))
        if message := explain_failure(fit, network.best_layers):
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        self._keep(network, network.best_layers, fit, snapshot=None)
        self.t_ = self.n_iter_ * fit.parts.train.n_samples
        self.best_epoch_ = network.best_epoch
        self.best_validation_score_ = network.selection.orient(network.best_value) if fit.parts.val else None
        return self

    def prepare_fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Fit:
        """Check data and options as `fit` does, and return what it would train; parameters as for `fit`."""
        samples = self._check_samples(X, y, sample_weight)
        kind = self._find_kind(samples.y)
        options = self._options(kind.classes)
        layers = self._initial_layers(kind, options) if options.validation.warm_start else None
        self._kind = kind
        train, val = encode_examples(*samples, kind), None
        if X_val is not None or y_val is not None:
            if X_val is None or y_val is None:
                raise ValueError("X_val and y_val must be given together")
            val = encode_examples(*self._check_samples(X_val, y_val, sample_weight_val, reset=False), kind, part="val")
        elif sample_weight_val is not None:
            raise ValueError("sample_weight_val is given without X_val and y_val")
        elif options.validation.early_stopping:
            train, val = divide_samples(train, options.validation, kind)
        if getattr(self, "calibrate", None) is not None and (val is None or kind.task == "multilabel"):
            raise ValueError(
                "calibrate=temperature needs one label a sample and a validation part: set early_stopping, or give "
                "X_val and y_val"
            )
        parts = Parts(train, val, kind)
        return Fit(
            recipe=options.recipe, parts=parts, scaling=self._scale(parts, known=layers is not None), layers=layers
        )

    def _train_epoch(self, samples: _Samples) -> Self:
        """Train one epoch of checked samples, from where the fit or the epoch before ended."""
        parts, begins = Parts(encode_examples(*samples, self._kind), None, self._kind), not hasattr(self, "coefs_")
        fit = Fit(recipe=self.recipe(self._kind.classes), parts=parts, scaling=self._scale(parts, known=not begins))
        snapshot, earlier = None, Trained()
        if not begins:
            snapshot, earlier = self._snapshot or begin_fit(fit, self._layers(), self.n_iter_), self._trained
        network, snapshot = train_one_epoch(fit, snapshot)
        if snapshot is None:
            raise ValueError(explain_divergence(network, fit))
        not_measured = (np.nan,) * len(earlier.curves)
        rows = [*earlier.rows, *(row._replace(measured=not_measured) for row in network.rows)]
        self._keep(replace(earlier, rows=rows), network.layers, fit, snapshot=snapshot)
        self.t_ = (self.t_ if earlier.rows else 0) + fit.parts.train.n_samples
        self.best_epoch_, self.best_validation_score_ = self.n_iter_, None
        return self

    @abstractmethod
    def _check_targets(self, y: Any) -> NDArray[Any]:
        """Check labels or targets that `validate_data` has let pass."""

    @abstractmethod
    def _find_kind(self, y: NDArray[Any]) -> TargetKind:
        """Say what checked labels or targets are."""

    def _check_samples(self, X: Any, y: Any, sample_weight: Any, *, reset: bool = True) -> _Samples:
        """Check samples as scikit-learn does; with `reset`, their features are those of the estimator."""
        checks: dict[str, Any] = {"multi_output": True, "y_numeric": is_regressor(self), "reset": reset}
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=(np.float64, np.float32), **checks)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return _Samples(X, self._check_targets(y.toarray() if hasattr(y, "tocsr") else y), weight)

    def _scale(self, parts: Parts, *, known: bool) -> TargetScaling | None:
        """Return how targets are standardized: what goes on from known weights keeps the scale of their outputs."""
        if parts.task != "regression":
            return None
        return self._scaling if known else fit_target_scaling(parts.train)

    def _layers(self) -> Layers:
        parts = zip(self.coefs_, self.intercepts_, self._other_arrays, strict=True)
        return [Layer(W[None], b[None, None], **others) for W, b, others in parts]

    def _initial_layers(self, kind: TargetKind, options: Options) -> Layers | None:
        if not hasattr(self, "coefs_"):
            return None
        recipe, known = options.recipe, self._kind
        n_outputs = make_loss(recipe.training().loss, kind.task).count_outputs(kind.n_outputs)
        sizes = [self.n_features_in_, *recipe.arch.sizes, n_outputs]
        known_sizes = [len(W) for W in self.coefs_] + [self.coefs_[-1].shape[1]]
        if sizes != known_sizes or kind.task != known.task or not np.array_equal(kind.classes, known.classes):
            what = "targets" if kind.task == "regression" else "classes"
            raise ValueError(
                f"warm_start=True: features, hidden layers and {what} must be those of the fit before, whose layer "
                f"sizes were {known_sizes} and {what} {known.classes.tolist()}; got {sizes} and {kind.classes.tolist()}"
            )
        if len({one.network().normalization == "layer" for one in (recipe, self._recipe)}) > 1:  # which has gains
            raise ValueError("warm_start=True: normalization must be that of the fit before")
        return self._layers()

    def _keep(self, trained: Trained, layers: Layers, fit: Fit, *, snapshot: Snapshot | None) -> None:
        """Keep curves and weights, and what a partial fit goes on from."""
        self.history_ = trained.history()
        self.loss_curve_ = self.history_["train_cost"][1:].tolist()
        self.n_iter_, self.loss_ = len(self.loss_curve_), self.loss_curve_[-1]
        scores = self.history_.get(f"val_{trained.selection.measure}")
        self.validation_scores_ = None if scores is None else scores[1:].tolist()
        self.best_loss_ = min(self.loss_curve_) if fit.parts.val is None else None
        self.coefs_, self.intercepts_ = [layer.W[0] for layer in layers], [layer.b[0, 0] for layer in layers]
        self._other_arrays = [dict(zip(layer.names[2:], layer[2:], strict=True)) for layer in layers]
        self.n_layers_, self.n_outputs_ = len(layers) + 1, len(self.intercepts_[-1])
        self.out_activation_ = _LAST_ACTIVATIONS[fit.parts.task]
        # without the layers
        self._trained = Trained(rows=trained.rows, curves=trained.curves, selection=trained.selection)
        self._recipe, self._snapshot, self._scaling = fit.recipe, snapshot, fit.scaling

    def _outputs(self, X: Any) -> FloatArray:
        """Compute the outputs of the last layer: logits, or standardized targets."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        return compute_outputs(self._recipe.network(), self._layers(), check_features(X))
