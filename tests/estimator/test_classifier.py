"""The estimator is scikit-learn's kind of classifier, and the command line's network."""

import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from scipy.sparse import csr_array, csr_matrix
from scipy.special import expit, softmax
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_info, threadpool_limits

import nnsweep as package
from nnsweep import NNClassifier, StackedSearchCV
from nnsweep.data.load import load
from nnsweep.data.split import Labels, draw_part, take_rows
from nnsweep.estimator import fitting
from nnsweep.estimator.options import ELSEWHERE, MOVED
from nnsweep.jobs.checking import check_configuration
from nnsweep.jobs.conf_tree import conf_dir
from nnsweep.jobs.groups import list_names, read_defaults
from nnsweep.jobs.hydra_job import VERSION_BASE
from nnsweep.mlp import evaluation
from nnsweep.mlp.arrays import Examples

CONFIGURATIONS = [
    NNClassifier(
        activation="swish",
        solver={"name": "adamw", "beta_2": 0.98},
        learning_rate="one_cycle",
        dropout=0.1,
        batch_size=10,
        max_iter=10,
    ),
    NNClassifier(
        (8, 8),
        solver="rmsprop",
        batch_size=None,
        dtype="float64",
        class_weight="balanced",
        early_stopping=True,
        validation_fraction=0.5,
        n_iter_no_change=20,
        learning_rate_init=0.03,
        select="val_log_loss",
        measures=("f1_macro", "ece"),
    ),
    NNClassifier(
        (16, 16),
        loss={"name": "cross_entropy", "label_smoothing": 0.05},
        normalization="layer",
        residual=True,
        ema=0.9,
        solver={"name": "adam", "beta_2": 0.98},
        early_stopping=True,
        validation_fraction=0.3,
        calibrate="temperature",
        max_iter=40,
    ),
]


@pytest.mark.filterwarnings("ignore:the network has learned nothing")  # of noise, in a few epochs
@parametrize_with_checks(CONFIGURATIONS)
def test_every_check_of_scikit_learn_is_passed(estimator, check):
    if "check_sample_weight_equivalence" in str(check):
        # repeated rows make other minibatches and parts: scikit-learn runs this check on its own MLP with full batches
        estimator = clone(estimator).set_params(
            batch_size=None, dropout=0.0, early_stopping=False, calibrate=None, dtype="float64"
        )
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600] / 16, y[:600]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def same_weights(one, other):
    pairs = zip([*one.coefs_, *one.intercepts_], [*other.coefs_, *other.intercepts_], strict=True)
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


CHANGES = [
    ((), {}),
    (
        ("schedule=step", "optimizer=adam", "activation=gelu", "trainer.patience=3", "seed=3"),
        {
            "learning_rate": "step",
            "solver": "adam",
            "activation": "gelu",
            "early_stopping": True,
            "n_iter_no_change": 3,
            "random_state": 3,
        },
    ),
    (
        ("trainer=full_batch", "trainer.epochs=60", "trainer.dtype=float64", "arch=deep", "trainer.dropout=0.1"),
        {"batch_size": None, "max_iter": 60, "dtype": "float64", "hidden_layer_sizes": (64, 64, 64), "dropout": 0.1},
    ),
]


@pytest.mark.parametrize(("overrides", "options"), CHANGES, ids=["defaults", "patience", "full-batch"])
def test_same_configuration_matches_the_command_line_bit_for_bit(overrides, options, nnsweep, study):
    assert nnsweep(*overrides).code == 0
    (folder,) = (file.parent for file in Path(study).glob("multirun/*/*/weights.npz"))
    data = load("digits", val_fraction=0.1)
    digits = {"hidden_layer_sizes": (32,), "weight_decay": 0.0}  # what the command line has for data of its own
    ours = NNClassifier(**(digits | options)).fit(*data.train, X_val=data.val.X, y_val=data.val.y)
    with np.load(folder / "weights.npz") as weights:
        assert ours.best_epoch_ == weights["best_epoch"]
        for number, (W, b) in enumerate(zip(ours.coefs_, ours.intercepts_, strict=True)):
            np.testing.assert_array_equal(W, weights[f"best_W{number}"], strict=True)
            np.testing.assert_array_equal(b, weights[f"best_b{number}"], strict=True)
    runs = package.load_results("nnsweep")
    (recorded,), (correct,) = package.load_histories(runs).values(), package.load_correct(runs).values()
    for name, curve in ours.history_.items():
        np.testing.assert_array_equal(curve, recorded[name].to_numpy(float))
    assert ours.loss_curve_ == recorded["train_cost"].tolist()[1:]
    assert ours.validation_scores_ == recorded["val_accuracy"].tolist()[1:]
    assert (ours.predict(data.test.X) == data.test.y).tolist() == correct.right.tolist()


@pytest.fixture
def recipe_of():
    """Give the recipe of the command line for a table of one's own, in plain values, for some overrides."""

    def build(*given):
        overrides = ("data=table", "data.path=cats.csv", *given)
        with initialize_config_dir(conf_dir(), **VERSION_BASE):
            job = check_configuration(compose("config", overrides=[*overrides], return_hydra_config=True))
        return plain(job)

    return build


def plain(recipe):
    return recipe.model_dump(
        include={"activation", "output_activation", "schedule", "optimizer", "init", "loss", "trainer"}
    )


GROUPS = {
    "activation": "activation",
    "schedule": "learning_rate",
    "optimizer": "solver",
    "init": "init",
    "loss": "loss",
}
LEAVES = [(group, file.stem) for group in GROUPS for file in sorted(Path(conf_dir(), group).glob("*.yaml"))]


@pytest.mark.parametrize(("group", "name"), LEAVES)
def test_every_choice_has_the_settings_of_the_command_line(group, name, recipe_of):
    ours = NNClassifier(**{GROUPS[group]: name}, max_iter=17).recipe(np.arange(2))
    assert plain(ours) == recipe_of(f"{group}={name}", "trainer.epochs=17")


def test_choice_given_in_part_keeps_its_other_settings(recipe_of):
    ours = NNClassifier(
        learning_rate={"name": "step", "gamma": 0.3}, activation={"name": "elu", "alpha": 0.5},
        solver={"name": "adam", "beta_2": 0.98}, loss={"name": "cross_entropy", "label_smoothing": 0.1},
        output_activation="tanh", init={"name": "he_normal", "bias_std": 0.5},
    )  # fmt: skip
    theirs = recipe_of("schedule=step", "schedule.gamma=0.3", "activation=elu", "activation.alpha=0.5",
                       "loss=cross_entropy", "loss.label_smoothing=0.1", "output_activation=tanh",
                       "init=he_normal", "init.bias_std=0.5",
                       "optimizer=adam", "optimizer.beta_2=0.98")  # fmt: skip
    assert plain(ours.recipe(np.arange(2))) == theirs


OLD = [
    {"momentum": 0.7},
    {"solver": "adam", "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-4},
    {"solver": "rmsprop", "decay": 0.8},
    {"solver": "adamw", "momentum": 0.7},
]


@pytest.mark.parametrize("old", OLD, ids=str)
def test_constants_as_options_still_work_with_a_warning(old):
    solver = old.get("solver", "momentum")
    new = {name: old[name] for name in {*MOVED} & {*old} & {*read_defaults("optimizer", solver)}}
    with pytest.warns(FutureWarning, match="in `solver`, where the rule's settings are now: solver="):
        one = NNClassifier(**old)
    with pytest.warns(FutureWarning, match="in `solver`"):
        other = NNClassifier().set_params(**old)
    expected = NNClassifier(solver={"name": solver, **new}).recipe(np.arange(2))
    assert one.recipe(np.arange(2)) == other.recipe(np.arange(2)) == clone(one).recipe(np.arange(2)) == expected
    assert not {*MOVED} & {*one.get_params()}


def test_a_pickle_of_a_version_with_those_options_is_read():
    pickled = NNClassifier(solver="adam")
    vars(pickled).update(momentum=0.9, beta_1=0.8, beta_2=0.999, epsilon=1e-8, decay=0.9)
    with pytest.warns(FutureWarning, match="in `solver`"):
        read = pickle.loads(pickle.dumps(pickled))
    assert read.solver == {"name": "adam", "beta_1": 0.8, "beta_2": 0.999, "epsilon": 1e-8}
    assert not {*MOVED} & {*vars(read)}
    state = pickled.__getstate__()
    del state["loss"]  # which came later
    with pytest.warns(FutureWarning, match="in `solver`"):
        read.__setstate__(state)
    assert read.loss == "auto"


@pytest.mark.parametrize("search", [GridSearchCV, StackedSearchCV])
@pytest.mark.filterwarnings("ignore:set momentum in `solver`:FutureWarning")
def test_a_search_finds_the_same_in_both_spellings(search, iris):
    X, y = iris
    momenta = [0.0, 0.9]
    spellings = {"momentum": momenta}, {"solver": [{"name": "momentum", "momentum": one} for one in momenta]}
    old, new = (search(NNClassifier((8,), max_iter=3), grid, cv=3).fit(X, y) for grid in spellings)
    assert np.array_equal(old.cv_results_["mean_test_score"], new.cv_results_["mean_test_score"])
    assert old.best_estimator_.solver == new.best_estimator_.solver
    assert len(set(new.cv_results_["mean_test_score"])) == 2


def test_every_choice_is_named_in_the_documentation():
    for group in GROUPS.keys() - {"loss"}:
        assert {name for name in list_names(group) if name not in NNClassifier.__doc__} == set()


def test_every_setting_of_the_trainer_is_an_option(recipe_of):
    ours = NNClassifier(
        dropout=0.2, clip_norm=2.0, ema=0.9, bias_rate_factor=0.1, scale_rate_factor=6.0, batch_size=None,
        dtype="float64", evaluate_every=3, early_stopping=True, n_iter_no_change=4, tol=0.01,
        measures=("log_loss", "ece"), select="val_brier", calibrate="temperature", class_weight={"a": 1, "b": 2},
        learning_rate_init=0.3, solver={"name": "momentum", "momentum": 0.7}, weight_decay=0.1,
    )  # fmt: skip
    theirs = recipe_of(
        "trainer.dropout=0.2", "trainer.clip_norm=2.0", "trainer.ema=0.9", "trainer.bias_rate_factor=0.1",
        "trainer.scale_rate_factor=6", "trainer.batch_size=null", "trainer.dtype=float64", "trainer.evaluate_every=3",
        "trainer.patience=4", "trainer.min_delta=0.01", "trainer.measures=[log_loss,ece]", "trainer.select=val_brier",
        "trainer.calibrate=temperature", "trainer.class_weight=[1,2]", "optimizer.learning_rate=0.3",
        "optimizer.momentum=0.7", "optimizer.weight_decay=0.1",
    )  # fmt: skip
    assert plain(ours.recipe(np.array(["a", "b"]))) == theirs


def test_every_setting_of_the_layers_is_an_option(recipe_of):
    options = {"normalization": "layer", "residual": True, "scaling_layer": True, "parametrization": "ntk"}
    ours = NNClassifier((9, 9), **options).recipe(np.arange(2))
    theirs = {"name": "custom", "hidden_layer_sizes": (9, 9), "depth": None, "width": None}
    assert ours.arch.model_dump() == theirs | options


REALMLP = {
    "hidden_layer_sizes": (256, 256, 256), "activation": "selu", "scaling_layer": True, "parametrization": "ntk",
    "init": {"name": "lecun_normal", "bias_std": 1.0, "zero_output": True}, "bias_rate_factor": 0.1,
    "scale_rate_factor": 6.0, "solver": {"name": "adam", "beta_2": 0.95}, "learning_rate_init": 0.04,
    "learning_rate": "coslog", "weight_decay": 0.0, "loss": {"name": "cross_entropy", "label_smoothing": 0.1},
    "batch_size": 256, "max_iter": 256,
}  # fmt: skip


def test_realmlp_is_the_preset_of_the_command_line(recipe_of):
    ours = plain(NNClassifier(**REALMLP).recipe(np.arange(2)))
    assert ours == recipe_of("experiment=realmlp")


def test_a_network_with_scales_goes_on_from_its_weights(iris):
    X, y = iris
    small = REALMLP | {"hidden_layer_sizes": (8, 8), "max_iter": 20, "dtype": "float64", "batch_size": 30}
    ours = NNClassifier(**small).fit(X, y)
    assert ours.score(X, y) > 0.9
    assert all(len(layer.names) == 2 for layer in ours._layers())
    before = ours.predict_proba(X)
    ours.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-12).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), before, rtol=1e-6)
    ours.partial_fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), before, rtol=1e-6)


LAYERS = {
    "layer": {"normalization": "layer"},
    "batch": {"normalization": "batch", "residual": True, "ema": 0.9},
    "ntk": {"parametrization": "ntk", "scaling_layer": True, "scale_rate_factor": 6.0, "bias_rate_factor": 0.1,
            "init": {"name": "lecun_normal", "bias_std": 1.0, "zero_output": True}, "solver": "adam",
            "learning_rate_init": 0.04},
}  # fmt: skip


@pytest.mark.parametrize("options", LAYERS.values(), ids=LAYERS)
def test_what_layers_have_besides_weights_is_kept(options, iris):
    X, y = iris
    how = {"max_iter": 4, "dtype": "float64"} | options
    ours, parts = (NNClassifier((8, 8), **how) for _ in range(2))
    ours.fit(X, y, X_val=X[::2], y_val=y[::2])
    assert ours.best_validation_score_ == ours.score(X[::2], y[::2])
    again = pickle.loads(pickle.dumps(ours))
    assert (again.predict_proba(X) == ours.predict_proba(X)).all()
    for _ in range(4):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    assert (parts.predict_proba(X) == NNClassifier((8, 8), **how).fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize("way", ["fit", "partial_fit"])
@pytest.mark.parametrize("options", LAYERS.values(), ids=LAYERS)
def test_training_goes_on_with_all_that_layers_have(options, way, iris):
    X, y = iris
    ours = NNClassifier((8, 8), warm_start=True, max_iter=3, dtype="float64", **options).fit(X, y)
    before = ours.predict_proba(X)
    ours.set_params(learning_rate="constant", learning_rate_init=1e-12)
    if options.get("normalization") == "batch":
        with pytest.raises(ValueError, match="with batch normalization, training cannot begin with the weights"):
            getattr(ours, way)(X, y)
        return
    getattr(ours, way)(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), before, rtol=1e-8)


def test_a_warm_start_needs_the_same_normalization(iris):
    ours = NNClassifier((8,), normalization="layer", warm_start=True, max_iter=2).fit(*iris)
    with pytest.raises(ValueError, match="warm_start=True: normalization must be that of the fit before"):
        ours.set_params(normalization=None).fit(*iris)


def test_schedules_can_be_joined():
    pieces = [{"name": "linear_warmup", "warmup_epochs": 2}, {"name": "constant"}]
    joined = NNClassifier(learning_rate={"name": "join", "pieces": pieces, "boundaries": [2]}, learning_rate_init=1.0)
    rate = joined.recipe(np.arange(2)).rule()
    assert [round(rate(epoch), 9) for epoch in range(4)] == [0.1, 0.55, 1.0, 1.0]


WRONG = {
    "activation=rel: there is no such name; did you mean 'relu'?": {"activation": "rel"},
    "solver=sgd: there is no such name; known: gradient_descent,": {"solver": "sgd"},
    "learning_rate_init=-1: must be > 0": {"learning_rate_init": -1},
    "solver.beta_3=1: there is no such key; did you mean 'beta_": {"solver": {"name": "adam", "beta_3": 1}},
    "solver.momentum=2: must be >= 0 and < 1": {"solver": {"name": "nesterov", "momentum": 2}},
    "solver.weight_decay=0.1: is an option of its own; write weight_decay=0.1": {
        "solver": {"name": "adamw", "weight_decay": 0.1}
    },
    "learning_rate.gama=2: there is no such key; did you mean 'gamma'?": {"learning_rate": {"name": "exp", "gama": 2}},
    "learning_rate: `boundaries` must be epochs": {"learning_rate": {"name": "multistep", "boundaries": [3, 1]}},
    "learning_rate.warmup_epochs=50 must not exceed max_iter=40": {
        "learning_rate": {"name": "linear_warmup", "warmup_epochs": 50}
    },
    "activation.alpha=-1: must be >= 0": {"activation": {"name": "elu", "alpha": -1}},
    "hidden_layer_sizes.1=0: must be >= 1": {"hidden_layer_sizes": (4, 0)},
    "batch_size=auto: must be a whole number; did you mean 32, or None": {"batch_size": "auto"},
    "did you mean gradient_descent, momentum or nesterov?": {"solver": "sgd"},
    "did you mean sigmoid?": {"activation": "logistic"},
    "did you mean inv?": {"learning_rate": "invscaling"},
    "did you mean reduce_on_plateau?": {"learning_rate": "adaptive"},
    "max_iter=0: must be >= 1": {"max_iter": 0, "learning_rate": "constant"},
    "dtype=float16: must be 'float64' or 'float32'": {"dtype": "float16"},
    "n_iter_no_change=0: must be >= 1": {"early_stopping": True, "n_iter_no_change": 0},
    "tol=-1: must be >= 0": {"tol": -1},
    "validation_fraction=1.0: must be > 0 and < 1": {"validation_fraction": 1.0},
    "validation_fraction=0.01 of 150 samples leaves a part of 2": {"early_stopping": True, "validation_fraction": 0.01},
    "early_stopping=yes: must be true or false": {"early_stopping": "yes"},
    "select=log_loss: there is no such name; did you mean 'val_log_loss'?": {"select": "log_loss"},
    "measures.0=acuracy: there is no such name; did you mean 'accuracy'?": {"measures": ["acuracy"]},
    "rmse is no measure of classification; choose from accuracy": {"measures": ["rmse"], "early_stopping": True},
    "random_state=-1: must be >= 0 and < 4294967296": {"random_state": -1},
    "class_weight=heavy: must be null, balanced, or": {"class_weight": "heavy"},
    "class_weight: label 'x' is none of the classes, and 1 has no weight": {"class_weight": {0: 1, "x": 2}},
}


@pytest.mark.parametrize(("told", "options"), WRONG.items(), ids=[str(options) for options in WRONG.values()])
def test_a_wrong_option_is_told_in_the_command_lines_words(told, options, iris):
    with pytest.raises(ValueError, match=re.escape(told)):
        NNClassifier(**options).fit(*iris)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("alpha", "did you mean weight_decay"),
        ("power_t", "did you mean learning_rate={'name': 'inv', 'power': ...}?"),
        ("nesterovs_momentum", "did you mean solver='nesterov'?"),
        ("max_fun", "did you mean max_iter?"),
        ("shuffle", "did you mean batch_size=None"),
        ("epochs", "did you mean max_iter?"),
        ("patience", "did you mean n_iter_no_change?"),
        ("seed", "did you mean random_state?"),
    ],
)
def test_a_name_from_elsewhere_is_told_with_ours(name, meant):
    with pytest.raises(TypeError, match=re.escape(f"unexpected keyword argument '{name}'; {meant}")):
        NNClassifier(**{name: 1})
    with pytest.raises(ValueError, match=rf"Invalid parameter '{name}' .* {re.escape(meant)}"):
        NNClassifier().set_params(**{name: 1})


def test_every_scikit_learn_option_is_supported_or_reported():
    ours = {*NNClassifier().get_params()}
    theirs = {*MLPClassifier().get_params()} - {*MOVED}
    assert theirs - ours == {*ELSEWHERE} & theirs
    assert {*ELSEWHERE} & ours == {"class_weight", "output_activation", "calibrate"}  # a regressor does not have them


def test_a_misspelt_option_is_told_with_the_nearest():
    with pytest.raises(TypeError, match="'max_itr'; did you mean 'max_iter'"):
        NNClassifier(max_itr=3)
    with pytest.raises(ValueError, match="Invalid parameter 'max_itr'"):
        NNClassifier().set_params(max_itr=3)
    assert NNClassifier().set_params(max_iter=3).max_iter == 3


def test_all_wrong_options_are_told_together(iris):
    wrong = {"solver": {"name": "adam", "beta_2": 1}, "learning_rate_init": 0, "tol": -1, "validation_fraction": 0}
    with pytest.raises(ValueError, match="must be") as raised:
        NNClassifier(**wrong).fit(*iris)
    assert str(raised.value).splitlines() == [
        "learning_rate_init=0: must be > 0",
        "solver.beta_2=1: must be >= 0 and < 1",
        "tol=-1: must be >= 0",
        "validation_fraction=0: must be > 0 and < 1",
    ]


def test_numbers_of_numpy_are_numbers(iris):
    sizes, rate, epochs = np.array([4, 3]), np.float64(0.05), np.int64(2)
    ours = NNClassifier(sizes, learning_rate_init=rate, max_iter=epochs, random_state=np.int32(1))
    assert same_weights(
        ours.fit(*iris), NNClassifier((4, 3), learning_rate_init=0.05, max_iter=2, random_state=1).fit(*iris)
    )


def test_held_out_part_matches_the_split_of_the_data_package(digits):
    rows = draw_part(Labels(digits[1], range(10)), 0.2, 5, "")
    train, val = (take_rows(Examples(*digits), its) for its in rows)
    aside = NNClassifier(early_stopping=True, validation_fraction=0.2, split_seed=5, n_iter_no_change=None, max_iter=8)
    given = NNClassifier(max_iter=8)
    aside.fit(*digits)
    given.fit(*train, X_val=val.X, y_val=val.y)
    assert same_weights(aside, given)
    assert aside.validation_scores_ == given.validation_scores_
    assert aside.best_validation_score_ == max(aside.validation_scores_) == aside.score(val.X, val.y)
    assert aside.validation_scores_[aside.best_epoch_ - 1] == aside.best_validation_score_


@pytest.mark.parametrize("counts", [[50, 50, 1], [50, 50, 2], [50, 2], [30, 30, 2, 1], [2] * 10], ids=str)
def test_rare_class_is_held_out_as_in_scikit_learn(counts):
    y = np.repeat([f"c{number}" for number in range(len(counts))], counts)
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    how = {"early_stopping": True, "max_iter": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs has not converged, and noise teaches ours nothing
        theirs, ours = MLPClassifier(**how).fit(X, y), NNClassifier(**how).fit(X, y)
    parts = NNClassifier(**how).prepare_fit(X, y).parts
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    assert parts.val.n_samples == np.ceil(0.1 * len(y))
    assert parts.train.n_samples + parts.val.n_samples == len(y)
    assert {*parts.train.y} == {*range(len(counts))}


def test_what_cannot_be_set_aside_names_the_label(iris):
    X, _ = iris
    few = np.array(["setosa"] * 99 + ["virginica"])
    for model in (MLPClassifier, NNClassifier):
        with pytest.raises(ValueError, match=r"least populated|class 'virginica' has one sample"):
            model(early_stopping=True).fit(X[:100], few)


def test_a_network_that_no_longer_rises_is_stopped(digits):
    ours = NNClassifier(early_stopping=True, n_iter_no_change=3, max_iter=200).fit(*digits)
    assert ours.n_iter_ == ours.best_epoch_ + 3 < 200
    assert len(ours.loss_curve_) == len(ours.validation_scores_) == ours.n_iter_


def test_another_measure_chooses_the_epoch(digits):
    how = {"early_stopping": True, "n_iter_no_change": 4, "max_iter": 60, "measures": ["f1_macro", "brier"]}
    ours = NNClassifier(select="val_log_loss", learning_rate="constant", **how).fit(*digits)
    scores = ours.validation_scores_
    assert scores == ours.history_["val_log_loss"][1:].tolist()
    assert {"val_f1_macro", "val_brier", "val_cost"} <= {*ours.history_}
    assert "val_roc_auc" not in ours.history_
    assert ours.best_validation_score_ == min(scores) == scores[ours.best_epoch_ - 1]
    assert ours.n_iter_ == ours.best_epoch_ + 4 < 60


def test_without_a_validation_part_the_last_weights_are_kept(iris):
    ours = NNClassifier(max_iter=3).fit(*iris)
    assert (ours.validation_scores_, ours.best_validation_score_) == (None, None)
    assert ours.best_epoch_ == ours.n_iter_ == 3
    assert ours.loss_ == ours.loss_curve_[-1]


def test_half_a_validation_part_or_a_label_of_its_own_is_refused(iris):
    X, y = iris
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        NNClassifier().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match=re.escape("label 7 is none of the classes [0, 1, 2]")):
        NNClassifier().fit(X, y, X_val=X[:2], y_val=[0, 7])


@pytest.mark.parametrize("options", [{"solver": "adam", "dropout": 0.2}, {"learning_rate": "reduce_on_plateau"},
                                     {"solver": "nesterov", "batch_size": 7, "dtype": "float64"}], ids=str)  # fmt: skip
def test_as_many_partial_fits_as_epochs_are_one_fit(options, iris):
    whole, parts = (NNClassifier((6,), max_iter=5, **options) for _ in range(2))
    whole.fit(*iris)
    for _ in range(5):
        parts.partial_fit(*iris, classes=[0, 1, 2])
    assert same_weights(whole, parts)
    assert whole.loss_curve_ == parts.loss_curve_
    assert parts.n_iter_ == parts.best_epoch_ == 5


def test_a_partial_fit_goes_on_from_the_weights_of_a_fit(digits):
    X, y = digits
    ours = NNClassifier(max_iter=5, early_stopping=True).fit(X, y)
    before, loss = ours.coefs_, ours.loss_
    ours.set_params(learning_rate="constant", learning_rate_init=1e-9).partial_fit(X, y)
    assert max(np.abs(now - then).max() for now, then in zip(ours.coefs_, before, strict=True)) < 1e-6
    ours.set_params(learning_rate_init=0.01)
    for _ in range(3):
        ours.partial_fit(X[:300], y[:300])
    assert ours.loss_ < loss
    assert ours.n_iter_ == len(ours.loss_curve_) == 9
    assert ours.fit(X, y).n_iter_ == 5


def test_partial_fit_needs_classes_first_and_accepts_no_others(iris):
    X, y = iris
    with pytest.raises(ValueError, match="classes"):
        NNClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="label 2 is none of the classes"):
        NNClassifier().partial_fit(X, y, classes=[0, 1])


@pytest.mark.parametrize("batch_size", [None, 20])
def test_a_warm_start_begins_with_the_weights_of_the_fit_before(batch_size, iris):
    def made(**options):
        return NNClassifier((6,), max_iter=3, batch_size=batch_size, **options).fit(*iris)

    cold, warm = made(), made(warm_start=True)
    assert same_weights(cold, warm)
    warm.fit(*iris)
    assert warm.history_["train_cost"][0] < cold.history_["train_cost"][0]
    assert warm.n_iter_ == 3
    assert same_weights(warm, made(warm_start=True).fit(*iris))
    with pytest.raises(ValueError, match="warm_start=True: features, hidden layers and classes must be those"):
        warm.set_params(hidden_layer_sizes=(7,)).fit(*iris)


@pytest.mark.parametrize("kind", [csr_array, csr_matrix])
def test_csr_features_match_dense_ones_for_any_index_type(kind, iris):
    X, y = iris
    sparse = kind(X)
    sparse.indices, sparse.indptr = sparse.indices.astype(np.int64), sparse.indptr.astype(np.int64)
    dense = NNClassifier(max_iter=5, dtype="float64").fit(X, y)
    ours = NNClassifier(max_iter=5, dtype="float64").fit(sparse, y)
    np.testing.assert_allclose(ours.predict_proba(sparse), dense.predict_proba(X), rtol=1e-9)
    assert (ours.predict(sparse) == dense.predict(X)).all()


def test_sparse_features_stay_sparse():
    X = csr_array((np.ones(60), (np.arange(60), np.arange(60) * 1000)), shape=(60, 60_000))
    y = np.arange(60) % 2
    ours = NNClassifier((4,), max_iter=3).fit(X, y)
    assert ours.predict_proba(X).shape == (60, 2)


@pytest.mark.parametrize("labels", [["no", "yes", "maybe"], [3, 10, -1], [0.0, 1.0, 2.0]], ids=str)
def test_labels_may_be_of_any_type(labels, iris):
    X, y = iris
    ours = NNClassifier(max_iter=10).fit(X, np.array(labels)[y])
    assert ours.classes_.tolist() == sorted(labels)
    assert ours.score(X, np.array(labels)[y]) > 0.9


def test_probabilities_and_their_logarithms_and_labels_agree(digits):
    X, y = digits
    ours = NNClassifier(max_iter=3).fit(X, y)
    probabilities = ours.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(np.exp(ours.predict_log_proba(X)), probabilities, rtol=1e-12)
    assert (ours.classes_[probabilities.argmax(axis=1)] == ours.predict(X)).all()
    assert np.isfinite(ours.predict_log_proba(X * 1e4)).all()


def test_prediction_does_not_depend_on_how_rows_are_split(digits, monkeypatch):
    ours, X = NNClassifier(max_iter=2).fit(*digits), digits[0]
    whole = ours.predict_proba(X)
    monkeypatch.setattr(evaluation, "OUTPUT_BYTES", 8 * 106 * 7)
    np.testing.assert_allclose(ours.predict_proba(X), whole, rtol=1e-12)


def test_the_activation_of_the_fit_is_that_of_the_prediction(iris):
    X, y = iris
    ours = NNClassifier(max_iter=3, activation="tanh").fit(X, y)
    before = ours.predict_proba(X)
    ours.set_params(activation="relu", hidden_layer_sizes=(1, 2, 3))
    assert (ours.predict_proba(X) == before).all()


def test_class_weights_are_those_of_the_trainer(iris):
    X, y = iris[0][:110], iris[1][:110]  # 50, 50 and 10 samples
    options = {"max_iter": 5, "dtype": "float64"}
    balanced = NNClassifier(class_weight="balanced", **options).fit(X, y)
    by_label = NNClassifier(class_weight={0: 110 / 150, 1: 110 / 150, 2: 110 / 30}, **options).fit(X, y)
    np.testing.assert_allclose(balanced.coefs_[0], by_label.coefs_[0], rtol=1e-9, atol=1e-12)
    unnamed = NNClassifier(class_weight={2: 5}, **options).fit(X, y)
    assert same_weights(unnamed, NNClassifier(class_weight={0: 1, 1: 1, 2: 5}, **options).fit(X, y))


@pytest.mark.filterwarnings("ignore:the network has learned nothing")
def test_int_is_the_seed_and_other_random_states_draw_one(iris):
    def fitted(state):
        return NNClassifier((3,), max_iter=1, random_state=state).fit(*iris)

    state = np.random.RandomState(3)
    first, second = fitted(state), fitted(state)
    assert not same_weights(first, second)
    assert same_weights(first, fitted(np.random.RandomState(3)))
    assert not same_weights(fitted(None), fitted(None))
    assert same_weights(fitted(4), fitted(np.int64(4)))


def test_divergence_raises_an_error_that_suggests_a_remedy(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"diverged in epoch \d+: .* lower learning_rate_init=1e\+30, or limit"):
        NNClassifier(learning_rate_init=1e30, max_iter=5).fit(X, y)
    with pytest.raises(ValueError, match="the training diverged in epoch"):
        NNClassifier(learning_rate_init=1e30, max_iter=5).partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
def test_network_that_learned_nothing_warns_and_names_the_cause(sparse):
    X, y = load_digits(return_X_y=True)
    X = csr_array(X) if sparse else X
    with pytest.warns(
        ConvergenceWarning, match=r"accuracy is 0\.\d+, .* is 0\.102; features .* 12\.1, .*StandardScaler"
    ):
        assert NNClassifier(max_iter=5).fit(X, y).score(X, y) < 0.11


def test_failing_on_good_features_does_not_suggest_scaling(digits):
    with pytest.warns(ConvergenceWarning, match="learned nothing.*; another learning_rate_init") as told:
        NNClassifier(learning_rate_init=1e-12, max_iter=1).fit(digits[0], np.r_[0, [1] * (len(digits[1]) - 1)])
    assert "Scaler" not in str(told[0].message)


def test_divergence_on_large_features_names_them(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"diverged .*; features have means or spreads up to .*StandardScaler"):
        NNClassifier(learning_rate_init=1e30, max_iter=5).fit(1000 * X, y)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_attributes_have_the_meanings_of_scikit_learns(iris):
    X, y = iris
    theirs = MLPClassifier((5, 4), max_iter=400, random_state=0).fit(X, y)
    ours = NNClassifier((5, 4), max_iter=7).fit(X, y)
    for name in ("n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert (ours.t_, theirs.t_) == (7 * 150, theirs.n_iter_ * 150)
    assert ours.best_loss_ == min(ours.loss_curve_)
    assert theirs.best_loss_ == min(theirs.loss_curve_)
    aside = NNClassifier(early_stopping=True, n_iter_no_change=None, max_iter=4).fit(X, y)
    assert (aside.best_loss_, aside.t_) == (None, 4 * 135)
    ours.partial_fit(X[:10], y[:10])
    assert (ours.t_, ours.n_iter_) == (7 * 150 + 10, 8)


def test_decision_function_gives_logits_or_binary_log_odds(iris):
    X, y = iris
    three, two = NNClassifier(max_iter=5).fit(X, y), NNClassifier(max_iter=5).fit(X, y > 0)
    np.testing.assert_allclose(softmax(three.decision_function(X), axis=1), three.predict_proba(X))
    np.testing.assert_allclose(expit(two.decision_function(X)), two.predict_proba(X)[:, 1])
    assert ((two.decision_function(X) > 0) == two.predict(X)).all()


def test_training_uses_one_thread_whatever_the_process_may(iris, monkeypatch):
    seen = []
    real = fitting.train

    def watched(*arguments, **named):
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return real(*arguments, **named)

    monkeypatch.setattr(fitting, "train", watched)
    with threadpool_limits(2, user_api="blas"):
        NNClassifier(max_iter=1).fit(*iris).partial_fit(*iris)
    assert set(seen) == {1}


def test_a_line_an_epoch_is_printed_if_asked_for(iris, capsys):
    NNClassifier(max_iter=2, verbose=True).fit(*iris, X_val=iris[0], y_val=iris[1])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 0", "epoch 1", "epoch 2"]
    assert all("train_cost" in line and "val_accuracy" in line for line in lines)


def test_it_can_be_cloned_pickled_and_shown(iris):
    ours = NNClassifier((4,), learning_rate={"name": "exp", "gamma": 0.9}, max_iter=2).fit(*iris)
    again = pickle.loads(pickle.dumps(ours))
    assert (again.predict_proba(iris[0]) == ours.predict_proba(iris[0])).all()
    assert same_weights(again.partial_fit(*iris), ours.partial_fit(*iris))
    assert clone(ours).get_params() == ours.get_params()
    assert is_classifier(ours)
    assert ours.__sklearn_tags__().input_tags.sparse
    assert "NNClassifier" in ours._repr_html_()
    assert repr(NNClassifier(max_iter=3)) == "NNClassifier(max_iter=3)"


@pytest.mark.filterwarnings("ignore:the network has learned nothing")
def test_names_of_features_are_kept_and_asked_for():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    ours = NNClassifier(max_iter=2).fit(frame, y)
    assert ours.feature_names_in_.tolist() == [*frame.columns]
    with pytest.raises(ValueError, match="feature names"):
        ours.predict(frame.rename(columns={"sepal length (cm)": "length"}))


def test_it_works_with_the_tools_of_scikit_learn(iris):
    X, y = iris
    ours = NNClassifier((8,), max_iter=15)
    assert cross_val_score(make_pipeline(StandardScaler(), ours), X, y, cv=3).mean() > 0.9
    grid = GridSearchCV(make_pipeline(StandardScaler(), ours), {"nnclassifier__max_iter": [5, 15]}, cv=3)
    assert grid.fit(X, y).score(X, y) > 0.9
    assert CalibratedClassifierCV(ours, cv=3).fit(X, y).score(X, y) > 0.9
    voting = VotingClassifier([("network", ours), ("line", LogisticRegression())], voting="soft")
    assert voting.fit(X, y).score(X, y) > 0.9


SEVERAL = {
    "defaults": {},
    "smooth": {"activation": "tanh", "solver": "adam", "batch_size": None, "learning_rate_init": 0.1},
}


@pytest.fixture(scope="module")
def several():
    """Draw samples with three labels, each a half-plane of its own."""
    X = np.random.default_rng(0).normal(size=(400, 4))
    return X, (X[:, :3] + X[:, 1:] > [0, 0.5, 1]).astype(int)


@pytest.mark.parametrize("options", SEVERAL.values(), ids=SEVERAL)
def test_several_labels_are_learned_at_once(options, several):
    X, y = several
    ours = NNClassifier((16,), max_iter=60, **options).fit(X, y)
    probabilities = ours.predict_proba(X)
    assert ours.score(X, y) == (ours.predict(X) == y).all(axis=1).mean() > 0.9
    assert ours.predict(X).tolist() == (probabilities > 0.5).astype(int).tolist()
    np.testing.assert_allclose(expit(ours.decision_function(X)), probabilities)
    np.testing.assert_allclose(np.exp(ours.predict_log_proba(X)), probabilities)
    assert (ours.classes_.tolist(), ours.n_outputs_, ours.out_activation_) == ([0, 1, 2], 3, "logistic")
    again = pickle.loads(pickle.dumps(ours))
    assert (again.predict(X) == ours.predict(X)).all()


def test_several_labels_may_be_sparse_or_truth_values(several):
    X, y = several
    ours = NNClassifier((4,), max_iter=3).fit(X, y)
    for same in (csr_matrix(y), y.astype(bool), y.astype(float), y.tolist()):
        assert same_weights(NNClassifier((4,), max_iter=3).fit(X, same), ours)


def test_several_labels_are_validated(several):
    X, y = several
    rows = draw_part(Labels.of_rows(len(y), unit="sample"), 0.25, 0, "")
    aside = NNClassifier((4,), max_iter=5, early_stopping=True, validation_fraction=0.25, n_iter_no_change=None)
    given = NNClassifier((4,), max_iter=5).fit(X[rows[0]], y[rows[0]], X_val=X[rows[1]], y_val=y[rows[1]])
    assert same_weights(aside.fit(X, y), given)
    assert {"val_accuracy", "val_f1_macro", "val_cost"} <= {*given.history_}
    assert aside.validation_scores_ == given.history_["val_accuracy"][1:].tolist()


def test_partial_fits_take_several_labels(several):
    X, y = several
    parts = NNClassifier((4,), max_iter=5)
    for _ in range(5):
        parts.partial_fit(X, y)
    assert same_weights(parts, NNClassifier((4,), max_iter=5).fit(X, y))
    with pytest.raises(ValueError, match="y has 2 labels a sample, expected 3"):
        parts.partial_fit(X, y[:, :2])


def test_weights_of_classes_are_for_one_label_a_sample(several):
    with pytest.raises(ValueError, match="`class_weight` is for classification, and this is multilabel"):
        NNClassifier(class_weight="balanced").fit(*several)


def test_labels_that_are_not_learned_are_told(several):
    with pytest.warns(ConvergenceWarning, match=r"mean loss is .*, and that of the best constant prediction is"):
        NNClassifier(learning_rate_init=1e-12, max_iter=1).fit(*several)


def test_calibrated_probabilities_fit_the_validation_part_best(digits):
    X, y = digits
    val = {"X_val": X[300:], "y_val": y[300:]}
    plain = NNClassifier(max_iter=20).fit(X[:300], y[:300], **val)
    ours = NNClassifier(max_iter=20, calibrate="temperature").fit(X[:300], y[:300], **val)
    assert same_weights(plain, ours)
    assert plain.temperature_ == 1 != ours.temperature_
    np.testing.assert_allclose(ours.decision_function(X) * ours.temperature_, plain.decision_function(X))
    losses = [
        log_loss(y[300:], softmax(plain.decision_function(X[300:]) / temperature, axis=1))
        for temperature in np.array([0.99, 1, 1.01]) * ours.temperature_
    ]
    assert losses[1] == pytest.approx(log_loss(y[300:], ours.predict_proba(X[300:])))
    assert losses[1] == min(losses) < log_loss(y[300:], plain.predict_proba(X[300:]))
    assert ours.partial_fit(X, y).temperature_ == 1


def test_calibration_needs_a_validation_part_and_classes(iris, several):
    for samples, options in ((iris, {}), (several, {"early_stopping": True})):
        with pytest.raises(ValueError, match="calibrate=temperature needs one label a sample and a validation part"):
            NNClassifier(calibrate="temperature", **options).fit(*samples)
