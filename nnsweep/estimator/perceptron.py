"""A perceptron: what scikit-learn's view of a network has in common, whatever it learns.

An estimator goes from options and samples to a trained network and keeps its curves and weights. The same settings on
the same examples give the same curves and weights as ``python -m nnsweep``, bit for bit.
"""

import warnings
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from nnsweep.estimator.fitting import (
    Fit,
    Parts,
    begin_fit,
    check_features,
    divide_samples,
    encode_examples,
    explain_failure,
    explain_large_features,
    train_fit,
    train_one_epoch,
)
from nnsweep.estimator.options import (
    ELSEWHERE,
    Options,
    check_options,
    move_constants,
    order_class_weights,
    suggest_option,
)
from nnsweep.jobs.job import Recipe
from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.curves import Row
from nnsweep.mlp.evaluation import compute_outputs
from nnsweep.mlp.history import Trained
from nnsweep.mlp.network import Layer, Layers
from nnsweep.mlp.snapshot import Snapshot


class Perceptron(BaseEstimator):  # type: ignore[misc]
    """The estimators' parent: options, training, and what is kept of it."""

    hidden_layer_sizes: Any
    activation: Any
    output_activation: str
    dropout: float
    init: str
    solver: Any
    learning_rate_init: float | None
    learning_rate: Any
    weight_decay: float | None
    clip_norm: float | None
    batch_size: int | None
    max_iter: int
    dtype: str
    early_stopping: bool
    validation_fraction: float
    split_seed: int
    n_iter_no_change: int | None
    tol: float
    evaluate_every: int
    class_weight: Any
    random_state: Any
    warm_start: bool
    verbose: bool

    classes_: NDArray[Any]
    coefs_: list[FloatArray]
    intercepts_: list[FloatArray]
    n_iter_: int
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    best_loss_: float | None
    t_: int
    _rows: list[Row]
    _recipe: Recipe
    _snapshot: Snapshot | None

    def set_params(self, **params: Any) -> Self:
        """Set options, as scikit-learn's estimators do; a name that is not known is told with what may be meant.

        Parameters
        ----------
        **params : dict
            Options by name.

        Returns
        -------
        object
            Itself.

        Raises
        ------
        ValueError
            If there is no such option.
        """
        try:
            super().set_params(**move_constants(params, self.solver))
        except ValueError as error:
            known = self._get_param_names()
            hints = [suggest_option(name, known) for name in params if name not in known and name in ELSEWHERE]
            raise ValueError(" ".join([str(error), *hints])) from None
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what was pickled, by a version with options that are gone, too."""
        super().__setstate__(move_constants(state, state.get("solver")))

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that features may be sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: ArrayLike, *, X_val: Any = None, y_val: ArrayLike | None = None) -> Self:
        """Train a network.

        Parameters
        ----------
        X : array or CSR of shape (n_samples, n_features)
            Features.
        y : array of shape (n_samples,)
            Labels of any type.
        X_val, y_val : array or CSR, array
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
            If the network has learned nothing: it is right no more often than who always says the commonest class.
        """
        fit = self.prepared(X, y, X_val=X_val, y_val=y_val)
        network = train_fit(fit, tell=bool(self.verbose))
        if network.ending == "diverged":
            raise ValueError(_explain_divergence(network, fit))
        if message := explain_failure(fit, network.best_layers):
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        self._keep(network.rows, network.best_layers, fit, snapshot=None)
        self.t_ = self.n_iter_ * fit.parts.train.n_samples
        self.best_epoch_ = network.best_epoch
        self.best_validation_score_ = network.best_accuracy if fit.parts.val else None
        return self

    def prepared(self, X: Any, y: ArrayLike, *, X_val: Any = None, y_val: ArrayLike | None = None) -> Fit:
        """Check data and options as `fit` does, and return what it would train; parameters as for `fit`."""
        X, y = self._check_arrays(X, y)
        classes = np.unique(y)
        options = self._options(classes)
        layers = self._initial_layers(classes, options) if options.validation.warm_start else None
        self.classes_ = classes
        train, val = encode_examples(X, y, classes), None
        if X_val is not None or y_val is not None:
            if X_val is None or y_val is None:
                raise ValueError("X_val and y_val must be given together")
            X_val, y_val = self._check_arrays(X_val, y_val, reset=False)
            val = encode_examples(X_val, y_val, self.classes_, part="val")
        elif options.validation.early_stopping:
            train, val = divide_samples(train, options.validation, classes)
        return Fit(recipe=options.recipe, parts=Parts(train, val, len(classes)), layers=layers)

    def recipe(self, classes: NDArray[Any]) -> Recipe:
        """Check the options and return how a network of theirs is made and trained; its seed may be drawn for that."""
        return self._options(classes).recipe

    def _train_epoch(self, X: Any, y: Any) -> Self:
        """Train one epoch of checked samples, from where the fit or the epoch before ended."""
        parts = Parts(encode_examples(X, y, self.classes_), None, len(self.classes_))
        fit = Fit(recipe=self.recipe(self.classes_), parts=parts)
        snapshot, rows = None, []
        if hasattr(self, "coefs_"):
            snapshot, rows = self._snapshot or begin_fit(fit, self._layers(), self.n_iter_), self._rows
        network, snapshot = train_one_epoch(fit, snapshot)
        if snapshot is None:
            raise ValueError(_explain_divergence(network, fit))
        self._keep([*rows, *network.rows], snapshot.layers, fit, snapshot=snapshot)
        self.t_ = (self.t_ if rows else 0) + fit.parts.train.n_samples
        self.best_epoch_, self.best_validation_score_ = self.n_iter_, None
        return self

    def _options(self, classes: NDArray[Any]) -> Options:
        state = self.random_state
        seed = int(state) if isinstance(state, Integral) else int(check_random_state(state).randint(2**31 - 1))
        weights = {"class_weight": order_class_weights(self.class_weight, classes)}
        return check_options(self.get_params(deep=False) | weights, seed=seed)

    def _check_arrays(self, X: Any, y: Any, *, reset: bool = True) -> tuple[Any, Any]:
        """Check samples as scikit-learn does; with `reset`, their features are those of the estimator."""
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=(np.float64, np.float32), reset=reset)
        return X, y

    def _layers(self) -> Layers:
        return [Layer(W[None], b[None, None]) for W, b in zip(self.coefs_, self.intercepts_, strict=True)]

    def _initial_layers(self, classes: NDArray[Any], options: Options) -> Layers | None:
        if not hasattr(self, "coefs_"):
            return None
        sizes = [self.n_features_in_, *options.recipe.arch.sizes, len(classes)]
        known_sizes = [len(W) for W in self.coefs_] + [self.coefs_[-1].shape[1]]
        if sizes != known_sizes or not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True: features, hidden layers and classes must be those of the fit before, whose layer "
                f"sizes were {known_sizes} and classes {self.classes_.tolist()}; got {sizes} and {classes.tolist()}"
            )
        return self._layers()

    def _keep(self, rows: list[Row], layers: Layers, fit: Fit, *, snapshot: Snapshot | None) -> None:
        """Keep curves and weights, and what a partial fit goes on from."""
        self.history_ = Trained(rows=rows).history()
        self.loss_curve_ = self.history_["train_cost"][1:].tolist()
        self.n_iter_, self.loss_ = len(self.loss_curve_), self.loss_curve_[-1]
        scores = self.history_.get("val_accuracy")
        self.validation_scores_ = None if scores is None else scores[1:].tolist()
        self.best_loss_ = min(self.loss_curve_) if fit.parts.val is None else None
        self.coefs_, self.intercepts_ = [W[0] for W, _ in layers], [b[0, 0] for _, b in layers]
        self.n_layers_, self.n_outputs_ = len(layers) + 1, len(self.classes_)
        self.out_activation_ = "softmax"
        self._rows, self._recipe, self._snapshot = rows, fit.recipe, snapshot

    def _logits(self, X: Any) -> FloatArray:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        return compute_outputs(self._recipe.network(), self._layers(), check_features(X))


def _explain_divergence(network: Trained, fit: Fit) -> str:
    return (
        f"the training diverged in epoch {network.rows[-1].epoch}: its cost or a weight is not finite any more; lower "
        f"learning_rate_init={fit.recipe.member().learning_rate}, or limit the gradient with clip_norm"
        f"{explain_large_features(fit)}"
    )
