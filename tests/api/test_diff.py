"""Two runs side by side: what differs is told, and nothing else."""

import platform
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from nnsweep.api.diff import compare_runs, describe_sections
from nnsweep.cli.main import main
from nnsweep.tracking.recorded_run import read_run
from tests.outside import run as run_outside

QUICK = ("data=iris", "trainer.epochs=4", "tracking.pictures=false")
X86 = platform.machine() in ("x86_64", "AMD64")
OPENBLAS = any(pool["internal_api"] == "openblas" for pool in threadpool_info())


@pytest.fixture(scope="module")
def swept(new_study):
    """Give the folder of a sweep of two learning rates."""
    with new_study("two") as folder:
        assert main(["optimizer.learning_rate=0.1,0.2", *QUICK]) == 0
    return folder


@pytest.fixture(scope="module")
def two(swept):
    """Give two runs that differ in their learning rates."""
    uri = f"sqlite:///{swept}/mlflow.db"
    return tuple(read_run(uri, f"iris-32-relu-cosine-s0-learning_rate={rate}") for rate in (0.1, 0.2))


def told(one, other, section):
    return {line.what: (line.one, line.other) for line in compare_runs(one, other)[section]}


def test_a_run_differs_in_nothing_from_itself(two):
    assert compare_runs(two[0], two[0]) == {
        section: [] for section in ("settings", "versions", "data", "results", "history", "test examples")
    }
    assert describe_sections(compare_runs(two[0], two[0]))[0] == "settings: equal"


def test_only_the_settings_that_differ_are_told(two):
    assert told(*two, "settings") == {"optimizer.learning_rate": ("0.1", "0.2")}
    other = replace(two[0], record=replace(two[0].record, settings=two[0].record.settings | {"new": 1, "seed": 0.0}))
    assert told(two[0], other, "settings") == {"seed": ("0", "0.0"), "new": ("not set", "1")}


def test_results_and_curves_are_told_with_their_differences(two):
    one, other = two
    differing = {line.what: line for line in compare_runs(one, other)["results"]}
    for name, value in one.record.metrics.items():
        there = other.record.metrics[name]
        assert (name in differing) == (value != there)
        if value != there:
            line = (name, repr(value), repr(there), f"{there - value:+.6g}")
            assert differing[name] == line
    assert differing
    curves = [line.what for line in compare_runs(one, other)["history"]]
    assert curves[0] == "learning_rate from epoch 0"
    assert "train_cost from epoch 1" in curves  # the same first weights


def test_test_examples_are_counted_only_on_the_same_test_set(two):
    one, other = two
    right, n_test = one.correct.right, len(one.correct.right)
    flipped = right.copy()
    flipped[:3] ^= True
    changed = replace(one, correct=one.correct._replace(right=flipped))
    (line,) = compare_runs(one, changed)["test examples"]
    lost = int(right[:3].sum())
    assert line == (f"right in this run alone, of {n_test}", str(lost), str(3 - lost), "")
    foreign = replace(changed, correct=changed.correct._replace(test_digest="0" * 64))
    assert [line.what for line in compare_runs(one, foreign)["test examples"]] == ["they cannot be paired"]
    assert told(one, foreign, "data") == {"digest of the test set": (one.correct.test_digest[:12], "0" * 12)}
    assert told(one, replace(other, correct=None), "test examples") == {"which are right": ("recorded", "not recorded")}


def test_versions_and_data_are_told(two):
    one, _ = two
    environment = one.environment | {"processor": "abacus"}
    record = replace(one.record, data_digest="f" * 64, state="diverged")
    other = replace(one, environment=environment, numerics="2", record=record)
    assert told(one, other, "versions") == {
        "processor": (one.environment["processor"], "abacus"),
        "numerics version": (one.numerics, "2"),
    }
    assert told(one, other, "data") == {"digest": (one.record.data_digest[:12], "f" * 12)}
    assert told(one, other, "results") == {"state": ("finished", "diverged")}
    assert told(one, replace(one, environment={}), "versions") == {"environment": ("recorded", "not recorded")}


def test_accuracies_that_were_measured_in_neither_run_are_equal(two):
    history = two[0].history.assign(val_accuracy=[np.nan, 0.5, np.nan, 0.5, 0.5])
    one = replace(two[0], history=history)
    assert compare_runs(one, one)["history"] == []


def test_the_command_shows_both_runs_and_what_differs(nnsweep, swept, two, monkeypatch):
    monkeypatch.chdir(swept)
    said = nnsweep("diff", *(run.record.run_id[:10] for run in two))
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[:2] == [run.title for run in two]
    assert "  optimizer.learning_rate  0.1  0.2\n" in said.out
    assert "data: equal\n" in said.out
    assert nnsweep("diff", "32", "nothing").code == 2
    assert "there is no run 'nothing'" in nnsweep("diff", two[0].record.run_id, "nothing").err


@pytest.mark.skipif(not (X86 and OPENBLAS), reason="needs OpenBLAS's kernels for older processors of this kind")
def test_other_blas_kernel_is_noticed_and_named_across_processes(study):
    assert run_outside(study, "data=digits", "trainer.epochs=5", "tracking.pictures=false").code == 0
    assert run_outside(study, "export", "nnsweep", "-o", "table.csv").code == 0
    assert run_outside(study, "verify", "table.csv").code == 0
    said = run_outside(study, "reproduce", "32-relu-cosine-s0")
    assert (said.code, said.err) == (0, "")
    assert "equal in all 6 epochs, bit for bit" in said.out
    said = run_outside(study, "reproduce", "32-relu-cosine-s0", OPENBLAS_CORETYPE="Prescott")
    assert said.code == 6, said.out
    assert "_cost: " in said.out
    assert "which may be because these have changed:\n  BLAS: openblas" in said.out
    assert len(said.err.splitlines()) == 1
