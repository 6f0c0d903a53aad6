"""A stacked search gives what scikit-learn's own gives, with fewer trainings."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from nnsweep import (
    NNClassifier,
    StackedHalvingRandomSearchCV,
    StackedHalvingSearchCV,
    StackedRandomizedSearchCV,
    StackedSearchCV,
)
from nnsweep.estimator import fitting, search

pytestmark = pytest.mark.filterwarnings("ignore:the network has learned nothing")  # in so few epochs

NETWORK = NNClassifier((8,), max_iter=5)
GRID = {"learning_rate_init": [0.01, 0.1], "weight_decay": [0, 1e-3]}
SEARCHES = {
    GridSearchCV: StackedSearchCV,
    RandomizedSearchCV: StackedRandomizedSearchCV,
    HalvingGridSearchCV: StackedHalvingSearchCV,
    HalvingRandomSearchCV: StackedHalvingRandomSearchCV,
}


def momenta(*values):
    return [{"name": "momentum", "momentum": value} for value in values]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:500] / 16, y[:500]


@pytest.fixture
def trainings(monkeypatch):
    """Count the trainings of this process: the list grows by the number of networks of each."""
    seen = []
    real = fitting.train

    def counted(parts, network, members, training, **named):
        seen.append(len(members))
        return real(parts, network, members, training, **named)

    monkeypatch.setattr(fitting, "train", counted)
    return seen


@pytest.fixture
def both(digits, trainings):
    """Search in scikit-learn's way and stacked; give both and the stacks' sizes."""

    def search(kind, estimator, grid, *, X=None, y=None, fit=None, **how):
        X, y = digits[0] if X is None else X, digits[1] if y is None else y
        found = []
        for each in (kind, SEARCHES[kind]):
            trainings.clear()
            np.random.seed(3)  # noqa: NPY002 (what is drawn from NumPy's own state must be drawn alike)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FitFailedWarning)
                warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
                found.append(each(clone(estimator), grid, **how).fit(X, y, **(fit or {})))
        theirs, ours = found
        assert_same(theirs, ours)
        return ours, [*trainings]

    return search


def assert_same(theirs, ours):
    results = [{name: r for name, r in one.cv_results_.items() if "time" not in name} for one in (theirs, ours)]
    assert [*results[0]] == [*results[1]]
    for name, expected in results[0].items():
        if name.startswith("param"):
            assert [*map(str, expected)] == [*map(str, results[1][name])]
        else:
            np.testing.assert_array_equal(np.asarray(results[1][name], float), np.asarray(expected, float))
    assert str(theirs.best_params_) == str(ours.best_params_)
    assert theirs.n_splits_ == ours.n_splits_
    if theirs.refit:
        np.testing.assert_equal(*(getattr(search, "best_score_", None) for search in (ours, theirs)))
        one, other = (_network(search.best_estimator_) for search in (theirs, ours))
        assert all((a == b).all() for a, b in zip(one.coefs_, other.coefs_, strict=True))


def _network(estimator):
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


STACKS = [4, 4, 4, 1]
"""Four candidates on three folds, and the refit."""

WAYS = {
    "plain": {},
    "several metrics": {"return_train_score": True, "scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"},
    "a metric of one's own": {"scoring": lambda estimator, X, y: {"neat": estimator.score(X, y)}, "refit": "neat"},
    "refit by a function": {"refit": lambda results: 1},
    "shuffled folds": {"cv": StratifiedKFold(3, shuffle=True)},
    "groups": {"cv": GroupKFold(3), "fit": {"groups": np.arange(500) % 7}},
}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_the_results_are_those_of_a_grid_search_bit_for_bit(how, both):
    ours, stacks = both(GridSearchCV, NETWORK, GRID, **({"cv": 3} | how))
    assert stacks[:3] == [4, 4, 4]
    assert isinstance(ours, GridSearchCV)


@pytest.mark.parametrize("kind", [GridSearchCV, HalvingGridSearchCV])
@pytest.mark.parametrize("network", [NETWORK, make_pipeline(StandardScaler(), NETWORK)], ids=["bare", "pipeline"])
def test_weights_of_samples_go_with_their_folds(network, kind, both, digits):
    is_bare = network is NETWORK
    grid = GRID if is_bare else {f"nnclassifier__{name}": values for name, values in GRID.items()}
    weight = np.random.default_rng(0).integers(0, 3, 500).astype(float)
    fit = {"sample_weight" if is_bare else "nnclassifier__sample_weight": weight}
    ours, stacks = both(kind, network, grid, cv=3, fit=fit)
    assert stacks[:3] == [4, 4, 4]
    unweighted = kind(clone(network), grid, cv=3).fit(*digits)
    assert (unweighted.cv_results_["mean_test_score"] != ours.cv_results_["mean_test_score"]).any()


def test_folds_of_a_random_state_are_drawn_once(digits):
    def found(kind):
        folds = StratifiedKFold(3, shuffle=True, random_state=np.random.RandomState(1))
        return kind(NETWORK, GRID, cv=folds).fit(*digits)

    assert_same(found(GridSearchCV), found(StackedSearchCV))


@pytest.mark.parametrize("seed", [None, np.random.RandomState(4)], ids=["None", "RandomState"])
def test_seeds_that_are_drawn_are_the_same(seed, both):
    assert both(GridSearchCV, NNClassifier((8,), max_iter=5, random_state=seed), GRID, cv=3)[1] == STACKS


def test_networks_that_stop_early_share_their_validation_part(both):
    network = NNClassifier((8,), max_iter=8, early_stopping=True, n_iter_no_change=2)
    assert both(GridSearchCV, network, GRID, cv=3)[1] == STACKS


@pytest.mark.parametrize("kind", ["csr", "text labels", "float32"])
def test_samples_may_be_of_any_kind(kind, both, digits):
    X, y = digits
    how = {"csr": {"X": csr_matrix(X)}, "text labels": {"y": np.array([*"abcdefghij"])[y]},
           "float32": {"X": X.astype(np.float32)}}  # fmt: skip
    assert both(GridSearchCV, NETWORK, GRID, cv=3, **how[kind])[1] == STACKS


@pytest.mark.parametrize("error_score", [np.nan, -7])
def test_failing_candidates_fail_as_usual_and_spare_the_others(error_score, both):
    grid = {"learning_rate_init": [0.1, 1e30, -1, 0.01]}
    ours, stacks = both(GridSearchCV, NETWORK, grid, cv=3, error_score=error_score)
    np.testing.assert_equal(ours.cv_results_["mean_test_score"][1:3], [error_score] * 2)
    assert stacks == [3, 3, 3, 1]


def test_an_error_is_raised_if_that_is_asked_for(digits):
    with pytest.raises(ValueError, match="the training diverged in epoch"):
        StackedSearchCV(NETWORK, {"learning_rate_init": [1e30]}, error_score="raise").fit(*digits)


def test_pipeline_candidates_share_features_of_earlier_steps(both):
    grid = {"standardscaler__with_mean": [True, False], "nnclassifier__solver": momenta(0.5, 0.7, 0.9)}
    ours, stacks = both(GridSearchCV, make_pipeline(StandardScaler(), NETWORK), grid, cv=3)
    assert stacks == [3] * 6 + [1]
    assert isinstance(ours.best_estimator_, Pipeline)


def test_what_is_no_network_is_fitted_as_ever(both):
    grid = [
        {"last": [NETWORK], "scaler": [MinMaxScaler(), "passthrough"], "last__solver": momenta(0.5, 0.9)},
        {"last": [LogisticRegression(max_iter=200)]},
    ]
    steps = Pipeline([("scaler", StandardScaler()), ("last", NETWORK)])
    ours, stacks = both(GridSearchCV, steps, grid, cv=3, refit=False)
    assert len(ours.cv_results_["params"]) == 5
    assert stacks == [2] * 6


def test_networks_of_different_kinds_are_stacks_of_their_own(both):
    grid = {"hidden_layer_sizes": [(4,), (8, 4)], "random_state": [0, 1, 2]}
    assert both(GridSearchCV, NETWORK, grid, cv=3)[1] == [3] * 6 + [1]


def test_fit_parameters_and_iterator_folds_give_ordinary_fits(both, digits):
    X, y = digits
    assert set(both(GridSearchCV, NETWORK, GRID, cv=3, fit={"X_val": X[:50], "y_val": y[:50]})[1]) == {1}
    ours = StackedSearchCV(NETWORK, GRID, cv=iter(KFold(3).split(X))).fit(X, y)
    assert_same(GridSearchCV(NETWORK, GRID, cv=KFold(3)).fit(X, y), ours)


def test_another_estimator_is_searched_as_ever(digits):
    line, grid = LogisticRegression(max_iter=200), {"C": [0.1, 1.0]}
    ours, theirs = (search(line, grid, cv=2).fit(*digits) for search in (StackedSearchCV, GridSearchCV))
    assert ours.cv_results_["mean_test_score"].tolist() == theirs.cv_results_["mean_test_score"].tolist()


def test_a_random_search_is_stacked(both):
    grid = {"solver": momenta(0.1, 0.5, 0.9), "learning_rate_init": [0.1, 0.2]}
    assert both(RandomizedSearchCV, NETWORK, grid, n_iter=4, random_state=1, cv=3)[1] == STACKS


@pytest.mark.parametrize("how", [{"min_resources": 100}, {"resource": "max_iter", "max_resources": 8},
                                 {"min_resources": 100, "random_state": 1}], ids=str)  # fmt: skip
def test_a_halving_search_is_stacked_round_by_round(how, both):
    ours, stacks = both(HalvingGridSearchCV, NETWORK, GRID, cv=3, **how)
    assert ours.n_candidates_ == [4, 2]
    assert stacks == [4] * 3 + [2] * 3 + [1]


def test_a_random_halving_search_is_stacked(both):
    grid = {"solver": momenta(0.1, 0.5, 0.9), "learning_rate_init": [0.1, 0.2]}
    ours, stacks = both(HalvingRandomSearchCV, NETWORK, grid, cv=3, random_state=1, min_resources=100)
    assert stacks[:3] == [ours.n_candidates_[0]] * 3


def test_what_lies_ready_is_bounded(both, monkeypatch):
    monkeypatch.setattr(search, "WAVE_BYTES", 40_000)  # six networks of 610 numbers, twice
    _, stacks = both(GridSearchCV, NETWORK, GRID, cv=3)
    assert max(stacks) < 4
    assert sum(stacks) == 13


def test_stacks_may_be_trained_in_other_processes(digits, trainings):
    theirs = GridSearchCV(NETWORK, GRID, cv=3).fit(*digits)
    trainings.clear()
    ours = StackedSearchCV(NETWORK, GRID, cv=3, n_jobs=2).fit(*digits)
    assert_same(theirs, ours)
    assert trainings == [1]  # the refit; all else was done elsewhere


def test_a_search_can_be_cloned_and_leaves_nothing_behind(digits):
    search = StackedSearchCV(NETWORK, GRID, cv=2, refit=False)
    assert clone(search).get_params(deep=False).keys() == GridSearchCV(NETWORK, GRID).get_params(deep=False).keys()
    search.fit(*digits)
    assert not hasattr(search, "_searched")
    assert not fitting.TRAINED.get()
