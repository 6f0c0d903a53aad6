"""scikit-learn's searches, with the fits of an `NNClassifier` trained in stacks.

Candidates, folds, scores, ranks and refit are scikit-learn's own work; only where its fits would train one network
each, the networks are there already. Results are the same, bit for bit; times in ``cv_results_`` are not, since a fit
that is trained with others takes none of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

from joblib import effective_n_jobs, parallel_config
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable

from nnsweep.estimator.ahead import Ahead, Candidate, Fold, Folded
from nnsweep.estimator.classifier import NNClassifier
from nnsweep.estimator.fitting import TRAINED


class _Folds:
    """Folds that have been drawn, so that nobody draws them a second time."""

    def __init__(self, folds: Sequence[Fold]) -> None:
        self._folds = folds

    def split(self, *_: Any, **__: Any) -> Iterator[Fold]:
        """Give them."""
        return iter(self._folds)


class _Searched(NamedTuple):
    """What is searched on, as long as the search lasts."""

    X: Any
    y: Any
    params: Mapping[str, Any]
    n_workers: int


class _Stacked:
    """What makes a search of scikit-learn a stacked one; it comes before it among the bases."""

    estimator: Any
    cv: Any
    n_jobs: int | None
    _searched: _Searched

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search, and refit the best candidate, as scikit-learn's class of this search does.

        Parameters
        ----------
        X, y : array-like
            Samples and labels.
        **params : dict
            As there; with parameters for the estimator's fit, fits are ordinary ones.

        Returns
        -------
        object
            Itself.
        """
        search: Any = super()
        X, y = indexable(X, y)
        if not isinstance(_last(self.estimator), NNClassifier) or isinstance(self.cv, Iterator):
            search.fit(X, y, **params)
            return self
        self._searched = _Searched(X, y, params, effective_n_jobs(self.n_jobs))
        try:
            with parallel_config(backend="sequential"):  # what is trained ahead lies ready in this process
                search.fit(X, y, **params)
        finally:
            del self._searched
        return self

    def _run_search(self, evaluate_candidates: Callable[..., Any], *, callback_ctx: Any = None) -> None:
        search: Any = super()
        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        if not hasattr(self, "_searched"):
            search._run_search(evaluate_candidates, **context)
            return

        def evaluate(candidate_params: Any, cv: Any = None, **more: Any) -> Any:
            candidates = list(candidate_params)
            folds = self._folds(cv)
            token = TRAINED.set(self._ahead(candidates, folds))
            try:
                return evaluate_candidates(candidates, _Folds(folds), **more)
            finally:
                TRAINED.reset(token)

        search._run_search(evaluate, **context)

    def _folds(self, cv: Any) -> list[Fold]:
        X, y = self._searched.X, self._searched.y
        splitter = cv or check_cv(self.cv, y, classifier=True)
        return [*splitter.split(X, y, **self._routed().splitter.split)]

    def _ahead(self, candidates: Sequence[Candidate], folds: Sequence[Fold]) -> Mapping[str, Any]:
        searched = self._searched
        if self._routed().estimator.fit:
            return {}
        return Ahead(Folded(self.estimator, searched.X, searched.y, folds), candidates, searched.n_workers)

    def _routed(self) -> Any:
        search: Any = self
        return search._get_routed_params_for_fit(self._searched.params)


class StackedSearchCV(_Stacked, GridSearchCV):  # type: ignore[misc]
    """A `GridSearchCV` over an `NNClassifier` whose many fits are trained as a few stacks.

    Parameters, attributes and results are those of `sklearn.model_selection.GridSearchCV`. The estimator is an
    `NNClassifier`, or a pipeline that ends with one; candidates train together if they differ in seed, learning rate,
    schedule, momentum, weight decay, initializer and the like, on the same fold and the same features. Whatever cannot
    be stacked (another estimator, a fit with parameters of its own, `verbose` networks) is fitted as ever.

    Parameters
    ----------
    estimator, param_grid, scoring, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As there.
    n_jobs : int or None
        Processes that train stacks; scoring, which is quick, and ordinary fits are done in this one.

    Notes
    -----
    The training parts of all folds are in memory at once. The times in ``cv_results_`` are those of scoring alone.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from nnsweep import NNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> grid = {"learning_rate_init": [0.01, 0.1], "weight_decay": [0.0, 0.01]}
    >>> search = StackedSearchCV(NNClassifier(max_iter=5), grid, cv=3).fit(X / 16, y)
    >>> search.best_params_
    {'learning_rate_init': 0.1, 'weight_decay': 0.0}
    """


class StackedRandomizedSearchCV(_Stacked, RandomizedSearchCV):  # type: ignore[misc]
    """A `sklearn.model_selection.RandomizedSearchCV` whose fits are trained as stacks; see `StackedSearchCV`."""


class StackedHalvingSearchCV(_Stacked, HalvingGridSearchCV):  # type: ignore[misc]
    """A `sklearn.model_selection.HalvingGridSearchCV` whose fits are trained as stacks; see `StackedSearchCV`.

    Each of its rounds is trained as stacks of its own. Both kinds of resource go: ``n_samples`` and ``max_iter``.
    """


class StackedHalvingRandomSearchCV(_Stacked, HalvingRandomSearchCV):  # type: ignore[misc]
    """A `sklearn.model_selection.HalvingRandomSearchCV` whose fits are trained as stacks; see `StackedSearchCV`."""


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
