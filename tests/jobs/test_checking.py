from dataclasses import replace

import numpy as np
import pytest

from nnsweep.api.load import load_results
from nnsweep.data.load import load
from nnsweep.jobs import worker
from nnsweep.jobs.checking import find_class_weight_problem, find_class_weight_warning, find_task_problems
from nnsweep.mlp.arrays import Examples
from nnsweep.mlp.class_weights import is_class_weight

QUICK = ("data=iris", "trainer.epochs=3", "tracking.pictures=false")


@pytest.fixture
def iris():
    return load("iris", val_fraction=0.1)


@pytest.fixture
def without_virginica(iris):
    there = iris.train.y < 2
    return replace(iris, train=Examples(iris.train.X[there], iris.train.y[there]))


@pytest.mark.parametrize("weights", ["null", "balanced", "[1,2,0]"])
def test_weights_that_fit_are_no_problem(weights, job, iris):
    assert find_class_weight_problem(job(f"trainer.class_weight={weights}"), iris) == ""
    assert find_class_weight_warning(job(f"trainer.class_weight={weights}"), iris) == ""


def test_wrong_weight_count_is_reported_with_classes_in_order(job, iris):
    assert find_class_weight_problem(job("trainer.class_weight=[1,2.5]"), iris) == (
        "trainer.class_weight=[1,2.5]: must have one weight for each of the 3 classes of iris, in this order: "
        "setosa, versicolor, virginica; it has 2"
    )


def test_weights_that_leave_no_sample_are_told(job, without_virginica):
    assert find_class_weight_problem(job("trainer.class_weight=[0,0,1]"), without_virginica) == (
        "trainer.class_weight=[0,0,1]: leaves no training sample of iris that counts; classes without: virginica"
    )


def test_a_class_that_cannot_be_balanced_is_told_and_no_problem(job, without_virginica):
    balanced = job("trainer.class_weight=balanced")
    assert find_class_weight_problem(balanced, without_virginica) == ""
    assert find_class_weight_warning(balanced, without_virginica) == (
        "trainer.class_weight=balanced: of iris no training sample is of these classes, which therefore count nothing: "
        "virginica"
    )


def test_all_wrong_weights_are_reported_before_the_first_job(nnsweep, study):
    said = nnsweep("trainer.class_weight=[1,2,3],[1],[1,2]", "data=iris,wine", "trainer.epochs=3")
    assert said.code == 2
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("nnsweep: error: trainer.class_weight=[1") for line in lines)
    assert sum("of iris, in this order: setosa, versicolor, virginica" in line for line in lines) == 2
    assert sum("of wine, in this order: class_0, class_1, class_2" in line for line in lines) == 2
    assert not (study / "multirun").exists()


def test_what_cannot_be_balanced_is_warned_of_once(nnsweep, study, without_virginica, monkeypatch):
    monkeypatch.setattr(worker, "load", lambda name, **_: without_virginica)
    worker.forget_datasets()
    said = nnsweep("trainer.class_weight=balanced", "seed=0,1", *QUICK)
    worker.forget_datasets()
    assert said.code == 0
    assert said.err.startswith("nnsweep: warning: trainer.class_weight=balanced: of iris no training sample")
    assert said.err.count("warning") == 1


MISMATCHES = [
    ("diabetes", "loss=cross_entropy", "loss=cross_entropy: is for classification, and diabetes is regression; choose"),
    ("iris", "loss=huber", "loss=huber: is for regression, and iris is classification; choose loss=auto"),
    ("diabetes", "trainer.class_weight=balanced", "class_weight=balanced: is for classification, and diabetes is"),
    ("diabetes", "trainer.class_weight=[1,2.5]", "class_weight=[1,2.5]: is for classification, and diabetes is"),
    ("diabetes", "trainer.calibrate=temperature", "calibrate=temperature: is for classification, and diabetes is"),
    ("diabetes", "output_activation=tanh", "output_activation=tanh: must be identity for regression, as diabetes is"),
    ("diabetes", "trainer.measures=[rmse,accuracy]", "accuracy is no measure of regression, the task of diabetes"),
    ("iris", "trainer.select=val_rmse", "rmse is no measure of classification, the task of iris"),
]


@pytest.mark.parametrize(("name", "setting", "told"), MISMATCHES)
def test_settings_of_another_task_are_told(name, setting, told, job):
    data = load(name, val_fraction=0.1)
    (problem,) = find_task_problems(job(f"data={name}", setting), data)
    assert told in problem
    assert name in problem


def test_settings_of_every_task_are_no_problem(job):
    for name in ("iris", "diabetes"):
        assert [*find_task_problems(job(f"data={name}"), load(name, val_fraction=0.1))] == []


def test_settings_of_other_tasks_are_told_before_the_first_job(nnsweep, study):
    said = nnsweep("data=iris,diabetes", "loss=auto,huber,cross_entropy", "output_activation=tanh", "trainer.epochs=3")
    assert said.code == 2
    assert said.err.splitlines() == [
        "nnsweep: error: loss=huber: is for regression, and iris is classification; choose loss=auto",
        "nnsweep: error: output_activation=tanh: must be identity for regression, as diabetes is, so that every number "
        "can be predicted",
        "nnsweep: error: loss=cross_entropy: is for classification, and diabetes is regression; choose loss=auto",
    ]
    assert not (study / "multirun").exists()


def test_unset_weights_reuse_results_and_set_ones_make_their_own(nnsweep):
    assert nnsweep(*QUICK).code == 0
    said = nnsweep("trainer.class_weight=null,balanced,[1,1,3]", *QUICK)
    assert said.code == 0
    assert "3 jobs: 1 finished before, 2 new" in said.out
    assert set(load_results("nnsweep")["trainer.class_weight"]) == {None, "balanced", "[1.0, 1.0, 3.0]"}
    assert "3 finished before" in nnsweep("trainer.class_weight=null,balanced,[1.0,1,3]", *QUICK).out


def test_a_run_with_weights_is_reproduced(nnsweep):
    assert nnsweep("trainer.class_weight=[1,2,0.5]", *QUICK).code == 0
    (run_id,) = load_results("nnsweep")["run_id"]
    said = nnsweep("reproduce", run_id)
    assert said.code == 0, said.err


def test_numbers_of_numpy_are_weights():
    assert is_class_weight(tuple(np.array([0.5, 1.0])))


def test_only_classes_can_be_calibrated(nnsweep, study):
    said = nnsweep("trainer.calibrate=temperature", "data=diabetes", "trainer.epochs=1")
    assert (said.code, said.out) == (2, "")
    assert (
        "trainer.calibrate=temperature: is for classification, and diabetes is regression; set it to null" in said.err
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("trainer.measures=[rmse]", "trainer.measures=[rmse]: rmse is no measure of classification, the task of iris"),
        ("trainer.select=val_r2", "trainer.select=val_r2: r2 is no measure of classification, the task of iris"),
        ("trainer.measures=[f2]", "trainer.measures.0=f2: there is no such name; did you mean"),
        ("trainer.select=accuracy", "trainer.select=accuracy: there is no such name; did you mean 'val_accuracy'?"),
    ],
)
def test_a_measure_that_does_not_fit_is_told_before_any_training(given, said, nnsweep, study):
    refused = nnsweep(given, *QUICK)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert said in refused.err


def test_measures_that_fit_are_no_problem(nnsweep, study):
    assert nnsweep("trainer.measures=[log_loss]", "trainer.select=val_cost,val_brier", *QUICK).code == 0
