"""Searches whose fits are trained ahead, in stacks, before scikit-learn asks for them one by one.

Fits of the same samples whose networks can be trained together form a stack. What is trained lies ready under its
fingerprint when `fit` looks for it; whatever cannot be foreseen is simply not there, and is fitted in the
ordinary way.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Self, TypeAlias

import joblib
import numpy as np
from joblib import effective_n_jobs, parallel_config
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, indexable
from sklearn.utils.metaestimators import _safe_split

from nnsweep.estimator.classifier import NNClassifier
from nnsweep.estimator.fitting import TRAINED, Fit, train_fits_together
from nnsweep.estimator.perceptron import Perceptron
from nnsweep.estimator.regressor import NNRegressor
from nnsweep.estimator.samples import Parts
from nnsweep.jobs.job import Recipe
from nnsweep.jobs.stacks import count_in_cache
from nnsweep.mlp.history import Trained
from nnsweep.mlp.network import n_parameters
from nnsweep.mlp.profile import Footprint, footprint

WAVE_BYTES = 2**30
"""What the trained networks that lie ready may take; candidates whose fits would take more come in several waves."""

Candidate: TypeAlias = Mapping[str, Any]
Fold: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]


class _ForeseenFit(NamedTuple):
    """A fit that will be asked for, and its kind: fits of one kind can be trained together."""

    fit: Fit
    kind: Hashable


@dataclass(frozen=True, eq=False)
class Folded:
    """Samples, parted into folds, and what is fitted to each.

    Attributes
    ----------
    estimator : estimator
        The search's own: an `NNClassifier` or `NNRegressor`, or a pipeline that ends with one.
    X, y : array-like
        All samples.
    folds : sequence of (ndarray, ndarray)
        Row numbers of each fold's training and test part.
    weight : ndarray of shape (n_samples,) or None
        How much each sample counts.
    """

    estimator: Any
    X: Any
    y: Any
    folds: Sequence[Fold]
    weight: NDArray[Any] | None = None


class Ahead(Mapping[str, Trained]):
    """Trained fits by fingerprint; a wave of them is trained when the first of it is looked up.

    Parameters
    ----------
    folded : Folded
        What is searched on.
    candidates : sequence of mappings
        The parameters of each candidate.
    n_workers : int
        Processes that train stacks at once.
    """

    def __init__(self, folded: Folded, candidates: Sequence[Candidate], n_workers: int) -> None:
        self._n_workers = n_workers
        self._waves = [*_part_waves(_foresee_fits(folded, candidates))]
        self._wave_of = {key: number for number, wave in enumerate(self._waves) for key in wave}
        self._ready: dict[str, Trained] = {}

    def __getitem__(self, key: str) -> Trained:
        wave = self._waves[self._wave_of[key]]
        if wave:
            self._ready = self._train(wave)
            self._waves[self._wave_of[key]] = {}
        return self._ready[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._wave_of)

    def __len__(self) -> int:
        return len(self._wave_of)

    def _train(self, wave: Mapping[str, _ForeseenFit]) -> dict[str, Trained]:
        stacks = _form_stacks(wave, self._n_workers)
        tasks = [(wave[keys[0]].fit.parts, [wave[key].fit.recipe for key in keys]) for keys in stacks]
        if self._n_workers == 1 or len(tasks) == 1:
            results = [_train_stack(*task) for task in tasks]
        else:
            pool = joblib.Parallel(n_jobs=self._n_workers, backend="loky", pre_dispatch="all", batch_size=1)
            results = pool(joblib.delayed(_train_stack)(*task) for task in tasks)
        pairs = zip(stacks, results, strict=True)
        return {key: one for keys, networks in pairs for key, one in zip(keys, networks or [], strict=bool(networks))}


def _train_stack(parts: Parts, recipes: Sequence[Recipe]) -> list[Trained] | None:
    """Train a stack; None if that cannot be done, so that each fit says for itself what is wrong."""
    try:
        return train_fits_together(parts, recipes)
    except (ValueError, ArithmeticError, MemoryError):
        return None


def _part_waves(fits: Iterator[tuple[str, _ForeseenFit]]) -> Iterator[dict[str, _ForeseenFit]]:
    """Part fits, in the order in which they will be asked for, by the memory of what is trained."""
    wave: dict[str, _ForeseenFit] = {}
    n_bytes = 0
    for key, foreseen in fits:
        parts, recipe = foreseen.fit.parts, foreseen.fit.recipe
        n_outputs = foreseen.fit.loss().count_outputs(parts.n_outputs)
        weights = n_parameters(parts.train.X.shape[1], recipe.arch.sizes, n_outputs)
        n_bytes += 2 * weights * np.dtype(recipe.training().dtype).itemsize  # those of the best epoch, and the last
        if wave and n_bytes > WAVE_BYTES:
            yield wave
            wave, n_bytes = {}, 0
        wave[key] = foreseen
    if wave:
        yield wave


def _form_stacks(wave: Mapping[str, _ForeseenFit], n_workers: int) -> list[list[str]]:
    """Form stacks of keys, the longest first, as evenly as the workers need them."""
    groups: dict[Hashable, list[str]] = {}
    for key, foreseen in wave.items():
        groups.setdefault(foreseen.kind, []).append(key)
    needs: dict[Hashable, Footprint] = {}
    for kind, keys in groups.items():
        fit = wave[keys[0]].fit
        needs[kind] = footprint(fit.parts, fit.recipe.network(), fit.training())
    total = sum(needs[kind].seconds(len(keys)) for kind, keys in groups.items())
    timed: list[tuple[float, list[str]]] = []
    for kind, keys in groups.items():
        need = needs[kind]
        by_time = math.ceil(need.seconds(len(keys)) * n_workers / total - 1e-9)
        n_parts = min(len(keys), max(by_time, -(-len(keys) // count_in_cache(need))))
        timed += [(need.seconds(len(part)), part) for part in _split_evenly(keys, n_parts)]
    timed.sort(key=lambda stack: -stack[0])
    n_even = len(timed) - len(timed) % n_workers if len(timed) > n_workers else len(timed)
    stacks = [keys for _, keys in timed[:n_even]]
    for _, keys in timed[n_even:]:  # while the others wait, these would keep some workers busy
        stacks += _split_evenly(keys, min(n_workers, len(keys)))
    return stacks


def _split_evenly(keys: Sequence[str], n_parts: int) -> list[list[str]]:
    ends = [round(part * len(keys) / n_parts) for part in range(n_parts + 1)]
    return [list(keys[start:end]) for start, end in pairwise(ends)]


def _foresee_fits(folded: Folded, candidates: Sequence[Candidate]) -> Iterator[tuple[str, _ForeseenFit]]:
    """Give each fit that will be asked for, in that order, by its fingerprint; NumPy's global state stays as it is."""
    shared = check_random_state(None)
    state = shared.get_state()  # the fits themselves will draw what is drawn here
    foresight = _Foresight(folded)
    try:
        for candidate in candidates:
            for number in range(len(folded.folds)):
                if foreseen := foresight.foresee(candidate, number):
                    yield foreseen
    finally:
        shared.set_state(state)


class _Foresight:
    """What fits of one search have in common, so that it is prepared once: folds, transformed features, parts."""

    def __init__(self, folded: Folded) -> None:
        self._folded = folded
        self._transformed: dict[Hashable, tuple[Any, Any, Any]] = {}
        self._parts: dict[Hashable, tuple[Parts, str]] = {}

    def foresee(self, candidate: Candidate, fold: int) -> tuple[str, _ForeseenFit] | None:
        """Say what the fit of a candidate to a fold will train; None if that cannot be trained ahead."""
        try:
            return self._foresee(candidate, fold)
        except Exception:  # whatever is wrong, the ordinary fit will say
            return None

    def _foresee(self, candidate: Candidate, fold: int) -> tuple[str, _ForeseenFit] | None:
        estimator = clone(self._folded.estimator).set_params(**clone(dict(candidate), safe=False))
        network = _last(estimator)
        if type(network) not in (NNClassifier, NNRegressor) or network.verbose:
            return None
        source = (fold, _others(estimator, candidate))
        if source not in self._transformed:
            self._transformed[source] = self._features(estimator, fold)
        own = (source, network.early_stopping, network.validation_fraction, network.split_seed)
        if own not in self._parts:
            fit = network.prepare_fit(*self._transformed[source])
            self._parts[own] = fit.parts, fit.parts.digest()
            recipe = fit.recipe
        else:
            recipe = network.recipe(self._parts[own][0].kind.classes)
        parts, digest = self._parts[own]
        fit = Fit(recipe=recipe, parts=parts)
        return fit.fingerprint(digest), _ForeseenFit(fit, (own, recipe.kind()))

    def _features(self, estimator: Any, fold: int) -> tuple[Any, Any, Any]:
        folded, rows = self._folded, self._folded.folds[fold][0]
        X, y = _safe_split(estimator, folded.X, folded.y, rows)
        if isinstance(estimator, Pipeline) and len(estimator.steps) > 1:
            X = estimator[:-1].fit_transform(X, y)
        return X, y, None if folded.weight is None else folded.weight[rows]


def _others(estimator: Any, candidate: Candidate) -> str:
    """Name the parameters of a pipeline's other steps."""
    if not isinstance(estimator, Pipeline):
        return ""
    own = f"{estimator.steps[-1][0]}__"
    return str(joblib.hash(sorted((name, value) for name, value in candidate.items() if not name.startswith(own))))


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
    best_params_: dict[str, Any]
    best_score_: float
    best_index_: int
    best_estimator_: Any
    cv_results_: dict[str, Any]
    _searched: _Searched

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search, and refit the best candidate, as scikit-learn's class of this search does.

        Parameters
        ----------
        X, y : array-like
            Samples and labels.
        **params : dict
            As there; with parameters for the estimator's fit, but for `sample_weight`, fits are ordinary ones.

        Returns
        -------
        object
            Itself.
        """
        search: Any = super()
        X, y = indexable(X, y)
        if not isinstance(_last(self.estimator), Perceptron) or isinstance(self.cv, Iterator):
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
            searched = self._searched
            fit_params = dict(self._routed().estimator.fit)
            weight = fit_params.pop(_name_weight(self.estimator), None)
            ahead: Mapping[str, Any] = {}
            if not fit_params:  # fits with other parameters of their own are ordinary ones
                weight = None if weight is None else np.asarray(weight)
                folded = Folded(self.estimator, searched.X, searched.y, folds, weight)
                ahead = Ahead(folded, candidates, searched.n_workers)
            token = TRAINED.set(ahead)
            try:
                return evaluate_candidates(candidates, _Folds(folds), **more)
            finally:
                TRAINED.reset(token)

        search._run_search(evaluate, **context)

    def _folds(self, cv: Any) -> list[Fold]:
        X, y = self._searched.X, self._searched.y
        splitter = cv or check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        return [*splitter.split(X, y, **self._routed().splitter.split)]

    def _routed(self) -> Any:
        search: Any = self
        return search._get_routed_params_for_fit(self._searched.params)


class StackedSearchCV(_Stacked, GridSearchCV):  # type: ignore[misc]
    """A `GridSearchCV` over an `NNClassifier` or `NNRegressor` whose many fits are trained as a few stacks.

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


def _name_weight(estimator: Any) -> str:
    """Name the parameter by which the weights of samples come to the network."""
    return f"{estimator.steps[-1][0]}__sample_weight" if isinstance(estimator, Pipeline) else "sample_weight"
