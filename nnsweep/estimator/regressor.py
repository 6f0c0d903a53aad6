"""A scikit-learn regressor: the command line's network on arrays of one's own, for numbers."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from nnsweep.estimator.configurable import keep_options, list_choices
from nnsweep.estimator.perceptron import Perceptron
from nnsweep.estimator.samples import TargetKind
from nnsweep.mlp.arrays import FloatArray
from nnsweep.mlp.losses import make_loss
from nnsweep.mlp.targets import TargetScaling


@list_choices
class NNRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]
    """A multilayer perceptron that predicts one or several numbers, with nnsweep's activations, schedules and rules.

    It learns targets of mean 0 and standard deviation 1, and predicts in the unit that they were given in: learning
    rates and weight decay mean the same whatever that is. The defaults are the command line's for a table of one's
    own, but for `hidden_layer_sizes`. Without `clip_norm`, the square of a large error can be a step too long.
    Parameters are named as in scikit-learn's ``MLPRegressor`` where it has one of the same meaning, and as in nnsweep's
    configuration elsewhere; a wrong value is told by `fit`.

    Parameters
    ----------
    $parameters
    loss : str or dict
        What training lowers, summed over the targets:
        $regression_losses.
        A dict gives its settings, too: ``{"name": "huber", "delta": 1.5}``, in standard deviations of the target, or
        ``{"name": "quantile", "quantiles": (0.05, 0.5, 0.95)}``.
    measures : sequence of str or None
        What is measured of a validation part besides rmse, in `history_`; None for mae and r2. Named as in
        scikit-learn:
        $regression_measures.

    Attributes
    ----------
    $attributes
    n_outputs_ : int
        Number of outputs: one a target, or as many as there are quantiles for each.
    out_activation_ : str
        ``identity``.
    target_mean_, target_scale_ : ndarray of shape (n_targets,)
        Mean and standard deviation of the targets that training saw first: `coefs_` give ``(y - mean) / scale``.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = make_friedman1(500, noise=0.5, random_state=0)
    >>> bool(cross_val_score(NNRegressor(), X, y, cv=3).mean() > 0.8)
    True
    """

    _scaling: TargetScaling
    if TYPE_CHECKING:  # scikit-learn's has no types

        def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
            """Give the share of the targets' variance that is explained, R2."""

    @keep_options
    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        loss: Any = "squared_error",
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
        clip_norm: float | None = 1.0,
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
        random_state: Any = 0,
        warm_start: bool = False,
        verbose: bool = False,
    ) -> None: ...

    @property
    def target_mean_(self) -> FloatArray:
        """The mean of each target: (n_targets,)."""
        return self._scaling.mean

    @property
    def target_scale_(self) -> FloatArray:
        """The standard deviation of each target, 1 where it never changes: (n_targets,)."""
        return self._scaling.scale

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that there may be several targets."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train one epoch of these samples, from where the fit or the epoch before ended.

        The schedule goes on from epoch to epoch, and targets are standardized by the first samples. Nothing is
        validated; without a `batch_size` the samples are one batch. After `fit`, training goes on from the weights that
        it kept, and the update rule begins anew.

        Parameters
        ----------
        X, y, sample_weight : array or CSR, array, array or None
            As for `fit`.

        Returns
        -------
        NNRegressor
            Itself.

        Raises
        ------
        ValueError
            If an option or the data are wrong, or the training diverges.
        """
        samples = self._check_samples(X, y, sample_weight, reset=not hasattr(self, "coefs_"))
        if not hasattr(self, "coefs_"):
            self._kind = self._find_kind(samples.y)
        return self._train_epoch(samples)

    def predict(self, X: Any) -> FloatArray:
        """Predict the target, (n_samples,), or the targets, (n_samples, n_targets), of each sample.

        Of several quantiles that is the one nearest to the median; `predict_quantiles` gives all. With a validation
        part at `fit`, the weights are those of its best epoch, as in the command line's reports.
        """
        quantiles = self.predict_quantiles(X)
        levels = np.array(self._quantiles() or (0.5,))
        middle: FloatArray = quantiles[..., np.abs(levels - 0.5).argmin()]
        return middle

    def predict_quantiles(self, X: Any) -> FloatArray:
        """Predict the quantiles of `loss`: (n_samples, n_quantiles), or (n_samples, n_targets, n_quantiles).

        They are as the network gives them, as in models and tables: where it has little to learn from, a higher one may
        be below a lower one. With any other loss there is one, which `predict` gives.
        """
        outputs, n_targets = self._outputs(X), self._kind.n_outputs
        quantiles = self._scaling.restore(outputs).reshape(len(outputs), n_targets, -1)
        return quantiles[:, 0] if n_targets == 1 else quantiles

    def _quantiles(self) -> tuple[float, ...]:
        return make_loss(self._recipe.training().loss, "regression").quantiles

    def _check_targets(self, y: Any) -> NDArray[Any]:
        targets: NDArray[Any] = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        return targets

    def _find_kind(self, y: NDArray[Any]) -> TargetKind:
        return TargetKind("regression", np.arange(y.reshape(len(y), -1).shape[1]))
