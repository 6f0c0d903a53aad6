"""A scikit-learn classifier: the command line's network on arrays of one's own.

The same settings on the same examples give the same curves and weights as ``python -m nnsweep``, bit for bit.
"""

import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
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
    list_choices,
    make_hinting,
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


@list_choices
class NNClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A multilayer perceptron that learns by softmax cross-entropy, with nnsweep's activations, schedules and rules.

    The defaults are the command line's for a table of one's own, but for `hidden_layer_sizes`. Parameters are named as
    in scikit-learn's ``MLPClassifier`` where it has one of the same meaning, and as in nnsweep's configuration
    elsewhere; a wrong value is told by `fit`.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each hidden layer; ``()`` for multinomial logistic regression.
    activation : str or dict
        Activation of the hidden layers:
        $activation.
        A dict gives its settings, too: ``{"name": "leaky_relu", "negative_slope": 0.1}``.
    output_activation : str
        Of the last layer, before the softmax.
    dropout : float
        Share of hidden units left out of each step.
    init : str
        Rule that draws the first weights (biases start at 0):
        $init.
    solver : str or dict
        Update rule:
        $optimizer.
        A dict gives some of its settings, too: ``{"name": "adam", "beta_2": 0.98}``; the others are the command line's.
    learning_rate_init : float or None
        The schedule's base rate; None for the command line's of this `solver` (0.1 for momentum, 0.003 for adam).
    learning_rate : str or dict
        Schedule, by its name on the command line:
        $schedule.
        A dict gives some of its settings, too: ``{"name": "step", "gamma": 0.1, "stepsize": 5}``, or joins others:
        ``{"name": "join", "pieces": [...], "boundaries": [...]}``.
    weight_decay : float or None
        L2: half of it times the sum of the squared weights is added to the mean cost (adamw shrinks the weights
        instead); None for the command line's of a table of one's own. scikit-learn's `alpha` is another number: it
        divides the penalty by the number of samples in the batch.
    clip_norm : float or None
        The longest gradient that a step may follow.
    batch_size : int or None
        Samples a step; None for all of them.
    max_iter : int
        Epochs.
    dtype : {"float32", "float64"}
        Precision of the training.
    early_stopping : bool
        Set a validation part aside, unless `fit` is given one, and end when its accuracy has not risen by more than
        `tol` for `n_iter_no_change` epochs. A cost that falls at equal accuracy counts as a rise.
    validation_fraction : float
        Of the samples, for that part, which has every class in proportion. Where a class has too few samples for that,
        they are drawn whatever their class is; each class keeps one in the training part.
    split_seed : int
        Which of the possible parts that is, whatever `random_state` is.
    n_iter_no_change : int or None
        See `early_stopping`; None for never, so that the part only decides which epoch is best.
    tol : float
        By how much the accuracy must rise to count.
    evaluate_every : int
        Epochs between two measurements of validation accuracy; the first and the last are always measured.
    class_weight : dict, "balanced" or None
        How much the samples of each class count, by label (1 for a label that is not named); ``balanced`` lets all
        classes count the same in all, None all samples. The cost is the weighted mean of each step's samples.
    random_state : int, RandomState or None
        Decides first weights, order of samples and dropout: an int is the command line's ``seed``, anything else is
        asked for one at every fit.
    warm_start : bool
        Begin with the weights of the fit before; schedule, update rule and random streams begin anew.
    verbose : bool
        Print a line an epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
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
    n_outputs_ : int
        Number of outputs: one a class, also for two classes, where `MLPClassifier` has one in all.
    out_activation_ : str
        ``softmax``, which follows whatever `output_activation` is.
    t_ : int
        Training samples seen so far: each counts once an epoch.
    validation_scores_ : list of float or None
        Validation accuracy after each epoch, NaN where it was not measured; None without a validation part.
    best_epoch_ : int
        The epoch whose weights are kept: the one with the highest validation accuracy, of equal ones that with the
        lower validation cost, then the later; 0 is the untrained network.
    best_validation_score_ : float or None
        Its validation accuracy.
    history_ : dict of str to ndarray of shape (n_iter_ + 1,)
        The curves that the command line records, from the untrained network on.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Their names, where `X` has some.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = load_digits(return_X_y=True)
    >>> scores = cross_val_score(NNClassifier(max_iter=10), X / 16, y, cv=3)
    >>> bool(scores.mean() > 0.9)
    True
    """

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
    if TYPE_CHECKING:  # scikit-learn's has no types

        def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
            """Give the accuracy on samples and their labels."""

    @make_hinting
    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        output_activation: str = "identity",
        dropout: float = 0.0,
        init: str = "he_uniform",
        solver: Any = "momentum",
        learning_rate_init: float | None = None,
        learning_rate: Any = "cosine",
        weight_decay: float | None = 0.01,
        clip_norm: float | None = None,
        batch_size: int | None = 32,
        max_iter: int = 40,
        dtype: str = "float32",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        split_seed: int = 0,
        n_iter_no_change: int | None = 10,
        tol: float = 0.0,
        evaluate_every: int = 1,
        class_weight: Any = None,
        random_state: Any = 0,
        warm_start: bool = False,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.output_activation = output_activation
        self.dropout = dropout
        self.init = init
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.dtype = dtype
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.split_seed = split_seed
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.evaluate_every = evaluate_every
        self.class_weight = class_weight
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    def set_params(self, **params: Any) -> Self:
        """Set options, as scikit-learn's estimators do; a name that is not known is told with what may be meant.

        Parameters
        ----------
        **params : dict
            Options by name.

        Returns
        -------
        NNClassifier
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
        NNClassifier
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
            raise ValueError(_diverged(network, fit))
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

    def partial_fit(self, X: Any, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Train one epoch of these samples, from where the fit or the epoch before ended.

        The schedule goes on from epoch to epoch. Nothing is validated; without a `batch_size` the samples are one
        batch. After `fit`, training goes on from the weights that it kept, and the update rule begins anew.

        Parameters
        ----------
        X, y : array or CSR, array
            As for `fit`.
        classes : array of shape (n_classes,) or None
            All labels there are; they must be given the first time.

        Returns
        -------
        NNClassifier
            Itself.

        Raises
        ------
        ValueError
            If an option, a label or the data are wrong, or the training diverges.
        """
        begins = _check_partial_fit_first_call(self, classes) and not hasattr(self, "coefs_")
        X, y = self._check_arrays(X, y, reset=begins)
        parts = Parts(encode_examples(X, y, self.classes_), None, len(self.classes_))
        fit = Fit(recipe=self.recipe(self.classes_), parts=parts)
        snapshot, rows = None, []
        if hasattr(self, "coefs_"):
            snapshot, rows = self._snapshot or begin_fit(fit, self._layers(), self.n_iter_), self._rows
        network, snapshot = train_one_epoch(fit, snapshot)
        if snapshot is None:
            raise ValueError(_diverged(network, fit))
        self._keep([*rows, *network.rows], snapshot.layers, fit, snapshot=snapshot)
        self.t_ = (self.t_ if rows else 0) + fit.parts.train.n_samples
        self.best_epoch_, self.best_validation_score_ = self.n_iter_, None
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label with the largest probability for each sample: (n_samples,).

        With a validation part at `fit`, the weights are those of its best epoch, as in the command line's reports.
        """
        numbers = self._logits(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[numbers]
        return labels

    def decision_function(self, X: Any) -> FloatArray:
        """Return the logits, (n_samples, n_classes); of two classes the log-odds of the second one, (n_samples,)."""
        logits = self._logits(X)
        scores: FloatArray = logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits
        return scores

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each class, in the order of `classes_`: (n_samples, n_classes)."""
        probabilities: FloatArray = softmax(self._logits(X), axis=1)
        return probabilities

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the logarithm of each probability, which does not underflow: (n_samples, n_classes)."""
        logarithms: FloatArray = log_softmax(self._logits(X), axis=1)
        return logarithms

    def _options(self, classes: NDArray[Any]) -> Options:
        state = self.random_state
        seed = int(state) if isinstance(state, Integral) else int(check_random_state(state).randint(2**31 - 1))
        weights = {"class_weight": order_class_weights(self.class_weight, classes)}
        return check_options(self.get_params(deep=False) | weights, seed=seed)

    def _check_arrays(self, X: Any, y: Any, *, reset: bool = True) -> tuple[Any, Any]:
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=(np.float64, np.float32), reset=reset)
        check_classification_targets(y)
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


def _diverged(network: Trained, fit: Fit) -> str:
    return (
        f"the training diverged in epoch {network.rows[-1].epoch}: its cost or a weight is not finite any more; lower "
        f"learning_rate_init={fit.recipe.member().learning_rate}, or limit the gradient with clip_norm"
        f"{explain_large_features(fit)}"
    )
