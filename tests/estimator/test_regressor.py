"""The regressor is scikit-learn's kind of regressor, and the command line's network."""

import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone, is_regressor
from sklearn.datasets import make_friedman1
from sklearn.ensemble import AdaBoostRegressor
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import nnsweep as package
from nnsweep import NNClassifier, NNRegressor, StackedSearchCV
from nnsweep.data.load import load
from nnsweep.estimator.options import ELSEWHERE, MOVED
from nnsweep.mlp.losses import LOSSES

CONFIGURATIONS = [
    NNRegressor(),
    NNRegressor(
        activation="swish", loss="quantile", solver={"name": "adamw", "beta_2": 0.98}, learning_rate_init=0.01,
        learning_rate="one_cycle", dropout=0.05, batch_size=10,
    ),
    NNRegressor((16, 16), solver="rmsprop", batch_size=None, dtype="float64", loss="huber", max_iter=200,
                early_stopping=True, validation_fraction=0.5, n_iter_no_change=50),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:the network has learned nothing")  # of noise, in a few epochs
@parametrize_with_checks(CONFIGURATIONS)
def test_every_check_of_scikit_learn_is_passed(estimator, check):
    if "check_sample_weight_equivalence" in str(check):
        # repeated rows make other minibatches and parts: scikit-learn runs this check on its own MLP with full batches
        estimator = clone(estimator).set_params(batch_size=None, dropout=0.0, early_stopping=False, dtype="float64")
    check(estimator)


@pytest.fixture(scope="module")
def friedman():
    X, y = make_friedman1(400, noise=0.5, random_state=0)
    return X, 100 + 7 * y


@pytest.fixture(scope="module")
def standard():
    """Draw samples with two targets of mean 0 and standard deviation 1."""
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 4))
    y = np.c_[np.sin(X[:, 0]) + X[:, 1], X[:, 2] * X[:, 3]] + 0.1 * random.normal(size=(60, 2))
    return X, StandardScaler().fit_transform(y)


def same_weights(one, other):
    pairs = zip([*one.coefs_, *one.intercepts_], [*other.coefs_, *other.intercepts_], strict=True)
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


RULES = {
    "gradient descent": ("gradient_descent", {"momentum": 0.0}),
    "momentum": ({"name": "momentum", "momentum": 0.9}, {"momentum": 0.9, "nesterovs_momentum": False}),
    "nesterov": ({"name": "nesterov", "momentum": 0.9}, {"momentum": 0.9, "nesterovs_momentum": True}),
}


@pytest.mark.filterwarnings("ignore:the network has learned nothing")  # in one epoch
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize(("ours", "theirs"), RULES.values(), ids=RULES)
def test_scikit_learn_comes_to_the_same_weights(ours, theirs, n_targets, weighted, standard):
    X, y = standard[0], standard[1][:, 0] if n_targets == 1 else standard[1]
    weight = np.random.default_rng(1).uniform(0.5, 2, 60) if weighted else None
    network = NNRegressor(
        (7,), activation="tanh", solver=ours, learning_rate="constant", learning_rate_init=0.05, weight_decay=0.0,
        clip_norm=None, batch_size=None, dtype="float64", max_iter=1, warm_start=True,
    ).fit(X, y)  # fmt: skip
    oracle = MLPRegressor(
        hidden_layer_sizes=(7,), activation="tanh", solver="sgd", learning_rate_init=0.05, alpha=0.0, batch_size=60,
        shuffle=False, max_iter=1, tol=0.0, n_iter_no_change=100, warm_start=True, **theirs,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracle.fit(X, y)
        oracle.coefs_ = [W.copy() for W in network.coefs_]
        oracle.intercepts_ = [b.copy() for b in network.intercepts_]
        oracle.set_params(max_iter=30).fit(X, y, weight)
    network.set_params(max_iter=30).fit(X, y, weight)
    for one, other in zip([*network.coefs_, *network.intercepts_], [*oracle.coefs_, *oracle.intercepts_], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(network.predict(X), oracle.predict(X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
def test_same_configuration_matches_the_command_line_bit_for_bit(loss, nnsweep, study):
    assert nnsweep("data=diabetes", f"loss={loss}").code == 0
    (folder,) = (file.parent for file in Path(study).glob("multirun/*/*/weights.npz"))
    data = load("diabetes", val_fraction=0.2)
    val = {"X_val": data.val.X, "y_val": data.val.y[:, 0]}
    ours = NNRegressor((32,), loss=loss, weight_decay=0.0).fit(data.train.X, data.train.y[:, 0], **val)
    with np.load(folder / "weights.npz") as weights:
        assert ours.best_epoch_ == weights["best_epoch"]
        for number, (W, b) in enumerate(zip(ours.coefs_, ours.intercepts_, strict=True)):
            np.testing.assert_array_equal(W, weights[f"best_W{number}"], strict=True)
            np.testing.assert_array_equal(b, weights[f"best_b{number}"], strict=True)
    (recorded,) = package.load_histories(package.load_results("nnsweep")).values()
    np.testing.assert_array_equal(ours.loss_curve_, recorded["train_cost"][1:])
    for name, curve in ours.history_.items():  # there a test part is measured together with the validation part
        np.testing.assert_allclose(curve, recorded[name], rtol=1e-6)


def test_the_unit_of_the_targets_changes_nothing_else(friedman):
    X, y = friedman
    plain = NNRegressor(max_iter=5, dtype="float64").fit(X, y)
    scaled = NNRegressor(max_iter=5, dtype="float64").fit(X, 1e6 * y - 4e7)
    np.testing.assert_allclose(scaled.predict(X), 1e6 * plain.predict(X) - 4e7, rtol=1e-8)
    np.testing.assert_allclose(scaled.loss_curve_, plain.loss_curve_, rtol=1e-8)
    assert (plain.target_mean_, plain.target_scale_) == (pytest.approx(y.mean()), pytest.approx(y.std()))


def test_a_target_that_never_changes_is_predicted(friedman):
    constant = NNRegressor().fit(friedman[0], np.full(400, 7.0))
    np.testing.assert_allclose(constant.predict(friedman[0]), 7, atol=0.01)


LEARNED = [name for name, maker in LOSSES.items() if (loss := maker()) and loss.task == "regression"]


@pytest.mark.parametrize("loss", LEARNED)
def test_every_loss_learns(loss, friedman):
    X, y = friedman
    ours = NNRegressor(loss=loss, random_state=1).fit(X[:300], y[:300])
    assert ours.score(X[300:], y[300:]) > 0.8
    assert (ours.n_outputs_, ours.out_activation_) == (3 if loss == "quantile" else 1, "identity")


def test_every_option_is_named_in_the_documentation():
    ours = NNRegressor()
    assert {name for name in [*LEARNED, *ours.get_params()] if name not in NNRegressor.__doc__} == set()
    assert {*ours.get_params()} == {*NNClassifier().get_params()} - {"class_weight", "output_activation", "calibrate"}


def test_every_scikit_learn_option_is_supported_or_reported():
    theirs, ours = {*MLPRegressor().get_params()} - {*MOVED}, {*NNRegressor().get_params()}
    assert theirs - ours == {*ELSEWHERE} & theirs
    with pytest.raises(TypeError, match="'class_weight'; did you mean sample_weight of fit"):
        NNRegressor(class_weight="balanced")
    with pytest.raises(ValueError, match="did you mean NNClassifier"):
        NNRegressor().set_params(output_activation="tanh")


def test_a_warm_start_needs_the_same_targets(friedman):
    X, y = friedman
    ours = NNRegressor((3,), max_iter=1, warm_start=True).fit(X, y)
    told = "features, hidden layers and targets must be those of the fit before, whose layer sizes were [10, 3, 1]"
    with pytest.raises(ValueError, match=re.escape(told)):
        ours.fit(X, np.c_[y, y])


def test_the_middle_quantile_is_what_is_measured(friedman):
    X, y = friedman
    ours = NNRegressor(loss={"name": "quantile", "quantiles": (0.3, 0.6, 0.9)}, max_iter=3).fit(X, y, X_val=X, y_val=y)
    assert (ours.predict(X) == ours.predict_quantiles(X)[:, 1]).all()
    assert ours.best_validation_score_ == pytest.approx(mean_squared_error(y, ours.predict(X)) ** 0.5, rel=1e-5)


def test_the_settings_of_a_loss_count(friedman):
    near, far = (NNRegressor(loss={"name": "huber", "delta": delta}, max_iter=3).fit(*friedman) for delta in (0.1, 1e6))
    assert not same_weights(near, far)
    assert same_weights(far, NNRegressor(loss="squared_error", max_iter=3).fit(*friedman))


def test_quantiles_hold_their_shares(friedman):
    X, y = friedman
    levels = (0.1, 0.5, 0.9)
    ours = NNRegressor((32,), loss={"name": "quantile", "quantiles": levels}, max_iter=100, batch_size=None).fit(X, y)
    found = ours.predict_quantiles(X)
    assert found.shape == (400, 3)
    assert (np.diff(found, axis=1) > 0).mean() > 0.9
    np.testing.assert_allclose((y[:, np.newaxis] <= found).mean(axis=0), levels, atol=0.07)
    assert (ours.predict(X) == found[:, 1]).all()
    both = ours.fit(X, np.c_[y, -y])
    assert both.predict_quantiles(X).shape == (400, 2, 3)
    np.testing.assert_allclose(both.predict(X)[:, 1], -both.predict(X)[:, 0], atol=30)


def test_several_targets_are_predicted_at_once(standard):
    X, y = standard
    ours = NNRegressor(max_iter=100).fit(X, y * [1, 1000])
    assert ours.predict(X).shape == y.shape
    assert ours.score(X, y * [1, 1000]) > 0.9
    assert (ours.n_outputs_, ours.target_scale_.shape) == (2, (2,))
    with pytest.warns(DataConversionWarning):
        one = NNRegressor(max_iter=2).fit(X, y[:, :1])
    assert one.predict(X).shape == (60,)


def test_a_score_counts_samples_by_their_weights(friedman):
    X, y = friedman
    weight = np.random.default_rng(0).uniform(size=400)
    ours = NNRegressor(max_iter=5).fit(X, y, weight)
    assert ours.score(X, y, weight) == pytest.approx(r2_score(y, ours.predict(X), sample_weight=weight))
    assert not same_weights(ours, NNRegressor(max_iter=5).fit(X, y))
    assert ours.target_mean_ == pytest.approx(np.average(y, weights=weight))


@pytest.mark.parametrize("kind", [np.asarray, csr_array], ids=["dense", "csr"])
def test_weight_0_leaves_a_sample_out_bit_for_bit(kind, friedman):
    X, y = friedman
    rows = np.arange(400) % 3 > 0
    weighted = NNRegressor(max_iter=3).fit(kind(X), y, rows)
    assert same_weights(weighted, NNRegressor(max_iter=3).fit(kind(X[rows]), y[rows]))


def test_equal_weights_change_no_bit(friedman):
    X, y = friedman
    plain = NNRegressor(max_iter=2).fit(X, y)
    for equal in (0.3, 7e5):
        weighted = NNRegressor(max_iter=2).fit(X, y, np.full(400, equal))
        assert same_weights(weighted, plain)
        assert (weighted.predict(X) == plain.predict(X)).all()


@pytest.mark.parametrize("options", [{}, {"solver": "adam", "dropout": 0.2, "batch_size": None}], ids=str)
def test_as_many_partial_fits_as_epochs_are_one_fit(options, friedman):
    whole, parts = (NNRegressor((6,), max_iter=4, **options | {"batch_size": 20}) for _ in range(2))
    whole.fit(*friedman)
    for _ in range(4):
        parts.partial_fit(*friedman)
    assert same_weights(whole, parts)
    assert whole.loss_curve_ == parts.loss_curve_


@pytest.mark.filterwarnings("ignore:the network has learned nothing")
def test_what_goes_on_keeps_the_unit_of_the_first_targets(friedman):
    X, y = friedman
    ours = NNRegressor(max_iter=5).fit(X, y)
    mean, before = ours.target_mean_, ours.predict(X)
    ours.set_params(learning_rate="constant", learning_rate_init=1e-12).partial_fit(X[:50], y[:50] + 1000)
    np.testing.assert_allclose(ours.predict(X), before, rtol=1e-4)
    ours.set_params(warm_start=True).fit(X, y - 1000)
    np.testing.assert_allclose(ours.predict(X), before, rtol=1e-4)
    assert ours.target_mean_ is mean
    with pytest.raises(ValueError, match="y has 2 targets a sample, expected 1"):
        ours.partial_fit(X, np.c_[y, y])


def test_the_lowest_validation_error_chooses_the_epoch(friedman):
    X, y = friedman
    ours = NNRegressor(learning_rate="constant", max_iter=100, early_stopping=True, n_iter_no_change=5).fit(X, y)
    rest, part = train_test_split(np.arange(400), test_size=0.1, random_state=0)
    given = NNRegressor(learning_rate="constant", max_iter=ours.n_iter_)
    assert same_weights(ours, given.fit(X[rest], y[rest], X_val=X[part], y_val=y[part]))
    assert ours.n_iter_ == ours.best_epoch_ + 5 < 100
    error = mean_squared_error(y[part], ours.predict(X[part])) ** 0.5
    assert ours.best_validation_score_ == min(ours.validation_scores_) == pytest.approx(error, rel=1e-5)
    assert {"val_rmse", "val_mae", "val_r2", "val_cost"} <= {*ours.history_}


def test_another_measure_chooses_the_epoch(friedman):
    X, y = friedman
    how = {"X_val": X[:50], "y_val": y[:50], "sample_weight_val": np.arange(50)}
    ours = NNRegressor(measures=["max_error"], select="val_mae", max_iter=10).fit(X, y, **how)
    error = mean_absolute_error(y[:50], ours.predict(X[:50]), sample_weight=np.arange(50))
    assert ours.best_validation_score_ == min(ours.validation_scores_) == pytest.approx(error, rel=1e-5)
    measured = {"val_max_error", "val_mae", "val_rmse", "val_cost"}
    assert {name for name in ours.history_ if name.startswith("val_")} == measured


WRONG = {
    "accuracy is no measure of regression; choose from": {"select": "val_accuracy"},
    "loss=squared: there is no such name; did you mean 'squared_error'?": {"loss": "squared"},
    "loss.delta=0: must be > 0": {"loss": {"name": "huber", "delta": 0}},
    "loss.quantils=0.5: there is no such key; did you mean": {"loss": {"name": "quantile", "quantils": 0.5}},
    "loss=cross_entropy is for classification, and this is regression": {"loss": "cross_entropy"},
}


@pytest.mark.parametrize(("told", "options"), WRONG.items(), ids=[str(options) for options in WRONG.values()])
def test_a_wrong_option_is_told_in_the_command_lines_words(told, options, friedman):
    with pytest.raises(ValueError, match=re.escape(told)):
        NNRegressor(**options).fit(*friedman)


def test_learning_nothing_is_told(friedman):
    X, y = friedman
    noise = np.random.default_rng(0).normal(size=400)
    for loss in ("squared_error", "absolute_error", "quantile"):
        with pytest.warns(
            ConvergenceWarning, match=r"mean loss is [\d.]+, and that of the best constant prediction is"
        ):
            NNRegressor(loss=loss, learning_rate_init=1e-12, max_iter=1).fit(X, noise)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        NNRegressor().fit(X, y)


def test_it_can_be_cloned_pickled_and_shown(friedman):
    ours = NNRegressor((4,), loss="quantile", max_iter=2).fit(*friedman)
    again = pickle.loads(pickle.dumps(ours))
    assert (again.predict_quantiles(friedman[0]) == ours.predict_quantiles(friedman[0])).all()
    assert same_weights(again.partial_fit(*friedman), ours.partial_fit(*friedman))
    assert clone(ours).get_params() == ours.get_params()
    assert is_regressor(ours)
    assert "NNRegressor" in ours._repr_html_()
    assert repr(NNRegressor(loss="huber")) == "NNRegressor(loss='huber')"


def test_it_works_with_the_tools_of_scikit_learn(friedman):
    X, y = friedman
    pipeline = make_pipeline(StandardScaler(), NNRegressor((16,), max_iter=10))
    grid = {"nnregressor__loss": ["squared_error", "huber"], "nnregressor__learning_rate_init": [0.01, 0.1]}
    theirs, ours = (search(pipeline, grid, cv=3).fit(X, y) for search in (GridSearchCV, StackedSearchCV))
    np.testing.assert_array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    assert ours.best_score_ > 0.8
    assert AdaBoostRegressor(pipeline[-1], n_estimators=2, random_state=0).fit(X, y).score(X, y) > 0.7
