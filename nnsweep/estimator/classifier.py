"""A scikit-learn classifier: the command line's network on arrays of one's own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, is_multilabel
from sklearn.utils.validation import column_or_1d

from nnsweep.estimator.configurable import keep_options, list_choices
from nnsweep.estimator.fitting import Fit
from nnsweep.estimator.perceptron import Perceptron
from nnsweep.estimator.samples import TargetKind
from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.evaluation import compute_outputs, fit_temperature
from nnsweep.mlp.history import Trained
from nnsweep.mlp.network import Layers
from nnsweep.mlp.snapshot import Snapshot


@list_choices
class NNClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """A multilayer perceptron that tells classes apart, with nnsweep's activations, schedules and rules.

    It learns one label a sample by softmax cross-entropy, or several labels that each hold or do not, an array of 0 and
    1 with a column a label, by binary cross-entropy.

    The defaults are the command line's for a table of one's own, but for `hidden_layer_sizes`. Parameters are named as
    in scikit-learn's ``MLPClassifier`` where it has one of the same meaning, and as in nnsweep's configuration
    elsewhere; a wrong value is told by `fit`.

    Parameters
    ----------
    $parameters
    output_activation : str
        Of the last layer, before the softmax, or the logistic function of several labels.
    loss : str or dict
        What training lowers; ``auto`` is cross_entropy, or binary_cross_entropy where a sample may have several labels.
        A dict gives its settings: ``{"name": "cross_entropy", "label_smoothing": 0.1}``.
    measures : sequence of str or None
        What is measured of a validation part besides accuracy, in `history_`; None for nothing else, or f1_macro where
        a sample may have several labels. Named as in scikit-learn:
        $classification_measures.
        With several labels, where a sample is right if all of them are:
        $multilabel_measures.
    class_weight : dict, "balanced" or None
        How much the samples of each class count, by label (1 for a label that is not named); ``balanced`` lets all
        classes count the same in all, None all samples. The cost is the weighted mean of each step's samples.
    calibrate : "temperature" or None
        Divide the logits by the number that gives the validation part the lowest log loss, for probabilities that can
        be trusted.

    Attributes
    ----------
    $attributes
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; the numbers of the columns of `y` where a sample may have several labels.
    n_outputs_ : int
        Number of outputs: one a class, also for two classes, where `MLPClassifier` has one in all.
    out_activation_ : str
        ``softmax``, or ``logistic`` of several labels, which follows whatever `output_activation` is.
    temperature_ : float
        What logits are divided by; 1 unless they were calibrated.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = load_digits(return_X_y=True)
    >>> scores = cross_val_score(NNClassifier(max_iter=10), X / 16, y, cv=3)
    >>> bool(scores.mean() > 0.9)
    True
    """

    if TYPE_CHECKING:  # scikit-learn's has no types

        def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
            """Give the accuracy on samples and their labels."""

    @keep_options
    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        loss: Any = "auto",
        output_activation: str = "identity",
        normalization: str | None = None,
        residual: bool = False,
        scaling_layer: bool = False,
        parametrization: str | None = None,
        dropout: float = 0.0,
        init: Any = "he_uniform",
        solver: Any = "momentum",
        learning_rate_init: float | None = None,
        learning_rate: Any = "cosine",
        weight_decay: float | None = 0.01,
        clip_norm: float | None = None,
        ema: float | None = None,
        bias_rate_factor: float | None = None,
        scale_rate_factor: float | None = None,
        batch_size: int | None = 32,
        max_iter: int = 40,
        dtype: str = "float32",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        split_seed: int = 0,
        n_iter_no_change: int | None = 10,
        tol: float = 0.0,
        evaluate_every: int = 1,
        measures: Any = None,
        select: str | None = None,
        class_weight: Any = None,
        random_state: Any = 0,
        warm_start: bool = False,
        calibrate: str | None = None,
        verbose: bool = False,
    ) -> None: ...

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted, or the columns of several labels: (n_classes,)."""
        return self._kind.classes

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that a sample may have several labels, unless an option is for one."""
        tags = super().__sklearn_tags__()
        loss = self.loss.get("name") if isinstance(self.loss, Mapping) else self.loss
        tags.classifier_tags.multi_label = self.class_weight is self.calibrate is None and loss != "cross_entropy"
        return tags

    def partial_fit(
        self, X: Any, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one epoch of these samples, from where the fit or the epoch before ended.

        The schedule goes on from epoch to epoch. Nothing is validated; without a `batch_size` the samples are one
        batch. After `fit`, training goes on from the weights that it kept, and the update rule begins anew.

        Parameters
        ----------
        X, y : array or CSR, array
            As for `fit`.
        classes : array of shape (n_classes,) or None
            All labels there are; they must be given the first time, unless a sample may have several labels.
        sample_weight : array of shape (n_samples,) or None
            As for `fit`.

        Returns
        -------
        NNClassifier
            Itself.

        Raises
        ------
        ValueError
            If an option, a label or the data are wrong, or the training diverges.
        """
        samples = self._check_samples(X, y, sample_weight, reset=not hasattr(self, "coefs_"))
        known = None if classes is None else TargetKind("classification", np.unique(classes))
        if not hasattr(self, "_kind"):
            found = self._find_kind(samples.y)
            if found.task == "classification" and known is None:
                raise ValueError("classes must be passed on the first call to partial_fit")
            self._kind = found if known is None else known
        elif known is not None and not np.array_equal(known.classes, self.classes_):
            raise ValueError(f"classes={known.classes.tolist()} are not those of before, {self.classes_.tolist()}")
        return self._train_epoch(samples)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label with the largest probability for each sample: (n_samples,).

        Of several labels each is 1 where its probability is above one half: (n_samples, n_classes). With a validation
        part at `fit`, the weights are those of its best epoch, as in the command line's reports.
        """
        logits = self._logits(X)
        if self._kind.task == "multilabel":
            return (logits > 0).astype(np.int64)
        labels: NDArray[Any] = self.classes_[logits.argmax(axis=1)]
        return labels

    def decision_function(self, X: Any) -> FloatArray:
        """Return the logits, (n_samples, n_classes); of two classes the log-odds of the second one, (n_samples,)."""
        logits = self._logits(X)
        is_binary = self._kind.task == "classification" and len(self.classes_) == 2
        scores: FloatArray = logits[:, 1] - logits[:, 0] if is_binary else logits
        return scores

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each class or label, in the order of `classes_`: (n_samples, n_classes)."""
        logits = self._logits(X)
        probabilities: FloatArray = expit(logits) if self._kind.task == "multilabel" else softmax(logits, axis=1)
        return probabilities

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the logarithm of each probability, which does not underflow: (n_samples, n_classes)."""
        logits = self._logits(X)
        logarithms: FloatArray = log_expit(logits) if self._kind.task == "multilabel" else log_softmax(logits, axis=1)
        return logarithms

    def _logits(self, X: Any) -> FloatArray:
        logits = self._outputs(X)
        return logits if self.temperature_ == 1 else logits / self.temperature_

    def _keep(self, trained: Trained, layers: Layers, fit: Fit, *, snapshot: Snapshot | None) -> None:
        super()._keep(trained, layers, fit, snapshot=snapshot)
        self.temperature_, val = 1.0, fit.parts.val
        if self.calibrate is not None and val is not None:
            outputs = compute_outputs(fit.recipe.network(), layers, val.X)
            self.temperature_ = fit_temperature(outputs, val.y, val.weight)

    def _check_targets(self, y: Any) -> NDArray[Any]:
        check_classification_targets(y)
        labels: NDArray[Any] = y if is_multilabel(y) else column_or_1d(y, warn=True)
        return labels

    def _find_kind(self, y: NDArray[Any]) -> TargetKind:
        if y.ndim == 2:
            return TargetKind("multilabel", np.arange(y.shape[1]))
        return TargetKind("classification", np.unique(y))
