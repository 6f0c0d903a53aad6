"""A scikit-learn classifier: the command line's network on arrays of one's own."""

from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets

from nnsweep.estimator.options import keep_options, list_choices
from nnsweep.estimator.perceptron import Perceptron
from nnsweep.mlp.arrays import FloatArray


@list_choices
class NNClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
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
        Its ``layers`` may name an activation for each hidden layer: ``{"name": "relu", "layers": ["relu", "tanh"]}``.
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
    if TYPE_CHECKING:  # scikit-learn's has no types

        def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
            """Give the accuracy on samples and their labels."""

    @keep_options
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
    ) -> None: ...

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
        return self._train_epoch(X, y)

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

    def _check_arrays(self, X: Any, y: Any, *, reset: bool = True) -> tuple[Any, Any]:
        X, y = super()._check_arrays(X, y, reset=reset)
        check_classification_targets(y)
        return X, y
